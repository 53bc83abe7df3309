/* SYN cookies (RFC 4987 §3.6): a half-open connection kept by the peer instead of by us. Our ISN
 * says when it was made and of which MSS, under a key; the timestamp it sends back holds the other
 * options, so that only a peer without timestamps loses them.
 *
 *     ISN:  period (64 s) 3 bits | MSS index 3 bits | SipHash of it all 26 bits
 *     TSval: our clock, its last five bits SACK-permitted 1 bit | window scale 4 bits, 15: none */
#ifndef IO_TCP_TCP_COOKIE_H
#define IO_TCP_TCP_COOKIE_H

#include "io/net/ip.h"
#include "io/tcp/tcp_wire.h"

#define TCP_COOKIE_PERIOD_NS (64ull * 1000000000)
#define TCP_COOKIE_LIFE_NS (2 * TCP_COOKIE_PERIOD_NS) /* none is good for longer */

/* What a cookie is bound to. */
struct tcp_cookie_of {
    struct ip_addr local;
    struct ip_addr peer;
    uint16_t local_port;
    uint16_t peer_port;
    uint32_t peer_isn;
};

uint32_t tcp_cookie_make(const uint64_t key[2], const struct tcp_cookie_of *of, uint16_t mss,
                         uint64_t now_ns);

/* Whether it is one of ours, of this or the last period; then `*mss` is the peer's, or less. */
bool tcp_cookie_good(const uint64_t key[2], const struct tcp_cookie_of *of, uint32_t cookie,
                     uint64_t now_ns, uint16_t *mss);

/* A TSval no later than `ts_now` for the options of a SYN; and back from its echo into `syn`. */
uint32_t tcp_cookie_ts(uint32_t ts_now, const struct tcp_header *syn);
void tcp_cookie_ts_read(uint32_t echo, struct tcp_header *syn);

#endif
