/* The simulated card: SCP80 against the published vectors, counters, scripts, identities. */
#include "base/hex.h"
#include "bench/fleet/card.h"
#include "bench/fleet/card_keys.h"
#include "tests/support/support.h"

#include <jansson.h>
#include <stdlib.h>

static struct card_crypto *crypto;

static json_t *vectors(const char *kind)
{
    static json_t *root;
    if (root == NULL) {
        char *text = test_file("vectors/scp80.json");
        root = json_loads(text, 0, NULL);
        free(text);
    }
    json_t *list = json_object_get(root, kind);
    assert_true(json_array_size(list) > 0);
    return list;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

static unsigned octet_of(const json_t *object, const char *name)
{
    struct span octets = guarded_hex(text_of(object, name));
    assert_int_equal(octets.len, 1);
    return octets.bytes[0];
}

static uint64_t cntr_of(const json_t *object, const char *name)
{
    struct span octets = guarded_hex(text_of(object, name));
    struct reader r = reader_over(octets);
    return reader_u40(&r);
}

static struct card_key key_of(const json_t *keys, const char *name)
{
    struct card_key key = { .len = 0 };
    const char *text = json_string_value(json_object_get(keys, name));
    if (text == NULL)
        return key;
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    assert_int_equal(hex_read(span_text(text), &w), ERR_OK);
    key.len = (uint8_t)writer_len(&w);
    return key;
}

static struct card_keys keys_of(const json_t *vector)
{
    const json_t *keys = json_object_get(vector, "keys");
    unsigned cc_len = (unsigned)json_integer_value(json_object_get(vector, "cc_len"));
    const json_t *request = json_object_get(vector, "request");
    if (request != NULL)
        cc_len = (unsigned)json_integer_value(json_object_get(request, "cc_len"));
    return (struct card_keys){ key_of(keys, "kic"), key_of(keys, "kid"),
                               (uint8_t)(cc_len == 4 ? 4 : 8) };
}

static bool is_sms(const json_t *vector)
{
    return strcmp(text_of(vector, "transport"), "SMS_PP") == 0;
}

static enum err failed_check(const json_t *vector)
{
    static const struct {
        const char *name;
        enum err err;
    } checks[] = {
        { "cc", ERR_CC },
        { "length", ERR_LENGTH },
        { "cipher length", ERR_CIPHER_LENGTH },
        { "header length", ERR_HEADER_LENGTH },
    };
    if (strcmp(text_of(vector, "expect"), "ok") == 0)
        return ERR_OK;
    for (size_t i = 0; i < COUNT(checks); i++)
        if (strcmp(text_of(vector, "failed_check"), checks[i].name) == 0)
            return checks[i].err;
    fail_msg("%s: unknown check", text_of(vector, "id"));
    return ERR_OK;
}

static void card_opens_every_command_vector(void **state)
{
    (void)state;
    size_t at;
    json_t *vector;
    unsigned tried = 0;
    json_array_foreach(vectors("command"), at, vector)
    {
        if (!is_sms(vector))
            continue;
        const char *id = text_of(vector, "id");
        struct card_keys keys = keys_of(vector);
        struct span packet = guarded_hex(text_of(vector, "secured_packet"));
        struct card_command command;
        enum err wanted = failed_check(vector);
        check_err(id, card_command_open(crypto, packet, &keys, &command), wanted);
        tried++;
        if (wanted != ERR_OK)
            continue;
        check_bytes(id, command.data, guarded_hex(text_of(vector, "plaintext")));
        assert_int_equal(command.cntr, cntr_of(vector, "cntr"));
        assert_int_equal(command.pcntr, json_integer_value(json_object_get(vector, "pcntr")));

        uint8_t again[CARD_PACKET_CAP]; /* property: sealing what was opened gives the packet */
        uint8_t data[CARD_PACKET_CAP];
        memcpy(data, command.data.bytes, command.data.len);
        command.data.bytes = data;
        struct writer w = writer_over(again, sizeof again);
        check_err(id, card_command_seal(crypto, &keys, &command, &w), ERR_OK);
        check_bytes(id, written(&w), packet);
        memcpy(data, packet.bytes, packet.len); /* guarded octets last for 64 calls */
        packet.bytes = data;
        for (size_t cut = 0; cut < packet.len; cut++) /* property: truncations are refused */
            assert_int_not_equal(
                card_command_open(crypto, guarded_copy(span_first(packet, cut)), &keys, &command),
                ERR_OK);
    }
    assert_int_equal(tried, 95);
}

/* Where the padding is zeros the octets follow from the request alone. */
static void card_seals_every_response_vector(void **state)
{
    (void)state;
    size_t at;
    json_t *vector;
    unsigned tried = 0;
    json_array_foreach(vectors("response"), at, vector)
    {
        const char *id = text_of(vector, "id");
        if (!is_sms(vector) || strcmp(text_of(vector, "expect"), "ok") != 0 ||
            strstr(text_of(vector, "title"), "padding octets 80") != NULL)
            continue;
        const json_t *request = json_object_get(vector, "request");
        struct card_keys keys = keys_of(vector);
        struct span spi = guarded_hex(text_of(request, "spi"));
        struct card_command command = { .spi1 = spi.bytes[0],
                                        .spi2 = spi.bytes[1],
                                        .kic = (uint8_t)octet_of(request, "kic"),
                                        .kid = (uint8_t)octet_of(request, "kid"),
                                        .cntr = cntr_of(request, "cntr") };
        memcpy(command.tar, guarded_hex(text_of(request, "tar")).bytes, 3);
        uint8_t buf[CARD_PACKET_CAP];
        struct writer w = writer_over(buf, sizeof buf);
        check_err(id,
                  card_response_seal(crypto, &keys, &command, command.spi2,
                                     (uint8_t)octet_of(vector, "response_status"),
                                     guarded_hex(text_of(vector, "plaintext")), &w),
                  ERR_OK);
        check_bytes(id, written(&w), guarded_hex(text_of(vector, "secured_packet")));
        tried++;
    }
    assert_int_equal(tried, 62);
}

static void counter_decisions_follow_ts_102_225_5_1_4(void **state)
{
    (void)state;
    size_t at;
    json_t *vector;
    unsigned tried = 0;
    json_array_foreach(vectors("command"), at, vector)
    {
        const json_t *receiver = json_object_get(vector, "receiver");
        if (receiver == NULL)
            continue;
        uint8_t stored[5];
        memcpy(stored, guarded_hex(text_of(receiver, "stored")).bytes, 5);
        unsigned mode = (unsigned)json_integer_value(json_object_get(receiver, "mode"));
        assert_int_equal(card_counter_check(stored, mode, cntr_of(vector, "cntr")),
                         octet_of(receiver, "status"));
        if (!json_is_null(json_object_get(receiver, "stored_after")))
            check_bytes(text_of(vector, "id"), span_of(stored, 5),
                        guarded_hex(text_of(receiver, "stored_after")));
        tried++;
    }
    assert_int_equal(tried, 13);
}

#define AID(number) "a0000005591010ffffffff8900" number "00"

/* Index 1: an odd card, which answers DELETE with its status word alone. */
static const struct {
    const char *name, *script, *answer;
    bool compact;
} scripts[] = {
    { "GET DATA FF21", "aa07 2205 80caff2100",
      "ab19 800101 2314 ff210f 8101 03 8204 00050001 8304 00002000 9000", false },
    { "GET DATA without Le: SW only", "aa06 2204 80caff21", "ab07 800101 2302 9000", false },
    { "GET STATUS of one", "aa1a 2218 80f24002124f10" AID("0011") "00",
      "ab22 800101 231d e3194f10" AID("0011") "9f70011f 530100 9000", false },
    { "GET STATUS of an unknown one", "aa1a 2218 80f24002124f10" AID("0019") "00",
      "ab07 800101 2302 6a88", false },
    { "delete enabled: 6985", "aa19 2217 80e40040124f10" AID("0010"), "ab07 800101 2302 6985",
      false },
    { "delete", "aa19 2217 80e40040124f10" AID("0012"), "ab07 800101 2302 9000", false },
    { "delete again: gone", "aa19 2217 80e40040124f10" AID("0012"), "ab07 800101 2302 6a88",
      false },
    { "disable the fall-back: 6985", "aa1c 221a 80e28800153a04124f10" AID("0010"),
      "ab07 800101 2302 6985", false },
    { "enable", "aa1c 221a 80e28800153a03124f10" AID("0011"), "ab07 800101 2302 9000", false },
    { "enable again: 6985", "aa1c 221a 80e28800153a03124f10" AID("0011"), "ab07 800101 2302 6985",
      false },
    { "set fall-back", "aa1c 221a 80e28800153a05124f10" AID("0011"), "ab07 800101 2302 9000",
      false },
    { "delete the former fall-back", "aa19 2217 80e40040124f10" AID("0010"),
      "ab07 800101 2302 9000", false },
    { "STORE DATA unknown DGI", "aa0a 2208 80e2880003990100", "ab07 800101 2302 6a80", false },
    { "STORE DATA DGI length wrong", "aa0b 2209 80e28800043a030300", "ab07 800101 2302 6a80",
      false },
    { "unknown INS", "aa06 2204 80010000", "ab07 800101 2302 6d00", false },
    { "unknown CLA", "aa06 2204 00ca0000", "ab07 800101 2302 6e00", false },
    { "Lc does not fit", "aa09 2207 80e2880005 3a03", "ab07 800101 2302 6700", false },
    { "stops at the first error", "aa13 2204 80010000 2205 80caff2100 2204 80010000",
      "ab07 800101 2302 6d00", false },
    { "two commands", "aa0c 2204 80caff21 2204 80010000", "ab0b 800102 2302 9000 2302 6d00",
      false },
    { "indefinite both ways", "ae80 2204 80caff21 0000", "af80 2302 9000 0000", false },
    { "empty script", "aa00", "ab03 800100", false },
    { "unknown tag", "aa03 990100", "ab06 800100 900101", false },
    { "inner length too long", "aa03 220500", "ab06 800100 900102", false },
    { "length not found", "aa01 22", "ab06 800100 900103", false },
    { "outer length wrong", "aa05 2202 8001", "ab06 800100 900102", false },
    { "not a template", "ac00", "ab06 800100 900101", false },
    { "subsequent script without a first", "aa09 830102 2204 80caff21", "ab06 800100 830101",
      false },
    { "first script of a chain", "aa09 830101 2204 80caff21", "ab07 800102 2302 9000", false },
    { "last script of a chain", "aa09 830103 2204 80caff21", "ab07 800102 2302 9000", false },
    { "chain is closed", "aa09 830103 2204 80caff21", "ab06 800100 830101", false },
    { "compact, one", "80ec010100", "01 9000", true },
    { "compact, the last with data", "80ec010100 80caff2105", "02 9000 ff210f8101", true },
    { "compact GET STATUS, GET RESPONSE", "80f24002124f10" AID("0011") "80c000001b",
      "02 9000 e3194f10" AID("0011") "9f70013f 530101", true },
    { "compact, stops at an error", "8001000000 80ec010100", "01 6d00", true },
    { "compact, cut", "80e2880005", "01 6700", true },
};

static void scripts_run_as_remote_commands_and_es5_say(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    struct card card;
    card_init(&card, &config, 1);
    for (size_t i = 0; i < COUNT(scripts); i++) {
        uint8_t buf[640];
        struct writer w = writer_over(buf, sizeof buf);
        struct card_tally tally;
        card_script_run(&card, 1, scripts[i].compact, guarded_hex(scripts[i].script), &w, &tally);
        assert_int_equal(w.err, ERR_OK);
        check_bytes(scripts[i].name, written(&w), guarded_hex(scripts[i].answer));
    }
}

static void answer_that_does_not_fit_is_cut_with_62f1_and_stops(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    struct card card;
    card_init(&card, &config, 0);
    uint8_t buf[100];
    struct writer w = writer_over(buf, sizeof buf);
    struct card_tally tally;
    card_script_run(&card, 0, false, guarded_hex("aa13 220a 80cabf30045c027f2100 2205 80caff2100"),
                    &w, &tally);
    assert_int_equal(w.err, ERR_OK);
    assert_int_equal(tally.command_count, 1);
    assert_int_equal(tally.sw[0], 0x62F1);
    check_bytes("ends with 62F1", span_after(written(&w), writer_len(&w) - 2), guarded_hex("62f1"));
    assert_true(writer_len(&w) > 80);
}

static void pol1_protects_a_profile(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.pol1_per_mille = 10;
    struct card card;
    uint8_t buf[4];
    struct writer w = writer_over(buf, sizeof buf);
    card_init(&card, &config, 1009);
    assert_int_equal(card_apdu_run(&card, 1009, guarded_hex("80e40040124f10" AID("0011")), &w),
                     0x69E1);
    card_init(&card, &config, 1010);
    assert_int_equal(card_apdu_run(&card, 1010, guarded_hex("80e40040124f10" AID("0011")), &w),
                     0x9000);
}

static void segments_are_those_of_the_vectors(void **state)
{
    (void)state;
    size_t at;
    json_t *vector;
    unsigned tried = 0;
    json_array_foreach(vectors("response"), at, vector)
    {
        const char *id = text_of(vector, "id");
        json_t *segments = json_object_get(vector, "tp_ud_segments");
        if (!is_sms(vector) ||
            json_integer_value(json_object_get(vector, "concat_ref_bits")) == 16 ||
            strcmp(text_of(vector, "expect"), "ok") != 0)
            continue;
        struct span packet = guarded_hex(text_of(vector, "secured_packet"));
        bool concat_first = strstr(text_of(vector, "title"), "concatenation element first") != NULL;
        uint8_t reference = (uint8_t)json_integer_value(json_object_get(vector, "concat_ref"));
        assert_int_equal(card_segment_count(packet.len), json_array_size(segments));
        for (uint32_t i = 0; i < json_array_size(segments); i++) {
            uint8_t buf[140];
            struct writer w = writer_over(buf, sizeof buf);
            card_segment(packet, 0x71, reference, concat_first, i, &w);
            check_bytes(id, written(&w),
                        guarded_hex(json_string_value(json_array_get(segments, i))));
        }
        tried++;
    }
    assert_int_equal(tried, 62);
}

static void identities_are_valid_and_distinct(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.key_sets = 2;
    static const uint32_t indexes[] = { 0, 1, 2, 99999, 12345678, UINT32_MAX - 1 };
    for (size_t i = 0; i < COUNT(indexes); i++) {
        char text[FLEET_EIS_CAP];
        size_t len = fleet_eis_line(&config, indexes[i], text);
        json_t *eis = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(eis);
        struct eid eid;
        check_err("eid", eid_read(span_text(text_of(eis, "eid")), &eid), ERR_OK);
        json_t *profile;
        size_t at;
        json_array_foreach(json_object_get(eis, "profiles"), at, profile)
        {
            uint32_t index;
            uint32_t number;
            const char *msisdn = text_of(profile, "msisdn");
            assert_true(strlen(msisdn) <= 15);
            check_err("msisdn", card_find_msisdn(span_text(msisdn), &index, &number), ERR_OK);
            assert_int_equal(index, indexes[i]);
            assert_int_equal(number, at);
            const char *iccid = text_of(profile, "iccid");
            unsigned sum = 0;
            for (size_t d = strlen(iccid), even = 0; d-- > 0; even ^= 1) {
                unsigned digit = (unsigned)(iccid[d] - '0') << even;
                sum += digit > 9 ? digit - 9 : digit;
            }
            assert_int_equal(sum % 10, 0); /* Luhn */
            assert_int_equal(strlen(iccid), 19);
        }
        json_t *sets = json_object_get(json_object_get(eis, "isd-r"), "keySets");
        assert_int_equal(json_array_size(sets), 2);
        json_t *keys = json_object_get(json_array_get(sets, 1), "keys");
        json_t *kid = json_array_get(json_object_get(json_array_get(keys, 1), "keyComponents"), 0);
        struct card_keys own;
        card_keys_derive(config.seed, indexes[i], 2, &own);
        check_bytes("KID of KVN 02", span_of(own.kid.bytes, own.kid.len),
                    guarded_hex(text_of(kid, "value")));
        json_decref(eis);
    }
    check_err("unknown",
              card_find_msisdn(span_text("447700900123"), &(uint32_t){ 0 }, &(uint32_t){ 0 }),
              ERR_UNKNOWN);
}

static void card_fits_in_160_octets(void **state)
{
    (void)state;
    assert_true(sizeof(struct card) <= 160);
}

int main(void)
{
    crypto = card_crypto_create();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_opens_every_command_vector),
        cmocka_unit_test(card_seals_every_response_vector),
        cmocka_unit_test(counter_decisions_follow_ts_102_225_5_1_4),
        cmocka_unit_test(scripts_run_as_remote_commands_and_es5_say),
        cmocka_unit_test(answer_that_does_not_fit_is_cut_with_62f1_and_stops),
        cmocka_unit_test(pol1_protects_a_profile),
        cmocka_unit_test(segments_are_those_of_the_vectors),
        cmocka_unit_test(identities_are_valid_and_distinct),
        cmocka_unit_test(card_fits_in_160_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
