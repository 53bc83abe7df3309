/* The store: how many jobs a second become durable, in groups of one commit, beside raw LMDB
 * appending records of the same length with the same flush.
 *
 * On paper, one job put: 100 octets of head and 9 of script in two tables (job 110, pending 60):
 * two appends of about 400 ns, two CRCs, one decoding and two encodings of some 50 ns each: about
 * 1 µs; a flush of 0.7 ms is 0.17 µs a job at 4,096 a commit, 2.7 µs at 256. So 200 k/s wants
 * groups of a few hundred and up, which is what gathers while the flush before is under way.
 *
 * Each row has a store of its own below the working directory: run it on the disk in question. */
#include "bench/bench.h"
#include "engine/clock.h"
#include "engine/store/store_thread.h"

#include "tests/support/store_rig.h"

#include "tests/support/temp_dir.h"

#include <lmdb.h>
#include <rte_eal.h>

#define RECORD_LEN 170 /* of the baseline: what one job put writes, keys and CRCs left out */
#define LIFE_MESSAGES 4

struct row {
    uint32_t batch;
    bool keyed;
};

/* Items a second by the wall: the flush is waited for, which CPU time does not show. */
static void durable_figure(struct bench *bench, uint64_t began_ns, uint64_t items)
{
    double seconds = (double)(clock_now_ns() - began_ns) / 1e9;
    bench_figure(bench, "durable_per_s", (double)items / seconds);
}

/* --- baseline --- */

static bool append_batch(MDB_env *env, MDB_dbi dbi, uint64_t *number, uint32_t count)
{
    static uint8_t record[RECORD_LEN];
    MDB_txn *txn;
    if (mdb_txn_begin(env, NULL, 0, &txn) != 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        struct writer w = writer_over(bytes, sizeof bytes);
        writer_u64(&w, ++*number);
        MDB_val key = { sizeof bytes, bytes }, value = { sizeof record, record };
        if (mdb_put(txn, dbi, &key, &value, MDB_APPEND) != 0)
            return false;
    }
    return mdb_txn_commit(txn) == 0;
}

static bool open_raw(const char *path, MDB_env **env, MDB_dbi *dbi)
{
    MDB_txn *txn;
    return mdb_env_create(env) == 0 && mdb_env_set_mapsize(*env, 16ull << 30) == 0 &&
           mdb_env_open(*env, path, 0, 0600) == 0 && mdb_txn_begin(*env, NULL, 0, &txn) == 0 &&
           mdb_dbi_open(txn, NULL, MDB_CREATE, dbi) == 0 && mdb_txn_commit(txn) == 0;
}

static void raw_append(struct bench *bench, void *arg)
{
    const struct row *row = arg;
    struct temp_dir dir = temp_dir_in(".");
    MDB_env *env = NULL;
    MDB_dbi dbi;
    uint64_t number = 0;
    bool sound = open_raw(dir.path, &env, &dbi);
    if (!sound)
        bench_skip(bench, "LMDB cannot be opened here");
    uint64_t began_ns = clock_now_ns();
    while (sound && bench_more(bench))
        sound = append_batch(env, dbi, &number, row->batch);
    durable_figure(bench, began_ns, number);
    bench_items(bench, row->batch);
    if (env != NULL)
        mdb_env_close(env);
    temp_dir_remove(&dir);
}

/* --- ours --- */

static struct msg *filled(struct channel *channel, enum msg_kind kind)
{
    struct msg *msg = channel_take(channel);
    ASSERT(msg != NULL);
    msg->kind = (uint8_t)kind;
    return msg;
}

static void push_job(struct store_rig *rig, uint64_t number, bool keyed)
{
    char key[24] = "";
    if (keyed)
        snprintf(key, sizeof key, "key-%llu", (unsigned long long)number);
    struct job job = rig_job(number, key);
    struct msg *msg = filled(rig->control, MSG_JOB_PUT);
    struct writer w = msg_writer(msg);
    record_job_write(&w, &job);
    ASSERT(msg_written(msg, &w) == ERR_OK);
    channel_push(rig->control, msg);
}

/* Its answers: how many were not ERR_OK. */
static uint32_t collect(struct channel *channel, uint64_t *last_id)
{
    struct msg *msgs[MSG_BURST];
    uint32_t refused = 0;
    for (uint32_t got; (got = channel_collect(channel, msgs, MSG_BURST)) > 0;)
        for (uint32_t i = 0; i < got; i++) {
            refused += msgs[i]->err != ERR_OK;
            *last_id = msgs[i]->id;
            channel_untake(channel, msgs[i]);
        }
    return refused;
}

/* Accepts `count` jobs in one commit. */
static uint32_t accept_jobs(struct store_rig *rig, uint64_t *number, const struct row *row,
                            uint64_t *last_id)
{
    for (uint32_t i = 0; i < row->batch; i++)
        push_job(rig, ++*number, row->keyed);
    channel_flush_producer(rig->control);
    (void)store_turn(rig->thread, RIG_NOW_MS);
    return collect(rig->control, last_id);
}

static bool rig_open(struct store_rig *rig, const char *path)
{
    struct fault fault = { "" };
    rig->store = store_open(path, &fault);
    return rig->store != NULL && rig_start(rig, &fault);
}

static struct store_rig rig; /* its channels serve all rows */

static void accept_row(struct bench *bench, void *arg)
{
    const struct row *row = arg;
    struct temp_dir dir = temp_dir_in(".");
    uint64_t number = 0, last_id;
    uint32_t refused = 0;
    if (!rig_open(&rig, dir.path)) {
        bench_skip(bench, "the store cannot be opened here");
        return;
    }
    uint64_t began_ns = clock_now_ns();
    while (bench_more(bench))
        refused += accept_jobs(&rig, &number, row, &last_id);
    durable_figure(bench, began_ns, number);
    bench_items(bench, row->batch);
    if (refused > 0)
        bench_skip(bench, "jobs were refused");
    rig_stop(&rig);
    temp_dir_remove(&dir);
}

static void push_record(struct store_rig *to, enum msg_kind kind, uint64_t job_id)
{
    struct msg *msg = filled(to->worker, kind);
    struct writer w = msg_writer(msg);
    struct record_command command = rig_command(job_id, job_id);
    struct record_attempt attempt = {
        .job_id = job_id, .attempt = 1, .part_count = 1, .message_id = "0123456789ABCDEF"
    };
    struct record_result result = rig_result(job_id, JOB_EXECUTED, RIG_NOW_MS);
    if (kind == MSG_COMMIT)
        record_command_write(&w, &command);
    else if (kind == MSG_ATTEMPT)
        record_attempt_write(&w, &attempt);
    else
        record_result_write(&w, &result);
    ASSERT(msg_written(msg, &w) == ERR_OK);
    channel_push(to->worker, msg);
}

/* Job, command, attempt, result: each a commit of the whole group, as a busy engine has it. */
static void life_row(struct bench *bench, void *arg)
{
    static const enum msg_kind kinds[LIFE_MESSAGES - 1] = { MSG_COMMIT, MSG_ATTEMPT, MSG_RESULT };
    const struct row *row = arg;
    struct temp_dir dir = temp_dir_in(".");
    uint64_t number = 0, last_id = 0;
    uint32_t refused = 0;
    if (!rig_open(&rig, dir.path)) {
        bench_skip(bench, "the store cannot be opened here");
        return;
    }
    uint64_t began_ns = clock_now_ns();
    while (bench_more(bench)) {
        refused += accept_jobs(&rig, &number, row, &last_id);
        uint64_t first = last_id + 1 - row->batch;
        for (unsigned step = 0; step < COUNT(kinds); step++) {
            uint64_t ignored;
            for (uint32_t i = 0; i < row->batch; i++)
                push_record(&rig, kinds[step], first + i);
            channel_flush_producer(rig.worker);
            (void)store_turn(rig.thread, RIG_NOW_MS);
            refused += collect(rig.worker, &ignored);
        }
    }
    durable_figure(bench, began_ns, number);
    bench_items(bench, row->batch);
    if (refused > 0)
        bench_skip(bench, "messages were refused");
    rig_stop(&rig);
    temp_dir_remove(&dir);
}

static void start_eal(char *program)
{
    static char args[][20] = { "--no-huge",         "-m",          "256",
                               "--no-shconf",       "--no-pci",    "--no-telemetry",
                               "--log-level=error", "--lcores=0@0" };
    char *argv[COUNT(args) + 2] = { program };
    for (size_t i = 0; i < COUNT(args); i++)
        argv[i + 1] = args[i];
    ASSERT(rte_eal_init((int)COUNT(args) + 1, argv) >= 0);
}

int main(int argc, char **argv)
{
    static struct row plain[] = { { .batch = 256 }, { .batch = 1024 }, { .batch = 4096 } };
    static struct row keyed = { .batch = 4096, .keyed = true };
    start_eal(argv[0]);
    char name[40], baseline[40];
    for (size_t i = 0; i < COUNT(plain); i++) {
        snprintf(baseline, sizeof baseline, "lmdb_append/%u", (unsigned)plain[i].batch);
        snprintf(name, sizeof name, "accept/%u", (unsigned)plain[i].batch);
        bench_row(baseline, raw_append, &plain[i]);
        bench_row_against(name, baseline, accept_row, &plain[i]);
    }
    bench_row_against("accept_keyed/4096", "lmdb_append/4096", accept_row, &keyed);
    bench_row_against("life/1024", "lmdb_append/1024", life_row, &plain[1]);
    bench_row_against("life/4096", "lmdb_append/4096", life_row, &plain[2]);
    return bench_main(argc, argv);
}
