/* The way to an address of either family, and a packet that came in: what TCP, UDP and ICMP share
 * of IP. */
#ifndef IO_NET_IP_ROUTE_H
#define IO_NET_IP_ROUTE_H

#include "base/span.h"
#include "io/frame.h"
#include "io/net/ip.h"

struct net;
struct neighbour_waiting;

/* A packet being received, for those above IP; valid while its frame is. */
struct ip_in {
    struct ip_addr src;
    struct ip_addr dst;
    struct span packet; /* from its IP header on, without padding */
    uint8_t hop_limit;
    bool group;        /* to more stations than ours: nothing is reported to its sender */
    bool fragmented;   /* with a fragment header, though whole */
    bool router_alert; /* with that option, hop by hop */
};

/* Our address towards a peer; none when we have none of its family. */
struct ip_addr ip_source(const struct net *net, struct ip_addr peer);

/* Whether there is a way to dst at all: its subnet or a gateway. */
bool ip_routed(const struct net *net, struct ip_addr dst);

/* neighbour_await for the next hop to dst. */
struct neighbour_waiting *ip_await(struct net *net, struct ip_addr dst, uint64_t now_ns);

/* Whether the next hop to dst has answered. */
bool ip_next_hop_known(const struct net *net, struct ip_addr dst);

/* What is sent to dst gets no answer: the next hop is asked for anew (RFC 1122 §3.3.1.4). */
void ip_doubt(struct net *net, struct ip_addr dst);

/* An address no packet may come from, and none of ours should go to. */
bool ip_martian(const struct net *net, struct ip_addr addr);

/* Octets of the IP header before a segment to dst. */
uint8_t ip_overhead(struct ip_addr dst);

/* Sends a frame at its transport header from ip_source; takes the frame. */
void ip_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, struct ip_addr dst,
             uint64_t now_ns);

#endif
