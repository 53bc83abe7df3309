/* An IP address of either family, so that nobody above io/net need know which: sixteen octets as on
 * the wire, an IPv4 address as the IPv4-mapped ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
#ifndef IO_NET_IP_H
#define IO_NET_IP_H

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IP_ADDR_LEN 16
#define IP_TEXT_CAP 48 /* holds any address as text, and a prefix length after it */

#define IP_PROTOCOL_ICMP 1
#define IP_PROTOCOL_TCP 6
#define IP_PROTOCOL_UDP 17
#define IP_PROTOCOL_ICMP6 58

/* All zero: none. Compare by ip_equal. */
struct ip_addr {
    uint8_t octets[IP_ADDR_LEN];
};

static inline struct ip_addr ip_addr_v4(uint32_t host_order)
{
    return (struct ip_addr){ { [10] = 0xff,
                               [11] = 0xff,
                               [12] = (uint8_t)(host_order >> 24),
                               [13] = (uint8_t)(host_order >> 16),
                               [14] = (uint8_t)(host_order >> 8),
                               [15] = (uint8_t)host_order } };
}

/* Its halves, as they lie: for hashes, sums and comparisons. */
static inline uint64_t ip_word(struct ip_addr addr, unsigned index)
{
    uint64_t word;
    memcpy(&word, addr.octets + index * sizeof word, sizeof word);
    return word;
}

static inline bool ip_equal(struct ip_addr a, struct ip_addr b)
{
    return ip_word(a, 0) == ip_word(b, 0) && ip_word(a, 1) == ip_word(b, 1);
}

static inline bool ip_is_none(struct ip_addr addr)
{
    return (ip_word(addr, 0) | ip_word(addr, 1)) == 0;
}

static inline bool ip_is_v4(struct ip_addr addr)
{
    struct ip_addr mapped = ip_addr_v4(0);
    return memcmp(addr.octets, mapped.octets, 12) == 0;
}

/* Host order; of an IPv4 address only. */
static inline uint32_t ip_v4(struct ip_addr addr)
{
    return (uint32_t)addr.octets[12] << 24 | (uint32_t)addr.octets[13] << 16 |
           (uint32_t)addr.octets[14] << 8 | addr.octets[15];
}

/* "192.0.2.1" or "2001:db8::1"; IPv4-mapped text is refused: an address has one spelling. False
 * when it is neither. */
MUST_CHECK bool ip_read(const char *text, struct ip_addr *out);

/* The same with "/N" behind it, 1 to 32 or 128. */
MUST_CHECK bool ip_prefix_read(const char *text, struct ip_addr *out, uint8_t *prefix_len);

/* Returns `out`. */
const char *ip_write(struct ip_addr addr, char out[IP_TEXT_CAP]);

#endif
