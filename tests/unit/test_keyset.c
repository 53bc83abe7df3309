/* Key sets by name, across updates of their device, and what a worker knows of them. */
#include "engine/device/directory.h"
#include "tests/support/devices.h"
#include "tests/support/support.h"

/* The same version of two security domains, and both through the directory's packed form. */
static void domains_tell_versions_apart(void **state)
{
    (void)state;
    struct device device, got;
    device_make(1, 7, 2, &device);
    device.keysets[1].kvn = device.keysets[0].kvn = 0xF;
    device.keysets[1].edition = 200;
    device.keysets[1].cc_len = 4;
    device.keysets[1].flags = KEYSET_PROVEN; /* as the store knew it */
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
        assert_int_equal(got.keysets[i].flags, device.keysets[i].flags);
        assert_int_equal(got.keysets[i].kic_len, device.keysets[i].kic_len);
        assert_int_equal(got.keysets[i].kid_len, device.keysets[i].kid_len);
    }
    uint16_t id = device_keyset_id(&got, 1);
    assert_int_equal(directory_keyset_flags(directory, ref, id), KEYSET_PROVEN);
    directory_keyset_mark(directory, ref, id, KEYSET_RAISED);
    assert_int_equal(directory_keyset_flags(directory, ref, id), KEYSET_PROVEN | KEYSET_RAISED);
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
        cmocka_unit_test(domains_tell_versions_apart),
        cmocka_unit_test(flags_add_up_and_stay_while_their_set_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
