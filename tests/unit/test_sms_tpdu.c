/* TPDUs and addresses (TS 23.040 §9). */
#include "io/sms/sms_tpdu.h"
#include "tests/support/support.h"

#define PACKET                                                                                     \
    "0038 15 1639 12 12 000001"                                                                    \
    "4a94b145186c160cb7c59dce236dfdaac6d3f55ec9366f3373b5b330409e4d8abecd43949586b6045d3f07e08b1a" \
    "961b"
#define DELIVER "44 0c91447700091032 7ff6 62112290516100 3d 027000" PACKET

static void deliver_of_the_example_reads_field_by_field(void **state)
{
    (void)state;
    struct sms_deliver deliver;
    struct span in = guarded_hex(DELIVER);
    check_err("example", sms_deliver_read(in, &deliver, NULL), ERR_OK);
    assert_true(deliver.no_more_messages);
    assert_true(deliver.udhi);
    assert_false(deliver.status_report || deliver.reply_path || deliver.loop_prevention);
    assert_int_equal(deliver.origin.ton, SMS_TON_INTERNATIONAL);
    assert_int_equal(deliver.origin.npi, SMS_NPI_E164);
    assert_string_equal(deliver.origin.digits, "447700900123");
    assert_int_equal(deliver.pid, SMS_PID_USIM_DOWNLOAD);
    assert_int_equal(deliver.dcs, SMS_DCS_CLASS2_8BIT);
    assert_int_equal(deliver.udl, 61);
    check_bytes("ud", deliver.ud, guarded_hex("027000" PACKET));

    uint8_t buf[256];
    struct writer w = writer_over(buf, sizeof buf);
    sms_deliver_write(&w, &deliver);
    check_bytes("written", written(&w), in);
    for (size_t cut = 0; cut < in.len; cut++) {
        struct span part = guarded_copy(span_first(in, cut));
        assert_int_not_equal(sms_deliver_read(part, &deliver, NULL), ERR_OK);
    }
}

static const struct {
    const char *name, *hex;
    enum err err;
    size_t at;
} delivers[] = {
    { "odd number of digits", "04 05912143f5 7ff6 62112290516100 01 aa", ERR_OK, 0 },
    { "all flags", "ec 00 91 00f6 62112290516100 00", ERR_OK, 0 },
    { "7-bit: 9 septets in 8 octets", "04 0291 21 0000 62112290516100 09 0102030405060708", ERR_OK,
      0 },
    { "alphanumeric origin", "04 0bd0 c7f7fbcc2e03 0004 62112290516100 00", ERR_OK, 0 },
    { "submit instead", "45 0291 21 7ff6 62112290516100 00", ERR_MALFORMED, 0 },
    { "filler inside", "04 0491 f121 7ff6 62112290516100 00", ERR_MALFORMED, 4 },
    { "no filler at an odd end", "04 0391 2143 7ff6 62112290516100 00", ERR_MALFORMED, 5 },
    { "filler where a digit belongs", "04 0491 21f3 7ff6 62112290516100 00", ERR_MALFORMED, 5 },
    { "extension bit missing", "04 0211 21 7ff6 62112290516100 00", ERR_MALFORMED, 3 },
    { "21 digits", "04 1591 2143658709214365870921f3 7ff6 62112290516100 00", ERR_RANGE, 3 },
    { "141 octets", "04 0291 21 7ff6 62112290516100 8d", ERR_RANGE, 14 },
    { "UDL beyond the end", "04 0291 21 7ff6 62112290516100 02 01", ERR_SHORT, 14 },
    { "octets after UD", "04 0291 21 7ff6 62112290516100 01 0102", ERR_TRAILING, 15 },
};

static void deliver_reads_or_says_where_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(delivers); i++) {
        struct sms_deliver deliver;
        struct span in = guarded_hex(delivers[i].hex);
        size_t at = 0;
        check_err(delivers[i].name, sms_deliver_read(in, &deliver, &at), delivers[i].err);
        if (delivers[i].err != ERR_OK) {
            if (at != delivers[i].at)
                fail_msg("%s: at %zu, not %zu", delivers[i].name, at, delivers[i].at);
            continue;
        }
        uint8_t buf[256];
        struct writer w = writer_over(buf, sizeof buf);
        sms_deliver_write(&w, &deliver);
        check_bytes(delivers[i].name, written(&w), in);
    }
}

static void submit_reads_back_in_every_validity_format(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "41 07 0c91447700091032 7ff6 03 027000",
        "51 07 0c91447700091032 7ff6 a7 03 027000",
        "49 07 0c91447700091032 7ff6 00112233445566 03 027000",
        "fd 07 0c91447700091032 7ff6 62112290516100 03 027000",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i]);
        struct sms_submit submit;
        check_err(cases[i], sms_submit_read(in, &submit, NULL), ERR_OK);
        assert_int_equal(submit.reference, 7);
        assert_true(submit.udhi);
        check_bytes(cases[i], submit.ud, guarded_hex("027000"));
        uint8_t buf[64];
        struct writer w = writer_over(buf, sizeof buf);
        sms_submit_write(&w, &submit);
        check_bytes(cases[i], written(&w), in);
        for (size_t cut = 0; cut < in.len; cut++) {
            struct span part = guarded_copy(span_first(in, cut));
            assert_int_not_equal(sms_submit_read(part, &submit, NULL), ERR_OK);
        }
    }
    struct sms_submit submit;
    check_err("deliver", sms_submit_read(guarded_hex(DELIVER), &submit, NULL), ERR_MALFORMED);
}

static void deliver_report_reads_back_in_ack_and_error(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool error;
    } cases[] = {
        { "00 07 7f f6 07 027100 00050a00", false },
        { "00 00", false },
        { "40 04 02 0102", false },
        { "00 d5 07 7f f6 03 027100", true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct sms_deliver_report report;
        enum err err = sms_deliver_report_read(in, cases[i].error, &report, NULL);
        if (i == 2) { /* no DCS: 2 septets are 2 octets */
            assert_int_equal(report.udl, 2);
        }
        check_err(cases[i].hex, err, ERR_OK);
        uint8_t buf[64];
        struct writer w = writer_over(buf, sizeof buf);
        sms_deliver_report_write(&w, &report);
        check_bytes(cases[i].hex, written(&w), in);
        for (size_t cut = 0; cut < in.len; cut++) {
            struct span part = guarded_copy(span_first(in, cut));
            assert_int_not_equal(sms_deliver_report_read(part, cases[i].error, &report, NULL),
                                 ERR_OK);
        }
    }
}

static void report_carries_159_octets_in_an_ack_and_158_in_an_error(void **state)
{
    (void)state;
    static const uint8_t octets[160];
    for (size_t len = 157; len <= 160; len++) {
        for (int error = 0; error <= 1; error++) {
            struct sms_deliver_report report = {
                .error = error != 0,
                .has_dcs = true,
                .has_ud = true,
                .dcs = SMS_DCS_CLASS2_8BIT,
                .udl = (uint8_t)len,
                .ud = span_of(octets, len),
            };
            uint8_t buf[256];
            struct writer w = writer_over(buf, sizeof buf);
            sms_deliver_report_write(&w, &report);
            assert_int_equal(w.err == ERR_OK, len <= (error ? 158 : 159));
        }
    }
}

static void writers_refuse_what_cannot_be_carried(void **state)
{
    (void)state;
    uint8_t buf[256];
    static const uint8_t ud[141];
    struct sms_deliver deliver = { .dcs = 0xF6, .udl = 141, .ud = span_of(ud, 141) };
    struct writer w = writer_over(buf, sizeof buf);
    sms_deliver_write(&w, &deliver);
    assert_int_equal(w.err, ERR_RANGE);

    deliver.udl = 4; /* UDL and octets disagree */
    deliver.ud = span_of(ud, 5);
    w = writer_over(buf, sizeof buf);
    sms_deliver_write(&w, &deliver);
    assert_int_equal(w.err, ERR_RANGE);

    struct sms_submit submit = { .dcs = 0xF6, .destination = { .len = 2, .digits = "4x" } };
    w = writer_over(buf, sizeof buf);
    sms_submit_write(&w, &submit);
    assert_int_equal(w.err, ERR_RANGE);
}

static void alphanumeric_address_reads_as_text(void **state)
{
    (void)state;
    struct sms_deliver deliver;
    struct span in = guarded_hex("04 0bd0 c7f7fbcc2e03 0004 62112290516100 00");
    check_err("Google", sms_deliver_read(in, &deliver, NULL), ERR_OK);
    assert_string_equal(deliver.origin.digits, "Google");
    assert_int_equal(sms_msisdn(&deliver.origin), 0);
    in = guarded_hex("04 04d0 0000 0004 62112290516100 00"); /* `@@`: not ASCII's */
    check_err("other letters", sms_deliver_read(in, &deliver, NULL), ERR_UNSUPPORTED);
}

static void numbers_compare_by_digits_whatever_stands_before(void **state)
{
    (void)state;
    uint64_t plain = sms_msisdn_of(span_text("447700900123"));
    assert_int_not_equal(plain, 0);
    assert_int_equal(sms_msisdn_of(span_text("+447700900123")), plain);
    assert_int_equal(sms_msisdn_of(span_text("00447700900123")), plain);
    assert_int_not_equal(sms_msisdn_of(span_text("0447700900123")), plain);
    assert_int_not_equal(sms_msisdn_of(span_text("123")), sms_msisdn_of(span_text("0123")));
    static const char *const bad[] = { "", "+", "1234567890123456", "12a", "+1 2", "12+3" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(sms_msisdn_of(span_text(bad[i])), 0);

    struct sms_address address = sms_address_of(plain);
    assert_string_equal(address.digits, "447700900123");
    assert_int_equal(address.ton, SMS_TON_INTERNATIONAL);
    assert_int_equal(sms_msisdn(&address), plain);
    address.ton = SMS_TON_UNKNOWN; /* a network dropped it */
    assert_int_equal(sms_msisdn(&address), plain);
    assert_int_equal(sms_msisdn_of(span_text("999999999999999")) & 0xFFFFFFFFFFFFFF,
                     999999999999999);
}

static void suffixes_match_by_the_digits_configured(void **state)
{
    (void)state;
    uint64_t whole = sms_msisdn_of(span_text("447700900123"));
    uint64_t national = sms_msisdn_of(span_text("07700900123"));
    assert_true(sms_msisdn_suffix_equal(whole, national, 10));
    assert_false(sms_msisdn_suffix_equal(whole, national, 11));
    assert_false(sms_msisdn_suffix_equal(whole, sms_msisdn_of(span_text("900123")), 10));
}

static void address_text_longer_than_20_is_refused(void **state)
{
    (void)state;
    struct sms_address address;
    check_err("20", sms_address_set(&address, 1, 1, span_text("12345678901234567890")), ERR_OK);
    check_err("21", sms_address_set(&address, 1, 1, span_text("123456789012345678901")), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deliver_of_the_example_reads_field_by_field),
        cmocka_unit_test(deliver_reads_or_says_where_not),
        cmocka_unit_test(submit_reads_back_in_every_validity_format),
        cmocka_unit_test(deliver_report_reads_back_in_ack_and_error),
        cmocka_unit_test(report_carries_159_octets_in_an_ack_and_158_in_an_error),
        cmocka_unit_test(writers_refuse_what_cannot_be_carried),
        cmocka_unit_test(alphanumeric_address_reads_as_text),
        cmocka_unit_test(numbers_compare_by_digits_whatever_stands_before),
        cmocka_unit_test(suffixes_match_by_the_digits_configured),
        cmocka_unit_test(address_text_longer_than_20_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
