/* Tells the link whose our addresses are, so that switches and the stations that knew somebody else by
 * them follow at once: at start, a few times (RFC 5227 §2.3, RFC 4861 §7.2.6), and when another
 * station claims one of them. We do not give up an address, it is the operator's; the claim is
 * counted, and contradicted at most once in DEFEND_INTERVAL for each address (RFC 5227 §2.4 (c)).
 *
 * Of the edges that share addresses only the first speaks up: to the link they are one station, and
 * what the others would say is the same. */
#ifndef IO_NET_ANNOUNCE_H
#define IO_NET_ANNOUNCE_H

#include "base/counter.h"
#include "base/wheel.h"
#include "io/net/ip.h"

#define ANNOUNCE_COUNT 2u                        /* RFC 5227 §1.1; RFC 4861 §10 allows three */
#define ANNOUNCE_INTERVAL_NS 2000000000ull       /* RFC 5227 §1.1 */
#define ANNOUNCE_DEFEND_INTERVAL_NS 10000000000u /* RFC 5227 §1.1 */

struct net;

struct announce {
    struct timer timer;
    uint32_t made;
    uint64_t defended_ns[3]; /* 0: never; by address: IPv4, IPv6, link-local */
    struct counter rival;    /* the MAC that last claimed an address of ours, for people */
};

/* Whether it is for this edge to speak for the port's addresses. */
bool announce_ours(const struct net *net);

/* The first time is with the first timers. */
void announce_init(struct net *net, uint64_t now_ns);

void announce_timer(struct net *net, uint64_t now_ns);

/* The station at `mac` claims an address of ours. */
void announce_contradict(struct net *net, struct ip_addr addr, const uint8_t *mac, uint64_t now_ns);

#endif
