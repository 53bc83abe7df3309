/* Jobs from JSON, and instants as text. */
#include "engine/job/job.h"
#include "engine/job/rfc3339.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EID "\"eid\":\"89001012012341234012345678901224\""
#define NOW_MS 1795356309250u /* 2026-11-22T14:05:09.250Z */
#define HOUR_MS 3600000u

static const struct job_rules rules = { .segments_max = 5, .expiry_ms = 24 * HOUR_MS };

static enum err from(const char *text, struct job *job, struct job_fault *fault)
{
    *fault = (struct job_fault){ .field = NULL };
    return job_from_json(guarded_copy(span_text(text)), &rules, NOW_MS, job, fault);
}

static void least_script_takes_defaults(void **state)
{
    (void)state;
    struct job job;
    struct job_fault fault;
    check_err("least", from("{" EID ",\"script\":[\"80ca9f7f00\",\"80E28800\"]}", &job, &fault),
              ERR_OK);
    assert_int_equal(job.kind, JOB_SCRIPT);
    assert_int_equal(job.priority, 1);
    assert_false(job.idempotent);
    assert_int_equal(job.spi, 0);
    assert_int_equal(job.kvn, 0);
    assert_int_equal(job.not_before_ms, 0);
    assert_int_equal(job.accepted_ms, NOW_MS);
    assert_int_equal(job.expiry_ms, NOW_MS + 24 * HOUR_MS);
    assert_int_equal(job.key_len, 0);
    assert_int_equal(job.apdu_count, 2);
    check_bytes("script", span_of(job.script, job.script_len),
                guarded_hex("0005 80ca9f7f00 0004 80e28800"));
}

static void every_member_is_taken(void **state)
{
    (void)state;
    struct job job;
    struct job_fault fault;
    const char *text = "{" EID ",\"type\":\"script\",\"script\":[\"80e40040124f10a0000005591010"
                       "ffffffff8900001100\"],\"tar\":\"b20100\",\"kvn\":3,\"spi\":\"1E39\","
                       "\"priority\":3,\"idempotent\":true,\"bearer\":\"sms\",\"key\":\"order-7\","
                       "\"notBefore\":\"2026-11-22T16:05:09+01:00\",\"expiresIn\":7200}";
    check_err("all", from(text, &job, &fault), ERR_OK);
    check_bytes("tar", span_of(job.tar, 3), guarded_hex("b20100"));
    assert_int_equal(job.kvn, 3);
    assert_int_equal(job.spi, 0x1E39);
    assert_int_equal(job.priority, 3);
    assert_true(job.idempotent);
    assert_int_equal(job.not_before_ms, NOW_MS - 250 + HOUR_MS);
    assert_int_equal(job.expiry_ms, NOW_MS + 2 * HOUR_MS);
    assert_memory_equal(job.key, "order-7", job.key_len);
}

/* Escapes and blanks are nothing unusual to JSON: the same job comes out. */
static void other_spellings_mean_the_same(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{" EID ",\"script\":[\"80ca9f7f00\"],\"kvn\":3,\"idempotent\":true}",
        " {\t" EID " ,\r\n\"script\" : [ \"80CA9F7F00\" ] , \"kvn\": 3 ,\"idempotent\":true } \n",
        "{" EID ",\"scr\\u0069pt\":[\"\\u0038\\u0030ca9f7f00\"],\"kvn\":3,\"idempotent\":true}",
        "{\"idempotent\":true,\"kvn\":3,\"script\":[\"80ca9f7f00\"]," EID "}",
    };
    struct job first, job;
    struct job_fault fault;
    check_err(same[0], from(same[0], &first, &fault), ERR_OK);
    for (size_t i = 1; i < COUNT(same); i++) {
        check_err(same[i], from(same[i], &job, &fault), ERR_OK);
        assert_memory_equal(&job, &first, offsetof(struct job, script));
        assert_memory_equal(job.script, first.script, first.script_len);
    }
}

static void typed_jobs_get_their_script(void **state)
{
    (void)state;
    struct job job;
    struct job_fault fault;
    check_err("audit", from("{" EID ",\"type\":\"audit\"}", &job, &fault), ERR_OK);
    assert_int_equal(job.kind, JOB_AUDIT);
    assert_true(job.idempotent); /* reading twice harms nobody */
    assert_int_equal(job.apdu_count, 2);

    check_err("delete",
              from("{" EID ",\"type\":\"delete-profile\",\"isdpAid\":\"000011\"}", &job, &fault),
              ERR_OK);
    assert_false(job.idempotent);
    check_bytes("SGP.02 4.1.1", span_of(job.script, job.script_len),
                guarded_hex("0017 80e40040124f10a0000005591010ffffffff8900001100"));
}

static const struct {
    const char *name, *text, *field, *said;
} bad[] = {
    { "empty", "", "", "nothing is there; accepted: one JSON object" },
    { "not JSON", "{eid:1}", "", "not JSON, at offset" },
    { "an array", "[]", "", "not an object of" },
    { "what follows", "{} {}", "", "not JSON" },
    { "member twice", "{" EID "," EID "}", "eid", "is given twice" },
    { "member twice, one escaped", "{" EID ",\"e\\u0069d\":\"\"}", "", "not JSON" },
    { "too many members",
      "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,"
      "\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1,\"r\":1,\"s\":1,\"t\":1,"
      "\"u\":1}",
      "", "not an object of at most 20 members" },
    { "number with a zero in front", "{" EID ",\"type\":\"audit\",\"kvn\":01}", "", "not JSON" },
    { "comma too many", "{" EID ",\"type\":\"audit\",}", "", "not JSON" },
    { "no comma", "{" EID " \"type\":\"audit\"}", "", "not JSON" },
    { "open string", "{" EID ",\"type\":\"audit}", "", "not JSON" },
    { "array open", "{" EID ",\"script\":[\"80ca9f7f00\"}", "", "not JSON" },
    { "array in array", "{" EID ",\"script\":[[\"80ca9f7f00\"]]}", "script", "entry 1" },
    { "two arrays", "{" EID ",\"script\":[\"80ca9f7f00\"],\"key\":[\"a\"]}", "key", "1 to 64" },
    { "null", "{" EID ",\"type\":null}", "type", "accepted" },
    { "huge number", "{" EID ",\"type\":\"audit\",\"kvn\":1000000000000000000001}", "",
      "not JSON" },
    { "empty object", "{}", "eid", "is missing" },
    { "NUL in a string", "{\"eid\":\"8900\\u0000\"}", "", "not JSON" },
    { "unknown member", "{" EID ",\"type\":\"audit\",\"colour\":1}", "", "not one of a job's" },
    { "no eid", "{\"type\":\"audit\"}", "eid", "is missing; accepted: 32 decimal digits" },
    { "eid check digits", "{\"eid\":\"89001012012341234012345678901225\"}", "eid", "accepted" },
    { "eid a number", "{\"eid\":8900}", "eid", "accepted" },
    { "nothing to do", "{" EID "}", "type", "is missing" },
    { "unknown type", "{" EID ",\"type\":\"enable\"}", "type", "accepted: \"script\", \"audit\"" },
    { "no script", "{" EID ",\"type\":\"script\"}", "script", "is missing" },
    { "script empty", "{" EID ",\"script\":[]}", "script", "1 to 64 C-APDUs" },
    { "script a string", "{" EID ",\"script\":\"80ca\"}", "script", "accepted: an array" },
    { "entry not hex", "{" EID ",\"script\":[\"80ca9f7f00\",\"80xx\"]}", "script",
      "entry 2 is not hexadecimal" },
    { "entry odd", "{" EID ",\"script\":[\"80ca9f7f0\"]}", "script", "entry 1 is not hexadecimal" },
    { "entry a number", "{" EID ",\"script\":[1]}", "script", "entry 1 is not hexadecimal" },
    { "entry short", "{" EID ",\"script\":[\"80ca\"]}", "script", "entry 1 is no short C-APDU" },
    { "Lc wrong", "{" EID ",\"script\":[\"80e28800050102\"]}", "script",
      "entry 1 is no short C-APDU" },
    { "script with audit", "{" EID ",\"type\":\"audit\",\"script\":[\"80ca9f7f00\"]}", "script",
      "is of no use here" },
    { "tar with audit", "{" EID ",\"type\":\"audit\",\"tar\":\"b20100\"}", "tar", "no use here" },
    { "delete without AID", "{" EID ",\"type\":\"delete-profile\"}", "isdpAid", "is missing" },
    { "AID with audit", "{" EID ",\"type\":\"audit\",\"isdpAid\":\"000011\"}", "isdpAid",
      "is of no use here" },
    { "AID of the ISD-R",
      "{" EID ",\"type\":\"delete-profile\",\"isdpAid\":\"a0000005591010ffffffff8900000100\"}",
      "isdpAid", "accepted" },
    { "tar zero", "{" EID ",\"script\":[\"80ca9f7f00\"],\"tar\":\"000000\"}", "tar", "accepted" },
    { "kvn 0", "{" EID ",\"type\":\"audit\",\"kvn\":0}", "kvn", "a number from 1 to 15" },
    { "kvn 64", "{" EID ",\"type\":\"audit\",\"kvn\":64}", "kvn", "a number from 1 to 15" },
    { "kvn a fraction", "{" EID ",\"type\":\"audit\",\"kvn\":1.5}", "kvn", "accepted" },
    { "spi without counter", "{" EID ",\"type\":\"audit\",\"spi\":\"0639\"}", "spi", "accepted" },
    { "spi without CC", "{" EID ",\"type\":\"audit\",\"spi\":\"1439\"}", "spi", "accepted" },
    { "spi with DS", "{" EID ",\"type\":\"audit\",\"spi\":\"1739\"}", "spi", "accepted" },
    { "spi without PoR", "{" EID ",\"type\":\"audit\",\"spi\":\"1600\"}", "spi", "accepted" },
    { "PoR on error", "{" EID ",\"type\":\"audit\",\"spi\":\"163A\"}", "spi", "accepted" },
    { "PoR without CC", "{" EID ",\"type\":\"audit\",\"spi\":\"1631\"}", "spi", "accepted" },
    { "spi reserved bits", "{" EID ",\"type\":\"audit\",\"spi\":\"3639\"}", "spi", "accepted" },
    { "spi short", "{" EID ",\"type\":\"audit\",\"spi\":\"16\"}", "spi", "4 hexadecimal digits" },
    { "priority 4", "{" EID ",\"type\":\"audit\",\"priority\":4}", "priority", "0 (lowest) to 3" },
    { "priority -1", "{" EID ",\"type\":\"audit\",\"priority\":-1}", "priority", "accepted" },
    { "idempotent 1", "{" EID ",\"type\":\"audit\",\"idempotent\":1}", "idempotent", "true or" },
    { "bearer", "{" EID ",\"type\":\"audit\",\"bearer\":\"https\"}", "bearer", "\"sms\"" },
    { "key empty", "{" EID ",\"type\":\"audit\",\"key\":\"\"}", "key", "1 to 64" },
    { "key with a blank", "{" EID ",\"type\":\"audit\",\"key\":\"a b\"}", "key", "blanks" },
    { "expiry past", "{" EID ",\"type\":\"audit\",\"expiry\":\"2026-11-22T14:05:09Z\"}", "expiry",
      "in the future" },
    { "expiry far", "{" EID ",\"type\":\"audit\",\"expiry\":\"2028-01-01T00:00:00Z\"}", "expiry",
      "within a year" },
    { "expiry no time", "{" EID ",\"type\":\"audit\",\"expiry\":\"tomorrow\"}", "expiry", "RFC" },
    { "expiry twice",
      "{" EID ",\"type\":\"audit\",\"expiresIn\":60,\"expiry\":\"2026-11-23T00:00:00Z\"}", "expiry",
      "or else expiresIn" },
    { "expiresIn 0", "{" EID ",\"type\":\"audit\",\"expiresIn\":0}", "expiresIn", "seconds" },
    { "not before expiry",
      "{" EID ",\"type\":\"audit\",\"expiresIn\":60,\"notBefore\":\"2026-11-22T14:06:09.250Z\"}",
      "notBefore", "is not before the expiry" },
};

static void bad_jobs_name_the_field_and_what_it_accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct job job;
        struct job_fault fault;
        check_err(bad[i].name, from(bad[i].text, &job, &fault), ERR_MALFORMED);
        if (strcmp(fault.field, bad[i].field) != 0 || strstr(fault.text.text, bad[i].said) == NULL)
            fail_msg("%s: field \"%s\", said \"%s\"", bad[i].name, fault.field, fault.text.text);
    }
}

/* `count` STORE DATA of 255 octets each: 262 octets of script apiece with its tag and length. */
static enum err long_script(unsigned count, struct job_fault *fault)
{
    static char text[8192];
    struct job job;
    size_t len = (size_t)snprintf(text, sizeof text, "{" EID ",\"script\":[");
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\"80e28800c8", i > 0 ? "," : "");
        for (unsigned octet = 0; octet < 200; octet++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%02x", octet);
        len += (size_t)snprintf(text + len, sizeof text - len, "\"");
    }
    snprintf(text + len, sizeof text - len, "]}");
    return from(text, &job, fault);
}

static void script_longer_than_its_short_messages_is_told_the_octets(void **state)
{
    (void)state;
    struct job_fault fault;
    check_err("three", long_script(3, &fault), ERR_OK);
    check_err("four", long_script(4, &fault), ERR_MALFORMED);
    assert_string_equal(fault.field, "script");
    /* Five messages carry 668 octets of packet: 2 + 1 + 13 + 8 in front, whole AES blocks. */
    assert_non_null(
        strstr(fault.text.text, "accepted: at most 642 octets, which 5 short messages"));
    check_err("eight", long_script(8, &fault), ERR_MALFORMED);
    assert_non_null(strstr(fault.text.text, "goes beyond 1536 octets in all"));
}

static void truncations_are_refused(void **state)
{
    (void)state;
    static const char text[] = "{" EID ",\"type\":\"audit\",\"key\":\"k\",\"expiresIn\":60}";
    struct job job;
    struct job_fault fault;
    check_err("whole", from(text, &job, &fault), ERR_OK);
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        char part[sizeof text];
        memcpy(part, text, cut);
        part[cut] = '\0';
        check_err("cut", from(part, &job, &fault), ERR_MALFORMED);
        assert_string_not_equal(fault.text.text, "");
    }
}

static void instants_read_as_rfc3339_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
        uint64_t ms;
    } cases[] = {
        { "1970-01-01T00:00:00Z", ERR_OK, 0 },
        { "2026-11-22T14:05:09.250Z", ERR_OK, NOW_MS },
        { "2026-11-22t15:05:09.25+01:00", ERR_OK, NOW_MS },
        { "2026-11-22T13:35:09.2509-00:30", ERR_OK, NOW_MS },
        { "2024-02-29T00:00:00Z", ERR_OK, 1709164800000 },
        { "2000-03-01T00:00:00Z", ERR_OK, 951868800000 },
        { "1998-12-31T23:59:60Z", ERR_OK, 915148800000 }, /* leap second */
        { "9999-12-31T23:59:59.999Z", ERR_OK, 253402300799999 },
        { "1969-12-31T23:59:59Z", ERR_RANGE, 0 },
        { "2023-02-29T00:00:00Z", ERR_MALFORMED, 0 },
        { "2026-13-01T00:00:00Z", ERR_MALFORMED, 0 },
        { "2026-00-01T00:00:00Z", ERR_MALFORMED, 0 },
        { "2026-11-22T24:00:00Z", ERR_MALFORMED, 0 },
        { "2026-11-22T14:05:09", ERR_MALFORMED, 0 },
        { "2026-11-22T14:05:09.Z", ERR_MALFORMED, 0 },
        { "2026-11-22T14:05:09+24:00", ERR_MALFORMED, 0 },
        { "2026-11-22T14:05:09Z ", ERR_MALFORMED, 0 },
        { "2026-11-22 14:05:09Z", ERR_MALFORMED, 0 },
        { "", ERR_MALFORMED, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t ms = 0;
        check_err(cases[i].text, rfc3339_read(guarded_copy(span_text(cases[i].text)), &ms),
                  cases[i].err);
        assert_int_equal(ms, cases[i].ms);
        if (cases[i].err != ERR_OK)
            continue;
        char text[RFC3339_LEN + 1];
        rfc3339_write(ms, text);
        uint64_t again = 1;
        check_err(text, rfc3339_read(span_text(text), &again), ERR_OK);
        assert_int_equal(again, ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_script_takes_defaults),
        cmocka_unit_test(every_member_is_taken),
        cmocka_unit_test(other_spellings_mean_the_same),
        cmocka_unit_test(typed_jobs_get_their_script),
        cmocka_unit_test(bad_jobs_name_the_field_and_what_it_accepts),
        cmocka_unit_test(script_longer_than_its_short_messages_is_told_the_octets),
        cmocka_unit_test(truncations_are_refused),
        cmocka_unit_test(instants_read_as_rfc3339_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
