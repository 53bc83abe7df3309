/* The store thread's turn: what each kind of message does, and what a failed commit does not. */
#include "tests/support/support.h"
#include "tests/support/temp_dir.h"

#include "io/idle.h"
#include "tests/support/store_rig.h"

#include "engine/store/blocks.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static struct temp_dir dir;
static struct idle waits;
static struct store_rig rig = { .idle = &waits };

static void start(void)
{
    struct fault fault = { "" };
    rig.store = store_open(dir.path, &fault);
    assert_non_null(rig.store);
    assert_true(rig_start(&rig, &fault));
    rig.now_ms = RIG_NOW_MS;
}

static int set_up(void **state)
{
    (void)state;
    dir = temp_dir_make();
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_stop(&rig);
    temp_dir_remove(&dir);
    return 0;
}

static struct msg *take(struct channel *channel, enum msg_kind kind)
{
    struct msg *msg = channel_take(channel);
    assert_non_null(msg);
    msg->kind = (uint8_t)kind;
    msg->cookie = 0xC00C1E;
    return msg;
}

/* Push, turn, and the answer: all that is kept of it. */
static struct msg ask(struct channel *channel, struct msg *msg)
{
    rig_push(channel, msg);
    (void)store_turn(rig.thread, rig.now_ms);
    struct msg *home = rig_home(channel);
    assert_non_null(home);
    struct msg answer = *home;
    assert_int_equal(answer.cookie, 0xC00C1E);
    channel_untake(channel, home);
    return answer;
}

static struct msg *job_msg(const struct job *job)
{
    struct msg *msg = take(rig.control, MSG_JOB_PUT);
    struct writer w = msg_writer(msg);
    record_job_write(&w, job);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    return msg;
}

static uint64_t put_job(uint64_t number, const char *key)
{
    struct job job = rig_job(number, key);
    struct msg answer = ask(rig.control, job_msg(&job));
    assert_int_equal(answer.err, ERR_OK);
    return answer.id;
}

static struct msg *result_msg(const struct record_result *result)
{
    struct msg *msg = take(rig.worker, MSG_RESULT);
    struct writer w = msg_writer(msg);
    record_result_write(&w, result);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    return msg;
}

static struct msg *command_msg(const struct record_command *command)
{
    struct msg *msg = take(rig.worker, MSG_COMMIT);
    struct writer w = msg_writer(msg);
    record_command_write(&w, command);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    return msg;
}

static struct msg *uplink_msg(uint64_t id)
{
    static const uint8_t ud[] = { 2, 0x71, 0, 1 };
    const struct record_uplink uplink = { .id = id, .tp_ud = span_of(ud, sizeof ud) };
    struct msg *msg = take(rig.edge, MSG_UPLINK_LOG);
    struct writer w = msg_writer(msg);
    record_uplink_write(&w, &uplink);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    return msg;
}

static uint64_t rows(enum table_id table)
{
    struct store_txn *txn;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    uint64_t count = table_count(txn, table);
    store_txn_abort(txn);
    return count;
}

static uint64_t figure(enum store_figure name)
{
    return store_thread_figure(rig.thread, name);
}

static void job_ids_rise_and_survive(void **state)
{
    (void)state;
    assert_int_equal(put_job(1, ""), 1);
    assert_int_equal(put_job(1, ""), 2);
    rig_stop(&rig);
    start();
    assert_int_equal(put_job(1, ""), 3);
    assert_int_equal(rows(TABLE_JOBS), 3);
    assert_int_equal(rows(TABLE_PENDING), 3);
    assert_int_equal(rows(TABLE_IDEM), 0);
}

static void an_idempotency_key_names_one_job_of_one_client(void **state)
{
    (void)state;
    uint64_t id = put_job(1, "order-7");
    for (unsigned round = 0; round < 2; round++) {
        struct job job = rig_job(1, "order-7");
        job.accepted_ms += 5; /* said again later */
        job.expiry_ms += 5;
        struct msg answer = ask(rig.control, job_msg(&job));
        assert_int_equal(answer.err, ERR_DUPLICATE);
        assert_int_equal(answer.id, id);
        job.script[8] = 1;
        answer = ask(rig.control, job_msg(&job));
        assert_int_equal(answer.err, ERR_CONFLICT);
        assert_int_equal(answer.id, id);
        job.client = 2;
        answer = ask(rig.control, job_msg(&job));
        assert_int_equal(answer.err, round == 0 ? ERR_OK : ERR_DUPLICATE);
        assert_int_not_equal(answer.id, id);
        rig_stop(&rig); /* and after a start */
        start();
    }
    assert_int_equal(rows(TABLE_JOBS), 2);
}

static void the_same_key_twice_in_one_batch_is_one_job(void **state)
{
    (void)state;
    struct job job = rig_job(1, "twice");
    rig_push(rig.control, job_msg(&job));
    struct msg answer = ask(rig.control, job_msg(&job));
    assert_int_equal(answer.err, ERR_OK);
    struct msg *second = rig_home(rig.control);
    assert_int_equal(second->err, ERR_DUPLICATE);
    assert_int_equal(second->id, answer.id);
    channel_untake(rig.control, second);
    assert_int_equal(rows(TABLE_JOBS), 1);
}

static void a_job_comes_back_as_it_was_put(void **state)
{
    (void)state;
    uint64_t id = put_job(9, "k");
    struct msg *msg = take(rig.worker, MSG_FETCH_JOB);
    msg->id = id;
    rig_push(rig.worker, msg);
    uint64_t commits = figure(STORE_COMMITS);
    assert_true(store_turn(rig.thread, rig.now_ms));
    assert_int_equal(figure(STORE_COMMITS), commits); /* reading flushes nothing */
    msg = rig_home(rig.worker);
    struct job job;
    assert_int_equal(msg->err, ERR_OK);
    assert_int_equal(record_job_read(msg_body(msg), &job), ERR_OK);
    assert_int_equal(job.id, id);
    struct eid eid = rig_eid(9);
    assert_memory_equal(&job.eid, &eid, EID_LEN);
    channel_untake(rig.worker, msg);
    msg = take(rig.worker, MSG_FETCH_JOB);
    msg->id = id + 1;
    assert_int_equal(ask(rig.worker, msg).err, ERR_UNKNOWN);
}

static struct msg ask_exact(uint64_t job_id, uint16_t keyset)
{
    struct msg *msg = take(rig.worker, MSG_FETCH_JOB);
    msg->id = job_id;
    msg->flags = STORE_FETCH_EXACT;
    msg->status = keyset;
    msg->eid = rig_eid(job_id);
    return ask(rig.worker, msg);
}

static void a_device_with_exact_counters_gets_its_last_one(void **state)
{
    (void)state;
    uint64_t id = put_job(4, "");
    struct msg answer = ask_exact(id, RIG_KEYSET);
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(answer.flags & STORE_EXACT_KNOWN, 0);
    struct record_command command = rig_command(id, 41);
    command.flags = RECORD_COMMAND_EXACT;
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_OK);
    answer = ask_exact(id, RIG_KEYSET);
    assert_int_equal(answer.flags & STORE_EXACT_KNOWN, STORE_EXACT_KNOWN);
    assert_int_equal(answer.value, 41);
    answer = ask_exact(id, RIG_KEYSET + 1); /* another version begins anew */
    assert_int_equal(answer.flags & STORE_EXACT_KNOWN, 0);
}

static void an_exact_counter_out_of_step_stays_so(void **state)
{
    (void)state;
    uint64_t id = put_job(4, "");
    struct record_command command = rig_command(id, 41);
    command.flags = RECORD_COMMAND_EXACT;
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_OK);
    struct msg *msg = take(rig.worker, MSG_OUT_OF_STEP);
    msg->eid = rig_eid(id);
    msg->status = RIG_KEYSET;
    assert_int_equal(ask(rig.worker, msg).err, ERR_OK);
    command.cntr = 42; /* was on its way */
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_OK);
    rig_stop(&rig);
    start();
    assert_int_equal(ask_exact(id, RIG_KEYSET).err, ERR_OUT_OF_STEP);
    assert_int_equal(ask_exact(id, RIG_KEYSET + 1).err, ERR_OK);
}

static void a_command_is_journalled_and_replaced(void **state)
{
    (void)state;
    struct record_command command = rig_command(5, 100);
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_OK);
    command.cntr = 101; /* again after 02, idempotent: the old one goes in the same write */
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_OK);
    assert_int_equal(rows(TABLE_COMMANDS), 1);
    struct msg *msg = take(rig.worker, MSG_FETCH_COMMAND);
    msg->id = 5;
    rig_push(rig.worker, msg);
    assert_true(store_turn(rig.thread, rig.now_ms));
    msg = rig_home(rig.worker);
    struct record_command got;
    assert_int_equal(msg->err, ERR_OK);
    assert_int_equal(record_command_read(msg_body(msg), &got), ERR_OK);
    assert_int_equal(got.cntr, 101);
    check_bytes("packet", got.packet, command.packet);
    channel_untake(rig.worker, msg);
    command.spi = 0x1239; /* does not cipher, and there is no KEK here */
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_KEY);
}

static enum err count_attempts(void *arg, const struct record_attempt *attempt)
{
    *(uint32_t *)arg += attempt->state;
    return ERR_OK;
}

static uint8_t tell_attempt(const struct record_attempt *attempt)
{
    struct msg *msg = take(rig.worker, MSG_ATTEMPT);
    struct writer w = msg_writer(msg);
    record_attempt_write(&w, attempt);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    return ask(rig.worker, msg).err;
}

static void attempts_are_kept_by_job_number_and_part(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= 2; id++)
        assert_int_equal(put_job(id, ""), id);
    for (unsigned i = 0; i < 6; i++) {
        struct record_attempt attempt = { .job_id = 1 + i / 4,
                                          .attempt = (uint8_t)(1 + i / 2 % 2),
                                          .part = (uint8_t)(i % 2),
                                          .part_count = 2 };
        for (uint8_t said = 0; said < 2; said++) { /* the submission, then its receipt */
            attempt.state = said;
            assert_int_equal(tell_attempt(&attempt), ERR_OK);
        }
    }
    assert_int_equal(rows(TABLE_ATTEMPTS), 6);
    struct store_txn *txn;
    uint32_t count = 0;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    assert_int_equal(query_attempts(txn, 1, count_attempts, &count), ERR_OK);
    assert_int_equal(count, 4);
    store_txn_abort(txn);
}

static void a_job_has_one_outcome_for_ever(void **state)
{
    (void)state;
    uint64_t id = put_job(1, "");
    struct record_command command = rig_command(id, 7);
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_OK);
    assert_int_equal(ask(rig.edge, uplink_msg(55)).err, ERR_OK);
    struct record_result result = rig_result(id, JOB_EXECUTED, rig.now_ms);
    result.uplink_id = 55;
    struct msg answer = ask(rig.worker, result_msg(&result));
    assert_int_equal(answer.err, ERR_OK);
    assert_int_equal(answer.value, 1);
    assert_int_equal(rows(TABLE_PENDING) + rows(TABLE_COMMANDS) + rows(TABLE_UPLINK), 0);
    assert_int_equal(store_thread_durable(rig.thread, 1), 1);
    assert_int_equal(store_thread_finished(rig.thread, 0), 1);

    result.outcome = JOB_FAILED;
    assert_int_equal(ask(rig.worker, result_msg(&result)).err, ERR_DUPLICATE);
    result.job_id = id + 1;
    assert_int_equal(ask(rig.worker, result_msg(&result)).err, ERR_UNKNOWN);
    struct store_txn *txn;
    struct record_result got;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    assert_int_equal(query_outcome(txn, id, &got), ERR_OK);
    assert_int_equal(got.outcome, JOB_EXECUTED);
    store_txn_abort(txn);
    assert_int_equal(rows(TABLE_LOGS), 1);
    assert_int_equal(store_thread_durable(rig.thread, 1), 1);
    assert_int_equal(store_thread_finished(rig.thread, 0),
                     3); /* the worker has none of them any more */
}

static uint32_t all_home(struct channel *channel)
{
    struct msg *msg;
    uint32_t count = 0;
    for (; (msg = rig_home(channel)) != NULL; count++)
        channel_untake(channel, msg);
    return count;
}

/* However much a worker has to tell: what precedes a command is never durable after it. */
static void a_command_is_never_durable_before_the_result_that_it_follows(void **state)
{
    (void)state;
    uint64_t first = put_job(1, "");
    uint64_t next = put_job(1, "");
    struct record_command command = rig_command(first, 7);
    assert_int_equal(ask(rig.worker, command_msg(&command)).err, ERR_OK);
    for (uint64_t i = 1; i < RIG_RESULTS; i++) {
        struct msg *consumed = take(rig.results, MSG_CONSUMED);
        consumed->id = i;
        channel_push(rig.results, consumed);
    }
    struct msg *msg = take(rig.results, MSG_RESULT);
    struct record_result result = rig_result(first, JOB_EXECUTED, rig.now_ms);
    struct writer w = msg_writer(msg);
    record_result_write(&w, &result);
    assert_int_equal(msg_written(msg, &w), ERR_OK);
    rig_push(rig.results, msg);
    command = rig_command(next, 8);
    rig_push(rig.worker, command_msg(&command));
    (void)store_turn(rig.thread, rig.now_ms);
    assert_int_equal(all_home(rig.worker), 1);
    assert_int_equal(rows(TABLE_COMMANDS), 1); /* the first's is gone */
    assert_int_equal(rows(TABLE_OUTCOMES), 1);
    assert_int_equal(all_home(rig.results), RIG_RESULTS);
}

static enum err note_result(void *arg, const struct result_entry *entry)
{
    struct result_entry *last = arg;
    assert_int_equal(entry->position, last->position + 1);
    *last = *entry;
    return ERR_OK;
}

static void results_of_a_client_are_read_on_from_where_it_stopped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        uint64_t id = put_job(i, "");
        struct record_result result = rig_result(id, JOB_EXECUTED, rig.now_ms);
        assert_int_equal(ask(rig.worker, result_msg(&result)).value, i + 1);
    }
    rig_stop(&rig);
    start();
    assert_int_equal(store_thread_durable(rig.thread, 1), 10);
    assert_int_equal(store_thread_durable(rig.thread, 2), 0);
    struct store_txn *txn;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    struct result_entry last = { .position = 4 };
    assert_int_equal(query_results(txn, 1, 4, note_result, &last), ERR_OK);
    assert_int_equal(last.position, 10);
    assert_int_equal(last.job_id, 10);
    assert_int_equal(query_results(txn, 2, 0, note_result, &last), ERR_OK);
    store_txn_abort(txn);
}

static void a_cancelled_flight_is_known_at_the_next_start(void **state)
{
    (void)state;
    uint64_t id = put_job(1, "");
    struct msg *msg = take(rig.control, MSG_STOP);
    msg->id = id;
    assert_int_equal(ask(rig.control, msg).err, ERR_OK);
    rig_stop(&rig);
    start();
    struct store_txn *txn;
    struct record_pending pending;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    assert_int_equal(query_pending(txn, id, &pending), ERR_OK);
    store_txn_abort(txn);
    assert_int_equal(pending.flags, RECORD_PENDING_STOPPED);
    assert_int_equal(pending.expiry_ms, RIG_NOW_MS + 3600000);
    msg = take(rig.control, MSG_STOP);
    msg->id = id + 1;
    assert_int_equal(ask(rig.control, msg).err, ERR_UNKNOWN);
    assert_int_equal(rows(TABLE_PENDING), 1);
}

static void an_uplink_record_is_gone_when_put_and_consumed_in_one_turn(void **state)
{
    (void)state;
    rig_push(rig.edge, uplink_msg(1));
    rig_push(rig.edge, uplink_msg(2));
    struct msg *consumed = take(rig.worker, MSG_CONSUMED);
    consumed->id = 1;
    assert_int_equal(ask(rig.worker, consumed).err, ERR_OK);
    assert_int_equal(rows(TABLE_UPLINK), 1);
    for (unsigned i = 0; i < 2; i++)
        channel_untake(rig.edge, rig_home(rig.edge));
}

static void a_slot_gets_blocks_above_those_of_the_start(void **state)
{
    (void)state;
    static uint32_t blocks[SLOT_COUNT];
    struct fault fault = { "" };
    assert_int_equal(block_take_all(rig.store, rig.now_ms, false, blocks, &fault), ERR_OK);
    for (unsigned i = 1; i <= 3; i++) {
        struct msg *msg = take(rig.worker, MSG_BLOCK);
        msg->id = 1023;
        struct msg answer = ask(rig.worker, msg);
        assert_int_equal(answer.err, ERR_OK);
        assert_int_equal(answer.value, blocks[1023] + i);
    }
    struct msg *msg = take(rig.worker, MSG_BLOCK);
    msg->id = SLOT_COUNT;
    assert_int_equal(ask(rig.worker, msg).err, ERR_RANGE);
    rig.now_ms += (BLOCK_JUMP_MAX + 10) * BLOCK_SPAN_MS;
    msg = take(rig.worker, MSG_BLOCK);
    msg->id = 3;
    assert_int_equal(ask(rig.worker, msg).err, ERR_DENIED);
}

static enum err or_flags(void *arg, const struct eid *eid, uint16_t keyset, uint8_t flags)
{
    assert_int_equal(eid->bytes[15], 3);
    assert_int_equal(keyset, 2);
    *(uint8_t *)arg |= flags;
    return ERR_OK;
}

static void flags_of_a_key_set_add_up_and_survive(void **state)
{
    (void)state;
    for (uint8_t flags = 1; flags <= 2; flags++) {
        struct msg *msg = take(rig.worker, MSG_KEYSET);
        msg->eid = rig_eid(3);
        msg->status = 2;
        msg->flags = flags;
        assert_int_equal(ask(rig.worker, msg).err, ERR_OK);
        rig_stop(&rig);
        start();
    }
    struct store_txn *txn;
    uint8_t flags = 0;
    assert_int_equal(store_txn_begin(rig.store, STORE_READ, &txn), ERR_OK);
    assert_int_equal(query_keysets(txn, or_flags, &flags), ERR_OK);
    assert_int_equal(flags, 3);
    store_txn_abort(txn);
}

static void a_body_that_cannot_be_read_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        enum msg_kind kind;
        enum err err;
    } cases[] = {
        { MSG_JOB_PUT, ERR_UNSUPPORTED },    { MSG_COMMIT, ERR_UNSUPPORTED },
        { MSG_ATTEMPT, ERR_UNSUPPORTED },    { MSG_RESULT, ERR_UNSUPPORTED },
        { MSG_UPLINK_LOG, ERR_UNSUPPORTED }, { MSG_SEND, ERR_UNEXPECTED },
        { MSG_KIND_COUNT, ERR_UNEXPECTED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct msg *msg = take(rig.worker, cases[i].kind);
        struct writer w = msg_writer(msg);
        writer_bytes(&w, span_text("no record"));
        assert_int_equal(msg_written(msg, &w), ERR_OK);
        assert_int_equal(ask(rig.worker, msg).err, cases[i].err);
    }
    for (unsigned table = 0; table < TABLE_COUNT; table++)
        assert_int_equal(rows((enum table_id)table), table == TABLE_META); /* its format */
    assert_int_equal(figure(STORE_REFUSED), COUNT(cases));
}

static void results_too_old_are_trimmed_with_all_that_belongs_to_them(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t id = put_job(i, i % 2 == 0 ? (char[]){ (char)('a' + i), 0 } : "");
        struct record_attempt attempt = { .job_id = id, .attempt = 1, .part_count = 1 };
        assert_int_equal(tell_attempt(&attempt), ERR_OK);
        struct record_result result = rig_result(id, JOB_EXECUTED, rig.now_ms + i * 1000);
        assert_int_equal(ask(rig.worker, result_msg(&result)).err, ERR_OK);
    }
    rig.now_ms += 7 * 86400000ull + 9500;
    put_job(100, "");
    assert_int_equal(figure(STORE_TRIMMED), 10);
    assert_int_equal(rows(TABLE_OUTCOMES), 10);
    assert_int_equal(rows(TABLE_ATTEMPTS), 10);
    assert_int_equal(rows(TABLE_IDEM), 5);
    assert_int_equal(rows(TABLE_LOGS), 10);
    assert_int_equal(rows(TABLE_JOBS), 11);
    rig.now_ms += 3600000; /* an idle store looks too */
    (void)store_turn(rig.thread, rig.now_ms);
    assert_int_equal(rows(TABLE_OUTCOMES) + rows(TABLE_LOGS) + rows(TABLE_ATTEMPTS), 0);
    assert_int_equal(rows(TABLE_JOBS), 1);
    assert_int_equal(rows(TABLE_IDEM), 0);
    struct record_attempt late = { .job_id = 20, .attempt = 1, .part_count = 1 };
    assert_int_equal(tell_attempt(&late), ERR_UNKNOWN); /* nothing would ever remove it */
    assert_int_equal(rows(TABLE_ATTEMPTS), 0);
    uint64_t id = put_job(0, "a"); /* the key is free again, the number is not */
    assert_int_equal(id, 22);
    struct record_result result = rig_result(id, JOB_EXECUTED, rig.now_ms);
    assert_int_equal(ask(rig.worker, result_msg(&result)).value, 21);
}

/* Nothing can be written while this holds. */
static void let_disk(bool writable)
{
    static struct rlimit before;
    if (!writable) {
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    }
    struct rlimit limit = before;
    if (!writable)
        limit.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_answers_nothing_falsely(void **state)
{
    (void)state;
    uint64_t first = put_job(1, "");
    let_disk(false);
    struct job job = rig_job(2, "mine");
    rig_push(rig.control, job_msg(&job));
    struct record_command command = rig_command(first, 9);
    rig_push(rig.worker, command_msg(&command));
    struct msg *fetch = take(rig.worker, MSG_FETCH_JOB);
    fetch->id = first;
    rig_push(rig.worker, fetch);
    rig_push(rig.edge, uplink_msg(3));
    assert_true(store_turn(rig.thread, rig.now_ms));

    struct msg *home = rig_home(rig.control); /* intake is refused: it may ask again */
    assert_true(home->err == ERR_FULL || home->err == ERR_IO);
    channel_untake(rig.control, home);
    home = rig_home(rig.worker); /* the read is answered, the journal entry is not */
    assert_int_equal(home->kind, MSG_FETCH_JOB);
    assert_int_equal(home->err, ERR_OK);
    channel_untake(rig.worker, home);
    assert_null(rig_home(rig.worker));
    assert_null(rig_home(rig.edge));
    assert_int_equal(figure(STORE_KEPT), 2);
    assert_int_equal(figure(STORE_COMMITS_FAILED), 1);
    assert_int_equal(figure(STORE_FAILING), 1);

    rig.now_ms += STORE_RETRY_MS - 1; /* before it is tried again: the same */
    rig_push(rig.control, job_msg(&job));
    assert_true(store_turn(rig.thread, rig.now_ms));
    home = rig_home(rig.control);
    assert_true(home->err == ERR_FULL || home->err == ERR_IO);
    channel_untake(rig.control, home);
    rig.now_ms += 1;
    (void)store_turn(rig.thread, rig.now_ms);
    assert_int_equal(figure(STORE_COMMITS_FAILED), 2);
    let_disk(true);

    rig.now_ms += STORE_RETRY_MS;
    (void)store_turn(rig.thread, rig.now_ms);
    home = rig_home(rig.worker);
    assert_int_equal(home->kind, MSG_COMMIT);
    assert_int_equal(home->err, ERR_OK);
    channel_untake(rig.worker, home);
    home = rig_home(rig.edge);
    assert_int_equal(home->err, ERR_OK);
    channel_untake(rig.edge, home);
    assert_int_equal(figure(STORE_KEPT), 0);
    assert_int_equal(figure(STORE_FAILING), 0);
    assert_int_equal(rows(TABLE_COMMANDS), 1);
    assert_int_equal(rows(TABLE_UPLINK), 1);
    assert_int_equal(rows(TABLE_JOBS), 1);
    assert_int_equal(put_job(2, "mine"), 2); /* neither number nor key was used up */
}

static void the_thread_drains_before_it_stops(void **state)
{
    (void)state;
    pthread_t thread;
    struct fault fault = { "" };
    const struct idle_config rung = { .is_rung = true };
    assert_true(idle_open(&waits, &rung, &fault));
    channel_wakes(rig.control, NULL, &waits);
    assert_int_equal(pthread_create(&thread, NULL, store_thread_run, rig.thread), 0);
    struct job job = rig_job(1, "");
    for (unsigned i = 0; i < 100; i++)
        channel_push(rig.control, job_msg(&job));
    channel_flush_producer(rig.control);
    store_thread_stop(rig.thread);
    assert_int_equal(pthread_join(thread, NULL), 0);
    channel_wakes(rig.control, NULL, NULL);
    idle_close(&waits);
    for (unsigned i = 1; i <= 100; i++) {
        struct msg *home = rig_home(rig.control);
        assert_non_null(home);
        assert_int_equal(home->err, ERR_OK);
        assert_int_equal(home->id, i);
        channel_untake(rig.control, home);
    }
    assert_int_equal(rows(TABLE_JOBS), 100);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    eal_for_tests();
    const struct CMUnitTest tests[] = {
        ON_RIG(job_ids_rise_and_survive),
        ON_RIG(an_idempotency_key_names_one_job_of_one_client),
        ON_RIG(the_same_key_twice_in_one_batch_is_one_job),
        ON_RIG(a_job_comes_back_as_it_was_put),
        ON_RIG(a_device_with_exact_counters_gets_its_last_one),
        ON_RIG(an_exact_counter_out_of_step_stays_so),
        ON_RIG(a_command_is_journalled_and_replaced),
        ON_RIG(attempts_are_kept_by_job_number_and_part),
        ON_RIG(a_job_has_one_outcome_for_ever),
        ON_RIG(a_command_is_never_durable_before_the_result_that_it_follows),
        ON_RIG(results_of_a_client_are_read_on_from_where_it_stopped),
        ON_RIG(a_cancelled_flight_is_known_at_the_next_start),
        ON_RIG(an_uplink_record_is_gone_when_put_and_consumed_in_one_turn),
        ON_RIG(a_slot_gets_blocks_above_those_of_the_start),
        ON_RIG(flags_of_a_key_set_add_up_and_survive),
        ON_RIG(a_body_that_cannot_be_read_changes_nothing),
        ON_RIG(results_too_old_are_trimmed_with_all_that_belongs_to_them),
        ON_RIG(a_full_disk_answers_nothing_falsely),
        ON_RIG(the_thread_drains_before_it_stops),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_free_channels(&rig);
    return failed;
}
