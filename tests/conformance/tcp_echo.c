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

/* An edge of the program. */
struct echo {
    struct stack stack;
    struct echo_conn *conns;
    struct echo_list free, waiting; /* waiting: for a chunk, or to begin */
    uint64_t octets;
    uint32_t open_count;
    uint32_t failed_count;
    struct tcp_endpoint peer; /* bulk's from here on */
    uint64_t goal;            /* octets of each connection */
    uint32_t count, at_once, begun;
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

static void turn(void *edge)
{
    struct echo *echo = edge;
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

static struct stack_device device;
static void *edges[STACK_EDGES_MAX]; /* struct echo */

static struct echo *echo_of(uint32_t edge)
{
    return edges[edge];
}

static void echo_open(struct echo *echo, uint32_t edge)
{
    uint32_t conn_cap = device.settings.conn_cap;
    stack_open(&echo->stack, &device, edge);
    TAILQ_INIT(&echo->free);
    TAILQ_INIT(&echo->waiting);
    echo->conns = calloc(conn_cap, sizeof *echo->conns);
    if (echo->conns == NULL)
        stack_fail("no memory");
    for (uint32_t i = 0; i < conn_cap; i++)
        TAILQ_INSERT_TAIL(&echo->free, &echo->conns[i], link);
}

static bool serve_is_done(const void *edge)
{
    (void)edge;
    return stack_stopping();
}

static int serve(uint16_t port)
{
    const struct stack_work work = { turn, serve_is_done };
    uint32_t count = device.settings.queues;
    for (uint32_t i = 0; i < count; i++)
        if (tcp_listen(echo_of(i)->stack.net, port, &server_app, on_accepted, echo_of(i)) != ERR_OK)
            stack_fail("cannot listen");
    puts("ready");
    fflush(stdout);
    stack_run(&device, &work, edges);
    for (uint32_t i = 0; i < count; i++)
        fprintf(stderr, "  turns %lu, with frames %lu\n", (unsigned long)echo_of(i)->stack.turns,
                (unsigned long)echo_of(i)->stack.busy_turns);
    return 0;
}

static void bulk_turn(void *edge)
{
    struct echo *echo = edge;
    for (; echo->begun < echo->count && echo->open_count < echo->at_once; echo->begun++) {
        struct echo_conn *ec = conn_take(echo);
        if (ec == NULL)
            stack_fail("too many connections at once");
        ec->goal = echo->goal;
        ec->conn = tcp_connect(echo->stack.net, echo->peer, &client_app, ec, echo->stack.now_ns);
        if (ec->conn == NULL)
            stack_fail("cannot connect");
    }
    turn(echo);
}

static bool bulk_is_done(const void *edge)
{
    const struct echo *echo = edge;
    return stack_stopping() || (echo->begun == echo->count && echo->open_count == 0);
}

/* The part of `whole` that edge `i` of `count` has. */
static uint32_t share(uint32_t whole, uint32_t i, uint32_t count)
{
    return whole * (i + 1) / count - whole * i / count;
}

/* Each edge opens its share of the connections. */
static int bulk(const struct echo *wanted)
{
    const struct stack_work work = { bulk_turn, bulk_is_done };
    uint32_t edge_count = device.settings.queues, failed = 0, left = 0;
    uint64_t start = stack_clock_ns(), octets = 0;
    for (uint32_t i = 0; i < edge_count; i++) {
        struct echo *echo = echo_of(i);
        echo->peer = wanted->peer;
        echo->goal = wanted->goal;
        echo->count = share(wanted->count, i, edge_count);
        echo->at_once = share(wanted->at_once, i, edge_count);
        if (echo->at_once == 0)
            echo->at_once = 1;
    }
    stack_run(&device, &work, edges);
    for (uint32_t i = 0; i < edge_count; i++) {
        failed += echo_of(i)->failed_count;
        left += echo_of(i)->open_count;
        octets += echo_of(i)->octets;
    }
    printf("%u connections, %u failed, %.1f MB back in %.2f s\n", wanted->count, failed,
           (double)octets / 1e6, (double)(stack_clock_ns() - start) / 1e9);
    return failed == 0 && left == 0 ? 0 : 1;
}

static void edges_open(const struct stack_settings *settings)
{
    stack_device_open(&device, settings);
    for (uint32_t i = 0; i < settings->queues; i++) {
        edges[i] = stack_edge_make(sizeof(struct echo));
        echo_open(edges[i], i);
    }
}

static void edges_close(void)
{
    for (uint32_t i = 0; i < device.settings.queues; i++) {
        stack_counters_print(&echo_of(i)->stack);
        stack_close(&echo_of(i)->stack);
    }
    stack_device_close(&device);
}

int main(int argc, char **argv)
{
    struct stack_settings settings;
    int at = stack_settings_read(&settings, argc, argv);
    char **rest = argv + at;
    int left = argc - at;
    int status = 2;
    if (left == 2 && strcmp(rest[0], "serve") == 0) {
        edges_open(&settings);
        status = serve((uint16_t)stack_number_read(rest[1], UINT16_MAX));
    } else if (left >= 4 && left <= 6 && strcmp(rest[0], "bulk") == 0) {
        struct echo wanted = { .peer = stack_endpoint_read(rest[1], rest[2]),
                               .goal = stack_number_read(rest[3], UINT64_MAX),
                               .count = 1 };
        if (left > 4)
            wanted.count = (uint32_t)stack_number_read(rest[4], UINT16_MAX * 16u);
        wanted.at_once =
            left > 5 ? (uint32_t)stack_number_read(rest[5], settings.conn_cap) : wanted.count;
        edges_open(&settings);
        status = bulk(&wanted);
    } else {
        stack_fail(
            "usage: tcp_echo DEVICE ADDR/PREFIX [KEY=VALUE …] serve PORT | bulk PEER PORT OCTETS "
            "[COUNT [AT_ONCE]]");
    }
    edges_close();
    return status;
}
