/* Three queues whose network delivers where it likes: each net gets its own flows, in order. */
#include "base/prng.h"
#include "io/flow_read.h"
#include "io/net/arp.h"
#include "io/net/eth.h"
#include "io/port_mem.h"
#include "io/resteer.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/frames.h"

#include <stdio.h>

#define QUEUES 3u
#define FRAMES 8191u
#define FLOWS 50u

static struct rte_mempool *pools[QUEUES], *wire;
static struct port *edges[QUEUES]; /* what a net has */
static struct port *far[QUEUES];   /* what the network puts in */

static int set_up(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct port *queues[QUEUES], *ends[2];
    wire = frame_pool_create("wire", FRAMES, SOCKET_ID_ANY, &fault);
    for (uint32_t q = 0; q < QUEUES; q++) {
        char name[16];
        snprintf(name, sizeof name, "queue%u", q);
        pools[q] = frame_pool_create(name, FRAMES, SOCKET_ID_ANY, &fault);
        assert_non_null(pools[q]);
        struct port_mem_config config = { .frames = { pools[q], wire }, .depth = 4096 };
        assert_true(port_mem_open(&config, ends, &fault));
        queues[q] = ends[0];
        far[q] = ends[1];
    }
    assert_true(resteer_open(queues, QUEUES, edges, &fault));
    alloc_trap_arm();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    alloc_trap_disarm();
    for (uint32_t q = 0; q < QUEUES; q++)
        port_close(far[q]);
    for (uint32_t q = 0; q < QUEUES; q++)
        port_close(edges[q]);
    for (uint32_t q = 0; q < QUEUES; q++) {
        assert_int_equal(rte_mempool_avail_count(pools[q]), FRAMES);
        rte_mempool_free(pools[q]);
    }
    assert_int_equal(rte_mempool_avail_count(wire), FRAMES);
    rte_mempool_free(wire);
    return 0;
}

struct wanted {
    const char *event;
    uint64_t value;
};

static void find(void *ctx, const char *layer, const char *event, uint64_t value)
{
    struct wanted *wanted = ctx;
    if (strcmp(layer, "resteer") == 0 && strcmp(event, wanted->event) == 0)
        wanted->value = value;
}

static uint64_t figure(uint32_t edge, const char *event)
{
    struct wanted wanted = { event, UINT64_MAX };
    port_figures(edges[edge], find, &wanted);
    assert_int_not_equal(wanted.value, UINT64_MAX);
    return wanted.value;
}

static uint64_t figures(const char *event)
{
    uint64_t sum = 0;
    for (uint32_t e = 0; e < QUEUES; e++)
        sum += figure(e, event);
    return sum;
}

static void put(uint32_t queue, struct span octets)
{
    struct rte_mbuf *frame = frame_take(wire);
    assert_non_null(frame);
    struct writer w = frame_append(frame, (uint16_t)octets.len);
    writer_bytes(&w, octets);
    assert_int_equal(w.err, ERR_OK);
    port_tx(far[queue], &frame, 1);
}

/* A frame of flow `flow`, whose length tells its place. */
static struct span frame_of(struct frame_text *text, uint32_t flow, uint32_t place)
{
    return frame_segment(text, "192.0.2.9", "192.0.2.1", (uint16_t)(30000 + flow), 2775, place);
}

static uint32_t owner_of(uint32_t flow)
{
    struct flow tuple = { { addr_read("192.0.2.1"), addr_read("192.0.2.9") },
                          { 2775, (uint16_t)(30000 + flow) } };
    return flow_edge(&tuple, QUEUES);
}

static uint32_t next_place[FLOWS];

/* One turn of an edge: each frame is of a flow of its own, and the next of it. */
static uint32_t take(uint32_t edge)
{
    struct rte_mbuf *frames[FRAME_BURST];
    port_step(edges[edge], 0);
    uint32_t count = port_rx(edges[edge], frames, FRAME_BURST);
    for (uint32_t i = 0; i < count; i++) {
        struct flow flow;
        struct span octets = frame_bytes(frames[i]);
        assert_int_equal(flow_read(octets, &flow), FLOW_EDGE);
        assert_int_equal(flow_edge(&flow, QUEUES), edge);
        uint32_t number = flow.port[0] - 30000u;
        assert_int_equal(octets.len, 14 + 20 + 4 + next_place[number]);
        next_place[number]++;
        frame_give(frames[i]);
    }
    return count;
}

static void flows_come_home_in_order(void **state)
{
    (void)state;
    struct prng prng;
    struct frame_text text;
    uint32_t sent[FLOWS] = { 0 }, queue_of[FLOWS] = { 0 };
    uint64_t foreign = 0, total = 0, got = 0;
    memset(next_place, 0, sizeof next_place);
    prng_init(&prng, 7);
    for (uint32_t round = 0; round < 400; round++) {
        for (uint32_t i = 0; i < 20; i++) {
            uint32_t flow = (uint32_t)prng_below(&prng, FLOWS);
            if (sent[flow] == 400)
                continue;
            put(queue_of[flow], frame_of(&text, flow, sent[flow]++));
            foreign += queue_of[flow] != owner_of(flow);
            total++;
        }
        uint32_t moved;
        do {
            moved = 0;
            for (uint32_t e = 0; e < QUEUES; e++)
                moved += take(e);
        } while (moved > 0);
        /* All is through: a flow may change its queue, as a sender does after a time-out. */
        uint32_t flow = (uint32_t)prng_below(&prng, FLOWS);
        queue_of[flow] = (uint32_t)prng_below(&prng, QUEUES);
    }
    for (uint32_t flow = 0; flow < FLOWS; flow++) {
        assert_int_equal(next_place[flow], sent[flow]);
        got += next_place[flow];
    }
    assert_int_equal(got, total);
    assert_true(foreign > total / 3);
    assert_int_equal(figures("passed"), foreign);
    assert_int_equal(figures("received"), foreign);
    assert_int_equal(figures("ring_full"), 0);
    assert_int_equal(figures("told_all"), 0);
}

static uint32_t drain(uint32_t edge)
{
    struct rte_mbuf *frames[FRAME_BURST];
    uint32_t count = 0, more;
    while ((more = port_rx(edges[edge], frames, FRAME_BURST)) > 0 || port_step(edges[edge], 0)) {
        for (uint32_t i = 0; i < more; i++)
            frame_give(frames[i]);
        count += more;
    }
    return count;
}

static void every_edge_hears_of_neighbours(void **state)
{
    (void)state;
    struct frame_text packet, text;
    put(1, frame_eth(&text, ETH_TYPE_ARP, 0,
                     packet_arp(&packet, ARP_REPLY, "192.0.2.9", "192.0.2.1")));
    for (uint32_t i = 0; i < QUEUES; i++)
        assert_int_equal(drain((i + 1) % QUEUES), 1);
    assert_int_equal(figure(1, "told_all"), 2);
    put(1, frame_eth(&text, ETH_TYPE_ARP, 0,
                     packet_arp(&packet, ARP_REQUEST, "192.0.2.9", "192.0.2.1")));
    assert_int_equal(drain(1), 1); /* answered once */
    assert_int_equal(drain(0) + drain(2), 0);
}

/* An owner that does not turn costs its own frames, and nobody else a wait. */
static void a_full_ring_drops(void **state)
{
    (void)state;
    struct frame_text text;
    uint32_t flow = 0, depth = RESTEER_FRAMES / (QUEUES - 1), of_others = 0;
    while (owner_of(flow) != 2)
        flow++;
    uint32_t other = 0;
    while (owner_of(other) != 0)
        other++;
    for (uint32_t i = 0; i < depth + 100; i++) {
        put(0, frame_of(&text, flow, 1));
        if (i % 10 == 0)
            put(0, frame_of(&text, other, 1));
        of_others += drain(0);
    }
    assert_int_equal(of_others, (depth + 100 + 9) / 10);
    assert_int_equal(figure(0, "passed"), depth);
    assert_int_equal(figure(0, "ring_full"), 100);
    assert_int_equal(drain(2), depth);
    put(0, frame_of(&text, flow, 1));
    assert_int_equal(drain(0), 0);
    assert_int_equal(drain(2), 1);
}

/* Half of a burst is the queue's own, however much the others bring. */
static void neither_ring_nor_queue_starves(void **state)
{
    (void)state;
    struct frame_text text;
    struct rte_mbuf *frames[FRAME_BURST];
    uint32_t flow = 0, from_queue = 0;
    while (owner_of(flow) != 2)
        flow++;
    for (uint32_t i = 0; i < 500; i++) {
        put(0, frame_of(&text, flow, 1));
        put(2, frame_of(&text, flow, 200));
    }
    drain(0);
    uint32_t count = port_rx(edges[2], frames, FRAME_BURST);
    assert_int_equal(count, FRAME_BURST);
    for (uint32_t i = 0; i < count; i++) {
        from_queue += frames[i]->pkt_len > 200;
        frame_give(frames[i]);
    }
    assert_int_equal(from_queue, FRAME_BURST / 2);
    drain(2);
}

#define ON_QUEUES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_QUEUES(flows_come_home_in_order),
        ON_QUEUES(every_edge_hears_of_neighbours),
        ON_QUEUES(a_full_ring_drops),
        ON_QUEUES(neither_ring_nor_queue_starves),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
