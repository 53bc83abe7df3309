/* EIS lines: what the directory gets, what is kept, and a sentence for everything that is wrong
 * (SGP.02 ES1; our import checks). No sentence and nothing kept holds a key. */
#include "engine/device/eis.h"
#include "tests/support/eis_lines.h"
#include "tests/support/support.h"

#include "io/sms/sms_address.h"

#include <ctype.h>
#include <stdlib.h>

static struct eis_options options;

static int setup(void **state)
{
    (void)state;
    options.lanes = lanes_create();
    return options.lanes == NULL;
}

static int teardown(void **state)
{
    (void)state;
    lanes_destroy(options.lanes);
    return 0;
}

/* No key of the full line in `text`, in either case, nor its first half. */
static void check_no_secret(const char *name, const char *text)
{
    char lower[EIS_LINE_MAX] = "";
    for (size_t i = 0; text[i] != '\0' && i + 1 < sizeof lower; i++)
        lower[i] = (char)tolower((unsigned char)text[i]);
    for (const char *const *secret = eis_line_secrets; *secret != NULL; secret++) {
        char half[17] = "";
        memcpy(half, *secret, 16);
        if (strstr(lower, half) != NULL)
            fail_msg("%s: tells a key: %s", name, text);
    }
}

static enum err read_line(const char *line, uint32_t line_no, struct eis *out, struct fault *fault)
{
    struct span text = guarded_copy(span_text(line));
    return eis_line_read(text, line_no, &options, out, fault);
}

static void check_refused(const char *name, const char *line, const char *where, const char *words)
{
    static const struct eis untouched;
    struct eis eis = untouched;
    struct fault fault = { "" };
    check_err(name, read_line(line, 7412, &eis, &fault), ERR_MALFORMED);
    if (strncmp(fault.text, "line 7412: ", 11) != 0 || strstr(fault.text, where) == NULL ||
        strstr(fault.text, words) == NULL)
        fail_msg("%s: the fault is \"%s\", wanted \"%s\" and \"%s\"", name, fault.text, where,
                 words);
    check_no_secret(name, fault.text);
    assert_memory_equal(&eis, &untouched, sizeof eis);
}

static void a_full_line_becomes_a_device(void **state)
{
    (void)state;
    struct eis eis;
    struct fault fault = { "" };
    check_err("full", read_line(eis_line_full, 1, &eis, &fault), ERR_OK);
    assert_string_equal(fault.text, "");
    const struct device *device = &eis.device;
    char eid[EID_DIGITS + 1];
    eid_write(&device->eid, eid);
    assert_string_equal(eid, "89001012012341234012345678901224");
    assert_int_equal(device->msisdn, sms_msisdn_of(span_text("447700900123")));
    assert_int_equal(device->flags, DEVICE_REF16);
    assert_int_equal(device->segments_max, 5);

    assert_int_equal(device->domain_count, 3);
    const struct device_domain domains[] = { { DOMAIN_ISD_R, { 0, 0, 1 }, false },
                                             { DOMAIN_MNO_SD, { 0xB2, 1, 0 }, true },
                                             { DOMAIN_MNO_SD, { 0xB2, 1, 1 }, true } };
    assert_memory_equal(device->domains, domains, sizeof domains);

    static const struct {
        uint8_t domain, kvn, kic, kid, kic_len, kid_len;
        uint64_t cntr;
        unsigned kic_secret, kid_secret;
    } sets[] = { { 0, 1, 2, 2, 16, 16, 0x10, 0, 1 },
                 { 0, 2, 2, 2, 32, 32, 0xFFFFFFFFFF, 3, 4 },
                 { 1, 1, 5, 5, 16, 16, 0, 10, 11 } };
    assert_int_equal(device->keyset_count, COUNT(sets));
    for (unsigned i = 0; i < COUNT(sets); i++) {
        const struct device_keyset *set = &device->keysets[i];
        assert_int_equal(set->domain, sets[i].domain);
        assert_int_equal(set->kvn, sets[i].kvn);
        assert_int_equal(set->kic_algorithm, sets[i].kic);
        assert_int_equal(set->kid_algorithm, sets[i].kid);
        assert_int_equal(set->cc_len, 8);
        assert_int_equal(set->cntr_base, sets[i].cntr);
        check_bytes("kic", span_of(set->kic, set->kic_len),
                    guarded_hex(eis_line_secrets[sets[i].kic_secret]));
        check_bytes("kid", span_of(set->kid, set->kid_len),
                    guarded_hex(eis_line_secrets[sets[i].kid_secret]));
    }
    eis_drop(&eis);
}

static void other_keys_are_kept_in_order(void **state)
{
    (void)state;
    struct eis eis;
    struct fault fault = { "" };
    check_err("full", read_line(eis_line_full, 1, &eis, &fault), ERR_OK);
    static const struct {
        uint8_t kvn, index, type;
        unsigned secret;
    } keys[] = { { 1, 3, 0x88, 2 },    { 0x40, 1, 0x85, 5 }, { 0x40, 2, 0x88, 6 },
                 { 0x30, 1, 0x88, 7 }, { 0x30, 2, 0x88, 8 }, { 0x30, 3, 0x88, 9 } };
    struct reader r = reader_over(span_of(eis.other.octets, eis.other.len));
    for (unsigned i = 0; i < COUNT(keys); i++) {
        assert_int_equal(reader_u8(&r), DOMAIN_ISD_R);
        assert_int_equal(reader_u8(&r), keys[i].kvn);
        assert_int_equal(reader_u8(&r), keys[i].index);
        assert_int_equal(reader_u8(&r), keys[i].type);
        check_bytes("other", reader_bytes(&r, reader_u16(&r)),
                    guarded_hex(eis_line_secrets[keys[i].secret]));
    }
    check_err("end", reader_end(&r), ERR_OK);
    eis_drop(&eis);
}

static void what_is_kept_has_everything_but_keys(void **state)
{
    (void)state;
    struct eis eis;
    struct fault fault = { "" };
    char *line = eis_line_with("isd-r.keySets.0.keys.0.keyvalue",
                               "\"000102030405060708090a0b0c0d0e0f\""); /* a wrong name, too */
    check_err("full", read_line(line, 1, &eis, &fault), ERR_OK);
    char *text = json_dumps(eis.kept, JSON_COMPACT);
    check_no_secret("kept", text);
    assert_null(strstr(text, "value"));
    const char *parts[] = { "c35280",  "\"cntr\":\"0000000010\"", "8986001234567890120",
                            "truck 7", "\"Eum-Id\":\"1.2.3.4\"",  "\"httpSupport\":true",
                            "SCP81" };
    for (unsigned i = 0; i < COUNT(parts); i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("%s is not kept in %s", parts[i], text);
    free(text);
    free(line);
    eis_drop(&eis);
}

/* Changes that are fine, and what follows from them. */
static void what_may_be_left_out_may_be_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value;
        uint8_t domains, keysets, cc_len, segments, flags;
        bool reachable;
    } cases[] = {
        { "mno-sd", NULL, 1, 2, 8, 5, DEVICE_REF16, true },
        { "mno-sd", "null", 1, 2, 8, 5, DEVICE_REF16, true },
        { "profiles", NULL, 3, 3, 8, 5, DEVICE_REF16, false },
        { "profiles", "[]", 3, 3, 8, 5, DEVICE_REF16, false },
        { "profiles.0.msisdn", NULL, 3, 3, 8, 5, DEVICE_REF16, false },
        { "profiles.0.state", "\"Disabled\"", 3, 3, 8, 5, DEVICE_REF16, false },
        { "capabilities", NULL, 3, 3, 8, 5, DEVICE_REF16, true },
        { "additionalProperties", NULL, 3, 3, 8, 5, DEVICE_REF16, true },
        { "options", NULL, 3, 3, 8, 0, 0, true },
        { "options.ccLength", "4", 3, 3, 4, 5, DEVICE_REF16, true },
        { "options.exactCounter", "true", 3, 3, 8, 5, DEVICE_REF16 | DEVICE_EXACT_CNTR, true },
        { "isd-r.keySets.0.cntr", NULL, 3, 3, 8, 5, DEVICE_REF16, true },
        { "isd-r.keySets.0.keys.0.kcv", NULL, 3, 3, 8, 5, DEVICE_REF16, true },
        { "isd-r.keySets.0.keys.0.kcv", "\"C35280\"", 3, 3, 8, 5, DEVICE_REF16, true },
        { "isd-r.keySets.0.version", "\"0f\"", 3, 3, 8, 5, DEVICE_REF16, true },
        { "isd-r.format", "\"expanded\"", 3, 3, 8, 5, DEVICE_REF16, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *line = eis_line_with(cases[i].path, cases[i].value);
        struct eis eis;
        struct fault fault = { "" };
        enum err err = read_line(line, 1, &eis, &fault);
        if (err != ERR_OK)
            fail_msg("%s: %s", cases[i].path, fault.text);
        assert_int_equal(eis.device.domain_count, cases[i].domains);
        assert_int_equal(eis.device.keyset_count, cases[i].keysets);
        assert_int_equal(eis.device.keysets[0].cc_len, cases[i].cc_len);
        assert_int_equal(eis.device.segments_max, cases[i].segments);
        assert_int_equal(eis.device.flags, cases[i].flags);
        assert_int_equal(eis.device.msisdn != 0, cases[i].reachable);
        if (cases[i].keysets == 3)
            assert_int_equal(eis.device.keysets[2].cc_len, 8); /* 3DES has 8 only */
        eis_drop(&eis);
        free(line);
    }
}

#define SET0 "isd-r.keySets.0"
#define AT0 "isd-r.keySets[0]"
static const struct {
    const char *path, *value, *where, *words;
} wrong_members[] = {
    { "eid", NULL, "eid", "is missing" },
    { "eid", "89", "eid", "is a number; accepted: a string" },
    { "eid", "\"8900101201234123401234567890122\"", "eid", "has 31 digits; accepted: 32" },
    { "eid", "\"890010120123412340123456789012240\"", "eid", "has 33 digits" },
    { "eid", "\"8900101201A341234012345678901224\"", "eid", "not all of them digits" },
    { "eid", "\"89001012012341234012345678901225\"", "eid", "wrong check digits" },
    { "isd-r", NULL, "isd-r", "is missing; accepted: an object" },
    { "isd-r", "[]", "isd-r", "is an array; accepted: an object" },
    { "isd-r.aid", NULL, "isd-r.aid", "is missing" },
    { "isd-r.aid", "\"A0000005\"", "isd-r.aid", "10 to 32 hex digits" },
    { "isd-r.aid", "\"A0000005591010FFFFFFFF890000010000\"", "isd-r.aid", "has 34 characters" },
    { "isd-r.aid", "\"A000000559101\"", "isd-r.aid", "an odd number" },
    { "isd-r.aid", "\"A00000055910GG\"", "isd-r.aid", "no hex digit" },
    { "isd-r.tar", NULL, "isd-r.tar", "is missing" },
    { "isd-r.tar", "[]", "isd-r.tar", "has 0 elements; accepted: 1 to 4" },
    { "isd-r.tar", "\"000001\"", "isd-r.tar", "is a string; accepted: an array" },
    { "isd-r.tar.0", "\"0001\"", "isd-r.tar[0]", "has 4 characters; accepted: 6 hex digits" },
    { "isd-r.tar.0", "1", "isd-r.tar[0]", "is no string" },
    { "isd-r.tar.1", "\"000001\"", "isd-r.tar[1]", "is there twice" },
    { "isd-r.tar", "[\"000001\",\"000003\",\"000004\"]", "mno-sd.tar[1]", "one TAR too many" },
    { "isd-r.format", "\"compact\"", "isd-r.format", "accepted: expanded" },
    { "mno-sd.format", "\"Compact\"", "mno-sd.format", "accepted: compact, expanded" },
    { "isd-r.keySets", NULL, "isd-r.keySets", "is missing" },
    { "isd-r.keySets", "[]", "isd-r.keySets", "has 0 elements" },
    { "isd-r.keySets.0", "7", AT0, "is no object" },
    { SET0 ".type", NULL, AT0 ".type", "is missing" },
    { SET0 ".type", "\"scp80\"", AT0 ".type", "accepted: SCP80, SCP81" },
    { SET0 ".version", NULL, AT0 ".version", "is missing" },
    { SET0 ".version", "1", AT0 ".version", "is a number; accepted: a string" },
    { SET0 ".version", "\"1\"", AT0 ".version", "has 1 characters; accepted: 2 hex digits" },
    { SET0 ".version", "\"10\"", AT0 ".version", "does not fit SCP80; accepted: 01 to 0f" },
    { SET0 ".version", "\"00\"", AT0 ".version", "does not fit SCP80" },
    { "isd-r.keySets.2.version", "\"28\"", "isd-r.keySets[2].version",
      "is 28, which does not fit SCP81; accepted: 40 to 4f" },
    { "isd-r.keySets.1.version", "\"01\"", "isd-r.keySets[1].version", "another key set" },
    { SET0 ".cntr", "\"10\"", AT0 ".cntr", "has 2 characters; accepted: 10 hex digits" },
    { SET0 ".cntr", "16", AT0 ".cntr", "is a number" },
    { SET0 ".keys", "[]", AT0 ".keys", "has 0 elements" },
    { SET0 ".keys.0", NULL, AT0 ".keys", "lack index 1 (KIc)" },
    { SET0 ".keys.1", NULL, AT0 ".keys", "lack index 2 (KID)" },
    { SET0 ".keys.0.index", "2", AT0 ".keys[1].index", "is there twice" },
    { SET0 ".keys.0.index", "4", AT0 ".keys[0].index", "a whole number from 1 to 3" },
    { SET0 ".keys.0.index", "\"1\"", AT0 ".keys[0].index", "is a string" },
    { SET0 ".keys.0.index", "1.0", AT0 ".keys[0].index", "is a fraction" },
    { SET0 ".keys.0.kcv", "\"c352\"", AT0 ".keys[0].kcv", "accepted: 6 hex digits" },
    { SET0 ".keys.0.kcv", "\"c35281\"", AT0 ".keys[0].keyComponents[0].value", "kcv_mismatch" },
    { SET0 ".keys.0.kcv", "\"c6a13b\"", AT0 ".keys[0].keyComponents[0].value", "kcv_mismatch" },
    { SET0 ".keys.0.keyComponents", NULL, AT0 ".keys[0].keyComponents", "is missing" },
    { SET0 ".keys.0.keyComponents.1", "{\"type\":\"88\"}", AT0 ".keys[0].keyComponents",
      "has 2 elements; accepted: 1" },
    { SET0 ".keys.0.keyComponents.0", "\"000102030405060708090a0b0c0d0e0f\"",
      AT0 ".keys[0].keyComponents[0]", "is no object" },
    { SET0 ".keys.0.keyComponents.0.type", NULL, ".keyComponents[0].type", "is missing" },
    { SET0 ".keys.0.keyComponents.0.type", "\"000102030405060708090a0b0c0d0e0f\"",
      ".keyComponents[0].type", "has 32 characters; accepted: 2 hex digits" },
    { SET0 ".keys.0.keyComponents.0.type", "\"85\"", ".keyComponents[0].type",
      "is no key that SCP80 uses; accepted: 88 (AES)" },
    { SET0 ".keys.0.keyComponents.0.value", NULL, ".keyComponents[0].value", "is missing" },
    { SET0 ".keys.0.keyComponents.0.value", "\"000102030405060708090a0b0c0d0e\"",
      ".keyComponents[0].value", "bad_key_length" },
    { SET0 ".keys.0.keyComponents.0.value", "\"000102030405060708090a0b0c0d0e0g\"",
      ".keyComponents[0].value", "no hex digit" },
    { SET0 ".keys.0.keyComponents.0.value", "\"000102030405060708090a0b0c0d0e0\"",
      ".keyComponents[0].value", "an odd number" },
    { SET0 ".keys.0.keyComponents.0.value", "\"\"", ".keyComponents[0].value", "bad_length" },
    { "mno-sd.keySets.0.keys.0.keyComponents.0.type", "\"84\"",
      "mno-sd.keySets[0].keys[0].keyComponents[0].value", "8 octets in clear" },
    { "profiles", "{}", "profiles", "is an object; accepted: an array" },
    { "profiles.0", "null", "profiles[0]", "is no object" },
    { "profiles.0.iccid", NULL, "profiles[0].iccid", "is missing" },
    { "profiles.0.iccid", "\"8986001234567890123\"", "profiles[0].iccid", "Luhn" },
    { "profiles.0.iccid", "\"89441234567890123\"", "profiles[0].iccid", "has 17 digits" },
    { "profiles.1.iccid", "\"8986001234567890120\"", "profiles[1].iccid", "is there twice" },
    { "profiles.0.isd-p-aid", "\"A000\"", "profiles[0].isd-p-aid", "10 to 32 hex digits" },
    { "profiles.0.msisdn", "\"+447700900123\"", "profiles[0].msisdn", "not all of them digits" },
    { "profiles.0.msisdn", "\"07700900123\"", "profiles[0].msisdn", "starts with 0" },
    { "profiles.0.msisdn", "\"4477009001234567\"", "profiles[0].msisdn", "has 16 digits" },
    { "profiles.0.msisdn", "447700900123", "profiles[0].msisdn", "is a number" },
    { "profiles.0.imsi", "\"2341509999999999\"", "profiles[0].imsi", "has 16 digits" },
    { "profiles.0.state", NULL, "profiles[0].state", "is missing" },
    { "profiles.0.state", "\"enabled\"", "profiles[0].state", "accepted: InstallInProgress" },
    { "profiles.1.state", "\"Enabled\"", "profiles[1].state", "for a second profile" },
    { "profiles.1.fallbackAttribute", "true", "profiles[1].fallbackAttribute", "second profile" },
    { "profiles.1.fallbackAttribute", "1", "profiles[1].fallbackAttribute", "true or false" },
    { "capabilities.httpSupport", "\"yes\"", "capabilities.httpSupport", "true or false" },
    { "options", "[]", "options", "is an array" },
    { "options.ccLength", "6", "options.ccLength", "is 6; accepted: 4 or 8" },
    { "options.ccLength", "16", "options.ccLength", "from 4 to 8" },
    { "options.segmentsMax", "11", "options.segmentsMax", "from 1 to 10" },
    { "options.segmentsMax", "0", "options.segmentsMax", "from 1 to 10" },
    { "options.cclength", "4", "options", "exactCounter, ccLength, segmentsMax, concatRef16" },
    { "additionalProperties", "[]", "additionalProperties", "is an array" },
};

static void every_wrong_member_is_named_with_what_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong_members); i++) {
        char *line = eis_line_with(wrong_members[i].path, wrong_members[i].value);
        check_refused(wrong_members[i].path, line, wrong_members[i].where, wrong_members[i].words);
        free(line);
    }
}

static void every_line_that_is_no_object_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } cases[] = {
        { "", "is empty" },
        { "{", "is no JSON" },
        { "[]", "is no JSON object" },
        { "\"000102030405060708090a0b0c0d0e0f\"", "is no JSON" },
        { "{\"eid\":000102030405060708090a0b0c0d0e0f}", "is no JSON at character" },
        { "{\"value\":\"000102030405060708090a0b0c0d0e0f\" \"x\"}", "is no JSON at character" },
        { "{\"eid\":\"1\",\"eid\":\"2\"}", "duplicate object key" },
        { "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", "nests too deep; accepted: 16" },
        { "{\"eid\":\"\\u0000\"}", "is no JSON" },
        { "{\"eid\":\"\xff\"}", "is no JSON" },
        { "{} {}", "is no JSON" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_refused(cases[i].line, cases[i].line, "", cases[i].words);

    static char big[EIS_LINE_MAX + 2];
    memset(big, ' ', sizeof big - 1);
    check_refused("big", big, "", "accepted: at most 16384");
}

static void every_truncation_of_a_line_is_refused(void **state)
{
    (void)state;
    struct span full = span_text(eis_line_full);
    for (size_t cut = 0; cut < full.len; cut++) {
        struct eis eis;
        struct fault fault = { "" };
        struct span text = guarded_copy(span_first(full, cut));
        check_err("cut", eis_line_read(text, 1, &options, &eis, &fault), ERR_MALFORMED);
        check_no_secret("cut", fault.text);
    }
}

static void too_much_is_refused_before_it_is_stored(void **state)
{
    (void)state;
    static char big[EIS_KEPT_MAX + 3];
    memset(big, 'x', sizeof big - 1);
    big[0] = big[sizeof big - 2] = '"';
    char *line = eis_line_with("additionalProperties.note", big);
    check_refused("kept", line, "", "beside the keys; accepted: at most 2816");
    free(line);

    static char value[2 * 400 + 3]; /* an RSA modulus and another */
    memset(value, 'a', sizeof value - 1);
    value[0] = value[sizeof value - 2] = '"';
    char set[4 * sizeof value];
    snprintf(set, sizeof set,
             "{\"version\":\"74\",\"type\":\"CA\",\"keys\":[{\"index\":1,\"keyComponents\":["
             "{\"type\":\"a0\",\"value\":%s},{\"type\":\"a1\",\"value\":%s}]}]}",
             value, value);
    line = eis_line_with("isd-r.keySets.4", set);
    check_refused("other", line, "isd-r.keySets[4].keys[0].keyComponents[1]", "more than 768");
    free(line);

    char *sets[2];
    for (unsigned i = 0; i < 2; i++) {
        snprintf(
            set, sizeof set,
            "{\"version\":\"0%u\",\"type\":\"SCP80\",\"keys\":["
            "{\"index\":1,\"keyComponents\":[{\"type\":\"84\",\"value\":\"0123456789abcdef\"}]},"
            "{\"index\":2,\"keyComponents\":[{\"type\":\"84\",\"value\":\"0123456789abcdef\"}]}]}",
            i + 5);
        sets[i] = eis_line_with(i == 0 ? "isd-r.keySets.4" : "isd-r.keySets.3", set);
    }
    struct eis eis;
    struct fault fault = { "" };
    check_err("four sets", read_line(sets[1], 1, &eis, &fault), ERR_OK);
    assert_int_equal(eis.device.keyset_count, 4);
    assert_int_equal(eis.device.keysets[2].kic_algorithm, 1); /* DES-CBC */
    eis_drop(&eis);
    json_t *five = json_loads(sets[0], 0, NULL), *mno = json_object_get(five, "mno-sd");
    json_t *more = json_deep_copy(json_array_get(json_object_get(mno, "keySets"), 0));
    json_object_set_new(more, "version", json_string("0a"));
    json_array_append_new(json_object_get(mno, "keySets"), more);
    char *line5 = json_dumps(five, JSON_COMPACT);
    check_refused("five sets", line5, "mno-sd.keySets[1]", "accepted: 4 a device");
    free(line5);
    json_decref(five);
    free(sets[0]);
    free(sets[1]);
}

static void keys_under_a_transport_key_are_unwrapped(void **state)
{
    (void)state;
    struct span transport = guarded_hex("0f0e0d0c0b0a09080706050403020100");
    struct eis_options wrapped = { .lanes = options.lanes,
                                   .transport_key = transport.bytes,
                                   .transport_key_len = (uint32_t)transport.len };
    json_t *root = json_loads(eis_line_full, 0, NULL);
    json_object_del(root, "mno-sd");
    json_t *sets = json_object_get(json_object_get(root, "isd-r"), "keySets");
    while (json_array_size(sets) > 1)
        json_array_remove(sets, 1);
    json_t *keys = json_object_get(json_array_get(sets, 0), "keys");
    json_array_remove(keys, 2);
    static const struct {
        const char *value, *kcv;
    } given[] = { { "e9729381ebafc05b5d46614fec8685e26d00049adfc582b051c393cb8678ad17", "c35280" },
                  { "fdc7f5cdb5eab215ca6a39b60dbb962d", "b71512" } };
    for (unsigned i = 0; i < COUNT(given); i++) {
        json_t *key = json_array_get(keys, i);
        json_object_set_new(key, "kcv", json_string(given[i].kcv));
        json_object_set_new(json_array_get(json_object_get(key, "keyComponents"), 0), "value",
                            json_string(given[i].value));
    }
    char *line = json_dumps(root, 0);
    json_decref(root);
    struct eis eis;
    struct fault fault = { "" };
    check_err("wrapped", eis_line_read(span_text(line), 0, &wrapped, &eis, &fault), ERR_OK);
    check_bytes("kic", span_of(eis.device.keysets[0].kic, eis.device.keysets[0].kic_len),
                guarded_hex("000102030405060708090a0b0c0d0e0f"));
    check_bytes("kid", span_of(eis.device.keysets[0].kid, eis.device.keysets[0].kid_len),
                guarded_hex("d4430ec7c2a48c5efc0cf0504ff33d0d"));
    eis_drop(&eis);
    /* The same line without the transport key: the KCV tells. No line number, no "line". */
    check_err("clear", eis_line_read(span_text(line), 0, &options, &eis, &fault), ERR_MALFORMED);
    assert_int_equal(strncmp(fault.text, "isd-r.keySets[0].keys[0]", 24), 0);
    assert_non_null(strstr(fault.text, "kcv_mismatch"));
    free(line);
}

static void iccids_without_a_luhn_digit_are_taken_when_allowed(void **state)
{
    (void)state;
    char *line = eis_line_with("profiles.0.iccid", "\"8986001234567890123\"");
    struct eis_options allowing = { .lanes = options.lanes, .allow_bad_luhn = true };
    struct eis eis;
    struct fault fault = { "" };
    check_err("allowed", eis_line_read(span_text(line), 1, &allowing, &eis, &fault), ERR_OK);
    eis_drop(&eis);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_line_becomes_a_device),
        cmocka_unit_test(other_keys_are_kept_in_order),
        cmocka_unit_test(what_is_kept_has_everything_but_keys),
        cmocka_unit_test(what_may_be_left_out_may_be_left_out),
        cmocka_unit_test(every_wrong_member_is_named_with_what_is_accepted),
        cmocka_unit_test(every_line_that_is_no_object_is_refused),
        cmocka_unit_test(every_truncation_of_a_line_is_refused),
        cmocka_unit_test(too_much_is_refused_before_it_is_stored),
        cmocka_unit_test(keys_under_a_transport_key_are_unwrapped),
        cmocka_unit_test(iccids_without_a_luhn_digit_are_taken_when_allowed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
