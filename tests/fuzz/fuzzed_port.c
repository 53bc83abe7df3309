/* One frame in, each frame out looked at: see the header. */
#include "tests/fuzz/fuzzed_port.h"

#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/net/net.h"
#include "tests/support/alloc_trap.h"

#include <rte_eal.h>
#include <rte_mempool.h>

#define FRAMES 1023

static struct rte_mempool *frames;

static uint32_t port_take(struct port *port, struct rte_mbuf **out, uint32_t cap)
{
    struct fuzzed_port *fuzz = CONTAINER_OF(port, struct fuzzed_port, port);
    if (fuzz->in == NULL || cap == 0)
        return 0;
    out[0] = fuzz->in;
    fuzz->in = NULL;
    return 1;
}

static uint32_t port_give(struct port *port, struct rte_mbuf **out, uint32_t count)
{
    struct fuzzed_port *fuzz = CONTAINER_OF(port, struct fuzzed_port, port);
    for (uint32_t i = 0; i < count; i++) {
        fuzz->look(fuzz, frame_bytes(out[i]));
        frame_give(out[i]);
    }
    return count;
}

static const struct port_ops ops = { .rx = port_take, .tx = port_give };

static void start_once(void)
{
    if (frames != NULL)
        return;
    alloc_trap_system_calls();
    static char args[][20] = {
        "fuzz",           "--no-huge",         "-m",          "128", "--no-shconf", "--no-pci",
        "--no-telemetry", "--log-level=error", "--lcores=0@0"
    };
    char *argv[COUNT(args) + 1] = { NULL };
    for (size_t i = 0; i < COUNT(args); i++)
        argv[i] = args[i];
    ASSERT(rte_eal_init((int)COUNT(args), argv) >= 0);
    struct fault fault = { "" };
    frames = frame_pool_create("fuzz", FRAMES, SOCKET_ID_ANY, &fault);
    ASSERT(frames != NULL);
}

void fuzzed_port_open(struct fuzzed_port *fuzz,
                      void (*look)(struct fuzzed_port *fuzz, struct span frame))
{
    start_once();
    *fuzz =
        (struct fuzzed_port){ .port = { .ops = &ops, .frames = frames, .mtu = 1500, .mac = { 2 } },
                              .look = look };
}

void fuzzed_port_close(struct fuzzed_port *fuzz)
{
    ASSERT(fuzz->in == NULL && rte_mempool_avail_count(frames) == FRAMES);
}

struct rte_mbuf *fuzz_frame(struct span octets)
{
    struct rte_mbuf *frame = frame_take(frames);
    ASSERT(frame != NULL && octets.len <= 1500);
    struct writer w = frame_append(frame, (uint16_t)octets.len);
    writer_bytes(&w, octets);
    return frame;
}

void fuzz_wrap4(struct rte_mbuf *frame, uint8_t protocol, uint32_t src, uint32_t dst)
{
    struct ip4_header ip = { .total_len = (uint16_t)(frame_bytes(frame).len + IP4_HEADER_LEN),
                             .ttl = 64,
                             .protocol = protocol,
                             .src = src,
                             .dst = dst };
    struct writer w = frame_prepend(frame, IP4_HEADER_LEN);
    ip4_header_write(&w, &ip);
    struct eth_header eth = { .dst = { 2 }, .src = { 2, 1 }, .type = ETH_TYPE_IP4 };
    w = frame_prepend(frame, ETH_HEADER_LEN);
    eth_header_write(&w, &eth);
}

void fuzz_turn(struct fuzzed_port *fuzz, struct net *net, uint64_t now_ns)
{
    alloc_trap_arm();
    net_rx(net, now_ns);
    net_timers(net, now_ns);
    net_flush(net, now_ns);
    alloc_trap_disarm();
    ASSERT(fuzz->in == NULL);
}
