/* Ethernet II header.
 *
 *   destination source type | payload
 *        6        6     2   |
 */
#ifndef IO_NET_ETH_H
#define IO_NET_ETH_H

#include "base/span.h"

#define ETH_ADDR_LEN 6
#define ETH_HEADER_LEN 14
#define ETH_TYPE_IP4 0x0800
#define ETH_TYPE_ARP 0x0806

struct eth_header {
    uint8_t dst[ETH_ADDR_LEN];
    uint8_t src[ETH_ADDR_LEN];
    uint16_t type;
};

extern const uint8_t eth_broadcast[ETH_ADDR_LEN];

/* The header at the front of `in`; what follows is payload. ERR_SHORT. */
MUST_CHECK enum err eth_header_read(struct span in, struct eth_header *out);
void eth_header_write(struct writer *out, const struct eth_header *header);

/* The group bit: broadcast is one of these. */
static inline bool eth_is_group(const uint8_t addr[ETH_ADDR_LEN])
{
    return (addr[0] & 1) != 0;
}

static inline bool eth_equal(const uint8_t a[ETH_ADDR_LEN], const uint8_t b[ETH_ADDR_LEN])
{
    return memcmp(a, b, ETH_ADDR_LEN) == 0;
}

#endif
