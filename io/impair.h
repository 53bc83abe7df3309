/* A port over a port that treats frames as a bad network would: loss, delay, reordering,
 * duplication and corruption, by seed, in the caller's time. Acts on what is received; what is sent
 * passes through, so wrap both ends to impair both ways. For simulation, tests and rehearsals. */
#ifndef IO_IMPAIR_H
#define IO_IMPAIR_H

#include "io/port.h"

struct impair_config {
    uint64_t seed;
    uint32_t loss_ppm;      /* frames lost, per million */
    uint32_t duplicate_ppm; /* delivered twice */
    uint32_t corrupt_ppm;   /* one octet changed */
    uint32_t reorder_ppm;   /* held back by up to reorder_ns, so that later ones overtake */
    uint64_t reorder_ns;
    uint64_t delay_ns;  /* every frame */
    uint64_t jitter_ns; /* plus 0..jitter_ns, order kept */
    uint32_t depth;     /* frames held at a time; more are dropped. 0: 1,024 */
};

struct impair_counters {
    struct counter lost, duplicated, corrupted, reordered, full;
};

/* Owns `under` from now on: port_close closes both. NULL with a fault when there is no memory. */
struct port *impair_open(struct port *under, const struct impair_config *config,
                         struct fault *fault);

/* Changes the treatment of frames yet to come; seed and depth stay. */
void impair_set(struct port *impair, const struct impair_config *config);

/* Moves its clock, as port_step does: to be called before port_rx. */
void impair_step(struct port *impair, uint64_t now_ns);

/* When a held frame is due; UINT64_MAX when none is held. */
uint64_t impair_next_ns(const struct port *impair);

const struct impair_counters *impair_counters(const struct port *impair);

#endif
