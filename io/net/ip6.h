/* IPv6 header (RFC 8200 §3); in: to us or dropped, out: to the next hop, never a fragment.
 *
 *   version class flow | payload length, next header, hop limit | source | destination | extensions
 *           4          |        2             1          1      |   16   |     16      |
 *
 * A port with an IPv6 address has two: the configured one, and a link-local one made from it. Which
 * one we are towards a peer follows from the peer: link-local to
 * link-local, else the configured one; TCP and UDP across that line are dropped (ip6.scope). */
#ifndef IO_NET_IP6_H
#define IO_NET_IP6_H

#include "io/frame.h"
#include "io/net/ip.h"

#define IP6_HEADER_LEN 40
#define IP6_LEN_MIN 1280 /* what every link carries (RFC 8200 §5) */
#define IP6_HOP_LIMIT 64
#define IP6_NEXT_AT 6 /* offset of the header's next-header field */

struct net;

struct ip6_header {
    uint16_t payload_len;
    uint8_t next;
    uint8_t hop_limit;
    struct ip_addr src;
    struct ip_addr dst;
};

/* The header at the front of `in`, which holds all of payload_len; later octets are padding.
 * ERR_SHORT, ERR_UNSUPPORTED when the version is not 6, ERR_LENGTH. */
MUST_CHECK enum err ip6_header_read(struct span in, struct ip6_header *out);

/* Traffic class and flow label zero. */
void ip6_header_write(struct writer *out, const struct ip6_header *header);

static inline bool ip6_is_group(struct ip_addr addr)
{
    return addr.octets[0] == 0xff;
}

/* fe80::/10 */
static inline bool ip6_is_link_local(struct ip_addr addr)
{
    return addr.octets[0] == 0xfe && (addr.octets[1] & 0xc0) == 0x80;
}

/* Our link-local address beside addr6: an opaque interface identifier, as RFC 7217 makes them, the same
 * on all edges. Not one made from the MAC: on an interface that we share with the kernel that one is
 * the kernel's. None beside none. */
struct ip_addr ip6_link_local(struct ip_addr addr6);

/* ff02::1:ffXX:XXXX (RFC 4291 §2.7.1). */
struct ip_addr ip6_solicited(struct ip_addr addr);

/* A group's MAC ends in the address's last four octets (RFC 2464 §7). */
void ip6_group_mac(struct ip_addr group, uint8_t mac[6]);

extern const struct ip_addr ip6_all_nodes;

/* Whether an address is one that a station can have: not unspecified, loopback, multicast, or of a
 * range that stands for IPv4. */
bool ip6_is_host(struct ip_addr addr);

/* A frame at its IPv6 header, to our station or (`group`) to many; takes the frame. */
void ip6_rx(struct net *net, struct rte_mbuf *frame, bool group, uint64_t now_ns);

/* Sends a frame at its transport header; takes the frame. `src` is one of ours. */
void ip6_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, struct ip_addr src,
              struct ip_addr dst, uint64_t now_ns);

/* The same with a hop limit of 255, to a multicast group or a station on the link by its MAC:
 * neighbour discovery, which must not wait for itself. */
void ip6_send_link(struct net *net, struct rte_mbuf *frame, struct ip_addr src, struct ip_addr dst,
                   const uint8_t *mac);

/* To a group on the link; `next` is what the frame begins with. */
void ip6_send_group(struct net *net, struct rte_mbuf *frame, uint8_t next, uint8_t hop_limit,
                    struct ip_addr src, struct ip_addr dst);

/* Whether an address is one of our two. */
bool ip6_is_ours(const struct net *net, struct ip_addr addr);

bool ip6_on_link(const struct net *net, struct ip_addr addr);

/* None when there is no way. */
struct ip_addr ip6_next_hop(const struct net *net, struct ip_addr dst);

#endif
