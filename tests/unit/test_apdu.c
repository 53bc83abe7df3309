/* Command and response scripts (TS 102 226 §5.1, §5.2). */
#include "engine/session/apdu.h"
#include "tests/support/support.h"

#define GET_STATUS "80f24002124f10a0000005591010ffffffff890000110000"

static void scripts_of_the_examples_write_octet_for_octet(void **state)
{
    (void)state;
    static const struct {
        const char *c_apdus[2], *expanded;
    } cases[] = {
        { { "80e28800153a03124f10a0000005591010ffffffff8900001100", NULL },
          "aa1c221a80e28800153a03124f10a0000005591010ffffffff8900001100" },
        { { "80e28900073a08044e02000300", NULL }, "aa0f220d80e28900073a08044e02000300" },
        { { "80caff2100", "80f24002024f0000" }, "aa11220580caff2100220880f24002024f0000" },
        { { NULL, NULL }, "aa00" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span c_apdus[2];
        size_t count = 0;
        while (count < 2 && cases[i].c_apdus[count] != NULL) {
            c_apdus[count] = guarded_hex(cases[i].c_apdus[count]);
            count++;
        }
        uint8_t buf[128];
        struct writer w = writer_over(buf, sizeof buf);
        script_expanded_write(&w, c_apdus, count);
        struct span in = guarded_hex(cases[i].expanded);
        check_bytes("expanded", written(&w), in);
        assert_int_equal(script_expanded_len(c_apdus, count), in.len);

        struct script script;
        check_err("read", script_expanded_read(in, &script, NULL), ERR_OK);
        assert_int_equal(script.count, count);
        for (size_t j = 0; j < count; j++)
            check_bytes("C-APDU", script.c_apdus[j], c_apdus[j]);
        for (size_t cut = 0; cut < in.len; cut++)
            check_err("cut", script_expanded_read(guarded_copy(span_first(in, cut)), &script, NULL),
                      ERR_SHORT);

        w = writer_over(buf, sizeof buf);
        script_indefinite_write(&w, c_apdus, count);
        check_err("indefinite", script_expanded_read(written(&w), &script, NULL), ERR_OK);
        assert_true(script.indefinite);
        assert_int_equal(script.count, count);
        struct span indefinite = guarded_copy(written(&w));
        for (size_t cut = 0; cut < indefinite.len; cut++)
            check_err(
                "cut",
                script_expanded_read(guarded_copy(span_first(indefinite, cut)), &script, NULL),
                ERR_SHORT);
    }
}

static void ten_get_status_take_264_octets(void **state)
{
    (void)state;
    struct span c_apdus[SCRIPT_COMMANDS_MAX + 1];
    for (size_t i = 0; i < COUNT(c_apdus); i++)
        c_apdus[i] = guarded_hex(GET_STATUS);
    assert_int_equal(script_expanded_len(c_apdus, 10), 264);
    uint8_t buf[2048];
    struct writer w = writer_over(buf, sizeof buf);
    script_expanded_write(&w, c_apdus, 10);
    check_bytes("head", span_first(written(&w), 6), guarded_hex("aa820104 2218"));
    struct script script;
    check_err("ten", script_expanded_read(written(&w), &script, NULL), ERR_OK);
    assert_int_equal(script.count, 10);

    w = writer_over(buf, sizeof buf);
    script_expanded_write(&w, c_apdus, COUNT(c_apdus));
    check_err("one too many", script_expanded_read(written(&w), &script, NULL), ERR_FULL);
}

static const struct {
    const char *name, *hex;
    enum err err;
    size_t at, c_apdus, tlvs;
    uint8_t chaining;
} scripts[] = {
    { "chaining first", "aa0a 830101 2205 80caff2100", ERR_OK, 12, 1, 2, 1 },
    { "actions", "aa0c 8200 810181 2205 80caff2100", ERR_OK, 14, 1, 3, 0 },
    { "length of two octets although one would do", "aa8107 2205 80caff2100", ERR_OK, 10, 1, 1, 0 },
    { "chaining after a C-APDU", "aa0a 2205 80caff2100 830101", ERR_MALFORMED, 12, 0, 0, 0 },
    { "chaining of two octets", "aa04 83020101", ERR_MALFORMED, 5, 0, 0, 0 },
    { "chaining 00", "aa03 830100", ERR_MALFORMED, 5, 0, 0, 0 },
    { "A2 is not 22", "aa07 a205 80caff2100", ERR_MALFORMED, 4, 0, 0, 0 },
    { "compact given", "80caff2100", ERR_MALFORMED, 0, 0, 0, 0 },
    { "inner indefinite", "aa08 2280 80caff21 0000", ERR_MALFORMED, 4, 0, 0, 0 },
    { "Lc and octets disagree", "aa08 2206 80caff210301", ERR_LENGTH, 4, 0, 0, 0 },
    { "octets follow", "aa07 2205 80caff2100 00", ERR_TRAILING, 9, 0, 0, 0 },
    { "octets follow the end", "ae80 0000 00", ERR_TRAILING, 4, 0, 0, 0 },
    { "half an end", "ae80 0001", ERR_MALFORMED, 3, 0, 0, 0 },
    { "indefinite tag, definite length", "ae07 2205 80caff2100", ERR_MALFORMED, 1, 0, 0, 0 },
};

static void command_script_reads_or_says_where_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scripts); i++) {
        struct script script;
        size_t at;
        check_err(scripts[i].name, script_expanded_read(guarded_hex(scripts[i].hex), &script, &at),
                  scripts[i].err);
        if (at != scripts[i].at)
            fail_msg("%s: at %zu, not %zu", scripts[i].name, at, scripts[i].at);
        if (scripts[i].err != ERR_OK)
            continue;
        assert_int_equal(script.count, scripts[i].c_apdus);
        assert_int_equal(script.tlv_count, scripts[i].tlvs);
        assert_int_equal(script.chaining, scripts[i].chaining);
    }
}

static void c_apdu_is_judged_by_its_case(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum err err;
    } cases[] = {
        { "80e2", ERR_SHORT },
        { "80e20000", ERR_OK },
        { "80caff2100", ERR_OK },
        { "80e2000001aa", ERR_OK },
        { "80e2000001aa00", ERR_OK },
        { "80e2000002aa", ERR_LENGTH },
        { "80e2000001aabbcc", ERR_LENGTH },
        { "80e20000000000", ERR_LENGTH },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_err(cases[i].hex, c_apdu_check(guarded_hex(cases[i].hex)), cases[i].err);
}

static void compact_push_of_the_example_writes_and_reads(void **state)
{
    (void)state;
    struct span c_apdus[2] = {
        guarded_hex("80EC010119 350103 3902057C 470403696f74 3C030103E9 3E0521C6336405"),
        guarded_hex("80EC01020F 3C0300C350 36080102030405060708"),
    };
    uint8_t buf[128];
    struct writer w = writer_over(buf, sizeof buf);
    script_compact_write(&w, c_apdus, 2);
    assert_int_equal(w.err, ERR_OK);
    check_bytes("push", written(&w),
                guarded_hex("80ec0101193501033902057c470403696f743c030103e93e0521c63364"
                            "0580ec01020f3c0300c35036080102030405060708"));
    struct script script;
    check_err("read", script_compact_read(written(&w), &script, NULL), ERR_OK);
    assert_int_equal(script.count, 2);
    check_bytes("first", script.c_apdus[0], c_apdus[0]);
    check_bytes("second", script.c_apdus[1], c_apdus[1]);

    static const char *const undelimited[] = { "80e20000", "80e2000001aa00" };
    for (size_t i = 0; i < COUNT(undelimited); i++) {
        struct span one = guarded_hex(undelimited[i]);
        w = writer_over(buf, sizeof buf);
        script_compact_write(&w, &one, 1);
        check_err(undelimited[i], w.err, ERR_LENGTH);
    }
    check_err("empty", script_compact_read(guarded_hex(""), &script, NULL), ERR_SHORT);
    check_err("cut", script_compact_read(guarded_hex("80ec010102aa"), &script, NULL), ERR_SHORT);
}

static const struct {
    const char *name, *hex;
    enum err err;
    size_t at;
    uint32_t executed;
    size_t r_apdus;
    uint16_t sw; /* of the last */
    uint8_t bad_format, chaining;
} responses[] = {
    { "one, 9000", "AB 07 80 01 01 23 02 90 00", ERR_OK, 9, 1, 1, 0x9000, 0, 0 },
    { "data 00", "AB 08 80 01 01 23 03 00 90 00", ERR_OK, 10, 1, 1, 0x9000, 0, 0 },
    { "indefinite", "AF 80 23 02 90 00 00 00", ERR_OK, 8, 0, 1, 0x9000, 0, 0 },
    { "data with 0000 inside", "AF 80 23 06 00000000 9000 23 02 6A82 00 00", ERR_OK, 16, 0, 2,
      0x6A82, 0, 0 },
    { "unknown tag", "AB 06 80 01 00 90 01 01", ERR_OK, 8, 0, 0, 0, 1, 0 },
    { "chaining refused", "AB 06 80 01 01 83 01 02", ERR_OK, 8, 1, 0, 0, 0, 2 },
    { "empty: success without answers", "", ERR_OK, 0, 0, 0, 0, 0, 0 },
    { "unknown TLV skipped", "AB 0A 80 01 01 7F 01 AA 23 02 90 00", ERR_OK, 12, 1, 1, 0x9000, 0,
      0 },
    { "count of two octets", "AB 08 80 02 0100 23 02 90 00", ERR_OK, 10, 256, 1, 0x9000, 0, 0 },
    { "compact given", "01 9000", ERR_MALFORMED, 0, 0, 0, 0, 0, 0 },
    { "no count in the definite form", "AB 04 23 02 90 00", ERR_MALFORMED, 6, 0, 0, 0, 0, 0 },
    { "two counts", "AB 06 80 01 01 80 01 01", ERR_MALFORMED, 7, 0, 0, 0, 0, 0 },
    { "R-APDU of one octet", "AB 06 80 01 01 23 01 90", ERR_LENGTH, 7, 0, 0, 0, 0, 0 },
    { "count of none", "AB 02 80 00", ERR_LENGTH, 4, 0, 0, 0, 0, 0 },
    { "bad format of two octets", "AB 07 80 01 00 90 02 0101", ERR_LENGTH, 8, 0, 0, 0, 0, 0 },
    { "inner TLV beyond the template", "AB 07 80 01 01 23 03 90 00", ERR_SHORT, 7, 0, 0, 0, 0, 0 },
    { "octets follow", "AB 07 80 01 01 23 02 90 00 00", ERR_TRAILING, 9, 0, 0, 0, 0, 0 },
};

static void response_script_reads_or_says_where_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++) {
        struct script_response response;
        struct span in = guarded_hex(responses[i].hex);
        size_t at;
        check_err(responses[i].name, script_expanded_response_read(in, &response, &at),
                  responses[i].err);
        if (at != responses[i].at)
            fail_msg("%s: at %zu, not %zu", responses[i].name, at, responses[i].at);
        if (responses[i].err != ERR_OK)
            continue;
        assert_int_equal(response.executed, responses[i].executed);
        assert_int_equal(response.r_apdu_count, responses[i].r_apdus);
        assert_int_equal(response.bad_format, responses[i].bad_format);
        assert_int_equal(response.chaining, responses[i].chaining);
        if (response.r_apdu_count > 0)
            assert_int_equal(response.r_apdus[response.r_apdu_count - 1].sw, responses[i].sw);
        for (size_t cut = 1; cut < in.len; cut++)
            check_err(
                responses[i].name,
                script_expanded_response_read(guarded_copy(span_first(in, cut)), &response, NULL),
                ERR_SHORT);
    }
}

static void response_writes_back(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "ab0780010123029000",
        "ab08800101230300 9000",
        "ab06800100900101",
        "ab06800101830102",
        "ab0e800102 23056162639000 2302 6a82",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct script_response response;
        struct span in = guarded_hex(cases[i]);
        check_err(cases[i], script_expanded_response_read(in, &response, NULL), ERR_OK);
        uint8_t buf[64];
        struct writer w = writer_over(buf, sizeof buf);
        script_expanded_response_write(&w, &response);
        check_bytes(cases[i], written(&w), in);
    }
}

static void compact_answer_has_its_sw_in_front(void **state)
{
    (void)state;
    struct script_response response;
    check_err("6132", script_compact_response_read(guarded_hex("016132"), &response, NULL), ERR_OK);
    assert_int_equal(response.executed, 1);
    assert_int_equal(response.r_apdus[0].sw, 0x6132);
    check_err("data", script_compact_response_read(guarded_hex("02910a aabb"), &response, NULL),
              ERR_OK);
    assert_int_equal(response.executed, 2);
    assert_int_equal(response.r_apdus[0].sw, 0x910A);
    check_bytes("data", response.r_apdus[0].data, guarded_hex("aabb"));
    check_err("empty", script_compact_response_read(guarded_hex(""), &response, NULL), ERR_OK);
    assert_false(response.has_executed);
    check_err("cut", script_compact_response_read(guarded_hex("0190"), &response, NULL), ERR_SHORT);
}

static void count_tells_what_ran_and_other_tlvs_count_too(void **state)
{
    (void)state;
    struct script_response response = { .has_executed = true, .executed = 3, .r_apdu_count = 2 };
    assert_int_equal(script_ran(&response, 5, 0), 3);
    assert_int_equal(script_ran(&response, 5, 1), 2); /* the chaining TLV was counted */
    assert_int_equal(script_ran(&response, 2, 0), 2);
    response.executed = 1;
    assert_int_equal(script_ran(&response, 5, 2), 0);
    response.has_executed = false; /* indefinite: what was answered ran */
    assert_int_equal(script_ran(&response, 5, 1), 2);
}

static void warnings_go_on_save_62f1(void **state)
{
    (void)state;
    static const struct {
        uint16_t sw;
        bool success, continues;
    } cases[] = {
        { 0x9000, true, true },   { 0x910A, true, true },   { 0x6282, true, true },
        { 0x6310, true, true },   { 0x62F1, true, false },  { 0x6985, false, false },
        { 0x6A80, false, false }, { 0x9484, false, false }, { 0x0000, false, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(sw_is_success(cases[i].sw), cases[i].success);
        assert_int_equal(sw_continues(cases[i].sw), cases[i].continues);
    }
}

static void file_management_targets_take_the_compact_format(void **state)
{
    (void)state;
    static const uint8_t compact[][3] = { { 0xB0, 0, 0 }, { 0xB0, 0, 0x0F }, { 0xB0, 0, 0x10 } };
    static const uint8_t expanded[][3] = {
        { 0, 0, 0 }, { 0, 0, 1 }, { 0, 0, 0x10 }, { 0, 0xFF, 0xFF }, { 0xB2, 1, 0 }, { 0xB0, 1, 0 },
    };
    for (size_t i = 0; i < COUNT(compact); i++)
        assert_true(script_tar_is_compact(compact[i]));
    for (size_t i = 0; i < COUNT(expanded); i++)
        assert_false(script_tar_is_compact(expanded[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_of_the_examples_write_octet_for_octet),
        cmocka_unit_test(ten_get_status_take_264_octets),
        cmocka_unit_test(command_script_reads_or_says_where_not),
        cmocka_unit_test(c_apdu_is_judged_by_its_case),
        cmocka_unit_test(compact_push_of_the_example_writes_and_reads),
        cmocka_unit_test(response_script_reads_or_says_where_not),
        cmocka_unit_test(response_writes_back),
        cmocka_unit_test(compact_answer_has_its_sw_in_front),
        cmocka_unit_test(count_tells_what_ran_and_other_tlvs_count_too),
        cmocka_unit_test(warnings_go_on_save_62f1),
        cmocka_unit_test(file_management_targets_take_the_compact_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
