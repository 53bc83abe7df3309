/* What strangers send: frames of many kinds from random sources, none of them of any use. */
#ifndef TESTS_SUPPORT_STRANGER_H
#define TESTS_SUPPORT_STRANGER_H

#include "base/prng.h"
#include "tests/support/wire.h"

enum stranger {
    STRANGER_SYN, /* to a port that listens */
    STRANGER_ACK, /* of no connection */
    STRANGER_RST,
    STRANGER_CLOSED,   /* SYN to a port that does not listen */
    STRANGER_FRAGMENT, /* of IPv4 */
    STRANGER_UDP,      /* to no port of ours */
    STRANGER_ECHO,
    STRANGER_ARP, /* asks for us */
    STRANGER_ARP_REPLY,
    STRANGER_ND,      /* likewise, of IPv6 */
    STRANGER_GARBAGE, /* random octets to our station */
    STRANGER_COUNT
};

extern const char *const stranger_names[STRANGER_COUNT];

/* `to` has an IPv4 address; `to6` is the same station's other. `via` is where routed packets come from. */
struct rte_mbuf *stranger_frame(enum stranger kind, struct prng *prng, struct rte_mempool *frames,
                                const struct wire_end *to, const struct wire_end *to6,
                                const struct wire_end *via, uint16_t port);

#endif
