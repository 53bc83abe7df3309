/* The program's coming and going on an interface; for io/xdp/steer.c. */
#ifndef IO_XDP_STEER_ATTACH_H
#define IO_XDP_STEER_ATTACH_H

#include "io/xdp/steer.h"

/* Loads the object and attaches it in place of an engine's that was killed. False with a fault. */
MUST_CHECK bool steer_attach(struct steer *steer, struct fault *fault);

/* Takes it off again, if the interface is still there. */
void steer_detach(struct steer *steer);

#endif
