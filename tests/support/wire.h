/* Frames of either family for scripts that play the rest of the link: made, and read back. */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include "io/frame.h"
#include "io/net/eth.h"
#include "io/net/ip.h"
#include "io/tcp/tcp_wire.h"

/* A station and its address. */
struct wire_end {
    struct ip_addr addr;
    uint8_t mac[ETH_ADDR_LEN];
};

/* An IP packet with that payload. The octets are the caller's. */
struct rte_mbuf *wire_packet(struct rte_mempool *frames, const struct wire_end *from,
                             const struct wire_end *to, uint8_t protocol, struct span payload);

/* A TCP segment with its checksum; `options` are put after the header's own and padded. */
struct rte_mbuf *wire_segment(struct rte_mempool *frames, const struct wire_end *from,
                              const struct wire_end *to, const struct tcp_header *header,
                              struct span options, struct span data);

/* An ARP request or a neighbour solicitation, and the answer to one. Whoever gets it knows where `from` is. */
struct rte_mbuf *wire_hello(struct rte_mempool *frames, const struct wire_end *from,
                            const struct wire_end *to);
struct rte_mbuf *wire_answer(struct rte_mempool *frames, const struct wire_end *from,
                             const struct wire_end *to);

struct wire_in {
    struct wire_end from;
    struct wire_end to;
    struct tcp_header header;
    struct span data; /* in the frame */
};

/* A TCP segment, whose every checksum is right; false for any other frame. */
bool wire_read(struct span frame, struct wire_in *out);

#endif
