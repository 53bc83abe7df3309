/* Key sets by name, across updates of their device, and what a worker knows of them. */
#include "engine/device/directory.h"
#include "tests/support/devices.h"
#include "tests/support/support.h"

static uint16_t id_of(const struct device *device, uint8_t kvn)
{
    for (unsigned i = 0; i < device->keyset_count; i++)
        if (device->keysets[i].kvn == kvn)
            return device_keyset_id(device, i);
    fail_msg("no key set %u", kvn);
    return 0;
}

static void swap(struct device_keyset *a, struct device_keyset *b)
{
    struct device_keyset keep = *a;
    *a = *b;
    *b = keep;
}

static void another_order_changes_no_id(void **state)
{
    (void)state;
    struct device stored, updated;
    device_make(1, 7, 4, &stored);
    stored.keysets[2].edition = 3;
    updated = stored;
    updated.keysets[2].edition = 0; /* an EIS does not name it */
    swap(&updated.keysets[0], &updated.keysets[2]);
    swap(&updated.keysets[1], &updated.keysets[3]);
    device_keysets_follow(&updated, &stored);
    for (uint8_t kvn = 1; kvn <= 4; kvn++) {
        assert_int_equal(id_of(&updated, kvn), id_of(&stored, kvn));
        int k = device_keyset_of(&updated, id_of(&stored, kvn));
        assert_int_equal(updated.keysets[k].kvn, kvn);
    }
}

static void sets_added_and_removed_leave_the_others(void **state)
{
    (void)state;
    struct device stored, updated;
    device_make(1, 7, 3, &stored);
    updated = stored;
    swap(&updated.keysets[0], &updated.keysets[2]);
    updated.keyset_count = 2; /* without version 1 */
    device_keysets_follow(&updated, &stored);
    assert_int_equal(device_keyset_of(&updated, id_of(&stored, 1)), -1);
    assert_int_equal(device_keyset_of(&updated, id_of(&stored, 2)), 1);
    assert_int_equal(device_keyset_of(&updated, id_of(&stored, 3)), 0);
    struct device again = stored;
    device_keysets_follow(&again, &updated);
    assert_int_equal(id_of(&again, 1), id_of(&stored, 1)); /* the same keys are the same set */
}

static void changed_keys_are_another_set(void **state)
{
    (void)state;
    struct device stored, updated;
    device_make(1, 7, 2, &stored);
    stored.keysets[0].edition = 255; /* the next one is 0 */
    for (unsigned part = 0; part < 3; part++) {
        updated = stored;
        updated.keysets[0].edition = updated.keysets[1].edition = 0;
        updated.keysets[0].cntr_base = updated.keysets[1].cntr_base = 5;
        updated.keysets[0].kic[15] ^= part == 0;
        updated.keysets[0].kid[0] ^= part == 1;
        updated.keysets[0].kid_algorithm ^= part == 2;
        device_keysets_follow(&updated, &stored);
        assert_int_equal(device_keyset_of(&updated, device_keyset_id(&stored, 0)), -1);
        assert_int_equal(updated.keysets[0].edition, 0);
        assert_int_equal(updated.keysets[0].cntr_base, 5); /* the counter begins anew */
        assert_int_equal(device_keyset_id(&updated, 1), device_keyset_id(&stored, 1));
        assert_int_equal(updated.keysets[1].cntr_base, 7); /* never lowered under the same keys */
    }
}

/* The same version of two security domains, and both through the directory's packed form. */
static void domains_tell_versions_apart(void **state)
{
    (void)state;
    struct device device, got;
    device_make(1, 7, 2, &device);
    device.keysets[1].kvn = device.keysets[0].kvn = 0xF;
    device.keysets[1].edition = 200;
    device.keysets[1].cc_len = 4;
    assert_int_not_equal(device_keyset_id(&device, 0), device_keyset_id(&device, 1));
    assert_true(device_keyset_id(&device, 1) >> KEYSET_ID_BITS == 0);
    struct fault fault = { "" };
    struct directory *directory;
    struct device_ref ref;
    struct eid other;
    check_err(fault.text, directory_create(4, 1, &directory, &fault), ERR_OK);
    check_err("put", directory_put(directory, &device, &ref, &other), ERR_OK);
    check_err("read", directory_read(directory, ref, &got), ERR_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(device_keyset_id(&got, i), device_keyset_id(&device, i));
        assert_int_equal(got.keysets[i].cc_len, device.keysets[i].cc_len);
    }
    uint16_t id = device_keyset_id(&got, 1);
    directory_keyset_mark(directory, ref, id, KEYSET_RAISED);
    assert_int_equal(device_live_flags(directory_live(directory, ref.record), id), KEYSET_RAISED);
    directory_destroy(directory);
}

static void flags_add_up_and_stay_while_their_set_does(void **state)
{
    (void)state;
    struct device device;
    device_make(1, 7, 4, &device);
    struct device_live live = { 0 };
    for (unsigned i = 0; i < 4; i++)
        device_live_mark(&live, &device, device_keyset_id(&device, i), KEYSET_PROVEN);
    uint16_t first = device_keyset_id(&device, 0), last = device_keyset_id(&device, 3);
    device_live_mark(&live, &device, last, KEYSET_RAISED);
    assert_int_equal(device_live_flags(&live, last), KEYSET_PROVEN | KEYSET_RAISED);
    device_live_mark(&live, &device, first + 1, KEYSET_RAISED); /* of none that it has */
    assert_int_equal(device_live_flags(&live, first + 1), 0);
    for (uint8_t edition = 1; edition < 20;
         edition++) { /* the first one's keys change and change */
        device.keysets[0].edition = edition;
        uint16_t id = device_keyset_id(&device, 0);
        assert_int_equal(device_live_flags(&live, id), 0);
        device_live_mark(&live, &device, id, KEYSET_RAISED);
        assert_int_equal(device_live_flags(&live, id), KEYSET_RAISED);
        for (unsigned i = 1; i < 4; i++)
            assert_true(device_live_flags(&live, device_keyset_id(&device, i)) & KEYSET_PROVEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_order_changes_no_id),
        cmocka_unit_test(sets_added_and_removed_leave_the_others),
        cmocka_unit_test(changed_keys_are_another_set),
        cmocka_unit_test(domains_tell_versions_apart),
        cmocka_unit_test(flags_add_up_and_stay_while_their_set_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
