/* Frames to the edge that owns their flow: one stage between a queue and its net. */
#include "io/resteer.h"

#include "io/flow_read.h"
#include "io/frame_ring.h"

#include <rte_malloc.h>
#include <rte_prefetch.h>

#define PREFETCH_AHEAD 4u

struct resteer_counters {
#define RESTEER_COUNTER(name) struct counter name;
    RESTEER_COUNTERS(RESTEER_COUNTER)
#undef RESTEER_COUNTER
};

/* What the ports of one device share. */
struct resteer_group {
    uint32_t count, open_count;
    struct frame_ring rings[RESTEER_QUEUES_MAX][RESTEER_QUEUES_MAX]; /* [from][to] */
};

struct resteer {
    struct port port;
    struct resteer_group *group;
    uint32_t index;
    uint32_t turn; /* whose ring is read first */
    bool is_busy;  /* passed frames on that rx did not show */
    struct resteer_counters counters;
};

static void pass(struct resteer *resteer, const struct rte_mbuf *frame, uint32_t to,
                 struct counter *as)
{
    struct frame_ring *ring = &resteer->group->rings[resteer->index][to];
    struct rte_mbuf *copy = frame_ring_copy(ring, frame);
    if (copy != NULL)
        frame_ring_put(ring, copy);
    counter_add(copy != NULL ? as : &resteer->counters.ring_full, 1);
    resteer->is_busy = true;
}

static void tell_all(struct resteer *resteer, const struct rte_mbuf *frame)
{
    for (uint32_t to = 0; to < resteer->group->count; to++)
        if (to != resteer->index)
            pass(resteer, frame, to, &resteer->counters.told_all);
}

/* Whether the frame is ours; if not it has gone to its owner. */
static bool keep(struct resteer *resteer, struct rte_mbuf *frame)
{
    struct flow flow;
    uint32_t to;
    switch (flow_read(frame_bytes(frame), &flow)) {
    case FLOW_FINDER:
        return true;
    case FLOW_ALL:
        tell_all(resteer, frame);
        return true;
    case FLOW_EDGE:
        to = flow_edge(&flow, resteer->group->count);
        if (to == resteer->index)
            return true;
        pass(resteer, frame, to, &resteer->counters.passed);
        frame_give(frame);
        return false;
    }
    return true;
}

/* From the others first, as much as leaves half for the queue: neither starves. */
static uint32_t received(struct resteer *resteer, struct rte_mbuf **frames, uint32_t cap)
{
    struct resteer_group *group = resteer->group;
    uint32_t count = 0;
    resteer->turn = (resteer->turn + 1) % group->count;
    for (uint32_t i = 0; i < group->count && count < cap; i++) {
        uint32_t from = (resteer->turn + i) % group->count;
        if (from != resteer->index)
            count +=
                frame_ring_pop(&group->rings[from][resteer->index], frames + count, cap - count);
    }
    counter_add(&resteer->counters.received, count);
    return count;
}

static uint32_t resteer_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct resteer *resteer = CONTAINER_OF(port, struct resteer, port);
    uint32_t kept = received(resteer, frames, cap / 2);
    struct rte_mbuf *burst[FRAME_BURST];
    uint32_t room = cap - kept < FRAME_BURST ? cap - kept : FRAME_BURST;
    uint32_t count = port_rx(port->under, burst, room);
    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            rte_prefetch0(rte_pktmbuf_mtod(burst[i + PREFETCH_AHEAD], void *));
        if (keep(resteer, burst[i]))
            frames[kept++] = burst[i];
    }
    return kept;
}

static uint32_t resteer_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    port_tx(port->under, frames, count);
    return count;
}

static bool resteer_step(struct port *port, uint64_t now_ns)
{
    struct resteer *resteer = CONTAINER_OF(port, struct resteer, port);
    bool was_busy = resteer->is_busy;
    resteer->is_busy = false;
    return port_step(port->under, now_ns) || was_busy;
}

static void resteer_figures(struct port *port, port_each *each, void *ctx)
{
    const struct resteer *resteer = CONTAINER_OF(port, struct resteer, port);
#define RESTEER_COUNTER(name) each(ctx, "resteer", #name, counter_read(&resteer->counters.name));
    RESTEER_COUNTERS(RESTEER_COUNTER)
#undef RESTEER_COUNTER
}

static void group_free(struct resteer_group *group)
{
    for (uint32_t from = 0; from < group->count; from++)
        for (uint32_t to = 0; to < group->count; to++)
            frame_ring_close(&group->rings[from][to]);
    rte_free(group);
}

static void resteer_close(struct port *port)
{
    struct resteer *resteer = CONTAINER_OF(port, struct resteer, port);
    port_close(port->under);
    if (--resteer->group->open_count == 0)
        group_free(resteer->group);
    rte_free(resteer);
}

static const struct port_ops resteer_ops = { .rx = resteer_rx,
                                             .tx = resteer_tx,
                                             .step = resteer_step,
                                             .figures = resteer_figures,
                                             .close = resteer_close };

static struct resteer_group *group_make(uint32_t count, struct fault *fault)
{
    struct resteer_group *group = rte_zmalloc("resteer", sizeof *group, CACHE_LINE);
    if (group == NULL) {
        fault_set(fault, "no memory for the rings between edges: raise memory.size");
        return NULL;
    }
    uint32_t depth = count > 1 ? RESTEER_FRAMES / (count - 1) : 0;
    if (depth < RESTEER_FRAMES_MIN)
        depth = RESTEER_FRAMES_MIN;
    group->count = group->open_count = count;
    for (uint32_t from = 0; from < count; from++)
        for (uint32_t to = 0; to < count; to++)
            if (from != to && !frame_ring_open(&group->rings[from][to], depth, fault)) {
                group_free(group);
                return NULL;
            }
    return group;
}

bool resteer_open(struct port *const *queues, uint32_t count, struct port **ports,
                  struct fault *fault)
{
    ASSERT(count >= 1 && count <= RESTEER_QUEUES_MAX);
    struct resteer *made[RESTEER_QUEUES_MAX] = { NULL };
    struct resteer_group *group = group_make(count, fault);
    bool whole = group != NULL;
    for (uint32_t i = 0; whole && i < count; i++) {
        made[i] = rte_zmalloc("resteer", sizeof *made[i], CACHE_LINE);
        whole = made[i] != NULL;
        if (!whole)
            fault_set(fault, "no memory for the rings between edges: raise memory.size");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!whole) {
            rte_free(made[i]);
            continue;
        }
        port_over(&made[i]->port, queues[i], &resteer_ops);
        made[i]->group = group;
        made[i]->index = i;
        ports[i] = &made[i]->port;
    }
    if (!whole && group != NULL)
        group_free(group);
    return whole;
}
