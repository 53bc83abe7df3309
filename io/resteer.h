/* The queues of one device, each with frames of its own flows only: what a queue got of another
 * edge's is copied once into a ring to its owner.
 *
 *   queue 0 ─▶ resteer ─▶ net of edge 0        A NIC with our key and table (io/flow.h) delivers
 *                │  ▲                          rightly, and nothing crosses. On a veth or a tap the
 *        ring 0→1│  │ring 1→0                  sender chooses the queue, and may change it in the
 *                ▼  │                          middle of a flow.
 *   queue 1 ─▶ resteer ─▶ net of edge 1
 *
 * A ring without room drops the frame, counted, and never waits: the flow's TCP sends it again. */
#ifndef IO_RESTEER_H
#define IO_RESTEER_H

#include "io/port.h"

#define RESTEER_QUEUES_MAX 16u
#define RESTEER_FRAMES 2048u    /* copies towards one queue, shared out among the others */
#define RESTEER_FRAMES_MIN 256u /* from each of them */

#define RESTEER_COUNTERS(X)                                                                        \
    X(passed)    /* copied to their owner's ring */                                                \
    X(told_all)  /* ARP and ND, copied to all others */                                            \
    X(ring_full) /* dropped: the owner does not keep up */                                         \
    X(received)  /* from the others' rings */

/* A port over each queue; port `i` gets the flows with flow_edge(flow, count) == i. Owns the queues
 * from now on: closing a port closes its queue, closing the last frees the rings. Each is turned by
 * a thread of its own. False with a fault when there is no memory, the queues untouched. */
MUST_CHECK bool resteer_open(struct port *const *queues, uint32_t count, struct port **ports,
                             struct fault *fault);

#endif
