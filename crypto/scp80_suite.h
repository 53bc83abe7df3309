/* Which algorithms a packet uses: SPI says what, KIc and KID say how (TS 102 225 §5.1.2, §5.1.3).
 */
#ifndef CRYPTO_SCP80_SUITE_H
#define CRYPTO_SCP80_SUITE_H

#include "crypto/scp80_batch.h"

enum scp80_cipher { SCP80_CIPHER_NONE, SCP80_CIPHER_DES, SCP80_CIPHER_AES };
enum scp80_check {
    SCP80_CHECK_NONE,
    SCP80_CHECK_CRC16,
    SCP80_CHECK_CRC32,
    SCP80_CHECK_DES_MAC,
    SCP80_CHECK_CMAC
};

struct scp80_suite {
    enum scp80_cipher cipher;
    enum scp80_check check;
    uint8_t block;   /* octets of a cipher block; 1 when not ciphered */
    uint8_t cc_len;  /* octets of the RC or CC */
    uint8_t kic_len; /* DES family: what the key has to be; 0: an AES key, or none */
    uint8_t kid_len;
};

/* What protects a command, and what its SPI asks of the response. ERR_UNSUPPORTED. `cc_len` is that
 * of the keys. */
MUST_CHECK enum err scp80_suite_of_command(uint16_t spi, uint8_t kic, uint8_t kid, uint8_t cc_len,
                                           struct scp80_suite *out);
MUST_CHECK enum err scp80_suite_of_response(uint16_t spi, uint8_t kic, uint8_t kid, uint8_t cc_len,
                                            struct scp80_suite *out);

/* ERR_KEY when a key that the suite needs is missing or has another length. */
MUST_CHECK enum err scp80_suite_check_keys(const struct scp80_suite *suite,
                                           const struct scp80_keys *keys);

/* PCNTR for `len` octets to be ciphered. */
static inline uint8_t scp80_suite_padding(const struct scp80_suite *suite, size_t len)
{
    return (uint8_t)((0 - len) & (suite->block - 1u));
}

/* The RC or CC of `in` by everything but AES-CMAC, which goes in batches: cc_len octets to `out`.
 */
void scp80_suite_check(const struct scp80_suite *suite, struct lanes *lanes,
                       const struct scp80_keys *keys, struct span in, uint8_t out[SCP80_CC_MAX]);

#endif
