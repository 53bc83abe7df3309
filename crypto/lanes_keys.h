/* A batch's AES key schedules and CMAC subkeys, four keys interleaved, in IPsec-MB's layout: round
 * keys one after the other, for decryption those of the equivalent inverse cipher, last first. */
#ifndef CRYPTO_LANES_KEYS_H
#define CRYPTO_LANES_KEYS_H

#include "crypto/lanes.h"

#define LANES_ROUND_KEYS_MAX 15

struct lanes_schedule {
    _Alignas(16) uint8_t encrypt[LANES_ROUND_KEYS_MAX][LANES_BLOCK];
    _Alignas(16) uint8_t decrypt[LANES_ROUND_KEYS_MAX][LANES_BLOCK];
    _Alignas(16) uint8_t k1[LANES_BLOCK]; /* CMAC: for a whole last block */
    _Alignas(16) uint8_t k2[LANES_BLOCK]; /* ... for a padded one */
};

enum lanes_keys_use { LANES_KEYS_ENCRYPT, LANES_KEYS_DECRYPT, LANES_KEYS_CMAC };

bool lanes_keys_aesni_supported(void);

/* out[i] for keys[i], all of key_len octets; `out` has room for `count` rounded up to four. Writes
 * `encrypt`, and `decrypt` or k1 and k2 as `use` says. */
void lanes_keys_aesni(const uint8_t *const *keys, uint32_t count, uint32_t key_len,
                      enum lanes_keys_use use, struct lanes_schedule *out);

/* The same, if lanes_vaes_supported(). */
void lanes_keys_vaes(const uint8_t *const *keys, uint32_t count, uint32_t key_len,
                     enum lanes_keys_use use, struct lanes_schedule *out);

#endif
