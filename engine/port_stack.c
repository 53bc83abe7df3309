/* Queues, and the stages over them, from the bottom up. */
#include "engine/port_stack.h"

#include "base/log.h"
#include "io/capture.h"
#include "io/impair.h"
#include "io/resteer.h"

#include <stdio.h>

static_assert(RESTEER_QUEUES_MAX >= CONFIG_EDGES_MAX, "any port may be shared by all edges");

#define MS_NS 1000000ull

static bool is_impaired(const struct config_impair *impair)
{
    return (impair->drop | impair->duplicate | impair->corrupt | impair->reorder |
            impair->delay_ms | impair->jitter_ms) != 0;
}

static enum err impair_queues(struct port_stack *stack, const struct config_port *port,
                              struct fault *fault)
{
    const struct config_impair *impair = &port->impair;
    if (!is_impaired(impair))
        return ERR_OK;
    log_warning("port", "%s: what it receives is treated as ports[].impair says: a rehearsal",
                port->name);
    for (uint32_t q = 0; q < stack->count; q++) {
        const struct impair_config config = { .seed = (uint64_t)impair->seed + q,
                                              .loss_ppm = impair->drop,
                                              .duplicate_ppm = impair->duplicate,
                                              .corrupt_ppm = impair->corrupt,
                                              .reorder_ppm = impair->reorder,
                                              .reorder_ns = impair->reorder_ms * MS_NS,
                                              .delay_ns = impair->delay_ms * MS_NS,
                                              .jitter_ns = impair->jitter_ms * MS_NS };
        struct port *over = impair_open(stack->tops[q], &config, fault);
        if (over == NULL)
            return ERR_NO_MEMORY;
        stack->tops[q] = over;
    }
    return ERR_OK;
}

static enum err frames_open(struct port_stack *stack, const struct config_port *port,
                            uint32_t index, struct fault *fault)
{
    for (uint32_t q = 0; q < port->edge_count; q++) {
        char name[24];
        snprintf(name, sizeof name, "frames.%u.%u", index, q);
        stack->frames[q] = rte_pktmbuf_pool_create(name, PORT_STACK_FRAMES, 128, 0,
                                                   PORT_STACK_FRAME_LEN, SOCKET_ID_ANY);
        if (stack->frames[q] == NULL) {
            fault_set(fault, "no memory for the frames of port %s; raise memory.size", port->name);
            return ERR_NO_MEMORY;
        }
    }
    return ERR_OK;
}

enum err port_stack_open(struct port_stack *stack, const struct config *config, uint32_t index,
                         port_stack_open_queues *open, void *ctx, struct capture *capture,
                         struct fault *fault)
{
    const struct config_port *port = &config->ports[index];
    enum err err = frames_open(stack, port, index, fault);
    if (err != ERR_OK)
        return err;
    if (!open(ctx, index, stack->frames, stack->tops, fault))
        return ERR_IO;
    stack->count = port->edge_count;
    for (uint32_t q = 0; q < stack->count && capture != NULL; q++) {
        struct port *over = capture_over(capture, stack->tops[q], fault);
        if (over == NULL)
            return ERR_NO_MEMORY;
        stack->tops[q] = over;
    }
    err = impair_queues(stack, port, fault);
    if (err == ERR_OK && stack->count > 1 &&
        !resteer_open(stack->tops, stack->count, stack->tops, fault))
        err = ERR_NO_MEMORY;
    return err;
}

void port_stack_close(struct port_stack *stack)
{
    for (uint32_t q = 0; q < stack->count; q++)
        port_close(stack->tops[q]);
    for (uint32_t q = 0; q < CONFIG_EDGES_MAX; q++)
        rte_mempool_free(stack->frames[q]);
}
