/* What each kind of message does to the tables. Only store_txn_err() makes a transaction fail; any
 * other verdict is the message's own, and is given before anything was written for it. */
#include "engine/store/apply.h"

#include "engine/store/blocks.h"
#include "engine/store/device_table.h"
#include "engine/store/keys.h"
#include "engine/store/outcome.h"
#include "engine/store/store_thread.h"

/* --- jobs --- */

/* Leaves out what intake derives from its clock. */
static bool same_job(const struct job *a, const struct job *b)
{
    return a->kind == b->kind && a->priority == b->priority && a->idempotent == b->idempotent &&
           a->spi == b->spi && a->kvn == b->kvn && a->attempts_max == b->attempts_max &&
           a->apdu_count == b->apdu_count &&
           span_equal(span_of(a->eid.bytes, EID_LEN), span_of(b->eid.bytes, EID_LEN)) &&
           span_equal(span_of(a->tar, sizeof a->tar), span_of(b->tar, sizeof b->tar)) &&
           span_equal(span_of(a->script, a->script_len), span_of(b->script, b->script_len));
}

static bool same_key(const struct job *a, const struct job *b)
{
    return a->client == b->client &&
           span_equal(span_of(a->key, a->key_len), span_of(b->key, b->key_len));
}

/* ERR_UNKNOWN: nobody used this key before. */
static enum err earlier_job(struct apply *apply, struct store_txn *txn, uint64_t fingerprint,
                            uint64_t *job_id)
{
    for (uint32_t nth = 0; (*job_id = idem_find(apply->idem, fingerprint, nth)) != 0; nth++) {
        struct span value;
        enum err err = table_get_u64(txn, TABLE_JOBS, *job_id, &value);
        if (err == ERR_OK)
            err = record_job_read(value, &apply->earlier);
        if (err != ERR_OK)
            return err == ERR_UNKNOWN ? ERR_CORRUPT : err;
        if (same_key(&apply->job, &apply->earlier))
            return same_job(&apply->job, &apply->earlier) ? ERR_DUPLICATE : ERR_CONFLICT;
    }
    return ERR_UNKNOWN;
}

static enum err idem_put(struct apply *apply, struct store_txn *txn, uint64_t fingerprint,
                         uint64_t job_id)
{
    enum err err = idem_add(apply->idem, fingerprint, job_id);
    if (err != ERR_OK)
        return err;
    struct table_key value = table_key_u64(fingerprint);
    return table_put_u64(txn, TABLE_IDEM, job_id, table_key_span(&value));
}

static enum err job_write(struct apply *apply, struct store_txn *txn)
{
    const struct job *job = &apply->job;
    struct writer w = writer_over(apply->buf, sizeof apply->buf);
    record_job_write(&w, job);
    enum err err = w.err != ERR_OK ? w.err : table_put_u64(txn, TABLE_JOBS, job->id, written(&w));
    if (err != ERR_OK)
        return err;
    const struct record_pending pending = record_pending_of(job);
    w = writer_over(apply->buf, sizeof apply->buf);
    record_pending_write(&w, &pending);
    return table_put_u64(txn, TABLE_PENDING, job->id, written(&w));
}

static enum err job_put(struct apply *apply, struct store_txn *txn, struct msg *msg)
{
    struct job *job = &apply->job;
    enum err err = record_job_read(msg_body(msg), job);
    if (err != ERR_OK)
        return err;
    if (job->client >= LOG_STREAMS)
        return ERR_RANGE;
    uint64_t fingerprint = 0;
    if (job->key_len > 0) {
        fingerprint = idem_fingerprint(job->client, span_of(job->key, job->key_len));
        err = earlier_job(apply, txn, fingerprint, &msg->id);
        if (err != ERR_UNKNOWN)
            return err;
    }
    job->id = apply->current.job + 1;
    if (job->key_len > 0)
        err = idem_put(apply, txn, fingerprint, job->id);
    else
        err = ERR_OK;
    if (err == ERR_OK)
        err = job_write(apply, txn);
    if (err != ERR_OK)
        return err;
    msg->id = apply->current.job = job->id;
    return ERR_OK;
}

static enum err body_fill(struct msg *msg, struct span value)
{
    struct writer w = msg_writer(msg);
    writer_bytes(&w, value);
    return msg_written(msg, &w);
}

/* The last CNTR of a key set that must go up by exactly one. */
static enum err fetch_exact(struct store_txn *txn, struct msg *msg)
{
    struct exact_counter exact;
    enum err err = query_exact(txn, &msg->eid, (uint16_t)msg->status, &exact);
    if (err != ERR_OK)
        return err == ERR_UNKNOWN ? ERR_OK : err;
    msg->value = exact.last;
    msg->flags |= STORE_EXACT_KNOWN;
    return exact.out_of_step ? ERR_OUT_OF_STEP : ERR_OK;
}

static enum err exact_put(struct store_txn *txn, const struct eid *eid, uint16_t keyset,
                          const struct exact_counter *exact)
{
    uint8_t buf[16];
    struct writer w = writer_over(buf, sizeof buf);
    key_exact_write(&w, exact);
    struct table_key key = key_of_keyset(eid, keyset);
    return table_put(txn, TABLE_EXACT, table_key_span(&key), written(&w));
}

/* The next command may have been sealed meanwhile: its number does not lift the mark. */
static enum err exact_raise(struct store_txn *txn, const struct record_command *command)
{
    struct exact_counter exact;
    enum err err = query_exact(txn, &command->eid, command->keyset, &exact);
    if (err == ERR_UNKNOWN)
        exact.out_of_step = false;
    else if (err != ERR_OK)
        return err;
    exact.last = command->cntr;
    return exact_put(txn, &command->eid, command->keyset, &exact);
}

static enum err exact_mark(struct store_txn *txn, const struct msg *msg)
{
    struct exact_counter exact;
    enum err err = query_exact(txn, &msg->eid, (uint16_t)msg->status, &exact);
    if (err != ERR_OK)
        return err;
    exact.out_of_step = true;
    return exact_put(txn, &msg->eid, (uint16_t)msg->status, &exact);
}

static enum err fetch_job(struct store_txn *txn, struct msg *msg)
{
    struct span value;
    msg->flags &= (uint8_t)~STORE_EXACT_KNOWN;
    enum err err = table_get_u64(txn, TABLE_JOBS, msg->id, &value);
    if (err == ERR_OK)
        err = body_fill(msg, value);
    if (err != ERR_OK || (msg->flags & STORE_FETCH_EXACT) == 0)
        return err;
    return fetch_exact(txn, msg);
}

/* Kept with the job, not with its command: that one may still be on its way here. */
static enum err stop(struct apply *apply, struct store_txn *txn, uint64_t job_id)
{
    struct record_pending pending;
    enum err err = query_pending(txn, job_id, &pending);
    if (err != ERR_OK)
        return err;
    pending.flags |= RECORD_PENDING_STOPPED;
    struct writer w = writer_over(apply->buf, sizeof apply->buf);
    record_pending_write(&w, &pending);
    return w.err != ERR_OK ? w.err : table_put_u64(txn, TABLE_PENDING, job_id, written(&w));
}

/* --- commands --- */

static enum err fetch_command(struct apply *apply, struct store_txn *txn, struct msg *msg)
{
    struct span value;
    struct record_command command;
    enum err err = table_get_u64(txn, TABLE_COMMANDS, msg->id, &value);
    if (err == ERR_OK)
        err = at_rest_read(value, apply->kek, apply->lanes, apply->clear, &command);
    if (err != ERR_OK)
        return err;
    struct writer w = msg_writer(msg);
    record_command_write(&w, &command);
    return msg_written(msg, &w);
}

static enum err commit(struct apply *apply, struct store_txn *txn, const struct msg *msg)
{
    struct record_command command;
    enum err err = record_command_read(msg_body(msg), &command);
    if (err != ERR_OK)
        return err;
    struct writer w = writer_over(apply->buf, sizeof apply->buf);
    err = at_rest_write(&w, &command, apply->kek, apply->lanes);
    if (err == ERR_OK)
        err = table_put_u64(txn, TABLE_COMMANDS, command.id, written(&w));
    if (err != ERR_OK || (command.flags & RECORD_COMMAND_EXACT) == 0)
        return err;
    return exact_raise(txn, &command);
}

static enum err attempt(struct store_txn *txn, const struct msg *msg)
{
    struct record_attempt record;
    enum err err = record_attempt_read(msg_body(msg), &record);
    if (err != ERR_OK)
        return err;
    struct span job;
    err = table_get_u64(txn, TABLE_JOBS, record.job_id, &job);
    if (err == ERR_UNKNOWN) /* trimmed meanwhile: nothing would ever remove it */
        return err;
    struct table_key key = key_attempt(record.job_id, record.attempt, record.part);
    return table_put(txn, TABLE_ATTEMPTS, table_key_span(&key), msg_body(msg));
}

static enum err result(struct store_txn *txn, struct msg *msg)
{
    struct record_result record;
    enum err err = record_result_read(msg_body(msg), &record);
    if (err != ERR_OK)
        return err;
    msg->client = record.client;
    return outcome_put(txn, &record, msg_body(msg), &msg->value);
}

/* --- uplink, counters --- */

static enum err uplink_log(struct store_txn *txn, const struct msg *msg)
{
    struct record_uplink record;
    enum err err = record_uplink_read(msg_body(msg), &record);
    return err != ERR_OK ? err : table_put_u64(txn, TABLE_UPLINK, record.id, msg_body(msg));
}

static enum err block(struct apply *apply, struct store_txn *txn, struct msg *msg, uint64_t now_ms)
{
    if (msg->id >= SLOT_COUNT)
        return ERR_RANGE;
    uint32_t taken;
    enum err err = block_take(txn, (uint32_t)msg->id, now_ms, apply->accept_clock, &taken);
    if (err == ERR_OK)
        msg->value = taken;
    return err;
}

enum err apply_msg(struct apply *apply, struct store_txn *txn, struct msg *msg, uint64_t now_ms)
{
    switch ((enum msg_kind)msg->kind) {
    case MSG_JOB_PUT:
        return job_put(apply, txn, msg);
    case MSG_FETCH_JOB:
        return fetch_job(txn, msg);
    case MSG_FETCH_COMMAND:
        return fetch_command(apply, txn, msg);
    case MSG_COMMIT:
        return commit(apply, txn, msg);
    case MSG_ATTEMPT:
        return attempt(txn, msg);
    case MSG_RESULT:
        return result(txn, msg);
    case MSG_UPLINK_LOG:
        return uplink_log(txn, msg);
    case MSG_CONSUMED:
        return table_remove_u64(txn, TABLE_UPLINK, msg->id);
    case MSG_BLOCK:
        return block(apply, txn, msg, now_ms);
    case MSG_OUT_OF_STEP:
        return exact_mark(txn, msg);
    case MSG_KEYSET:
        return device_table_keyset_mark(txn, &msg->eid, (uint16_t)msg->status, msg->flags);
    case MSG_DEVICE_PUT:
        return device_table_put(apply, txn, msg);
    case MSG_DEVICE_REMOVE:
        return device_table_remove(apply, txn, &msg->eid);
    case MSG_STOP:
        return stop(apply, txn, msg->id);
    case MSG_UPLINK:
    case MSG_RECEIPT:
    case MSG_SEND:
    case MSG_ADMIT:
    case MSG_RESUME:
    case MSG_CANCEL:
    case MSG_KIND_COUNT:
        break;
    }
    return ERR_UNEXPECTED;
}
