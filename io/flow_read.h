/* Whose a frame is: its flow, read off the frame as far as that needs.
 *
 *   TCP, UDP             addresses and ports
 *   their fragments      addresses alone, as a NIC hashes them: all parts come together
 *   ICMP errors          the flow of the packet they quote
 *   ARP, ND: answers     all edges': each has a table of neighbours
 *   the rest             whoever got it: requests are answered once, what is malformed counted once */
#ifndef IO_FLOW_READ_H
#define IO_FLOW_READ_H

#include "base/span.h"
#include "io/flow.h"

enum flow_owner {
    FLOW_FINDER, /* of no flow: whoever got it */
    FLOW_EDGE,   /* flow_edge() of the flow */
    FLOW_ALL,
};

/* `frame` from its Ethernet header on. The flow's addresses are none, and its ports 0, where there
 * are none: also with FLOW_FINDER and FLOW_ALL, for filters. */
enum flow_owner flow_read(struct span frame, struct flow *out);

#endif
