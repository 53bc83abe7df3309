/* Stored devices: write and read back, wrapped keys bound to their EID, truncations, alterations. */
#include "engine/device/device_record.h"
#include "engine/store/record.h"
#include "tests/support/eis_lines.h"
#include "tests/support/support.h"

#include "base/hex.h"

#include <stdlib.h>

static struct lanes *lanes;
static struct kek *kek;
static struct eis eis; /* of the full line */

static int setup(void **state)
{
    (void)state;
    static const uint8_t key[KEK_LEN] = { 1, 2, 3 };
    struct fault fault = { "" };
    lanes = lanes_create();
    kek = kek_from(key, &fault);
    if (lanes == NULL || kek == NULL)
        return 1;
    struct eis_options options = { .lanes = lanes };
    return eis_line_read(span_text(eis_line_full), 1, &options, &eis, &fault) != ERR_OK;
}

static int teardown(void **state)
{
    (void)state;
    eis_drop(&eis);
    kek_drop(kek);
    lanes_destroy(lanes);
    return 0;
}

static struct span record_of(uint8_t buf[DEVICE_RECORD_MAX])
{
    struct writer w = writer_over(buf, DEVICE_RECORD_MAX);
    device_record_write(&w, kek, lanes, &eis);
    check_err("write", w.err, ERR_OK);
    return written(&w);
}

static void a_record_reads_back_as_it_was_written(void **state)
{
    (void)state;
    static_assert(DEVICE_RECORD_MAX <= RECORD_CAP, "a record crosses to the store in one message");
    uint8_t buf[DEVICE_RECORD_MAX];
    struct span record = guarded_copy(record_of(buf));
    struct device device;
    check_err("read", device_record_read(record, kek, lanes, &device), ERR_OK);
    assert_memory_equal(&device, &eis.device, sizeof device);
    struct eis_other other = { 0 };
    check_err("other", device_record_other(record, kek, lanes, &other), ERR_OK);
    check_bytes("other", span_of(other.octets, other.len),
                span_of(eis.other.octets, eis.other.len));
    struct span json;
    check_err("kept", device_record_kept(record, &json), ERR_OK);
    json_t *kept = json_loadb((const char *)json.bytes, json.len, 0, NULL);
    assert_true(json_equal(kept, eis.kept));
    json_decref(kept);
}

static void a_record_holds_no_key_in_clear(void **state)
{
    (void)state;
    uint8_t buf[DEVICE_RECORD_MAX];
    struct span record = record_of(buf);
    for (const char *const *secret = eis_line_secrets; *secret != NULL; secret++) {
        struct span key = guarded_hex(*secret);
        assert_null(memmem(record.bytes, record.len, key.bytes, 8));
        assert_null(memmem(record.bytes, record.len, *secret, 16));
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    uint8_t buf[DEVICE_RECORD_MAX];
    struct span record = record_of(buf), json;
    for (size_t cut = 0; cut < record.len; cut++) {
        struct device device;
        struct eis_other other;
        struct span in = guarded_copy(span_first(record, cut));
        check_err("read", device_record_read(in, kek, lanes, &device), ERR_SHORT);
        check_err("other", device_record_other(in, kek, lanes, &other), ERR_SHORT);
        check_err("kept", device_record_kept(in, &json), ERR_SHORT);
    }
    struct device device;
    buf[record.len] = 0;
    check_err("longer", device_record_read(span_of(buf, record.len + 1), kek, lanes, &device),
              ERR_TRAILING);
}

/* Each octet up to the JSON: version, structure, or the tags of the wrapped parts. */
static void every_altered_octet_before_the_json_is_noticed(void **state)
{
    (void)state;
    uint8_t buf[DEVICE_RECORD_MAX];
    struct span record = record_of(buf), json;
    check_err("kept", device_record_kept(record, &json), ERR_OK);
    size_t head = (size_t)(json.bytes - record.bytes) - 2;
    for (size_t at = 0; at < head; at++) {
        struct device device;
        struct eis_other other;
        buf[at] ^= 0x40;
        bool msisdn = at >= 1 && at < 9; /* outside, so that it can be taken away */
        enum err read = device_record_read(record, kek, lanes, &device);
        enum err rest = device_record_other(record, kek, lanes, &other);
        buf[at] ^= 0x40;
        if (msisdn ? read != ERR_OK || rest != ERR_OK : read == ERR_OK && rest == ERR_OK)
            fail_msg("octet %zu: %s, %s", at, err_label(read), err_label(rest));
    }
}

static void another_kek_opens_nothing(void **state)
{
    (void)state;
    static const uint8_t key[KEK_LEN] = { 3, 2, 1 };
    struct fault fault = { "" };
    struct kek *another = kek_from(key, &fault);
    assert_non_null(another);
    uint8_t buf[DEVICE_RECORD_MAX];
    struct span record = record_of(buf);
    struct device device;
    struct eis_other other;
    check_err("keys", device_record_read(record, another, lanes, &device), ERR_CORRUPT);
    check_err("other", device_record_other(record, another, lanes, &other), ERR_CORRUPT);
    for (unsigned i = 0; i < DEVICE_KEYSETS_MAX; i++) {
        static const uint8_t zeros[DEVICE_KEY_MAX];
        assert_memory_equal(device.keysets[i].kic, zeros, sizeof zeros);
        assert_memory_equal(device.keysets[i].kid, zeros, sizeof zeros);
    }
    kek_drop(another);
}

static void an_msisdn_can_be_taken_away_in_place(void **state)
{
    (void)state;
    uint8_t buf[DEVICE_RECORD_MAX];
    struct span record = record_of(buf);
    check_err("release", device_record_release_msisdn(buf, record.len), ERR_OK);
    check_err("short", device_record_release_msisdn(buf, 8), ERR_SHORT);
    struct device device, wanted = eis.device;
    wanted.msisdn = 0;
    check_err("read", device_record_read(record, kek, lanes, &device), ERR_OK);
    assert_memory_equal(&device, &wanted, sizeof device);
}

static void what_the_writer_lacks_room_for_is_refused(void **state)
{
    (void)state;
    uint8_t buf[DEVICE_RECORD_MAX];
    size_t len = record_of(buf).len;
    for (size_t cap = 0; cap < len; cap += 7) {
        struct writer w = writer_over(buf, cap);
        device_record_write(&w, kek, lanes, &eis);
        check_err("room", w.err, ERR_FULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_reads_back_as_it_was_written),
        cmocka_unit_test(a_record_holds_no_key_in_clear),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_altered_octet_before_the_json_is_noticed),
        cmocka_unit_test(another_kek_opens_nothing),
        cmocka_unit_test(an_msisdn_can_be_taken_away_in_place),
        cmocka_unit_test(what_the_writer_lacks_room_for_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
