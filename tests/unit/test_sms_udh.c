/* User data headers, and recognising our messages (TS 23.040 §9.2.3.24, TS 31.115 §4). */
#include "io/sms/sms_udh.h"
#include "tests/support/support.h"

#define POR "0024 12 000001 b14253f62c93292047c4fccd27e15c1303051a464d89bf18348ec945792ec383"

static const struct {
    const char *name, *hex;
    enum err err;
    struct sms_udh udh;
    size_t payload;
    bool canonical; /* writes back to the same octets */
} headers[] = {
    { "command", "02 7000 aabb", ERR_OK, { .udhl = 2, .identifier = 0x70 }, 2, true },
    { "response", "02 7100", ERR_OK, { .udhl = 2, .identifier = 0x71 }, 0, true },
    { "first, 8 bits", "07 7000 0003 5a 02 01 00", ERR_OK, { 7, 0x70, 8, 2, 1, 0x5a }, 1, true },
    { "other, 8 bits", "05 0003 ff 02 02 00", ERR_OK, { 5, 0, 8, 2, 2, 0xff }, 1, true },
    { "first, 16 bits", "08 7100 0804 1234 0301", ERR_OK, { 8, 0x71, 16, 3, 1, 0x1234 }, 0, true },
    { "other, 16 bits", "06 0804 fffe 0302", ERR_OK, { 6, 0, 16, 3, 2, 0xfffe }, 0, true },
    { "71 last", "07 0003 13 0201 7100 aa", ERR_OK, { 7, 0x71, 8, 2, 1, 0x13 }, 1, false },
    { "unknown elements", "08 7f01aa 7000 240103", ERR_OK, { 8, 0x70, 0, 0, 0, 0 }, 0, false },
    { "repeated: the last counts",
      "0a 0003 01 0201 0003 02 0302",
      ERR_OK,
      { 10, 0, 8, 3, 2, 2 },
      0,
      false },
    { "empty header", "00 aa", ERR_OK, { 0 }, 1, true },
    { "index 0, total 0: not judged here",
      "05 0003 01 0000",
      ERR_OK,
      { 5, 0, 8, 0, 0, 1 },
      0,
      true },
    { "nothing at all", "", ERR_SHORT, { 0 }, 0, false },
    { "UDHL beyond the end", "03 7000", ERR_SHORT, { 0 }, 0, false },
    { "element beyond the header", "02 7001 aa", ERR_MALFORMED, { 0 }, 0, false },
    { "identifier with data", "03 7001 aa", ERR_MALFORMED, { 0 }, 0, false },
    { "lone IEI", "01 70", ERR_MALFORMED, { 0 }, 0, false },
    { "concatenation too short", "04 0002 0102", ERR_MALFORMED, { 0 }, 0, false },
    { "concatenation too long", "06 0004 01020102", ERR_MALFORMED, { 0 }, 0, false },
    { "both identifiers", "04 7000 7100", ERR_MALFORMED, { 0 }, 0, false },
};

static void header_reads_in_any_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct sms_udh udh;
        struct span payload;
        struct span in = guarded_hex(headers[i].hex);
        check_err(headers[i].name, sms_udh_read(in, &udh, &payload), headers[i].err);
        if (headers[i].err != ERR_OK)
            continue;
        const struct sms_udh *want = &headers[i].udh;
        assert_int_equal(udh.udhl, want->udhl);
        assert_int_equal(udh.identifier, want->identifier);
        assert_int_equal(udh.ref_bits, want->ref_bits);
        assert_int_equal(udh.ref, want->ref);
        assert_int_equal(udh.total, want->total);
        assert_int_equal(udh.index, want->index);
        assert_int_equal(payload.len, headers[i].payload);

        uint8_t buf[160];
        struct writer w = writer_over(buf, sizeof buf);
        sms_udh_write(&w, &udh);
        writer_bytes(&w, payload);
        if (headers[i].canonical)
            check_bytes(headers[i].name, written(&w), in);
        size_t header_len = in.len - payload.len;
        for (size_t cut = 0; cut < header_len; cut++) {
            struct span part = guarded_copy(span_first(in, cut));
            assert_int_not_equal(sms_udh_read(part, &udh, &payload), ERR_OK);
        }
    }
}

static const struct {
    const char *name, *hex;
    struct sms_ud_source source; /* without ud */
    enum err err;
    enum sms_ud_kind kind;
    uint8_t identifier, total, index;
    bool udhi_lost, headerless;
    size_t octets;
} uds[] = {
    { "PoR", "027100" POR, { .udhi = true }, ERR_OK, SMS_UD_WHOLE, 0x71, 0, 0, false, false, 38 },
    { "notification",
      "027000 000e0d",
      { .udhi = true },
      ERR_OK,
      SMS_UD_WHOLE,
      0x70,
      0,
      0,
      false,
      false,
      3 },
    { "first part",
      "077100 00031002 01 00d4",
      { .udhi = true },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      false,
      false,
      2 },
    { "somebody's ports",
      "06 0504 0b8423f0 aa",
      { .udhi = true },
      ERR_OK,
      SMS_UD_NOT_OURS,
      0,
      0,
      0,
      false,
      false,
      1 },
    { "broken header",
      "09 7100",
      { .udhi = true },
      ERR_SHORT,
      SMS_UD_NOT_OURS,
      0,
      0,
      0,
      false,
      false,
      0 },
    /* UDHI lost: exact pattern and length */
    { "lost, 71",
      "027100" POR,
      { .udhi = false },
      ERR_OK,
      SMS_UD_WHOLE,
      0x71,
      0,
      0,
      true,
      false,
      38 },
    { "lost, 70",
      "027000 0003 0d0102",
      { .udhi = false },
      ERR_OK,
      SMS_UD_WHOLE,
      0x70,
      0,
      0,
      true,
      false,
      5 },
    { "lost, length wrong",
      "027100 0004 0a0102",
      { .udhi = false },
      ERR_OK,
      SMS_UD_NOT_OURS,
      0,
      0,
      0,
      false,
      false,
      8 },
    { "lost, first of 8 bits",
      "077100 00031002 01 00d4 12",
      { .udhi = false },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      true,
      false,
      3 },
    { "lost, 71 last",
      "07 00031302 01 7100 00d4 12",
      { .udhi = false },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      true,
      false,
      3 },
    { "lost, other of 8 bits",
      "05 00031002 02 84cc",
      { .udhi = false },
      ERR_OK,
      SMS_UD_PART,
      0,
      2,
      2,
      true,
      false,
      2 },
    { "lost, first of 16 bits",
      "087100 08041234 02 01 00d4 12",
      { .udhi = false },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      true,
      false,
      3 },
    { "lost, 16 bits, 71 last",
      "0808041234 02 01 7100 00d4 12",
      { .udhi = false },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      true,
      false,
      3 },
    { "lost, other of 16 bits",
      "06 08041234 02 02 84cc",
      { .udhi = false },
      ERR_OK,
      SMS_UD_PART,
      0,
      2,
      2,
      true,
      false,
      2 },
    { "lost, index over total",
      "05 00031002 03 84cc",
      { .udhi = false },
      ERR_OK,
      SMS_UD_NOT_OURS,
      0,
      0,
      0,
      false,
      false,
      8 },
    { "lost, first longer than all parts carry",
      "077100 00031002 01 ffff 12",
      { .udhi = false },
      ERR_OK,
      SMS_UD_NOT_OURS,
      0,
      0,
      0,
      false,
      false,
      11 },
    { "lost, a first without 71",
      "05 00031002 01 00d4",
      { .udhi = false },
      ERR_OK,
      SMS_UD_NOT_OURS,
      0,
      0,
      0,
      false,
      false,
      8 },
    { "text", "48656c6c6f", { .udhi = false }, ERR_OK, SMS_UD_NOT_OURS, 0, 0, 0, false, false, 5 },
    { "empty", "", { .udhi = false }, ERR_OK, SMS_UD_NOT_OURS, 0, 0, 0, false, false, 0 },
    /* header taken away */
    { "no header, a response",
      POR,
      { .udhi = false },
      ERR_OK,
      SMS_UD_WHOLE,
      0x71,
      0,
      0,
      false,
      true,
      38 },
    { "no header, length wrong",
      "0025 12 0102",
      { .udhi = false },
      ERR_OK,
      SMS_UD_NOT_OURS,
      0,
      0,
      0,
      false,
      false,
      5 },
    { "sar, no header",
      "00d4 12 0102",
      { .sar = true, .sar_total = 2, .sar_index = 1, .sar_ref = 9 },
      ERR_OK,
      SMS_UD_PART,
      0,
      2,
      1,
      false,
      true,
      5 },
    { "sar, 71 left, UDHI",
      "027100 00d4",
      { .udhi = true, .sar = true, .sar_total = 2, .sar_index = 1 },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      false,
      false,
      2 },
    { "sar, 71 left, no UDHI",
      "027100 00d4",
      { .sar = true, .sar_total = 2, .sar_index = 1 },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      true,
      false,
      2 },
    { "sar of one is none",
      "027100" POR,
      { .udhi = true, .sar = true, .sar_total = 1, .sar_index = 1 },
      ERR_OK,
      SMS_UD_WHOLE,
      0x71,
      0,
      0,
      false,
      false,
      38 },
    /* joined by the SMSC */
    { "joined, header of the first left",
      "077100 00031002 01" POR,
      { .udhi = true, .resolved = true },
      ERR_OK,
      SMS_UD_WHOLE,
      0x71,
      2,
      1,
      false,
      false,
      38 },
    { "joined, no UDHI",
      "027100" POR,
      { .resolved = true },
      ERR_OK,
      SMS_UD_WHOLE,
      0x71,
      0,
      0,
      true,
      false,
      38 },
    { "payload, yet a part",
      "077100 00031002 01 00d4 12",
      { .udhi = true, .resolved = true },
      ERR_OK,
      SMS_UD_PART,
      0x71,
      2,
      1,
      false,
      false,
      3 },
};

static void user_data_is_recognised_or_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(uds); i++) {
        struct sms_ud_source source = uds[i].source;
        source.ud = guarded_hex(uds[i].hex);
        struct sms_ud ud;
        check_err(uds[i].name, sms_ud_classify(&source, &ud), uds[i].err);
        if (uds[i].err != ERR_OK)
            continue;
        if (ud.kind != uds[i].kind || ud.udhi_lost != uds[i].udhi_lost ||
            ud.headerless != uds[i].headerless || ud.octets.len != uds[i].octets)
            fail_msg("%s: kind %d, udhi_lost %d, headerless %d, %zu octets", uds[i].name, ud.kind,
                     ud.udhi_lost, ud.headerless, ud.octets.len);
        if (ud.kind == SMS_UD_NOT_OURS)
            continue;
        if (ud.udh.identifier != uds[i].identifier || ud.udh.total != uds[i].total ||
            ud.udh.index != uds[i].index)
            fail_msg("%s: identifier %02x, %u of %u", uds[i].name, ud.udh.identifier, ud.udh.index,
                     ud.udh.total);
    }
}

static void packet_is_named_by_its_own_lengths(void **state)
{
    (void)state;
    assert_int_equal(sms_packet_identifier(guarded_hex(POR)), SMS_RESPONSE);
    assert_int_equal(sms_packet_identifier(guarded_hex("000e 0d 0000000000000000000000000000")),
                     SMS_NO_IDENTIFIER); /* one octet too many */
    assert_int_equal(sms_packet_identifier(guarded_hex("000e 0d 00000000000000000000000000")),
                     SMS_COMMAND);
    assert_int_equal(sms_packet_identifier(guarded_hex("000e 0b 00000000000000000000000000")),
                     SMS_NO_IDENTIFIER);
    assert_int_equal(sms_packet_identifier(guarded_hex("0001 0d")), SMS_NO_IDENTIFIER);
    assert_int_equal(sms_packet_identifier(guarded_hex("00")), SMS_NO_IDENTIFIER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_reads_in_any_order),
        cmocka_unit_test(user_data_is_recognised_or_left_alone),
        cmocka_unit_test(packet_is_named_by_its_own_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
