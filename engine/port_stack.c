/* Queues, and the stages over them, from the bottom up. */
#include "engine/port_stack.h"

#include "base/log.h"
#include "io/resteer.h"
#include "io/stages.h"

#include <stdio.h>

static_assert(RESTEER_QUEUES_MAX >= CONFIG_EDGES_MAX, "any port may be shared by all edges");

#define MS_NS 1000000ull

static struct impair_config impair_of(const struct config_weather *weather)
{
    return (struct impair_config){ .seed = weather->seed,
                                   .loss_ppm = weather->drop,
                                   .duplicate_ppm = weather->duplicate,
                                   .corrupt_ppm = weather->corrupt,
                                   .reorder_ppm = weather->reorder,
                                   .reorder_ns = weather->reorder_ms * MS_NS,
                                   .delay_ns = weather->delay_ms * MS_NS,
                                   .jitter_ns = weather->jitter_ms * MS_NS };
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
    if (stack->tops[0]->mtu < port->mtu)
        log_warning("port", "%s: packets of %u octets at most, which is the device's: mtu says %u",
                    port->name, stack->tops[0]->mtu, port->mtu);
    const struct stages_config stages = { .capture = capture,
                                          .impair = {
                                              [IMPAIR_RX] = impair_of(&port->impair.rx),
                                              [IMPAIR_TX] = impair_of(&port->impair.tx),
                                          } };
    bool rx = impair_is_on(&stages.impair[IMPAIR_RX]), tx = impair_is_on(&stages.impair[IMPAIR_TX]);
    if (rx || tx)
        log_warning("port", "%s: what it %s is treated as ports[].impair says: a rehearsal",
                    port->name,
                    rx && tx ? "receives and sends"
                    : rx     ? "receives"
                             : "sends");
    return stages_open(stack->tops, stack->count, &stages, fault);
}

void port_stack_close(struct port_stack *stack)
{
    for (uint32_t q = 0; q < stack->count; q++)
        port_close(stack->tops[q]);
    for (uint32_t q = 0; q < CONFIG_EDGES_MAX; q++)
        rte_mempool_free(stack->frames[q]);
}
