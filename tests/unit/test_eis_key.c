/* Keys of an EIS out of their transport form: every vector of ES1, and the transport key's file. */
#include "engine/device/eis.h"
#include "engine/device/eis_key.h"
#include "tests/support/secret_file.h"
#include "tests/support/support.h"

#include "base/hex.h"

#include <stdlib.h>

static struct lanes *lanes;

static int setup(void **state)
{
    (void)state;
    lanes = lanes_create();
    return lanes == NULL;
}

static int teardown(void **state)
{
    (void)state;
    lanes_destroy(lanes);
    return 0;
}

static json_t *vectors(void)
{
    char *text = test_file("vectors/es1_keys.json");
    json_t *all = json_loads(text, 0, NULL);
    assert_non_null(all);
    free(text);
    return all;
}

static struct span hex_of(json_t *vector, const char *name)
{
    const char *text = json_string_value(json_object_get(vector, name));
    return text != NULL ? guarded_hex(text) : span_of(NULL, 0);
}

static enum eis_kind kind_of(json_t *vector)
{
    const char *name = json_string_value(json_object_get(vector, "algorithm"));
    assert_non_null(name);
    if (strcmp(name, "aes") == 0)
        return EIS_KIND_AES;
    if (strcmp(name, "des3") == 0)
        return EIS_KIND_DES3;
    assert_string_equal(name, "psk");
    return EIS_KIND_PSK;
}

static enum eis_key_verdict unwrap(json_t *vector, uint8_t out[EIS_VALUE_MAX], uint32_t *len)
{
    struct span transport = hex_of(vector, "transport_key_hex");
    struct span kcv = hex_of(vector, "kcv_hex");
    struct eis_key_request request = {
        .lanes = lanes,
        .transport_key = transport.bytes,
        .transport_key_len = (uint32_t)transport.len,
        .kind = kind_of(vector),
        .value = hex_of(vector, "value_hex"),
        .kcv = kcv.len > 0 ? kcv.bytes : NULL,
    };
    return eis_key_unwrap(&request, out, len);
}

static void keys_come_out_as_the_vectors_say(void **state)
{
    (void)state;
    json_t *all = vectors(), *vector;
    size_t i;
    json_array_foreach(json_object_get(all, "keys"), i, vector)
    {
        const char *name = json_string_value(json_object_get(vector, "name"));
        uint8_t key[EIS_VALUE_MAX];
        uint32_t len;
        enum eis_key_verdict verdict = unwrap(vector, key, &len);
        if (verdict != EIS_KEY_SOUND)
            fail_msg("%s: %s", name, eis_key_verdict_label(verdict));
        check_bytes(name, span_of(key, len), hex_of(json_object_get(vector, "expect"), "key_hex"));
        for (size_t k = len; k < sizeof key; k++)
            assert_int_equal(key[k], 0); /* no padding left behind */
    }
    assert_int_equal(i, 23);
    json_decref(all);
}

static void malformed_values_are_named_as_the_vectors_say(void **state)
{
    (void)state;
    json_t *all = vectors(), *vector;
    size_t i;
    json_array_foreach(json_object_get(all, "malformed"), i, vector)
    {
        uint8_t key[EIS_VALUE_MAX];
        static const uint8_t zeros[EIS_VALUE_MAX];
        uint32_t len;
        assert_string_equal(eis_key_verdict_label(unwrap(vector, key, &len)),
                            json_string_value(json_object_get(vector, "error")));
        assert_int_equal(len, 0);
        assert_memory_equal(key, zeros, sizeof key);
    }
    assert_int_equal(i, 22);
    json_decref(all);
}

static void a_value_in_clear_is_the_key(void **state)
{
    (void)state;
    struct span key = guarded_hex("000102030405060708090a0b0c0d0e0f");
    static const struct {
        const char *value, *kcv;
        enum eis_key_verdict verdict;
    } cases[] = {
        { "000102030405060708090a0b0c0d0e0f", "c35280", EIS_KEY_SOUND },
        { "000102030405060708090a0b0c0d0e0f", "c35281", EIS_KEY_KCV_MISMATCH },
        { "000102030405060708090a0b0c0d0e", "c35280", EIS_KEY_BAD_KEY_LENGTH },
        { "000102030405060708090a0b0c0d0e0f10101010101010101010101010101010", "c35280",
          EIS_KEY_KCV_MISMATCH }, /* 32 octets, not a padded 16 */
        { "", "c35280", EIS_KEY_BAD_LENGTH },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[EIS_VALUE_MAX];
        uint32_t len;
        struct eis_key_request request = { .lanes = lanes,
                                           .kind = EIS_KIND_AES,
                                           .value = guarded_hex(cases[i].value),
                                           .kcv = guarded_hex(cases[i].kcv).bytes };
        assert_int_equal(eis_key_unwrap(&request, out, &len), cases[i].verdict);
        if (cases[i].verdict == EIS_KEY_SOUND)
            check_bytes("clear", span_of(out, len), key);
    }
}

static enum err load(const char *text, mode_t mode, uint32_t *len, struct fault *fault)
{
    struct secret_file file = secret_file_make(text);
    assert_int_equal(fchmod(file.fd, mode), 0);
    uint8_t key[32];
    enum err err = eis_transport_key_load(file.path, key, len, fault);
    secret_file_close(&file);
    return err;
}

static void the_transport_key_file_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
        mode_t mode;
        uint32_t len;
        enum err err;
    } cases[] = {
        { "0f0e0d0c0b0a09080706050403020100\n", "", 0600, 16, ERR_OK },
        { "0f0e0d0c0b0a09080706050403020100", "", 0400, 16, ERR_OK },
        { "0f0e0d0c0b0a090807060504030201000f0e0d0c0b0a0908", "", 0600, 24, ERR_OK },
        { "0f0e0d0c0b0a090807060504030201000f0e0d0c0b0a09080706050403020100\n", "", 0600, 32,
          ERR_OK },
        { "0f0e0d0c0b0a09080706050403020100", "chmod 600", 0640, 0, ERR_DENIED },
        { "0f0e0d0c0b0a09080706050403020100\n\n", "hex digits", 0600, 0, ERR_MALFORMED },
        { "0f0e0d0c0b0a0908070605040302010g", "hex digits", 0600, 0, ERR_MALFORMED },
        { "0f0e", "hex digits", 0600, 0, ERR_MALFORMED },
        { "", "hex digits", 0600, 0, ERR_MALFORMED },
        { "0f0e0d0c0b0a090807060504030201000f0e0d0c0b0a090807060504030201000f", "hex digits", 0600,
          0, ERR_MALFORMED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fault fault = { "" };
        uint32_t len = 0;
        check_err(cases[i].text, load(cases[i].text, cases[i].mode, &len, &fault), cases[i].err);
        assert_int_equal(len, cases[i].len);
        assert_non_null(strstr(fault.text, cases[i].words));
        assert_null(strstr(fault.text, "0f0e"));
    }
    struct fault fault = { "" };
    uint8_t key[32];
    uint32_t len;
    check_err("missing", eis_transport_key_load("no-such-file", key, &len, &fault), ERR_IO);
    assert_non_null(strstr(fault.text, "transport_key_file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_out_as_the_vectors_say),
        cmocka_unit_test(malformed_values_are_named_as_the_vectors_say),
        cmocka_unit_test(a_value_in_clear_is_the_key),
        cmocka_unit_test(the_transport_key_file_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
