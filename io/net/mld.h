/* Multicast listener discovery of a host (RFC 3810, and RFC 2710 towards an old querier): says which
 * groups we want, so that switches that snoop let neighbour solicitations through to us. The groups
 * are the solicited-node ones of our two addresses, for good; nobody reports all-nodes.
 *
 *   query:   type code checksum | delay, 0 | group | flags, interval, sources    130
 *              1    1      2    |   2    2 |  16   |   1       1       2 …       (version 2)
 *   report:  type code checksum | 0, records | type, 0, sources, group           143
 *              1    1      2    |  2     2   |   1   1     2      16
 *   version 1:                    delay, 0   | group                             131
 *
 * A querier is answered after a random delay that it names. Reports are also repeated by themselves,
 * since queries to all nodes stay with the kernel on an interface that we share with it. */
#ifndef IO_NET_MLD_H
#define IO_NET_MLD_H

#include "base/wheel.h"
#include "io/frame.h"
#include "io/net/icmp.h"

#define MLD_QUERY 130
#define MLD_REPORT_1 131
#define MLD_DONE_1 132
#define MLD_REPORT 143
#define MLD_GROUPS 2u

#define MLD_REPEAT_NS 100000000000ull      /* memberships last 260 s (RFC 3810 §9.4) */
#define MLD_GAP_NS 100000000ull            /* between two reports, whoever asks */
#define MLD_OLD_QUERIER_NS 260000000000ull /* RFC 3810 §9.12 */

struct net;

struct mld {
    struct timer timer; /* the next report */
    uint64_t sent_ns;
    uint64_t old_ns; /* until when a querier of version 1 is thought to be there */
};

struct mld_query {
    uint32_t delay_ms;    /* the answer's, at most */
    struct ip_addr group; /* none: all */
    bool old;             /* version 1 */
};

/* The message after an ICMP header, whose octets 4..7 are `rest`. ERR_SHORT, ERR_MALFORMED: a length of
 * neither version, a group that is none, fewer sources than it says. */
MUST_CHECK enum err mld_query_read(struct span in, uint32_t rest, struct mld_query *out);

/* A frame at its ICMPv6 header, which is sound; takes the frame. */
void mld_rx(struct net *net, struct rte_mbuf *frame, const struct icmp_header *header,
            const struct ip_in *in, uint64_t now_ns);

/* The first report, and the same once more against its loss (RFC 3810 §6.1). */
void mld_join(struct net *net, uint64_t now_ns);
void mld_repeat(struct net *net, uint64_t now_ns);

void mld_timer(struct net *net, uint64_t now_ns);

#endif
