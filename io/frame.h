/* One frame off or for a port: an rte_mbuf of one segment, `data` being what is on the wire from
 * the Ethernet header on. Layers in strip their header from the front, layers out prepend theirs
 * into the headroom. A frame belongs to one core at a time; who holds it gives it on or gives it
 * back. */
#ifndef IO_FRAME_H
#define IO_FRAME_H

#include "base/fault.h"
#include "base/span.h"

#include <rte_mbuf.h>

#define FRAME_CAP                                                                                  \
    2048u /* octets of data room after the headroom, enough for an MTU of 1,500 and VLAN */
#define FRAME_BURST 32u /* frames a port call moves at most, by custom */

/* `count` frames for one core's port; NULL with a fault when there is no memory. `name` is unique
 * in the process. Freed by rte_mempool_free once all frames are back. */
struct rte_mempool *frame_pool_create(const char *name, uint32_t count, int numa_node,
                                      struct fault *fault);

/* Empty, with full headroom; NULL when the pool is empty. */
static inline struct rte_mbuf *frame_take(struct rte_mempool *pool)
{
    return rte_pktmbuf_alloc(pool);
}

static inline void frame_give(struct rte_mbuf *frame)
{
    rte_pktmbuf_free(frame);
}

static inline struct span frame_bytes(const struct rte_mbuf *frame)
{
    return span_of(rte_pktmbuf_mtod(frame, const uint8_t *), frame->data_len);
}

/* Cuts `len` octets off the front: a header that was read. len <= frame_bytes().len. */
static inline void frame_strip(struct rte_mbuf *frame, uint16_t len)
{
    ASSERT(rte_pktmbuf_adj(frame, len) != NULL);
}

/* Cuts the end so that `len` octets are left: Ethernet padding. len <= frame_bytes().len. */
static inline void frame_trim(struct rte_mbuf *frame, uint16_t len)
{
    ASSERT(rte_pktmbuf_trim(frame, (uint16_t)(frame->data_len - len)) == 0);
}

/* `len` octets more at the front, to be filled by the writer. Headroom is our own doing, so it
 * suffices. */
static inline struct writer frame_prepend(struct rte_mbuf *frame, uint16_t len)
{
    char *at = rte_pktmbuf_prepend(frame, len);
    ASSERT(at != NULL);
    return writer_over(at, len);
}

/* `len` octets more at the end, to be filled by the writer; no room for any when they do not fit.
 */
static inline struct writer frame_append(struct rte_mbuf *frame, uint16_t len)
{
    char *at = rte_pktmbuf_append(frame, len);
    return at != NULL ? writer_over(at, len) : writer_over(NULL, 0);
}

#endif
