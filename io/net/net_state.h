/* The inside of a net: for io/net and io/tcp only. */
#ifndef IO_NET_NET_STATE_H
#define IO_NET_NET_STATE_H

#include "base/wheel.h"
#include "io/net/announce.h"
#include "io/net/mld.h"
#include "io/net/neighbour.h"
#include "io/net/net.h"
#include "io/net/pmtu.h"
#include "io/tcp/tcp_table.h"

enum net_counter {
#define NET_COUNTER(name, layer, reason) NET_##name,
#include "io/net/net_counter.def"
#undef NET_COUNTER
    NET_COUNTER_COUNT
};

/* `kind` of the timers on the net's wheel. */
enum net_timer {
    NET_TIMER_NEIGHBOUR,
    NET_TIMER_ANNOUNCE,
    NET_TIMER_MLD,
    NET_TIMER_RETRANSMIT,
    NET_TIMER_ACK,
    NET_TIMER_LIFE
};

/* At most `per_s` a second: answers that a stranger can provoke. */
struct net_budget {
    uint64_t second;
    uint32_t used;
};

struct udp_port;

struct net {
    struct port *port;
    struct net_config config;
    struct ip_addr link_local; /* ours, when there is an IPv6 address */
    struct neighbour_table neighbours;
    struct announce announce;
    struct mld mld;
    struct pmtu_table pmtu;
    struct udp_port *udp_ports;
    uint64_t udp_connects; /* so far */
    struct tcp_table tcp;
    uint32_t tx_count;
    struct rte_mbuf *tx[FRAME_BURST]; /* whole frames, waiting for a burst */
    struct net_budget echo_budget;
    struct net_budget error_budget;
    struct net_budget rst_budget;
    struct net_budget challenge_budget;
    struct counter counters[NET_COUNTER_COUNT];
    struct wheel wheel;
};

static inline void net_count(struct net *net, enum net_counter which)
{
    counter_add(&net->counters[which], 1);
}

static inline void net_drop(struct net *net, struct rte_mbuf *frame, enum net_counter which)
{
    counter_add(&net->counters[which], 1);
    frame_give(frame);
}

/* An empty frame for sending; NULL is counted. */
struct rte_mbuf *net_frame_take(struct net *net);

/* Puts a whole frame, Ethernet header on, into the next burst. */
void net_tx(struct net *net, struct rte_mbuf *frame);

/* Puts a frame without its Ethernet header into the next burst, to that station. */
void net_tx_to(struct net *net, struct rte_mbuf *frame, const uint8_t *mac, uint16_t type);

/* Asks the port to finish a checksum: `what` is the transport's offload flag. The port has said that
 * it can. */
void net_offload(const struct net *net, struct rte_mbuf *frame, struct ip_addr dst, uint64_t what,
                 uint8_t header_len);

/* False when the second's budget is used up. */
bool net_budget_take(struct net_budget *budget, uint32_t per_s, uint64_t now_ns);

#endif
