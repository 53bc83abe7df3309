/* Devices in the store: which edition a key set is, what is remembered of those that went. */
#include "engine/device/device_record.h"
#include "engine/store/keys.h"
#include "tests/support/devices.h"
#include "tests/support/store_rig.h"
#include "tests/support/support.h"
#include "tests/support/temp_dir.h"

static struct temp_dir dir;
static struct store_rig rig;

static void start(void)
{
    struct fault fault = { "" };
    rig.store = store_open(dir.path, &fault);
    if (rig.store == NULL || !rig_start(&rig, &fault))
        fail_msg("%s", fault.text);
    rig.now_ms = RIG_NOW_MS;
}

static void restart(void)
{
    rig_stop(&rig);
    start();
}

static int set_up(void **state)
{
    (void)state;
    static const uint8_t key[KEK_LEN] = { 3, 1 };
    struct fault fault = { "" };
    rig.kek = kek_from(key, &fault);
    rig.lanes = lanes_create();
    if (rig.kek == NULL || rig.lanes == NULL)
        return 1;
    dir = temp_dir_make();
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    kek_drop(rig.kek);
    lanes_destroy(rig.lanes);
    temp_dir_remove(&dir);
    return 0;
}

static struct msg *take(enum msg_kind kind, const struct eid *eid)
{
    struct msg *msg = channel_take(rig.control);
    assert_non_null(msg);
    msg->kind = (uint8_t)kind;
    msg->flags = 0;
    msg->eid = *eid;
    return msg;
}

static void push_put(const struct device *device)
{
    struct msg *msg = take(MSG_DEVICE_PUT, &device->eid);
    struct eis eis = { .device = *device, .kept = json_object() };
    eis.other = (struct eis_other){ 3, { 1, 2, 3 } };
    struct writer w = msg_writer(msg);
    device_record_write(&w, rig.kek, rig.lanes, &eis);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    eis_drop(&eis);
    rig_push(rig.control, msg);
}

/* What comes home is what is stored: read into *out, flags included. */
static enum err home(struct device *out)
{
    struct msg *msg = rig_home(rig.control);
    assert_non_null(msg);
    enum err err = (enum err)msg->err;
    if (err == ERR_OK && msg->kind == MSG_DEVICE_PUT) {
        check_err("home", device_record_read(msg_body(msg), rig.kek, rig.lanes, out), ERR_OK);
        for (unsigned i = 0; i < out->keyset_count; i++)
            out->keysets[i].flags = msg->part >> 2 * i & 3;
        struct eis_other other = { 0 };
        check_err("other", device_record_other(msg_body(msg), rig.kek, rig.lanes, &other), ERR_OK);
        assert_int_equal(other.len, 3);
    }
    channel_untake(rig.control, msg);
    return err;
}

static enum err put_err(const struct device *device, struct device *out)
{
    push_put(device);
    (void)store_turn(rig.thread, rig.now_ms);
    return home(out);
}

static struct device put(const struct device *device)
{
    struct device got = { 0 };
    assert_int_equal(put_err(device, &got), ERR_OK);
    return got;
}

static enum err remove_err(const struct device *device)
{
    rig_push(rig.control, take(MSG_DEVICE_REMOVE, &device->eid));
    (void)store_turn(rig.thread, rig.now_ms);
    struct device none;
    return home(&none);
}

static void mark(const struct device *device, unsigned index, uint8_t flags)
{
    struct msg *msg = channel_take(rig.worker);
    assert_non_null(msg);
    msg->kind = MSG_KEYSET;
    msg->eid = device->eid;
    msg->status = device_keyset_id(device, index);
    msg->flags = flags;
    rig_push(rig.worker, msg);
    (void)store_turn(rig.thread, rig.now_ms);
    msg = rig_home(rig.worker);
    assert_int_equal(msg->err, ERR_OK);
    channel_untake(rig.worker, msg);
}

static uint64_t rows(enum table_id table)
{
    struct store_txn *txn;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    uint64_t count = table_count(txn, table);
    store_txn_abort(txn);
    return count;
}

static void swap(struct device_keyset *a, struct device_keyset *b)
{
    struct device_keyset keep = *a;
    *a = *b;
    *b = keep;
}

/* As the EIS would name it: neither edition nor flags. */
static struct device eis_of(uint64_t number, uint32_t base, uint8_t keysets)
{
    struct device device;
    device_make(number, 7, keysets, &device);
    for (unsigned i = 0; i < keysets; i++)
        device.keysets[i].cntr_base = base;
    return device;
}

static struct device with_keys(struct device device, uint8_t change)
{
    device.keysets[0].kic[3] ^= change;
    return device;
}

static void devices_are_put_replaced_and_removed(void **state)
{
    (void)state;
    struct device device = eis_of(1, 7, 2);
    struct device got = put(&device);
    assert_memory_equal(&got, &device, sizeof got);
    device.segments_max = 9;
    got = put(&device);
    assert_memory_equal(&got, &device, sizeof got);
    assert_int_equal(rows(TABLE_DEVICES), 1);
    assert_int_equal(rows(TABLE_KEYSETS), 0); /* it has all it ever had */
    restart();
    assert_int_equal(remove_err(&device), ERR_OK);
    assert_int_equal(remove_err(&device), ERR_UNKNOWN);
    assert_int_equal(rows(TABLE_DEVICES), 0);
}

static void another_order_changes_no_name(void **state)
{
    (void)state;
    struct device device = eis_of(1, 7, 4);
    put(&device);
    struct device changed = with_keys(device, 1);
    struct device before = put(&changed);
    swap(&changed.keysets[0], &changed.keysets[2]);
    swap(&changed.keysets[1], &changed.keysets[3]);
    struct device after = put(&changed);
    assert_int_equal(before.keysets[0].edition, 1);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(device_keyset_id(&after, i), device_keyset_id(&before, i ^ 2));
}

static void changed_keys_are_the_next_edition(void **state)
{
    (void)state;
    struct device device = eis_of(1, 9, 2);
    put(&device);
    for (unsigned part = 0; part < 3; part++) {
        struct device changed = device;
        changed.keysets[0].cntr_base = changed.keysets[1].cntr_base = 5;
        changed.keysets[0].kic[15] ^= part == 0;
        changed.keysets[0].kid[0] ^= part == 1;
        changed.keysets[0].kid_algorithm ^= part == 2;
        struct device got = put(&changed);
        assert_int_equal(got.keysets[0].edition, part + 1);
        assert_int_equal(got.keysets[0].cntr_base, 5); /* the counter begins anew */
        assert_int_equal(got.keysets[1].edition, 0);
        assert_int_equal(got.keysets[1].cntr_base, 9); /* never lowered under the same keys */
    }
}

/* By an update without it, or with the whole device; over a restart or not. */
static void a_key_set_that_comes_back_is_what_it_was(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct device device = eis_of(way, 90, 2);
        put(&device);
        mark(&device, 1, KEYSET_RAISED);
        mark(&device, 1, KEYSET_PROVEN);
        if (way & 1)
            assert_int_equal(remove_err(&device), ERR_OK);
        struct device less = eis_of(way, 5, 1);
        put(&less);
        if (way & 2)
            restart();
        struct device again = eis_of(way, 5, 2);
        struct device got = put(&again);
        assert_int_equal(got.keysets[1].edition, 0);
        assert_int_equal(got.keysets[1].cntr_base, 90);
        assert_int_equal(got.keysets[1].flags, KEYSET_RAISED | KEYSET_PROVEN);
        assert_int_equal(got.keysets[0].cntr_base, 90);
        assert_int_equal(got.keysets[0].flags, 0);
    }
}

static void a_key_set_that_comes_back_with_other_keys_is_another(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        struct device device = eis_of(way, 90, 1);
        put(&device);
        mark(&device, 0, KEYSET_RAISED);
        assert_int_equal(remove_err(&device), ERR_OK);
        if (way & 2)
            restart();
        struct device other = with_keys(eis_of(way, 5, 1), 1);
        struct device got = put(&other);
        assert_int_equal(got.keysets[0].edition, 1);
        assert_int_equal(got.keysets[0].cntr_base, 5);
        assert_int_equal(got.keysets[0].flags, 0);
        if (way & 1)
            assert_int_equal(remove_err(&device), ERR_OK);
        got = put(&device); /* the first ones again */
        assert_int_equal(got.keysets[0].edition, 0);
        assert_int_equal(got.keysets[0].cntr_base, 90);
        assert_int_equal(got.keysets[0].flags, KEYSET_RAISED);
    }
}

/* Both were sent before either was durable: in one transaction. */
static void quick_updates_get_editions_of_their_own(void **state)
{
    (void)state;
    struct device device = eis_of(1, 7, 1), first = with_keys(device, 1),
                  second = with_keys(device, 2), got;
    put(&device);
    push_put(&first);
    push_put(&second);
    push_put(&first);
    rig_push(rig.control, take(MSG_DEVICE_REMOVE, &device.eid));
    push_put(&second);
    (void)store_turn(rig.thread, rig.now_ms);
    static const uint8_t editions[] = { 1, 2, 1, 0, 2 };
    for (unsigned i = 0; i < COUNT(editions); i++) {
        got.keysets[0].edition = 0;
        assert_int_equal(home(&got), ERR_OK);
        assert_int_equal(got.keysets[0].edition, editions[i]);
    }
}

static void the_editions_of_a_version_end(void **state)
{
    (void)state;
    struct device device = eis_of(1, 7, 1), got;
    for (unsigned i = 0; i < 256; i++) {
        struct device changed = with_keys(device, (uint8_t)i);
        assert_int_equal(put(&changed).keysets[0].edition, i);
    }
    assert_int_equal(rows(TABLE_KEYSETS), 255);
    struct device one_more = device;
    one_more.keysets[0].kid[0] ^= 1;
    assert_int_equal(put_err(&one_more, &got), ERR_EDITIONS);
    struct device back = with_keys(device, 17);
    assert_int_equal(put(&back).keysets[0].edition, 17);
    one_more.keysets[0].kvn = 2;
    assert_int_equal(put(&one_more).keysets[0].edition, 0);
}

/* What is remembered says nothing of the keys, and is not the same for another card. */
static void what_is_remembered_has_no_keys(void **state)
{
    (void)state;
    struct device device = eis_of(1, 7, 1), other = device;
    other.eid = device_eid(2);
    struct key_keyset seen[2];
    for (unsigned i = 0; i < 2; i++) {
        struct device *one = i == 0 ? &device : &other;
        put(one);
        assert_int_equal(remove_err(one), ERR_OK);
        struct table_key key = key_of_keyset(&one->eid, device_keyset_id(one, 0));
        struct store_txn *txn;
        struct span value;
        assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
        assert_int_equal(table_get(txn, TABLE_KEYSETS, table_key_span(&key), &value), ERR_OK);
        assert_int_equal(key_keyset_read(value, &seen[i]), ERR_OK);
        assert_int_equal(value.len, 2 + KEK_FINGERPRINT_LEN + 5);
        store_txn_abort(txn);
        assert_true(seen[i].has_left);
        assert_memory_not_equal(seen[i].fingerprint, one->keysets[0].kic, 16);
        assert_memory_not_equal(seen[i].fingerprint, one->keysets[0].kid, 16);
    }
    assert_memory_not_equal(seen[0].fingerprint, seen[1].fingerprint, KEK_FINGERPRINT_LEN);
}

/* Its memory is lost: whether these keys were used before cannot be told. */
static void keys_are_refused_where_earlier_ones_are_lost(void **state)
{
    (void)state;
    struct device device = eis_of(1, 7, 1), got;
    put(&device);
    struct device other = with_keys(device, 1);
    put(&other);
    struct store_txn *txn;
    struct table_key key = key_of_keyset(&device.eid, device_keyset_id(&device, 0));
    struct table_key lost = table_key_quarantined(TABLE_KEYSETS, table_key_span(&key));
    assert_int_equal(store_txn_begin(rig.store, STORE_WRITE, &txn), ERR_OK);
    assert_int_equal(table_remove(txn, TABLE_KEYSETS, table_key_span(&key)), ERR_OK);
    assert_int_equal(table_put(txn, TABLE_QUARANTINE, table_key_span(&lost), span_text("?")),
                     ERR_OK);
    assert_int_equal(store_txn_commit(txn), ERR_OK);
    assert_int_equal(put_err(&device, &got), ERR_CORRUPT);
    assert_int_equal(put(&other).keysets[0].edition, 1); /* these are known */
    other.keysets[0].kvn = 9;
    assert_int_equal(put(&other).keysets[0].edition, 0);
}

static enum err release_err(const struct device *device, uint64_t msisdn, struct device *out)
{
    struct msg *msg = take(MSG_DEVICE_PUT, &device->eid);
    msg->flags = STORE_RELEASE;
    msg->value = msisdn;
    rig_push(rig.control, msg);
    (void)store_turn(rig.thread, rig.now_ms);
    return home(out);
}

/* The update before it, which control did not know of yet, stays; also another number. */
static void a_device_loses_only_the_number_that_went(void **state)
{
    (void)state;
    struct device device = eis_of(1, 7, 1), got;
    assert_int_equal(release_err(&device, device.msisdn, &got), ERR_UNKNOWN);
    put(&device);
    struct device other = with_keys(device, 1);
    got = put(&other);
    mark(&got, 0, KEYSET_PROVEN);
    assert_int_equal(release_err(&device, device.msisdn + 1, &got), ERR_OK);
    assert_true(got.msisdn == device.msisdn);
    assert_int_equal(release_err(&device, device.msisdn, &got), ERR_OK);
    assert_true(got.msisdn == 0);
    assert_int_equal(got.keysets[0].edition, 1);
    assert_int_equal(got.keysets[0].flags, KEYSET_PROVEN);
    assert_memory_equal(got.keysets[0].kic, other.keysets[0].kic, 16);
}

int main(void)
{
    eal_for_tests();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(devices_are_put_replaced_and_removed),
        TEST(another_order_changes_no_name),
        TEST(changed_keys_are_the_next_edition),
        TEST(a_key_set_that_comes_back_is_what_it_was),
        TEST(a_key_set_that_comes_back_with_other_keys_is_another),
        TEST(quick_updates_get_editions_of_their_own),
        TEST(the_editions_of_a_version_end),
        TEST(what_is_remembered_has_no_keys),
        TEST(keys_are_refused_where_earlier_ones_are_lost),
        TEST(a_device_loses_only_the_number_that_went),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_free_channels(&rig);
    return failed;
}
