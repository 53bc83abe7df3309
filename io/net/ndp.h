/* Neighbour discovery (RFC 4861) of a host with configured addresses and gateway: asks who has an
 * address, answers for its own. What is heard goes to neighbour.h.
 *
 *   type code checksum | flags | target address | options: type, length in eights, value
 *     1    1      2    |   4   |       16       |            1          1
 *
 * Router advertisements and redirects are ignored and counted: the gateway is the operator's, and
 * whoever is on the link is not to move it. Duplicate address detection is not made (RFC 4862 §5.1,
 * DupAddrDetectTransmits of 0): several edges own one address and would find each other; who else
 * claims it is counted (nd.conflict), and who probes for it is answered. */
#ifndef IO_NET_NDP_H
#define IO_NET_NDP_H

#include "io/frame.h"
#include "io/net/eth.h"
#include "io/net/icmp.h"
#include "io/net/ip.h"

#define NDP_ROUTER_SOLICITATION 133
#define NDP_ROUTER_ADVERTISEMENT 134
#define NDP_SOLICITATION 135
#define NDP_ADVERTISEMENT 136
#define NDP_REDIRECT 137

#define NDP_SOLICITED 0x40000000u /* in `flags` of an advertisement */
#define NDP_OVERRIDE 0x20000000u
#define NDP_LEN 24       /* of a message without options, ICMP header included */
#define NDP_OPTION_LEN 8 /* of a link-layer address option */
#define NDP_OPTIONS_MAX 16u

struct net;

/* A solicitation or an advertisement. */
struct ndp_message {
    uint8_t type;
    uint32_t flags;
    struct ip_addr target;
    bool has_mac; /* the source's in a solicitation, the target's in an advertisement */
    uint8_t mac[ETH_ADDR_LEN];
};

/* The message after an ICMP header, whose octets 4..7 are `rest`. ERR_SHORT, ERR_MALFORMED: a
 * multicast target, an option without length or beyond the message, a link-layer address that is
 * not one Ethernet station's, or given twice. */
MUST_CHECK enum err ndp_message_read(struct span in, uint8_t type, uint32_t rest,
                                     struct ndp_message *out);

/* What follows the ICMP header. */
void ndp_message_write(struct writer *out, const struct ndp_message *message);

/* A frame at its ICMPv6 header, which is sound; takes the frame. */
void ndp_rx(struct net *net, struct rte_mbuf *frame, const struct icmp_header *header,
            const struct ip_in *in, uint64_t now_ns);

/* Asks who has addr: its solicited-node group, or, when `mac` is not NULL, that station. */
void ndp_ask(struct net *net, struct ip_addr addr, const uint8_t *mac);

/* Tells all nodes where our address is (RFC 4861 §7.2.6). */
void ndp_announce(struct net *net, struct ip_addr addr);

#endif
