/* Every vector of vectors/scp80.json, in one batch as they come, and one by one, on every way the
 * lanes can go. */
#include "base/hex.h"
#include "crypto/cntr.h"
#include "crypto/scp80_batch.h"
#include "tests/support/support.h"

#include <jansson.h>
#include <stdlib.h>

#define VECTORS_MAX 256
#define OCTETS_MAX 2048

struct vector {
    const char *id;
    const json_t *json;
    struct scp80_keys keys;
    struct scp80_security security; /* of the command, or of the command a response answers */
    struct span packet, plaintext;
    enum err err;
};

static json_t *root;
static struct vector commands[VECTORS_MAX], responses[VECTORS_MAX];
static uint32_t command_count, response_count;

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
    return strtoull(text_of(object, name), NULL, 16);
}

/* Lives as long as the test program. */
static struct span octets_of(const json_t *object, const char *name)
{
    static uint8_t store[1 << 18];
    static size_t used;
    const char *hex = text_of(object, name);
    struct writer w = writer_over(store + used, sizeof store - used);
    assert_int_equal(hex_read(span_text(hex), &w), ERR_OK);
    used += writer_len(&w);
    return written(&w);
}

static enum err verdict_of(const json_t *json)
{
    static const struct {
        const char *failed_check;
        enum err err;
    } checks[] = {
        { "identifier", ERR_IDENTIFIER },
        { "length", ERR_LENGTH },
        { "header length", ERR_HEADER_LENGTH },
        { "tar", ERR_TAR },
        { "cipher length", ERR_CIPHER_LENGTH },
        { "cc", ERR_CC },
        { "pcntr", ERR_PCNTR },
        { "cntr", ERR_CNTR },
    };
    const char *expect = text_of(json, "expect");
    if (strcmp(expect, "ok") == 0)
        return ERR_OK;
    if (strcmp(expect, "untrusted") == 0)
        return ERR_UNTRUSTED;
    for (size_t i = 0; i < COUNT(checks); i++)
        if (strcmp(text_of(json, "failed_check"), checks[i].failed_check) == 0)
            return checks[i].err;
    fail_msg("%s: a verdict this test does not know", text_of(json, "id"));
    return ERR_OK;
}

static void vector_read(const json_t *json, const json_t *security, struct vector *out)
{
    out->id = text_of(json, "id");
    out->json = json;
    const json_t *keys = json_object_get(json, "keys");
    struct span kic = octets_of(keys, "kic"), kid = octets_of(keys, "kid");
    assert_true(kic.len <= sizeof out->keys.kic && kid.len <= sizeof out->keys.kid);
    memcpy(out->keys.kic, kic.bytes, kic.len);
    memcpy(out->keys.kid, kid.bytes, kid.len);
    out->keys.kic_len = (uint8_t)kic.len;
    out->keys.kid_len = (uint8_t)kid.len;
    bool cmac = (number_of(security, "kid") & 15) == 2;
    out->keys.cc_len = cmac ? (uint8_t)json_integer_value(json_object_get(security, "cc_len")) : 0;
    assert_int_equal(
        scp80_transport_read(span_text(text_of(json, "transport")), &out->security.transport),
        ERR_OK);
    out->security.spi = (uint16_t)number_of(security, "spi");
    out->security.kic = (uint8_t)number_of(security, "kic");
    out->security.kid = (uint8_t)number_of(security, "kid");
    memcpy(out->security.tar, octets_of(security, "tar").bytes, 3);
    out->security.cntr = number_of(security, "cntr");
    out->packet = octets_of(json, "secured_packet");
    out->plaintext = octets_of(json, "plaintext");
    out->err = verdict_of(json);
}

static int load(void **state)
{
    (void)state;
    char *text = test_file("vectors/scp80.json");
    root = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(root);
    size_t i;
    const json_t *json;
    json_array_foreach(json_object_get(root, "command"), i, json)
    {
        assert_true(command_count < VECTORS_MAX);
        vector_read(json, json, &commands[command_count++]);
    }
    json_array_foreach(json_object_get(root, "response"), i, json)
    {
        assert_true(response_count < VECTORS_MAX);
        vector_read(json, json_object_get(json, "request"), &responses[response_count++]);
    }
    assert_int_equal(command_count, 102);
    assert_int_equal(response_count, 86);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(root);
    return 0;
}

static void seal_all(struct lanes *lanes, uint32_t batch)
{
    struct scp80_seal jobs[VECTORS_MAX];
    const struct vector *vectors[VECTORS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < command_count; i++) {
        const struct vector *vector = &commands[i];
        if (vector->err != ERR_OK)
            continue;
        vectors[count] = vector;
        jobs[count++] = (struct scp80_seal){ .security = vector->security,
                                             .keys = &vector->keys,
                                             .data = vector->plaintext,
                                             .packet = malloc(vector->packet.len),
                                             .packet_cap = (uint32_t)vector->packet.len };
    }
    assert_int_equal(count, 85);
    for (uint32_t first = 0; first < count; first += batch)
        scp80_seal_run(lanes, jobs + first, count - first < batch ? count - first : batch);
    for (uint32_t i = 0; i < count; i++) {
        const struct vector *vector = vectors[i];
        check_err(vector->id, jobs[i].err, ERR_OK);
        check_bytes(vector->id, span_of(jobs[i].packet, jobs[i].packet_len), vector->packet);
        assert_int_equal(jobs[i].pcntr, json_integer_value(json_object_get(vector->json, "pcntr")));
        assert_int_equal(scp80_command_len(&vector->security, vector->keys.cc_len,
                                           (uint32_t)vector->plaintext.len),
                         vector->packet.len);
        free(jobs[i].packet);
    }
}

static void open_all_commands(struct lanes *lanes, uint32_t batch)
{
    static uint8_t bufs[VECTORS_MAX][OCTETS_MAX];
    struct scp80_open_command jobs[VECTORS_MAX];
    for (uint32_t i = 0; i < command_count; i++)
        jobs[i] = (struct scp80_open_command){
            .transport = commands[i].security.transport,
            .keys = &commands[i].keys,
            .packet = commands[i].packet,
            .buf = bufs[i],
            .buf_cap = (uint32_t)commands[i].packet.len + SCP80_OPEN_SLACK,
        };
    for (uint32_t first = 0; first < command_count; first += batch)
        scp80_open_command_run(lanes, jobs + first,
                               command_count - first < batch ? command_count - first : batch);
    for (uint32_t i = 0; i < command_count; i++) {
        const struct vector *vector = &commands[i];
        check_err(vector->id, jobs[i].err, vector->err);
        if (vector->err != ERR_OK) {
            assert_int_equal(jobs[i].data.len, 0);
            continue;
        }
        check_bytes(vector->id, jobs[i].data, vector->plaintext);
        assert_int_equal(jobs[i].security.spi, vector->security.spi);
        assert_int_equal(jobs[i].security.kic, vector->security.kic);
        assert_int_equal(jobs[i].security.kid, vector->security.kid);
        assert_memory_equal(jobs[i].security.tar, vector->security.tar, 3);
        assert_int_equal(jobs[i].security.cntr, vector->security.cntr);
        assert_int_equal(jobs[i].cc_len,
                         json_integer_value(json_object_get(vector->json, "cc_len")));
        assert_int_equal(jobs[i].pcntr, json_integer_value(json_object_get(vector->json, "pcntr")));
    }
}

static void open_all_responses(struct lanes *lanes, uint32_t batch)
{
    static uint8_t bufs[VECTORS_MAX][OCTETS_MAX];
    struct scp80_open_response jobs[VECTORS_MAX];
    for (uint32_t i = 0; i < response_count; i++)
        jobs[i] = (struct scp80_open_response){
            .command = responses[i].security,
            .keys = &responses[i].keys,
            .packet = responses[i].packet,
            .udhl = 2,
            .buf = bufs[i],
            .buf_cap = (uint32_t)responses[i].packet.len + SCP80_OPEN_SLACK,
        };
    for (uint32_t first = 0; first < response_count; first += batch)
        scp80_open_response_run(lanes, jobs + first,
                                response_count - first < batch ? response_count - first : batch);
    for (uint32_t i = 0; i < response_count; i++) {
        const struct vector *vector = &responses[i];
        check_err(vector->id, jobs[i].err, vector->err);
        assert_false(jobs[i].real_udhl);
        if (vector->err != ERR_OK && vector->err != ERR_UNTRUSTED) {
            assert_int_equal(jobs[i].data.len, 0);
            continue;
        }
        check_bytes(vector->id, jobs[i].data, vector->plaintext);
        assert_int_equal(jobs[i].status, number_of(vector->json, "response_status"));
        assert_int_equal(jobs[i].cntr, vector->security.cntr);
        assert_int_equal(jobs[i].pcntr, json_integer_value(json_object_get(vector->json, "pcntr")));
    }
}

/* Every way this machine has; every batch size from one at a time to all at once. */
static void on_every_way(void (*all)(struct lanes *lanes, uint32_t batch))
{
    static const uint32_t batches[] = { 1, 3, 16, 64, VECTORS_MAX };
    for (uint32_t way = 0; way < LANES_WAY_COUNT; way++) {
        struct lanes *lanes = lanes_create_as((enum lanes_way)way);
        if (lanes == NULL) {
            print_message("not on this machine: %s\n", lanes_way_name((enum lanes_way)way));
            assert_int_not_equal(way, LANES_MB);
            continue;
        }
        for (size_t i = 0; i < COUNT(batches); i++)
            all(lanes, batches[i]);
        lanes_destroy(lanes);
    }
}

static void command_vectors_seal_to_their_octets(void **state)
{
    (void)state;
    on_every_way(seal_all);
}

static void command_vectors_open_or_fail_at_their_check(void **state)
{
    (void)state;
    on_every_way(open_all_commands);
}

static void response_vectors_open_or_fail_at_their_check(void **state)
{
    (void)state;
    on_every_way(open_all_responses);
}

static void counter_vectors_are_decided_as_by_the_receiver(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (uint32_t i = 0; i < command_count; i++) {
        const json_t *receiver = json_object_get(commands[i].json, "receiver");
        if (receiver == NULL)
            continue;
        uint64_t stored = number_of(receiver, "stored");
        enum scp80_status status =
            cntr_receive(&stored, commands[i].security.cntr, commands[i].security.spi);
        if (status != number_of(receiver, "status"))
            fail_msg("%s: status %02x", commands[i].id, status);
        if (json_is_string(json_object_get(receiver, "stored_after")))
            assert_int_equal(stored, number_of(receiver, "stored_after"));
        count++;
    }
    assert_int_equal(count, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_vectors_seal_to_their_octets),
        cmocka_unit_test(command_vectors_open_or_fail_at_their_check),
        cmocka_unit_test(response_vectors_open_or_fail_at_their_check),
        cmocka_unit_test(counter_vectors_are_decided_as_by_the_receiver),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
