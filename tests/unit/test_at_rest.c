/* Commands at rest: what the SPI leaves in clear does not lie in clear (design §4). */
#include "crypto/kek.h"
#include "engine/store/at_rest.h"
#include "tests/support/support.h"

static const uint8_t packet[] = "the secured packet of a command in clear";
static uint8_t buf[AT_REST_CAP], clear[RECORD_PACKET_MAX];

static struct record_command command_with(uint16_t spi)
{
    return (struct record_command){ .id = 77,
                                    .job_count = 1,
                                    .jobs = { 77 },
                                    .apdus = { 1 },
                                    .spi = spi,
                                    .cntr = 5,
                                    .packet = span_of(packet, sizeof packet) };
}

struct safe {
    struct kek *kek;
    struct lanes *lanes;
};

static struct safe safe_make(uint8_t seed)
{
    struct fault fault = { "" };
    uint8_t key[KEK_LEN];
    memset(key, seed, sizeof key);
    struct safe safe = { .kek = kek_from(key, &fault), .lanes = lanes_create() };
    assert_non_null(safe.kek);
    assert_non_null(safe.lanes);
    return safe;
}

static void safe_drop(struct safe *safe)
{
    kek_drop(safe->kek);
    lanes_destroy(safe->lanes);
}

static bool shows_packet(struct span stored)
{
    return memmem(stored.bytes, stored.len, packet, 8) != NULL;
}

static void a_ciphered_packet_lies_as_it_is(void **state)
{
    (void)state;
    struct record_command command = command_with(0x1639), got;
    struct writer w = writer_over(buf, sizeof buf);
    assert_int_equal(at_rest_write(&w, &command, NULL, NULL), ERR_OK);
    assert_true(shows_packet(written(&w)));
    assert_int_equal(at_rest_read(written(&w), NULL, NULL, clear, &got), ERR_OK);
    check_bytes("packet", got.packet, command.packet);
}

static void a_clear_packet_is_wrapped_and_bound_to_its_command(void **state)
{
    (void)state;
    struct safe safe = safe_make(1), other = safe_make(2);
    struct record_command command = command_with(0x1239), got;
    struct writer w = writer_over(buf, sizeof buf);
    assert_int_equal(at_rest_write(&w, &command, NULL, NULL), ERR_KEY);
    w = writer_over(buf, sizeof buf);
    assert_int_equal(at_rest_write(&w, &command, safe.kek, safe.lanes), ERR_OK);
    struct span stored = written(&w);
    assert_false(shows_packet(stored));
    assert_int_equal(at_rest_read(stored, safe.kek, safe.lanes, clear, &got), ERR_OK);
    assert_int_equal(got.id, 77);
    check_bytes("packet", got.packet, command.packet);
    assert_int_equal(at_rest_read(stored, NULL, NULL, clear, &got), ERR_KEY);
    assert_int_equal(at_rest_read(stored, other.kek, other.lanes, clear, &got), ERR_CORRUPT);
    buf[3 + 8] ^= 1; /* the command's id: last octet */
    assert_int_equal(at_rest_read(stored, safe.kek, safe.lanes, clear, &got), ERR_CORRUPT);
    buf[3 + 8] ^= 1;
    for (size_t cut = 0; cut < stored.len; cut++)
        assert_int_not_equal(
            at_rest_read(guarded_copy(span_first(stored, cut)), safe.kek, safe.lanes, clear, &got),
            ERR_OK);
    buf[0] = 2;
    assert_int_equal(at_rest_read(stored, safe.kek, safe.lanes, clear, &got), ERR_UNSUPPORTED);
    safe_drop(&safe);
    safe_drop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ciphered_packet_lies_as_it_is),
        cmocka_unit_test(a_clear_packet_is_wrapped_and_bound_to_its_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
