/* ICMP (RFC 792): echo answered; errors that quote a segment of ours told to TCP.
 *
 *   type code checksum | rest of header | data: of an echo, or the quoted datagram's first octets
 *     1    1      2    |       4        |
 */
#ifndef IO_NET_ICMP_H
#define IO_NET_ICMP_H

#include "io/frame.h"
#include "io/net/ip.h"

#define ICMP_HEADER_LEN 8
#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_ECHO 8
#define ICMP_CODE_TOO_BIG 4
#define ICMP_ECHOES_PER_S 1000u

struct net;

struct icmp_header {
    uint8_t type;
    uint8_t code;
    uint32_t rest;
};

/* An ICMP error's quotation of a TCP segment. */
struct icmp_quote {
    struct ip_addr dst;
    uint16_t src_port;
    uint16_t dst_port;
    uint32_t seq;
};

/* The header of the message that is all of `in`. ERR_SHORT, ERR_CHECKSUM. */
MUST_CHECK enum err icmp_header_read(struct span in, struct icmp_header *out);

/* Writes the header with the checksum over it and `data`, which follows it. */
void icmp_header_write(struct writer *out, const struct icmp_header *header, struct span data);

/* The quotation after the header. ERR_SHORT, ERR_MALFORMED, ERR_UNSUPPORTED when it is no first TCP
 * segment from `src`. */
MUST_CHECK enum err icmp_quote_read(struct span in, uint32_t src, struct icmp_quote *out);

/* A frame at its ICMP header; takes the frame. */
void icmp_rx(struct net *net, struct rte_mbuf *frame, uint32_t src, uint64_t now_ns);

#endif
