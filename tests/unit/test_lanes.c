/* The lanes, every way this machine can go, against OpenSSL one message at a time. */
#include "base/prng.h"
#include "crypto/ct.h"
#include "crypto/lanes.h"
#include "crypto/lanes_keys.h"
#include "crypto/lanes_vaes.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/lanes_ref.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define BATCH_MAX 200
#define LEN_MAX 1200
#define ROUNDS 40

struct message {
    uint8_t key[32];
    uint32_t key_len, len;
    uint8_t in[LEN_MAX], out[LEN_MAX], wanted[LEN_MAX];
};

static struct message messages[BATCH_MAX];

static void fill(struct prng *prng, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)prng_next(prng);
}

/* Mostly short, 0 to 17 above all; now and then past what the sorting tells apart (63 blocks). */
static uint32_t any_len(struct prng *prng)
{
    switch (prng_below(prng, 4)) {
    case 0:
        return (uint32_t)prng_below(prng, 18);
    case 1:
        return 16 * (uint32_t)prng_below(prng, 12);
    case 2:
        return (uint32_t)prng_below(prng, 200);
    default:
        return (uint32_t)prng_below(prng, LEN_MAX + 1);
    }
}

static void draw(struct prng *prng, uint32_t count, bool alike)
{
    for (uint32_t i = 0; i < count; i++) {
        struct message *m = &messages[i];
        m->key_len = alike && i > 0 ? messages[0].key_len : 16 + 8 * (uint32_t)prng_below(prng, 3);
        m->len = alike && i > 0 ? messages[0].len : any_len(prng);
        fill(prng, m->key, sizeof m->key);
        fill(prng, m->in, m->len);
    }
}

static void check_cmac(struct lanes *lanes, uint32_t count)
{
    struct lanes_cmac jobs[BATCH_MAX], wanted[BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        const struct message *m = &messages[i];
        jobs[i] = wanted[i] =
            (struct lanes_cmac){ .key = m->key, .key_len = m->key_len, .in = m->in, .len = m->len };
        if (count <= 64) /* the last octet touches an unmapped page */
            jobs[i].in = guarded_copy(span_of(m->in, m->len)).bytes;
    }
    lanes_ref_cmac_run(wanted, count);
    alloc_trap_arm();
    lanes_cmac_run(lanes, jobs, count);
    alloc_trap_disarm();
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(jobs[i].mac, wanted[i].mac, LANES_MAC_LEN) != 0)
            fail_msg("%s: CMAC %u of %u: %u octets under a key of %u",
                     lanes_way_name(lanes_way(lanes)), i, count, jobs[i].len, jobs[i].key_len);
}

static void check_cbc(struct lanes *lanes, uint32_t count, bool decrypt, bool in_place)
{
    struct lanes_cbc jobs[BATCH_MAX], wanted[BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        struct message *m = &messages[i];
        uint32_t len = m->len / LANES_BLOCK * LANES_BLOCK;
        jobs[i] = wanted[i] = (struct lanes_cbc){
            .key = m->key, .key_len = m->key_len, .in = m->in, .out = m->out, .len = len
        };
        wanted[i].out = m->wanted;
        memcpy(m->out, m->in, LEN_MAX);
        memcpy(m->wanted, m->in, LEN_MAX);
        if (in_place)
            jobs[i].in = m->out;
        else if (count <= 64)
            jobs[i].in = guarded_copy(span_of(m->in, len)).bytes;
    }
    if (decrypt) {
        lanes_ref_cbc_decrypt(wanted, count);
        alloc_trap_arm();
        lanes_cbc_decrypt(lanes, jobs, count);
        alloc_trap_disarm();
    } else {
        lanes_ref_cbc_encrypt(wanted, count);
        alloc_trap_arm();
        lanes_cbc_encrypt(lanes, jobs, count);
        alloc_trap_disarm();
    }
    for (uint32_t i = 0; i < count; i++) /* to the end: nothing behind the message has changed */
        if (memcmp(messages[i].out, messages[i].wanted, LEN_MAX) != 0)
            fail_msg("%s: CBC %u of %u: %u octets under a key of %u, decrypt %d, in place %d",
                     lanes_way_name(lanes_way(lanes)), i, count, jobs[i].len, jobs[i].key_len,
                     decrypt, in_place);
}

static void check_all(struct lanes *lanes, uint32_t count)
{
    check_cmac(lanes, count);
    for (int decrypt = 0; decrypt < 2; decrypt++)
        for (int in_place = 0; in_place < 2; in_place++)
            check_cbc(lanes, count, decrypt, in_place);
}

static void on_every_way(void (*check)(struct lanes *lanes))
{
    alloc_trap_system_calls();
    for (uint32_t way = 0; way < LANES_WAY_COUNT; way++) {
        struct lanes *lanes = lanes_create_as((enum lanes_way)way);
        if (lanes == NULL) {
            assert_int_not_equal(way, LANES_MB); /* the portable way is always there */
            print_message("not on this machine: %s\n", lanes_way_name((enum lanes_way)way));
            continue;
        }
        assert_int_equal(lanes_way(lanes), way);
        check(lanes);
        lanes_destroy(lanes);
    }
}

static void random_mixtures(struct lanes *lanes)
{
    struct prng prng;
    prng_init(&prng, 0x5C80);
    for (uint32_t count = 1; count <= 64; count++) {
        draw(&prng, count, count % 4 == 0);
        check_all(lanes, count);
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t count = (uint32_t)prng_below(&prng, BATCH_MAX + 1);
        draw(&prng, count, false);
        check_all(lanes, count);
    }
}

static void batches_in_random_mixtures_agree_with_openssl(void **state)
{
    (void)state;
    on_every_way(random_mixtures);
}

/* Old releases of IPsec-MB were wrong at 16 octets and fewer. */
static void short_lengths(struct lanes *lanes)
{
    struct prng prng;
    prng_init(&prng, 17);
    for (uint32_t key_len = 16; key_len <= 32; key_len += 8) {
        for (uint32_t len = 0; len <= 33; len++) {
            for (uint32_t count = 1; count <= 21; count += 4) {
                draw(&prng, count, false);
                for (uint32_t i = 0; i < count; i++) {
                    messages[i].len = (len + i) % 34;
                    messages[i].key_len = key_len;
                }
                check_cmac(lanes, count);
            }
        }
    }
}

static void messages_of_0_to_33_octets_are_right_at_any_fill(void **state)
{
    (void)state;
    on_every_way(short_lengths);
}

static void keys_at_the_edge(struct lanes *lanes)
{
    struct prng prng;
    prng_init(&prng, 3);
    draw(&prng, 24, false);
    struct lanes_cmac jobs[24], wanted[24];
    for (uint32_t i = 0; i < 24; i++) {
        const struct message *m = &messages[i];
        jobs[i] = wanted[i] =
            (struct lanes_cmac){ .key = m->key, .key_len = m->key_len, .in = m->in, .len = m->len };
        jobs[i].key = guarded_copy(span_of(m->key, m->key_len)).bytes;
    }
    lanes_cmac_run(lanes, jobs, 24);
    lanes_ref_cmac_run(wanted, 24);
    for (uint32_t i = 0; i < 24; i++)
        assert_memory_equal(jobs[i].mac, wanted[i].mac, LANES_MAC_LEN);
}

static void no_octet_past_a_key_is_read(void **state)
{
    (void)state;
    on_every_way(keys_at_the_edge);
}

static void known_answers_hold(struct lanes *lanes)
{
    check_err(lanes_way_name(lanes_way(lanes)), lanes_selftest(lanes), ERR_OK);
}

static void published_known_answers_hold_on_every_way(void **state)
{
    (void)state;
    on_every_way(known_answers_hold);
    struct lanes *lanes = lanes_create();
    assert_non_null(lanes);
    lanes_destroy(lanes);
    lanes_destroy(NULL);
}

static void des_jobs(struct lanes *lanes)
{
    struct prng prng;
    prng_init(&prng, 8);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t key_len = 8 + 8 * (round % 3), len = (uint32_t)prng_below(&prng, 600);
        struct message *m = &messages[0];
        uint8_t mac[LANES_DES_BLOCK], wanted[LANES_DES_BLOCK];
        fill(&prng, m->key, sizeof m->key);
        fill(&prng, m->in, len);
        struct span in = guarded_copy(span_of(m->in, len));
        alloc_trap_arm();
        lanes_des_mac(lanes, m->key, key_len, in, mac);
        alloc_trap_disarm();
        lanes_ref_des_mac(m->key, key_len, in, wanted);
        assert_memory_equal(mac, wanted, sizeof mac);
        struct lanes_cbc job = {
            .key = m->key, .key_len = key_len, .in = m->in, .out = m->out, .len = len / 8 * 8
        };
        struct lanes_cbc ref = job;
        ref.out = m->wanted;
        alloc_trap_arm();
        lanes_des_cbc_encrypt(lanes, &job);
        alloc_trap_disarm();
        lanes_ref_des_cbc_encrypt(&ref);
        assert_memory_equal(m->out, m->wanted, job.len);
        job.in = job.out;
        alloc_trap_arm();
        lanes_des_cbc_decrypt(lanes, &job);
        alloc_trap_disarm();
        assert_memory_equal(m->out, m->in, job.len);
    }
}

static void des_and_3des_agree_with_openssl(void **state)
{
    (void)state;
    on_every_way(des_jobs);
}

static void gcm_jobs(struct lanes *lanes)
{
    struct prng prng;
    prng_init(&prng, 9);
    for (uint32_t len = 0; len < 100; len++) {
        struct message *m = &messages[0];
        uint8_t nonce[LANES_GCM_NONCE], tag[LANES_GCM_TAG], wanted[LANES_GCM_TAG];
        fill(&prng, m->key, sizeof m->key);
        fill(&prng, m->in, len);
        fill(&prng, nonce, sizeof nonce);
        struct span in = span_of(m->in, len), aad = span_of(messages[1].key, len % 21);
        alloc_trap_arm();
        lanes_gcm_seal(lanes, m->key, nonce, aad, in, m->out, tag);
        alloc_trap_disarm();
        lanes_ref_gcm_seal(m->key, nonce, aad, in, m->wanted, wanted);
        assert_memory_equal(m->out, m->wanted, len);
        assert_memory_equal(tag, wanted, sizeof tag);
        struct span sealed = span_of(m->wanted, len);
        alloc_trap_arm();
        enum err err = lanes_gcm_open(lanes, m->key, nonce, aad, sealed, m->out, tag);
        alloc_trap_disarm();
        check_err("opens", err, ERR_OK);
        assert_memory_equal(m->out, m->in, len);
        tag[len % LANES_GCM_TAG] ^= 1;
        check_err("refused", lanes_gcm_open(lanes, m->key, nonce, aad, sealed, m->out, tag),
                  ERR_CORRUPT);
        for (uint32_t i = 0; i < len; i++)
            assert_int_equal(m->out[i], 0);
    }
}

static void gcm_agrees_with_openssl_and_refuses_an_altered_tag(void **state)
{
    (void)state;
    on_every_way(gcm_jobs);
}

/* IPsec-MB's own expansion is the third opinion, inside the ways above; these two have to agree to
 * the octet, since IPsec-MB reads what they write. */
static void vaes_and_aesni_make_the_same_schedules(void **state)
{
    (void)state;
    if (!lanes_vaes_supported() || !lanes_keys_aesni_supported())
        skip();
    static struct lanes_schedule a[64], b[64];
    const uint8_t *keys[61];
    struct prng prng;
    prng_init(&prng, 4);
    draw(&prng, 61, false);
    for (uint32_t i = 0; i < 61; i++)
        keys[i] = messages[i].key;
    for (uint32_t key_len = 16; key_len <= 32; key_len += 8) {
        for (enum lanes_keys_use use = LANES_KEYS_ENCRYPT; use <= LANES_KEYS_CMAC; use++) {
            memset(a, 0, sizeof a);
            memset(b, 0, sizeof b);
            lanes_keys_vaes(keys, 61, key_len, use, a);
            lanes_keys_aesni(keys, 61, key_len, use, b);
            assert_memory_equal(a, b, sizeof a);
        }
    }
}

static void constant_time_compare_finds_every_single_bit(void **state)
{
    (void)state;
    uint8_t a[33], b[33];
    memset(a, 0x5A, sizeof a);
    for (size_t len = 0; len <= sizeof a; len++) {
        memset(b, 0x5A, sizeof b);
        assert_true(ct_equal(a, b, len));
        for (size_t bit = 0; bit < 8 * sizeof b; bit++) {
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(ct_equal(a, b, len), bit / 8 >= len);
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    wipe(a, sizeof a);
    for (size_t i = 0; i < sizeof a; i++)
        assert_int_equal(a[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_in_random_mixtures_agree_with_openssl),
        cmocka_unit_test(messages_of_0_to_33_octets_are_right_at_any_fill),
        cmocka_unit_test(no_octet_past_a_key_is_read),
        cmocka_unit_test(published_known_answers_hold_on_every_way),
        cmocka_unit_test(des_and_3des_agree_with_openssl),
        cmocka_unit_test(gcm_agrees_with_openssl_and_refuses_an_altered_tag),
        cmocka_unit_test(vaes_and_aesni_make_the_same_schedules),
        cmocka_unit_test(constant_time_compare_finds_every_single_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
