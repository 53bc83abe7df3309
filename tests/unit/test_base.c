/* Readers, writers, hex, EID, CRC, histogram, errors. */
#include "base/ber.h"
#include "base/crc.h"
#include "base/eid.h"
#include "base/hex.h"
#include "base/histogram.h"
#include "tests/support/support.h"

#include <stdlib.h>

static void reader_keeps_its_first_error_and_gives_zero_after_it(void **state)
{
    (void)state;
    struct reader r = reader_over(guarded_hex("0102 030405 06"));
    assert_int_equal(reader_u16(&r), 0x0102);
    assert_int_equal(reader_u24(&r), 0x030405);
    assert_int_equal(reader_u16(&r), 0);
    assert_int_equal(r.err, ERR_SHORT);
    assert_int_equal(reader_u8(&r), 0);
    assert_false(reader_more(&r));
    assert_int_equal(reader_end(&r), ERR_SHORT);
}

static void sub_reader_cannot_see_past_its_bound(void **state)
{
    (void)state;
    struct reader r = reader_over(guarded_hex("aabbcc"));
    struct reader sub = reader_sub(&r, 2);
    assert_int_equal(reader_u24(&sub), 0);
    assert_int_equal(sub.err, ERR_SHORT);
    assert_int_equal(reader_u8(&r), 0xcc);
    assert_int_equal(reader_end(&r), ERR_OK);
    struct reader none = reader_sub(&r, 1);
    assert_int_equal(none.err, ERR_SHORT);
    assert_int_equal(r.err, ERR_SHORT);
}

static void nothing_at_all_is_an_empty_span(void **state)
{
    (void)state;
    struct span none = { 0 };
    assert_int_equal(span_after(none, 1).len, 0);
    struct reader r = reader_over(none);
    assert_int_equal(reader_rest(&r).len, 0);
    assert_int_equal(reader_end(&r), ERR_OK);
    struct writer w = writer_over(NULL, 0);
    writer_bytes(&w, none);
    assert_int_equal(written(&w).len, 0);
    assert_int_equal(w.err, ERR_OK);
    writer_u8(&w, 0);
    assert_int_equal(w.err, ERR_FULL);
}

static void writer_refuses_what_does_not_fit(void **state)
{
    (void)state;
    uint8_t buf[4];
    struct writer w = writer_over(buf, sizeof buf);
    size_t mark = writer_mark(&w);
    writer_u16(&w, 0);
    writer_uint(&w, 256, 1);
    assert_int_equal(w.err, ERR_RANGE);
    w = writer_over(buf, sizeof buf);
    writer_u24(&w, 0x010203);
    writer_patch(&w, mark, 0xaabb, 2);
    check_bytes("patched", written(&w), guarded_hex("aabb03"));
    writer_u16(&w, 1);
    assert_int_equal(w.err, ERR_FULL);
    assert_int_equal(writer_len(&w), 3);
}

static void writer_sub_is_bounded(void **state)
{
    (void)state;
    uint8_t buf[4];
    struct writer w = writer_over(buf, sizeof buf);
    struct writer sub = writer_sub(&w, 2);
    writer_u16(&sub, 0x0102);
    writer_u8(&sub, 3);
    assert_int_equal(sub.err, ERR_FULL);
    assert_int_equal(w.err, ERR_OK); /* its own is whole */
    writer_u8(&w, 4);
    check_bytes("written", written(&w), guarded_hex("010204"));
    struct writer none = writer_sub(&w, 2);
    assert_int_equal(none.err, ERR_FULL);
    assert_int_equal(w.err, ERR_FULL);
    writer_u8(&none, 1);
    assert_int_equal(writer_len(&w), 3);
}

static void ber_lengths_read_back(void **state)
{
    (void)state;
    static const size_t lens[] = { 0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF };
    for (size_t i = 0; i < COUNT(lens); i++) {
        uint8_t buf[4];
        struct writer w = writer_over(buf, sizeof buf);
        writer_ber_len(&w, lens[i]);
        assert_int_equal(writer_len(&w), ber_len_size(lens[i]));
        struct span in = guarded_copy(written(&w));
        struct reader r = reader_over(in);
        assert_int_equal(reader_ber_len(&r), lens[i]);
        assert_int_equal(reader_end(&r), ERR_OK);
        for (size_t cut = 0; cut < in.len; cut++) {
            r = reader_over(guarded_copy(span_first(in, cut)));
            reader_ber_len(&r);
            assert_int_equal(r.err, ERR_SHORT);
        }
    }
    static const char *const bad[] = { "80", "83000001", "ff" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct reader r = reader_over(guarded_hex(bad[i]));
        reader_ber_len(&r);
        check_err(bad[i], r.err, ERR_MALFORMED);
    }
}

static void eid_check_digits_hold(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err err;
    } cases[] = {
        { "89001012012341234012345678901224", ERR_OK },
        { "89001012012341234012345678901225", ERR_CHECKSUM },
        { "8900101201234123401234567890122", ERR_LENGTH },
        { "8900101201234123401234567890122a", ERR_MALFORMED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct eid eid;
        check_err(cases[i].text, eid_read(span_text(cases[i].text), &eid), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        char text[EID_DIGITS + 1];
        eid_write(&eid, text);
        assert_string_equal(text, cases[i].text);
        assert_in_range(eid_slot(&eid), 0, SLOT_COUNT - 1);
    }
}

static void crc32c_is_castagnoli(void **state)
{
    (void)state;
    assert_int_equal(crc32c(span_text("123456789")), 0xE3069283);
    struct span zeros = guarded_copy(span_of((uint8_t[32]){ 0 }, 32)); /* RFC 3720 §B.4 */
    assert_int_equal(crc32c(zeros), 0x8A9136AA);
    for (size_t cut = 0; cut <= zeros.len; cut++)
        assert_int_equal(crc32c_more(crc32c(span_first(zeros, cut)), span_after(zeros, cut)),
                         0x8A9136AA);
}

static void hex_refuses_odd_and_foreign_characters(void **state)
{
    (void)state;
    uint8_t buf[2];
    struct writer w = writer_over(buf, sizeof buf);
    check_err("odd", hex_read(span_text("abc"), &w), ERR_MALFORMED);
    check_err("foreign", hex_read(span_text("0g"), &w), ERR_MALFORMED);
    w = writer_over(buf, sizeof buf);
    check_err("too long", hex_read(span_text("010203"), &w), ERR_FULL);
}

static void histogram_quantiles_are_within_a_step(void **state)
{
    (void)state;
    struct histogram *histogram = calloc(2, sizeof *histogram);
    assert_non_null(histogram);
    for (uint64_t value = 1; value <= 1000; value++)
        histogram_add(histogram, value * 1000);
    histogram_merge(&histogram[1], histogram);
    uint64_t median = histogram_quantile(&histogram[1], 500);
    assert_in_range(median, 500000, 500000 + 500000 / 16);
    assert_int_equal(histogram_quantile(histogram, 1000), 1000000);
    free(histogram);
}

static void histogram_counts_what_is_below_a_bound(void **state)
{
    (void)state;
    struct histogram *histogram = calloc(1, sizeof *histogram);
    assert_non_null(histogram);
    for (uint64_t value = 0; value < 5000; value++)
        histogram_add(histogram, value);
    for (uint64_t bound = 16; bound <= 4096; bound *= 2) {
        assert_int_equal(histogram_below(histogram, bound), bound);
        if (bound < 4096)
            assert_int_equal(histogram_below(histogram, bound / 2 * 3), bound / 2 * 3);
    }
    assert_int_equal(histogram_below(histogram, 1ull << 40), 5000);
    free(histogram);
}

static void every_error_has_a_label_and_a_sentence(void **state)
{
    (void)state;
    for (int e = 0; e < ERR_COUNT; e++) {
        assert_true(strlen(err_text((enum err)e)) > 0);
        for (const char *c = err_label((enum err)e); *c != '\0'; c++)
            assert_true((*c >= 'a' && *c <= 'z') || *c == '_');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_keeps_its_first_error_and_gives_zero_after_it),
        cmocka_unit_test(sub_reader_cannot_see_past_its_bound),
        cmocka_unit_test(nothing_at_all_is_an_empty_span),
        cmocka_unit_test(writer_refuses_what_does_not_fit),
        cmocka_unit_test(writer_sub_is_bounded),
        cmocka_unit_test(ber_lengths_read_back),
        cmocka_unit_test(eid_check_digits_hold),
        cmocka_unit_test(crc32c_is_castagnoli),
        cmocka_unit_test(hex_refuses_odd_and_foreign_characters),
        cmocka_unit_test(histogram_quantiles_are_within_a_step),
        cmocka_unit_test(histogram_counts_what_is_below_a_bound),
        cmocka_unit_test(every_error_has_a_label_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
