/* ARP for IPv4 over Ethernet (RFC 826), and the neighbours it finds.
 *
 *   htype ptype hlen plen oper | sender MAC, IPv4 | target MAC, IPv4
 *     2     2     1    1    2  |      6       4   |      6       4
 *
 * A neighbour's life: asked for (frames wait, a few each) → known → stale after a while unused;
 * used again it is asked for anew, and meanwhile still used. Only who asks for us, or whom we asked
 * for, gets an entry. */
#ifndef IO_NET_ARP_H
#define IO_NET_ARP_H

#include "base/wheel.h"
#include "io/frame.h"
#include "io/net/eth.h"

#define ARP_LEN 28
#define ARP_REQUEST 1
#define ARP_REPLY 2

#define ARP_QUEUE 16u /* frames that wait for one neighbour */
#define ARP_WAYS 8u   /* neighbours that share a bucket */
#define ARP_TRIES 3u
#define ARP_RETRY_NS 1000000000ull
#define ARP_KNOWN_NS 30000000000ull

struct net;

struct arp_packet {
    uint16_t oper;
    uint8_t sender_mac[ETH_ADDR_LEN];
    uint32_t sender_addr;
    uint8_t target_mac[ETH_ADDR_LEN];
    uint32_t target_addr;
};

/* Octets after the packet are Ethernet padding. ERR_SHORT; ERR_UNSUPPORTED when not IPv4 over
 * Ethernet. */
MUST_CHECK enum err arp_packet_read(struct span in, struct arp_packet *out);
void arp_packet_write(struct writer *out, const struct arp_packet *packet);

enum neighbour_state {
    NEIGHBOUR_FREE,
    NEIGHBOUR_ASKED,
    NEIGHBOUR_KNOWN,
    NEIGHBOUR_STALE,
    NEIGHBOUR_PROBED
};

struct neighbour {
    struct timer timer;
    uint64_t used_ns;
    uint32_t addr;
    uint8_t mac[ETH_ADDR_LEN];
    uint8_t state;
    uint8_t tries;
    uint8_t queue_count;
    struct rte_mbuf *queue[ARP_QUEUE]; /* whole but for the destination MAC */
};

struct arp_table {
    struct neighbour *neighbours;
    uint32_t bucket_count; /* a power of two */
};

MUST_CHECK bool arp_init(struct net *net);
void arp_fini(struct net *net);

/* A frame at its ARP packet; takes the frame. */
void arp_rx(struct net *net, struct rte_mbuf *frame, uint64_t now_ns);

/* Sends a frame at its IPv4 header to the station with that address on the link, now or when it is
 * known; takes the frame. */
void arp_send(struct net *net, struct rte_mbuf *frame, uint32_t addr, uint64_t now_ns);

/* Whether a neighbour has answered and not been lost since. */
bool arp_known(const struct net *net, uint32_t addr);

/* The station may have moved: asked for anew at the next use. */
void arp_doubt(struct net *net, uint32_t addr);

void arp_timer(struct net *net, struct timer *timer, uint64_t now_ns);

#endif
