/* Stages over queues, from the bottom up. */
#include "io/stages.h"

#include "io/capture.h"
#include "io/resteer.h"

static bool capture_all(struct port **ports, uint32_t count, struct capture *capture,
                        struct fault *fault)
{
    for (uint32_t q = 0; q < count && capture != NULL; q++) {
        struct port *over = capture_over(capture, ports[q], fault);
        if (over == NULL)
            return false;
        ports[q] = over;
    }
    return true;
}

static bool impair_all(struct port **ports, uint32_t count,
                       const struct impair_config wanted[IMPAIR_WAYS], struct fault *fault)
{
    if (!impair_is_on(&wanted[IMPAIR_RX]) && !impair_is_on(&wanted[IMPAIR_TX]))
        return true;
    for (uint32_t q = 0; q < count; q++) {
        struct impair_config ways[IMPAIR_WAYS];
        for (uint32_t way = 0; way < IMPAIR_WAYS; way++) {
            ways[way] = wanted[way];
            ways[way].seed = (wanted[way].seed * count + q) * IMPAIR_WAYS + way;
        }
        struct port *over = impair_open(ports[q], ways, fault);
        if (over == NULL)
            return false;
        ports[q] = over;
    }
    return true;
}

enum err stages_open(struct port **ports, uint32_t count, const struct stages_config *config,
                     struct fault *fault)
{
    bool whole = capture_all(ports, count, config->capture, fault) &&
                 impair_all(ports, count, config->impair, fault) &&
                 (count == 1 || resteer_open(ports, count, ports, fault));
    return whole ? ERR_OK : ERR_NO_MEMORY;
}
