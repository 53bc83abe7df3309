/* Paths that carry less than our link (RFC 1191, RFC 8201): a bounded table by destination, each
 * entry for ten minutes. Only errors that quote a TCP segment under way get in here. */
#ifndef IO_NET_PMTU_H
#define IO_NET_PMTU_H

#include "io/net/ip.h"

#define PMTU_WAYS 4u
#define PMTU_AGE_NS 600000000000ull /* RFC 1191 §6.3, RFC 8201 §4 */
#define PMTU_MIN4 552u              /* nobody is to make us send crumbs */
#define PMTU_MIN6 1280u             /* RFC 8201 §4 */

struct net;

struct pmtu_entry {
    struct ip_addr dst;
    uint64_t set_ns;
    uint16_t mtu; /* 0: free */
};

struct pmtu_table {
    struct pmtu_entry *entries;
    uint32_t bucket_count; /* a power of two */
};

MUST_CHECK bool pmtu_init(struct net *net);
void pmtu_fini(struct net *net);

/* Octets of an IP packet that reach dst, as far as is known. */
uint16_t pmtu_of(const struct net *net, struct ip_addr dst, uint64_t now_ns);

/* A router says that a packet of `sent_len` to dst was too big for a link of `mtu`, 0 when it is too
 * old to say of how much. False when that is impossible, or what is known already. */
bool pmtu_lower(struct net *net, struct ip_addr dst, uint32_t mtu, uint16_t sent_len,
                uint64_t now_ns);

#endif
