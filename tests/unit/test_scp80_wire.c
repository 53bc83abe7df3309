/* Command and response packets as laid out (TS 102 225 §5): nothing here is ciphered. */
#include "crypto/scp80_wire.h"
#include "tests/support/support.h"

#define PACKET_MAX 512

static const struct {
    const char *name, *hex;
    enum scp80_transport transport;
    enum err err;
    uint64_t cntr;
    uint8_t padding_len, cc_len;
    uint32_t data_len;
} commands[] = {
    { "sound", "0018 15 1639 12 12 000001 0000000001 00 a1b2c3d4e5f60708 00a4", SCP80_SMS_PP,
      ERR_OK, 1, 0, 8, 2 },
    { "no CC, no data", "000e 0d 1001 00 00 b20100 ffffffffff 00", SCP80_SMS_PP, ERR_OK,
      0xFFFFFFFFFF, 0, 0, 0 },
    { "CRC-16, padded", "0012 0f 1101 00 11 b20100 0000000002 01 22ec 01 00", SCP80_SMS_PP, ERR_OK,
      2, 1, 2, 1 },
    { "CAT_TP", "01 18 15 1619 12 12 000001 0000000007 00 a1b2c3d4e5f60708 00a4", SCP80_CAT_TP,
      ERR_OK, 7, 0, 8, 2 },
    { "TCP/IP, 4-octet CC", "01 14 11 1619 12 12 000001 0000000007 02 a1b2c3d4 0000", SCP80_TCP_IP,
      ERR_OK, 7, 2, 4, 0 },
    { "CPL too long", "0019 15 1639 12 12 000001 0000000001 00 a1b2c3d4e5f60708 00a4", SCP80_SMS_PP,
      ERR_LENGTH, 0, 0, 0, 0 },
    { "CPL that counts itself", "001a 15 1639 12 12 000001 0000000001 00 a1b2c3d4e5f60708 00a4",
      SCP80_SMS_PP, ERR_LENGTH, 0, 0, 0, 0 },
    { "CPL of one octet, as on CAT_TP",
      "18 15 1639 12 12 000001 0000000001 00 a1b2c3d4e5f60708 00a4", SCP80_SMS_PP, ERR_LENGTH, 0, 0,
      0, 0 },
    { "all padding", "0018 15 1639 12 12 000001 0000000001 03 a1b2c3d4e5f60708 00a4", SCP80_SMS_PP,
      ERR_PCNTR, 0, 0, 0, 0 },
    { "CHL past the end", "000e 15 1001 00 00 b20100 ffffffffff 00", SCP80_SMS_PP,
      ERR_HEADER_LENGTH, 0, 0, 0, 0 },
    { "CHL of no kind", "0018 10 1639 12 12 000001 0000000001 00 a1b2c3d4e5f60708 00a4",
      SCP80_SMS_PP, ERR_HEADER_LENGTH, 0, 0, 0, 0 },
    { "CHL below the fixed part", "000d 0c 1001 00 00 b20100 ffffffffff", SCP80_SMS_PP,
      ERR_HEADER_LENGTH, 0, 0, 0, 0 },
    { "response identifier", "02 18 15 1619 12 12 000001 0000000007 00 a1b2c3d4e5f60708 00a4",
      SCP80_CAT_TP, ERR_IDENTIFIER, 0, 0, 0, 0 },
    { "indefinite length", "01 80 15 1619 12 12 000001 0000000007 00 a1b2c3d4e5f60708 00a4",
      SCP80_CAT_TP, ERR_MALFORMED, 0, 0, 0, 0 },
    { "nothing", "", SCP80_CAT_TP, ERR_SHORT, 0, 0, 0, 0 },
};

static void command_reads_writes_back_and_refuses_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(commands); i++) {
        struct span in = guarded_hex(commands[i].hex);
        struct scp80_command command;
        enum scp80_transport transport = commands[i].transport;
        check_err(commands[i].name, scp80_command_read(transport, in, &command), commands[i].err);
        if (commands[i].err != ERR_OK)
            continue;
        assert_int_equal(command.cntr, commands[i].cntr);
        assert_int_equal(command.padding_len, commands[i].padding_len);
        assert_int_equal(command.cc_len, commands[i].cc_len);
        assert_int_equal(command.data.len, commands[i].data_len);

        uint8_t buf[PACKET_MAX];
        struct writer out = writer_over(buf, sizeof buf);
        scp80_command_write(&out, transport, &command);
        assert_int_equal(out.err, ERR_OK);
        check_bytes(commands[i].name, written(&out), in);
        for (size_t cut = 0; cut < in.len; cut++) {
            assert_int_not_equal(scp80_command_read(transport, span_first(in, cut), &command),
                                 ERR_OK);
            out = writer_over(buf, cut); /* and every shorter place to write to */
            assert_int_equal(scp80_command_read(transport, in, &command), ERR_OK);
            scp80_command_write(&out, transport, &command);
            assert_int_equal(out.err, ERR_FULL);
        }
    }
}

static const struct {
    const char *name, *hex;
    enum scp80_transport transport;
    enum err err;
    uint8_t status, padding_len;
} responses[] = {
    { "sound", "0015 12 000001 0000000001 00 00 a1b2c3d4e5f60708 9000", SCP80_SMS_PP, ERR_OK, 0,
      0 },
    { "unsecured", "000b 0a 000001 000000006d 00 06", SCP80_SMS_PP, ERR_OK, 6, 0 },
    { "padding of any value", "000d 0a 000001 000000006d 02 0a 8000", SCP80_SMS_PP, ERR_OK, 10, 2 },
    { "CAT_TP", "02 15 12 000001 0000000001 00 00 a1b2c3d4e5f60708 9000", SCP80_CAT_TP, ERR_OK, 0,
      0 },
    { "longer BER than needed", "02 820017 8112 000001 0000000001 00 00 a1b2c3d4e5f60708 900000",
      SCP80_CAT_TP, ERR_OK, 0, 0 },
    { "command identifier", "01 15 12 000001 0000000001 00 00 a1b2c3d4e5f60708 9000", SCP80_CAT_TP,
      ERR_IDENTIFIER, 0, 0 },
    { "RPL too short", "0014 12 000001 0000000001 00 00 a1b2c3d4e5f60708 9000", SCP80_SMS_PP,
      ERR_LENGTH, 0, 0 },
    { "padding over the data", "000b 0a 000001 000000006d 01 06", SCP80_SMS_PP, ERR_PCNTR, 0, 0 },
    { "PCNTR FF", "000d 0a 000001 000000006d ff 06 9000", SCP80_SMS_PP, ERR_PCNTR, 0, 0 },
    { "RHL 13, as a command's", "000e 0d 000001 000000006d 00 06 010203", SCP80_SMS_PP,
      ERR_HEADER_LENGTH, 0, 0 },
};

static void response_reads_writes_back_and_refuses_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++) {
        struct span in = guarded_hex(responses[i].hex);
        struct scp80_response response;
        enum scp80_transport transport = responses[i].transport;
        check_err(responses[i].name, scp80_response_read(transport, in, &response),
                  responses[i].err);
        if (responses[i].err != ERR_OK)
            continue;
        assert_int_equal(response.status, responses[i].status);
        assert_int_equal(response.padding_len, responses[i].padding_len);

        uint8_t buf[PACKET_MAX];
        struct writer out = writer_over(buf, sizeof buf);
        scp80_response_write(&out, transport, &response);
        struct scp80_response again;
        check_err(responses[i].name, scp80_response_read(transport, written(&out), &again), ERR_OK);
        assert_int_equal(again.cntr, response.cntr);
        check_bytes(responses[i].name, again.data, response.data);
        if (i == 0 || i == 1 || i == 3) /* shortest lengths, padding of zeros: the same octets */
            check_bytes(responses[i].name, written(&out), in);
        for (size_t cut = 0; cut < in.len; cut++)
            assert_int_not_equal(scp80_response_read(transport, span_first(in, cut), &response),
                                 ERR_OK);
    }
}

/* Spec §11, the worked example: CPL and CHL are covered, the UDH of a command is not. */
static void cc_input_is_that_of_the_worked_example(void **state)
{
    (void)state;
    struct scp80_command command = {
        .spi = 0x1639,
        .kic = 0x12,
        .kid = 0x12,
        .tar = { 0, 0, 1 },
        .cntr = 7,
        .padding_len = 4,
        .cc_len = 8,
        .data = guarded_hex("aa1c221a80e28800153a03124f10a0000005591010ffffffff8900001100"),
    };
    uint8_t buf[PACKET_MAX];
    struct writer out = writer_over(buf, sizeof buf);
    scp80_command_cc_input_write(&out, SCP80_SMS_PP, &command);
    check_bytes("command", written(&out),
                guarded_hex("0038 15 1639 12 12 000001 0000000007 04 aa1c221a80e28800153a03124f10a0"
                            "000005591010ffffffff8900001100 00000000"));
    struct scp80_response response = { .tar = { 0, 0, 1 },
                                       .cntr = 7,
                                       .padding_len = 8,
                                       .cc_len = 8,
                                       .data = guarded_hex("ab0780010123029000") };
    out = writer_over(buf, sizeof buf);
    scp80_response_cc_input_write(&out, SCP80_SMS_PP, &response);
    check_bytes("response", written(&out),
                guarded_hex("027100 0024 12 000001 0000000007 08 00 ab0780010123029000"
                            "0000000000000000"));
    out = writer_over(buf, sizeof buf);
    scp80_response_cc_input_write(&out, SCP80_CAT_TP, &response);
    check_bytes("response off SMS", written(&out),
                guarded_hex("02 24 12 000001 0000000007 08 00 ab0780010123029000"
                            "0000000000000000"));
}

static void what_no_field_holds_is_refused_when_written(void **state)
{
    (void)state;
    static uint8_t data[66000], buf[70000];
    struct scp80_command command = { .cntr = SCP80_CNTR_MAX + 1 };
    struct writer out = writer_over(buf, sizeof buf);
    scp80_command_write(&out, SCP80_SMS_PP, &command);
    assert_int_equal(out.err, ERR_RANGE);
    for (enum scp80_transport transport = SCP80_SMS_PP; transport <= SCP80_TCP_IP; transport++) {
        command = (struct scp80_command){ .data = span_of(data, 65521) }; /* 65,535 in all */
        out = writer_over(buf, sizeof buf);
        scp80_command_write(&out, transport, &command);
        assert_int_equal(out.err, ERR_OK);
        check_err("reads back", scp80_command_read(transport, written(&out), &command), ERR_OK);
        command.data = span_of(data, 65522);
        out = writer_over(buf, sizeof buf);
        scp80_command_write(&out, transport, &command);
        assert_int_equal(out.err, ERR_RANGE);
    }
}

static void transports_read_by_their_names(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SCP80_TRANSPORT_COUNT; i++) {
        enum scp80_transport transport = SCP80_SMS_PP;
        check_err("name", scp80_transport_read(span_text(scp80_dialects[i].name), &transport),
                  ERR_OK);
        assert_int_equal(transport, i);
    }
    enum scp80_transport transport;
    check_err("lower case", scp80_transport_read(span_text("sms_pp"), &transport), ERR_UNKNOWN);
    check_err("empty", scp80_transport_read(span_text(""), &transport), ERR_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_reads_writes_back_and_refuses_truncation),
        cmocka_unit_test(response_reads_writes_back_and_refuses_truncation),
        cmocka_unit_test(cc_input_is_that_of_the_worked_example),
        cmocka_unit_test(what_no_field_holds_is_refused_when_written),
        cmocka_unit_test(transports_read_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
