/* Segmentation and reassembly (TS 31.115 §4.2), against the vectors and under their bounds. */
#include "base/hex.h"
#include "base/prng.h"
#include "io/sms/sms_concat.h"
#include "tests/support/support.h"

#include <jansson.h>
#include <stdlib.h>

#define SECOND 1000000000ull

static const struct sms_concat_config small = {
    .sets = 4, .parts = 12, .sets_per_origin = 2, .parts_per_set = 8, .age_ns = 300 * SECOND
};

/* What left unjoined. */
struct left {
    size_t calls, tags;
    uint64_t last_tag;
    enum err why;
};

static void left_note(void *ctx, const uint64_t *tags, size_t count, enum err why)
{
    struct left *left = ctx;
    left->calls++;
    left->tags += count;
    left->last_tag = count > 0 ? tags[0] : 0;
    left->why = why;
}

static struct sms_concat *concat_new(const struct sms_concat_config *config, struct left *left)
{
    size_t size = sms_concat_size(config);
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(memory);
    *left = (struct left){ 0 };
    return sms_concat_init(memory, config, left_note, left);
}

/* Part `index` of `total` from device `origin`; the first carries 71 and an RPL that fits `rpl`. */
static enum sms_concat_outcome add(struct sms_concat *concat, uint64_t origin, uint16_t ref,
                                   uint8_t index, uint8_t total, const char *hex, uint64_t now_ns,
                                   struct sms_whole *whole)
{
    struct sms_part part = {
        .account = 1,
        .origin = origin,
        .ours = 99,
        .udh = { .udhl = index == 1 ? 7 : 5,
                 .identifier = index == 1 ? SMS_RESPONSE : SMS_NO_IDENTIFIER,
                 .ref_bits = 8,
                 .ref = ref,
                 .total = total,
                 .index = index },
        .octets = guarded_hex(hex),
        .tag = origin * 1000 + ref * 10u + index,
    };
    return sms_concat_add(concat, &part, now_ns, whole);
}

static struct span hex_of(const json_t *value, uint8_t *buf, size_t cap)
{
    struct writer w = writer_over(buf, cap);
    assert_int_equal(hex_read(span_text(json_string_value(value)), &w), ERR_OK);
    return written(&w);
}

/* Segments in arrival order through classify and concat give the packet. */
static void check_joins(struct sms_concat *concat, const json_t *vector, struct span packet)
{
    const char *id = json_string_value(json_object_get(vector, "id"));
    const json_t *segments = json_object_get(vector, "tp_ud_segments");
    const json_t *order = json_object_get(vector, "arrival_order");
    size_t arrivals = order != NULL ? json_array_size(order) : json_array_size(segments);
    size_t wholes = 0;
    for (size_t i = 0; i < arrivals; i++) {
        size_t at = i;
        if (order != NULL)
            at = (size_t)json_integer_value(json_array_get(order, i)) - 1;
        uint8_t buf[160];
        struct sms_ud_source source = { .ud = hex_of(json_array_get(segments, at), buf, sizeof buf),
                                        .udhi = true };
        struct sms_ud ud;
        check_err(id, sms_ud_classify(&source, &ud), ERR_OK);
        if (ud.kind == SMS_UD_WHOLE) {
            check_bytes(id, ud.octets, packet);
            wholes++;
            continue;
        }
        assert_int_equal(ud.kind, SMS_UD_PART);
        struct sms_part part = { .origin = 1, .udh = ud.udh, .octets = ud.octets };
        struct sms_whole whole;
        if (sms_concat_add(concat, &part, 0, &whole) == SMS_CONCAT_WHOLE) {
            check_bytes(id, whole.packet, packet);
            wholes++;
        }
    }
    bool sound = strcmp(json_string_value(json_object_get(vector, "expect")), "ok") == 0;
    if (wholes != (sound || json_array_size(segments) == 1 ? 1 : 0))
        fail_msg("%s: %zu packets", id, wholes);
}

static void check_cuts(const json_t *vector, struct span packet)
{
    const char *id = json_string_value(json_object_get(vector, "id"));
    const json_t *segments = json_object_get(vector, "tp_ud_segments");
    unsigned bits = (unsigned)json_integer_value(json_object_get(vector, "concat_ref_bits"));
    uint16_t ref = (uint16_t)json_integer_value(json_object_get(vector, "concat_ref"));
    size_t count = sms_segment_count(packet.len, bits == 0 ? 8 : bits);
    assert_int_equal(count, json_array_size(segments));
    for (size_t i = 0; i < count; i++) {
        uint8_t buf[160];
        uint8_t wanted[160];
        struct writer w = writer_over(buf, sizeof buf);
        sms_segment_write(&w, packet, i, count, ref, bits == 0 ? 8 : bits);
        check_bytes(id, written(&w), hex_of(json_array_get(segments, i), wanted, sizeof wanted));
    }
}

static void vectors_cut_and_join_to_the_same_octets(void **state)
{
    (void)state;
    char *text = test_file("vectors/scp80.json");
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    static const char *const kinds[] = { "command", "response" };
    size_t joined = 0;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        size_t i;
        json_t *vector;
        json_array_foreach(json_object_get(root, kinds[k]), i, vector)
        {
            static uint8_t buf[2048];
            if (json_object_get(vector, "tp_ud_segments") == NULL)
                continue;
            struct span packet = hex_of(json_object_get(vector, "secured_packet"), buf, sizeof buf);
            bool sound = strcmp(json_string_value(json_object_get(vector, "expect")), "ok") == 0;
            struct left left;
            struct sms_concat *concat = concat_new(&small, &left);
            check_joins(concat, vector, packet);
            free(concat);
            if (k == 0 && sound)
                check_cuts(vector, packet);
            joined++;
        }
    }
    assert_true(joined > 170);
    json_decref(root);
    free(text);
}

static void capacity_is_that_of_the_table(void **state)
{
    (void)state;
    static const struct {
        size_t count, octets_8, octets_16;
    } rows[] = { { 1, 137, 137 }, { 2, 266, 264 },    { 3, 400, 397 },      { 4, 534, 530 },
                 { 5, 668, 663 }, { 10, 1338, 1328 }, { 255, 34168, 33913 } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(sms_segments_capacity(rows[i].count, 8), rows[i].octets_8);
        assert_int_equal(sms_segments_capacity(rows[i].count, 16), rows[i].octets_16);
        assert_int_equal(sms_segment_count(rows[i].octets_8, 8), rows[i].count);
        assert_int_equal(sms_segment_count(rows[i].octets_16, 16), rows[i].count);
        size_t more = rows[i].count == 255 ? 0 : rows[i].count + 1;
        assert_int_equal(sms_segment_count(rows[i].octets_8 + 1, 8), more);
        assert_int_equal(sms_segment_count(rows[i].octets_16 + 1, 16), more);
    }
    assert_int_equal(sms_segment_count(0, 8), 0);
}

static void every_length_cuts_to_140_octets_at_most_and_joins_in_any_order(void **state)
{
    (void)state;
    static const struct sms_concat_config wide = {
        .sets = 1, .parts = 255, .sets_per_origin = 1, .parts_per_set = 255, .age_ns = SECOND
    };
    struct prng prng;
    prng_init(&prng, 23040);
    struct left left;
    struct sms_concat *concat = concat_new(&wide, &left);
    for (size_t round = 0; round < 200; round++) {
        static uint8_t packet[SMS_PACKET_MAX];
        unsigned bits = round % 2 == 0 ? 8 : 16;
        size_t len = 138 + prng_below(&prng, round % 10 == 0 ? 33000 : 1200);
        struct writer w = writer_over(packet, sizeof packet);
        writer_u16(&w, (uint16_t)(len - 2));
        for (size_t i = 2; i < len; i++)
            writer_u8(&w, (uint8_t)prng_next(&prng));
        size_t count = sms_segment_count(len, bits);
        size_t start = prng_below(&prng, count);
        enum sms_concat_outcome outcome = SMS_CONCAT_WAITING;
        struct sms_whole whole;
        for (size_t i = 0; i < count; i++) {
            uint8_t ud[SMS_PART_MAX];
            struct writer segment = writer_over(ud, sizeof ud);
            sms_segment_write(&segment, written(&w), (start + i) % count, count, 7, bits);
            assert_int_equal(segment.err, ERR_OK);
            struct sms_part part = { .origin = 5, .tag = (start + i) % count };
            check_err("udh", sms_udh_read(written(&segment), &part.udh, &part.octets), ERR_OK);
            assert_int_equal(outcome, SMS_CONCAT_WAITING);
            outcome = sms_concat_add(concat, &part, 0, &whole);
        }
        assert_int_equal(outcome, SMS_CONCAT_WHOLE);
        check_bytes("joined", whole.packet, written(&w));
        assert_int_equal(whole.identifier, SMS_COMMAND);
        assert_int_equal(whole.udhl, bits == 8 ? 7 : 8);
        assert_int_equal(whole.tag_count, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(whole.tags[i], i);
    }
    assert_int_equal(left.calls, 0);
    assert_int_equal(sms_concat_sets(concat), 0);
    free(concat);
}

static void repeated_part_is_ignored_and_a_conflicting_one_loses(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    assert_int_equal(add(concat, 1, 1, 1, 2, "0003 0a", 0, &whole), SMS_CONCAT_WAITING);
    assert_int_equal(add(concat, 1, 1, 1, 2, "0003 0a", 1, &whole), SMS_CONCAT_REPEATED);
    assert_int_equal(add(concat, 1, 1, 1, 2, "0003 0b", 2, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(add(concat, 1, 1, 2, 2, "0102", 3, &whole), SMS_CONCAT_WHOLE);
    check_bytes("the first stands", whole.packet, guarded_hex("0003 0a 0102"));
    assert_int_equal(whole.identifier, SMS_RESPONSE);
    assert_int_equal(counter_read(&sms_concat_counters(concat)->repeated), 1);
    assert_int_equal(counter_read(&sms_concat_counters(concat)->conflicting), 1);
    free(concat);
}

static void part_out_of_its_own_numbers_is_dropped(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    assert_int_equal(add(concat, 1, 1, 0, 2, "00", 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(add(concat, 1, 1, 3, 2, "00", 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(add(concat, 1, 1, 1, 0, "00", 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(counter_read(&sms_concat_counters(concat)->index), 3);
    assert_int_equal(add(concat, 1, 1, 2, 9, "00", 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(counter_read(&sms_concat_counters(concat)->oversized), 1);
    struct sms_part part = { .udh = { .identifier = 0x71, .ref_bits = 8, .total = 2, .index = 2 } };
    assert_int_equal(sms_concat_add(concat, &part, 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(counter_read(&sms_concat_counters(concat)->misplaced), 1);
    assert_int_equal(sms_concat_sets(concat), 0);
    free(concat);
}

static void total_of_one_is_legal(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    assert_int_equal(add(concat, 1, 1, 1, 1, "0001 0a", 0, &whole), SMS_CONCAT_WHOLE);
    assert_int_equal(whole.tag_count, 1);
    free(concat);
}

static void another_total_starts_again(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    assert_int_equal(add(concat, 1, 1, 1, 3, "0003 0a", 0, &whole), SMS_CONCAT_WAITING);
    assert_int_equal(add(concat, 1, 1, 2, 2, "0102", 0, &whole), SMS_CONCAT_WAITING);
    assert_int_equal(left.calls, 1);
    assert_int_equal(left.why, ERR_STALE);
    assert_int_equal(left.last_tag, 1011);
    assert_int_equal(add(concat, 1, 1, 1, 2, "0003 0a", 0, &whole), SMS_CONCAT_WHOLE);
    free(concat);
}

static void keys_do_not_mix(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    struct sms_part first = { .account = 1,
                              .origin = 1,
                              .ours = 1,
                              .octets = guarded_hex("00010a"),
                              .udh = {
                                  .identifier = 0x71, .ref_bits = 8, .total = 2, .index = 1 } };
    assert_int_equal(sms_concat_add(concat, &first, 0, &whole), SMS_CONCAT_WAITING);
    struct sms_part other = first;
    other.udh.index = 2;
    other.udh.identifier = 0;
    struct sms_part variants[4] = { other, other, other, other };
    variants[0].account = 2;
    variants[1].origin = 2;
    variants[2].ours = 2;
    variants[3].udh.ref_bits = 16;
    for (size_t i = 0; i < COUNT(variants); i++)
        assert_int_equal(sms_concat_add(concat, &variants[i], 0, &whole), SMS_CONCAT_WAITING);
    free(concat);
}

static void whole_that_contradicts_its_length_is_dropped(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    add(concat, 1, 1, 1, 2, "0009 0a", 0, &whole);
    assert_int_equal(add(concat, 1, 1, 2, 2, "0102", 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(left.why, ERR_LENGTH);
    assert_int_equal(left.tags, 1); /* the other is the caller's */
    assert_int_equal(counter_read(&sms_concat_counters(concat)->length), 1);
    assert_int_equal(sms_concat_sets(concat), 0);
    free(concat);
}

static void first_part_without_identifier_is_not_ours(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    assert_int_equal(add(concat, 1, 1, 2, 2, "0102", 0, &whole), SMS_CONCAT_WAITING);
    struct sms_part part = { .account = 1,
                             .origin = 1,
                             .ours = 99,
                             .octets = guarded_hex("0102"),
                             .udh = { .ref_bits = 8, .ref = 1, .total = 2, .index = 1 } };
    assert_int_equal(sms_concat_add(concat, &part, 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(left.why, ERR_IDENTIFIER);
    assert_int_equal(sms_concat_sets(concat), 0);
    free(concat);
}

static void headerless_parts_are_named_once_joined(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    struct sms_part part = { .headerless = true,
                             .octets = guarded_hex("000d 0a 0000010000"),
                             .udh = { .ref_bits = 16, .total = 2, .index = 1 } };
    assert_int_equal(sms_concat_add(concat, &part, 0, &whole), SMS_CONCAT_WAITING);
    part.udh.index = 2;
    part.octets = guarded_hex("00000700 00 aabb");
    assert_int_equal(sms_concat_add(concat, &part, 0, &whole), SMS_CONCAT_WHOLE);
    assert_int_equal(whole.identifier, SMS_RESPONSE);
    assert_int_equal(whole.udhl, 0);

    part.octets = guarded_hex("48656c6c6f"); /* text in two sar parts */
    assert_int_equal(sms_concat_add(concat, &part, 0, &whole), SMS_CONCAT_WAITING);
    part.udh.index = 1;
    assert_int_equal(sms_concat_add(concat, &part, 0, &whole), SMS_CONCAT_DROPPED);
    assert_int_equal(left.why, ERR_IDENTIFIER);
    free(concat);
}

static void sets_expire_from_their_first_part(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    assert_int_equal(sms_concat_next_ns(concat), UINT64_MAX);
    add(concat, 1, 1, 1, 3, "0004 0a", 10 * SECOND, &whole);
    add(concat, 1, 1, 2, 3, "0102", 200 * SECOND, &whole); /* does not extend it */
    assert_int_equal(sms_concat_next_ns(concat), 310 * SECOND);
    sms_concat_tick(concat, 310 * SECOND - 1);
    assert_int_equal(left.calls, 0);
    sms_concat_tick(concat, 310 * SECOND);
    assert_int_equal(left.calls, 1);
    assert_int_equal(left.tags, 2);
    assert_int_equal(left.why, ERR_EXPIRED);
    assert_int_equal(counter_read(&sms_concat_counters(concat)->expired), 1);
    assert_int_equal(sms_concat_next_ns(concat), UINT64_MAX);
    free(concat);
}

static void device_at_its_bound_loses_its_own_oldest(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    add(concat, 7, 1, 2, 2, "01", 0, &whole); /* older, but another device's */
    add(concat, 1, 1, 2, 2, "01", 1, &whole);
    add(concat, 1, 2, 2, 2, "01", 2, &whole);
    add(concat, 1, 3, 2, 2, "01", 3, &whole);
    assert_int_equal(left.calls, 1);
    assert_int_equal(left.last_tag, 1012);
    assert_int_equal(left.why, ERR_FULL);
    assert_int_equal(sms_concat_sets(concat), 3);
    free(concat);
}

static void oldest_set_goes_when_sets_or_parts_run_out(void **state)
{
    (void)state;
    struct left left;
    struct sms_whole whole;
    struct sms_concat *concat = concat_new(&small, &left);
    for (uint64_t device = 1; device <= 5; device++)
        add(concat, device, 1, 2, 2, "01", device, &whole);
    assert_int_equal(left.calls, 1);
    assert_int_equal(left.last_tag, 1012);
    free(concat);

    concat = concat_new(&small, &left);
    for (uint8_t index = 1; index <= 7; index++)
        add(concat, 1, 1, index, 8, "00060a", 0, &whole);
    for (uint8_t index = 2; index <= 6; index++)
        add(concat, 2, 1, index, 8, "01", 1, &whole);
    assert_int_equal(left.calls, 0); /* all 12 blocks taken */
    assert_int_equal(add(concat, 1, 1, 8, 8, "01", 2, &whole), SMS_CONCAT_WAITING);
    assert_int_equal(left.calls, 1); /* the set itself was the oldest: it starts again */
    assert_int_equal(left.tags, 7);
    assert_int_equal(counter_read(&sms_concat_counters(concat)->evicted), 1);
    free(concat);
}

static void every_tag_comes_back_once_under_random_traffic(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 31115);
    struct left left;
    struct sms_concat *concat = concat_new(&small, &left);
    size_t kept = 0;
    size_t joined = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        struct sms_whole whole;
        uint8_t total = (uint8_t)(1 + prng_below(&prng, 4));
        uint8_t index = (uint8_t)prng_below(&prng, total + 1u);
        enum sms_concat_outcome outcome =
            add(concat, prng_below(&prng, 6), (uint16_t)prng_below(&prng, 3), index, total,
                prng_below(&prng, 2) == 0 ? "00010a" : "00030a", i * SECOND / 10, &whole);
        kept += outcome == SMS_CONCAT_WAITING || outcome == SMS_CONCAT_WHOLE;
        if (outcome == SMS_CONCAT_WHOLE)
            joined += whole.tag_count;
        assert_true(sms_concat_sets(concat) <= small.sets);
    }
    sms_concat_tick(concat, UINT64_MAX / 2);
    assert_int_equal(sms_concat_sets(concat), 0);
    assert_int_equal(kept, joined + left.tags);
    assert_true(joined > 100 && left.tags > 100);
    free(concat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_cut_and_join_to_the_same_octets),
        cmocka_unit_test(capacity_is_that_of_the_table),
        cmocka_unit_test(every_length_cuts_to_140_octets_at_most_and_joins_in_any_order),
        cmocka_unit_test(repeated_part_is_ignored_and_a_conflicting_one_loses),
        cmocka_unit_test(part_out_of_its_own_numbers_is_dropped),
        cmocka_unit_test(total_of_one_is_legal),
        cmocka_unit_test(another_total_starts_again),
        cmocka_unit_test(keys_do_not_mix),
        cmocka_unit_test(whole_that_contradicts_its_length_is_dropped),
        cmocka_unit_test(first_part_without_identifier_is_not_ours),
        cmocka_unit_test(headerless_parts_are_named_once_joined),
        cmocka_unit_test(sets_expire_from_their_first_part),
        cmocka_unit_test(device_at_its_bound_loses_its_own_oldest),
        cmocka_unit_test(oldest_set_goes_when_sets_or_parts_run_out),
        cmocka_unit_test(every_tag_comes_back_once_under_random_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
