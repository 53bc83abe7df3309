/* Ports that we choose for what we begin: from a range of their own, and such that what comes back is
 * this edge's. */
#ifndef IO_NET_SOURCE_PORT_H
#define IO_NET_SOURCE_PORT_H

#include "io/net/ip.h"

#define SOURCE_PORT_FIRST 32768u
#define SOURCE_PORT_COUNT 28232u /* to 60,999, like Linux */

struct net;

/* The port `step` places after `start`, round and round. */
static inline uint16_t source_port_at(uint64_t start, uint32_t step)
{
    return (uint16_t)(SOURCE_PORT_FIRST + (start + step) % SOURCE_PORT_COUNT);
}

/* Whether the peer's answers to that port come to this edge (io/flow.h). */
bool source_port_is_home(const struct net *net, struct ip_addr peer, uint16_t peer_port,
                         uint16_t port);

#endif
