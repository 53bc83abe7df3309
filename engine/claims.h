/* Other stations that claim an address of ours (RFC 5227 §2.4, RFC 4862 §5.4): said in the log, for the
 * stack only counts them. Control thread. */
#ifndef ENGINE_CLAIMS_H
#define ENGINE_CLAIMS_H

#include "engine/config.h"

#define CLAIMS_PERIOD_MS 10000u

struct topology;

struct claims {
    uint64_t looked_ms;                /* when they were last counted */
    uint64_t counts[CONFIG_PORTS_MAX]; /* what was counted then */
};

/* To be called often; at most one line for each port in a period. */
void claims_tell(struct claims *claims, const struct topology *topology, uint64_t now_ms);

#endif
