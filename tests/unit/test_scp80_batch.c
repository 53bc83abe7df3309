/* Batches of commands and responses in random mixtures against packets made one at a time by
 * OpenSSL, on every way of the lanes; and each check of spec order, one altered octet at a time. */
#include "base/prng.h"
#include "crypto/scp80_batch.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/scp80_ref.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define BATCH_MAX 64
#define DATA_MAX 700

/* One message and what the reference made of it. */
struct item {
    struct scp80_security security;
    struct scp80_keys keys;
    uint8_t data[DATA_MAX];
    uint32_t data_len;
    uint8_t status;
    uint8_t wanted[SCP80_REF_CAP];
    size_t wanted_len;
    uint8_t out[SCP80_REF_CAP + SCP80_OPEN_SLACK];
};

static struct item items[BATCH_MAX];

static void seal_armed(struct lanes *lanes, struct scp80_seal *jobs, uint32_t count)
{
    alloc_trap_arm();
    scp80_seal_run(lanes, jobs, count);
    alloc_trap_disarm();
}

static void open_command_armed(struct lanes *lanes, struct scp80_open_command *jobs, uint32_t count)
{
    alloc_trap_arm();
    scp80_open_command_run(lanes, jobs, count);
    alloc_trap_disarm();
}

static void open_response_armed(struct lanes *lanes, struct scp80_open_response *jobs,
                                uint32_t count)
{
    alloc_trap_arm();
    scp80_open_response_run(lanes, jobs, count);
    alloc_trap_disarm();
}

static void fill(struct prng *prng, void *out, size_t len)
{
    uint8_t *octets = out;
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)prng_next(prng);
}

/* KIc and KID low nibbles with the key length each takes; 0: any AES length. */
static const struct {
    uint8_t nibble, key_len;
} algorithms[] = { { 0x2, 0 }, { 0x1, 8 }, { 0x5, 16 }, { 0x9, 24 }, { 0x2, 0 }, { 0x2, 16 } };

static uint8_t key_len(struct prng *prng, uint8_t len)
{
    return len != 0 ? len : (uint8_t)(16 + 8 * prng_below(prng, 3));
}

/* Any combination the spec allows; under RC the KID says which CRC. */
static void draw(struct prng *prng, struct item *item)
{
    size_t kic = prng_below(prng, COUNT(algorithms)), kid = prng_below(prng, COUNT(algorithms));
    uint16_t integrity = (uint16_t)prng_below(prng, 3);
    uint16_t por = (uint16_t)(integrity << 2 | prng_below(prng, 2) << 4 | 1);
    uint16_t did = (uint16_t)(prng_below(prng, 4) << 3 | prng_below(prng, 2) << 2 | integrity);
    memset(item, 0, sizeof *item);
    item->security = (struct scp80_security){
        .transport = (enum scp80_transport)prng_below(prng, SCP80_TRANSPORT_COUNT),
        .spi = (uint16_t)(did << 8 | por),
        .kic = (uint8_t)(0x10 | algorithms[kic].nibble),
        .kid = (uint8_t)(0x10 | algorithms[kid].nibble),
        .cntr = prng_next(prng) & SCP80_CNTR_MAX,
    };
    if (integrity == SCP80_INTEGRITY_RC)
        item->security.kid = prng_below(prng, 2) == 0 ? 0x11 : 0x15;
    fill(prng, item->security.tar, sizeof item->security.tar);
    fill(prng, item->keys.kic, sizeof item->keys.kic);
    fill(prng, item->keys.kid, sizeof item->keys.kid);
    item->keys.kic_len = key_len(prng, algorithms[kic].key_len);
    item->keys.kid_len = key_len(prng, algorithms[kid].key_len);
    item->keys.cc_len = (uint8_t)(4 * prng_below(prng, 3));
    item->data_len = (uint32_t)prng_below(prng, prng_below(prng, 3) == 0       ? 18
                                                : prng_below(prng, 8) + 1 == 8 ? DATA_MAX
                                                                               : 200);
    fill(prng, item->data, item->data_len);
    item->status = (uint8_t)prng_next(prng);
}

static void check_seal(struct lanes *lanes, uint32_t count)
{
    struct scp80_seal jobs[BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        struct item *item = &items[i];
        item->wanted_len = scp80_ref_command(&item->security, &item->keys,
                                             span_of(item->data, item->data_len), item->wanted);
        assert_int_not_equal(item->wanted_len, 0);
        memset(item->out, 0xEE, sizeof item->out);
        jobs[i] = (struct scp80_seal){ .security = item->security,
                                       .keys = &item->keys,
                                       .data = guarded_copy(span_of(item->data, item->data_len)),
                                       .packet = item->out,
                                       .packet_cap = (uint32_t)item->wanted_len };
        assert_int_equal(scp80_command_len(&item->security, item->keys.cc_len, item->data_len),
                         item->wanted_len);
    }
    seal_armed(lanes, jobs, count);
    for (uint32_t i = 0; i < count; i++) {
        check_err("seals", jobs[i].err, ERR_OK);
        check_bytes("sealed", span_of(jobs[i].packet, jobs[i].packet_len),
                    span_of(items[i].wanted, items[i].wanted_len));
        assert_int_equal(items[i].out[items[i].wanted_len], 0xEE); /* nothing past the end */
    }
}

static void check_open_command(struct lanes *lanes, uint32_t count)
{
    struct scp80_open_command jobs[BATCH_MAX];
    for (uint32_t i = 0; i < count; i++) {
        struct item *item = &items[i];
        jobs[i] = (struct scp80_open_command){
            .transport = item->security.transport,
            .keys = &item->keys,
            .packet = guarded_copy(span_of(item->wanted, item->wanted_len)),
            .buf = item->out,
            .buf_cap = (uint32_t)item->wanted_len + SCP80_OPEN_SLACK,
        };
    }
    open_command_armed(lanes, jobs, count);
    for (uint32_t i = 0; i < count; i++) {
        check_err("opens", jobs[i].err, ERR_OK);
        check_bytes("opened", jobs[i].data, span_of(items[i].data, items[i].data_len));
        assert_int_equal(jobs[i].security.cntr, items[i].security.cntr);
        assert_int_equal(jobs[i].security.spi, items[i].security.spi);
        assert_memory_equal(jobs[i].security.tar, items[i].security.tar, 3);
    }
}

static struct scp80_open_response response_job(struct item *item, uint8_t udhl)
{
    item->wanted_len = scp80_ref_response(&item->security, &item->keys, item->status,
                                          span_of(item->data, item->data_len), udhl, item->wanted);
    assert_int_not_equal(item->wanted_len, 0);
    return (struct scp80_open_response){
        .command = item->security,
        .keys = &item->keys,
        .packet = guarded_copy(span_of(item->wanted, item->wanted_len)),
        .udhl = 2,
        .buf = item->out,
        .buf_cap = (uint32_t)item->wanted_len + SCP80_OPEN_SLACK,
    };
}

static void check_open_response(struct lanes *lanes, uint32_t count)
{
    struct scp80_open_response jobs[BATCH_MAX];
    for (uint32_t i = 0; i < count; i++)
        jobs[i] = response_job(&items[i], 2);
    open_response_armed(lanes, jobs, count);
    for (uint32_t i = 0; i < count; i++) {
        check_err("opens", jobs[i].err, ERR_OK);
        check_bytes("opened", jobs[i].data, span_of(items[i].data, items[i].data_len));
        assert_int_equal(jobs[i].cntr, items[i].security.cntr);
        assert_int_equal(jobs[i].status, items[i].status);
        assert_false(jobs[i].real_udhl);
    }
}

static void on_every_way(void (*check)(struct lanes *lanes))
{
    alloc_trap_system_calls();
    for (uint32_t way = 0; way < LANES_WAY_COUNT; way++) {
        struct lanes *lanes = lanes_create_as((enum lanes_way)way);
        if (lanes == NULL)
            continue; /* test_lanes says which */
        check(lanes);
        lanes_destroy(lanes);
    }
}

static void mixtures(struct lanes *lanes)
{
    struct prng prng;
    prng_init(&prng, 0x102225);
    for (uint32_t count = 1; count <= BATCH_MAX; count++) {
        for (uint32_t i = 0; i < count; i++)
            draw(&prng, &items[i]);
        check_seal(lanes, count);
        check_open_command(lanes, count);
        check_open_response(lanes, count);
    }
    seal_armed(lanes, NULL, 0);
    open_command_armed(lanes, NULL, 0);
    open_response_armed(lanes, NULL, 0);
}

static void batches_in_random_mixtures_agree_with_the_reference(void **state)
{
    (void)state;
    on_every_way(mixtures);
}

/* Usual ES5 security (SGP.02 §2.4.3), AES-128. */
static struct item *usual(uint32_t data_len)
{
    struct prng prng;
    struct item *item = &items[0];
    prng_init(&prng, data_len);
    memset(item, 0, sizeof *item);
    item->security = (struct scp80_security){
        .spi = 0x1639, .kic = 0x12, .kid = 0x12, .tar = { 0, 0, 1 }, .cntr = 7
    };
    fill(&prng, item->keys.kic, 16);
    fill(&prng, item->keys.kid, 16);
    item->keys.kic_len = item->keys.kid_len = 16;
    item->data_len = data_len;
    fill(&prng, item->data, data_len);
    return item;
}

static void altered(struct lanes *lanes)
{
    struct item *item = usual(40);
    struct scp80_open_response good = response_job(item, 2);
    for (size_t bit = 0; bit < 8 * good.packet.len; bit++) {
        uint8_t packet[SCP80_REF_CAP];
        memcpy(packet, item->wanted, good.packet.len);
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct scp80_open_response job = good;
        job.packet = span_of(packet, good.packet.len);
        open_response_armed(lanes, &job, 1);
        enum err wanted = bit < 16   ? ERR_LENGTH
                          : bit < 24 ? ERR_HEADER_LENGTH
                          : bit < 48 ? ERR_TAR
                                     : ERR_CC;
        check_err("one bit", job.err, wanted);
        assert_null(job.data.bytes);
        assert_int_equal(job.cntr, 0);
    }
    for (size_t len = 0; len < good.packet.len; len++) {
        struct scp80_open_response job = good;
        job.packet = guarded_copy(span_of(item->wanted, len));
        open_response_armed(lanes, &job, 1);
        assert_int_not_equal(job.err, ERR_OK);
        struct scp80_open_command command = {
            .keys = good.keys, .packet = job.packet, .buf = good.buf, .buf_cap = good.buf_cap
        };
        open_command_armed(lanes, &command, 1);
        assert_int_not_equal(command.err, ERR_OK);
    }
}

static void every_altered_bit_and_every_truncation_is_refused(void **state)
{
    (void)state;
    on_every_way(altered);
}

static void real_udhl(struct lanes *lanes)
{
    struct item *item = usual(90);
    struct scp80_open_response job = response_job(item, 7);
    open_response_armed(lanes, &job, 1);
    check_err("constant prefix", job.err, ERR_CC);
    job.udhl = 7;
    open_response_armed(lanes, &job, 1);
    check_err("real UDHL", job.err, ERR_OK);
    assert_true(job.real_udhl);
    check_bytes("opened", job.data, span_of(item->data, item->data_len));
    job.udhl = 8;
    open_response_armed(lanes, &job, 1);
    check_err("another UDHL", job.err, ERR_CC);
    assert_false(job.real_udhl);
    job = response_job(item, 2); /* the constant prefix stays the first try */
    job.udhl = 7;
    open_response_armed(lanes, &job, 1);
    check_err("constant prefix of a concatenated response", job.err, ERR_OK);
    assert_false(job.real_udhl);

    item->security.kid = 0x15; /* and with a checksum outside the lanes */
    job = response_job(item, 7);
    job.udhl = 7;
    open_response_armed(lanes, &job, 1);
    check_err("3DES", job.err, ERR_OK);
    assert_true(job.real_udhl);
    item->security.transport = SCP80_CAT_TP;
    job = response_job(item, 2);
    job.packet = guarded_copy(job.packet);
    job.udhl = 7;
    item->wanted[job.packet.len - 1] ^= 1;
    job.packet = span_of(item->wanted, job.packet.len);
    open_response_armed(lanes, &job, 1);
    check_err("no prefix off SMS (TS 102 225 §5.2)", job.err, ERR_CC);
}

static void concatenated_response_is_tried_once_with_its_real_udhl(void **state)
{
    (void)state;
    on_every_way(real_udhl);
}

static void bad_neighbours(struct lanes *lanes)
{
    struct prng prng;
    prng_init(&prng, 21);
    for (uint32_t round = 0; round < 40; round++) {
        struct scp80_seal jobs[BATCH_MAX];
        for (uint32_t i = 0; i < BATCH_MAX; i++) {
            struct item *item = &items[i];
            do
                draw(&prng, item);
            while ((item->security.spi & 0x0600) != 0x0600); /* ciphered, CC */
            item->wanted_len = scp80_ref_command(&item->security, &item->keys,
                                                 span_of(item->data, item->data_len), item->wanted);
            jobs[i] = (struct scp80_seal){ .security = item->security,
                                           .keys = &item->keys,
                                           .data = span_of(item->data, item->data_len),
                                           .packet = item->out,
                                           .packet_cap = SCP80_REF_CAP };
        }
        static const enum err wanted[8] = { ERR_KEY,   ERR_KEY,  ERR_UNSUPPORTED, ERR_UNSUPPORTED,
                                            ERR_RANGE, ERR_FULL, ERR_UNSUPPORTED, ERR_KEY };
        for (uint32_t i = round % 3; i < BATCH_MAX; i += 3) {
            switch (i % 8) {
            case 0:
                jobs[i].keys = NULL;
                break;
            case 1:
                items[i].keys.kic_len = 15;
                break;
            case 2:
                jobs[i].security.kic = 0x1D; /* DES-ECB */
                break;
            case 3:
                jobs[i].security.spi |= 0x0300; /* DS */
                break;
            case 4:
                jobs[i].security.cntr = SCP80_CNTR_MAX + 1;
                break;
            case 5:
                jobs[i].packet_cap = (uint32_t)items[i].wanted_len - 1;
                break;
            case 6:
                jobs[i].security.spi |= 0x8000;
                break;
            default:
                items[i].keys.kid_len = 0;
            }
        }
        seal_armed(lanes, jobs, BATCH_MAX);
        for (uint32_t i = 0; i < BATCH_MAX; i++) {
            bool bad = i % 3 == round % 3;
            check_err("neighbour", jobs[i].err, bad ? wanted[i % 8] : ERR_OK);
            if (bad)
                assert_int_equal(jobs[i].packet_len, 0);
            else
                check_bytes("neighbour", span_of(jobs[i].packet, jobs[i].packet_len),
                            span_of(items[i].wanted, items[i].wanted_len));
        }
    }
}

static void bad_jobs_get_their_error_and_never_stop_a_neighbour(void **state)
{
    (void)state;
    on_every_way(bad_neighbours);
}

static void response_without_the_security_asked_for_is_untrusted(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    static const struct {
        const char *name, *hex;
        enum err err;
        uint8_t status;
    } cases[] = {
        { "status 06", "000b 0a 000001 0000000007 00 06", ERR_UNTRUSTED, 6 },
        { "status 00 is no success", "000b 0a 000001 0000000007 00 00", ERR_UNTRUSTED, 0 },
        { "with data", "000d 0a 000001 0000000007 00 00 9000", ERR_UNTRUSTED, 0 },
        { "another TAR", "000b 0a 000002 0000000007 00 06", ERR_TAR, 0 },
        { "another CNTR", "000b 0a 000001 0000000008 00 06", ERR_CNTR, 0 },
        { "all padding", "000b 0a 000001 0000000007 01 06", ERR_PCNTR, 0 },
        { "CRC-32 where a CC was asked", "000f 0e 000001 0000000007 00 06 01020304",
          ERR_HEADER_LENGTH, 0 },
        { "RHL of no kind", "000c 0b 000001 0000000007 00 06 01", ERR_HEADER_LENGTH, 0 },
        { "RHL past the end", "000b 12 000001 0000000007 00 06", ERR_HEADER_LENGTH, 0 },
        { "RPL too long", "000c 0a 000001 0000000007 00 06", ERR_LENGTH, 0 },
        { "one octet", "00", ERR_SHORT, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct item *item = usual(1);
        struct scp80_open_response job = { .command = item->security,
                                           .keys = &item->keys,
                                           .packet = guarded_hex(cases[i].hex),
                                           .udhl = 2,
                                           .buf = item->out,
                                           .buf_cap = sizeof item->out };
        open_response_armed(lanes, &job, 1);
        check_err(cases[i].name, job.err, cases[i].err);
        assert_int_equal(job.status, cases[i].status);
    }
    lanes_destroy(lanes);
}

static void working_space_is_checked_before_it_is_used(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    struct item *item = usual(25);
    struct scp80_open_response job = response_job(item, 2);
    for (uint32_t cap = 0; cap <= job.packet.len + SCP80_OPEN_SLACK; cap++) {
        memset(item->out, 0xEE, sizeof item->out);
        job.buf_cap = cap;
        open_response_armed(lanes, &job, 1);
        assert_true(job.err == ERR_OK || job.err == ERR_FULL);
        for (size_t i = cap; i < sizeof item->out; i++)
            assert_int_equal(item->out[i], 0xEE);
    }
    check_err("what the header promises", job.err, ERR_OK);
    lanes_destroy(lanes);
}

/* TS 102 225 §5.1: CPL holds 65,535; lengths grow in whole blocks. */
static void packets_that_no_length_field_holds_are_refused(void **state)
{
    (void)state;
    static uint8_t data[70000], packet[70000];
    struct lanes *lanes = lanes_create();
    struct item *item = usual(1);
    static const struct {
        uint32_t data_len, packet_len;
        enum scp80_transport transport;
    } cases[] = {
        { 65506, 65530, SCP80_SMS_PP }, { 65507, 0, SCP80_SMS_PP }, { 65506, 65532, SCP80_CAT_TP },
        { 65507, 0, SCP80_CAT_TP },     { 70000, 0, SCP80_TCP_IP },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        item->security.transport = cases[i].transport;
        struct scp80_seal job = { .security = item->security,
                                  .keys = &item->keys,
                                  .data = span_of(data, cases[i].data_len),
                                  .packet = packet,
                                  .packet_cap = sizeof packet };
        seal_armed(lanes, &job, 1);
        check_err("long", job.err, cases[i].packet_len != 0 ? ERR_OK : ERR_RANGE);
        assert_int_equal(job.packet_len, cases[i].packet_len);
        assert_int_equal(scp80_command_len(&item->security, 8, cases[i].data_len),
                         cases[i].packet_len);
    }
    lanes_destroy(lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_in_random_mixtures_agree_with_the_reference),
        cmocka_unit_test(every_altered_bit_and_every_truncation_is_refused),
        cmocka_unit_test(concatenated_response_is_tried_once_with_its_real_udhl),
        cmocka_unit_test(bad_jobs_get_their_error_and_never_stop_a_neighbour),
        cmocka_unit_test(response_without_the_security_asked_for_is_untrusted),
        cmocka_unit_test(working_space_is_checked_before_it_is_used),
        cmocka_unit_test(packets_that_no_length_field_holds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
