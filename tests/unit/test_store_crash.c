/* kill -9 at any moment: what was acknowledged is there, nothing is half done, no counter block is
 * given twice, a job has at most one outcome. A child works on the store and tells through a pipe
 * what came home; the parent kills it, reopens the store and compares. STARLING_FULL=1: more kills.
 */
#include "base/prng.h"
#include "engine/store/blocks.h"
#include "tests/support/support.h"
#include "tests/support/temp_dir.h"

#include "tests/support/store_rig.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define KILLS_QUICK 14u
#define KILLS_FULL 200u
#define SEED 20260101u
#define SLOTS 8u
#define FIRST_BLOCK ((RIG_NOW_MS - BLOCK_EPOCH_MS) / BLOCK_SPAN_MS)
#define BLOCKS_UNTOLD 512u /* of a slot: taken just before a kill, so that nobody heard of them */
#define JOBS_MAX 2000000u
#define UPLINKS_OF_CHILD 8192u
#define UPLINKS_MAX (UPLINKS_OF_CHILD * (KILLS_FULL + 2))
#define KEYS 500u
#define CHILD_TURNS 4000u
#define DEATH_US_MAX 20000u /* some commits long */

/* What came home to the child. */
struct ack {
    uint8_t kind, err, outcome;
    uint64_t id, value;
};

/* --- the child: random work --- */

struct child {
    struct store_rig rig;
    struct prng prng;
    int pipe;
    uint64_t open[4096]; /* jobs that may still be worked on */
    uint32_t open_count;
    uint64_t next_uplink, cntr;
};

static void keep_open(struct child *child, uint64_t job_id)
{
    uint32_t at = child->open_count < COUNT(child->open)
                      ? child->open_count++
                      : (uint32_t)prng_below(&child->prng, COUNT(child->open));
    child->open[at] = job_id;
}

static enum err note_pending(void *arg, const struct record_pending *pending)
{
    keep_open(arg, pending->job_id);
    return ERR_OK;
}

static void fill_job(struct child *child, struct msg *msg)
{
    char key[16] = "";
    uint64_t number = prng_below(&child->prng, KEYS);
    if (prng_below(&child->prng, 3) == 0)
        snprintf(key, sizeof key, "k%u", (unsigned)number);
    struct job job = rig_job(number, key);
    struct writer w = msg_writer(msg);
    record_job_write(&w, &job);
    msg->cookie = key[0] != '\0' ? number : KEYS;
    ASSERT(msg_written(msg, &w) == ERR_OK);
}

static void fill_job_work(struct child *child, struct msg *msg)
{
    uint64_t job_id = child->open[prng_below(&child->prng, child->open_count)];
    struct record_command command = rig_command(job_id, ++child->cntr);
    struct record_attempt attempt = { .job_id = job_id, .attempt = 1, .part_count = 1 };
    struct record_result result =
        rig_result(job_id, (uint8_t)(1 + prng_below(&child->prng, JOB_CANCELLED)), RIG_NOW_MS);
    struct writer w = msg_writer(msg);
    msg->id = job_id;
    if (msg->kind == MSG_COMMIT) {
        record_command_write(&w, &command);
        msg->cookie = child->cntr;
    } else if (msg->kind == MSG_ATTEMPT) {
        record_attempt_write(&w, &attempt);
    } else {
        record_result_write(&w, &result);
        msg->cookie = result.outcome;
    }
    ASSERT(msg_written(msg, &w) == ERR_OK);
}

static void fill_uplink(struct child *child, struct msg *msg)
{
    static const uint8_t ud[] = { 2, 0x71, 0, 1 };
    struct record_uplink uplink = { .id = child->next_uplink++, .tp_ud = span_of(ud, sizeof ud) };
    struct writer w = msg_writer(msg);
    record_uplink_write(&w, &uplink);
    msg->id = uplink.id;
    ASSERT(msg_written(msg, &w) == ERR_OK);
}

/* Only odd ones are ever consumed: whether an even one is there is then certain. */
static void fill_consumed(struct child *child, struct msg *msg)
{
    uint64_t id = child->next_uplink - 1 - prng_below(&child->prng, 50); /* sent before */
    msg->id = id % 2 == 1 ? id : id - 1;
}

static void send_one(struct child *child)
{
    static const uint8_t kinds[] = { MSG_JOB_PUT, MSG_JOB_PUT,  MSG_JOB_PUT,   MSG_COMMIT,
                                     MSG_COMMIT,  MSG_ATTEMPT,  MSG_RESULT,    MSG_RESULT,
                                     MSG_BLOCK,   MSG_CONSUMED, MSG_UPLINK_LOG };
    uint8_t kind = kinds[prng_below(&child->prng, COUNT(kinds))];
    bool of_job = kind == MSG_COMMIT || kind == MSG_ATTEMPT || kind == MSG_RESULT;
    if (of_job && child->open_count == 0)
        return;
    struct channel *channel = kind == MSG_JOB_PUT      ? child->rig.control
                              : kind == MSG_UPLINK_LOG ? child->rig.edge
                                                       : child->rig.worker;
    struct msg *msg = channel_take(channel);
    if (msg == NULL)
        return;
    msg->kind = kind;
    if (kind == MSG_JOB_PUT)
        fill_job(child, msg);
    else if (of_job)
        fill_job_work(child, msg);
    else if (kind == MSG_BLOCK)
        msg->id = prng_below(&child->prng, SLOTS);
    else if (kind == MSG_UPLINK_LOG)
        fill_uplink(child, msg);
    else
        fill_consumed(child, msg);
    rig_push(channel, msg);
}

static void tell(struct child *child, struct channel *channel)
{
    for (struct msg *msg; (msg = rig_home(channel)) != NULL;) {
        struct ack ack = { .kind = msg->kind, .err = msg->err, .id = msg->id };
        ack.value = msg->kind == MSG_BLOCK ? msg->value : msg->cookie;
        if (msg->kind == MSG_JOB_PUT && msg->err == ERR_OK)
            keep_open(child, msg->id);
        if (write(child->pipe, &ack, sizeof ack) != sizeof ack)
            _exit(3);
        channel_untake(channel, msg);
    }
}

/* The kernel kills us some time later: also in the middle of a commit, which the parent, hearing of
 * commits when they are done, never hits. */
static void arm_death(uint64_t delay_us)
{
    struct sigevent kill_us = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
    struct itimerspec when = { .it_value.tv_nsec = (long)(1 + delay_us * 1000) };
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &kill_us, &timer) != 0 ||
        timer_settime(timer, 0, &when, NULL) != 0)
        _exit(4);
}

/* `by_timer`: dies by itself at a random moment; otherwise the parent kills. */
static _Noreturn void child_run(const char *path, int pipe, uint64_t seed, bool by_timer)
{
    static struct child child;
    struct fault fault = { "" };
    struct store_txn *txn;
    eal_for_tests();
    child.pipe = pipe;
    child.next_uplink = (seed - SEED + 1) * UPLINKS_OF_CHILD; /* never used before */
    child.cntr = (seed - SEED + 1) << 20;                     /* rises from child to child */
    prng_init(&child.prng, seed);
    child.rig.store = store_open(path, &fault);
    if (child.rig.store == NULL || store_txn_begin(child.rig.store, STORE_READ, &txn) != ERR_OK)
        _exit(1);
    if (query_pendings(txn, note_pending, &child) != ERR_OK)
        _exit(1);
    store_txn_abort(txn);
    if (!rig_start(&child.rig, &fault))
        _exit(2);
    uint64_t last_turn = by_timer ? prng_below(&child.prng, 60) : UINT64_MAX;
    for (unsigned turn = 0; turn < CHILD_TURNS; turn++) {
        if (turn == last_turn)
            arm_death(prng_below(&child.prng, DEATH_US_MAX));
        for (uint64_t n = prng_below(&child.prng, 60); n > 0; n--)
            send_one(&child);
        (void)store_turn(child.rig.thread, RIG_NOW_MS);
        tell(&child, child.rig.control);
        tell(&child, child.rig.edge);
        tell(&child, child.rig.worker);
    }
    _exit(0);
}

/* --- the parent: what must hold --- */

static struct model {
    uint64_t last_job;
    uint64_t job_of_key[KEYS];
    uint64_t cntr[JOBS_MAX];     /* greatest acknowledged */
    uint8_t outcome[JOBS_MAX];   /* acknowledged */
    uint8_t there[JOBS_MAX];     /* bit 0: job acknowledged */
    uint8_t uplink[UPLINKS_MAX]; /* acknowledged */
    uint64_t block[SLOTS];       /* last acknowledged + 1 */
    uint64_t acks;
} model;

static void note_job(const struct ack *ack)
{
    assert_true(ack->id > 0 && ack->id < JOBS_MAX);
    if (ack->err == ERR_OK) {
        assert_true(ack->id > model.last_job);
        model.last_job = ack->id;
        model.there[ack->id] = 1;
    }
    if (ack->value == KEYS)
        return;
    uint64_t *of_key = &model.job_of_key[ack->value];
    if (*of_key != 0) { /* acknowledged before: the same job for ever */
        assert_int_equal(ack->err, ERR_DUPLICATE);
        assert_int_equal(ack->id, *of_key);
    }
    *of_key = ack->id;
    model.there[ack->id] = 1;
}

static void note_ack(const struct ack *ack)
{
    model.acks++;
    switch (ack->kind) {
    case MSG_JOB_PUT:
        note_job(ack);
        break;
    case MSG_COMMIT:
        assert_int_equal(ack->err, ERR_OK);
        if (ack->value > model.cntr[ack->id])
            model.cntr[ack->id] = ack->value;
        break;
    case MSG_RESULT:
        if (ack->err == ERR_OK) {
            assert_int_equal(model.outcome[ack->id], 0);
            model.outcome[ack->id] = (uint8_t)ack->value;
        } else {
            assert_int_equal(ack->err, ERR_DUPLICATE);
        }
        break;
    case MSG_BLOCK:
        if (ack->err == ERR_DENIED) { /* seven days ahead of a clock that stands still */
            assert_true(model.block[ack->id] + BLOCKS_UNTOLD > FIRST_BLOCK + BLOCK_LEAD_MAX);
            break;
        }
        assert_int_equal(ack->err, ERR_OK);
        assert_true(ack->value >= model.block[ack->id]);
        model.block[ack->id] = ack->value + 1;
        break;
    case MSG_UPLINK_LOG:
        assert_int_equal(ack->err, ERR_OK);
        assert_true(ack->id < UPLINKS_MAX);
        model.uplink[ack->id] = 1;
        break;
    case MSG_CONSUMED:
        if (ack->id % 2 == 1 && ack->id < UPLINKS_MAX)
            model.uplink[ack->id] = 2;
        break;
    default:
        assert_int_equal(ack->err, ERR_OK);
    }
}

static enum err check_entry(void *arg, const struct result_entry *entry)
{
    uint64_t *count = arg;
    assert_int_equal(entry->position, ++*count);
    model.there[entry->job_id] |= 2; /* has a result */
    return ERR_OK;
}

static void check_job(struct store_txn *txn, uint64_t id)
{
    struct job job;
    struct record_pending pending;
    struct record_result result = { 0 };
    enum err known = query_job(txn, id, &job);
    enum err waiting = query_pending(txn, id, &pending);
    enum err ended = query_outcome(txn, id, &result);
    if ((model.there[id] & 1) != 0)
        assert_int_equal(known, ERR_OK);
    /* Whole or not at all. */
    assert_int_equal(known == ERR_OK, (waiting == ERR_OK) != (ended == ERR_OK));
    assert_int_equal(ended == ERR_OK, (model.there[id] & 2) != 0);
    if (model.outcome[id] != 0)
        assert_int_equal(result.outcome, model.outcome[id]);
    model.there[id] &= 1;
}

static void check_command(struct store_txn *txn, uint64_t id, bool ended)
{
    struct table_key key = table_key_u64(id);
    struct span value;
    if (model.cntr[id] == 0 || ended)
        return;
    assert_int_equal(table_get(txn, TABLE_COMMANDS, table_key_span(&key), &value), ERR_OK);
}

static void check_uplinks(struct store_txn *txn)
{
    for (uint64_t id = 0; id < UPLINKS_MAX; id++) {
        if (model.uplink[id] == 0)
            continue;
        struct record_uplink uplink;
        enum err err = query_uplink(txn, id, &uplink);
        if (id % 2 == 0)
            assert_int_equal(err, ERR_OK);
        else if (model.uplink[id] == 2)
            assert_int_equal(err, ERR_UNKNOWN);
    }
}

static void check_store(const char *path)
{
    struct fault fault = { "" };
    struct store *store = store_open(path, &fault);
    assert_string_equal(fault.text, "");
    struct store_txn *txn;
    uint64_t results = 0;
    assert_int_equal(store_txn_begin(store, STORE_READ, &txn), ERR_OK);
    assert_int_equal(query_results(txn, 1, 0, check_entry, &results), ERR_OK);
    assert_int_equal(table_count(txn, TABLE_OUTCOMES), results);
    assert_int_equal(table_count(txn, TABLE_OUTCOMES) + table_count(txn, TABLE_PENDING),
                     table_count(txn, TABLE_JOBS));
    uint64_t beyond = model.last_job + 4096; /* written, not acknowledged */
    for (uint64_t id = 1; id < beyond && id < JOBS_MAX; id++) {
        bool ended = (model.there[id] & 2) != 0;
        check_job(txn, id);
        check_command(txn, id, ended);
    }
    check_uplinks(txn);
    store_txn_abort(txn);
    assert_int_equal(store_corrupt_count(store), 0);
    store_close(store);
}

/* `kill_after` acknowledgements; 0: the child dies by itself. */
static void run_and_kill(const char *path, uint64_t seed, uint64_t kill_after)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child_run(path, ends[1], seed, kill_after == 0);
    }
    close(ends[1]);
    struct ack ack;
    uint64_t count = 0;
    while (read(ends[0], &ack, sizeof ack) == sizeof ack) {
        note_ack(&ack);
        if (++count == kill_after) /* what it already wrote is still read */
            assert_int_equal(kill(pid, SIGKILL), 0);
    }
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void what_was_acknowledged_outlives_kill_9(void **state)
{
    (void)state;
    const char *full = getenv("STARLING_FULL");
    unsigned kills = full != NULL && full[0] == '1' ? KILLS_FULL : KILLS_QUICK;
    struct temp_dir dir = temp_dir_make();
    struct prng prng;
    prng_init(&prng, SEED);
    for (unsigned i = 0; i < kills; i++) {
        run_and_kill(dir.path, SEED + i, i % 2 == 0 ? 0 : 1 + prng_below(&prng, 3000));
        check_store(dir.path);
    }
    assert_true(model.acks >= kills);
    print_message("%u kills, %llu acknowledgements, %llu jobs\n", kills,
                  (unsigned long long)model.acks, (unsigned long long)model.last_job);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_outlives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
