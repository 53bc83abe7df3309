/* Reading the store by what it means: keys are made here, records come decoded. */
#include "engine/store/query.h"

#include "base/log.h"
#include "engine/store/at_rest.h"
#include "engine/store/keys.h"

enum err query_job(struct store_txn *txn, uint64_t job_id, struct job *out)
{
    struct span value;
    enum err err = table_get_u64(txn, TABLE_JOBS, job_id, &value);
    return err != ERR_OK ? err : record_job_read(value, out);
}

enum err query_outcome(struct store_txn *txn, uint64_t job_id, struct record_result *out)
{
    struct span value;
    enum err err = table_get_u64(txn, TABLE_OUTCOMES, job_id, &value);
    return err != ERR_OK ? err : record_result_read(value, out);
}

enum err query_pending(struct store_txn *txn, uint64_t job_id, struct record_pending *out)
{
    struct span value;
    enum err err = table_get_u64(txn, TABLE_PENDING, job_id, &value);
    return err != ERR_OK ? err : record_pending_read(value, out);
}

enum err query_uplink(struct store_txn *txn, uint64_t uplink_id, struct record_uplink *out)
{
    struct span value;
    enum err err = table_get_u64(txn, TABLE_UPLINK, uplink_id, &value);
    return err != ERR_OK ? err : record_uplink_read(value, out);
}

/* A lost one stays lost: beginning anew would bind its numbers to other packets. */
enum err query_exact(struct store_txn *txn, const struct eid *eid, uint16_t keyset,
                     struct exact_counter *out)
{
    struct table_key key = key_of_keyset(eid, keyset);
    struct span value;
    enum err err = table_get(txn, TABLE_EXACT, table_key_span(&key), &value);
    if (err == ERR_OK)
        return key_exact_read(value, out);
    if (err != ERR_UNKNOWN)
        return err;
    struct table_key lost = table_key_quarantined(TABLE_EXACT, table_key_span(&key));
    err = table_get(txn, TABLE_QUARANTINE, table_key_span(&lost), &value);
    return err == ERR_OK ? ERR_CORRUPT : err;
}

enum err query_device(struct store_txn *txn, const struct eid *eid, struct span *value)
{
    return table_get(txn, TABLE_DEVICES, span_of(eid->bytes, EID_LEN), value);
}

/* A scan under way: whom to call, and whose records. */
struct query {
    union {
        query_attempt_visit *attempt;
        query_result_visit *result;
        query_pending_visit *pending;
        query_command_visit *command;
        query_uplink_visit *uplink;
        query_keyset_visit *keyset;
        query_device_visit *device;
    } visit;
    void *arg;
    uint64_t job_id;
    struct kek *kek;
    struct lanes *lanes;
    bool over; /* the records that were asked for have been passed */
};

/* A record whose CRC holds and whose contents make no sense was written by another version. */
static enum err left_out(enum table_id table, enum err err)
{
    log_error("store", "a record of table %s is left out: %s", table_name(table), err_text(err));
    return ERR_OK;
}

static enum err attempt_visit(void *arg, struct span key, struct span value)
{
    struct query *query = arg;
    if (table_key_number(key) != query->job_id) {
        query->over = true;
        return ERR_CLOSED;
    }
    struct record_attempt attempt;
    enum err err = record_attempt_read(value, &attempt);
    return err != ERR_OK ? left_out(TABLE_ATTEMPTS, err)
                         : query->visit.attempt(query->arg, &attempt);
}

enum err query_attempts(struct store_txn *txn, uint64_t job_id, query_attempt_visit *visit,
                        void *arg)
{
    struct query query = { .visit.attempt = visit, .arg = arg, .job_id = job_id };
    struct table_key from = table_key_u64(job_id);
    enum err err = table_scan(txn, TABLE_ATTEMPTS, table_key_span(&from), attempt_visit, &query);
    return query.over ? ERR_OK : err;
}

static enum err result_visit(void *arg, uint64_t position, struct span value)
{
    struct query *query = arg;
    struct result_entry entry = { .position = position };
    enum err err = key_result_read(value, &entry);
    return err != ERR_OK ? left_out(TABLE_LOGS, err) : query->visit.result(query->arg, &entry);
}

enum err query_results(struct store_txn *txn, uint32_t client, uint64_t after,
                       query_result_visit *visit, void *arg)
{
    if (after == UINT64_MAX)
        return ERR_OK;
    struct query query = { .visit.result = visit, .arg = arg };
    return log_read(txn, LOG_RESULTS, client, after + 1, result_visit, &query);
}

static enum err pending_visit(void *arg, struct span key, struct span value)
{
    (void)key;
    struct query *query = arg;
    struct record_pending pending;
    enum err err = record_pending_read(value, &pending);
    return err != ERR_OK ? left_out(TABLE_PENDING, err)
                         : query->visit.pending(query->arg, &pending);
}

enum err query_pendings(struct store_txn *txn, query_pending_visit *visit, void *arg)
{
    struct query query = { .visit.pending = visit, .arg = arg };
    return table_scan(txn, TABLE_PENDING, span_of(NULL, 0), pending_visit, &query);
}

static enum err command_visit(void *arg, struct span key, struct span value)
{
    (void)key;
    struct query *query = arg;
    struct record_command command;
    uint8_t clear[RECORD_PACKET_MAX];
    enum err err = at_rest_read(value, query->kek, query->lanes, clear, &command);
    if (err == ERR_KEY) /* going on without it would send a command again, as another packet */
        return err;
    return err != ERR_OK ? left_out(TABLE_COMMANDS, err)
                         : query->visit.command(query->arg, &command);
}

enum err query_commands(struct store_txn *txn, struct kek *kek, struct lanes *lanes,
                        query_command_visit *visit, void *arg)
{
    struct query query = { .visit.command = visit, .arg = arg, .kek = kek, .lanes = lanes };
    return table_scan(txn, TABLE_COMMANDS, span_of(NULL, 0), command_visit, &query);
}

static enum err uplink_visit(void *arg, struct span key, struct span value)
{
    (void)key;
    struct query *query = arg;
    struct record_uplink uplink;
    enum err err = record_uplink_read(value, &uplink);
    return err != ERR_OK ? left_out(TABLE_UPLINK, err) : query->visit.uplink(query->arg, &uplink);
}

enum err query_uplinks(struct store_txn *txn, query_uplink_visit *visit, void *arg)
{
    struct query query = { .visit.uplink = visit, .arg = arg };
    return table_scan(txn, TABLE_UPLINK, span_of(NULL, 0), uplink_visit, &query);
}

static enum err keyset_visit(void *arg, struct span key, struct span value)
{
    struct query *query = arg;
    struct reader r = reader_over(key);
    struct eid eid;
    reader_copy(&r, eid.bytes, EID_LEN);
    uint16_t id = reader_u16(&r);
    struct key_keyset keyset;
    enum err err = reader_end(&r);
    if (err == ERR_OK)
        err = key_keyset_read(value, &keyset);
    return err != ERR_OK ? left_out(TABLE_KEYSETS, err)
                         : query->visit.keyset(query->arg, &eid, id, keyset.flags);
}

enum err query_keysets(struct store_txn *txn, query_keyset_visit *visit, void *arg)
{
    struct query query = { .visit.keyset = visit, .arg = arg };
    return table_scan(txn, TABLE_KEYSETS, span_of(NULL, 0), keyset_visit, &query);
}

static enum err device_visit(void *arg, struct span key, struct span value)
{
    struct query *query = arg;
    struct reader r = reader_over(key);
    struct eid eid;
    reader_copy(&r, eid.bytes, EID_LEN);
    enum err err = reader_end(&r);
    return err != ERR_OK ? left_out(TABLE_DEVICES, err)
                         : query->visit.device(query->arg, &eid, value);
}

enum err query_devices(struct store_txn *txn, const struct eid *from, query_device_visit *visit,
                       void *arg)
{
    struct query query = { .visit.device = visit, .arg = arg };
    struct span key = from != NULL ? span_of(from->bytes, EID_LEN) : span_of(NULL, 0);
    return table_scan(txn, TABLE_DEVICES, key, device_visit, &query);
}
