/* OpenSSL's EVP, a fresh key for every message. Contexts and fetched algorithms are kept: what is
 * measured against is its best one-at-a-time use. */
#include "tests/support/lanes_ref.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdlib.h>

static EVP_CIPHER *fetched(const char *name)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    ASSERT(cipher != NULL);
    return cipher;
}

static EVP_CIPHER *aes_cbc(uint32_t key_len)
{
    static EVP_CIPHER *ciphers[3];
    static const char *const names[3] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC" };
    uint32_t index = key_len / 8 - 2;
    ASSERT(index < 3);
    if (ciphers[index] == NULL)
        ciphers[index] = fetched(names[index]);
    return ciphers[index];
}

static EVP_CIPHER *des3_cbc(void)
{
    static EVP_CIPHER *cipher;
    if (cipher == NULL)
        cipher = fetched("DES-EDE3-CBC");
    return cipher;
}

/* IV zero, no padding of its own. */
static void cbc(EVP_CIPHER *cipher, const uint8_t *key, struct span in, uint8_t *out, bool encrypt)
{
    static EVP_CIPHER_CTX *context;
    static const uint8_t iv[16];
    int len = 0;
    if (context == NULL)
        context = EVP_CIPHER_CTX_new();
    ASSERT(context != NULL);
    if (in.len == 0)
        return;
    ASSERT(EVP_CipherInit_ex2(context, cipher, key, iv, encrypt, NULL) == 1);
    EVP_CIPHER_CTX_set_padding(context, 0);
    ASSERT(EVP_CipherUpdate(context, out, &len, in.bytes, (int)in.len) == 1);
    ASSERT((size_t)len == in.len);
}

void lanes_ref_cmac_run(struct lanes_cmac *jobs, uint32_t count)
{
    static EVP_MAC_CTX *contexts[3];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = jobs[i].key_len / 8 - 2;
        ASSERT(index < 3);
        if (contexts[index] == NULL) {
            EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
            ASSERT(mac != NULL);
            contexts[index] = EVP_MAC_CTX_new(mac);
            char *name = strdup(EVP_CIPHER_get0_name(aes_cbc(jobs[i].key_len)));
            OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name,
                                                                     0),
                                    OSSL_PARAM_construct_end() };
            ASSERT(EVP_MAC_CTX_set_params(contexts[index], params) == 1);
            free(name);
            EVP_MAC_free(mac);
        }
        size_t len = 0;
        ASSERT(EVP_MAC_init(contexts[index], jobs[i].key, jobs[i].key_len, NULL) == 1);
        ASSERT(EVP_MAC_update(contexts[index], jobs[i].in, jobs[i].len) == 1);
        ASSERT(EVP_MAC_final(contexts[index], jobs[i].mac, &len, LANES_MAC_LEN) == 1);
        ASSERT(len == LANES_MAC_LEN);
    }
}

void lanes_ref_cbc_encrypt(const struct lanes_cbc *jobs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cbc(aes_cbc(jobs[i].key_len), jobs[i].key, span_of(jobs[i].in, jobs[i].len), jobs[i].out,
            true);
}

void lanes_ref_cbc_decrypt(const struct lanes_cbc *jobs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cbc(aes_cbc(jobs[i].key_len), jobs[i].key, span_of(jobs[i].in, jobs[i].len), jobs[i].out,
            false);
}

/* DES as 3DES with the same key three times: single DES is not among OpenSSL 3's defaults. */
static void des3_key(const uint8_t *key, uint32_t key_len, uint8_t out[24])
{
    for (uint32_t i = 0; i < 24; i++)
        out[i] = key[i % key_len];
}

void lanes_ref_des_cbc_encrypt(const struct lanes_cbc *job)
{
    uint8_t key[24];
    des3_key(job->key, job->key_len, key);
    cbc(des3_cbc(), key, span_of(job->in, job->len), job->out, true);
}

void lanes_ref_des_mac(const uint8_t *key, uint32_t key_len, struct span in,
                       uint8_t mac[LANES_DES_BLOCK])
{
    size_t len = (in.len + 7) / 8 * 8;
    uint8_t *text = calloc(1, len + 8);
    ASSERT(text != NULL);
    if (in.len > 0)
        memcpy(text, in.bytes, in.len);
    struct lanes_cbc job = {
        .key = key, .key_len = key_len, .in = text, .out = text, .len = (uint32_t)len
    };
    lanes_ref_des_cbc_encrypt(&job);
    memset(mac, 0, LANES_DES_BLOCK);
    if (len > 0)
        memcpy(mac, text + len - LANES_DES_BLOCK, LANES_DES_BLOCK);
    free(text);
}

void lanes_ref_gcm_seal(const uint8_t key[LANES_GCM_KEY], const uint8_t nonce[LANES_GCM_NONCE],
                        struct span aad, struct span in, uint8_t *out, uint8_t tag[LANES_GCM_TAG])
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int len = 0;
    ASSERT(context != NULL);
    ASSERT(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1);
    ASSERT(EVP_EncryptUpdate(context, NULL, &len, aad.bytes, (int)aad.len) == 1);
    ASSERT(EVP_EncryptUpdate(context, out, &len, in.bytes, (int)in.len) == 1);
    ASSERT(EVP_EncryptFinal_ex(context, out + len, &len) == 1);
    ASSERT(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, LANES_GCM_TAG, tag) == 1);
    EVP_CIPHER_CTX_free(context);
}
