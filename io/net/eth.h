/* Ethernet II header, with an IEEE 802.1Q tag or without.
 *
 *   destination source | 8100 tag | type | payload
 *        6        6    |   2   2  |  2   |
 */
#ifndef IO_NET_ETH_H
#define IO_NET_ETH_H

#include "base/span.h"

#define ETH_ADDR_LEN 6
#define ETH_HEADER_LEN 14
#define ETH_TAG_LEN 4
#define ETH_TYPE_IP4 0x0800
#define ETH_TYPE_ARP 0x0806
#define ETH_TYPE_IP6 0x86dd
#define ETH_TYPE_TAG 0x8100
#define ETH_VLAN_ID 0x0fffu /* of a tag */
#define ETH_VLAN_MAX 4094

struct eth_header {
    uint8_t dst[ETH_ADDR_LEN];
    uint8_t src[ETH_ADDR_LEN];
    uint16_t type;
    uint16_t vlan; /* 0: no tag, or one that gives a priority only, which is the same (802.1Q) */
    uint8_t len;   /* read only */
};

extern const uint8_t eth_broadcast[ETH_ADDR_LEN];

/* The header at the front of `in`; what follows len is payload. ERR_SHORT. */
MUST_CHECK enum err eth_header_read(struct span in, struct eth_header *out);

/* Octets eth_header_write takes: with a tag when there is a VLAN. */
static inline uint8_t eth_header_len(uint16_t vlan)
{
    return vlan != 0 ? ETH_HEADER_LEN + ETH_TAG_LEN : ETH_HEADER_LEN;
}

void eth_header_write(struct writer *out, const struct eth_header *header);

/* The group bit: broadcast is one of these. */
static inline bool eth_is_group(const uint8_t addr[ETH_ADDR_LEN])
{
    return (addr[0] & 1) != 0;
}

/* Whether a station can have it. */
static inline bool eth_is_station(const uint8_t addr[ETH_ADDR_LEN])
{
    static const uint8_t none[ETH_ADDR_LEN];
    return !eth_is_group(addr) && memcmp(addr, none, ETH_ADDR_LEN) != 0;
}

static inline bool eth_equal(const uint8_t a[ETH_ADDR_LEN], const uint8_t b[ETH_ADDR_LEN])
{
    return memcmp(a, b, ETH_ADDR_LEN) == 0;
}

#endif
