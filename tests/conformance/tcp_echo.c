/* The stack on a DPDK port, to be set against other peers:
 *
 *     tcp_echo DEVICE ADDR/PREFIX [loss=PPM] [gateway=ADDR] serve PORT
 *     tcp_echo DEVICE ADDR/PREFIX [loss=PPM] [gateway=ADDR] bulk PEER PORT OCTETS [COUNT]
 *
 * serve echoes on every connection until SIGTERM or SIGINT; it says "ready" on stdout. bulk sends OCTETS on each of
 * COUNT connections to an echo server and checks what comes back; exit 0 when all ended in order. */
#include "io/impair.h"
#include "io/net/ip6.h"
#include "io/net/net.h"
#include "io/port_dpdk.h"
#include "io/port_xsk.h"
#include "io/tcp/tcp.h"

#include <rte_eal.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FRAMES 16383
#define CHUNKS 1024
#define CHUNK_LEN 16384
#define CONNS 8192
#define NAP_US 50
#define PIECE 8192u

struct echo {
    struct net *net;
    struct chunk_pool *chunks;
    struct chunk *chunk; /* being filled, for all connections */
    struct echo_conn *conns;
    struct echo_conn *free;
    uint64_t now_ns;
    uint64_t octets;
    uint32_t open_count;
    uint32_t failed_count;
};

struct echo_conn {
    struct echo *echo;
    struct echo_conn *next;
    struct tcp_conn *conn; /* NULL: free */
    uint64_t goal, sent, got;
    bool full, stalled, opened, closing;
};

static volatile sig_atomic_t stopping;

static void on_signal(int signal)
{
    (void)signal;
    stopping = 1;
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "tcp_echo: %s\n", what);
    exit(1);
}

static uint8_t octet_at(uint64_t at)
{
    return (uint8_t)(at * 131 + (at >> 11));
}

/* Room for `len` octets in the chunk all connections share. */
static bool chunk_ready(struct echo *echo, uint32_t len)
{
    if (echo->chunk != NULL && chunk_room(echo->chunk) < len) {
        chunk_give(echo->chunk);
        echo->chunk = NULL;
    }
    if (echo->chunk == NULL)
        echo->chunk = chunk_take(echo->chunks);
    return echo->chunk != NULL;
}

static bool queue(struct echo_conn *ec, struct writer *w, uint32_t len)
{
    struct echo *echo = ec->echo;
    uint32_t offset = echo->chunk->len;
    chunk_commit(echo->chunk, w);
    enum err err = tcp_send(ec->conn, echo->chunk, offset, len, echo->now_ns);
    if (err != ERR_OK && err != ERR_FULL && err != ERR_CLOSED)
        fail(err_text(err));
    ec->full = err == ERR_FULL;
    return err == ERR_OK;
}

static struct echo_conn *conn_take(struct echo *echo, struct tcp_conn *conn)
{
    struct echo_conn *ec = echo->free;
    if (ec == NULL)
        return NULL;
    echo->free = ec->next;
    *ec = (struct echo_conn){ .echo = echo, .conn = conn };
    echo->open_count++;
    return ec;
}

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    struct echo_conn *ec = ctx;
    ec->conn = conn;
    ec->opened = true;
}

static size_t on_echo(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct echo_conn *ec = ctx;
    (void)conn;
    if (!chunk_ready(ec->echo, (uint32_t)in.len)) {
        ec->stalled = true;
        return 0;
    }
    struct writer w = chunk_writer(ec->echo->chunk);
    writer_bytes(&w, in);
    if (!queue(ec, &w, (uint32_t)in.len)) {
        ec->stalled = true;
        return 0;
    }
    ec->echo->octets += in.len;
    return in.len;
}

static size_t on_reply(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct echo_conn *ec = ctx;
    (void)conn;
    for (size_t i = 0; i < in.len; i++)
        if (in.bytes[i] != octet_at(ec->got + i))
            fail("an octet came back changed");
    ec->got += in.len;
    ec->echo->octets += in.len;
    return in.len;
}

static void on_writable(void *ctx, struct tcp_conn *conn)
{
    struct echo_conn *ec = ctx;
    ec->full = false;
    if (ec->stalled) {
        ec->stalled = false;
        tcp_resume(conn, ec->echo->now_ns);
    }
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    struct echo_conn *ec = ctx;
    tcp_close(conn, ec->echo->now_ns);
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
    echo->open_count--;
    *ec = (struct echo_conn){ .next = echo->free };
    echo->free = ec;
}

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    return conn_take(ctx, conn);
}

static const struct tcp_app server_app = { on_opened, on_echo, on_writable, on_peer_closed,
                                           on_closed };
static const struct tcp_app client_app = { on_opened, on_reply, on_writable, on_peer_closed,
                                           on_closed };

static void bulk_work(struct echo_conn *ec)
{
    while (ec->opened && !ec->full && ec->sent < ec->goal) {
        uint64_t left = ec->goal - ec->sent;
        uint32_t len = left < PIECE ? (uint32_t)left : PIECE;
        if (!chunk_ready(ec->echo, len))
            return;
        struct writer w = chunk_writer(ec->echo->chunk);
        for (uint32_t i = 0; i < len; i++)
            writer_u8(&w, octet_at(ec->sent + i));
        if (queue(ec, &w, len))
            ec->sent += len;
    }
    if (ec->opened && !ec->closing && ec->got == ec->goal) {
        ec->closing = true;
        tcp_close(ec->conn, ec->echo->now_ns);
    }
}

/* Chunks may have come back for those that found none. */
static void retry(struct echo *echo, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct echo_conn *ec = &echo->conns[i];
        if (ec->conn == NULL)
            continue;
        if (ec->stalled && !ec->full) {
            ec->stalled = false;
            tcp_resume(ec->conn, echo->now_ns);
        }
        if (ec->goal > 0)
            bulk_work(ec);
    }
}

static void turn(struct echo *echo, struct port *impair, uint32_t count)
{
    echo->now_ns = clock_ns();
    if (impair != NULL)
        impair_step(impair, echo->now_ns);
    uint32_t frames = net_rx(echo->net, echo->now_ns);
    net_timers(echo->net, echo->now_ns);
    retry(echo, count);
    net_flush(echo->net, echo->now_ns);
    if (frames == 0)
        usleep(NAP_US);
}

static void counter_print(void *ctx, const char *layer, const char *reason, uint64_t value)
{
    if (value != 0)
        fprintf(ctx, "  %s.%s %lu\n", layer, reason, (unsigned long)value);
}

static uint64_t number_read(const char *text, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || value > most)
        fail("a number is wanted, or a smaller one");
    return value;
}

static struct ip_addr addr_read(const char *text)
{
    struct ip_addr addr;
    if (!ip_read(text, &addr))
        fail("an address is wanted, like 10.99.0.1");
    return addr;
}

static void eal_start(void)
{
    char args[][24] = { "",
                        "--no-huge",
                        "-m",
                        "512",
                        "--no-shconf",
                        "--no-pci",
                        "--no-telemetry",
                        "--log-level=error",
                        "--lcores=0@0" };
    char name[] = "tcp_echo";
    char prefix[64]; /* of what the EAL keeps: two of us run side by side */
    snprintf(prefix, sizeof prefix, "--file-prefix=tcp_echo%d", (int)getpid());
    char *argv[COUNT(args) + 2] = { name };
    for (size_t i = 1; i < COUNT(args); i++)
        argv[i] = args[i];
    argv[COUNT(args)] = prefix;
    if (rte_eal_init((int)COUNT(args) + 1, argv) < 0)
        fail("EAL does not start");
}

struct settings {
    const char *device;
    char *addr;
    uint32_t loss_ppm;
    struct ip_addr gateway;
};

/* Queue 0 of the interface, all that is for our address. */
static struct port *xsk_open(const char *interface, const char *net, struct rte_mempool *frames,
                             struct xsk_device **device, struct fault *fault)
{
    struct ip_addr addr;
    uint8_t prefix_len;
    if (!ip_prefix_read(net, &addr, &prefix_len))
        fail("an address with its prefix length is wanted, like 10.99.0.1/24");
    const struct ip_addr addresses[2] = { addr, ip6_link_local(addr) };
    const struct steer_config steer = {
        .interface = interface,
        .addresses = addresses,
        .queue_count = 1,
        .address_count = ip_is_v4(addr) ? 1 : 2,
    };
    const struct port_xsk_config port = { .frames = frames };
    *device = xsk_device_open(&steer, fault);
    return *device != NULL ? port_xsk_open(*device, 0, &port, fault) : NULL;
}

static struct port *port_open(const struct settings *settings, struct xsk_device **device,
                              struct port **impair)
{
    char interface[IF_NAMESIZE];
    struct fault fault = { "" };
    struct rte_mempool *frames = frame_pool_create("frames", FRAMES, SOCKET_ID_ANY, &fault);
    struct port_dpdk_config config = { .device = settings->device, .frames = frames };
    struct port *port = NULL;
    if (frames != NULL)
        port = xsk_interface(settings->device, interface)
                   ? xsk_open(interface, settings->addr, frames, device, &fault)
                   : port_dpdk_open(&config, &fault);
    if (port == NULL)
        fail(fault.text);
    if (settings->loss_ppm == 0)
        return port;
    const struct impair_config loss = { .seed = 1, .loss_ppm = settings->loss_ppm };
    *impair = impair_open(port, &loss, &fault);
    if (*impair == NULL)
        fail(fault.text);
    return *impair;
}

static void echo_open(struct echo *echo, const struct settings *settings, struct port *port)
{
    struct fault fault = { "" };
    struct net_config config = { .gateway4 = settings->gateway,
                                 .gateway6 = settings->gateway,
                                 .numa_node = SOCKET_ID_ANY,
                                 .conn_cap = CONNS,
                                 .half_open_cap = CONNS,
                                 .time_wait_ms = 2000,
                                 .held_cap = 8192 };
    struct ip_addr addr;
    uint8_t prefix_len;
    if (!ip_prefix_read(settings->addr, &addr, &prefix_len))
        fail("an address with its prefix length is wanted, like 10.99.0.1/24 or 2001:db8::1/64");
    *(ip_is_v4(addr) ? &config.addr4 : &config.addr6) = addr;
    *(ip_is_v4(addr) ? &config.prefix4 : &config.prefix6) = prefix_len;
    if (getrandom(config.seed, sizeof config.seed, 0) != sizeof config.seed)
        fail("no random numbers");
    echo->now_ns = clock_ns();
    echo->net = net_create(port, &config, echo->now_ns, &fault);
    if (echo->net == NULL)
        fail(fault.text);
    echo->chunks = chunk_pool_create(CHUNKS, CHUNK_LEN, SOCKET_ID_ANY);
    echo->conns = calloc(CONNS, sizeof *echo->conns);
    if (echo->chunks == NULL || echo->conns == NULL)
        fail("no memory");
    for (uint32_t i = CONNS; i-- > 0; echo->free = &echo->conns[i])
        echo->conns[i].next = echo->free;
}

static int serve(struct echo *echo, struct port *impair, uint16_t port)
{
    if (tcp_listen(echo->net, port, &server_app, on_accepted, echo) != ERR_OK)
        fail("cannot listen");
    puts("ready");
    fflush(stdout);
    while (!stopping)
        turn(echo, impair, CONNS);
    return 0;
}

static int bulk(struct echo *echo, struct port *impair, struct tcp_endpoint peer, uint64_t octets,
                uint32_t count)
{
    uint64_t start = clock_ns();
    for (uint32_t i = 0; i < count; i++) {
        struct echo_conn *ec = conn_take(echo, NULL);
        if (ec == NULL)
            fail("too many connections");
        ec->goal = octets;
        ec->conn = tcp_connect(echo->net, peer, &client_app, ec, echo->now_ns);
        if (ec->conn == NULL)
            fail("cannot connect");
    }
    while (!stopping && echo->open_count > 0)
        turn(echo, impair, count);
    double seconds = (double)(clock_ns() - start) / 1e9;
    printf("%u connections, %u failed, %.1f MB back in %.2f s\n", count, echo->failed_count,
           (double)echo->octets / 1e6, seconds);
    return echo->failed_count == 0 && echo->open_count == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct settings settings = { 0 };
    int at = 3;
    if (argc < 5)
        fail("usage: tcp_echo DEVICE ADDR/PREFIX [loss=PPM] [gateway=ADDR] serve PORT | bulk PEER "
             "PORT OCTETS [COUNT]");
    settings.device = argv[1];
    settings.addr = argv[2];
    for (; at < argc && strchr(argv[at], '=') != NULL; at++) {
        if (strncmp(argv[at], "loss=", 5) == 0)
            settings.loss_ppm = (uint32_t)number_read(argv[at] + 5, 1000000);
        else if (strncmp(argv[at], "gateway=", 8) == 0)
            settings.gateway = addr_read(argv[at] + 8);
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    eal_start();
    static struct echo echo;
    struct port *impair = NULL;
    struct xsk_device *device = NULL;
    struct port *port = port_open(&settings, &device, &impair);
    echo_open(&echo, &settings, port);
    int status = 2;
    if (at + 1 < argc && strcmp(argv[at], "serve") == 0) {
        status = serve(&echo, impair, (uint16_t)number_read(argv[at + 1], UINT16_MAX));
    } else if (at + 3 < argc && strcmp(argv[at], "bulk") == 0) {
        struct tcp_endpoint peer = { addr_read(argv[at + 1]),
                                     (uint16_t)number_read(argv[at + 2], UINT16_MAX) };
        uint32_t count = at + 4 < argc ? (uint32_t)number_read(argv[at + 4], CONNS) : 1;
        status = bulk(&echo, impair, peer, number_read(argv[at + 3], UINT64_MAX), count);
    }
    net_counters(echo.net, counter_print, stderr);
    net_destroy(echo.net);
    port_close(port);
    xsk_device_close(device);
    return status;
}
