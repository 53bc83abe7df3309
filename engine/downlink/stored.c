/* Store to worker: scripts to plan, durable commands to frame, blocks, key set flags, results. */
#include "engine/downlink/downlink.h"

/* Refusals for want of the clock's trust are the operator's to lift: asked again at each use. */
static void block_take(struct worker *worker, const struct msg *msg)
{
    struct slot_counter *c = &worker->slots[msg->id % SLOT_COUNT];
    c->asked = false;
    if (msg->err == ERR_OK)
        c->next_block = (uint32_t)msg->value;
    else
        core_drop(&worker->core, STAGE_COMMIT, (enum err)msg->err);
}

/* The sessions that a batch is for, then the records of their devices. */
static void stored_prefetch(struct worker *worker, struct msg *const msgs[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (msgs[i]->kind != MSG_BLOCK)
            session_prefetch(worker, (uint32_t)(msgs[i]->cookie >> 32));
    for (uint32_t i = 0; i < count; i++) {
        if (msgs[i]->kind != MSG_FETCH_JOB)
            continue;
        uint32_t record = worker->sessions[msgs[i]->cookie >> 32].device.record;
        directory_prefetch(worker->directory, record);
        directory_live_prefetch(worker->directory, record);
    }
}

static bool journal_collect(struct worker *worker)
{
    struct msg *msgs[WORKER_BATCH];
    uint32_t cap = channel_room(worker->results) / WORKER_RESULT_RESERVE;
    uint32_t count =
        channel_collect(worker->journal, msgs, cap < WORKER_BATCH ? cap : WORKER_BATCH);
    stored_prefetch(worker, msgs, count);
    for (uint32_t i = 0; i < count; i++) {
        struct msg *msg = msgs[i];
        if (msg->kind != MSG_BLOCK)
            elapsed_stored(worker, msg);
        if (msg->kind == MSG_FETCH_JOB) {
            downlink_plan(worker, msg);
        } else if (msg->kind == MSG_BLOCK) {
            block_take(worker, msg);
            channel_untake(worker->journal, msg);
        } else { /* MSG_COMMIT, MSG_FETCH_COMMAND */
            worker->durable[worker->durable_count++] = msg;
        }
    }
    return count > 0;
}

/* A flag that is durable counts from now on. */
static void keyset_durable(struct worker *worker, const struct msg *msg)
{
    struct device_ref device;
    if (msg->err == ERR_OK && directory_find_eid(worker->directory, &msg->eid, &device) == ERR_OK)
        directory_keyset_mark(worker->directory, device, (uint16_t)msg->status, msg->flags);
}

static bool results_collect(struct worker *worker)
{
    struct msg *msgs[WORKER_BATCH];
    uint32_t count = channel_collect(worker->results, msgs, WORKER_BATCH);
    for (uint32_t i = 0; i < count; i++) {
        if (msgs[i]->kind == MSG_KEYSET)
            keyset_durable(worker, msgs[i]);
        else if ((msgs[i]->kind == MSG_RESULT || msgs[i]->kind == MSG_ATTEMPT) &&
                 msgs[i]->err != ERR_OK)
            core_drop(&worker->core, STAGE_COMMIT, (enum err)msgs[i]->err);
        channel_untake(worker->results, msgs[i]);
    }
    return count > 0;
}

bool downlink_stored(struct worker *worker)
{
    bool any = results_collect(worker);
    return journal_collect(worker) || any;
}
