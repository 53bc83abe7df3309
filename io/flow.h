/* Which edge owns a flow: the symmetric Toeplitz hash (key 6d 5a repeated), so that both directions
 * of a connection, and a NIC given the same key, agree. */
#ifndef IO_FLOW_H
#define IO_FLOW_H

#include "io/net/ip.h"

#define FLOW_KEY 0x6d5au /* of the hash, over and over */
#define FLOW_TABLE 128u  /* entries of a NIC's redirection table: entry i names edge i mod edges */

/* Either side may come first; ports in host order. */
struct flow {
    struct ip_addr addr[2]; /* of one family */
    uint16_t port[2];
};

uint32_t flow_hash(const struct flow *flow);

static inline uint32_t flow_edge(const struct flow *flow, uint32_t edges)
{
    return flow_hash(flow) % FLOW_TABLE % edges;
}

#endif
