/* Seeded generator (xoshiro256**) for jitter and simulation. Never for keys. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);

/* Even over 0..bound-1; bound > 0. */
uint64_t prng_below(struct prng *prng, uint64_t bound);

#endif
