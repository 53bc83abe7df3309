/* SMPP PDUs (SMPP 3.4 §4, §5) and what each command_status asks for. */
#include "base/hex.h"
#include "base/prng.h"
#include "io/smpp/smpp_status.h"
#include "io/smpp/smpp_wire.h"
#include "tests/support/support.h"

#include <stdio.h>

/* 143 octets: EnableProfile as one submit_sm. */
#define SUBMIT                                                                                     \
    "0000008f 00000004 00000000 00000002"                                                          \
    "00 0101 34343737303039303031323300 0101 38383233393030303030313233343500"                     \
    "40 7f 00 00 30303030303130303030303030303052 00 01 00 f6 00 3d"                               \
    "027000 0038 15 1639 12 12 000001"                                                             \
    "4a94b145186c160cb7c59dce236dfdaac6d3f55ec9366f3373b5b330409e4d8abecd43949586b6045d3f07e08b1a" \
    "961b"                                                                                         \
    "0204 0002 0007"

static void submit_sm_of_the_example_reads_field_by_field(void **state)
{
    (void)state;
    struct span in = guarded_hex(SUBMIT);
    struct smpp_pdu pdu;
    assert_int_equal(in.len, 143);
    check_err("example", smpp_pdu_read(in, &pdu, NULL), ERR_OK);
    assert_int_equal(pdu.header.id, SMPP_SUBMIT_SM);
    assert_int_equal(pdu.header.sequence, 2);
    const struct smpp_message *m = &pdu.message;
    assert_int_equal(m->service_type.len, 0);
    assert_string_equal(m->source.digits, "447700900123");
    assert_string_equal(m->destination.digits, "882390000012345");
    assert_int_equal(m->source.ton, SMS_TON_INTERNATIONAL);
    assert_int_equal(m->destination.npi, SMS_NPI_E164);
    assert_int_equal(m->esm_class, SMPP_ESM_UDHI);
    assert_int_equal(m->protocol_id, 0x7F);
    assert_int_equal(m->data_coding, 0xF6);
    assert_int_equal(m->registered_delivery, 1);
    assert_int_equal(m->schedule.len, 0);
    check_bytes("validity", m->validity, span_text("000001000000000R"));
    assert_int_equal(m->text.len, 61);
    assert_int_equal(m->tlvs, SMPP_HAS_USER_MESSAGE_REFERENCE);
    assert_int_equal(m->user_message_reference, 7);

    uint8_t buf[SMPP_SUBMIT_MAX];
    struct writer w = writer_over(buf, sizeof buf);
    smpp_message_write(&w, SMPP_SUBMIT_SM, 2, m);
    check_bytes("written", written(&w), in);

    struct sms_ud_source source = smpp_message_ud(m);
    assert_true(source.udhi);
    assert_false(source.resolved || source.sar);
    check_bytes("user data", source.ud, m->text);
}

/* Each reads, writes back to the same octets, and is refused at every truncation. */
static const struct {
    const char *name, *hex;
} sound[] = {
    { "submit_sm", SUBMIT },
    { "bind_transceiver", "0000002f 00000009 00000000 00000001 534d5053 00 73656372657430 00"
                          "57484f 00 34 01 01 34342e2a00 " },
    { "bind_transceiver_resp", "0000001a 80000009 00000000 00000001 534d534300 0210 0001 34" },
    { "bind_transceiver_resp without TLV", "00000015 80000009 00000000 00000001 534d534300" },
    { "bind_transceiver_resp refused", "00000010 80000009 0000000e 00000001" },
    { "bind_receiver", "00000017 00000001 00000000 00000001 00 00 00 34 00 00 00" },
    { "bind_transmitter", "00000017 00000002 00000000 00000001 00 00 00 50 00 00 00" },
    { "submit_sm_resp", "00000019 80000004 00000000 00000002 3564326639613031 00" },
    { "submit_sm_resp, empty id", "00000011 80000004 00000000 00000002 00" },
    { "submit_sm_resp, throttled", "00000010 80000004 00000058 00000002" },
    { "deliver_sm", "00000033 00000005 00000000 0000000a 00 0101 31323300 0101 34353600"
                    "40 7f 00 00 00 00 00 f6 00 06 027100 000a12" },
    { "deliver_sm, receipt TLVs",
      "0000004c 00000005 00000000 0000000b 00 0000 00 0000 00"
      "04 00 00 00 00 00 00 00 00 00"
      "001e 0009 3031323334353637 00 0423 0003 03 0015 0424 0004 69643a31"
      "0427 0001 02" },
    { "deliver_sm_resp", "00000011 80000005 00000000 0000000a 00" },
    { "deliver_sm_resp, try later", "00000010 80000005 00000064 0000000a" },
    { "data_sm, every TLV",
      "00000077 00000103 00000000 00000003 00 0101 3100 0101 3200 40 00 f6"
      "0005 0001 03 0017 0004 00000e10 001e 0002 6100 0204 0002 1234 020a 0002 0001"
      "020b 0002 0002 020c 0002 0003 020e 0001 02 020f 0001 01 0423 0003 030001"
      "0424 0002 beef 0426 0001 01 0427 0001 01" },
    { "data_sm_resp", "00000012 80000103 00000000 00000003 6100" },
    { "enquire_link", "00000010 00000015 00000000 00000007" },
    { "enquire_link_resp", "00000010 80000015 00000000 00000007" },
    { "unbind", "00000010 00000006 00000000 00000008" },
    { "unbind_resp", "00000010 80000006 00000000 00000008" },
    { "generic_nack", "00000010 80000000 00000003 00000009" },
    { "outbind", "00000014 0000000b 00000000 00000001 534d00 00" },
    { "query_sm", "00000016 00000003 00000000 00000004 616200 0101 00" },
    { "query_sm_resp", "00000025 80000003 00000000 00000004 616200"
                       "3236313132323039313530303030302b00 02 00" },
    { "cancel_sm", "00000019 00000008 00000000 00000005 00 6100 0101 00 0101 00" },
    { "cancel_sm_resp", "00000010 80000008 00000011 00000005" },
    { "replace_sm", "0000001c 00000007 00000000 00000006 6100 0101 00 00 00 01 00 02 aabb" },
    { "replace_sm_resp", "00000010 80000007 00000000 00000006" },
    { "alert_notification", "0000001f 00000102 00000000 00000001 0101 313200 0101 3300"
                            "0422 0001 02" },
};

/* The tables above are easier to keep with command_length left to the test. */
static struct span with_length(const char *hex)
{
    static uint8_t buf[1024];
    struct writer w = writer_over(buf, sizeof buf);
    char text[2048];
    size_t len = 0;
    for (const char *at = hex; *at != 0; at++) {
        if (*at != ' ')
            text[len++] = *at;
    }
    assert_int_equal(hex_read(span_of(text, len), &w), ERR_OK);
    writer_patch(&w, 0, writer_len(&w), 4);
    return guarded_copy(written(&w));
}

static void check_writes_back(const char *name, struct span in)
{
    struct smpp_pdu pdu;
    check_err(name, smpp_pdu_read(in, &pdu, NULL), ERR_OK);
    uint8_t buf[1024];
    struct writer w = writer_over(buf, sizeof buf);
    smpp_pdu_write(&w, &pdu);
    assert_int_equal(w.err, ERR_OK);
    check_bytes(name, written(&w), in);
}

static void every_pdu_reads_and_writes_back_to_the_same_octets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sound); i++)
        check_writes_back(sound[i].name, with_length(sound[i].hex));
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sound); i++) {
        uint8_t octets[1024]; /* guarded copies do not live long enough here */
        struct writer whole = writer_over(octets, sizeof octets);
        writer_bytes(&whole, with_length(sound[i].hex));
        struct span in = written(&whole);
        struct smpp_pdu pdu;
        size_t at;
        for (size_t cut = 0; cut < in.len; cut++) { /* the stream ends early */
            check_err(sound[i].name, smpp_pdu_read(guarded_copy(span_first(in, cut)), &pdu, &at),
                      ERR_SHORT);
            assert_true(at <= cut);
        }
        for (size_t cut = SMPP_HEADER_LEN + 1; cut < in.len; cut++) { /* the PDU itself is */
            uint8_t buf[1024];
            struct writer w = writer_over(buf, sizeof buf);
            writer_bytes(&w, span_first(in, cut));
            writer_patch(&w, 0, cut, 4);
            if (smpp_pdu_read(guarded_copy(written(&w)), &pdu, &at) == ERR_OK)
                check_writes_back(sound[i].name, written(&w)); /* a TLV less */
        }
    }
}

static const struct {
    const char *name, *hex;
    enum err err;
    size_t at;
} unsound[] = {
    { "submit_multi", "00000000 00000021 00000000 00000001 00", ERR_UNSUPPORTED, 16 },
    { "unknown command", "00000000 00000777 00000000 00000001", ERR_UNSUPPORTED, 16 },
    { "enquire_link with a body", "00000000 00000015 00000000 00000001 00", ERR_TRAILING, 16 },
    { "no body although status 0", "00000000 80000004 00000000 00000001", ERR_SHORT, 16 },
    { "id without NUL", "00000000 80000004 00000000 00000001 6162", ERR_SHORT, 16 },
    { "service type too long", "00000000 00000005 00000000 00000001 41414141414100", ERR_RANGE,
      16 },
    { "address of 21 digits in data_sm",
      "00000000 00000103 00000000 00000001 00 0101 31323334353637383930313233343536373839303100"
      "0101 3200 40 00 f6",
      ERR_RANGE, 19 },
    { "validity of 15 characters",
      "00000000 00000005 00000000 00000001 00 010100 010100 000000 00 "
      "303030303031303030303030303030"
      "00",
      ERR_MALFORMED, 27 },
    { "sm_length 255",
      "00000000 00000005 00000000 00000001 00 010100 010100 000000 0000 00000000 ff", ERR_RANGE,
      33 },
    { "sm_length beyond the end",
      "00000000 00000005 00000000 00000001 00 010100 010100 000000 0000 00000000 02 aa", ERR_SHORT,
      33 },
    { "TLV cut",
      "00000000 00000005 00000000 00000001 00 010100 010100 000000 0000 00000000 00 0204 0002 00",
      ERR_SHORT, 37 },
    { "TLV of the wrong length",
      "00000000 00000005 00000000 00000001 00 010100 010100 000000 0000 00000000 00 0204 0003 "
      "000000",
      ERR_MALFORMED, 39 },
    { "short_message and message_payload",
      "00000000 00000005 00000000 00000001 00 010100 010100 000000 0000 00000000 01 aa 0424 0001 "
      "bb",
      ERR_MALFORMED, 38 },
};

static void pdu_without_sense_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(unsound); i++) {
        struct smpp_pdu pdu;
        size_t at = 0;
        check_err(unsound[i].name, smpp_pdu_read(with_length(unsound[i].hex), &pdu, &at),
                  unsound[i].err);
        if (at != unsound[i].at)
            fail_msg("%s: at %zu, not %zu", unsound[i].name, at, unsound[i].at);
    }
}

static void length_that_cannot_be_resynchronised_is_told_apart(void **state)
{
    (void)state;
    struct smpp_header header;
    check_err("15", smpp_header_read(guarded_hex("0000000f 00000015 00000000 00000001"), &header),
              ERR_LENGTH);
    check_err("too much",
              smpp_header_read(guarded_hex("00010201 00000015 00000000 00000001"), &header),
              ERR_LENGTH);
    check_err("most", smpp_header_read(guarded_hex("00010200 00000015 00000000 00000001"), &header),
              ERR_OK);
    check_err("part", smpp_header_read(guarded_hex("00000010 000000"), &header), ERR_SHORT);
}

static void unknown_tlvs_are_skipped_in_any_order(void **state)
{
    (void)state;
    struct smpp_pdu pdu;
    check_err(
        "mixed",
        smpp_pdu_read(with_length("00000000 00000005 00000000 00000001 00 010100 010100 000000"
                                  "0000 00000000 00 1501 0003 010203 0427 0001 02 000d 0000"
                                  "001e 0003 616263"),
                      &pdu, NULL),
        ERR_OK);
    assert_int_equal(pdu.message.message_state, 2);
    check_bytes("id without NUL", pdu.message.receipted_id, span_text("abc"));
}

static void bodies_may_be_absent_on_error_and_in_deliver_sm_resp(void **state)
{
    (void)state;
    struct smpp_pdu pdu;
    check_err("deliver_sm_resp",
              smpp_pdu_read(guarded_hex("00000010 80000005 00000000 00000001"), &pdu, NULL),
              ERR_OK);
    check_err("error with a body",
              smpp_pdu_read(guarded_hex("00000011 80000004 00000014 00000001 00"), &pdu, NULL),
              ERR_OK);
}

static void payload_of_64_k_reads_back(void **state)
{
    (void)state;
    static uint8_t text[65535];
    static uint8_t buf[SMPP_PDU_MAX];
    struct prng prng;
    prng_init(&prng, 34);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)prng_next(&prng);
    struct smpp_message message = { .tlvs = SMPP_HAS_PAYLOAD, .text = span_of(text, sizeof text) };
    struct writer w = writer_over(buf, sizeof buf);
    smpp_message_write(&w, SMPP_DELIVER_SM, 1, &message);
    assert_int_equal(w.err, ERR_OK);
    struct smpp_pdu pdu;
    check_err("payload", smpp_pdu_read(written(&w), &pdu, NULL), ERR_OK);
    check_bytes("payload", pdu.message.text, message.text);
    assert_true(smpp_message_ud(&pdu.message).resolved);
}

static void writers_refuse_what_cannot_be_carried(void **state)
{
    (void)state;
    static const uint8_t long_text[255];
    struct smpp_message cases[] = {
        { .service_type = span_text("ABCDEF") },
        { .validity = span_text("0000R") },
        { .text = span_of(long_text, sizeof long_text) },
        { .service_type = span_of("A\0B", 3) },
        { .tlvs = SMPP_HAS_RECEIPTED_ID, .receipted_id = span_of(long_text, 65) },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t buf[SMPP_SUBMIT_MAX];
        struct writer w = writer_over(buf, sizeof buf);
        smpp_message_write(&w, SMPP_SUBMIT_SM, 1, &cases[i]);
        assert_int_equal(w.err, ERR_RANGE);
    }
    uint8_t buf[140];
    struct writer w = writer_over(buf, sizeof buf);
    struct smpp_pdu pdu;
    check_err("example", smpp_pdu_read(guarded_hex(SUBMIT), &pdu, NULL), ERR_OK);
    smpp_pdu_write(&w, &pdu);
    assert_int_equal(w.err, ERR_FULL);
}

static void relative_time_is_days_hours_minutes_seconds(void **state)
{
    (void)state;
    static const struct {
        uint32_t seconds;
        const char *text;
    } cases[] = {
        { 86400, "000001000000000R" },      { 0, "000000000000000R" },
        { 90061, "000001010101000R" },      { 30 * 86400, "000030000000000R" },
        { 31 * 86400, "000030000000000R" }, { 59, "000000000059000R" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[SMPP_TIME_LEN];
        smpp_relative_time(cases[i].seconds, text);
        check_bytes(cases[i].text, span_of(text, sizeof text), span_text(cases[i].text));
    }
}

static void status_tells_what_to_do(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        enum smpp_class class;
    } cases[] = {
        { 0x00, SMPP_DONE },       { 0x01, SMPP_PERMANENT },
        { 0x02, SMPP_REBIND },     { 0x03, SMPP_BUG },
        { 0x04, SMPP_REBIND },     { 0x05, SMPP_REBIND },
        { 0x06, SMPP_CONFIG },     { 0x07, SMPP_CONFIG },
        { 0x08, SMPP_RETRY },      { 0x09, SMPP_PERMANENT },
        { 0x0A, SMPP_CONFIG },     { 0x0B, SMPP_PERMANENT },
        { 0x0C, SMPP_PERMANENT },  { 0x0D, SMPP_REBIND },
        { 0x0E, SMPP_CONFIG },     { 0x0F, SMPP_CONFIG },
        { 0x11, SMPP_PERMANENT },  { 0x13, SMPP_PERMANENT },
        { 0x14, SMPP_RETRY },      { 0x15, SMPP_CONFIG },
        { 0x33, SMPP_BUG },        { 0x44, SMPP_BUG },
        { 0x43, SMPP_CONFIG },     { 0x45, SMPP_RETRY },
        { 0x51, SMPP_CONFIG },     { 0x55, SMPP_CONFIG },
        { 0x58, SMPP_THROTTLE },   { 0x62, SMPP_CONFIG },
        { 0x63, SMPP_BUG },        { 0x64, SMPP_RETRY },
        { 0x65, SMPP_PERMANENT },  { 0x66, SMPP_PERMANENT },
        { 0xC0, SMPP_CONFIG },     { 0xC4, SMPP_CONFIG },
        { 0xFE, SMPP_PERMANENT },  { 0xFF, SMPP_RETRY },
        { 0x100, SMPP_CONFIG },    { 0x112, SMPP_CONFIG },
        { 0x113, SMPP_PERMANENT }, { 0x3FF, SMPP_PERMANENT },
        { 0x400, SMPP_RETRY },     { 0x4FF, SMPP_RETRY },
        { 0x500, SMPP_PERMANENT }, { UINT32_MAX, SMPP_PERMANENT },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (smpp_status_class(cases[i].status) != cases[i].class)
            fail_msg("status %x is %s", cases[i].status,
                     smpp_class_name(smpp_status_class(cases[i].status)));
    }
    assert_string_equal(smpp_status_info(0x58).name, "ESME_RTHROTTLED");
    assert_string_equal(smpp_status_info(0x444).name, "vendor");
    assert_int_equal(smpp_status_info(0x444).tries, 2);
    assert_int_equal(smpp_status_info(0x14).tries, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submit_sm_of_the_example_reads_field_by_field),
        cmocka_unit_test(every_pdu_reads_and_writes_back_to_the_same_octets),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(pdu_without_sense_is_refused_with_its_place),
        cmocka_unit_test(length_that_cannot_be_resynchronised_is_told_apart),
        cmocka_unit_test(unknown_tlvs_are_skipped_in_any_order),
        cmocka_unit_test(bodies_may_be_absent_on_error_and_in_deliver_sm_resp),
        cmocka_unit_test(payload_of_64_k_reads_back),
        cmocka_unit_test(writers_refuse_what_cannot_be_carried),
        cmocka_unit_test(relative_time_is_days_hours_minutes_seconds),
        cmocka_unit_test(status_tells_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
