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
#define IP4_CHECKSUM_AT 10
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
 * ERR_SHORT; ERR_UNSUPPORTED when the version is not 4; ERR_RANGE when the header's length is
 * impossible; ERR_LENGTH, ERR_CHECKSUM; ERR_MALFORMED when an option is. */
MUST_CHECK enum err ip4_header_read(struct span in, struct ip4_header *out);

/* Twenty octets, checksum included; header_len and source_routed are not looked at. */
void ip4_header_write(struct writer *out, const struct ip4_header *header);

/* A frame at its IPv4 header; takes the frame. */
void ip4_rx(struct net *net, struct rte_mbuf *frame, uint64_t now_ns);

/* Sends a frame at its transport header, with DF; takes the frame. */
void ip4_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, uint32_t dst,
              uint64_t now_ns);

bool ip4_on_link(const struct net *net, uint32_t addr);

/* None when there is no way. */
struct ip_addr ip4_next_hop(const struct net *net, struct ip_addr dst);

/* An address no packet may come from: 0/8, 127/8, multicast and above, our own, the subnet's
 * broadcast. */
bool ip4_martian(const struct net *net, uint32_t src);

#endif
