/* The store thread's turn: gather, apply in one transaction, commit once, return answered. */
#include "engine/store/store_thread.h"

#include "base/counter.h"
#include "base/log.h"
#include "engine/store/apply.h"
#include "engine/store/repair.h"
#include "io/idle.h"

#include <stdlib.h>
#include <time.h>

#define TRIM_BUDGET 256u     /* jobs a turn, beside those it applied */
#define TRIM_PERIOD_MS 1000u /* how often an idle store looks */
#define STOP_RETRIES 8u      /* commits tried before an unwritable disk ends the drain */

enum role { ROLE_EDGE, ROLE_WORKER, ROLE_CONTROL, ROLE_COUNT }; /* in the order of applying */

struct item {
    struct msg *msg;
    struct channel *home;
    uint32_t owner; /* index among its role */
};

struct batch {
    struct item *items; /* cap: all that the role's channels may hold */
    uint32_t cap, count;
};

struct store_thread {
    struct store_thread_config config;
    struct apply apply;
    struct batch batches[ROLE_COUNT];
    enum err failure;  /* of the last commit; ERR_OK: none */
    uint32_t failures; /* in a row */
    uint64_t retry_at_ms, trim_at_ms;
    uint64_t stamp_ns; /* of the answers */
    _Atomic bool stop;
    struct counter figures[STORE_FIGURE_COUNT];
    struct counter durable[LOG_STREAMS];
    struct counter finished[CONFIG_WORKERS_MAX];
};

static const char *const figure_labels[] = {
    "commits", "commits_failed", "messages", "reads", "refused", "trimmed", "kept", "failing",
};
static_assert(COUNT(figure_labels) == STORE_FIGURE_COUNT, "each figure has a label");

const char *store_figure_label(enum store_figure figure)
{
    return figure_labels[figure];
}

uint64_t store_thread_figure(const struct store_thread *thread, enum store_figure figure)
{
    return counter_read(&thread->figures[figure]);
}

uint64_t store_thread_durable(const struct store_thread *thread, uint32_t client)
{
    return client < LOG_STREAMS ? counter_read(&thread->durable[client]) : 0;
}

uint64_t store_thread_finished(const struct store_thread *thread, uint32_t worker)
{
    return worker < CONFIG_WORKERS_MAX ? counter_read(&thread->finished[worker]) : 0;
}

/* --- life --- */

static enum err read_durable(struct store_thread *thread)
{
    struct store_txn *txn;
    enum err err = store_txn_begin(thread->config.store, STORE_READ, &txn);
    if (err != ERR_OK)
        return err;
    for (uint32_t client = 0; client < LOG_STREAMS && err == ERR_OK; client++) {
        uint64_t position;
        err = log_last(txn, LOG_RESULTS, client, &position);
        if (err == ERR_OK)
            counter_set(&thread->durable[client], position);
    }
    store_txn_abort(txn);
    return err;
}

/* Before the idempotency keys are read: lost ones come back here. */
static enum err repair(const struct store_thread_config *config, struct fault *fault)
{
    uint32_t repaired;
    enum err err = store_repair(config->store, config->wall_ms, &repaired, fault);
    if (err == ERR_OK && repaired > 0)
        log_warning("store", "%u corrupt records were made up for; see the lines above",
                    (unsigned)repaired);
    return err;
}

static enum err batches_init(struct store_thread *thread, const struct store_thread_config *config)
{
    uint32_t *edges = &thread->batches[ROLE_EDGE].cap;
    uint32_t *workers = &thread->batches[ROLE_WORKER].cap;
    for (uint32_t i = 0; i < config->edge_count; i++)
        *edges += channel_quota(config->edges[i]);
    for (uint32_t i = 0; i < config->worker_count; i++)
        *workers += channel_quota(config->journals[i]) + channel_quota(config->results[i]);
    if (config->control != NULL)
        thread->batches[ROLE_CONTROL].cap = channel_quota(config->control);
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        struct batch *batch = &thread->batches[role];
        batch->items = calloc(batch->cap + 1u, sizeof *batch->items);
        if (batch->items == NULL)
            return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

struct store_thread *store_thread_create(const struct store_thread_config *config,
                                         struct fault *fault)
{
    struct store_thread *thread = calloc(1, sizeof *thread);
    enum err err = thread == NULL ? ERR_NO_MEMORY : batches_init(thread, config);
    if (err == ERR_OK) {
        thread->config = *config;
        thread->apply.kek = config->kek;
        thread->apply.lanes = config->lanes;
        thread->apply.accept_clock = config->accept_clock;
        thread->apply.results_keep_ms = config->results_keep_ms;
        err = repair(config, fault);
    }
    if (err == ERR_OK)
        err = apply_init(&thread->apply, config->store);
    if (err == ERR_OK)
        err = read_durable(thread);
    if (err != ERR_OK) {
        fault_set(fault, "the store cannot be read: %s", err_text(err));
        store_thread_destroy(thread);
        return NULL;
    }
    return thread;
}

void store_thread_destroy(struct store_thread *thread)
{
    if (thread == NULL)
        return;
    apply_fini(&thread->apply);
    for (unsigned role = 0; role < ROLE_COUNT; role++)
        free(thread->batches[role].items);
    free(thread);
}

/* --- gathering --- */

static bool gather(struct batch *batch, struct channel *channel, uint32_t owner)
{
    struct msg *msgs[MSG_BURST];
    bool any = false;
    for (;;) {
        uint32_t got = channel_receive(channel, msgs, MSG_BURST);
        if (got == 0)
            return any;
        ASSERT(batch->cap - batch->count >= got); /* no channel has more than its quota under way */
        for (uint32_t i = 0; i < got; i++)
            batch->items[batch->count++] =
                (struct item){ .msg = msgs[i], .home = channel, .owner = owner };
        any = true;
    }
}

/* Workers before edges: whatever a worker consumed, its edge had sent before (store_thread.h). A
 * worker's journal before its results, and these to their end: a command of a device is never durable
 * before the result of the one before it, which the worker flushed first. */
static bool gather_all(struct store_thread *thread)
{
    const struct store_thread_config *config = &thread->config;
    bool any = false;
    for (uint32_t i = 0; i < config->worker_count; i++) {
        any |= gather(&thread->batches[ROLE_WORKER], config->journals[i], i);
        any |= gather(&thread->batches[ROLE_WORKER], config->results[i], i);
    }
    for (uint32_t i = 0; i < config->edge_count; i++)
        any |= gather(&thread->batches[ROLE_EDGE], config->edges[i], i);
    if (config->control != NULL)
        any |= gather(&thread->batches[ROLE_CONTROL], config->control, 0);
    return any;
}

static uint32_t held(const struct store_thread *thread)
{
    uint32_t count = 0;
    for (unsigned role = 0; role < ROLE_COUNT; role++)
        count += thread->batches[role].count;
    return count;
}

/* --- answering --- */

static bool is_read(const struct msg *msg)
{
    return msg->kind == MSG_FETCH_JOB || msg->kind == MSG_FETCH_COMMAND;
}

/* May be refused when the disk is full: the caller can ask again. */
static bool is_intake(const struct msg *msg)
{
    return msg->kind == MSG_JOB_PUT || msg->kind == MSG_DEVICE_PUT ||
           msg->kind == MSG_DEVICE_REMOVE || msg->kind == MSG_STOP;
}

static void answer(struct store_thread *thread, const struct item *item)
{
    struct msg *msg = item->msg;
    msg->stamp_ns = thread->stamp_ns;
    counter_add(&thread->figures[STORE_MESSAGES], 1);
    if (is_read(msg))
        counter_add(&thread->figures[STORE_READS], 1);
    if (msg->err != ERR_OK)
        counter_add(&thread->figures[STORE_REFUSED], 1);
    if (msg->kind == MSG_RESULT && msg->err == ERR_OK)
        counter_set(&thread->durable[msg->client], msg->value);
    if (msg->kind == MSG_RESULT && item->home != thread->config.control)
        counter_add(&thread->finished[item->owner], 1);
    channel_return(item->home, item->msg);
}

static void flush_returns(struct store_thread *thread)
{
    const struct store_thread_config *config = &thread->config;
    for (uint32_t i = 0; i < config->worker_count; i++) {
        channel_flush_consumer(config->journals[i]);
        channel_flush_consumer(config->results[i]);
    }
    for (uint32_t i = 0; i < config->edge_count; i++)
        channel_flush_consumer(config->edges[i]);
    if (config->control != NULL)
        channel_flush_consumer(config->control);
}

static void answer_all(struct store_thread *thread)
{
    thread->stamp_ns = clock_within_ns(&thread->config.clock, 0);
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        struct batch *batch = &thread->batches[role];
        for (uint32_t i = 0; i < batch->count; i++)
            answer(thread, &batch->items[i]);
        batch->count = 0;
    }
}

/* --- one transaction --- */

static enum err apply_all(struct store_thread *thread, struct store_txn *txn, uint64_t now_ms)
{
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        struct batch *batch = &thread->batches[role];
        for (uint32_t i = 0; i < batch->count; i++) {
            struct msg *msg = batch->items[i].msg;
            msg->err = (uint8_t)apply_msg(&thread->apply, txn, msg, now_ms);
            enum err err = store_txn_err(txn);
            if (err != ERR_OK)
                return err;
        }
    }
    return ERR_OK;
}

static enum err write_all(struct store_thread *thread, uint64_t now_ms)
{
    struct store_txn *txn;
    enum err err = store_txn_begin(thread->config.store, STORE_WRITE, &txn);
    if (err != ERR_OK)
        return err;
    err = apply_all(thread, txn, now_ms);
    if (err == ERR_OK && now_ms >= thread->trim_at_ms) {
        err = apply_trim(&thread->apply, txn, now_ms, TRIM_BUDGET + held(thread));
        thread->trim_at_ms = thread->apply.trimmed > 0 ? now_ms : now_ms + TRIM_PERIOD_MS;
    }
    if (err == ERR_OK)
        err = apply_numbers_write(&thread->apply, txn);
    uint64_t trimmed = thread->apply.trimmed;
    if (err == ERR_OK)
        err = store_txn_commit(txn);
    else
        store_txn_abort(txn);
    apply_settle(&thread->apply, err == ERR_OK);
    if (err == ERR_OK)
        counter_add(&thread->figures[STORE_TRIMMED], trimmed);
    return err;
}

/* --- when the disk refuses --- */

/* Reads are answered from what is durable, intake is refused; the rest stays, in order. */
static void answer_some(struct store_thread *thread, uint64_t now_ms)
{
    struct store_txn *txn = NULL;
    enum err readable = store_txn_begin(thread->config.store, STORE_READ, &txn);
    thread->stamp_ns = clock_within_ns(&thread->config.clock, 0);
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        struct batch *batch = &thread->batches[role];
        uint32_t kept = 0;
        for (uint32_t i = 0; i < batch->count; i++) {
            struct msg *msg = batch->items[i].msg;
            enum err err = thread->failure;
            if (is_read(msg))
                err = readable != ERR_OK ? readable : apply_msg(&thread->apply, txn, msg, now_ms);
            if (is_read(msg) || is_intake(msg)) {
                msg->err = (uint8_t)err;
                answer(thread, &batch->items[i]);
            } else {
                batch->items[kept++] = batch->items[i];
            }
        }
        batch->count = kept;
    }
    if (readable == ERR_OK)
        store_txn_abort(txn);
    counter_set(&thread->figures[STORE_KEPT], held(thread));
}

static void fail(struct store_thread *thread, enum err err, uint64_t now_ms)
{
    thread->failure = err;
    thread->failures++;
    thread->retry_at_ms = now_ms + STORE_RETRY_MS;
    counter_add(&thread->figures[STORE_COMMITS_FAILED], 1);
    counter_set(&thread->figures[STORE_FAILING], 1);
    answer_some(thread, now_ms);
    log_error("store",
              "a batch could not be made durable: %s; %u messages are kept and tried again; free "
              "space on the data directory's file system",
              err_text(err), (unsigned)held(thread));
}

static bool only_reads(const struct store_thread *thread)
{
    for (unsigned role = 0; role < ROLE_COUNT; role++)
        for (uint32_t i = 0; i < thread->batches[role].count; i++)
            if (!is_read(thread->batches[role].items[i].msg))
                return false;
    return true;
}

bool store_turn(struct store_thread *thread, uint64_t now_ms)
{
    bool any = gather_all(thread);
    bool waiting = thread->failure != ERR_OK && now_ms < thread->retry_at_ms;
    if (waiting) {
        if (any)
            answer_some(thread, now_ms);
        flush_returns(thread);
        return any;
    }
    if (!any && held(thread) == 0 && now_ms < thread->trim_at_ms)
        return false;
    bool writes = !only_reads(thread);
    enum err err = write_all(thread, now_ms); /* nothing written: nothing is flushed */
    if (err != ERR_OK) {
        fail(thread, err, now_ms);
    } else {
        if (thread->failure != ERR_OK)
            log_info("store", "batches are durable again");
        thread->failure = ERR_OK;
        thread->failures = 0;
        counter_add(&thread->figures[STORE_COMMITS], writes);
        counter_set(&thread->figures[STORE_KEPT], 0);
        counter_set(&thread->figures[STORE_FAILING], 0);
        answer_all(thread);
    }
    flush_returns(thread);
    return any;
}

/* --- the thread --- */

void *store_thread_run(void *arg)
{
    struct store_thread *thread = arg;
    struct idle *idle = thread->config.idle;
    for (;;) {
        bool stop = atomic_load_explicit(&thread->stop, memory_order_acquire);
        bool busy = store_turn(thread, clock_wall_ms());
        if (!busy && stop && (held(thread) == 0 || thread->failures > STOP_RETRIES))
            break;
        uint64_t now_ns = clock_now_ns();
        uint64_t until_ns = idle_turned(idle, busy, now_ns, UINT64_MAX);
        if (until_ns != 0)
            idle_wait(idle, now_ns, until_ns);
    }
    if (held(thread) > 0)
        log_error("store", "stopped with %u messages that never became durable",
                  (unsigned)held(thread));
    return NULL;
}

void store_thread_stop(struct store_thread *thread)
{
    atomic_store_explicit(&thread->stop, true, memory_order_release);
    idle_ring(thread->config.idle);
}
