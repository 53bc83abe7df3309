/* What survives between transactions: the numbers given so far, idempotency keys, retention. */
#include "engine/store/apply.h"
#include "engine/store/keys.h"

#define META_LAST_JOB "last job"

static enum err last_number(struct store_txn *txn, enum table_id table, uint64_t *number)
{
    struct table_key key;
    enum err err = table_last(txn, table, &key);
    if (err == ERR_OK && table_key_number(table_key_span(&key)) > *number)
        *number = table_key_number(table_key_span(&key));
    return err == ERR_UNKNOWN ? ERR_OK : err;
}

/* From its own record, which outlives trimmed jobs; also from the jobs, should that be corrupt. */
static enum err last_job(struct store_txn *txn, uint64_t *number)
{
    struct span value;
    enum err err = table_get(txn, TABLE_META, span_text(META_LAST_JOB), &value);
    *number = err == ERR_OK ? table_key_number(value) : 0;
    if (err != ERR_OK && err != ERR_UNKNOWN && err != ERR_CORRUPT)
        return err;
    err = last_number(txn, TABLE_JOBS, number);
    return err != ERR_OK ? err : last_number(txn, TABLE_OUTCOMES, number);
}

static enum err idem_visit(void *arg, struct span key, struct span value)
{
    struct apply *apply = arg;
    enum err err = idem_add(apply->idem, table_key_number(value), table_key_number(key));
    idem_settle(apply->idem, true);
    return err;
}

static enum err read_all(struct apply *apply, struct store_txn *txn)
{
    enum err err = last_job(txn, &apply->committed.job);
    if (err == ERR_OK)
        err = table_scan(txn, TABLE_IDEM, span_of(NULL, 0), idem_visit, apply);
    return err;
}

enum err apply_init(struct apply *apply, struct store *store)
{
    apply->idem = idem_create();
    if (apply->idem == NULL)
        return ERR_NO_MEMORY;
    struct store_txn *txn;
    enum err err = store_txn_begin(store, STORE_READ, &txn);
    if (err == ERR_OK) {
        err = read_all(apply, txn);
        store_txn_abort(txn);
    }
    apply->current = apply->committed;
    if (err != ERR_OK)
        apply_fini(apply);
    return err;
}

void apply_fini(struct apply *apply)
{
    idem_destroy(apply->idem);
    apply->idem = NULL;
}

enum err apply_numbers_write(struct apply *apply, struct store_txn *txn)
{
    if (apply->current.job == apply->committed.job)
        return ERR_OK;
    struct table_key value = table_key_u64(apply->current.job);
    return table_put(txn, TABLE_META, span_text(META_LAST_JOB), table_key_span(&value));
}

void apply_settle(struct apply *apply, bool committed)
{
    if (committed)
        apply->committed = apply->current;
    else
        apply->current = apply->committed;
    if (!committed && apply->trimmed > 0)
        memset(apply->trim_at_ms, 0, sizeof apply->trim_at_ms); /* look again */
    apply->trimmed = 0;
    idem_settle(apply->idem, committed);
}

/* --- retention --- */

struct trim {
    struct apply *apply;
    struct store_txn *txn;
    uint64_t now_ms, job_id, last_position, next_ms;
    uint32_t budget;
};

/* ERR_CLOSED: the next job's attempts begin. */
static enum err attempt_trim(void *arg, struct span key, struct span value)
{
    (void)value;
    struct trim *trim = arg;
    if (table_key_number(key) != trim->job_id)
        return ERR_CLOSED;
    uint8_t own[TABLE_KEY_MAX];
    struct writer w = writer_over(own, sizeof own);
    writer_bytes(&w, key);
    return table_remove(trim->txn, TABLE_ATTEMPTS, written(&w));
}

static enum err without_unknown(enum err err)
{
    return err == ERR_UNKNOWN || err == ERR_CORRUPT || err == ERR_CLOSED ? ERR_OK : err;
}

static enum err idem_trim(struct trim *trim, struct span key)
{
    struct span value;
    enum err err = table_get(trim->txn, TABLE_IDEM, key, &value);
    if (err != ERR_OK)
        return without_unknown(err);
    err = idem_remove(trim->apply->idem, table_key_number(value), trim->job_id);
    return err != ERR_OK ? err : table_remove(trim->txn, TABLE_IDEM, key);
}

static enum err job_trim(struct trim *trim)
{
    static const enum table_id of_job[] = { TABLE_JOBS, TABLE_OUTCOMES };
    struct table_key key = table_key_u64(trim->job_id);
    enum err err = ERR_OK;
    for (unsigned i = 0; i < COUNT(of_job) && err == ERR_OK; i++)
        err = without_unknown(table_remove(trim->txn, of_job[i], table_key_span(&key)));
    if (err == ERR_OK)
        err = idem_trim(trim, table_key_span(&key));
    if (err == ERR_OK)
        err = without_unknown(
            table_scan(trim->txn, TABLE_ATTEMPTS, table_key_span(&key), attempt_trim, trim));
    return err;
}

static enum err entry_trim(void *arg, uint64_t position, struct span value)
{
    struct trim *trim = arg;
    struct result_entry entry = { 0 };
    if (trim->budget == 0)
        return ERR_CLOSED;
    if (key_result_read(value, &entry) == ERR_OK) {
        uint64_t due_ms = entry.finished_ms + trim->apply->results_keep_ms;
        if (due_ms > trim->now_ms) {
            trim->next_ms = due_ms;
            return ERR_CLOSED;
        }
    }
    trim->job_id = entry.job_id;
    trim->last_position = position;
    trim->budget--;
    trim->apply->trimmed++;
    return job_trim(trim);
}

enum err apply_trim(struct apply *apply, struct store_txn *txn, uint64_t now_ms, uint32_t budget)
{
    struct trim trim = { .apply = apply, .txn = txn, .now_ms = now_ms, .budget = budget };
    for (uint32_t stream = 0; stream < LOG_STREAMS && trim.budget > 0; stream++) {
        if (apply->trim_at_ms[stream] > now_ms)
            continue;
        trim.last_position = 0;
        trim.next_ms = now_ms + apply->results_keep_ms; /* empty: none can be due before */
        enum err err = log_read(txn, LOG_RESULTS, stream, 0, entry_trim, &trim);
        if (err != ERR_OK && err != ERR_CLOSED)
            return err;
        if (trim.budget == 0)
            trim.next_ms = now_ms;
        uint32_t removed;
        if (trim.last_position > 0) {
            err = log_trim(txn, LOG_RESULTS, stream, trim.last_position + 1, budget, &removed);
            if (err != ERR_OK)
                return err;
        }
        apply->trim_at_ms[stream] = trim.next_ms;
    }
    return ERR_OK;
}
