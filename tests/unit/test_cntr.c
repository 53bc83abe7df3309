/* Counter rules (TS 102 225 §5.1.4) and the composition of counters from blocks. */
#include "crypto/cntr.h"
#include "tests/support/support.h"

#define TOP SCP80_CNTR_MAX
#define SPI(mode) ((uint16_t)((mode) << SCP80_SPI_COUNTER_SHIFT | 0x0639))

static const struct {
    const char *name;
    enum scp80_counter_mode mode;
    uint64_t stored, received;
    enum scp80_status status;
    uint64_t after;
} cases[] = {
    { "none: ignored", SCP80_COUNTER_NONE, 77, 3, SCP80_STATUS_OK, 77 },
    { "none: ignored at the top", SCP80_COUNTER_NONE, TOP, 3, SCP80_STATUS_OK, TOP },
    { "unchecked", SCP80_COUNTER_UNCHECKED, 77, 3, SCP80_STATUS_OK, 77 },
    { "higher: lower", SCP80_COUNTER_HIGHER, 77, 76, SCP80_STATUS_CNTR_LOW, 77 },
    { "higher: equal", SCP80_COUNTER_HIGHER, 77, 77, SCP80_STATUS_CNTR_LOW, 77 },
    { "higher: next", SCP80_COUNTER_HIGHER, 77, 78, SCP80_STATUS_OK, 78 },
    { "higher: gap", SCP80_COUNTER_HIGHER, 77, 7000, SCP80_STATUS_OK, 7000 },
    { "higher: to the top", SCP80_COUNTER_HIGHER, 0, TOP, SCP80_STATUS_OK, TOP },
    { "higher: blocked", SCP80_COUNTER_HIGHER, TOP, TOP, SCP80_STATUS_CNTR_BLOCKED, TOP },
    { "higher: blocked, not low", SCP80_COUNTER_HIGHER, TOP, 0, SCP80_STATUS_CNTR_BLOCKED, TOP },
    { "next: lower", SCP80_COUNTER_NEXT, 9, 8, SCP80_STATUS_CNTR_LOW, 9 },
    { "next: equal", SCP80_COUNTER_NEXT, 9, 9, SCP80_STATUS_CNTR_LOW, 9 },
    { "next: next", SCP80_COUNTER_NEXT, 9, 10, SCP80_STATUS_OK, 10 },
    { "next: gap", SCP80_COUNTER_NEXT, 9, 11, SCP80_STATUS_CNTR_HIGH, 9 },
    { "next: over 32 bits", SCP80_COUNTER_NEXT, 0xFFFFFFFF, 0x100000000, SCP80_STATUS_OK,
      0x100000000 },
    { "next: to the top", SCP80_COUNTER_NEXT, TOP - 1, TOP, SCP80_STATUS_OK, TOP },
    { "next: never wraps", SCP80_COUNTER_NEXT, TOP, 0, SCP80_STATUS_CNTR_BLOCKED, TOP },
};

static void receiver_decides_by_mode_and_stored_counter(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t stored = cases[i].stored;
        enum scp80_status status = cntr_receive(&stored, cases[i].received, SPI(cases[i].mode));
        if (status != cases[i].status || stored != cases[i].after)
            fail_msg("%s: status %02x, counter %llx", cases[i].name, status,
                     (unsigned long long)stored);
    }
}

static void counters_are_base_plus_block_and_sequence(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t base;
        uint32_t block, sequence;
        enum err err;
        uint64_t cntr;
    } sums[] = {
        { "zero", 0, 0, 0, ERR_OK, 0 },
        { "sequence", 0, 0, 5, ERR_OK, 5 },
        { "block", 0, 1, 0, ERR_OK, 1 << 20 },
        { "all", 0x4000000000, 0x12345, 0xFFFFF, ERR_OK, 0x4000000000 + 0x12345FFFFF },
        { "the whole space", 0, 0xFFFFF, 0xFFFFF, ERR_OK, TOP },
        { "to the last value", TOP - 5, 0, 5, ERR_OK, TOP },
        { "past the last value", TOP - 5, 0, 6, ERR_EXHAUSTED, 0 },
        { "past it by a block", 1, 0xFFFFF, 0xFFFFF, ERR_EXHAUSTED, 0 },
        { "base over 40 bits", TOP + 1, 0, 0, ERR_EXHAUSTED, 0 },
        { "base that would wrap 64 bits", UINT64_MAX, 0xFFFFF, 0xFFFFF, ERR_EXHAUSTED, 0 },
        { "block over 20 bits", 0, 0x100000, 0, ERR_RANGE, 0 },
        { "sequence over 20 bits", 0, 0, 0x100000, ERR_RANGE, 0 },
    };
    for (size_t i = 0; i < COUNT(sums); i++) {
        uint64_t cntr = 0;
        check_err(sums[i].name, cntr_compose(sums[i].base, sums[i].block, sums[i].sequence, &cntr),
                  sums[i].err);
        assert_int_equal(cntr, sums[i].cntr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receiver_decides_by_mode_and_stored_counter),
        cmocka_unit_test(counters_are_base_plus_block_and_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
