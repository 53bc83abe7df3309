/* IPv4 header (RFC 791), no fragments, no source routes; in: to us or dropped, out: to the next
 * hop.
 *
 *   ver/ihl tos len | id flags/offset | ttl protocol checksum | source | destination | options
 *      1     1   2  |  2       2      |  1     1        2     |   4    |      4      |  0-40
 */
#ifndef IO_NET_IP4_H
#define IO_NET_IP4_H

#include "io/frame.h"
#include "io/net/ip.h"

#define IP4_HEADER_LEN 20
#define IP4_LEN_MIN 68 /* what every link carries (RFC 791) */

struct net;

struct ip4_header {
    uint8_t header_len;
    uint16_t total_len;
    uint16_t id;
    uint16_t fragment; /* reserved, DF, MF and offset as on the wire */
    uint8_t ttl;
    uint8_t protocol;
    uint32_t src;
    uint32_t dst;
    bool source_routed;
};

#define IP4_DF 0x4000
#define IP4_FRAGMENTED 0x3fff /* MF or an offset */

/* The header at the front of `in`, which holds all of total_len; later octets are padding.
 * ERR_SHORT, ERR_MALFORMED, ERR_LENGTH, ERR_CHECKSUM. */
MUST_CHECK enum err ip4_header_read(struct span in, struct ip4_header *out);

/* Twenty octets, checksum included; header_len and source_routed are not looked at. */
void ip4_header_write(struct writer *out, const struct ip4_header *header);

/* A frame at its IPv4 header; takes the frame. */
void ip4_rx(struct net *net, struct rte_mbuf *frame, uint64_t now_ns);

/* Sends a frame at its transport header; takes the frame. */
void ip4_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, uint32_t dst,
              uint64_t now_ns);

/* Whether there is a way to dst at all: the subnet or a gateway. */
bool ip4_routed(const struct net *net, uint32_t dst);

/* Whether the next hop to dst has answered ARP. */
bool ip4_next_hop_known(const struct net *net, uint32_t dst);

/* What is sent to dst gets no answer: the next hop is asked for anew (RFC 1122 §3.3.1.4). */
void ip4_doubt(struct net *net, uint32_t dst);

/* An address no packet may come from: 0/8, 127/8, multicast and above, our own, the subnet's
 * broadcast. */
bool ip4_martian(const struct net *net, uint32_t src);

#endif
