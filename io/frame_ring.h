/* Copies of frames from one thread to another, in order: a ring, and a pool from which only the one
 * takes and to which only the other gives, so that neither waits. A port's own frames never leave
 * its core. */
#ifndef IO_FRAME_RING_H
#define IO_FRAME_RING_H

#include "io/frame.h"

struct rte_ring;

struct frame_ring {
    struct rte_ring *ring;
    struct rte_mempool *pool;
};

/* Room for `depth` copies, those included that the reader still holds. False with a fault when there
 * is no memory. */
MUST_CHECK bool frame_ring_open(struct frame_ring *ring, uint32_t depth, struct fault *fault);

/* All copies are back but for those in the ring. One that is zero is nothing. */
void frame_ring_close(struct frame_ring *ring);

/* The writer's: a copy of the frame, which stays the caller's; to be put. NULL when
 * there is no room. */
struct rte_mbuf *frame_ring_copy(struct frame_ring *ring, const struct rte_mbuf *frame);

/* The writer's: a copy that it made, to the reader. */
void frame_ring_put(struct frame_ring *ring, struct rte_mbuf *copy);

/* The reader's: at most `cap`, to be given back with frame_give on the same thread. */
uint32_t frame_ring_pop(struct frame_ring *ring, struct rte_mbuf **frames, uint32_t cap);

#endif
