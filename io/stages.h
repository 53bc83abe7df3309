/* What lies over the queues of one device, from the bottom up:
 *
 *   queue ─▶ capture ─▶ impair ─▶ resteer ─▶ net of an edge
 *
 * The first two only when they are wanted, the last only over several queues. */
#ifndef IO_STAGES_H
#define IO_STAGES_H

#include "base/err.h"
#include "io/impair.h"

struct capture;

struct stages_config {
    struct capture *capture;                  /* NULL: none */
    struct impair_config impair[IMPAIR_WAYS]; /* each queue draws lots of its own */
};

/* Puts them over the queues: ports[i], queue i, becomes what its edge has. Closing the ports closes
 * all. With a fault, the ports are what was there by then. */
MUST_CHECK enum err stages_open(struct port **ports, uint32_t count,
                                const struct stages_config *config, struct fault *fault);

#endif
