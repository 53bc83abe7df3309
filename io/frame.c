/* The pool behind a port's frames. */
#include "io/frame.h"

#include <rte_errno.h>
#include <rte_mempool.h>

#define FRAME_CACHE 256u

struct rte_mempool *frame_pool_create(const char *name, uint32_t count, int numa_node,
                                      struct fault *fault)
{
    /* The cache may hold at most two thirds of the pool. */
    uint32_t cache = count >= 4 * FRAME_CACHE ? FRAME_CACHE : 0;
    struct rte_mempool *pool =
        rte_pktmbuf_pool_create(name, count, cache, 0, RTE_PKTMBUF_HEADROOM + FRAME_CAP, numa_node);
    if (pool == NULL)
        fault_set(fault, "frame pool %s: no memory for %u frames (%s): give the EAL more memory",
                  name, count, rte_strerror(rte_errno));
    return pool;
}
