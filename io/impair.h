/* A port over a port that treats frames as a bad network would: loss, delay, reordering,
 * duplication and corruption, by seed, in the caller's time. Each way has its own treatment:
 *
 *   under ── held until due ──▶ port_rx
 *   under ◀── held until due ── port_tx      what is due is sent by the port_step that finds it so
 *
 * A way that is all zero passes through. For simulation, tests and rehearsals. */
#ifndef IO_IMPAIR_H
#define IO_IMPAIR_H

#include "io/port.h"

enum impair_way { IMPAIR_RX, IMPAIR_TX, IMPAIR_WAYS };

/* Of one way. */
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

/* Whether it does anything to a frame. */
bool impair_is_on(const struct impair_config *config);

/* Owns `under` from now on: port_close closes both, and gives back what is held. NULL with a fault
 * when there is no memory. */
struct port *impair_open(struct port *under, const struct impair_config ways[IMPAIR_WAYS],
                         struct fault *fault);

/* Changes the treatment of frames yet to come; seed and depth stay. */
void impair_set(struct port *impair, enum impair_way way, const struct impair_config *config);

/* When a held frame is due; UINT64_MAX when none is held. */
uint64_t impair_next_ns(const struct port *impair);

#endif
