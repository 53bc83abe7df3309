/* The lanes by Intel IPsec-MB, the only file that knows it: AES of any machine, and DES, 3DES and
 * GCM of all. Version 1.3 has no CMAC in its hash burst and no AES-192 CMAC. Everything goes
 * through the calls without argument checks: arguments are ours. */
#include "crypto/lanes_mb.h"

#include "base/check.h"
#include "crypto/ct.h"

#include <intel-ipsec-mb.h>
#include <stdlib.h>

#define PAGE_LEAST 4096u

static const uint8_t zero_iv[LANES_BLOCK];

enum err lanes_mb_init(struct lanes *lanes)
{
    lanes->jobs = calloc(LANES_CHUNK, sizeof *lanes->jobs);
    lanes->mgr = alloc_mb_mgr(0);
    if (lanes->jobs == NULL || lanes->mgr == NULL)
        return ERR_NO_MEMORY;
    IMB_ARCH arch;
    init_mb_mgr_auto(lanes->mgr, &arch);
    if (imb_get_errno(lanes->mgr) != 0 ||
        ((lanes->mgr->features & IMB_FEATURE_SELF_TEST) != 0 &&
         (lanes->mgr->features & IMB_FEATURE_SELF_TEST_PASS) == 0))
        return ERR_CORRUPT;
    return ERR_OK;
}

void lanes_mb_fini(struct lanes *lanes)
{
    if (lanes->mgr != NULL)
        free_mb_mgr(lanes->mgr);
    free(lanes->jobs);
    lanes->mgr = NULL;
    lanes->jobs = NULL;
}

static void expand_one(struct lanes *lanes, const uint8_t *key, uint32_t key_len,
                       enum lanes_keys_use use, struct lanes_schedule *out)
{
    IMB_MGR *mgr = lanes->mgr;
    if (key_len == 16)
        IMB_AES_KEYEXP_128(mgr, key, out->encrypt, out->decrypt);
    else if (key_len == 24)
        IMB_AES_KEYEXP_192(mgr, key, out->encrypt, out->decrypt);
    else
        IMB_AES_KEYEXP_256(mgr, key, out->encrypt, out->decrypt);
    if (use == LANES_KEYS_CMAC && key_len == 16)
        IMB_AES_CMAC_SUBKEY_GEN_128(mgr, out->encrypt, out->k1, out->k2);
    else if (use == LANES_KEYS_CMAC && key_len == 32)
        IMB_AES_CMAC_SUBKEY_GEN_256(mgr, out->encrypt, out->k1, out->k2);
}

static void expand(struct lanes *lanes, const uint8_t *const *keys, uint32_t count,
                   uint32_t key_len, enum lanes_keys_use use)
{
    switch (lanes->way) {
    case LANES_VAES:
    case LANES_MB_VAES:
        lanes_keys_vaes(keys, count, key_len, use, lanes->secret->schedules);
        return;
    case LANES_MB_AESNI:
        lanes_keys_aesni(keys, count, key_len, use, lanes->secret->schedules);
        return;
    case LANES_MB:
        for (uint32_t i = 0; i < count; i++)
            expand_one(lanes, keys[i], key_len, use, &lanes->secret->schedules[i]);
        return;
    }
}

static void fill_cmac(IMB_JOB *job, struct lanes_cmac *cmac, const struct lanes_schedule *schedule)
{
    job->cipher_mode = IMB_CIPHER_NULL;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_HASH_CIPHER;
    job->hash_alg = cmac->key_len == 16 ? IMB_AUTH_AES_CMAC : IMB_AUTH_AES_CMAC_256;
    job->u.CMAC._key_expanded = schedule->encrypt;
    job->u.CMAC._skey1 = schedule->k1;
    job->u.CMAC._skey2 = schedule->k2;
    job->src = cmac->in;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = cmac->len;
    job->auth_tag_output = cmac->mac;
    job->auth_tag_output_len_in_bytes = LANES_MAC_LEN;
}

/* One block in place. */
static void encrypt_block(struct lanes *lanes, const struct lanes_schedule *schedule,
                          uint32_t key_len, uint8_t block[LANES_BLOCK])
{
    IMB_JOB one = { .cipher_mode = IMB_CIPHER_CBC,
                    .enc_keys = schedule->encrypt,
                    .dec_keys = schedule->decrypt,
                    .key_len_in_bytes = key_len,
                    .iv = zero_iv,
                    .iv_len_in_bytes = LANES_BLOCK,
                    .src = block,
                    .dst = block,
                    .msg_len_to_cipher_in_bytes = LANES_BLOCK };
    uint32_t done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(lanes->mgr, &one, 1, IMB_CIPHER_CBC,
                                                    IMB_DIR_ENCRYPT, (IMB_KEY_SIZE_BYTES)key_len);
    ASSERT(done == 1);
}

/* Times x in GF(2^128) (SP 800-38B §6.1). */
static void times_x(uint8_t block[LANES_BLOCK])
{
    uint8_t reduce = (uint8_t)(-(block[0] >> 7) & 0x87);
    for (size_t i = 0; i < LANES_BLOCK - 1; i++)
        block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
    block[LANES_BLOCK - 1] = (uint8_t)(block[LANES_BLOCK - 1] << 1 ^ reduce);
}

/* CMAC a block at a time (SP 800-38B §6.2), for what IPsec-MB's lanes cannot do. */
static void cmac_by_blocks(struct lanes *lanes, struct lanes_cmac *job)
{
    struct lanes_schedule *schedule = &lanes->secret->schedules[0];
    uint8_t chain[LANES_BLOCK] = { 0 }, subkey[LANES_BLOCK] = { 0 };
    expand_one(lanes, job->key, job->key_len, LANES_KEYS_ENCRYPT, schedule);
    encrypt_block(lanes, schedule, job->key_len, subkey);
    times_x(subkey);
    if (job->len == 0 || job->len % LANES_BLOCK != 0)
        times_x(subkey);

    uint32_t left = job->len;
    const uint8_t *at = job->in;
    for (bool last = false; !last;) {
        last = left <= LANES_BLOCK;
        uint32_t take = last ? left : LANES_BLOCK;
        for (uint32_t i = 0; i < take; i++)
            chain[i] ^= at[i];
        if (last && take < LANES_BLOCK)
            chain[take] ^= 0x80;
        for (size_t i = 0; last && i < LANES_BLOCK; i++)
            chain[i] ^= subkey[i];
        encrypt_block(lanes, schedule, job->key_len, chain);
        at += take;
        left -= take;
    }
    memcpy(job->mac, chain, LANES_MAC_LEN);
    wipe(subkey, sizeof subkey);
}

/* IPsec-MB reads a whole block where the last one begins, also when it is partial: at the end of a
 * page that may be somebody else's memory, or nobody's. */
static bool last_block_leaves_page(const struct lanes_cmac *job)
{
    uint32_t rest = job->len % LANES_BLOCK;
    if (rest == 0)
        return job->len == 0; /* which has no octet that may be read */
    return (uintptr_t)(job->in + (job->len - rest)) % PAGE_LEAST > PAGE_LEAST - LANES_BLOCK;
}

void lanes_mb_cmac(struct lanes *lanes, struct lanes_cmac *jobs, const struct lanes_run *run)
{
    struct lanes_cmac *some[LANES_CHUNK];
    const uint8_t *keys[LANES_CHUNK];
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        struct lanes_cmac *job = &jobs[run->index[i]];
        if (run->key_len == 24 || last_block_leaves_page(job)) {
            cmac_by_blocks(lanes, job);
            continue;
        }
        some[count] = job;
        keys[count++] = job->key;
    }
    if (count == 0)
        return;
    expand(lanes, keys, count, run->key_len, LANES_KEYS_CMAC);

    IMB_JOB *burst[LANES_CHUNK];
    uint32_t given = IMB_GET_NEXT_BURST(lanes->mgr, count, burst);
    ASSERT(given == count); /* nothing is ever left inside */
    for (uint32_t i = 0; i < count; i++)
        fill_cmac(burst[i], some[i], &lanes->secret->schedules[i]);
    uint32_t done = IMB_SUBMIT_BURST_NOCHECK(lanes->mgr, count, burst);
    while (done < count) {
        uint32_t flushed = IMB_FLUSH_BURST(lanes->mgr, count - done, burst);
        ASSERT(flushed > 0);
        done += flushed;
    }
}

void lanes_mb_cbc(struct lanes *lanes, const struct lanes_cbc *jobs, const struct lanes_run *run,
                  bool decrypt)
{
    const uint8_t *keys[LANES_CHUNK];
    for (uint32_t i = 0; i < run->count; i++)
        keys[i] = jobs[run->index[i]].key;
    expand(lanes, keys, run->count, run->key_len,
           decrypt ? LANES_KEYS_DECRYPT : LANES_KEYS_ENCRYPT);

    uint32_t count = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        const struct lanes_cbc *cbc = &jobs[run->index[i]];
        if (cbc->len == 0)
            continue;
        IMB_JOB *job = &lanes->jobs[count++];
        job->enc_keys = lanes->secret->schedules[i].encrypt;
        job->dec_keys = lanes->secret->schedules[i].decrypt;
        job->key_len_in_bytes = run->key_len;
        job->src = cbc->in;
        job->dst = cbc->out;
        job->msg_len_to_cipher_in_bytes = cbc->len;
        job->iv = zero_iv;
        job->iv_len_in_bytes = LANES_BLOCK;
    }
    if (count == 0)
        return;
    IMB_CIPHER_DIRECTION direction = decrypt ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
    uint32_t done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(lanes->mgr, lanes->jobs, count, IMB_CIPHER_CBC,
                                                    direction, (IMB_KEY_SIZE_BYTES)run->key_len);
    ASSERT(done == count);
}

/* DES schedules of a key of one, two or three parts (K1 K2 K1 for two). */
struct des_keys {
    uint64_t schedule[3][IMB_DES_KEY_SCHED_SIZE / sizeof(uint64_t)];
    const void *parts[3];
};

static void des_expand(struct lanes *lanes, struct des_keys *des, const uint8_t *key,
                       uint32_t key_len)
{
    ASSERT(key_len == 8 || key_len == 16 || key_len == 24);
    for (uint32_t part = 0; part < 3; part++) {
        int failed = IMB_DES_KEYSCHED(lanes->mgr, des->schedule[part], key + part * 8 % key_len);
        ASSERT(failed == 0);
        des->parts[part] = des->schedule[part];
    }
}

static void des_cbc(struct lanes *lanes, const struct des_keys *des, uint32_t key_len,
                    const uint8_t iv[LANES_DES_BLOCK], struct span in, uint8_t *out, bool decrypt)
{
    if (in.len == 0)
        return;
    IMB_JOB *job = IMB_GET_NEXT_JOB(lanes->mgr);
    job->cipher_mode = key_len == 8 ? IMB_CIPHER_DES : IMB_CIPHER_DES3;
    job->cipher_direction = decrypt ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
    job->chain_order = decrypt ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
    job->hash_alg = IMB_AUTH_NULL;
    job->enc_keys = key_len == 8 ? (const void *)des->schedule[0] : (const void *)des->parts;
    job->dec_keys = job->enc_keys;
    job->key_len_in_bytes = key_len == 8 ? 8 : 24;
    job->src = in.bytes;
    job->dst = out;
    job->cipher_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = in.len;
    job->iv = iv;
    job->iv_len_in_bytes = LANES_DES_BLOCK;
    IMB_JOB *done = IMB_SUBMIT_JOB(lanes->mgr);
    if (done == NULL)
        done = IMB_FLUSH_JOB(lanes->mgr);
    ASSERT(done != NULL && done->status == IMB_STATUS_COMPLETED);
}

void lanes_des_cbc_encrypt(struct lanes *lanes, const struct lanes_cbc *job)
{
    struct des_keys des;
    des_expand(lanes, &des, job->key, job->key_len);
    des_cbc(lanes, &des, job->key_len, zero_iv, span_of(job->in, job->len), job->out, false);
    wipe(&des, sizeof des);
}

void lanes_des_cbc_decrypt(struct lanes *lanes, const struct lanes_cbc *job)
{
    struct des_keys des;
    des_expand(lanes, &des, job->key, job->key_len);
    des_cbc(lanes, &des, job->key_len, zero_iv, span_of(job->in, job->len), job->out, true);
    wipe(&des, sizeof des);
}

void lanes_des_mac(struct lanes *lanes, const uint8_t *key, uint32_t key_len, struct span in,
                   uint8_t mac[LANES_DES_BLOCK])
{
    struct des_keys des;
    uint8_t piece[256];
    memset(mac, 0, LANES_DES_BLOCK);
    des_expand(lanes, &des, key, key_len);
    for (struct span left = in; left.len > 0; left = span_after(left, sizeof piece)) {
        struct span take = span_first(left, sizeof piece);
        size_t len = (take.len + LANES_DES_BLOCK - 1) / LANES_DES_BLOCK * LANES_DES_BLOCK;
        memcpy(piece, take.bytes, take.len);
        memset(piece + take.len, 0, len - take.len);
        uint8_t iv[LANES_DES_BLOCK];
        memcpy(iv, mac, sizeof iv);
        des_cbc(lanes, &des, key_len, iv, span_of(piece, len), piece, false);
        memcpy(mac, piece + len - LANES_DES_BLOCK, LANES_DES_BLOCK);
    }
    wipe(&des, sizeof des);
    wipe(piece, sizeof piece);
}

void lanes_gcm_seal(struct lanes *lanes, const uint8_t key[LANES_GCM_KEY],
                    const uint8_t nonce[LANES_GCM_NONCE], struct span aad, struct span in,
                    uint8_t *out, uint8_t tag[LANES_GCM_TAG])
{
    /* The library wants 64; its header says so only where a macro LINUX is defined. */
    _Alignas(64) struct gcm_key_data expanded;
    _Alignas(64) struct gcm_context_data context;
    IMB_AES256_GCM_PRE(lanes->mgr, key, &expanded);
    IMB_AES256_GCM_ENC(lanes->mgr, &expanded, &context, out, in.bytes, in.len, nonce, aad.bytes,
                       aad.len, tag, LANES_GCM_TAG);
    wipe(&expanded, sizeof expanded);
    wipe(&context, sizeof context);
}

enum err lanes_gcm_open(struct lanes *lanes, const uint8_t key[LANES_GCM_KEY],
                        const uint8_t nonce[LANES_GCM_NONCE], struct span aad, struct span in,
                        uint8_t *out, const uint8_t tag[LANES_GCM_TAG])
{
    _Alignas(64) struct gcm_key_data expanded;
    _Alignas(64) struct gcm_context_data context;
    uint8_t wanted[LANES_GCM_TAG];
    IMB_AES256_GCM_PRE(lanes->mgr, key, &expanded);
    IMB_AES256_GCM_DEC(lanes->mgr, &expanded, &context, out, in.bytes, in.len, nonce, aad.bytes,
                       aad.len, wanted, LANES_GCM_TAG);
    bool verified = ct_equal(wanted, tag, LANES_GCM_TAG);
    if (!verified && in.len > 0)
        wipe(out, in.len);
    wipe(&expanded, sizeof expanded);
    wipe(&context, sizeof context);
    wipe(wanted, sizeof wanted);
    return verified ? ERR_OK : ERR_CORRUPT;
}
