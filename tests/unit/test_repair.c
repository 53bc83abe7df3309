/* Repair at start: what corruption takes away loses no accepted job and runs no command twice. */
#include "engine/store/repair.h"
#include "tests/support/support.h"

#include "tests/support/spoil.h"

#include "tests/support/store_rig.h"

#include "engine/store/at_rest.h"
#include "engine/store/keys.h"

static struct temp_dir dir;
static struct store_rig rig;

static int set_up(void **state)
{
    (void)state;
    struct fault fault = { "" };
    dir = temp_dir_make();
    rig.store = store_open(dir.path, &fault);
    return rig.store != NULL && rig_start(&rig, &fault) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    temp_dir_remove(&dir);
    return 0;
}

static struct msg ask(struct channel *channel, struct msg *msg)
{
    rig_push(channel, msg);
    (void)store_turn(rig.thread, RIG_NOW_MS);
    struct msg *home = rig_home(channel);
    assert_non_null(home);
    struct msg answer = *home;
    channel_untake(channel, home);
    return answer;
}

static struct msg *take(struct channel *channel, enum msg_kind kind)
{
    struct msg *msg = channel_take(channel);
    assert_non_null(msg);
    msg->kind = (uint8_t)kind;
    return msg;
}

static uint64_t put_job(const char *key)
{
    struct job job = rig_job(1, key);
    struct msg *msg = take(rig.control, MSG_JOB_PUT);
    struct writer w = msg_writer(msg);
    record_job_write(&w, &job);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    return ask(rig.control, msg).id;
}

static void put_command(const struct record_command *command)
{
    struct msg *msg = take(rig.worker, MSG_COMMIT);
    struct writer w = msg_writer(msg);
    record_command_write(&w, command);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    assert_int_equal(ask(rig.worker, msg).err, ERR_OK);
}

static enum err put_result(uint64_t job_id, uint8_t outcome)
{
    struct record_result result = rig_result(job_id, outcome, RIG_NOW_MS);
    struct msg *msg = take(rig.worker, MSG_RESULT);
    struct writer w = msg_writer(msg);
    record_result_write(&w, &result);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    return (enum err)ask(rig.worker, msg).err;
}

static struct store_txn *reading(void)
{
    struct store_txn *txn;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    return txn;
}

/* Alters the record's value on disk, under the open store. */
static void spoil_value(enum table_id table, struct span key)
{
    uint8_t copy[TABLE_VALUE_MAX];
    struct span value;
    struct store_txn *txn = reading();
    assert_int_equal(table_get(txn, table, key, &value), ERR_OK);
    struct writer w = writer_over(copy, sizeof copy);
    writer_bytes(&w, value);
    store_txn_abort(txn);
    assert_int_not_equal(spoil(&dir, written(&w)), 0);
}

/* The same, and the store is opened anew; its thread starts with repair(). */
static void lose(enum table_id table, struct span key)
{
    spoil_value(table, key);
    rig_stop(&rig);
    struct fault fault = { "" };
    rig.store = store_open(dir.path, &fault);
    assert_non_null(rig.store);
}

static void lose_id(enum table_id table, uint64_t id)
{
    struct table_key key = table_key_u64(id);
    lose(table, table_key_span(&key));
}

static void repair(uint32_t wanted)
{
    struct fault fault = { "" };
    uint32_t repaired;
    assert_int_equal(store_repair(rig.store, RIG_NOW_MS, &repaired, &fault), ERR_OK);
    assert_int_equal(repaired, wanted);
    assert_int_equal(store_repair(rig.store, RIG_NOW_MS, &repaired, &fault), ERR_OK);
    assert_int_equal(repaired, 0); /* again: nothing to do */
    store_thread_destroy(rig.thread);
    assert_true(rig_start(&rig, &fault));
}

static struct record_result outcome_of(uint64_t job_id)
{
    struct record_result result = { 0 };
    struct store_txn *txn = reading();
    assert_int_equal(query_outcome(txn, job_id, &result), ERR_OK);
    store_txn_abort(txn);
    result.answer = span_of(NULL, 0);
    return result;
}

static void a_sound_store_needs_none(void **state)
{
    (void)state;
    put_job("");
    repair(0);
}

static void a_lost_waiting_entry_comes_back_from_its_job(void **state)
{
    (void)state;
    uint64_t id = put_job("");
    lose_id(TABLE_PENDING, id);
    repair(1);
    struct record_pending pending;
    struct store_txn *txn = reading();
    assert_int_equal(query_pending(txn, id, &pending), ERR_OK);
    store_txn_abort(txn);
    assert_int_equal(pending.client, 1);
    assert_int_equal(pending.expiry_ms, RIG_NOW_MS + 3600000);
    assert_int_equal(put_result(id, JOB_EXECUTED), ERR_OK);
    repair(0); /* it ended: the quarantined entry is not taken up again */
}

static void the_jobs_of_a_lost_command_end_unconfirmed(void **state)
{
    (void)state;
    uint64_t a = put_job(""), b = put_job(""), c = put_job("");
    struct record_command command = rig_command(a, 5);
    command.job_count = 2;
    command.jobs[1] = b;
    command.apdus[1] = 1;
    put_command(&command);
    lose_id(TABLE_COMMANDS, a);
    repair(2);
    for (uint64_t id = a; id <= b; id++) {
        struct record_result result = outcome_of(id);
        assert_int_equal(result.outcome, JOB_UNCONFIRMED);
        assert_int_equal(result.reason, ERR_CORRUPT);
        assert_int_equal(result.client, 1);
        assert_int_equal(put_result(id, JOB_EXECUTED), ERR_DUPLICATE);
    }
    struct record_pending pending;
    struct store_txn *txn = reading();
    assert_int_equal(query_pending(txn, c, &pending), ERR_OK);
    assert_int_equal(table_count(txn, TABLE_LOGS), 2);
    store_txn_abort(txn);
}

static void a_lost_outcome_is_not_written_twice(void **state)
{
    (void)state;
    uint64_t id = put_job("");
    assert_int_equal(put_result(id, JOB_FAILED), ERR_OK);
    struct table_key key = table_key_u64(id);
    spoil_value(TABLE_OUTCOMES, table_key_span(&key));
    assert_int_equal(put_result(id, JOB_EXECUTED), ERR_DUPLICATE); /* finds it corrupt */
    assert_int_equal(put_result(id, JOB_EXECUTED), ERR_DUPLICATE); /* finds it moved */
    repair(1);
    assert_int_equal(outcome_of(id).outcome, JOB_UNCONFIRMED);
    assert_int_equal(put_result(id, JOB_EXECUTED), ERR_DUPLICATE);
    struct store_txn *txn = reading();
    assert_int_equal(table_count(txn, TABLE_LOGS), 1);
    store_txn_abort(txn);
}

static void a_lost_idempotency_key_comes_back_from_its_job(void **state)
{
    (void)state;
    uint64_t id = put_job("order");
    lose_id(TABLE_IDEM, id);
    repair(1);
    assert_int_equal(put_job("order"), id);
}

static void a_lost_exact_counter_stops_its_key_set(void **state)
{
    (void)state;
    uint64_t id = put_job("");
    struct record_command command = rig_command(id, 77777);
    command.flags = RECORD_COMMAND_EXACT;
    put_command(&command);
    struct table_key key = key_of_keyset(&command.eid, RIG_KEYSET);
    lose(TABLE_EXACT, table_key_span(&key));
    repair(0);
    for (unsigned round = 0; round < 2; round++) {
        struct msg *msg = take(rig.worker, MSG_FETCH_JOB);
        msg->id = id;
        msg->flags = STORE_FETCH_EXACT;
        msg->status = RIG_KEYSET;
        msg->eid = command.eid;
        assert_int_equal(ask(rig.worker, msg).err, ERR_CORRUPT);
    }
}

static void a_store_thread_repairs_before_it_begins(void **state)
{
    (void)state;
    uint64_t id = put_job("order");
    struct record_command command = rig_command(id, 5);
    put_command(&command);
    lose_id(TABLE_COMMANDS, id);
    struct fault fault = { "" };
    assert_true(rig_start(&rig, &fault));
    assert_int_equal(outcome_of(id).outcome, JOB_UNCONFIRMED);
    assert_int_equal(store_thread_durable(rig.thread, 1), 1);
    assert_int_equal(put_result(id, JOB_EXECUTED), ERR_DUPLICATE);
}

static void a_job_lost_with_its_waiting_entry_is_told_and_the_rest_goes_on(void **state)
{
    (void)state;
    uint64_t id = put_job("");
    lose_id(TABLE_PENDING, id);
    lose_id(TABLE_JOBS, id);
    repair(0);
    assert_int_equal(put_job(""), id + 1);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    eal_for_tests();
    const struct CMUnitTest tests[] = {
        ON_RIG(a_sound_store_needs_none),
        ON_RIG(a_lost_waiting_entry_comes_back_from_its_job),
        ON_RIG(the_jobs_of_a_lost_command_end_unconfirmed),
        ON_RIG(a_lost_outcome_is_not_written_twice),
        ON_RIG(a_lost_idempotency_key_comes_back_from_its_job),
        ON_RIG(a_lost_exact_counter_stops_its_key_set),
        ON_RIG(a_store_thread_repairs_before_it_begins),
        ON_RIG(a_job_lost_with_its_waiting_entry_is_told_and_the_rest_goes_on),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_free_channels(&rig);
    return failed;
}
