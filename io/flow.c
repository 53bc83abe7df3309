/* Symmetric Toeplitz hash. */
#include "io/flow.h"

#include <rte_byteorder.h>

#define FLOW_WINDOW ((uint64_t)FLOW_KEY << 32 | (uint64_t)FLOW_KEY << 16 | FLOW_KEY)

/* The key has a period of 16 bits and the hash is linear, so the octets of a tuple, 12 or 36, hash
 * like the exclusive or of their 16-bit words: 16 steps instead of 96 or 288, and symmetry is plain
 * to see. What makes an IPv4 address sixteen octets is the same in both and cancels out. */
uint32_t flow_hash(const struct flow *flow)
{
    uint64_t addrs = ip_word(flow->addr[0], 0) ^ ip_word(flow->addr[0], 1) ^
                     ip_word(flow->addr[1], 0) ^ ip_word(flow->addr[1], 1);
    addrs ^= addrs >> 32;
    addrs ^= addrs >> 16;
    uint32_t word = rte_be_to_cpu_16((uint16_t)addrs) ^ (uint32_t)flow->port[0] ^ flow->port[1];
    uint32_t hash = 0;
    for (unsigned bit = 0; bit < 16; bit++)
        if (word & 0x8000u >> bit)
            hash ^= (uint32_t)(FLOW_WINDOW >> (16 - bit));
    return hash;
}
