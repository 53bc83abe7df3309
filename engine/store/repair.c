/* Making up for records that were found corrupt. */
#include "engine/store/repair.h"

#include "base/log.h"
#include "engine/store/at_rest.h"
#include "engine/store/idem.h"
#include "engine/store/keys.h"
#include "engine/store/outcome.h"

#include <inttypes.h>

struct repair {
    struct store_txn *txn;
    uint64_t now_ms;
    uint32_t repaired;
};

static enum err visit_nothing(void *arg, struct span key, struct span value)
{
    (void)arg;
    (void)key;
    (void)value;
    return ERR_OK;
}

static bool has_u64(struct store_txn *txn, enum table_id table, uint64_t number)
{
    struct table_key key = table_key_u64(number);
    struct span value;
    return table_get(txn, table, table_key_span(&key), &value) == ERR_OK;
}

/* Nothing more can be done by itself: a person must look. */
static enum err give_up(const char *what, uint64_t id, enum err err)
{
    if (err == ERR_UNKNOWN)
        return ERR_OK;
    log_error("store",
              "%s of job %" PRIu64 " is corrupt and cannot be made up for: audit its device", what,
              id);
    return ERR_OK;
}

/* ERR_UNKNOWN: trimmed since, with all that belonged to it. ERR_CORRUPT: lost too. */
static enum err job_of(struct repair *repair, uint64_t job_id, struct job *out)
{
    enum err err = query_job(repair->txn, job_id, out);
    struct table_key key = table_key_u64(job_id);
    struct table_key lost = table_key_quarantined(TABLE_JOBS, table_key_span(&key));
    struct span value;
    if (err == ERR_UNKNOWN &&
        table_get(repair->txn, TABLE_QUARANTINE, table_key_span(&lost), &value) == ERR_OK)
        return ERR_CORRUPT;
    return err;
}

static enum err pending_again(struct repair *repair, uint64_t job_id)
{
    if (has_u64(repair->txn, TABLE_PENDING, job_id) || has_u64(repair->txn, TABLE_OUTCOMES, job_id))
        return ERR_OK;
    struct job job;
    enum err err = job_of(repair, job_id, &job);
    if (err != ERR_OK)
        return give_up("the waiting entry", job_id, err);
    const struct record_pending pending = record_pending_of(&job);
    uint8_t buf[128];
    struct writer w = writer_over(buf, sizeof buf);
    record_pending_write(&w, &pending);
    repair->repaired++;
    return table_put_u64(repair->txn, TABLE_PENDING, job_id, written(&w));
}

/* The command's or the outcome's own record is lost: the job alone tells whose it was. */
static enum err unconfirmed_of(struct repair *repair, uint64_t job_id, struct record_result *out)
{
    struct job job = { 0 };
    enum err err = job_of(repair, job_id, &job);
    *out = (struct record_result){ .job_id = job_id,
                                   .eid = job.eid,
                                   .client = job.client,
                                   .outcome = JOB_UNCONFIRMED,
                                   .reason = ERR_CORRUPT,
                                   .por_status = RECORD_POR_NONE,
                                   .accepted_ms = job.accepted_ms,
                                   .finished_ms = repair->now_ms };
    return err;
}

static enum err end_unconfirmed(struct repair *repair, uint64_t job_id)
{
    if (!has_u64(repair->txn, TABLE_PENDING, job_id))
        return ERR_OK;
    struct record_result result;
    enum err err = unconfirmed_of(repair, job_id, &result);
    if (err != ERR_OK)
        return give_up("the open command", job_id, err);
    uint8_t buf[256];
    struct writer w = writer_over(buf, sizeof buf);
    record_result_write(&w, &result);
    uint64_t position;
    repair->repaired++;
    err = outcome_put(repair->txn, &result, written(&w), &position);
    return err == ERR_DUPLICATE ? ERR_OK : err;
}

/* The command's id is its first job; the others are asked of the corrupt record, as far as it still
 * reads as that command. */
static enum err command_lost(struct repair *repair, uint64_t command_id, struct span stored)
{
    if (has_u64(repair->txn, TABLE_COMMANDS, command_id))
        return ERR_OK; /* replaced since */
    uint64_t jobs[RECORD_JOBS_MAX + 1] = { command_id };
    uint8_t count = 1, clear[RECORD_PACKET_MAX];
    struct record_command command;
    enum err read = at_rest_read(stored, NULL, NULL, clear, &command);
    if ((read == ERR_OK || read == ERR_KEY) && command.id == command_id)
        for (uint8_t i = 0; i < command.job_count; i++)
            jobs[count++] = command.jobs[i];
    enum err err = ERR_OK;
    for (uint8_t i = 0; i < count && err == ERR_OK; i++)
        err = end_unconfirmed(repair, jobs[i]);
    return err;
}

/* The job's place in the client's results is there already. */
static enum err outcome_again(struct repair *repair, uint64_t job_id)
{
    if (has_u64(repair->txn, TABLE_OUTCOMES, job_id))
        return ERR_OK;
    struct record_result result;
    enum err err = unconfirmed_of(repair, job_id, &result);
    if (err != ERR_OK)
        return give_up("the outcome", job_id, err);
    uint8_t buf[256];
    struct writer w = writer_over(buf, sizeof buf);
    record_result_write(&w, &result);
    repair->repaired++;
    return table_put_u64(repair->txn, TABLE_OUTCOMES, job_id, written(&w));
}

static enum err idem_again(struct repair *repair, uint64_t job_id)
{
    struct job job;
    if (has_u64(repair->txn, TABLE_IDEM, job_id) ||
        query_job(repair->txn, job_id, &job) != ERR_OK || job.key_len == 0)
        return ERR_OK;
    struct table_key value =
        table_key_u64(idem_fingerprint(job.client, span_of(job.key, job.key_len)));
    repair->repaired++;
    return table_put_u64(repair->txn, TABLE_IDEM, job_id, table_key_span(&value));
}

static enum err repair_one(void *arg, struct span key, struct span stored)
{
    struct repair *repair = arg;
    struct reader r = reader_over(key);
    uint8_t table = reader_u8(&r);
    uint64_t id = table_key_number(reader_rest(&r));
    /* The value ends with its old CRC. */
    struct span value = span_first(stored, stored.len > 4 ? stored.len - 4 : 0);
    switch (table) {
    case TABLE_PENDING:
        return pending_again(repair, id);
    case TABLE_COMMANDS:
        return command_lost(repair, id, value);
    case TABLE_OUTCOMES:
        return outcome_again(repair, id);
    case TABLE_IDEM:
        return idem_again(repair, id);
    default:
        return ERR_OK;
    }
}

static enum err examine(struct repair *repair)
{
    static const enum table_id open_ones[] = { TABLE_PENDING, TABLE_COMMANDS, TABLE_IDEM,
                                               TABLE_EXACT,   TABLE_UPLINK,   TABLE_KEYSETS };
    enum err err = ERR_OK;
    for (unsigned i = 0; i < COUNT(open_ones) && err == ERR_OK; i++)
        err = table_scan(repair->txn, open_ones[i], span_of(NULL, 0), visit_nothing, NULL);
    if (err == ERR_OK)
        err = table_scan(repair->txn, TABLE_QUARANTINE, span_of(NULL, 0), repair_one, repair);
    return err;
}

enum err store_repair(struct store *store, uint64_t now_ms, uint32_t *repaired, struct fault *fault)
{
    struct repair repair = { .now_ms = now_ms };
    *repaired = 0;
    enum err err = store_txn_begin(store, STORE_WRITE, &repair.txn);
    if (err == ERR_OK) {
        err = examine(&repair);
        if (err == ERR_OK)
            err = store_txn_commit(repair.txn);
        else
            store_txn_abort(repair.txn);
    }
    if (err != ERR_OK)
        fault_set(fault, "the store cannot be repaired: %s; free disk space, then start again",
                  err_text(err));
    else
        *repaired = repair.repaired;
    return err;
}
