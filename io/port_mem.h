/* Two ports that are each other's far end: what one sends the other receives, in order, without
 * loss up to `depth` frames. Both ends on one core, or one core each. For simulation and benches.
 */
#ifndef IO_PORT_MEM_H
#define IO_PORT_MEM_H

#include "io/port.h"

struct port_mem_config {
    struct rte_mempool *frames[2]; /* of either end; may be one and the same on one core */
    uint32_t depth;                /* frames under way each way; a power of two */
    uint16_t mtu;                  /* 0: 1,500 */
};

/* Close each end with port_close. False with a fault when there is no memory. */
MUST_CHECK bool port_mem_open(const struct port_mem_config *config, struct port *ends[2],
                              struct fault *fault);

#endif
