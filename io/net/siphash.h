/* SipHash (Aumasson and Bernstein, 2012) of octets given as whole words: a keyed hash that a peer
 * who chooses its ports and addresses can neither predict nor flood. */
#ifndef IO_NET_SIPHASH_H
#define IO_NET_SIPHASH_H

#include <stdint.h>

static inline uint64_t siphash_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void siphash_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = siphash_rotate(v[1], 13) ^ v[0];
    v[3] = siphash_rotate(v[3], 16) ^ v[2];
    v[0] = siphash_rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = siphash_rotate(v[1], 17) ^ v[2];
    v[3] = siphash_rotate(v[3], 21) ^ v[0];
    v[2] = siphash_rotate(v[2], 32);
}

/* SipHash-c-d with c = rounds, d = last_rounds. Words are little-endian octets. */
static inline uint64_t siphash_words(const uint64_t key[2], const uint64_t *words, unsigned count,
                                     unsigned rounds, unsigned last_rounds)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                      key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
    for (unsigned i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : (uint64_t)(8 * count) << 56;
        v[3] ^= word;
        for (unsigned n = 0; n < rounds; n++)
            siphash_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (unsigned n = 0; n < last_rounds; n++)
        siphash_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
