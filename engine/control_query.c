/* What the API asks: jobs, devices and results as the store has them. No reading transaction
 * outlives its question. */
#include "engine/control.h"
#include "engine/device/device_record.h"
#include "engine/store/query.h"

static enum err attempt_take(void *arg, const struct record_attempt *attempt)
{
    struct api_job *out = arg;
    if (out->attempt_count < API_ATTEMPTS_MAX)
        out->attempts[out->attempt_count++] = *attempt;
    return ERR_OK;
}

static enum err job_read(struct store_txn *txn, uint32_t client, uint64_t id, struct api_job *out)
{
    enum err err = query_job(txn, id, &out->job);
    if (err != ERR_OK)
        return err;
    if (out->job.client != client)
        return ERR_UNKNOWN;
    out->attempt_count = 0;
    err = query_attempts(txn, id, attempt_take, out);
    if (err != ERR_OK)
        return err;
    struct table_key key = table_key_u64(id);
    struct span value;
    err = query_outcome(txn, id, &out->result);
    if (err == ERR_OK) { /* the answer outlives the transaction */
        struct span answer = span_first(out->result.answer, sizeof out->answer);
        if (answer.len > 0)
            memcpy(out->answer, answer.bytes, answer.len);
        out->result.answer = span_of(out->answer, answer.len);
        out->state = API_JOB_FINAL;
        return ERR_OK;
    }
    if (err != ERR_UNKNOWN)
        return err;
    bool flies = table_get(txn, TABLE_COMMANDS, table_key_span(&key), &value) == ERR_OK;
    out->state = flies ? API_JOB_IN_FLIGHT : API_JOB_WAITING;
    return ERR_OK;
}

enum err control_job_get(void *ctx, uint32_t client, uint64_t id, struct api_job *out)
{
    struct control *control = ctx;
    struct store_txn *txn;
    enum err err = store_txn_begin(control->store, STORE_READ, &txn);
    if (err != ERR_OK)
        return err;
    err = job_read(txn, client, id, out);
    store_txn_abort(txn);
    return err;
}

enum err control_job_cancel(void *ctx, uint32_t client, uint64_t id, uint64_t cookie)
{
    struct control *control = ctx;
    static struct api_job job; /* large; one thread */
    enum err err = control_job_get(ctx, client, id, &job);
    if (err != ERR_OK)
        return err;
    if (job.state == API_JOB_FINAL)
        return ERR_UNEXPECTED;
    uint32_t worker = control_worker_of(control, &job.job.eid);
    struct msg *msg = control_worker_msg(control, worker, MSG_CANCEL);
    if (msg == NULL)
        return ERR_THROTTLED;
    msg->id = id;
    msg->eid = job.job.eid;
    msg->cookie = cookie;
    channel_push(control->to_worker[worker], msg);
    return ERR_OK;
}

struct device_visit {
    api_device_emit *emit;
    void *arg;
    const struct eid *after;
    uint32_t left;
};

static enum err device_take(void *arg, const struct eid *eid, struct span value)
{
    struct device_visit *visit = arg;
    struct span json;
    if (visit->after != NULL && memcmp(eid, visit->after, sizeof *eid) == 0)
        return ERR_OK;
    if (device_record_kept(value, &json) != ERR_OK)
        return ERR_OK; /* counted when it was loaded */
    if (visit->left == 0 || !visit->emit(visit->arg, json))
        return ERR_CLOSED;
    visit->left--;
    return ERR_OK;
}

enum err control_device_get(void *ctx, const struct eid *eid, api_device_emit *emit, void *arg)
{
    struct control *control = ctx;
    struct store_txn *txn;
    enum err err = store_txn_begin(control->store, STORE_READ, &txn);
    if (err != ERR_OK)
        return err;
    struct span value, json;
    err = query_device(txn, eid, &value);
    if (err == ERR_OK)
        err = device_record_kept(value, &json);
    if (err == ERR_OK)
        emit(arg, json);
    store_txn_abort(txn);
    return err;
}

enum err control_device_list(void *ctx, const struct eid *after, uint32_t max,
                             api_device_emit *emit, void *arg)
{
    struct control *control = ctx;
    struct store_txn *txn;
    enum err err = store_txn_begin(control->store, STORE_READ, &txn);
    if (err != ERR_OK)
        return err;
    static const struct eid first;
    struct device_visit visit = { .emit = emit, .arg = arg, .after = after, .left = max };
    err = query_devices(txn, after != NULL ? after : &first, device_take, &visit);
    store_txn_abort(txn);
    return err == ERR_CLOSED ? ERR_OK : err;
}

struct result_visit {
    struct store_txn *txn;
    api_result_emit *emit;
    void *arg;
    uint32_t left;
};

static enum err result_take(void *arg, const struct result_entry *entry)
{
    struct result_visit *visit = arg;
    struct record_result result;
    if (visit->left == 0)
        return ERR_CLOSED;
    enum err err = query_outcome(visit->txn, entry->job_id, &result);
    if (err != ERR_OK)
        return ERR_OK; /* quarantined: counted, and its alarm raised, by the store */
    if (!visit->emit(visit->arg, entry->position, &result))
        return ERR_CLOSED;
    visit->left--;
    return ERR_OK;
}

enum err control_results_read(void *ctx, uint32_t client, uint64_t after, uint32_t max,
                              api_result_emit *emit, void *arg)
{
    struct control *control = ctx;
    struct store_txn *txn;
    enum err err = store_txn_begin(control->store, STORE_READ, &txn);
    if (err != ERR_OK)
        return err;
    struct result_visit visit = { .txn = txn, .emit = emit, .arg = arg, .left = max };
    err = query_results(txn, client, after, result_take, &visit);
    store_txn_abort(txn);
    return err == ERR_CLOSED ? ERR_OK : err;
}

uint64_t control_results_durable(void *ctx, uint32_t client)
{
    struct control *control = ctx;
    return store_thread_durable(control->store_thread, client);
}
