/* Who card number n is: identities and keys, computed from its index and the seed, never stored. */
#ifndef BENCH_FLEET_CARD_KEYS_H
#define BENCH_FLEET_CARD_KEYS_H

#include "bench/fleet/card_packet.h"
#include "bench/fleet/fleet.h"

/* AES-128 keys of one SCP80 key set. */
void card_keys_derive(uint64_t seed, uint32_t index, uint8_t kvn, struct card_keys *out);

/* Device and profile that a number belongs to. ERR_UNKNOWN when it is none of ours. */
MUST_CHECK enum err card_find_msisdn(struct span digits, uint32_t *index, uint32_t *profile);
#endif
