/* A port over a port, for simulation: what routers and odd peers do to the frames a side receives, beyond what
 * io/impair does. */
#ifndef TESTS_SUPPORT_PATH_H
#define TESTS_SUPPORT_PATH_H

#include "io/port.h"

struct path_config {
    uint16_t mtu; /* longer IP packets are dropped; 0: none are */
    bool silent;  /* and nobody is told: a black hole */
    bool
        window_clamped; /* no window field is more than window_max: the peer seems to shrink its window */
    uint16_t window_max;
};

/* Owns `under` from now on. */
struct port *path_open(struct port *under);

/* Treatment of frames yet to come; nothing is done to them before the first call. */
void path_set(struct port *path, const struct path_config *config);

/* Packets dropped for their length; windows made smaller. */
uint64_t path_dropped(const struct port *path);
uint64_t path_clamped(const struct port *path);

#endif
