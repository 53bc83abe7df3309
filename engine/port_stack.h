/* One port of the configuration: a queue for each of its edges, and the stages over the queues
 * (io/stages.h): capture with --pcap, impairment when the config says so, re-steering when several
 * edges share it. */
#ifndef ENGINE_PORT_STACK_H
#define ENGINE_PORT_STACK_H

#include "base/fault.h"
#include "engine/config.h"

struct capture;
struct port;
struct rte_mempool;

#define PORT_STACK_FRAMES 8192u    /* of one queue */
#define PORT_STACK_FRAME_LEN 2176u /* DPDK's usual buffer */

/* Opens port number `index` of the config with a queue for each of its edges, over frames[i]. False
 * with a fault. */
typedef bool port_stack_open_queues(void *ctx, uint32_t index, struct rte_mempool *const *frames,
                                    struct port **queues, struct fault *fault);

struct port_stack {
    uint32_t count;
    struct rte_mempool *frames[CONFIG_EDGES_MAX];
    struct port *tops[CONFIG_EDGES_MAX]; /* what the edges' nets have */
};

/* `capture` may be NULL. */
MUST_CHECK enum err port_stack_open(struct port_stack *stack, const struct config *config,
                                    uint32_t index, port_stack_open_queues *open, void *ctx,
                                    struct capture *capture, struct fault *fault);

/* Once the nets are gone and nobody turns. One that is zero is nothing. */
void port_stack_close(struct port_stack *stack);

#endif
