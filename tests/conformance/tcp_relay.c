/* Octets both ways between two peers, our TCP the server of one and the client of the other, so that a whole
 * protocol of others (HTTP, TLS) runs through it (tests/support/stack.h for DEVICE, ADDR and KEY=VALUE):
 *
 *     tcp_relay DEVICE ADDR/PREFIX[,ADDR/PREFIX] [KEY=VALUE …] PORT PEER PEER_PORT
 *
 * Ends and resets go through too. Says "ready" on stdout; ends with SIGTERM or SIGINT, with 1 when a pair is left. */
#include "tests/support/stack.h"

#include <stdio.h>
#include <stdlib.h>

struct relay;

/* One of two ends. */
struct relay_end {
    struct relay *relay;
    struct relay_end *far;
    struct relay_end *next; /* free */
    struct tcp_conn *conn;  /* NULL: none, or over */
    bool stalled;           /* has octets for the far end, which takes no more */
};

struct relay {
    struct stack stack;
    struct tcp_endpoint target;
    struct relay_end *free; /* first of a pair */
    uint32_t pair_count;
};

static void end_over(struct relay_end *end)
{
    struct relay *relay = end->relay;
    end->conn = NULL;
    if (end->far->conn != NULL)
        return;
    relay->pair_count--;
    end->next = relay->free;
    relay->free = end;
}

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct relay_end *end = ctx;
    struct stack *stack = &end->relay->stack;
    (void)conn;
    if (end->far->conn == NULL)
        return in.len; /* reset is on its way */
    if (!stack_chunk_ready(stack, (uint32_t)in.len))
        stack_fail("more connections than it has chunks for");
    struct writer w = chunk_writer(stack->chunk);
    writer_bytes(&w, in);
    enum err err = stack_send(stack, end->far->conn, &w);
    end->stalled = err == ERR_FULL;
    return err == ERR_FULL ? 0 : in.len;
}

static void on_writable(void *ctx, struct tcp_conn *conn)
{
    struct relay_end *end = ctx;
    (void)conn;
    if (end->far->stalled && end->far->conn != NULL)
        tcp_resume(end->far->conn, end->relay->stack.now_ns);
    end->far->stalled = false;
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    struct relay_end *end = ctx;
    (void)conn;
    if (end->far->conn != NULL)
        tcp_close(end->far->conn, end->relay->stack.now_ns);
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    struct relay_end *end = ctx;
    (void)conn;
    if (why != ERR_OK && end->far->conn != NULL) {
        tcp_abort(end->far->conn, end->relay->stack.now_ns);
        end->far->conn = NULL;
    }
    end_over(end);
}

static const struct tcp_app relay_app = { on_opened, on_received, on_writable, on_peer_closed,
                                          on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    struct relay *relay = ctx;
    struct relay_end *end = relay->free;
    if (end == NULL)
        return NULL;
    struct relay_end *far = end->far;
    struct tcp_conn *onward =
        tcp_connect(relay->stack.net, relay->target, &relay_app, far, relay->stack.now_ns);
    if (onward == NULL)
        return NULL;
    relay->free = end->next;
    *end = (struct relay_end){ .relay = relay, .far = far, .conn = conn };
    *far = (struct relay_end){ .relay = relay, .far = end, .conn = onward };
    relay->pair_count++;
    return end;
}

static void pairs_make(struct relay *relay, uint32_t count)
{
    struct relay_end *ends = calloc(2 * (size_t)count, sizeof *ends);
    if (ends == NULL)
        stack_fail("no memory");
    for (uint32_t i = 0; i < count; i++) {
        ends[2 * i] = (struct relay_end){ .far = &ends[2 * i + 1], .next = relay->free };
        ends[2 * i + 1].far = &ends[2 * i];
        relay->free = &ends[2 * i];
    }
}

static void turn(void *edge)
{
    struct relay *relay = edge;
    stack_turn_begin(&relay->stack);
    stack_turn_end(&relay->stack);
}

static bool is_done(const void *edge)
{
    (void)edge;
    return stack_stopping();
}

static struct stack_device device;
static void *edges[STACK_EDGES_MAX];

static void edge_open(uint32_t edge, struct tcp_endpoint target, uint16_t port)
{
    struct relay *relay = stack_edge_make(sizeof *relay);
    edges[edge] = relay;
    relay->target = target;
    stack_open(&relay->stack, &device, edge);
    pairs_make(relay, device.settings.conn_cap / 2);
    if (tcp_listen(relay->stack.net, port, &relay_app, on_accepted, relay) != ERR_OK)
        stack_fail("cannot listen");
}

int main(int argc, char **argv)
{
    const struct stack_work work = { turn, is_done };
    struct stack_settings settings;
    int at = stack_settings_read(&settings, argc, argv);
    if (argc - at != 3)
        stack_fail("usage: tcp_relay DEVICE ADDR/PREFIX [KEY=VALUE …] PORT PEER PEER_PORT");
    uint16_t port = (uint16_t)stack_number_read(argv[at], UINT16_MAX);
    struct tcp_endpoint target = stack_endpoint_read(argv[at + 1], argv[at + 2]);
    stack_device_open(&device, &settings);
    for (uint32_t i = 0; i < settings.queues; i++)
        edge_open(i, target, port);
    puts("ready");
    fflush(stdout);
    stack_run(&device, &work, edges);
    uint32_t left = 0;
    for (uint32_t i = 0; i < settings.queues; i++) {
        struct relay *relay = edges[i];
        left += relay->pair_count;
        stack_counters_print(&relay->stack);
        stack_close(&relay->stack);
    }
    printf("%u pairs left\n", left);
    stack_device_close(&device);
    return left == 0 ? 0 : 1;
}
