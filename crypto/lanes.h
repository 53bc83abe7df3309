/* AES-CMAC and AES-CBC over a batch, each job with its own key, size and length; DES and 3DES
 * one at a time; AES-256-GCM for key wrapping.
 *
 * A call runs to completion: out-of-order lanes, flushes and library versions stay inside. Keys are
 * raw; schedules are made for the batch, interleaved, in secret memory, where the next batch
 * overwrites them. Nothing is allocated after lanes_create(). One `struct lanes` belongs to one
 * thread. */
#ifndef CRYPTO_LANES_H
#define CRYPTO_LANES_H

#include "base/span.h"

struct lanes;

#define LANES_BLOCK 16
#define LANES_MAC_LEN 16
#define LANES_DES_BLOCK 8
#define LANES_GCM_NONCE 12
#define LANES_GCM_TAG 16
#define LANES_GCM_KEY 32

/* How a machine does it, best first. */
enum lanes_way {
    LANES_VAES,     /* our interleaved kernels: AVX-512 and VAES */
    LANES_MB_VAES,  /* IPsec-MB; schedules by our VAES code */
    LANES_MB_AESNI, /* IPsec-MB; schedules by our AES-NI code */
    LANES_MB,       /* IPsec-MB for all of it */
};
#define LANES_WAY_COUNT 4

/* The best way this CPU has. */
enum lanes_way lanes_way_best(void);

/* By lanes_way_best(), after lanes_selftest(). NULL when memory could not be had or a known
 * answer was wrong: then nothing may be sent. */
struct lanes *lanes_create(void);

/* A given way, for tests and benches; NULL also when this CPU lacks it. */
struct lanes *lanes_create_as(enum lanes_way way);

/* Wipes and frees. NULL is ignored. */
void lanes_destroy(struct lanes *lanes);

enum lanes_way lanes_way(const struct lanes *lanes);
const char *lanes_way_name(enum lanes_way way);

/* Published known answers (SP 800-38A, SP 800-38B, FIPS 46-3, GCM), at several batch fills.
 * ERR_CORRUPT when one differs: a wrong lane must not reach a card. */
MUST_CHECK enum err lanes_selftest(struct lanes *lanes);

/* One message to be MACed (NIST SP 800-38B). */
struct lanes_cmac {
    const uint8_t *key;
    const uint8_t *in;
    uint32_t key_len;           /* 16, 24 or 32 */
    uint32_t len;               /* 0 and up */
    uint8_t mac[LANES_MAC_LEN]; /* out */
};
void lanes_cmac_run(struct lanes *lanes, struct lanes_cmac *jobs, uint32_t count);

/* One message to be ciphered, IV zero, whole blocks (NIST SP 800-38A §6.2). `out` is `in` or does
 * not overlap it. */
struct lanes_cbc {
    const uint8_t *key;
    const uint8_t *in;
    uint8_t *out;
    uint32_t key_len; /* AES: 16, 24 or 32; DES: 8, 16 (two keys) or 24 */
    uint32_t len;     /* a multiple of the block; 0 is allowed */
};
void lanes_cbc_encrypt(struct lanes *lanes, const struct lanes_cbc *jobs, uint32_t count);
void lanes_cbc_decrypt(struct lanes *lanes, const struct lanes_cbc *jobs, uint32_t count);

/* DES and 3DES (outer CBC), one message: old profiles; need not be fast. */
void lanes_des_cbc_encrypt(struct lanes *lanes, const struct lanes_cbc *job);
void lanes_des_cbc_decrypt(struct lanes *lanes, const struct lanes_cbc *job);

/* CBC-MAC with DES or 3DES on every block, IV zero, zero-filled to 8: the whole last block. */
void lanes_des_mac(struct lanes *lanes, const uint8_t *key, uint32_t key_len, struct span in,
                   uint8_t mac[LANES_DES_BLOCK]);

/* AES-256-GCM, one message (NIST SP 800-38D). out has in.len octets and may be in.bytes.
 * Opening gives ERR_CORRUPT, and zeros, when the tag does not verify. */
void lanes_gcm_seal(struct lanes *lanes, const uint8_t key[LANES_GCM_KEY],
                    const uint8_t nonce[LANES_GCM_NONCE], struct span aad, struct span in,
                    uint8_t *out, uint8_t tag[LANES_GCM_TAG]);
MUST_CHECK enum err lanes_gcm_open(struct lanes *lanes, const uint8_t key[LANES_GCM_KEY],
                                   const uint8_t nonce[LANES_GCM_NONCE], struct span aad,
                                   struct span in, uint8_t *out, const uint8_t tag[LANES_GCM_TAG]);

#endif
