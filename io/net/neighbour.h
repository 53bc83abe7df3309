/* The stations on the link, of both families: one table for ARP (RFC 826) and neighbour discovery
 * (RFC 4861 §7.3), which only tell it what they heard.
 *
 *     asked ── answer ──▶ known ── 30 s ──▶ stale ── used ──▶ probed ── answer ──▶ known
 *     all are asked          ▲                                  the station itself is asked;
 *     frames wait            └── asked by whom: stale           silence: asked, as if unknown
 *
 * Against spoofing and floods:
 *  - only whom we asked, or who asks for us, gets an entry;
 *  - a known station's address is not changed by anybody's word: who contradicts it makes us ask
 *    the one we know, not oftener than every half second, and only when that one is silent are all
 *    asked again;
 *  - who asks for us takes no entry that we have used in the last minute, and those that we ask
 *    for because of what came in take at most half of a bucket, so that neither a flood of requests
 *    nor packets from invented stations push the gateway out;
 *  - the gateways, and stations that we turn to ourselves, are asked for whoever else is being;
 *  - frames that wait are bounded for each and for all, with a share kept for the gateways.
 *
 * Connections that we open do not send their SYN before the answer: they wait on a list, which
 * takes no memory, so that any number of them begins at once when the next hop has answered. */
#ifndef IO_NET_NEIGHBOUR_H
#define IO_NET_NEIGHBOUR_H

#include "base/wheel.h"
#include "io/frame.h"
#include "io/net/eth.h"
#include "io/net/ip.h"

#include <sys/queue.h>

#define NEIGHBOUR_QUEUE 16u      /* frames that wait for one station */
#define NEIGHBOUR_QUEUE_ALL 256u /* and for all of them, the gateways' share included */
#define NEIGHBOUR_WAYS 8u        /* entries that share a bucket */
#define NEIGHBOUR_ASKED_MAX 4u   /* of those, asked for because of strangers */
#define NEIGHBOUR_TRIES 3u
#define NEIGHBOUR_ASK_NS 1000000000ull    /* RFC 4861 §10: RETRANS_TIMER */
#define NEIGHBOUR_PROBE_NS 500000000ull   /* a moved station is to be found soon */
#define NEIGHBOUR_KNOWN_NS 30000000000ull /* REACHABLE_TIME */
#define NEIGHBOUR_KEEP_NS 60000000000ull

struct net;
struct tcp_conn;

/* Connections whose SYN waits for one station. */
LIST_HEAD(neighbour_waiting, tcp_conn);

enum neighbour_state {
    NEIGHBOUR_FREE,
    NEIGHBOUR_ASKED,
    NEIGHBOUR_KNOWN,
    NEIGHBOUR_STALE,
    NEIGHBOUR_PROBED
};

struct neighbour {
    struct timer timer;
    uint64_t used_ns;    /* 0: never by us */
    uint64_t doubted_ns; /* when it was last asked because somebody contradicted it */
    struct ip_addr addr;
    uint8_t mac[ETH_ADDR_LEN];
    uint8_t state;
    uint8_t tries;
    uint8_t queue_count;
    bool is_answered; /* on the table's list of those */
    LIST_ENTRY(neighbour) answered_link;
    struct neighbour_waiting waiting;
    struct rte_mbuf *queue[NEIGHBOUR_QUEUE]; /* whole but for the Ethernet header */
};

struct neighbour_table {
    struct neighbour *neighbours;
    uint32_t bucket_count; /* a power of two */
    uint32_t queued_count;
    LIST_HEAD(, neighbour) answered; /* and connections still wait for them */
    struct neighbour *last; /* sent to; NULL: none. Mostly the gateway, so mostly the next one */
};

MUST_CHECK bool neighbour_init(struct net *net);
void neighbour_fini(struct net *net);

/* Sends a frame at its IP header to the station with that address on the link, now or when it is
 * known; takes the frame. */
void neighbour_send(struct net *net, struct rte_mbuf *frame, struct ip_addr addr, uint64_t now_ns);

/* Where a connection is to wait before it sends to that station, which is asked for if need be; NULL
 * when it may send: the station is known, or there is no room for it. */
struct neighbour_waiting *neighbour_await(struct net *net, struct ip_addr addr, uint64_t now_ns);

/* A list not empty whose station has answered; NULL: none. */
struct neighbour_waiting *neighbour_answered(struct net *net);

/* What a station said of itself. */
enum neighbour_word {
    NEIGHBOUR_ANSWERS,   /* an answer, as to a question of ours */
    NEIGHBOUR_ANNOUNCES, /* to all, or in passing */
    NEIGHBOUR_ASKS_US
};

/* What became of it. */
enum neighbour_heard {
    NEIGHBOUR_TAKEN,
    NEIGHBOUR_UNASKED,     /* nobody waits for it: nothing is changed */
    NEIGHBOUR_CONTRADICTED /* not what we know: the station that we know is asked */
};

/* `mac` may be NULL in an answer from the station that was asked directly (RFC 4861 §4.4). */
enum neighbour_heard neighbour_hear(struct net *net, struct ip_addr addr, const uint8_t *mac,
                                    enum neighbour_word word, uint64_t now_ns);

/* Whether the station has answered and not been lost since. */
bool neighbour_known(const struct net *net, struct ip_addr addr);

/* Where it is, when that is known: six octets. */
MUST_CHECK bool neighbour_mac(const struct net *net, struct ip_addr addr, uint8_t *mac);

/* The station may have moved: asked at the next use. */
void neighbour_doubt(struct net *net, struct ip_addr addr);

void neighbour_timer(struct net *net, struct timer *timer, uint64_t now_ns);

#endif
