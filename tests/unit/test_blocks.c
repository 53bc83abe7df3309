/* Counter blocks (design §4 "Slots and counters"): never one twice, and the clock must fit. */
#include "engine/store/blocks.h"
#include "engine/store/log.h"
#include "engine/store/table.h"
#include "tests/support/support.h"
#include "tests/support/temp_dir.h"

static uint64_t at_block(uint64_t block)
{
    return BLOCK_EPOCH_MS + block * BLOCK_SPAN_MS;
}

static void the_rule_takes_the_greater_of_clock_and_last(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool known;
        uint32_t last;
        uint64_t by_clock;
        bool accept;
        enum err err;
        uint32_t block;
    } cases[] = {
        { "first ever", false, 0, 5, false, ERR_OK, 5 },
        { "first ever, at the epoch", false, 0, 0, false, ERR_OK, 0 },
        { "the clock is ahead", true, 5, 100, false, ERR_OK, 100 },
        { "the same span", true, 100, 100, false, ERR_OK, 101 },
        { "ahead of the clock", true, 150, 100, false, ERR_OK, 151 },
        { "seven days ahead", true, 100 + BLOCK_LEAD_MAX - 1, 100, false, ERR_OK,
          100 + BLOCK_LEAD_MAX },
        { "over seven days ahead", true, 100 + BLOCK_LEAD_MAX, 100, false, ERR_DENIED, 0 },
        { "over seven days, accepted", true, 100 + BLOCK_LEAD_MAX, 100, true, ERR_OK,
          101 + BLOCK_LEAD_MAX },
        { "90 days later", true, 5, 5 + BLOCK_JUMP_MAX, false, ERR_OK, 5 + BLOCK_JUMP_MAX },
        { "over 90 days later", true, 5, 6 + BLOCK_JUMP_MAX, false, ERR_DENIED, 0 },
        { "over 90 days, accepted", true, 5, 6 + BLOCK_JUMP_MAX, true, ERR_OK, 6 + BLOCK_JUMP_MAX },
        { "the last there is", true, 0xFFFFE, 0xFFFFE, false, ERR_OK, 0xFFFFF },
        { "used up", true, 0xFFFFF, 0xFFFFF, false, ERR_EXHAUSTED, 0 },
        { "used up, accepted", true, 0xFFFFF, 0, true, ERR_EXHAUSTED, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t block = 0;
        enum err err =
            block_next(cases[i].known ? &cases[i].last : NULL,
                       at_block(cases[i].by_clock) + BLOCK_SPAN_MS - 1, cases[i].accept, &block);
        check_err(cases[i].name, err, cases[i].err);
        if (err == ERR_OK)
            assert_int_equal(block, cases[i].block);
    }
    uint32_t block, last = 9;
    check_err("before 2026", block_next(NULL, BLOCK_EPOCH_MS - 1, false, &block), ERR_DENIED);
    check_err("before 2026, accepted", block_next(&last, 0, true, &block), ERR_OK);
    assert_int_equal(block, 10);
}

static void starts_give_every_slot_a_block_and_never_one_twice(void **state)
{
    (void)state;
    struct temp_dir dir = temp_dir_make();
    struct fault fault = { "" };
    uint32_t before[SLOT_COUNT], blocks[SLOT_COUNT];
    for (unsigned start = 0; start < 5; start++) {
        struct store *store = store_open(dir.path, &fault);
        assert_non_null(store);
        assert_int_equal(block_take_all(store, at_block(1000), false, blocks, &fault), ERR_OK);
        for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
            assert_int_equal(blocks[slot], start == 0 ? 1000 : before[slot] + 1);
        memcpy(before, blocks, sizeof before);
        store_close(store);
    }
    temp_dir_remove(&dir);
}

static void a_slot_takes_its_next_block_alone(void **state)
{
    (void)state;
    struct temp_dir dir = temp_dir_make();
    struct fault fault = { "" };
    struct store *store = store_open(dir.path, &fault);
    struct store_txn *txn;
    uint32_t block;
    assert_int_equal(store_txn_begin(store, STORE_WRITE, &txn), ERR_OK);
    assert_int_equal(log_create_once(txn, 3, 8), ERR_OK); /* taken, though its record is silent */
    assert_int_equal(block_take(txn, 3, at_block(7), false, &block), ERR_OK);
    assert_int_equal(block, 7);
    assert_int_equal(block_take(txn, 3, at_block(7), false, &block), ERR_OK);
    assert_int_equal(block, 9);
    assert_int_equal(block_take(txn, 4, at_block(7), false, &block), ERR_OK);
    assert_int_equal(block, 7);
    assert_int_equal(block_take(txn, SLOT_COUNT, at_block(7), false, &block), ERR_RANGE);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    store_close(store);
    temp_dir_remove(&dir);
}

static void a_clock_that_does_not_fit_is_told_and_changes_nothing(void **state)
{
    (void)state;
    struct temp_dir dir = temp_dir_make();
    struct fault fault = { "" };
    uint32_t blocks[SLOT_COUNT];
    struct store *store = store_open(dir.path, &fault);
    assert_int_equal(block_take_all(store, at_block(50000), false, blocks, &fault), ERR_OK);
    assert_int_equal(block_take_all(store, at_block(1000), false, blocks, &fault), ERR_DENIED);
    assert_non_null(strstr(fault.text, "accept_clock"));
    assert_int_equal(block_take_all(store, at_block(1000), true, blocks, &fault), ERR_OK);
    assert_int_equal(blocks[0], 50001);
    store_close(store);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_takes_the_greater_of_clock_and_last),
        cmocka_unit_test(starts_give_every_slot_a_block_and_never_one_twice),
        cmocka_unit_test(a_slot_takes_its_next_block_alone),
        cmocka_unit_test(a_clock_that_does_not_fit_is_told_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
