/* IPv6 extension headers (RFC 8200 §4), walked under a bound: what is understood is skipped, all
 * else is refused with the reason, and with the parameter problem that is owed for it.
 *
 *   next header, length | options, or a route: segments left at 3, or a fragment: offset and M at 2
 *        1         1    |
 */
#ifndef IO_NET_IP6_EXT_H
#define IO_NET_IP6_EXT_H

#include "base/span.h"

#define IP6_EXT_MAX 8u      /* headers of one packet */
#define IP6_OPTIONS_MAX 16u /* options of one header, padding included */

#define IP6_EXT_HOP_BY_HOP 0
#define IP6_EXT_ROUTING 43
#define IP6_EXT_FRAGMENT 44
#define IP6_EXT_NONE 59
#define IP6_EXT_DESTINATION 60
#define IP6_OPTION_ROUTER_ALERT 5

enum ip6_ext_verdict {
    IP6_EXT_SOUND,
    IP6_EXT_MALFORMED, /* beyond the packet, or more than our bounds */
    IP6_EXT_REFUSED,   /* an option, or a place of a header, that is not understood */
    IP6_EXT_ROUTED,    /* a source route not at its end (RFC 5095, RFC 8200 §4.4) */
    IP6_EXT_PART       /* a fragment of a larger packet */
};

/* ICMPv6 parameter problem (RFC 4443 §3.4). */
enum ip6_problem { IP6_PROBLEM_HEADER, IP6_PROBLEM_NEXT, IP6_PROBLEM_OPTION, IP6_PROBLEM_NONE };

struct ip6_ext {
    uint8_t protocol;  /* of what follows the last header */
    uint16_t next_at;  /* where in the packet the octet that names it is */
    uint16_t len;      /* octets of extension headers */
    bool fragmented;   /* with an atomic fragment's header (RFC 6946) among them */
    bool router_alert; /* in a hop-by-hop header (RFC 2711) */
    enum ip6_problem problem;
    bool problem_to_group; /* owed even for a packet to a group */
    uint16_t pointer;
};

/* `in` is what follows the IPv6 header, which named `next`. */
enum ip6_ext_verdict ip6_ext_read(struct span in, uint8_t next, struct ip6_ext *out);

/* Whether the headers, whatever is wrong with them, lead to an ICMPv6 error or redirect: about those no
 * error is sent (RFC 4443 §2.4 (e)). */
bool ip6_ext_before_error(struct span in, uint8_t next);

#endif
