/* Idempotency keys in memory: as a plain list says, through growth, removal and failed commits. */
#include "base/prng.h"
#include "engine/store/idem.h"
#include "tests/support/support.h"

#define JOBS 20000

static void a_key_is_found_by_client_and_octets(void **state)
{
    (void)state;
    uint64_t a = idem_fingerprint(1, span_text("key"));
    assert_int_equal(a, idem_fingerprint(1, span_text("key")));
    assert_int_not_equal(a, idem_fingerprint(2, span_text("key")));
    assert_int_not_equal(a, idem_fingerprint(1, span_text("kez")));
    struct idem *idem = idem_create();
    assert_int_equal(idem_find(idem, a, 0), 0);
    assert_int_equal(idem_add(idem, a, 7), ERR_OK);
    assert_int_equal(idem_add(idem, a, 8), ERR_OK); /* another key of the same fingerprint */
    assert_int_equal(idem_find(idem, a, 0), 7);
    assert_int_equal(idem_find(idem, a, 1), 8);
    assert_int_equal(idem_find(idem, a, 2), 0);
    idem_destroy(idem);
}

static void a_failed_commit_undoes_its_changes(void **state)
{
    (void)state;
    struct idem *idem = idem_create();
    assert_int_equal(idem_add(idem, 10, 1), ERR_OK);
    idem_settle(idem, true);
    assert_int_equal(idem_add(idem, 11, 2), ERR_OK);
    assert_int_equal(idem_remove(idem, 10, 1), ERR_OK);
    assert_int_equal(idem_find(idem, 10, 0), 0);
    idem_settle(idem, false);
    assert_int_equal(idem_find(idem, 10, 0), 1);
    assert_int_equal(idem_find(idem, 11, 0), 0);
    assert_int_equal(idem_count(idem), 1);
    idem_destroy(idem);
}

/* Few different homes, so that runs are long and wrap round the end. */
static uint64_t crowded(uint64_t id)
{
    return UINT64_MAX - id % 61;
}

static void random_changes_agree_with_a_plain_list(void **state)
{
    (void)state;
    static uint8_t there[JOBS + 1];
    struct prng prng;
    prng_init(&prng, 5);
    struct idem *idem = idem_create();
    uint64_t count = 0;
    for (unsigned step = 0; step < 4000; step++) {
        uint64_t id = 1 + prng_below(&prng, 600);
        bool keep = prng_below(&prng, 4) != 0;
        if (there[id])
            assert_int_equal(idem_remove(idem, crowded(id), id), ERR_OK);
        else
            assert_int_equal(idem_add(idem, crowded(id), id), ERR_OK);
        idem_settle(idem, keep);
        if (keep) {
            there[id] = !there[id];
            count += there[id] ? 1 : UINT64_MAX;
        }
        assert_int_equal(idem_count(idem), count);
    }
    for (uint64_t id = 1; id <= 600; id++) {
        bool found = false;
        uint64_t got;
        for (uint32_t nth = 0; (got = idem_find(idem, crowded(id), nth)) != 0; nth++)
            found |= got == id;
        assert_int_equal(found, there[id]);
    }
    idem_destroy(idem);
}

static void it_grows_without_losing_any(void **state)
{
    (void)state;
    struct idem *idem = idem_create();
    for (uint64_t id = 1; id <= JOBS; id++)
        assert_int_equal(idem_add(idem, idem_fingerprint(0, span_of(&id, sizeof id)), id), ERR_OK);
    idem_settle(idem, true);
    for (uint64_t id = 1; id <= JOBS; id++)
        assert_int_equal(idem_find(idem, idem_fingerprint(0, span_of(&id, sizeof id)), 0), id);
    assert_int_equal(idem_count(idem), JOBS);
    idem_destroy(idem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_by_client_and_octets),
        cmocka_unit_test(a_failed_commit_undoes_its_changes),
        cmocka_unit_test(random_changes_agree_with_a_plain_list),
        cmocka_unit_test(it_grows_without_losing_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
