/* The stack's echo server, and a client of echo servers, to be set against other peers (tests/support/stack.h for
 * DEVICE, ADDR and KEY=VALUE):
 *
 *     tcp_echo DEVICE ADDR/PREFIX [KEY=VALUE …] serve PORT
 *     tcp_echo DEVICE ADDR/PREFIX [KEY=VALUE …] bulk PEER PORT OCTETS [COUNT [AT_ONCE]]
 *
 * serve echoes on every connection until SIGTERM or SIGINT; it says "ready" on stdout. bulk sends OCTETS on each of
 * COUNT connections, at most AT_ONCE of them at a time, to an echo server and checks what comes back; exit 0 when
 * all ended in order. */
#include "tests/support/stack.h"

#include <stdio.h>
#include <stdlib.h>

#define PIECE 8192u

struct echo_conn;
TAILQ_HEAD(echo_list, echo_conn);

struct echo {
    struct stack stack;
    struct echo_conn *conns;
    struct echo_list free, waiting; /* waiting: for a chunk, or to begin */
    uint64_t octets;
    uint32_t open_count;
    uint32_t failed_count;
};

struct echo_conn {
    struct echo *echo;
    TAILQ_ENTRY(echo_conn) link; /* free or waiting */
    struct tcp_conn *conn;
    uint64_t goal, sent, got;
    bool is_waiting, full, stalled, opened, closing;
};

static uint8_t octet_at(uint64_t at)
{
    return (uint8_t)(at * 131 + (at >> 11));
}

static struct echo_conn *conn_take(struct echo *echo)
{
    struct echo_conn *ec = TAILQ_FIRST(&echo->free);
    if (ec == NULL)
        return NULL;
    TAILQ_REMOVE(&echo->free, ec, link);
    *ec = (struct echo_conn){ .echo = echo };
    echo->open_count++;
    return ec;
}

static void conn_give(struct echo_conn *ec)
{
    struct echo *echo = ec->echo;
    if (ec->is_waiting)
        TAILQ_REMOVE(&echo->waiting, ec, link);
    echo->open_count--;
    TAILQ_INSERT_HEAD(&echo->free, ec, link);
}

static void conn_wait(struct echo_conn *ec)
{
    if (!ec->is_waiting)
        TAILQ_INSERT_TAIL(&ec->echo->waiting, ec, link);
    ec->is_waiting = true;
}

static size_t on_echo(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct echo_conn *ec = ctx;
    struct stack *stack = &ec->echo->stack;
    size_t len = in.len < PIECE ? in.len : PIECE;
    if (!stack_chunk_ready(stack, (uint32_t)len)) {
        ec->stalled = true;
        conn_wait(ec);
        return 0;
    }
    struct writer w = chunk_writer(stack->chunk);
    writer_bytes(&w, span_first(in, len));
    if (stack_send(stack, conn, &w) != ERR_OK) {
        ec->full = true;
        ec->stalled = true;
        return 0;
    }
    ec->echo->octets += len;
    return len;
}

static void bulk_work(struct echo_conn *ec)
{
    struct stack *stack = &ec->echo->stack;
    while (ec->opened && !ec->full && ec->sent < ec->goal) {
        uint64_t left = ec->goal - ec->sent;
        uint32_t len = left < PIECE ? (uint32_t)left : PIECE;
        if (!stack_chunk_ready(stack, len)) {
            conn_wait(ec);
            return;
        }
        struct writer w = chunk_writer(stack->chunk);
        for (uint32_t i = 0; i < len; i++)
            writer_u8(&w, octet_at(ec->sent + i));
        if (stack_send(stack, ec->conn, &w) == ERR_OK)
            ec->sent += len;
        else
            ec->full = true;
    }
    if (ec->opened && !ec->closing && ec->got == ec->goal) {
        ec->closing = true;
        tcp_close(ec->conn, stack->now_ns);
    }
}

static size_t on_reply(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct echo_conn *ec = ctx;
    (void)conn;
    for (size_t i = 0; i < in.len; i++)
        if (in.bytes[i] != octet_at(ec->got + i))
            stack_fail("an octet came back changed");
    ec->got += in.len;
    ec->echo->octets += in.len;
    if (ec->got == ec->goal)
        conn_wait(ec);
    return in.len;
}

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    struct echo_conn *ec = ctx;
    ec->conn = conn;
    ec->opened = true;
    if (ec->goal > 0)
        conn_wait(ec);
}

static void conn_go_on(struct echo_conn *ec)
{
    if (ec->stalled && !ec->full) {
        ec->stalled = false;
        tcp_resume(ec->conn, ec->echo->stack.now_ns);
    }
    if (ec->goal > 0)
        bulk_work(ec);
}

static void on_writable(void *ctx, struct tcp_conn *conn)
{
    struct echo_conn *ec = ctx;
    (void)conn;
    ec->full = false;
    conn_go_on(ec);
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    struct echo_conn *ec = ctx;
    tcp_close(conn, ec->echo->stack.now_ns);
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    struct echo_conn *ec = ctx;
    struct echo *echo = ec->echo;
    (void)conn;
    if (why != ERR_OK || ec->got != ec->goal) {
        echo->failed_count++;
        if (ec->goal > 0)
            fprintf(stderr, "tcp_echo: closed after %lu of %lu octets: %s\n",
                    (unsigned long)ec->got, (unsigned long)ec->goal, err_text(why));
    }
    conn_give(ec);
}

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    struct echo_conn *ec = conn_take(ctx);
    if (ec != NULL)
        ec->conn = conn;
    return ec;
}

static const struct tcp_app server_app = { on_opened, on_echo, on_writable, on_peer_closed,
                                           on_closed };
static const struct tcp_app client_app = { on_opened, on_reply, on_writable, on_peer_closed,
                                           on_closed };

static void turn(struct echo *echo)
{
    stack_turn_begin(&echo->stack);
    struct echo_conn *last = TAILQ_LAST(&echo->waiting, echo_list);
    bool more = last != NULL;
    while (more) {
        struct echo_conn *ec = TAILQ_FIRST(&echo->waiting);
        more = ec != last;
        TAILQ_REMOVE(&echo->waiting, ec, link);
        ec->is_waiting = false;
        conn_go_on(ec);
    }
    stack_turn_end(&echo->stack);
}

static void echo_open(struct echo *echo, const struct stack_settings *settings)
{
    stack_open(&echo->stack, settings);
    TAILQ_INIT(&echo->free);
    TAILQ_INIT(&echo->waiting);
    echo->conns = calloc(settings->conn_cap, sizeof *echo->conns);
    if (echo->conns == NULL)
        stack_fail("no memory");
    for (uint32_t i = 0; i < settings->conn_cap; i++)
        TAILQ_INSERT_TAIL(&echo->free, &echo->conns[i], link);
}

static int serve(struct echo *echo, uint16_t port)
{
    if (tcp_listen(echo->stack.net, port, &server_app, on_accepted, echo) != ERR_OK)
        stack_fail("cannot listen");
    puts("ready");
    fflush(stdout);
    while (!stack_stopping())
        turn(echo);
    fprintf(stderr, "  turns %lu, with frames %lu\n", (unsigned long)echo->stack.turns,
            (unsigned long)echo->stack.busy_turns);
    return 0;
}

static int bulk(struct echo *echo, struct tcp_endpoint peer, uint64_t octets, uint32_t count,
                uint32_t at_once)
{
    uint64_t start = stack_clock_ns();
    uint32_t begun = 0;
    while (!stack_stopping() && (begun < count || echo->open_count > 0)) {
        for (; begun < count && echo->open_count < at_once; begun++) {
            struct echo_conn *ec = conn_take(echo);
            if (ec == NULL)
                stack_fail("too many connections at once");
            ec->goal = octets;
            ec->conn = tcp_connect(echo->stack.net, peer, &client_app, ec, echo->stack.now_ns);
            if (ec->conn == NULL)
                stack_fail("cannot connect");
        }
        turn(echo);
    }
    double seconds = (double)(stack_clock_ns() - start) / 1e9;
    printf("%u connections, %u failed, %.1f MB back in %.2f s\n", count, echo->failed_count,
           (double)echo->octets / 1e6, seconds);
    return echo->failed_count == 0 && echo->open_count == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct echo echo;
    struct stack_settings settings;
    int at = stack_settings_read(&settings, argc, argv);
    char **rest = argv + at;
    int left = argc - at;
    int status = 2;
    if (left == 2 && strcmp(rest[0], "serve") == 0) {
        echo_open(&echo, &settings);
        status = serve(&echo, (uint16_t)stack_number_read(rest[1], UINT16_MAX));
    } else if (left >= 4 && left <= 6 && strcmp(rest[0], "bulk") == 0) {
        uint32_t count = left > 4 ? (uint32_t)stack_number_read(rest[4], UINT32_MAX) : 1;
        uint32_t at_once =
            left > 5 ? (uint32_t)stack_number_read(rest[5], settings.conn_cap) : count;
        echo_open(&echo, &settings);
        status = bulk(&echo, stack_endpoint_read(rest[1], rest[2]),
                      stack_number_read(rest[3], UINT64_MAX), count, at_once);
    } else {
        stack_fail(
            "usage: tcp_echo DEVICE ADDR/PREFIX [KEY=VALUE …] serve PORT | bulk PEER PORT OCTETS "
            "[COUNT [AT_ONCE]]");
    }
    stack_counters_print(&echo.stack);
    stack_close(&echo.stack);
    return status;
}
