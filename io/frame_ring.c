/* A ring as deep as its pool: a copy that was had always fits in. */
#include "io/frame_ring.h"

#include <rte_errno.h>
#include <rte_ring.h>

#include <stdio.h>

bool frame_ring_open(struct frame_ring *ring, uint32_t depth, struct fault *fault)
{
    static _Atomic uint32_t serial; /* names are the process's */
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof name, "frame_ring%u", serial++);
    ring->pool = rte_pktmbuf_pool_create_by_ops(name, depth, 0, 0, RTE_PKTMBUF_HEADROOM + FRAME_CAP,
                                                SOCKET_ID_ANY, "ring_sp_sc");
    ring->ring = rte_ring_create(name, depth, SOCKET_ID_ANY,
                                 RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
    if (ring->pool != NULL && ring->ring != NULL)
        return true;
    fault_set(fault, "no memory for %u frames between cores (%s): raise memory.size", depth,
              rte_strerror(rte_errno));
    frame_ring_close(ring);
    return false;
}

void frame_ring_close(struct frame_ring *ring)
{
    void *frame;
    while (ring->ring != NULL && rte_ring_sc_dequeue(ring->ring, &frame) == 0)
        frame_give(frame);
    rte_ring_free(ring->ring);
    rte_mempool_free(ring->pool);
    *ring = (struct frame_ring){ NULL, NULL };
}

struct rte_mbuf *frame_ring_copy(struct frame_ring *ring, const struct rte_mbuf *frame)
{
    return rte_pktmbuf_copy(frame, ring->pool, 0, FRAME_CAP);
}

void frame_ring_put(struct frame_ring *ring, struct rte_mbuf *copy)
{
    int failed = rte_ring_sp_enqueue(ring->ring, copy);
    ASSERT(failed == 0);
}

uint32_t frame_ring_pop(struct frame_ring *ring, struct rte_mbuf **frames, uint32_t cap)
{
    return rte_ring_sc_dequeue_burst(ring->ring, (void **)frames, cap, NULL);
}
