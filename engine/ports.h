/* Opens the ports that the configuration names, by what their device is: AF_XDP of our own, or any
 * DPDK driver. Control side. */
#ifndef ENGINE_PORTS_H
#define ENGINE_PORTS_H

#include "engine/api/api.h"
#include "engine/config.h"
#include "io/port_xsk.h"

struct ports {
    const struct config *config;
    struct xsk_device *devices[CONFIG_PORTS_MAX];             /* NULL: not AF_XDP of our own */
    struct port *sockets[CONFIG_PORTS_MAX][CONFIG_EDGES_MAX]; /* their queues; borrowed */
    enum xsk_link links[CONFIG_PORTS_MAX];                    /* as last seen */
    uint64_t watched_s;
};

/* A port_stack_open_queues; `ctx` is a struct ports. */
bool ports_open_queues(void *ctx, uint32_t index, struct rte_mempool *const *frames,
                       struct port **queues, struct fault *fault);

/* XDP programs off: once no core polls any more. The ports themselves stay the topology's. */
void ports_off(struct ports *ports);

/* Says it when an interface goes down or away, or comes up again. */
void ports_watch(struct ports *ports, uint64_t wall_ms);

/* What XDP programs and sockets count; while the ports live. */
void ports_emit(struct ports *ports, api_metric_emit *emit, void *arg);

#endif
