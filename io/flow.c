/* Symmetric Toeplitz hash. */
#include "io/flow.h"

#define FLOW_KEY 0x6d5a6d5aull

/* The key has a period of 16 bits and the hash is linear, so the 12 octets of a tuple hash like the
 * exclusive or of their six 16-bit words: 16 steps instead of 96, and symmetry is plain to see. */
uint32_t flow_hash(const struct flow *flow)
{
    uint32_t addrs = flow->addr[0] ^ flow->addr[1];
    uint32_t word = ((addrs >> 16) ^ addrs ^ flow->port[0] ^ flow->port[1]) & 0xffff;
    uint64_t window = FLOW_KEY << 16 | (FLOW_KEY & 0xffff);
    uint32_t hash = 0;
    for (unsigned bit = 0; bit < 16; bit++)
        if (word & 0x8000u >> bit)
            hash ^= (uint32_t)(window >> (16 - bit));
    return hash;
}
