/* The fleet behind our TCP: a listener whose connections are the fleet's. Used by starling-fleet on a
 * DPDK port and by simulations on an in-memory one. */
#ifndef BENCH_FLEET_FLEET_NET_H
#define BENCH_FLEET_FLEET_NET_H

#include "bench/fleet/fleet.h"
#include "io/tcp/tcp.h"

#define FLEET_NET_PEERS 64u
#define FLEET_NET_CHUNK_LEN 16384u

struct fleet_net;

struct fleet_net_peer {
    struct fleet_net *owner;
    struct tcp_conn *tcp; /* NULL: free */
    uint32_t conn;
    bool full;    /* the fleet left octets with TCP */
    bool closing; /* tcp_close was called */
};

struct fleet_net {
    struct fleet *fleet;
    struct net *net;
    struct chunk_pool *chunks; /* of FLEET_NET_CHUNK_LEN octets */
    uint64_t now_ns;           /* of this turn */
    uint32_t connections;
    struct fleet_net_peer peer[FLEET_NET_PEERS];
};

/* Borrows all it is given. False with a fault. */
MUST_CHECK bool fleet_net_open(struct fleet_net *owner, struct fleet *fleet, struct net *net,
                               struct chunk_pool *chunks, uint16_t port, struct fault *fault);

/* One turn of the core; how many frames came in. */
uint32_t fleet_net_turn(struct fleet_net *owner, uint64_t now_ns);

/* Every connection ends at once, with a reset. */
void fleet_net_cut(struct fleet_net *owner, uint64_t now_ns);

#endif
