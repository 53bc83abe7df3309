/* A bad network, on the receiving side of a port. Held frames sit in a heap by due time; a serial
 * number keeps the order of frames due together. */
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

struct impair {
    struct port port;
    struct impair_config config;
    struct impair_counters counters;
    struct prng prng;
    uint64_t now_ns;
    uint64_t last_due_ns; /* of the frames whose order is kept */
    uint64_t serial;
    uint32_t count;
    struct held heap[];
};

static bool before(const struct held *a, const struct held *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->serial < b->serial;
}

static void heap_push(struct impair *impair, struct held held)
{
    uint32_t at = impair->count++;
    while (at > 0 && before(&held, &impair->heap[(at - 1) / 2])) {
        impair->heap[at] = impair->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    impair->heap[at] = held;
}

static struct rte_mbuf *heap_pop(struct impair *impair)
{
    struct rte_mbuf *top = impair->heap[0].frame;
    struct held last = impair->heap[--impair->count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= impair->count)
            break;
        if (child + 1 < impair->count && before(&impair->heap[child + 1], &impair->heap[child]))
            child++;
        if (!before(&impair->heap[child], &last))
            break;
        impair->heap[at] = impair->heap[child];
        at = child;
    }
    impair->heap[at] = last;
    return top;
}

static bool chance(struct impair *impair, uint32_t ppm)
{
    return ppm > 0 && prng_below(&impair->prng, MILLION) < ppm;
}

static void hold(struct impair *impair, struct rte_mbuf *frame)
{
    const struct impair_config *config = &impair->config;
    if (impair->count == config->depth) {
        counter_add(&impair->counters.full, 1);
        frame_give(frame);
        return;
    }
    uint64_t due = impair->now_ns + config->delay_ns;
    if (config->jitter_ns > 0)
        due += prng_below(&impair->prng, config->jitter_ns);
    if (chance(impair, config->reorder_ppm) && config->reorder_ns > 0) {
        counter_add(&impair->counters.reordered, 1);
        due += 1 + prng_below(&impair->prng, config->reorder_ns);
    } else {
        due = due < impair->last_due_ns ? impair->last_due_ns : due;
        impair->last_due_ns = due;
    }
    heap_push(impair, (struct held){ due, impair->serial++, frame });
}

/* One octet, so that no checksum can miss it: what a wire spoils beyond that its CRC catches. */
static void corrupt(struct impair *impair, struct rte_mbuf *frame)
{
    if (frame->data_len == 0)
        return;
    uint8_t *octet =
        rte_pktmbuf_mtod_offset(frame, uint8_t *, prng_below(&impair->prng, frame->data_len));
    *octet ^= (uint8_t)(1 + prng_below(&impair->prng, 255));
    counter_add(&impair->counters.corrupted, 1);
}

static void arrive(struct impair *impair, struct rte_mbuf *frame)
{
    if (chance(impair, impair->config.loss_ppm)) {
        counter_add(&impair->counters.lost, 1);
        frame_give(frame);
        return;
    }
    if (chance(impair, impair->config.duplicate_ppm)) {
        struct rte_mbuf *twin = rte_pktmbuf_copy(frame, frame->pool, 0, UINT32_MAX);
        if (twin != NULL) {
            counter_add(&impair->counters.duplicated, 1);
            hold(impair, twin);
        }
    }
    if (chance(impair, impair->config.corrupt_ppm))
        corrupt(impair, frame);
    hold(impair, frame);
}

static uint32_t impair_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct impair *impair = CONTAINER_OF(port, struct impair, port);
    struct rte_mbuf *burst[FRAME_BURST];
    uint32_t count;
    do {
        count = port_rx(port->under, burst, FRAME_BURST);
        for (uint32_t i = 0; i < count; i++)
            arrive(impair, burst[i]);
    } while (count == FRAME_BURST);
    uint32_t taken = 0;
    while (taken < cap && impair->count > 0 && impair->heap[0].due_ns <= impair->now_ns)
        frames[taken++] = heap_pop(impair);
    return taken;
}

static uint32_t impair_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    port_tx(port->under, frames, count);
    return count;
}

static void impair_close(struct port *port)
{
    struct impair *impair = CONTAINER_OF(port, struct impair, port);
    while (impair->count > 0)
        frame_give(heap_pop(impair));
    port_close(port->under);
    rte_free(impair);
}

static bool step(struct port *port, uint64_t now_ns)
{
    impair_step(port, now_ns);
    return port_step(port->under, now_ns);
}

static void figures(struct port *port, port_each *each, void *ctx)
{
    const struct impair_counters *counters = impair_counters(port);
    each(ctx, "impair", "lost", counter_read(&counters->lost));
    each(ctx, "impair", "duplicated", counter_read(&counters->duplicated));
    each(ctx, "impair", "corrupted", counter_read(&counters->corrupted));
    each(ctx, "impair", "reordered", counter_read(&counters->reordered));
    each(ctx, "impair", "full", counter_read(&counters->full));
}

static const struct port_ops impair_ops = {
    .rx = impair_rx, .tx = impair_tx, .close = impair_close, .step = step, .figures = figures
};

struct port *impair_open(struct port *under, const struct impair_config *config,
                         struct fault *fault)
{
    uint32_t depth = config->depth != 0 ? config->depth : IMPAIR_DEPTH;
    struct impair *impair =
        rte_zmalloc("impair", sizeof *impair + depth * sizeof impair->heap[0], CACHE_LINE);
    if (impair == NULL) {
        fault_set(fault, "impairment of %u frames: no memory: give the EAL more", depth);
        return NULL;
    }
    port_over(&impair->port, under, &impair_ops);
    impair->port.offloads = 0; /* corrupted on purpose: no verdict from below still holds */
    impair->config = *config;
    impair->config.depth = depth;
    prng_init(&impair->prng, config->seed);
    return &impair->port;
}

void impair_set(struct port *port, const struct impair_config *config)
{
    struct impair *impair = CONTAINER_OF(port, struct impair, port);
    uint32_t depth = impair->config.depth;
    impair->config = *config;
    impair->config.depth = depth;
}

void impair_step(struct port *port, uint64_t now_ns)
{
    CONTAINER_OF(port, struct impair, port)->now_ns = now_ns;
}

static_assert(offsetof(struct impair, port) == 0, "a port's address is its impairment's");

uint64_t impair_next_ns(const struct port *port)
{
    const struct impair *impair = (const struct impair *)(const void *)port;
    return impair->count > 0 ? impair->heap[0].due_ns : UINT64_MAX;
}

const struct impair_counters *impair_counters(const struct port *port)
{
    const struct impair *impair = (const struct impair *)(const void *)port;
    return &impair->counters;
}
