/* One edge's network stack over one port: Ethernet, ARP and neighbour discovery, IPv4 and
 * IPv6, ICMP, UDP, TCP. A turn of the edge:
 *
 *     net_rx(net, now)       one burst in; calls the applications (io/tcp/tcp.h)
 *     net_timers(net, now)   retransmissions, time-outs, expiry
 *     …                      the applications' own work, which queues with tcp_send
 *     net_flush(net, now)    segments made, one or more bursts out
 *
 * All memory is taken by net_create; nothing blocks and no call enters the kernel save through the
 * port. */
#ifndef IO_NET_NET_H
#define IO_NET_NET_H

#include "base/fault.h"
#include "io/net/ip.h"
#include "io/port.h"

struct net;

enum tcp_congestion { TCP_CUBIC, TCP_NEWRENO };

#define TCP_WITHOUT_TIMESTAMPS 0x1u
#define TCP_WITHOUT_SACK 0x2u

/* Zero in a field with a default means the default. */
struct net_config {
    struct ip_addr addr4;    /* ours; none: no IPv4 */
    uint8_t prefix4;         /* of the subnet on the link, 1..32 */
    struct ip_addr gateway4; /* none: only the subnet is reachable */
    struct ip_addr addr6;    /* ours, and ip6_link_local of it; none: no IPv6 */
    uint8_t prefix6;         /* 1..128 */
    struct ip_addr gateway6; /* may be link-local */
    uint16_t vlan;           /* IEEE 802.1Q, 1..4,094; 0: untagged */
    uint16_t mtu;            /* the port's; never above it */
    uint64_t seed[2];        /* secret and random: ISNs, ports, table hash */
    int numa_node;           /* SOCKET_ID_ANY is fine */
    /* Of the edges that share these addresses and seeds, which one this is: connections that we open
     * have source ports whose flow_edge (io/flow.h) it is. A count of 0 is one edge, alone. */
    uint32_t edge_index, edge_count;
    bool
        announce; /* the first edge tells the link of its addresses and groups (io/net/announce.h) */

    uint8_t congestion; /* enum tcp_congestion */
    uint8_t without;    /* TCP_WITHOUT_…: options neither offered nor answered */

    uint32_t conn_cap;       /* 1,024; connections, those in TIME-WAIT included */
    uint32_t time_wait_cap;  /* conn_cap; of those, in TIME-WAIT. Beyond it the oldest goes */
    uint32_t half_open_cap;  /* a quarter of conn_cap; not yet established. More SYNs get cookies */
    uint32_t listener_cap;   /* 8 */
    uint32_t neighbour_cap;  /* 256 */
    uint32_t pmtu_cap;       /* 1,024; destinations behind links of a smaller MTU */
    uint32_t udp_port_cap;   /* 8; bound at a time */
    uint32_t send_ref_cap;   /* 16 for each connection; queued chunk references of all */
    uint32_t held_cap;       /* 4,096; frames kept until read or in order, of all connections */
    uint32_t sack_range_cap; /* 16,384; ranges of all scoreboards (RFC 6675) */
    uint32_t send_len_max;   /* 262,144; octets queued on a connection */
    uint32_t recv_len_max;   /* 262,144; the window we offer */

    uint32_t rto_ms_min;    /* 200 */
    uint32_t rto_ms_max;    /* 60,000 */
    uint32_t ack_delay_ms;  /* 20 */
    uint32_t connect_ms;    /* 30,000; half-open, either way */
    uint32_t give_up_ms;    /* 120,000; no progress of what is unacknowledged (RFC 1122 R2) */
    uint32_t fin_wait_ms;   /* 60,000; FIN-WAIT-2 without a word from the peer */
    uint32_t time_wait_ms;  /* 60,000; 2 MSL. The oldest goes sooner when the table is full */
    uint32_t idle_ms;       /* 0: none. Without an octet either way, then reset */
    uint32_t keep_alive_ms; /* 0: none. Idle time before the first probe */
    uint32_t
        keep_alive_count; /* 5 probes unanswered, a tenth of keep_alive_ms apart (at least 1 s) */
};

/* Borrows the port until net_destroy. NULL with a fault when a value is impossible or memory is
 * short. */
struct net *net_create(struct port *port, const struct net_config *config, uint64_t now_ns,
                       struct fault *fault);

/* Gives all frames and chunk references back; sends nothing, calls no application. NULL is nothing.
 */
void net_destroy(struct net *net);

/* One burst in. Returns how many frames it took. */
uint32_t net_rx(struct net *net, uint64_t now_ns);

/* Of those due, at most NET_TIMERS_MAX, so that no turn keeps frames waiting; the rest in the next
 * turns, for which net_next_ns asks at once. */
void net_timers(struct net *net, uint64_t now_ns);
#define NET_TIMERS_MAX 256u

/* Makes the segments that are due and sends them. */
void net_flush(struct net *net, uint64_t now_ns);

/* When net_timers or net_flush may next have something to do: 0 when there is something now,
 * UINT64_MAX when only a frame can bring work. */
uint64_t net_next_ns(const struct net *net);

/* Connections in any state but TIME-WAIT. */
uint32_t net_conn_count(const struct net *net);

/* Claims to our addresses that other stations made, by ARP and neighbour discovery; `mac` is the last
 * one's, in six octets of the number. Also from another thread. */
uint64_t net_claims(const struct net *net, uint64_t *mac);

/* Every counter by layer and reason ("tcp", "checksum"), the port's included; also from another
 * thread. */
void net_counters(const struct net *net, port_each *each, void *ctx);

#endif
