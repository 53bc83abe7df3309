/* Two AF_XDP devices of ours face to face over a veth pair, two queues each, in one process:
 *
 *     xsk_frames IFACE PEER
 *
 * Frames of every make (whole, in segments, of another pool, shared) go out on one queue and must
 * come in on the same queue of the other end, octet for octet; a full ring and an empty pool are
 * counted, and at the end every pool has all its frames back. */
#include "io/port_xsk.h"

#include <rte_eal.h>
#include <rte_mempool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUES 2u
#define FRAMES 2047u
#define RING 256u
#define HEADERS 34u /* Ethernet and IPv4 */
#define PATIENCE_S 10

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "xsk_frames: " __VA_ARGS__);                                           \
            fputc('\n', stderr);                                                                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct end {
    struct ip_addr addr;
    struct xsk_device *device;
    struct rte_mempool *pools[QUEUES];
    struct port *ports[QUEUES];
};

static struct end ends[2];
static struct rte_mempool *stranger; /* a pool that is no port's */

static time_t now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void end_open(struct end *end, const char *interface, uint32_t addr)
{
    struct fault fault = { "" };
    end->addr = ip_addr_v4(addr);
    const struct steer_config config = {
        .interface = interface, .addresses = &end->addr, .address_count = 1, .queue_count = QUEUES
    };
    end->device = xsk_device_open(&config, &fault);
    CHECK(end->device != NULL, "%s", fault.text);
    for (uint32_t q = 0; q < QUEUES; q++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%u", interface, q);
        end->pools[q] = frame_pool_create(name, FRAMES, SOCKET_ID_ANY, &fault);
        CHECK(end->pools[q] != NULL, "%s", fault.text);
    }
    const struct port_xsk_config port = { .ring_len = RING };
    CHECK(port_xsk_open_queues(end->device, &port, end->pools, end->ports, &fault), "%s",
          fault.text);
}

/* Room for a frame's octets, and a pattern that tells frames apart. */
static void pattern(struct rte_mbuf *frame, uint32_t len, uint32_t number)
{
    struct writer out = frame_append(frame, (uint16_t)len);
    for (uint32_t i = 0; i < len; i++)
        writer_u8(&out, (uint8_t)(number * 31 + i * 7 + (i >> 8)));
    CHECK(written(&out).len == len, "no room for %u octets", len);
}

/* Ethernet and IPv4 to the other end, as far as the program looks. */
static void headers(struct rte_mbuf *frame, const struct end *from, const struct end *to)
{
    struct writer out = frame_prepend(frame, HEADERS);
    writer_bytes(&out, span_of(to->ports[0]->mac, 6));
    writer_bytes(&out, span_of(from->ports[0]->mac, 6));
    writer_u16(&out, 0x0800);
    writer_u64(&out, 0x4500001400000000u);
    writer_u32(&out, 0x40FD0000);
    writer_u32(&out, ip_v4(from->addr));
    writer_u32(&out, ip_v4(to->addr));
    CHECK(written(&out).len == HEADERS, "headers");
}

static struct rte_mbuf *take(struct rte_mempool *pool)
{
    struct rte_mbuf *frame = frame_take(pool);
    CHECK(frame != NULL, "pool %s is empty", pool->name);
    return frame;
}

enum make { WHOLE, SEGMENTS, STRANGE, SHARED, MAKES };

static struct rte_mbuf *frame_make(enum make make, const struct end *from, const struct end *to,
                                   uint32_t queue, uint32_t len, uint32_t number)
{
    struct rte_mbuf *frame = take(make == STRANGE ? stranger : from->pools[queue]);
    if (make == SEGMENTS) {
        struct rte_mbuf *tail = take(from->pools[queue]);
        pattern(tail, len, number);
        CHECK(rte_pktmbuf_chain(frame, tail) == 0, "chain");
    } else {
        pattern(frame, len, number);
    }
    headers(frame, from, to);
    if (make == SHARED)
        rte_mbuf_refcnt_update(frame, 1);
    return frame;
}

static void frame_check(struct rte_mbuf *frame, uint32_t len, uint32_t number)
{
    CHECK(frame->nb_segs == 1 && frame->pkt_len == HEADERS + len, "frame %u: %u octets, not %u",
          number, frame->pkt_len, HEADERS + len);
    struct span in = span_after(frame_bytes(frame), HEADERS);
    for (uint32_t i = 0; i < len; i++)
        CHECK(in.bytes[i] == (uint8_t)(number * 31 + i * 7 + (i >> 8)),
              "frame %u: octet %u differs", number, i);
}

/* One frame over, and in on the same queue. */
static void pass(enum make make, const struct end *from, const struct end *to, uint32_t queue,
                 uint32_t len, uint32_t number)
{
    struct rte_mbuf *out = frame_make(make, from, to, queue, len, number), *in = NULL;
    port_tx(from->ports[queue], &out, 1);
    time_t deadline = now_s() + PATIENCE_S;
    while (port_rx(to->ports[queue], &in, 1) == 0)
        CHECK(now_s() < deadline, "frame %u of make %d, %u octets, is lost on queue %u", number,
              make, len, queue);
    frame_check(in, len, number);
    frame_give(in);
    if (make == SHARED) { /* ours again, as it was */
        frame_check(out, len, number);
        frame_give(out);
    }
}

static uint64_t counted;

static void count_one(void *ctx, const char *event, uint64_t value)
{
    if (strcmp(event, ctx) == 0)
        counted = value;
}

static uint64_t figure(struct port *port, const char *event)
{
    char name[32];
    snprintf(name, sizeof name, "%s", event);
    counted = UINT64_MAX;
    port_xsk_figures(port, count_one, name);
    CHECK(counted != UINT64_MAX, "no figure %s", event);
    return counted;
}

static void every_make_passes(void)
{
    static const uint32_t lens[] = { 26, 64, 100, 500, 1000, 1466 };
    uint32_t number = 0;
    for (uint32_t way = 0; way < 2; way++)
        for (uint32_t queue = 0; queue < QUEUES; queue++)
            for (uint32_t make = 0; make < MAKES; make++)
                for (uint32_t i = 0; i < COUNT(lens); i++)
                    for (uint32_t again = 0; again < 100; again++)
                        pass(make, &ends[way], &ends[1 - way], queue, lens[i], number++);
    for (uint32_t queue = 0; queue < QUEUES; queue++) {
        uint64_t wanted = (MAKES - 1) * COUNT(lens) * 100, is;
        is = figure(ends[0].ports[queue], "tx_copied");
        CHECK(is == wanted, "queue %u: %lu copied, not %lu", queue, (unsigned long)is,
              (unsigned long)wanted);
        struct steer_queue tally = steer_view_queue(xsk_device_view(ends[0].device), queue);
        CHECK(tally.redirected == MAKES * COUNT(lens) * 100, "queue %u: %lu redirected", queue,
              (unsigned long)tally.redirected);
    }
    printf("%u frames of %d makes passed, each on its queue\n", number, MAKES);
}

/* Bursts as they come; what nobody fetches overflows, and both sides say so. */
static void overflow_is_counted(void)
{
    struct rte_mbuf *burst[FRAME_BURST];
    uint64_t sent = 0, received = 0, kernel_lost;
    for (uint32_t round = 0; round < 64; round++) {
        for (uint32_t i = 0; i < FRAME_BURST; i++)
            burst[i] = frame_make(WHOLE, &ends[0], &ends[1], 0, 100, i);
        port_tx(ends[0].ports[0], burst, FRAME_BURST);
    }
    const struct port_counters *tx = &ends[0].ports[0]->counters;
    sent = 64 * FRAME_BURST - counter_read(&tx->tx_full);
    time_t deadline = now_s() + PATIENCE_S;
    do {
        uint32_t count = port_rx(ends[1].ports[0], burst, FRAME_BURST);
        for (uint32_t i = 0; i < count; i++)
            frame_give(burst[i]);
        received += count;
        port_rx(ends[0].ports[0], burst, 0); /* sends on what the kernel left */
        kernel_lost =
            figure(ends[1].ports[0], "rx_dropped") + figure(ends[1].ports[0], "rx_ring_full");
        CHECK(now_s() < deadline, "%lu sent, %lu came, %lu told as lost", (unsigned long)sent,
              (unsigned long)received, (unsigned long)kernel_lost);
    } while (received + kernel_lost < sent);
    CHECK(kernel_lost > 0, "a ring of %u took %lu frames", RING, (unsigned long)sent);
    printf("%lu sent, %lu came, %lu lost, all counted\n", (unsigned long)sent,
           (unsigned long)received, (unsigned long)kernel_lost);
}

static void an_empty_pool_is_counted(void)
{
    static struct rte_mbuf *held[FRAMES];
    uint32_t count = 0;
    struct port *port = ends[1].ports[0];
    while (count < FRAMES && (held[count] = frame_take(ends[1].pools[0])) != NULL)
        count++;
    uint64_t before = figure(port, "fill_short");
    struct rte_mbuf *burst[FRAME_BURST], *frame, *in;
    for (uint32_t i = 0; i < FRAME_BURST; i++)
        burst[i] = frame_make(STRANGE, &ends[1], &ends[0], 0, 100, i);
    port_tx(port, burst,
            FRAME_BURST); /* copies, for which there are what was sent before, at most */
    CHECK(figure(port, "tx_no_frame") > 0, "frames were sent from an empty pool");
    frame = frame_make(WHOLE, &ends[0], &ends[1], 0, 100, 2);
    port_tx(ends[0].ports[0], &frame, 1);
    time_t deadline = now_s() + PATIENCE_S;
    while (port_rx(port, &in, 1) == 0)
        CHECK(now_s() < deadline, "frames that the driver had were not used");
    frame_give(in);
    CHECK(figure(port, "fill_short") > before, "an empty pool was not counted");
    for (uint32_t i = 0; i < count; i++)
        frame_give(held[i]);
    for (uint32_t i = 0; i < 100; i++)
        pass(WHOLE, &ends[0], &ends[1], 0, 100, i);
    printf("an empty pool is counted, and survived\n");
}

static void all_come_home(void)
{
    struct rte_mbuf *burst[FRAME_BURST]; /* left in every ring */
    for (uint32_t i = 0; i < FRAME_BURST; i++)
        burst[i] = frame_make(WHOLE, &ends[0], &ends[1], 1, 100, i);
    port_tx(ends[0].ports[1], burst, FRAME_BURST);
    for (uint32_t e = 0; e < 2; e++) {
        xsk_device_close(ends[e].device);
        for (uint32_t q = 0; q < QUEUES; q++) {
            port_close(ends[e].ports[q]);
            unsigned left = rte_mempool_avail_count(ends[e].pools[q]);
            CHECK(left == FRAMES, "end %u, queue %u: %u of %u frames came home", e, q, left,
                  FRAMES);
        }
    }
    CHECK(rte_mempool_avail_count(stranger) == FRAMES, "a strange frame did not come home");
    printf("all frames came home\n");
}

int main(int argc, char **argv)
{
    char args[][24] = {
        "xsk_frames",     "--no-huge",        "-m", "128", "--no-shconf", "--no-pci",
        "--no-telemetry", "--log-level=error"
    };
    char *eal[COUNT(args) + 1] = { NULL };
    struct fault fault = { "" };
    CHECK(argc == 3, "usage: xsk_frames IFACE PEER");
    for (size_t i = 0; i < COUNT(args); i++)
        eal[i] = args[i];
    CHECK(rte_eal_init((int)COUNT(args), eal) >= 0, "EAL does not start");
    stranger = frame_pool_create("stranger", FRAMES, SOCKET_ID_ANY, &fault);
    CHECK(stranger != NULL, "%s", fault.text);
    end_open(&ends[0], argv[1], 0x0A630001);
    end_open(&ends[1], argv[2], 0x0A630002);
    every_make_passes();
    overflow_is_counted();
    an_empty_pool_is_counted();
    all_come_home();
    return 0;
}
