/* The algorithm nibbles as tables, and the checksums that nobody waits for. */
#include "crypto/scp80_suite.h"

#define ALGORITHM 0x0F
#define INTEGRITY_MASK 0x03u
#define CRC16_LEN 2
#define CRC32_LEN 4
#define DES_MAC_LEN 8
#define CMAC_LEN 8
#define CMAC_SHORT_LEN 4

/* Rows left out are implicit, reserved, proprietary or withdrawn (DES-ECB). */
static const struct {
    enum scp80_cipher cipher;
    uint8_t block, key_len;
} ciphers[16] = {
    [0x1] = { SCP80_CIPHER_DES, LANES_DES_BLOCK, 8 },
    [0x5] = { SCP80_CIPHER_DES, LANES_DES_BLOCK, 16 },
    [0x9] = { SCP80_CIPHER_DES, LANES_DES_BLOCK, 24 },
    [0x2] = { SCP80_CIPHER_AES, LANES_BLOCK, 0 },
};

struct check_row {
    enum scp80_check check;
    uint8_t cc_len, key_len;
};

/* The same nibble means another thing under RC than under CC. */
static const struct check_row rc_rows[16] = {
    [0x1] = { SCP80_CHECK_CRC16, CRC16_LEN, 0 },
    [0x5] = { SCP80_CHECK_CRC32, CRC32_LEN, 0 },
};
static const struct check_row cc_rows[16] = {
    [0x1] = { SCP80_CHECK_DES_MAC, DES_MAC_LEN, 8 },
    [0x5] = { SCP80_CHECK_DES_MAC, DES_MAC_LEN, 16 },
    [0x9] = { SCP80_CHECK_DES_MAC, DES_MAC_LEN, 24 },
    [0x2] = { SCP80_CHECK_CMAC, CMAC_LEN, 0 },
};

static enum err suite_of(bool ciphered, enum scp80_integrity integrity, uint8_t kic, uint8_t kid,
                         uint8_t cc_len, struct scp80_suite *out)
{
    *out = (struct scp80_suite){ .block = 1 };
    if (ciphered) {
        out->cipher = ciphers[kic & ALGORITHM].cipher;
        out->block = ciphers[kic & ALGORITHM].block;
        out->kic_len = ciphers[kic & ALGORITHM].key_len;
        if (out->cipher == SCP80_CIPHER_NONE)
            return ERR_UNSUPPORTED;
    }
    if (integrity == SCP80_INTEGRITY_NONE)
        return ERR_OK;
    if (integrity == SCP80_INTEGRITY_DS)
        return ERR_UNSUPPORTED;
    const struct check_row *row =
        integrity == SCP80_INTEGRITY_RC ? &rc_rows[kid & ALGORITHM] : &cc_rows[kid & ALGORITHM];
    out->check = row->check;
    out->cc_len = row->cc_len;
    out->kid_len = row->key_len;
    if (row->check == SCP80_CHECK_NONE)
        return ERR_UNSUPPORTED;
    if (row->check == SCP80_CHECK_CMAC && cc_len != 0) {
        out->cc_len = cc_len;
        if (cc_len != CMAC_LEN && cc_len != CMAC_SHORT_LEN)
            return ERR_KEY;
    }
    return ERR_OK;
}

enum err scp80_suite_of_command(uint16_t spi, uint8_t kic, uint8_t kid, uint8_t cc_len,
                                struct scp80_suite *out)
{
    enum scp80_integrity integrity =
        (enum scp80_integrity)(spi >> SCP80_SPI_INTEGRITY_SHIFT & INTEGRITY_MASK);
    return suite_of((spi & SCP80_SPI_CIPHERED) != 0, integrity, kic, kid, cc_len, out);
}

enum err scp80_suite_of_response(uint16_t spi, uint8_t kic, uint8_t kid, uint8_t cc_len,
                                 struct scp80_suite *out)
{
    enum scp80_integrity integrity =
        (enum scp80_integrity)(spi >> SCP80_SPI_POR_INTEGRITY_SHIFT & INTEGRITY_MASK);
    return suite_of((spi & SCP80_SPI_POR_CIPHERED) != 0, integrity, kic, kid, cc_len, out);
}

static bool aes_key(uint8_t len)
{
    return len == 16 || len == 24 || len == 32;
}

enum err scp80_suite_check_keys(const struct scp80_suite *suite, const struct scp80_keys *keys)
{
    if (suite->cipher == SCP80_CIPHER_NONE &&
        (suite->check == SCP80_CHECK_NONE || suite->check == SCP80_CHECK_CRC16 ||
         suite->check == SCP80_CHECK_CRC32))
        return ERR_OK;
    if (keys == NULL)
        return ERR_KEY;
    if (suite->cipher == SCP80_CIPHER_AES && !aes_key(keys->kic_len))
        return ERR_KEY;
    if (suite->cipher == SCP80_CIPHER_DES && keys->kic_len != suite->kic_len)
        return ERR_KEY;
    if (suite->check == SCP80_CHECK_CMAC && !aes_key(keys->kid_len))
        return ERR_KEY;
    if (suite->check == SCP80_CHECK_DES_MAC && keys->kid_len != suite->kid_len)
        return ERR_KEY;
    return ERR_OK;
}

/* Reflected, initial value and final complement all ones; `bits` wide. */
static uint32_t crc(struct span in, uint32_t reflected, uint32_t all_ones)
{
    uint32_t value = all_ones;
    for (size_t i = 0; i < in.len; i++) {
        value ^= in.bytes[i];
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ ((value & 1u) != 0 ? reflected : 0);
    }
    return value ^ all_ones;
}

void scp80_suite_check(const struct scp80_suite *suite, struct lanes *lanes,
                       const struct scp80_keys *keys, struct span in, uint8_t out[SCP80_CC_MAX])
{
    struct writer w = writer_over(out, SCP80_CC_MAX);
    switch (suite->check) {
    case SCP80_CHECK_CRC16: /* poly 1021 */
        writer_u16(&w, (uint16_t)crc(in, 0x8408, 0xFFFF));
        return;
    case SCP80_CHECK_CRC32: /* poly 04C11DB7 */
        writer_u32(&w, crc(in, 0xEDB88320, 0xFFFFFFFF));
        return;
    case SCP80_CHECK_DES_MAC:
        lanes_des_mac(lanes, keys->kid, keys->kid_len, in, out);
        return;
    case SCP80_CHECK_NONE:
    case SCP80_CHECK_CMAC:
        return;
    }
}
