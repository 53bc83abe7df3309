/* crypto/lanes.h by OpenSSL, one message at a time: the oracle of the lanes, and the baseline. */
#ifndef TESTS_SUPPORT_LANES_REF_H
#define TESTS_SUPPORT_LANES_REF_H

#include "crypto/lanes.h"

void lanes_ref_cmac_run(struct lanes_cmac *jobs, uint32_t count);
void lanes_ref_cbc_encrypt(const struct lanes_cbc *jobs, uint32_t count);
void lanes_ref_cbc_decrypt(const struct lanes_cbc *jobs, uint32_t count);
void lanes_ref_des_cbc_encrypt(const struct lanes_cbc *job);
void lanes_ref_des_mac(const uint8_t *key, uint32_t key_len, struct span in,
                       uint8_t mac[LANES_DES_BLOCK]);
void lanes_ref_gcm_seal(const uint8_t key[LANES_GCM_KEY], const uint8_t nonce[LANES_GCM_NONCE],
                        struct span aad, struct span in, uint8_t *out, uint8_t tag[LANES_GCM_TAG]);

#endif
