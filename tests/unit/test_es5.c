/* ES5 audit and profile deletion (SGP.02 §4.1.1.13, §4.1.1.5). */
#include "engine/session/es5.h"
#include "tests/support/support.h"

#define ISDP "a0000005591010ffffffff8900001100"

static void audit_is_two_c_apdus(void **state)
{
    (void)state;
    struct es5_commands commands;
    es5_audit(&commands);
    assert_int_equal(commands.count, 2);
    check_bytes("resources", commands.c_apdus[0], guarded_hex("80caff2100"));
    check_bytes("profiles", commands.c_apdus[1], guarded_hex("80f24002024f0000"));
    for (size_t i = 0; i < 2; i++)
        check_err("sound", c_apdu_check(commands.c_apdus[i]), ERR_OK);
}

static void delete_profile_names_the_isdp(void **state)
{
    (void)state;
    struct es5_commands commands;
    check_err("ISD-P", es5_delete_profile(guarded_hex(ISDP).bytes, &commands), ERR_OK);
    assert_int_equal(commands.count, 1);
    check_bytes("DELETE", commands.c_apdus[0], guarded_hex("80e40040124f10" ISDP));
    assert_int_equal(script_expanded_len(commands.c_apdus, 1), 27); /* as planned with */
}

static const struct {
    const char *text, *aid;
    enum err err;
} names[] = {
    { ISDP, ISDP, ERR_OK },
    { "A0000005591010FFFFFFFF8900001100", ISDP, ERR_OK },
    { "000011", ISDP, ERR_OK },
    { "00FFFF", "a0000005591010ffffffff8900ffff00", ERR_OK },
    { "000010", "a0000005591010ffffffff8900001000", ERR_OK },
    { "000001", NULL, ERR_MALFORMED },                           /* ISD-R */
    { "00000f", NULL, ERR_MALFORMED },                           /* reserved */
    { "b00010", NULL, ERR_MALFORMED },                           /* file management */
    { "a0000005591010ffffffff8900000100", NULL, ERR_MALFORMED }, /* ISD-R */
    { "a0000005591010ffffffff8900001101", NULL, ERR_MALFORMED },
    { "a0000005591010ffffffff8800001100", NULL, ERR_MALFORMED },
    { "00001g", NULL, ERR_MALFORMED },
    { "0011", NULL, ERR_LENGTH },
    { "", NULL, ERR_LENGTH },
};

static void isdp_is_named_by_aid_or_tar(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        uint8_t aid[ES5_AID_LEN];
        struct fault fault = { .text = "" };
        check_err(names[i].text, es5_isdp_from_text(span_text(names[i].text), aid, &fault),
                  names[i].err);
        assert_int_equal(fault.text[0] == 0, names[i].err == ERR_OK);
        if (names[i].err == ERR_OK)
            check_bytes(names[i].text, span_of(aid, sizeof aid), guarded_hex(names[i].aid));
    }
}

static void operations_have_names(void **state)
{
    (void)state;
    enum es5_kind kind;
    check_err("audit", es5_kind_from_text(span_text("audit"), &kind), ERR_OK);
    assert_int_equal(kind, ES5_AUDIT);
    check_err("delete", es5_kind_from_text(span_text("delete-profile"), &kind), ERR_OK);
    assert_int_equal(kind, ES5_DELETE_PROFILE);
    assert_string_equal(es5_kind_name(kind), "delete-profile");
    check_err("other", es5_kind_from_text(span_text("enable-profile"), &kind), ERR_UNKNOWN);
    assert_string_equal(es5_state_name(0x3F), "enabled");
    assert_string_equal(es5_state_name(0x77), "unknown");
}

#define RESOURCES "ff210d 810103 8204000186a0 83021000"
#define ENABLED "e31c 4f10" ISDP "9f70013f 530101 8f01 05"

static struct script_response answer(const char *resources, uint16_t sw1, const char *profiles,
                                     uint16_t sw2)
{
    return (struct script_response){
        .r_apdu_count = 2,
        .r_apdus = { { guarded_hex(resources), sw1 }, { guarded_hex(profiles), sw2 } },
    };
}

static void audit_answer_tells_memory_and_profiles(void **state)
{
    (void)state;
    struct script_response response =
        answer(RESOURCES, 0x9000, ENABLED "e317 4f10a0000005591010ffffffff8900001200 9f70011f 7f20",
               0x9000);
    struct es5_audit audit;
    check_err("malformed tail", es5_audit_read(&response, &audit), ERR_SHORT);

    response = answer(RESOURCES, 0x9000,
                      ENABLED "e316 4f10a0000005591010ffffffff8900001200 9f70011f", 0x6310);
    check_err("audit", es5_audit_read(&response, &audit), ERR_OK);
    assert_true(audit.has_resources);
    assert_int_equal(audit.applications, 3);
    assert_int_equal(audit.free_non_volatile, 100000);
    assert_int_equal(audit.free_volatile, 4096);
    assert_int_equal(audit.profile_count, 2);
    assert_true(audit.more);
    check_bytes("AID", audit.profiles[0].aid, guarded_hex(ISDP));
    assert_int_equal(audit.profiles[0].state, ES5_ENABLED);
    assert_true(audit.profiles[0].fallback);
    assert_true(audit.profiles[0].has_memory);
    assert_int_equal(audit.profiles[0].memory, 5);
    assert_int_equal(audit.profiles[1].state, ES5_DISABLED);
    assert_false(audit.profiles[1].fallback || audit.profiles[1].has_memory);
}

static void audit_answer_with_failures_gives_what_there_is(void **state)
{
    (void)state;
    struct es5_audit audit;
    struct script_response response = answer("", 0x6A88, ENABLED, 0x9000);
    check_err("no resources", es5_audit_read(&response, &audit), ERR_UNEXPECTED);
    assert_false(audit.has_resources);
    assert_int_equal(audit.profile_count, 1);
    response = answer(RESOURCES, 0x9000, "", 0x6985);
    check_err("no profiles", es5_audit_read(&response, &audit), ERR_UNEXPECTED);
    assert_true(audit.has_resources);
    response.r_apdu_count = 1;
    check_err("stopped", es5_audit_read(&response, &audit), ERR_UNEXPECTED);
    response.r_apdu_count = 0;
    check_err("nothing", es5_audit_read(&response, &audit), ERR_UNEXPECTED);
    response = answer("e100", 0x9000, "", 0x9000);
    check_err("another template", es5_audit_read(&response, &audit), ERR_MALFORMED);
    response = answer("ff2103 820600", 0x9000, "", 0x9000);
    check_err("number beyond the template", es5_audit_read(&response, &audit), ERR_SHORT);
    response = answer(RESOURCES, 0x9000, "e304 9f70013f", 0x9000);
    check_err("profile without AID", es5_audit_read(&response, &audit), ERR_MALFORMED);
}

static void every_truncation_of_an_audit_answer_is_refused(void **state)
{
    (void)state;
    struct span resources = guarded_hex(RESOURCES);
    struct span profiles = guarded_hex(ENABLED);
    struct es5_audit audit;
    for (size_t cut = 0; cut < resources.len; cut++) {
        struct script_response response = answer("", 0x9000, "", 0x9000);
        response.r_apdus[0].data = guarded_copy(span_first(resources, cut));
        assert_int_not_equal(es5_audit_read(&response, &audit), ERR_OK);
    }
    for (size_t cut = 1; cut < profiles.len; cut++) {
        struct script_response response = answer(RESOURCES, 0x9000, "", 0x9000);
        response.r_apdus[1].data = guarded_copy(span_first(profiles, cut));
        assert_int_not_equal(es5_audit_read(&response, &audit), ERR_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit_is_two_c_apdus),
        cmocka_unit_test(delete_profile_names_the_isdp),
        cmocka_unit_test(isdp_is_named_by_aid_or_tar),
        cmocka_unit_test(operations_have_names),
        cmocka_unit_test(audit_answer_tells_memory_and_profiles),
        cmocka_unit_test(audit_answer_with_failures_gives_what_there_is),
        cmocka_unit_test(every_truncation_of_an_audit_answer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
