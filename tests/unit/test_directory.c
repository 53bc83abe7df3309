/* The device directory: find, update, remove, re-use only after quiescence, who keeps an MSISDN. */
#include "engine/device/directory.h"
#include "tests/support/devices.h"
#include "tests/support/support.h"

#include "base/prng.h"

#include <stdlib.h>

#define READER 0u

static struct directory *directory_of(uint32_t cap)
{
    struct directory *directory = NULL;
    struct fault fault = { "" };
    check_err(fault.text, directory_create(cap, 2, &directory, &fault), ERR_OK);
    return directory;
}

static struct device_ref put(struct directory *directory, uint64_t number, uint32_t version,
                             uint8_t keysets, enum err wanted)
{
    struct device device;
    struct device_ref ref = { 0 };
    struct eid other;
    device_make(number, version, keysets, &device);
    check_err("put", directory_put(directory, &device, &ref, &other), wanted);
    return ref;
}

static void remove_device(struct directory *directory, uint64_t number, enum err wanted)
{
    struct eid eid = device_eid(number);
    check_err("remove", directory_remove(directory, &eid), wanted);
}

static void check_whole(struct directory *directory, struct device_ref ref, uint64_t number,
                        uint32_t version, uint8_t keysets)
{
    struct device device;
    check_err("read", directory_read(directory, ref, &device), ERR_OK);
    assert_true(device_is_whole(&device, number));
    assert_int_equal(device.keysets[0].cntr_base, version);
    assert_int_equal(device.keyset_count, keysets);
}

static void a_device_is_found_by_eid_and_by_msisdn(void **state)
{
    (void)state;
    struct directory *directory = directory_of(1000);
    for (uint32_t i = 0; i < 1000; i++)
        put(directory, i, 1, (uint8_t)(1 + i % 4), ERR_OK);
    assert_int_equal(directory_count(directory), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        struct eid eid = device_eid(i), copied;
        struct device_ref by_eid, by_msisdn;
        check_err("eid", directory_find_eid(directory, &eid, &by_eid), ERR_OK);
        check_err("msisdn", directory_find_msisdn(directory, device_msisdn(i), &by_msisdn), ERR_OK);
        assert_memory_equal(&by_eid, &by_msisdn, sizeof by_eid);
        check_whole(directory, by_eid, i, 1, (uint8_t)(1 + i % 4));
        uint64_t msisdn;
        check_err("identity", directory_identity(directory, by_eid, &copied, &msisdn), ERR_OK);
        assert_memory_equal(&eid, &copied, sizeof eid);
        assert_int_equal(msisdn, device_msisdn(i));
    }
    struct eid unknown = device_eid(1000);
    struct device_ref ref;
    check_err("eid", directory_find_eid(directory, &unknown, &ref), ERR_UNKNOWN);
    check_err("msisdn", directory_find_msisdn(directory, device_msisdn(1000), &ref), ERR_UNKNOWN);
    check_err("no number", directory_find_msisdn(directory, 0, &ref), ERR_UNKNOWN);
    directory_destroy(directory);
}

static void bulk_look_ups_agree_with_single_ones(void **state)
{
    (void)state;
    enum { CAP = 500, ASKED = 777 };
    struct directory *directory = directory_of(CAP);
    for (uint32_t i = 0; i < CAP; i++)
        put(directory, 2 * i, 1, 1, ERR_OK); /* every second number */
    static uint64_t msisdns[ASKED];
    static struct eid eids[ASKED];
    static struct device_ref by_msisdn[ASKED], by_eid[ASKED];
    static bool found_msisdn[ASKED], found_eid[ASKED];
    for (uint32_t i = 0; i < ASKED; i++) {
        msisdns[i] = i == 700 ? 0 : device_msisdn(i);
        eids[i] = device_eid(i);
    }
    uint32_t counts[] = { 0, 1, 63, 64, 65, ASKED };
    for (unsigned c = 0; c < COUNT(counts); c++) {
        uint32_t count = counts[c], expected_eids = (count + 1) / 2;
        uint32_t expected_msisdns = expected_eids - (count > 700);
        assert_int_equal(directory_find_msisdns(directory, msisdns, count, by_msisdn, found_msisdn),
                         expected_msisdns);
        assert_int_equal(directory_find_eids(directory, eids, count, by_eid, found_eid),
                         expected_eids);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(found_eid[i], i % 2 == 0);
            assert_int_equal(found_msisdn[i], i % 2 == 0 && i != 700);
            if (found_msisdn[i])
                assert_memory_equal(&by_eid[i], &by_msisdn[i], sizeof by_eid[i]);
        }
    }
    directory_destroy(directory);
}

static void an_update_keeps_the_record_and_its_generation(void **state)
{
    (void)state;
    struct directory *directory = directory_of(10);
    struct device_ref first = put(directory, 7, 1, 1, ERR_OK);
    directory_live(directory, first.record)->concat_ref = 1;
    for (uint32_t version = 2; version < 40; version++) { /* chains of every length follow */
        struct device_ref ref = put(directory, 7, version, (uint8_t)(1 + version % 4), ERR_OK);
        assert_memory_equal(&ref, &first, sizeof ref);
        check_whole(directory, ref, 7, version, (uint8_t)(1 + version % 4));
    }
    assert_int_equal(directory_count(directory), 1);
    assert_int_equal(directory_live(directory, first.record)->concat_ref, 1);
    directory_destroy(directory);
}

static void a_changed_msisdn_leaves_no_trace_of_the_old_one(void **state)
{
    (void)state;
    struct directory *directory = directory_of(10);
    struct device device;
    struct device_ref ref, found;
    struct eid other;
    device_make(1, 1, 1, &device);
    check_err("put", directory_put(directory, &device, &ref, &other), ERR_OK);
    device.msisdn = device_msisdn(5);
    check_err("put", directory_put(directory, &device, &ref, &other), ERR_OK);
    check_err("old", directory_find_msisdn(directory, device_msisdn(1), &found), ERR_UNKNOWN);
    check_err("new", directory_find_msisdn(directory, device_msisdn(5), &found), ERR_OK);
    device.msisdn = 0;
    check_err("put", directory_put(directory, &device, &ref, &other), ERR_OK);
    check_err("none", directory_find_msisdn(directory, device_msisdn(5), &found), ERR_UNKNOWN);
    directory_destroy(directory);
}

static void the_newest_keeps_a_contested_msisdn(void **state)
{
    (void)state;
    struct directory *directory = directory_of(10);
    struct device_ref older = put(directory, 1, 1, 3, ERR_OK), newer, found;
    struct device device;
    struct eid other, eid;
    uint64_t msisdn;
    device_make(2, 1, 1, &device);
    device.msisdn = device_msisdn(1);
    check_err("contested", directory_put(directory, &device, &newer, &other), ERR_CONFLICT);
    struct eid loser = device_eid(1);
    assert_memory_equal(&other, &loser, sizeof other);
    check_err("find", directory_find_msisdn(directory, device_msisdn(1), &found), ERR_OK);
    assert_memory_equal(&found, &newer, sizeof found);
    check_err("loser", directory_identity(directory, older, &eid, &msisdn), ERR_OK);
    assert_int_equal(msisdn, 0);
    check_whole(directory, older, 1, 1, 3); /* everything else is as it was */
    check_err("again", directory_put(directory, &device, &newer, &other), ERR_OK);

    remove_device(directory, 2, ERR_OK);
    check_err("gone", directory_find_msisdn(directory, device_msisdn(1), &found), ERR_UNKNOWN);
    directory_destroy(directory);
}

static void a_removed_device_is_gone_at_once(void **state)
{
    (void)state;
    struct directory *directory = directory_of(10);
    struct device_ref ref = put(directory, 1, 1, 4, ERR_OK), found;
    remove_device(directory, 1, ERR_OK);
    remove_device(directory, 1, ERR_UNKNOWN);
    struct eid eid = device_eid(1);
    struct device device;
    uint64_t msisdn;
    check_err("eid", directory_find_eid(directory, &eid, &found), ERR_UNKNOWN);
    check_err("msisdn", directory_find_msisdn(directory, device_msisdn(1), &found), ERR_UNKNOWN);
    check_err("read", directory_read(directory, ref, &device), ERR_STALE);
    check_err("identity", directory_identity(directory, ref, &eid, &msisdn), ERR_STALE);
    assert_int_equal(directory_count(directory), 0);
    directory_destroy(directory);
}

static void references_that_never_were_are_stale(void **state)
{
    (void)state;
    struct directory *directory = directory_of(10);
    struct device device;
    struct device_ref refs[] = { { 0, 0 }, { 0, 1 }, { 9, 0 }, { 10, 1 }, { UINT32_MAX, 1 } };
    for (unsigned i = 0; i < COUNT(refs); i++) {
        check_err("read", directory_read(directory, refs[i], &device), ERR_STALE);
        directory_prefetch(directory, refs[i].record);
    }
    directory_destroy(directory);
}

static void a_record_is_reused_only_after_every_reader_was_quiescent(void **state)
{
    (void)state;
    struct directory *directory = directory_of(2);
    directory_online(directory, READER);
    struct device_ref first = put(directory, 1, 1, 1, ERR_OK);
    put(directory, 2, 1, 1, ERR_OK);
    put(directory, 3, 1, 1, ERR_FULL);
    directory_live(directory, first.record)->session = 7;
    remove_device(directory, 1, ERR_OK);
    put(directory, 3, 1, 1, ERR_FULL); /* the reader may still look at it */
    put(directory, 2, 2, 1, ERR_OK);   /* an update needs no record */
    directory_quiescent(directory, READER);
    struct device_ref third = put(directory, 3, 1, 1, ERR_OK);
    assert_int_equal(third.record, first.record);
    assert_int_not_equal(third.generation, first.generation);
    assert_int_equal(directory_live(directory, third.record)->session, 0);
    struct device device;
    check_err("stale", directory_read(directory, first, &device), ERR_STALE);

    remove_device(directory, 3, ERR_OK);
    remove_device(directory, 2, ERR_OK);
    put(directory, 4, 1, 1, ERR_FULL);
    directory_offline(directory, READER); /* napping: looks at nothing */
    put(directory, 4, 1, 1, ERR_OK);
    put(directory, 5, 1, 1, ERR_OK);
    put(directory, 6, 1, 1, ERR_FULL);
    directory_destroy(directory);
}

/* Against a plain table of what should be there, near the capacity all the time. */
static void a_long_random_history_matches_a_plain_table(void **state)
{
    (void)state;
    enum { CAP = 300, NUMBERS = 400, STEPS = 60000 };
    struct directory *directory = directory_of(CAP);
    static uint32_t versions[NUMBERS]; /* 0: not there */
    static uint8_t keysets[NUMBERS];
    uint32_t count = 0;
    struct prng prng;
    prng_init(&prng, 1);
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t number = (uint32_t)prng_below(&prng, NUMBERS);
        if (prng_below(&prng, 3) == 0) {
            remove_device(directory, number, versions[number] != 0 ? ERR_OK : ERR_UNKNOWN);
            count -= versions[number] != 0;
            versions[number] = 0;
        } else {
            bool room = versions[number] != 0 || count < CAP;
            uint8_t sets = (uint8_t)(1 + prng_below(&prng, 4));
            put(directory, number, step, sets, room ? ERR_OK : ERR_FULL);
            if (room) {
                count += versions[number] == 0;
                versions[number] = step;
                keysets[number] = sets;
            }
        }
        assert_int_equal(directory_count(directory), count);
        if (step % 1000 != 0)
            continue;
        for (uint32_t i = 0; i < NUMBERS; i++) {
            struct eid eid = device_eid(i);
            struct device_ref ref;
            check_err("eid", directory_find_eid(directory, &eid, &ref),
                      versions[i] != 0 ? ERR_OK : ERR_UNKNOWN);
            if (versions[i] != 0)
                check_whole(directory, ref, i, versions[i], keysets[i]);
        }
    }
    directory_destroy(directory);
}

/* Design §4, §8: with one AES-128 SCP80 set, both indexes and the worker's part included. */
static void a_device_costs_at_most_256_octets(void **state)
{
    (void)state;
    enum { CAP = 100000 };
    struct directory *directory = directory_of(CAP);
    for (uint32_t i = 0; i < CAP; i++)
        put(directory, i, 1, 1, ERR_OK);
    size_t each = directory_octets(directory) / CAP;
    print_message("%zu octets a device\n", each);
    assert_true(each <= 256);
    assert_true(sizeof(struct device_live) == 16);
    put(directory, CAP, 1, 1, ERR_FULL);
    directory_destroy(directory);
}

static void impossible_sizes_are_refused_in_words(void **state)
{
    (void)state;
    struct directory *directory = NULL;
    uint32_t caps[] = { 0, DIRECTORY_CAP_MAX + 1 };
    for (unsigned i = 0; i < COUNT(caps); i++) {
        struct fault fault = { "" };
        check_err("cap", directory_create(caps[i], 1, &directory, &fault), ERR_RANGE);
        assert_non_null(strstr(fault.text, "devices"));
    }
    struct fault fault = { "" };
    check_err("readers", directory_create(1, 0, &directory, &fault), ERR_RANGE);
    assert_null(directory);
}

static void a_tar_names_the_key_set_that_secures_it(void **state)
{
    (void)state;
    struct device device;
    device_make(1, 1, 3, &device); /* KVN 1 of the ISD-R, KVN 2 and 3 of the MNO-SD */
    static const struct {
        uint8_t tar[3], kvn;
        int index;
    } cases[] = {
        { { 0, 0, 0 }, 0, 0 },    { { 0, 0, 1 }, 0, 0 },     { { 0, 0, 1 }, 1, 0 },
        { { 0, 0, 1 }, 2, -1 },   { { 0, 0, 0x11 }, 0, 0 },  { { 0xB2, 1, 0 }, 0, 1 },
        { { 0xB2, 1, 0 }, 3, 2 }, { { 0xB2, 1, 0 }, 1, -1 },
    };
    for (unsigned i = 0; i < COUNT(cases); i++)
        assert_int_equal(device_keyset_find(&device, cases[i].tar, cases[i].kvn), cases[i].index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_found_by_eid_and_by_msisdn),
        cmocka_unit_test(bulk_look_ups_agree_with_single_ones),
        cmocka_unit_test(an_update_keeps_the_record_and_its_generation),
        cmocka_unit_test(a_changed_msisdn_leaves_no_trace_of_the_old_one),
        cmocka_unit_test(the_newest_keeps_a_contested_msisdn),
        cmocka_unit_test(a_removed_device_is_gone_at_once),
        cmocka_unit_test(references_that_never_were_are_stale),
        cmocka_unit_test(a_record_is_reused_only_after_every_reader_was_quiescent),
        cmocka_unit_test(a_long_random_history_matches_a_plain_table),
        cmocka_unit_test(a_device_costs_at_most_256_octets),
        cmocka_unit_test(impossible_sizes_are_refused_in_words),
        cmocka_unit_test(a_tar_names_the_key_set_that_secures_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
