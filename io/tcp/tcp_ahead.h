/* A look ahead in a burst: whose segment a frame is, read off where its addresses and ports usually
 * lie, so that the table's lines and the connection's are on their way before the layers get there.
 * Only the order of memory accesses depends on it. */
#ifndef IO_TCP_TCP_AHEAD_H
#define IO_TCP_TCP_AHEAD_H

#include "io/net/net_state.h"

/* tcp_hash of what the frame carries, its place in the index being fetched. `known` is false for
 * all but plain TCP over IPv4 without options or IPv6 without extension headers. */
struct tcp_ahead tcp_ahead_look(const struct net *net, const struct rte_mbuf *frame);

/* Fetches its connection. */
void tcp_ahead_fetch(const struct net *net, struct tcp_ahead ahead);

#endif
