/* SCP80 packets at the card, one at a time, over OpenSSL. */
#include "bench/fleet/card_packet.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define CLEAR_LEN 10u  /* CPL CHL SPI KIc KID TAR */
#define PREFIX_LEN 16u /* ... CNTR PCNTR: what precedes the CC */
#define CC_MAX 8u
#define CHL_BASE 13u
#define RHL_BASE 10u
#define AES_SIZES 3

struct card_crypto {
    EVP_CIPHER *aes[AES_SIZES];
    EVP_CIPHER *des; /* three keys; DES and two-key 3DES repeat theirs */
    EVP_MAC *cmac_kind;
    EVP_MAC_CTX *cmac[AES_SIZES];
    EVP_CIPHER_CTX *cipher;
    EVP_MD *sha256_kind;
    EVP_MD_CTX *sha256;
    uint8_t clear[CARD_PACKET_CAP];
    uint8_t mac_input[CARD_PACKET_CAP + 16];
    uint8_t scratch[CARD_PACKET_CAP + 16];
};

struct card_crypto *card_crypto_create(void)
{
    static const char *const aes[AES_SIZES] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC" };
    struct card_crypto *crypto = calloc(1, sizeof *crypto);
    if (crypto == NULL)
        return NULL;
    crypto->des = EVP_CIPHER_fetch(NULL, "DES-EDE3-CBC", NULL);
    crypto->cmac_kind = EVP_MAC_fetch(NULL, "CMAC", NULL);
    crypto->cipher = EVP_CIPHER_CTX_new();
    crypto->sha256_kind = EVP_MD_fetch(NULL, "SHA256", NULL);
    crypto->sha256 = EVP_MD_CTX_new();
    bool whole = crypto->des != NULL && crypto->cmac_kind != NULL && crypto->cipher != NULL &&
                 crypto->sha256_kind != NULL && crypto->sha256 != NULL;
    for (size_t i = 0; i < AES_SIZES && whole; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s", aes[i]);
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0),
            OSSL_PARAM_construct_end(),
        };
        crypto->aes[i] = EVP_CIPHER_fetch(NULL, aes[i], NULL);
        crypto->cmac[i] = EVP_MAC_CTX_new(crypto->cmac_kind);
        whole = crypto->aes[i] != NULL && crypto->cmac[i] != NULL &&
                EVP_MAC_CTX_set_params(crypto->cmac[i], params) == 1;
    }
    if (!whole) {
        card_crypto_free(crypto);
        return NULL;
    }
    return crypto;
}

void card_crypto_free(struct card_crypto *crypto)
{
    if (crypto == NULL)
        return;
    for (size_t i = 0; i < AES_SIZES; i++) {
        EVP_CIPHER_free(crypto->aes[i]);
        EVP_MAC_CTX_free(crypto->cmac[i]);
    }
    EVP_CIPHER_free(crypto->des);
    EVP_MAC_free(crypto->cmac_kind);
    EVP_CIPHER_CTX_free(crypto->cipher);
    EVP_MD_free(crypto->sha256_kind);
    EVP_MD_CTX_free(crypto->sha256);
    OPENSSL_cleanse(crypto, sizeof *crypto);
    free(crypto);
}

void card_sha256(struct card_crypto *crypto, struct span in, uint8_t out[32])
{
    ASSERT(EVP_DigestInit_ex2(crypto->sha256, crypto->sha256_kind, NULL) == 1 &&
           EVP_DigestUpdate(crypto->sha256, in.bytes, in.len) == 1 &&
           EVP_DigestFinal_ex(crypto->sha256, out, NULL) == 1);
}

/* Index of an AES key length in the tables above, or AES_SIZES. */
static size_t aes_size(uint8_t key_len)
{
    return key_len == 16 ? 0 : key_len == 24 ? 1 : key_len == 32 ? 2 : AES_SIZES;
}

/* The algorithm nibble of KIc, or of KID under CC (TS 102 225 §5.1.2, §5.1.3): block length and
 * whether the key fits. */
static enum err algorithm(uint8_t octet, const struct card_key *key, size_t *block)
{
    *block = 8;
    switch (octet & 0x0F) {
    case 0x1:
        return key->len == 8 ? ERR_OK : ERR_KEY;
    case 0x5:
        return key->len == 16 ? ERR_OK : ERR_KEY;
    case 0x9:
        return key->len == 24 ? ERR_OK : ERR_KEY;
    case 0x2:
        *block = 16;
        return aes_size(key->len) < AES_SIZES ? ERR_OK : ERR_KEY;
    default:
        return ERR_UNSUPPORTED;
    }
}

/* CBC with a zero IV; `out` may be `in`. */
static void cbc(struct card_crypto *crypto, const struct card_key *key, size_t block, bool encrypt,
                const uint8_t *in, size_t len, uint8_t *out)
{
    static const uint8_t iv[16];
    uint8_t expanded[24];
    const EVP_CIPHER *cipher = crypto->des;
    const uint8_t *bytes = expanded;
    if (block == 16) {
        cipher = crypto->aes[aes_size(key->len)];
        bytes = key->bytes;
    } else {
        for (size_t i = 0; i < sizeof expanded; i++)
            expanded[i] = key->bytes[i % key->len];
    }
    int done = 0;
    ASSERT(EVP_CipherInit_ex2(crypto->cipher, cipher, bytes, iv, encrypt, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(crypto->cipher, 0) == 1 &&
           EVP_CipherUpdate(crypto->cipher, out, &done, in, (int)len) == 1 && done == (int)len);
}

/* CRCs of TS 102 225 §5.1.3.2, both reflected with final complement. */
static uint32_t crc(const uint8_t *in, size_t len, uint32_t polynomial, uint32_t start)
{
    uint32_t value = start;
    for (size_t i = 0; i < len; i++) {
        value ^= in[i];
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (polynomial & (0u - (value & 1)));
    }
    return value ^ start;
}

/* How long the RC or CC is; the algorithm must be one that this key can serve. */
static enum err integrity_len(enum card_integrity kind, uint8_t kid, const struct card_keys *keys,
                              size_t *len)
{
    *len = 0;
    size_t block;
    enum err err;
    switch (kind) {
    case CARD_NO_INTEGRITY:
        return ERR_OK;
    case CARD_RC:
        *len = (kid & 0x0F) == 1 ? 2 : 4;
        return (kid & 0x0F) == 1 || (kid & 0x0F) == 5 ? ERR_OK : ERR_UNSUPPORTED;
    case CARD_CC:
        err = algorithm(kid, &keys->kid, &block);
        *len = block == 16 ? keys->cc_len : 8;
        return err;
    case CARD_DS:
        break;
    }
    return ERR_UNSUPPORTED;
}

/* RC or CC over crypto->mac_input[0..len). */
static void integrity(struct card_crypto *crypto, enum card_integrity kind, uint8_t kid,
                      const struct card_keys *keys, size_t len, uint8_t out[16])
{
    uint8_t *in = crypto->mac_input;
    memset(out, 0, 16);
    if (kind == CARD_RC) {
        struct writer w = writer_over(out, 16);
        if ((kid & 0x0F) == 1)
            writer_uint(&w, crc(in, len, 0x8408, 0xFFFF), 2);
        else
            writer_uint(&w, crc(in, len, 0xEDB88320, 0xFFFFFFFF), 4);
    } else if (kind == CARD_CC && (kid & 0x0F) == 2) {
        EVP_MAC_CTX *mac = crypto->cmac[aes_size(keys->kid.len)];
        size_t done = 0;
        ASSERT(EVP_MAC_init(mac, keys->kid.bytes, keys->kid.len, NULL) == 1 &&
               EVP_MAC_update(mac, in, len) == 1 && EVP_MAC_final(mac, out, &done, 16) == 1);
    } else if (kind == CARD_CC) {
        size_t whole = (len + 7) / 8 * 8;
        memset(in + len, 0, whole - len);
        cbc(crypto, &keys->kid, 8, true, in, whole, crypto->scratch);
        memcpy(out, crypto->scratch + whole - 8, 8);
    }
}

enum err card_command_peek(struct span packet, struct card_command *out)
{
    struct reader r = reader_over(packet);
    *out = (struct card_command){ 0 };
    size_t cpl = reader_u16(&r);
    if (r.err == ERR_OK && cpl != reader_left(&r))
        return ERR_LENGTH;
    reader_u8(&r);
    out->spi1 = reader_u8(&r);
    out->spi2 = reader_u8(&r);
    out->kic = reader_u8(&r);
    out->kid = reader_u8(&r);
    reader_copy(&r, out->tar, sizeof out->tar);
    return r.err;
}

enum err card_command_open(struct card_crypto *crypto, struct span packet,
                           const struct card_keys *keys, struct card_command *out)
{
    enum err err = card_command_peek(packet, out);
    if (err != ERR_OK)
        return err;
    if (packet.len > CARD_PACKET_CAP)
        return ERR_FULL;
    enum card_integrity kind = card_command_integrity(out);
    bool ciphered = (out->spi1 & CARD_SPI_CIPHERED) != 0;
    size_t cc_len;
    size_t block = 1;
    err = integrity_len(kind, out->kid, keys, &cc_len);
    if (err == ERR_OK && ciphered)
        err = algorithm(out->kic, &keys->kic, &block);
    if (err != ERR_OK)
        return err;
    if (packet.bytes[2] != CHL_BASE + cc_len)
        return ERR_HEADER_LENGTH;
    size_t rest = packet.len - CLEAR_LEN;
    if (rest < 6 + cc_len)
        return ERR_LENGTH;
    if (rest % block != 0)
        return ERR_CIPHER_LENGTH;

    uint8_t *clear = crypto->clear;
    memcpy(clear, packet.bytes, packet.len);
    if (ciphered)
        cbc(crypto, &keys->kic, block, false, packet.bytes + CLEAR_LEN, rest, clear + CLEAR_LEN);
    size_t data_len = packet.len - PREFIX_LEN - cc_len;
    memcpy(crypto->mac_input, clear, PREFIX_LEN);
    memcpy(crypto->mac_input + PREFIX_LEN, clear + PREFIX_LEN + cc_len, data_len);
    uint8_t wanted[16];
    integrity(crypto, kind, out->kid, keys, PREFIX_LEN + data_len, wanted);
    if (CRYPTO_memcmp(wanted, clear + PREFIX_LEN, cc_len) != 0)
        return ERR_CC;

    struct reader r = reader_over(span_of(clear + CLEAR_LEN, 6));
    out->cntr = reader_u40(&r);
    out->pcntr = reader_u8(&r);
    if (out->pcntr > data_len)
        return ERR_PCNTR;
    out->data = span_of(clear + PREFIX_LEN + cc_len, data_len - out->pcntr);
    return ERR_OK;
}

/* How a packet of one's own is secured. */
struct shape {
    uint8_t kic;
    uint8_t kid;
    enum card_integrity kind;
    bool ciphered;
    size_t clear_len; /* octets before what is ciphered */
    size_t cc_len;
    size_t pad;
};

/* Fills cc_len and pad; `fixed_len` is what is ciphered besides CC, data and padding. */
static enum err shape_fit(struct shape *shape, const struct card_keys *keys, size_t fixed_len,
                          size_t data_len)
{
    size_t block = 1;
    enum err err = integrity_len(shape->kind, shape->kid, keys, &shape->cc_len);
    if (err == ERR_OK && shape->ciphered)
        err = algorithm(shape->kic, &keys->kic, &block);
    shape->pad = (block - (fixed_len + shape->cc_len + data_len) % block) % block;
    return err;
}

/* Writes head, CC and body, then ciphers. The CC covers all of them but itself, and `mac_head`
 * before them. */
static enum err finish(struct card_crypto *crypto, const struct card_keys *keys,
                       const struct shape *shape, struct span mac_head, struct span head,
                       struct span data, struct writer *out)
{
    struct writer mac = writer_over(crypto->mac_input, CARD_PACKET_CAP);
    writer_bytes(&mac, mac_head);
    writer_bytes(&mac, head);
    writer_bytes(&mac, data);
    writer_zeros(&mac, shape->pad);
    if (mac.err != ERR_OK)
        return mac.err;
    uint8_t cc[16];
    integrity(crypto, shape->kind, shape->kid, keys, writer_len(&mac), cc);

    uint8_t *start = out->at;
    writer_bytes(out, head);
    writer_bytes(out, span_of(cc, shape->cc_len));
    writer_bytes(out, data);
    writer_zeros(out, shape->pad);
    if (out->err != ERR_OK || !shape->ciphered)
        return out->err;
    size_t block;
    enum err err = algorithm(shape->kic, &keys->kic, &block);
    uint8_t *body = start + shape->clear_len;
    if (err == ERR_OK)
        cbc(crypto, &keys->kic, block, true, body, (size_t)(out->at - body), body);
    return err;
}

enum err card_response_seal(struct card_crypto *crypto, const struct card_keys *keys,
                            const struct card_command *command, uint8_t spi2, uint8_t status,
                            struct span data, struct writer *out)
{
    static const uint8_t udh[] = { 0x02, 0x71, 0x00 }; /* under the CC, also when concatenated */
    struct shape shape = { .kic = command->kic,
                           .kid = command->kid,
                           .kind = (enum card_integrity)(spi2 >> 2 & 3),
                           .ciphered = (spi2 & CARD_SPI2_CIPHERED) != 0,
                           .clear_len = 6 };
    enum err err = shape_fit(&shape, keys, 7, data.len);
    if (err != ERR_OK)
        return err;
    uint8_t head[13];
    struct writer w = writer_over(head, sizeof head);
    writer_uint(&w, 1 + RHL_BASE + shape.cc_len + data.len + shape.pad, 2);
    writer_u8(&w, (uint8_t)(RHL_BASE + shape.cc_len));
    writer_bytes(&w, span_of(command->tar, 3));
    writer_u40(&w, command->cntr);
    writer_u8(&w, (uint8_t)shape.pad);
    writer_u8(&w, status);
    if (w.err != ERR_OK)
        return w.err;
    return finish(crypto, keys, &shape, span_of(udh, sizeof udh), written(&w), data, out);
}

enum err card_command_seal(struct card_crypto *crypto, const struct card_keys *keys,
                           const struct card_command *command, struct writer *out)
{
    struct shape shape = { .kic = command->kic,
                           .kid = command->kid,
                           .kind = card_command_integrity(command),
                           .ciphered = (command->spi1 & CARD_SPI_CIPHERED) != 0,
                           .clear_len = CLEAR_LEN };
    enum err err = shape_fit(&shape, keys, 6, command->data.len);
    if (err != ERR_OK)
        return err;
    uint8_t head[PREFIX_LEN];
    struct writer w = writer_over(head, sizeof head);
    writer_uint(&w, 1 + CHL_BASE + shape.cc_len + command->data.len + shape.pad, 2);
    writer_u8(&w, (uint8_t)(CHL_BASE + shape.cc_len));
    writer_u8(&w, command->spi1);
    writer_u8(&w, command->spi2);
    writer_u8(&w, command->kic);
    writer_u8(&w, command->kid);
    writer_bytes(&w, span_of(command->tar, 3));
    writer_u40(&w, command->cntr);
    writer_u8(&w, (uint8_t)shape.pad);
    if (w.err != ERR_OK)
        return w.err;
    return finish(crypto, keys, &shape, span_of(NULL, 0), written(&w), command->data, out);
}
