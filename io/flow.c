/* Symmetric Toeplitz hash. */
#include "io/flow.h"

#include <rte_byteorder.h>

/* The key has a period of 16 bits and the hash is linear. So the octets of a tuple, 12 or 36, hash like
 * the exclusive or of their 16-bit words, its two halves are equal, and bit n of the word, from the
 * left, adds the key turned left by n: what the four bits of a nibble add is looked up, and turned by
 * where the nibble stands. What makes an IPv4 address sixteen octets is the same in both and cancels
 * out. */
#define TURNED(word, by) ((uint16_t)((word) << (by) | (word) >> (16 - (by))))
#define BIT(nibble, n) (((nibble)&8 >> (n)) != 0 ? FLOW_KEY << (n) | FLOW_KEY >> (16 - (n)) : 0)
#define NIBBLE(nibble) (uint16_t)(BIT(nibble, 0) ^ BIT(nibble, 1) ^ BIT(nibble, 2) ^ BIT(nibble, 3))

static const uint16_t nibbles[16] = { NIBBLE(0),  NIBBLE(1),  NIBBLE(2),  NIBBLE(3),
                                      NIBBLE(4),  NIBBLE(5),  NIBBLE(6),  NIBBLE(7),
                                      NIBBLE(8),  NIBBLE(9),  NIBBLE(10), NIBBLE(11),
                                      NIBBLE(12), NIBBLE(13), NIBBLE(14), NIBBLE(15) };

uint32_t flow_hash(const struct flow *flow)
{
    uint64_t addrs = ip_word(flow->addr[0], 0) ^ ip_word(flow->addr[0], 1) ^
                     ip_word(flow->addr[1], 0) ^ ip_word(flow->addr[1], 1);
    addrs ^= addrs >> 32;
    addrs ^= addrs >> 16;
    uint32_t word = rte_be_to_cpu_16((uint16_t)addrs) ^ (uint32_t)flow->port[0] ^ flow->port[1];
    uint32_t half = nibbles[word >> 12] ^ TURNED(nibbles[word >> 8 & 0xf], 4) ^
                    TURNED(nibbles[word >> 4 & 0xf], 8) ^ TURNED(nibbles[word & 0xf], 12);
    return half << 16 | half;
}
