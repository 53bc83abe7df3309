/* A bad network on either side of a port. Held frames sit in a heap by due time, one for each way; a
 * serial number keeps the order of frames due together. */
#include "io/impair.h"

#include "base/prng.h"

#include <rte_malloc.h>

#define IMPAIR_DEPTH 1024u
#define MILLION 1000000u

struct held {
    uint64_t due_ns;
    uint64_t serial;
    struct rte_mbuf *frame;
};

#define IMPAIR_COUNTERS(X)                                                                         \
    X(lost)                                                                                        \
    X(duplicated)                                                                                  \
    X(corrupted)                                                                                   \
    X(reordered)                                                                                   \
    X(full) /* dropped: so many are held already */

struct impair_counters {
#define IMPAIR_COUNTER(name) struct counter name;
    IMPAIR_COUNTERS(IMPAIR_COUNTER)
#undef IMPAIR_COUNTER
};

/* One way's frames. */
struct lane {
    struct impair_config config;
    struct impair_counters counters;
    struct prng prng;
    uint64_t last_due_ns; /* of the frames whose order is kept */
    uint64_t serial;
    uint32_t count;
    struct held *heap;
};

struct impair {
    struct port port;
    uint64_t now_ns;
    struct lane lanes[IMPAIR_WAYS];
    struct held held[];
};

static bool before(const struct held *a, const struct held *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->serial < b->serial;
}

static void heap_push(struct lane *lane, struct held held)
{
    uint32_t at = lane->count++;
    while (at > 0 && before(&held, &lane->heap[(at - 1) / 2])) {
        lane->heap[at] = lane->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    lane->heap[at] = held;
}

static struct rte_mbuf *heap_pop(struct lane *lane)
{
    struct rte_mbuf *top = lane->heap[0].frame;
    struct held last = lane->heap[--lane->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= lane->count)
            break;
        if (child + 1 < lane->count && before(&lane->heap[child + 1], &lane->heap[child]))
            child++;
        if (!before(&lane->heap[child], &last))
            break;
        lane->heap[at] = lane->heap[child];
        at = child;
    }
    lane->heap[at] = last;
    return top;
}

static bool chance(struct lane *lane, uint32_t ppm)
{
    return ppm > 0 && prng_below(&lane->prng, MILLION) < ppm;
}

static void hold(struct lane *lane, struct rte_mbuf *frame, uint64_t now_ns)
{
    const struct impair_config *config = &lane->config;
    if (lane->count == config->depth) {
        counter_add(&lane->counters.full, 1);
        frame_give(frame);
        return;
    }
    uint64_t due = now_ns + config->delay_ns;
    if (config->jitter_ns > 0)
        due += prng_below(&lane->prng, config->jitter_ns);
    if (chance(lane, config->reorder_ppm) && config->reorder_ns > 0) {
        counter_add(&lane->counters.reordered, 1);
        due += 1 + prng_below(&lane->prng, config->reorder_ns);
    } else {
        due = due < lane->last_due_ns ? lane->last_due_ns : due;
        lane->last_due_ns = due;
    }
    heap_push(lane, (struct held){ due, lane->serial++, frame });
}

/* One octet, so that no checksum can miss it: what a wire spoils beyond that its CRC catches. */
static void corrupt(struct lane *lane, struct rte_mbuf *frame)
{
    if (frame->data_len == 0)
        return;
    uint8_t *octet =
        rte_pktmbuf_mtod_offset(frame, uint8_t *, prng_below(&lane->prng, frame->data_len));
    *octet ^= (uint8_t)(1 + prng_below(&lane->prng, 255));
    counter_add(&lane->counters.corrupted, 1);
}

static void arrive(struct lane *lane, struct rte_mbuf *frame, uint64_t now_ns)
{
    if (chance(lane, lane->config.loss_ppm)) {
        counter_add(&lane->counters.lost, 1);
        frame_give(frame);
        return;
    }
    if (chance(lane, lane->config.duplicate_ppm)) {
        struct rte_mbuf *twin = rte_pktmbuf_copy(frame, frame->pool, 0, UINT32_MAX);
        if (twin != NULL) {
            counter_add(&lane->counters.duplicated, 1);
            hold(lane, twin, now_ns);
        }
    }
    if (chance(lane, lane->config.corrupt_ppm))
        corrupt(lane, frame);
    hold(lane, frame, now_ns);
}

/* At most `cap` frames that are due. */
static uint32_t due(struct lane *lane, struct rte_mbuf **frames, uint32_t cap, uint64_t now_ns)
{
    uint32_t taken = 0;
    while (taken < cap && lane->count > 0 && lane->heap[0].due_ns <= now_ns)
        frames[taken++] = heap_pop(lane);
    return taken;
}

/* Nothing to do to frames, and none held that others must not overtake. */
static bool passes(const struct lane *lane)
{
    return lane->count == 0 && !impair_is_on(&lane->config);
}

static uint32_t impair_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct impair *impair = CONTAINER_OF(port, struct impair, port);
    struct lane *lane = &impair->lanes[IMPAIR_RX];
    if (passes(lane))
        return port_rx(port->under, frames, cap);
    struct rte_mbuf *burst[FRAME_BURST];
    uint32_t count;
    do {
        count = port_rx(port->under, burst, FRAME_BURST);
        for (uint32_t i = 0; i < count; i++)
            arrive(lane, burst[i], impair->now_ns);
    } while (count == FRAME_BURST);
    return due(lane, frames, cap, impair->now_ns);
}

/* Whether any was due. */
static bool send_due(struct impair *impair)
{
    struct rte_mbuf *burst[FRAME_BURST];
    bool any = false;
    uint32_t count;
    while ((count = due(&impair->lanes[IMPAIR_TX], burst, FRAME_BURST, impair->now_ns)) > 0) {
        port_tx(impair->port.under, burst, count);
        any = true;
    }
    return any;
}

/* A frame is taken also when it is lost: to who sends, it has left. */
static uint32_t impair_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    struct impair *impair = CONTAINER_OF(port, struct impair, port);
    struct lane *lane = &impair->lanes[IMPAIR_TX];
    if (passes(lane)) {
        port_tx(port->under, frames, count);
        return count;
    }
    for (uint32_t i = 0; i < count; i++)
        arrive(lane, frames[i], impair->now_ns);
    send_due(impair);
    return count;
}

static void impair_close(struct port *port)
{
    struct impair *impair = CONTAINER_OF(port, struct impair, port);
    for (int way = 0; way < IMPAIR_WAYS; way++)
        while (impair->lanes[way].count > 0)
            frame_give(heap_pop(&impair->lanes[way]));
    port_close(port->under);
    rte_free(impair);
}

static bool impair_step(struct port *port, uint64_t now_ns)
{
    struct impair *impair = CONTAINER_OF(port, struct impair, port);
    impair->now_ns = now_ns;
    bool moved = port_step(port->under, now_ns);
    return send_due(impair) || moved;
}

static void figures(struct port *port, port_each *each, void *ctx)
{
    const struct impair *impair = CONTAINER_OF(port, struct impair, port);
    const struct impair_counters *rx = &impair->lanes[IMPAIR_RX].counters;
    const struct impair_counters *tx = &impair->lanes[IMPAIR_TX].counters;
#define IMPAIR_COUNTER(name)                                                                       \
    each(ctx, "impair", "rx_" #name, counter_read(&rx->name));                                     \
    each(ctx, "impair", "tx_" #name, counter_read(&tx->name));
    IMPAIR_COUNTERS(IMPAIR_COUNTER)
#undef IMPAIR_COUNTER
}

static const struct port_ops impair_ops = {
    .rx = impair_rx, .tx = impair_tx, .close = impair_close, .step = impair_step, .figures = figures
};

bool impair_is_on(const struct impair_config *config)
{
    return (config->loss_ppm | config->duplicate_ppm | config->corrupt_ppm | config->reorder_ppm |
            config->delay_ns | config->jitter_ns) != 0;
}

struct port *impair_open(struct port *under, const struct impair_config ways[IMPAIR_WAYS],
                         struct fault *fault)
{
    uint32_t depths[IMPAIR_WAYS], sum = 0;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        depths[way] = ways[way].depth != 0 ? ways[way].depth : IMPAIR_DEPTH;
        sum += depths[way];
    }
    struct impair *impair =
        rte_zmalloc("impair", sizeof *impair + sum * sizeof impair->held[0], CACHE_LINE);
    if (impair == NULL) {
        fault_set(fault, "impairment of %u frames: no memory: give the EAL more", sum);
        return NULL;
    }
    port_over(&impair->port, under, &impair_ops);
    impair->port.offloads = 0; /* corrupted on purpose: checksums are made and checked above */
    struct held *heap = impair->held;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        struct lane *lane = &impair->lanes[way];
        lane->config = ways[way];
        lane->config.depth = depths[way];
        lane->heap = heap;
        heap += depths[way];
        prng_init(&lane->prng, ways[way].seed);
    }
    return &impair->port;
}

void impair_set(struct port *port, enum impair_way way, const struct impair_config *config)
{
    struct lane *lane = &CONTAINER_OF(port, struct impair, port)->lanes[way];
    uint32_t depth = lane->config.depth;
    lane->config = *config;
    lane->config.depth = depth;
}

static_assert(offsetof(struct impair, port) == 0, "a port's address is its impairment's");

uint64_t impair_next_ns(const struct port *port)
{
    const struct impair *impair = (const struct impair *)(const void *)port;
    uint64_t next = UINT64_MAX;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        const struct lane *lane = &impair->lanes[way];
        if (lane->count > 0 && lane->heap[0].due_ns < next)
            next = lane->heap[0].due_ns;
    }
    return next;
}
