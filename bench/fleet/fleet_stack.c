/* The fleet on a DPDK port, by the TCP of io/: one core, no kernel sockets. */
#include "bench/fleet/fleet_run.h"

#include "io/port_dpdk.h"
#include "io/tcp/tcp.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <arpa/inet.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define PEERS_MAX 64u
#define FRAME_COUNT 16384u
#define CHUNK_COUNT 1024u
#define CHUNK_LEN 16384u
#define EAL_ARGS_MAX 64
#define IDLE_TURNS 1000u   /* empty ones before the core naps */
#define NAP_NS_MAX 200000u /* well below what SMPP would notice */

struct stack;

struct stack_peer {
    struct stack *stack;
    struct tcp_conn *tcp; /* NULL: free */
    uint32_t conn;
    bool full;    /* the fleet left octets with TCP */
    bool closing; /* tcp_close was called */
};

struct stack {
    struct fleet_run *run;
    uint64_t now_ns; /* of this turn */
    struct rte_mempool *frames;
    struct chunk_pool *chunks;
    struct port *port;
    struct net *net;
    struct stack_peer peer[PEERS_MAX];
};

static void peer_free(struct stack_peer *peer)
{
    peer->tcp = NULL;
    peer->stack->run->connections--;
    fleet_conn_closed(peer->stack->run->fleet, peer->conn, peer->stack->now_ns);
}

static void *on_accepted(void *ctx, struct tcp_conn *tcp)
{
    struct stack *stack = ctx;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct stack_peer *peer = &stack->peer[i];
        if (peer->tcp != NULL)
            continue;
        uint32_t conn = fleet_conn_open(stack->run->fleet, stack->now_ns);
        if (conn == FLEET_CONN_NONE)
            return NULL;
        *peer = (struct stack_peer){ .stack = stack, .tcp = tcp, .conn = conn };
        stack->run->connections++;
        return peer;
    }
    return NULL;
}

static void on_opened(void *ctx, struct tcp_conn *tcp)
{
    (void)ctx;
    (void)tcp;
}

static size_t on_received(void *ctx, struct tcp_conn *tcp, struct span in)
{
    struct stack_peer *peer = ctx;
    (void)tcp;
    if (peer->closing)
        return in.len;
    size_t taken = fleet_conn_input(peer->stack->run->fleet, peer->conn, in, peer->stack->now_ns);
    peer->full = taken < in.len;
    return taken;
}

static void on_writable(void *ctx, struct tcp_conn *tcp)
{
    (void)ctx; /* every turn tries */
    (void)tcp;
}

static void on_peer_closed(void *ctx, struct tcp_conn *tcp)
{
    struct stack_peer *peer = ctx;
    if (!peer->closing)
        tcp_close(tcp, peer->stack->now_ns);
    peer->closing = true;
}

static void on_closed(void *ctx, struct tcp_conn *tcp, enum err why)
{
    (void)tcp;
    (void)why;
    peer_free(ctx);
}

static const struct tcp_app app = {
    .opened = on_opened,
    .received = on_received,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

/* Copies what the fleet has to say into chunks, as far as TCP takes them. */
static void send_output(struct stack *stack, struct stack_peer *peer)
{
    for (;;) {
        struct span out = fleet_conn_output(stack->run->fleet, peer->conn);
        uint32_t room = tcp_send_room(peer->tcp);
        size_t len = out.len < room ? out.len : room;
        len = len < CHUNK_LEN ? len : CHUNK_LEN;
        struct chunk *chunk = len > 0 ? chunk_take(stack->chunks) : NULL;
        if (chunk == NULL)
            return;
        struct writer w = chunk_writer(chunk);
        writer_bytes(&w, span_first(out, len));
        chunk_commit(chunk, &w);
        enum err err = tcp_send(peer->tcp, chunk, 0, (uint32_t)len, stack->now_ns);
        chunk_give(chunk);
        if (err != ERR_OK)
            return;
        fleet_conn_sent(stack->run->fleet, peer->conn, len);
    }
}

static void transmit(struct stack *stack, struct stack_peer *peer)
{
    struct fleet *fleet = stack->run->fleet;
    if (peer->closing)
        return;
    if (fleet_conn_wish(fleet, peer->conn) == FLEET_CONN_DROP) {
        tcp_abort(peer->tcp, stack->now_ns);
        peer_free(peer);
        return;
    }
    send_output(stack, peer);
    if (peer->full && fleet_conn_output(fleet, peer->conn).len == 0) {
        peer->full = false;
        tcp_resume(peer->tcp, stack->now_ns);
    }
    if (fleet_conn_wish(fleet, peer->conn) == FLEET_CONN_CLOSE &&
        fleet_conn_output(fleet, peer->conn).len == 0) {
        tcp_close(peer->tcp, stack->now_ns);
        peer->closing = true;
    }
}

/* One turn of the core; how many frames came in. */
static uint32_t turn(struct stack *stack)
{
    stack->now_ns = fleet_run_now(stack->run);
    uint32_t count = net_rx(stack->net, stack->now_ns);
    net_timers(stack->net, stack->now_ns);
    if (count > 0 || fleet_next_ns(stack->run->fleet) <= stack->now_ns)
        fleet_tick(stack->run->fleet, stack->now_ns);
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (stack->peer[i].tcp != NULL)
            transmit(stack, &stack->peer[i]);
    net_flush(stack->net, stack->now_ns);
    return count;
}

/* Until the next timer, at most a moment: frames do not wake us. */
static void nap(const struct stack *stack)
{
    uint64_t next_ns = fleet_next_ns(stack->run->fleet);
    uint64_t net_ns = net_next_ns(stack->net);
    next_ns = net_ns < next_ns ? net_ns : next_ns;
    uint64_t now_ns = fleet_run_now(stack->run);
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    wait_ns = wait_ns < NAP_NS_MAX ? wait_ns : NAP_NS_MAX;
    if (wait_ns > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)wait_ns }, NULL);
}

/* A.B.C.D[/N] in host order. */
static bool read_address(const char *text, uint32_t *addr, uint8_t *prefix_len)
{
    char host[FLEET_TEXT_CAP];
    struct in_addr in;
    const char *slash = strchr(text, '/');
    snprintf(host, sizeof host, "%.*s", slash != NULL ? (int)(slash - text) : (int)strlen(text),
             text);
    unsigned long len = 32;
    char *end = NULL;
    if (slash != NULL)
        len = strtoul(slash + 1, &end, 10);
    if (inet_pton(AF_INET, host, &in) != 1 || (end != NULL && (*end != '\0' || len < 1)) ||
        len > 32)
        return false;
    *addr = ntohl(in.s_addr);
    *prefix_len = (uint8_t)len;
    return true;
}

/* The CPUs we may use, all for the one lcore. */
static void lcores_argument(char *out, size_t cap)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
    int at = snprintf(out, cap, "--lcores=0@(");
    const char *comma = "";
    for (int i = 0; i < CPU_SETSIZE && (size_t)at + 8 < cap; i++) {
        if (!CPU_ISSET(i, &cpus))
            continue;
        at += snprintf(out + at, cap - (size_t)at, "%s%d", comma, i);
        comma = ",";
    }
    snprintf(out + at, cap - (size_t)at, ")");
}

static bool start_eal(const struct fleet_options *options, struct fault *fault)
{
    static char lcores[1024];
    static char words[][32] = {
        "starling-fleet", "--no-huge",      "-m",          "512",
        "--no-pci",       "--no-telemetry", "--no-shconf", "--log-level=error"
    };
    static char *argv[EAL_ARGS_MAX + 2];
    int argc = 0;
    argv[argc++] = words[0];
    if (options->eal_argc > EAL_ARGS_MAX) {
        fault_set(fault, "more than %d EAL options", EAL_ARGS_MAX);
        return false;
    }
    for (int i = 0; i < options->eal_argc; i++)
        argv[argc++] = options->eal_argv[i];
    if (options->eal_argc == 0) {
        for (size_t i = 1; i < COUNT(words); i++)
            argv[argc++] = words[i];
        lcores_argument(lcores, sizeof lcores);
        argv[argc++] = lcores;
    }
    if (rte_eal_init(argc, argv) < 0) {
        fault_set(fault, "EAL does not start: %s; give its options after --",
                  rte_strerror(rte_errno));
        return false;
    }
    return true;
}

static bool start(struct stack *stack, struct fault *fault)
{
    const struct fleet_options *options = stack->run->options;
    struct net_config config = { .numa_node = SOCKET_ID_ANY, .conn_cap = 2 * PEERS_MAX };
    uint8_t unused;
    if (!read_address(options->address, &config.addr, &config.prefix_len)) {
        fault_set(fault, "--address \"%s\": not like 10.98.0.2/24", options->address);
        return false;
    }
    if (options->gateway[0] != '\0' && !read_address(options->gateway, &config.gateway, &unused)) {
        fault_set(fault, "--gateway \"%s\": not like 10.98.0.1", options->gateway);
        return false;
    }
    if (getrandom(config.seed, sizeof config.seed, 0) != sizeof config.seed ||
        !start_eal(options, fault)) {
        fault_set(fault, "no random octets");
        return false;
    }
    stack->frames = frame_pool_create("fleet", FRAME_COUNT, SOCKET_ID_ANY, fault);
    if (stack->frames == NULL)
        return false;
    stack->chunks = chunk_pool_create(CHUNK_COUNT, CHUNK_LEN, SOCKET_ID_ANY);
    struct port_dpdk_config port = { .device = options->port, .frames = stack->frames };
    stack->port = port_dpdk_open(&port, fault);
    if (stack->chunks == NULL)
        fault_set(fault, "no memory for send buffers: give EAL more with -- -m MB");
    if (stack->port == NULL || stack->chunks == NULL)
        return false;
    config.mtu = stack->port->mtu;
    stack->net = net_create(stack->port, &config, 0, fault);
    if (stack->net == NULL)
        return false;
    enum err err = tcp_listen(stack->net, (uint16_t)options->listen_port, &app, on_accepted, stack);
    if (err != ERR_OK) {
        fault_set(fault, "TCP port %u: %s", options->listen_port, err_text(err));
        return false;
    }
    fprintf(stderr, "starling-fleet: listening on %s, port %u, by %s\n", options->address,
            options->listen_port, options->port);
    return true;
}

bool fleet_stack_serve(struct fleet_run *run, struct fault *fault)
{
    struct stack stack = { .run = run };
    uint32_t idle = 0;
    bool good = start(&stack, fault);
    while (good && !fleet_run_over(run, fleet_run_now(run))) {
        idle = turn(&stack) > 0 ? 0 : idle + 1;
        if (idle > IDLE_TURNS)
            nap(&stack);
    }
    net_destroy(stack.net);
    port_close(stack.port);
    chunk_pool_destroy(stack.chunks);
    rte_mempool_free(stack.frames);
    return good;
}
