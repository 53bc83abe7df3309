/* What the stack costs by itself: two of them in one thread, joined by an in-memory port that copies nothing. Time
 * and cycles are of one frame on the wire: made by one stack, read by the other. No kernel, no card, no other core.
 *
 *   exchange/N   100 octets there and back on each of N connections: two frames, each the other's acknowledgment
 *   bulk         16 KB pieces one way, full segments, and their acknowledgments
 *   connect      connect, 100 octets there and back, close: nine frames or so
 *
 * On paper, for a frame of 100 octets: some 12 cache lines touched on either side, all in the second level; two
 * checksums of 140 octets at 8 octets a cycle; hash 30 cycles; headers written and read 100: 400 to 500 cycles. */
#include "bench/bench.h"
#include "io/net/net.h"
#include "io/port_mem.h"
#include "io/tcp/tcp.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FRAMES 65535
#define CHUNKS 4096
#define CHUNK_LEN 16384u
#define CONNS_MAX 131072u
#define MESSAGE_LEN 100u
#define BATCH 16u /* frames a turn, about what a busy edge sees */
#define TURN_NS 20000u
#define PORT 2775

struct end {
    struct rig *rig;
    struct port *port;
    struct net *net;
    struct chunk_pool *chunks;
    struct chunk *chunk;
};

struct rig {
    struct end ends[2]; /* client, server */
    struct tcp_conn **conns;
    uint32_t conn_count;
    uint32_t next; /* whose turn it is */
    uint64_t now_ns;
    uint64_t got; /* octets, by the client */
    uint64_t sunk;
    uint32_t closed;
    bool echoes, full;
};

struct row {
    uint32_t conns;
    bool is_bulk, is_connect;
};

static struct rig rig;

static struct chunk *chunk_with(struct end *end, uint32_t len)
{
    if (end->chunk != NULL && chunk_room(end->chunk) < len) {
        chunk_give(end->chunk);
        end->chunk = NULL;
    }
    if (end->chunk == NULL)
        end->chunk = chunk_take(end->chunks);
    ASSERT(end->chunk != NULL);
    return end->chunk;
}

static bool send_octets(struct end *end, struct tcp_conn *conn, struct span octets)
{
    struct chunk *chunk = chunk_with(end, (uint32_t)octets.len);
    uint32_t offset = chunk->len;
    struct writer w = chunk_writer(chunk);
    writer_bytes(&w, octets);
    chunk_commit(chunk, &w);
    return tcp_send(conn, chunk, offset, (uint32_t)octets.len, end->rig->now_ns) == ERR_OK;
}

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static size_t on_request(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct end *end = ctx;
    if (end->rig->echoes)
        ASSERT(send_octets(end, conn, in));
    else
        end->rig->sunk += in.len;
    return in.len;
}

static size_t on_answer(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct end *end = ctx;
    (void)conn;
    end->rig->got += in.len;
    return in.len;
}

static void on_writable(void *ctx, struct tcp_conn *conn)
{
    struct end *end = ctx;
    (void)conn;
    end->rig->full = false;
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    struct end *end = ctx;
    tcp_close(conn, end->rig->now_ns);
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    struct end *end = ctx;
    (void)conn;
    ASSERT(why == ERR_OK);
    end->rig->closed++;
}

static const struct tcp_app client_app = { on_opened, on_answer, on_writable, on_peer_closed,
                                           on_closed };
static const struct tcp_app server_app = { on_opened, on_request, on_writable, on_peer_closed,
                                           on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    (void)conn;
    return ctx;
}

static void end_turn(struct end *end)
{
    net_rx(end->net, end->rig->now_ns);
    net_timers(end->net, end->rig->now_ns);
    net_flush(end->net, end->rig->now_ns);
}

static void turn(void)
{
    rig.now_ns += TURN_NS;
    end_turn(&rig.ends[0]);
    end_turn(&rig.ends[1]);
}

static uint64_t frames_sent(void)
{
    return counter_read(&rig.ends[0].port->counters.tx_frames) +
           counter_read(&rig.ends[1].port->counters.tx_frames);
}

static void rig_open(void)
{
    struct fault fault = { "" };
    struct rte_mempool *frames = frame_pool_create("frames", FRAMES, SOCKET_ID_ANY, &fault);
    const struct port_mem_config wire = { .frames = { frames, frames }, .depth = 32768 };
    struct port *ports[2];
    if (frames == NULL || !port_mem_open(&wire, ports, &fault)) {
        fprintf(stderr, "bench-tcp: %s\n", fault.text);
        exit(1);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct end *end = &rig.ends[i];
        const struct net_config config = { .addr4 = ip_addr_v4(0x0a630001 + i),
                                           .prefix4 = 24,
                                           .seed = { 1 + i, 2 },
                                           .numa_node = SOCKET_ID_ANY,
                                           .conn_cap = CONNS_MAX,
                                           .half_open_cap = CONNS_MAX,
                                           .send_ref_cap = 2 * CONNS_MAX,
                                           .time_wait_ms = 1 };
        end->rig = &rig;
        end->port = ports[i];
        end->net = net_create(ports[i], &config, 0, &fault);
        end->chunks = chunk_pool_create(CHUNKS, CHUNK_LEN, SOCKET_ID_ANY);
        if (end->net == NULL || end->chunks == NULL) {
            fprintf(stderr, "bench-tcp: %s\n", fault.text);
            exit(1);
        }
    }
    rig.conns = calloc(CONNS_MAX, sizeof(struct tcp_conn *));
    for (uint16_t i = 0; i < 8; i++) /* one port has too few of the client's */
        ASSERT(tcp_listen(rig.ends[1].net, (uint16_t)(PORT + i), &server_app, on_accepted,
                          &rig.ends[1]) == ERR_OK);
}

static struct tcp_conn *conn_open(uint32_t number)
{
    const struct tcp_endpoint server = { ip_addr_v4(0x0a630002), (uint16_t)(PORT + number % 8) };
    struct tcp_conn *conn =
        tcp_connect(rig.ends[0].net, server, &client_app, &rig.ends[0], rig.now_ns);
    ASSERT(conn != NULL);
    return conn;
}

/* All of `count` open, those of the rows before among them. */
static void conns_ready(uint32_t count)
{
    while (rig.conn_count < count) {
        for (uint32_t i = 0; i < BATCH && rig.conn_count < count; i++, rig.conn_count++)
            rig.conns[rig.conn_count] = conn_open(rig.conn_count);
        turn();
        turn();
    }
    for (uint32_t i = 0; i < 64; i++)
        turn();
    ASSERT(net_conn_count(rig.ends[1].net) == rig.conn_count);
}

/* A batch of messages there and back. */
static void exchange(uint32_t conns)
{
    static uint8_t message[MESSAGE_LEN];
    uint32_t batch = conns < BATCH ? conns : BATCH;
    uint64_t wanted = rig.got + batch * MESSAGE_LEN;
    for (uint32_t i = 0; i < batch; i++) {
        rig.next = rig.next + 1 < conns ? rig.next + 1 : 0;
        ASSERT(send_octets(&rig.ends[0], rig.conns[rig.next], span_of(message, MESSAGE_LEN)));
    }
    net_flush(rig.ends[0].net, rig.now_ns);
    while (rig.got < wanted) {
        rig.now_ns += TURN_NS;
        end_turn(&rig.ends[1]);
        end_turn(&rig.ends[0]);
    }
}

static void bulk(void)
{
    static uint8_t piece[CHUNK_LEN];
    for (uint32_t i = 0; i < 4 && !rig.full; i++)
        rig.full = !send_octets(&rig.ends[0], rig.conns[0], span_of(piece, CHUNK_LEN));
    turn();
}

static void connect_and_close(void)
{
    static uint8_t message[MESSAGE_LEN];
    struct tcp_conn *conns[BATCH];
    uint64_t wanted = rig.got + BATCH * MESSAGE_LEN;
    uint32_t closed = rig.closed + 2 * BATCH;
    for (uint32_t i = 0; i < BATCH; i++) {
        conns[i] = conn_open(i);
        ASSERT(send_octets(&rig.ends[0], conns[i], span_of(message, MESSAGE_LEN)));
    }
    while (rig.got < wanted)
        turn();
    for (uint32_t i = 0; i < BATCH; i++)
        tcp_close(conns[i], rig.now_ns);
    while (rig.closed < closed)
        turn();
}

/* What others on this CPU take does not count. */
static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run(struct bench *bench, void *arg)
{
    const struct row *row = arg;
    rig.echoes = true;
    conns_ready(row->conns);
    rig.echoes = !row->is_bulk;
    uint64_t iterations = 0, frames = frames_sent(), sunk = rig.sunk;
    double start_s = cpu_seconds();
    for (; bench_more(bench); iterations++) {
        if (row->is_connect)
            connect_and_close();
        else if (row->is_bulk)
            bulk();
        else
            exchange(row->conns);
    }
    double cycles = (cpu_seconds() - start_s) * (double)rte_get_tsc_hz();
    frames = frames_sent() - frames;
    if (row->is_bulk) { /* what is under way still goes to the sink */
        for (uint32_t i = 0; i < 1000; i++)
            turn();
        bench_figure(bench, "octets_per_frame", (double)(rig.sunk - sunk) / (double)frames);
    }
    bench_items(bench, iterations > 0 ? frames / iterations : 0);
    bench_figure(bench, "cycles_per_frame", cycles / (double)frames);
    if (row->is_connect)
        bench_figure(bench, "frames_each", (double)frames / (double)(iterations * BATCH));
}

int main(int argc, char **argv)
{
    char args[][24] = { "bench-tcp",      "--no-huge",        "-m",
                        "1024",           "--no-shconf",      "--no-pci",
                        "--no-telemetry", "--log-level=error" };
    char *eal[COUNT(args) + 1] = { NULL };
    for (size_t i = 0; i < COUNT(args); i++)
        eal[i] = args[i];
    if (rte_eal_init((int)COUNT(args), eal) < 0)
        return 1;
    rig_open();
    static struct row rows[] = { { 1, false, false },      { 64, false, false },
                                 { 1024, false, false },   { 16384, false, false },
                                 { 100000, false, false }, { 1, true, false },
                                 { 0, false, true } };
    static const char *const names[] = { "exchange/1",     "exchange/64",     "exchange/1024",
                                         "exchange/16384", "exchange/100000", "bulk",
                                         "connect" };
    for (size_t i = 0; i < COUNT(rows); i++)
        bench_row(names[i], run, &rows[i]);
    return bench_main(argc, argv);
}
