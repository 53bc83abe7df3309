/* ARP for IPv4 over Ethernet (RFC 826): asking, answering; what is heard goes to neighbour.h.
 *
 *   htype ptype hlen plen oper | sender MAC, IPv4 | target MAC, IPv4
 *     2     2     1    1    2  |      6       4   |      6       4
 */
#ifndef IO_NET_ARP_H
#define IO_NET_ARP_H

#include "io/frame.h"
#include "io/net/eth.h"

#define ARP_LEN 28
#define ARP_REQUEST 1
#define ARP_REPLY 2

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

/* A frame at its ARP packet; takes the frame. */
void arp_rx(struct net *net, struct rte_mbuf *frame, uint64_t now_ns);

/* Asks who has addr: all stations, or, when `mac` is not NULL, that one. */
void arp_ask(struct net *net, uint32_t addr, const uint8_t *mac);

/* Tells all stations where our address is: a request for it by itself (RFC 5227 §3). */
void arp_announce(struct net *net);

#endif
