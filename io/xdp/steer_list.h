/* The keys of the tries, and the drop list's rules: after steer_view_drop all of a prefix is
 * dropped, after steer_view_allow none of it (io/xdp/steer_view.h). */
#ifndef IO_XDP_STEER_LIST_H
#define IO_XDP_STEER_LIST_H

#include "io/xdp/steer_view.h"

/* Its address with the host's bits cleared. False for a length beyond the family's, and for an IPv6
 * prefix that the IPv4-mapped addresses lie in: it would mean all of IPv4. */
MUST_CHECK bool steer_prefix_of(struct ip_addr addr, uint8_t prefix_len, struct steer_prefix *out);

#endif
