/* ICMP (RFC 792) and ICMPv6 (RFC 4443): echo answered; errors that quote what we sent told to TCP
 * and UDP; errors sent where a host owes them.
 *
 *   type code checksum | rest of header | data: of an echo, or the packet that is quoted
 *     1    1      2    |       4        |
 *
 * Everything that a stranger can make us send has a budget per second, and nothing is sent about
 * an error, to a group, or about what came to a group (RFC 1122 §3.2.2, RFC 4443 §2.4). */
#ifndef IO_NET_ICMP_H
#define IO_NET_ICMP_H

#include "io/net/ip6_ext.h"
#include "io/net/ip_route.h"

#define ICMP_HEADER_LEN 8
#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_REDIRECT 5
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PROBLEM 12
#define ICMP_CODE_PROTOCOL 2
#define ICMP_CODE_PORT 3
#define ICMP_CODE_TOO_BIG 4

#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PROBLEM 4
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
#define ICMP6_CODE_PORT 4

#define ICMP_ECHOES_PER_S 1000u
#define ICMP_ERRORS_PER_S 100u

struct icmp_header {
    uint8_t type;
    uint8_t code;
    uint32_t rest;
};

/* What an ICMP error quotes of a packet, to the first eight octets after its IP header. */
struct icmp_quote {
    struct ip_addr src;
    struct ip_addr dst;
    uint16_t total_len;
    uint8_t protocol;
    uint16_t src_port;
    uint16_t dst_port;
    uint32_t seq; /* of a TCP segment */
};

/* What an ICMP error says of the packet. */
enum icmp_fate {
    ICMP_FATE_REFUSED, /* it arrived, and nobody takes the port or the protocol */
    ICMP_FATE_UNREACHABLE,
    ICMP_FATE_TOO_BIG
};

/* The header of the message that is all of `in`; `pseudo` is the pseudo-header's sum, 0 for IPv4.
 * ERR_SHORT, ERR_CHECKSUM. */
MUST_CHECK enum err icmp_header_read(struct span in, uint64_t pseudo, struct icmp_header *out);

/* Writes the header with the checksum over it and `data`, which follows it. */
void icmp_header_write(struct writer *out, const struct icmp_header *header, struct span data,
                       uint64_t pseudo);

/* The quotation after the header, of either family. ERR_SHORT, ERR_MALFORMED, ERR_UNSUPPORTED when
 * it is a later fragment. */
MUST_CHECK enum err icmp_quote_read(struct span in, struct icmp_quote *out);

/* A frame at its ICMP or ICMPv6 header; takes the frame. */
void icmp_rx(struct net *net, struct rte_mbuf *frame, const struct ip_in *in, uint64_t now_ns);
void icmp6_rx(struct net *net, struct rte_mbuf *frame, const struct ip_in *in, uint64_t now_ns);

/* Answers an echo request with the octets after its header; `type` is that of the reply. */
void icmp_echo(struct net *net, const struct icmp_header *echo, uint8_t type, struct span data,
               const struct ip_in *in, uint64_t now_ns);

/* Tells TCP or UDP of an error message in the packet `in`, whose data is `data`; returns what the
 * message is counted as. `mtu` only with ICMP_FATE_TOO_BIG, 0 when the router did not say. */
uint32_t icmp_fate_tell(struct net *net, const struct ip_in *in, struct span data,
                        enum icmp_fate fate, uint32_t mtu, uint64_t now_ns);

/* The sender of a packet is told that nobody takes its port or protocol. */
void icmp_refuse(struct net *net, const struct ip_in *in, bool port, uint64_t now_ns);

/* Parameter problem of an IPv6 packet. */
void icmp_problem(struct net *net, const struct ip_in *in, enum ip6_problem problem,
                  uint16_t pointer, bool to_group, uint64_t now_ns);

#endif
