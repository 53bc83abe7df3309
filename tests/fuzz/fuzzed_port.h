/* What the harnesses of the network stack stand on: the EAL, frames, and a port that gives one frame
 * in and looks at each frame out. Pools live as long as the process; nothing else outlasts an input. */
#ifndef TESTS_FUZZ_FUZZED_PORT_H
#define TESTS_FUZZ_FUZZED_PORT_H

#include "io/frame.h"
#include "io/port.h"

struct net;

/* Of its port, MAC 02:00:00:00:00:00, MTU 1,500. */
struct fuzzed_port {
    struct port port;
    struct rte_mbuf *in; /* what the next turn receives; NULL: nothing */
    void (*look)(struct fuzzed_port *fuzz, struct span frame);
};

/* Starts the EAL with the first call. `look` sees each frame that goes out. */
void fuzzed_port_open(struct fuzzed_port *fuzz,
                      void (*look)(struct fuzzed_port *fuzz, struct span frame));

/* All frames have come back. */
void fuzzed_port_close(struct fuzzed_port *fuzz);

/* A frame with `octets` in it, at most 1,500; the caller's. */
struct rte_mbuf *fuzz_frame(struct span octets);

/* Puts an IPv4 header and an Ethernet header to our MAC before what `frame` holds. */
void fuzz_wrap4(struct rte_mbuf *frame, uint8_t protocol, uint32_t src, uint32_t dst);

/* Frames in, timers, frames out: nothing of it may allocate, lock or call the system. */
void fuzz_turn(struct fuzzed_port *fuzz, struct net *net, uint64_t now_ns);

#endif
