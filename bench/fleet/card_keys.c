/* Identities and keys of simulated cards, and the EIS that tells the engine about them. */
#include "bench/fleet/card_keys.h"

#include "base/hex.h"
#include <inttypes.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

/* +999 is not assigned: nobody's phone rings. Profile digit, then the index. */
#define MSISDN_PREFIX "999"
#define MSISDN_LEN 14u

void fleet_eid(uint32_t index, struct eid *out)
{
    char text[EID_DIGITS + 1];
    /* 89, country 990, issuer 001, version 12345, issuer's own 00000, number, check digits. */
    snprintf(text, sizeof text, "899900011234500000%012" PRIu32 "00", index);
    struct writer w = writer_over(out->bytes, sizeof out->bytes);
    ASSERT(hex_read(span_text(text), &w) == ERR_OK);
    unsigned check = 98 - eid_mod97(out); /* ISO 7064 mod 97-10 */
    out->bytes[EID_LEN - 1] = (uint8_t)(check / 10 << 4 | check % 10);
}

void fleet_msisdn(uint32_t index, uint32_t profile, char out[FLEET_MSISDN_CAP])
{
    snprintf(out, FLEET_MSISDN_CAP, MSISDN_PREFIX "%" PRIu32 "%010" PRIu32, profile % 10, index);
}

enum err card_find_msisdn(struct span digits, uint32_t *index, uint32_t *profile)
{
    if (digits.len != MSISDN_LEN || memcmp(digits.bytes, MSISDN_PREFIX, 3) != 0)
        return ERR_UNKNOWN;
    uint64_t value = 0;
    for (size_t i = 3; i < digits.len; i++) {
        if (digits.bytes[i] < '0' || digits.bytes[i] > '9')
            return ERR_UNKNOWN;
        value = value * 10 + (uint64_t)(digits.bytes[i] - '0');
    }
    *profile = (uint32_t)(value / 10000000000u);
    value %= 10000000000u;
    *index = (uint32_t)value;
    return value <= UINT32_MAX && *profile < FLEET_PROFILES ? ERR_OK : ERR_UNKNOWN;
}

void fleet_iccid(uint32_t index, uint32_t profile, char out[FLEET_ICCID_CAP])
{
    /* 89, country 990, issuer 01, profile, index: 18 digits and the Luhn digit. */
    int len = snprintf(out, FLEET_ICCID_CAP, "8999001%" PRIu32 "%010" PRIu32, profile % 10, index);
    ASSERT(len == 18);
    unsigned sum = 0;
    for (int i = 0; i < len; i++) {
        unsigned digit = (unsigned)(out[len - 1 - i] - '0');
        if (i % 2 == 0)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    out[len] = (char)('0' + (10 - sum % 10) % 10);
    out[len + 1] = '\0';
}

/* Two AES-128 keys for one purpose. */
static void derive(uint64_t seed, uint32_t index, uint8_t kvn, uint8_t purpose, uint8_t out[32])
{
    uint8_t input[32];
    struct writer w = writer_over(input, sizeof input);
    writer_bytes(&w, span_text("starling-fleet"));
    writer_u64(&w, seed);
    writer_u32(&w, index);
    writer_u8(&w, kvn);
    writer_u8(&w, purpose);
    ASSERT(w.err == ERR_OK && SHA256(input, writer_len(&w), out) != NULL);
}

void card_keys_derive(uint64_t seed, uint32_t index, uint8_t kvn, struct card_keys *out)
{
    uint8_t both[32];
    derive(seed, index, kvn, 1, both);
    *out = (struct card_keys){ .kic.len = 16, .kid.len = 16, .cc_len = 8 };
    memcpy(out->kic.bytes, both, 16);
    memcpy(out->kid.bytes, both + 16, 16);
}

/* KCV of an AES key: the first three octets of E(key, 01 x 16). */
static void kcv(const uint8_t key[16], char out[7])
{
    uint8_t ones[16];
    uint8_t block[16];
    int len = 0;
    memset(ones, 1, sizeof ones);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    ASSERT(ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL) == 1 &&
           EVP_EncryptUpdate(ctx, block, &len, ones, sizeof ones) == 1 && len == 16);
    EVP_CIPHER_CTX_free(ctx);
    hex_write(span_of(block, 3), out, 7);
}

struct text {
    char *at;
    size_t room;
};

static PRINTF_LIKE(2, 3) void text_add(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->at, text->room, format, args);
    va_end(args);
    ASSERT(len >= 0 && (size_t)len < text->room);
    text->at += len;
    text->room -= (size_t)len;
}

static void add_key_set(struct text *text, uint64_t seed, uint32_t index, uint8_t kvn)
{
    uint8_t keys[64]; /* KIc, KID, DEK, unused */
    derive(seed, index, kvn, 1, keys);
    derive(seed, index, kvn, 2, keys + 32);
    text_add(text, "%s{\"version\":\"%02X\",\"type\":\"SCP80\",\"cntr\":\"0000000000\",\"keys\":[",
             kvn > 1 ? "," : "", kvn);
    for (unsigned i = 0; i < 3; i++) {
        char hex[33];
        char check[7];
        kcv(keys + 16 * i, check);
        hex_write(span_of(keys + 16 * i, 16), hex, sizeof hex);
        text_add(text,
                 "%s{\"index\":%u,\"kcv\":\"%s\",\"keyComponents\":[{\"type\":\"88\",\"value\":"
                 "\"%s\"}]}",
                 i > 0 ? "," : "", i + 1, check, hex);
        OPENSSL_cleanse(hex, sizeof hex);
    }
    text_add(text, "]}");
    OPENSSL_cleanse(keys, sizeof keys);
}

size_t fleet_eis_line(const struct fleet_config *config, uint32_t index, char out[FLEET_EIS_CAP])
{
    struct text text = { out, FLEET_EIS_CAP };
    struct eid eid;
    char digits[EID_DIGITS + 1];
    fleet_eid(index, &eid);
    eid_write(&eid, digits);
    text_add(&text,
             "{\"eid\":\"%s\",\"isd-r\":{\"aid\":\"A0000005591010FFFFFFFF8900000100\","
             "\"tar\":[\"000001\"],\"keySets\":[",
             digits);
    for (uint8_t kvn = 1; kvn <= config->key_sets; kvn++)
        add_key_set(&text, config->seed, index, kvn);
    text_add(&text, "]},\"profiles\":[");
    for (uint32_t i = 0; i < FLEET_PROFILES; i++) {
        char iccid[FLEET_ICCID_CAP];
        char msisdn[FLEET_MSISDN_CAP];
        fleet_iccid(index, i, iccid);
        fleet_msisdn(index, i, msisdn);
        text_add(&text,
                 "%s{\"iccid\":\"%s\",\"isd-p-aid\":\"A0000005591010FFFFFFFF89%06" PRIX32
                 "00\",\"msisdn\":\"%s\",\"state\":\"%s\",\"fallbackAttribute\":%s}",
                 i > 0 ? "," : "", iccid, 0x10 + i, msisdn, i == 0 ? "Enabled" : "Disabled",
                 i == 0 ? "true" : "false");
    }
    text_add(&text, "],\"capabilities\":{\"cattpSupport\":false,\"httpSupport\":false}}");
    return (size_t)(text.at - out);
}
