/* Known answers before the first packet, at fills that use every lane and leave some empty. */
#include "crypto/ct.h"
#include "crypto/lanes.h"

#include "base/hex.h"

#define FILLS_MAX 37

struct octets {
    uint8_t bytes[64];
    uint32_t len;
};

static struct octets octets(const char *hex)
{
    struct octets out = { .len = 0 };
    struct writer w = writer_over(out.bytes, sizeof out.bytes);
    ASSERT(hex_read(span_text(hex), &w) == ERR_OK);
    out.len = (uint32_t)writer_len(&w);
    return out;
}

/* SP 800-38A appendix F and SP 800-38B appendix D share their message and keys. */
static const char message_hex[] =
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

/* F.2 has the IV 00 .. 0f; ours is zero, so it goes into the first block of the message. */
static const char cbc_message_hex[] =
    "6bc0bce12a459991e134741a7f9e1925ae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

static const struct {
    const char *key, *cbc;
    const char *mac[4]; /* of the first 0, 16, 40, 64 octets */
} aes_answers[] = {
    { "2b7e151628aed2a6abf7158809cf4f3c",
      "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
      "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
      { "bb1d6929e95937287fa37d129b756746", "070a16b46b4d4144f79bdd9dd04a287c",
        "dfa66747de9ae63030ca32611497c827", "51f0bebf7e3b9d92fc49741779363cfe" } },
    { "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
      "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
      "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
      { "d17ddf46adaacde531cac483de7a9367", "9e99a7bf31e710900662f65e617c5184",
        "8a1de5be2eb31aad089a82e6ee908b0e", "a1d5df0eed790f794d77589659f39a11" } },
    { "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
      "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
      "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
      { "028962f61b7bf89efc6b551f4667d983", "28a7023f452e8f82bd4bf28d8c37c35c",
        "aaf3d8f1de5640c232f5b169b9c911e6", "e1992190549f6ed5696a2c056c315410" } },
};
static const uint32_t mac_lens[4] = { 0, 16, 40, 64 };

static bool same(const uint8_t *got, const char *hex, size_t len)
{
    struct octets wanted = octets(hex);
    return ct_equal(got, wanted.bytes, len);
}

static bool cmac_holds(struct lanes *lanes, uint32_t count)
{
    struct octets message = octets(message_hex), keys[COUNT(aes_answers)];
    struct lanes_cmac jobs[FILLS_MAX];
    for (size_t i = 0; i < COUNT(keys); i++)
        keys[i] = octets(aes_answers[i].key);
    for (uint32_t i = 0; i < count; i++) {
        const struct octets *key = &keys[i / 4 % COUNT(keys)];
        jobs[i] = (struct lanes_cmac){
            .key = key->bytes, .key_len = key->len, .in = message.bytes, .len = mac_lens[i % 4]
        };
    }
    lanes_cmac_run(lanes, jobs, count);
    bool holds = true;
    for (uint32_t i = 0; i < count; i++)
        holds &= same(jobs[i].mac, aes_answers[i / 4 % COUNT(keys)].mac[i % 4], sizeof jobs[i].mac);
    return holds;
}

/* Of 0 to 4 blocks each, there and back. */
static bool cbc_holds(struct lanes *lanes, uint32_t count)
{
    struct octets message = octets(cbc_message_hex), keys[COUNT(aes_answers)], texts[FILLS_MAX];
    struct lanes_cbc jobs[FILLS_MAX];
    for (size_t i = 0; i < COUNT(keys); i++)
        keys[i] = octets(aes_answers[i].key);
    for (uint32_t i = 0; i < count; i++) {
        const struct octets *key = &keys[i % COUNT(keys)];
        jobs[i] = (struct lanes_cbc){ .key = key->bytes,
                                      .key_len = key->len,
                                      .in = message.bytes,
                                      .out = texts[i].bytes,
                                      .len = LANES_BLOCK * (i * 7 % 5) };
    }
    lanes_cbc_encrypt(lanes, jobs, count);
    bool holds = true;
    for (uint32_t i = 0; i < count; i++) {
        holds &= same(texts[i].bytes, aes_answers[i % COUNT(keys)].cbc, jobs[i].len);
        jobs[i].in = texts[i].bytes;
    }
    lanes_cbc_decrypt(lanes, jobs, count);
    for (uint32_t i = 0; i < count; i++)
        holds &= ct_equal(texts[i].bytes, message.bytes, jobs[i].len);
    return holds;
}

/* SP 500-20 and SP 800-67 appendix B: single blocks, so that CBC from zero is ECB. */
static const struct {
    const char *key, *plain, *cipher;
} des_answers[] = {
    { "0123456789abcdef", "4e6f772069732074", "3fa40e8a984d4815" },
    { "0123456789abcdef23456789abcdef01456789abcdef0123", "5468652071756663", "a826fd8ce53b855f" },
};

static bool des_holds(struct lanes *lanes)
{
    bool holds = true;
    for (size_t i = 0; i < COUNT(des_answers); i++) {
        struct octets key = octets(des_answers[i].key), text = octets(des_answers[i].plain);
        uint8_t mac[LANES_DES_BLOCK];
        lanes_des_mac(lanes, key.bytes, key.len, span_of(text.bytes, text.len), mac);
        holds &= same(mac, des_answers[i].cipher, sizeof mac);
        struct lanes_cbc job = { .key = key.bytes,
                                 .key_len = key.len,
                                 .in = text.bytes,
                                 .out = text.bytes,
                                 .len = text.len };
        lanes_des_cbc_encrypt(lanes, &job);
        holds &= same(text.bytes, des_answers[i].cipher, text.len);
        lanes_des_cbc_decrypt(lanes, &job);
        holds &= same(text.bytes, des_answers[i].plain, text.len);
    }
    return holds;
}

/* The GCM submission's test case 16. */
static bool gcm_holds(struct lanes *lanes)
{
    struct octets key = octets("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    struct octets nonce = octets("cafebabefacedbaddecaf888");
    struct octets aad = octets("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    static const char plain[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
    static const char cipher[] = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                                 "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
    struct octets text = octets(plain);
    uint8_t tag[LANES_GCM_TAG];
    struct span in = span_of(text.bytes, text.len), bound = span_of(aad.bytes, aad.len);
    lanes_gcm_seal(lanes, key.bytes, nonce.bytes, bound, in, text.bytes, tag);
    bool holds = same(text.bytes, cipher, text.len) &&
                 same(tag, "76fc6ece0f4e1768cddf8853bb2d551b", sizeof tag);
    holds &= lanes_gcm_open(lanes, key.bytes, nonce.bytes, bound, in, text.bytes, tag) == ERR_OK;
    return holds && same(text.bytes, plain, text.len);
}

enum err lanes_selftest(struct lanes *lanes)
{
    static const uint32_t fills[] = { 1, 2, 5, 11, 16, FILLS_MAX };
    bool holds = des_holds(lanes) && gcm_holds(lanes);
    for (size_t i = 0; i < COUNT(fills); i++)
        holds = holds && cmac_holds(lanes, fills[i]) && cbc_holds(lanes, fills[i]);
    return holds ? ERR_OK : ERR_CORRUPT;
}
