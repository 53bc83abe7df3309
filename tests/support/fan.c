/* One wire, several queues, a seed. */
#include "tests/support/fan.h"

#include "base/prng.h"

#include <rte_malloc.h>

#define DEPTH 2048u
#define STAY 10u /* frames to one queue, on average */

struct fan {
    struct port *wire;
    struct prng prng;
    uint32_t count, open_count, at;
};

struct fan_queue {
    struct port port;
    struct fan *fan;
    uint32_t head, held;
    struct rte_mbuf *frames[DEPTH];
    struct fan_queue *others[FAN_QUEUES_MAX];
};

static void deliver(struct fan_queue *queue, struct rte_mbuf *frame)
{
    struct rte_mbuf *ours = frame;
    if (frame->pool != queue->port.frames) {
        ours = rte_pktmbuf_copy(frame, queue->port.frames, 0, UINT32_MAX);
        frame_give(frame);
    }
    if (ours == NULL || queue->held == DEPTH) {
        counter_add(&queue->port.counters.rx_no_frame, 1);
        if (ours != NULL)
            frame_give(ours);
        return;
    }
    queue->frames[(queue->head + queue->held++) % DEPTH] = ours;
}

static uint32_t fan_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct fan_queue *queue = CONTAINER_OF(port, struct fan_queue, port);
    struct fan *fan = queue->fan;
    struct rte_mbuf *burst[FRAME_BURST];
    uint32_t count = port_rx(fan->wire, burst, FRAME_BURST);
    for (uint32_t i = 0; i < count; i++) {
        if (prng_below(&fan->prng, STAY) == 0)
            fan->at = (uint32_t)prng_below(&fan->prng, fan->count);
        deliver(queue->others[fan->at], burst[i]);
    }
    for (count = 0; count < cap && queue->held > 0; queue->held--) {
        frames[count++] = queue->frames[queue->head];
        queue->head = (queue->head + 1) % DEPTH;
    }
    return count;
}

static uint32_t fan_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    port_tx(CONTAINER_OF(port, struct fan_queue, port)->fan->wire, frames, count);
    return count;
}

static void fan_close(struct port *port)
{
    struct fan_queue *queue = CONTAINER_OF(port, struct fan_queue, port);
    for (; queue->held > 0; queue->held--, queue->head = (queue->head + 1) % DEPTH)
        frame_give(queue->frames[queue->head]);
    if (--queue->fan->open_count == 0) {
        port_close(queue->fan->wire);
        rte_free(queue->fan);
    }
    rte_free(queue);
}

static const struct port_ops fan_ops = { .rx = fan_rx, .tx = fan_tx, .close = fan_close };

bool fan_open(struct port *wire, struct rte_mempool *const *frames, uint32_t count, uint64_t seed,
              struct port **queues)
{
    struct fan *fan = rte_zmalloc("fan", sizeof *fan, CACHE_LINE);
    struct fan_queue *made[FAN_QUEUES_MAX];
    ASSERT(count <= FAN_QUEUES_MAX);
    if (fan == NULL)
        return false;
    *fan = (struct fan){ .wire = wire, .count = count, .open_count = count };
    prng_init(&fan->prng, seed);
    for (uint32_t q = 0; q < count; q++) {
        made[q] = rte_zmalloc("fan_queue", sizeof *made[q], CACHE_LINE);
        if (made[q] == NULL)
            return false;
        made[q]->port = *wire;
        made[q]->port.ops = &fan_ops;
        made[q]->port.under = NULL;
        made[q]->port.counters = (struct port_counters){ 0 };
        made[q]->port.frames = frames[q];
        made[q]->fan = fan;
        queues[q] = &made[q]->port;
    }
    for (uint32_t q = 0; q < count; q++)
        for (uint32_t other = 0; other < count; other++)
            made[q]->others[other] = made[other];
    return true;
}
