/* How a job ends: outcome, client's results, journal entry and uplink record, all in one. */
#include "engine/store/outcome.h"

#include "engine/store/keys.h"

/* Whether the job's outcome may be written: it is pending, or its pending entry was lost. An
 * outcome that was lost itself still counts (repair.h). */
static enum err outcome_due(struct store_txn *txn, uint64_t job_id)
{
    enum err err = table_remove_u64(txn, TABLE_PENDING, job_id);
    if (err != ERR_UNKNOWN)
        return err;
    struct span value;
    err = table_get_u64(txn, TABLE_OUTCOMES, job_id, &value);
    if (err != ERR_UNKNOWN)
        return err == ERR_OK || err == ERR_CORRUPT ? ERR_DUPLICATE : err;
    struct table_key key = table_key_u64(job_id);
    struct table_key lost = table_key_quarantined(TABLE_OUTCOMES, table_key_span(&key));
    err = table_get(txn, TABLE_QUARANTINE, table_key_span(&lost), &value);
    if (err != ERR_UNKNOWN)
        return err == ERR_OK ? ERR_DUPLICATE : err;
    err = table_get_u64(txn, TABLE_JOBS, job_id, &value);
    return err == ERR_CORRUPT ? ERR_OK : err;
}

/* What the job leaves behind when it ends: these go also with a second outcome, since they would
 * otherwise be replayed at every start. */
static enum err let_go(struct store_txn *txn, const struct record_result *record)
{
    enum err err = ERR_OK;
    if (record->ends_command && record->command_id != 0)
        err = table_remove_u64(txn, TABLE_COMMANDS, record->command_id);
    if (record->uplink_id != 0 && (err == ERR_OK || err == ERR_UNKNOWN))
        err = table_remove_u64(txn, TABLE_UPLINK, record->uplink_id);
    return err == ERR_UNKNOWN ? ERR_OK : err;
}

enum err outcome_put(struct store_txn *txn, const struct record_result *record, struct span body,
                     uint64_t *position)
{
    if (record->client >= LOG_STREAMS)
        return ERR_RANGE;
    enum err due = outcome_due(txn, record->job_id);
    if (due != ERR_OK && due != ERR_DUPLICATE)
        return due;
    enum err err = let_go(txn, record);
    if (err != ERR_OK || due == ERR_DUPLICATE)
        return err != ERR_OK ? err : due;
    struct table_key key = table_key_u64(record->job_id);
    err = table_put(txn, TABLE_OUTCOMES, table_key_span(&key), body);
    if (err != ERR_OK)
        return err;
    const struct result_entry entry = { .job_id = record->job_id,
                                        .finished_ms = record->finished_ms };
    uint8_t buf[32];
    struct writer w = writer_over(buf, sizeof buf);
    key_result_write(&w, &entry);
    return log_append(txn, LOG_RESULTS, record->client, written(&w), position);
}
