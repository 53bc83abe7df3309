/* What protocols see of UDP (RFC 768): datagrams in by local port, datagrams out. Never packets.
 *
 * All calls are for the core that owns the net. Callbacks come from net_rx; they may call anything
 * here, also udp_unbind of their own port. Nothing is allocated; datagrams sent leave with the next
 * net_flush at the latest, in bursts with all else.
 *
 * Our packets are never fragments and fragments are not taken: a datagram that the path cannot
 * carry whole does not arrive. */
#ifndef IO_NET_UDP_H
#define IO_NET_UDP_H

#include "base/span.h"
#include "io/net/icmp.h"
#include "io/net/net.h"

#define UDP_HEADER_LEN 8

struct udp_port;

struct udp_endpoint {
    struct ip_addr addr;
    uint16_t port; /* host order */
};

/* None may be NULL. */
struct udp_app {
    /* One datagram; `in` is valid only during the call. */
    void (*received)(void *ctx, struct udp_port *port, struct udp_endpoint peer, struct span in,
                     uint64_t now_ns);

    /* An ICMP error quotes a datagram from here to `peer`. Anybody could have made it up: a hint,
     * not a fact. ERR_REFUSED: nobody takes it there; ERR_UNREACHABLE; ERR_LENGTH: at most `mtu`
     * octets of IP packet get through (0: unknown). */
    void (*failed)(void *ctx, struct udp_port *port, struct udp_endpoint peer, enum err why,
                   uint16_t mtu);
};

/* Takes datagrams for a local port, of both families, until udp_unbind. ERR_DUPLICATE when the port
 * is taken, ERR_FULL. */
MUST_CHECK enum err udp_bind(struct net *net, uint16_t local_port, const struct udp_app *app,
                             void *ctx, struct udp_port **out);

/* A port for an exchange that we begin, with one peer only: its number is chosen so that nobody guesses
 * it (RFC 6056, RFC 5452) and that the answers come to this edge; what others send to it is refused.
 * ERR_UNREACHABLE as of udp_send, ERR_FULL. */
MUST_CHECK enum err udp_connect(struct net *net, struct udp_endpoint peer,
                                const struct udp_app *app, void *ctx, struct udp_port **out);
uint16_t udp_number(const struct udp_port *port);

/* Of either kind. */
void udp_unbind(struct udp_port *port);

/* Sends one datagram, copying `data`. ERR_RANGE when it is longer than udp_len_max, ERR_UNREACHABLE
 * when there is no way to the peer, or it is no peer or not that of udp_connect, ERR_FULL when no
 * frame is free. */
MUST_CHECK enum err udp_send(struct udp_port *port, struct udp_endpoint peer, struct span data,
                             uint64_t now_ns);

/* Octets of data in one datagram to a peer, by the port's MTU. */
uint16_t udp_len_max(const struct udp_port *port, struct ip_addr peer);

/* For io/net. */
struct udp_header {
    uint16_t src_port;
    uint16_t dst_port;
    uint16_t len;
    uint16_t checksum; /* 0: none (IPv4 only) */
};

/* The header at the front of `in`, an IP payload; what follows it to `len` is data. ERR_SHORT;
 * ERR_LENGTH when len is not within. */
MUST_CHECK enum err udp_header_read(struct span in, struct udp_header *out);
void udp_header_write(struct writer *out, const struct udp_header *header);

MUST_CHECK bool udp_init(struct net *net);
void udp_fini(struct net *net);

/* A frame at its UDP header; takes the frame. */
void udp_rx(struct net *net, struct rte_mbuf *frame, const struct ip_in *in, uint64_t now_ns);

/* Whether an ICMP error quotes a port that is bound. */
bool udp_fate(struct net *net, const struct icmp_quote *quote, enum icmp_fate fate, uint32_t mtu);

#endif
