/* Environment, transactions and tables on LMDB. Each value is stored as value ‖ CRC-32C(value ‖
 * key): the key is in it so that a record under a wrong key is noticed too. */
#include "base/crc.h"
#include "base/log.h"
#include "engine/store/format.h"
#include "engine/store/store_dir.h"
#include "engine/store/store_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CRC_LEN 4

struct store_txn {
    struct store *store;
    MDB_txn *mdb;
    enum store_mode mode;
    enum err err;
    uint32_t quarantined;
    uint64_t edits; /* puts and removals: a scan finds its place again when it moved */
};

struct store {
    MDB_env *env;
    MDB_dbi dbis[TABLE_COUNT];
    int lock;
    struct store_txn writing;
    struct log_heads heads;
    _Atomic uint64_t corrupt;
};

static const struct {
    const char *name;
    bool rises; /* keys mostly do: appended when they can be */
} tables[TABLE_COUNT] = {
    [TABLE_META] = { "meta", false },        [TABLE_JOBS] = { "jobs", true },
    [TABLE_PENDING] = { "pending", true },   [TABLE_COMMANDS] = { "commands", true },
    [TABLE_ATTEMPTS] = { "attempts", true }, [TABLE_OUTCOMES] = { "outcomes", true },
    [TABLE_IDEM] = { "idem", true },         [TABLE_UPLINK] = { "uplink", true },
    [TABLE_KEYSETS] = { "keysets", false },  [TABLE_EXACT] = { "exact", false },
    [TABLE_DEVICES] = { "devices", false },  [TABLE_BLOCKS] = { "blocks", false },
    [TABLE_LOGS] = { "logs", true },         [TABLE_QUARANTINE] = { "quarantine", false },
};

const char *table_name(enum table_id table)
{
    return tables[table].name;
}

/* What LMDB's verdict means for the caller. */
static enum err err_of(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_UNKNOWN;
    case MDB_KEYEXIST:
        return ERR_CONFLICT;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_READERS_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_FULL;
    default:
        return ERR_IO;
    }
}

/* --- environment --- */

static int open_tables(struct store *store)
{
    MDB_txn *mdb = NULL;
    int rc = mdb_txn_begin(store->env, NULL, 0, &mdb);
    for (unsigned i = 0; rc == 0 && i < TABLE_COUNT; i++)
        rc = mdb_dbi_open(mdb, tables[i].name, MDB_CREATE, &store->dbis[i]);
    if (rc == 0)
        return mdb_txn_commit(mdb);
    if (mdb != NULL)
        mdb_txn_abort(mdb);
    return rc;
}

/* At least twice what the file holds: a full map is cured by a restart. */
static uint64_t map_size_for(const char *dir, uint64_t map_size)
{
    char path[PATH_MAX];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s/data.mdb", dir);
    if (len < (int)sizeof path && stat(path, &st) == 0)
        while (map_size < 2 * (uint64_t)st.st_size)
            map_size *= 2;
    return map_size;
}

static int open_env(struct store *store, const char *dir, uint64_t map_size)
{
    int rc = mdb_env_create(&store->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(store->env, TABLE_COUNT);
    if (rc == 0)
        rc = mdb_env_set_mapsize(store->env, map_size_for(dir, map_size));
    if (rc == 0)
        rc = mdb_env_open(store->env, dir, MDB_NOTLS, 0600);
    int dead;
    if (rc == 0)
        rc = mdb_reader_check(store->env, &dead); /* slots of a process that was killed */
    if (rc == 0)
        rc = open_tables(store);
    return rc;
}

struct store *store_open(const char *dir, struct fault *fault)
{
    return store_open_sized(dir, STORE_MAP_SIZE, fault);
}

struct store *store_open_sized(const char *dir, uint64_t map_size, struct fault *fault)
{
    int lock;
    if (store_dir_take(dir, &lock, fault) != ERR_OK)
        return NULL;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        fault_set(fault, "no memory for the store");
        store_dir_give(lock);
        return NULL;
    }
    store->lock = lock;
    int rc = open_env(store, dir, map_size);
    if (rc != 0) {
        fault_set(fault, "store in %s cannot be opened: %s; %s", dir, mdb_strerror(rc),
                  rc == ENOSPC || rc == MDB_MAP_FULL
                      ? "free some space on its file system"
                      : "if data.mdb is damaged, put a copy of the directory in its place");
        store_close(store);
        return NULL;
    }
    if (store_format_check(store, dir, fault) != ERR_OK || store_dir_sync(dir, fault) != ERR_OK) {
        store_close(store);
        return NULL;
    }
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->env != NULL)
        mdb_env_close(store->env);
    store_dir_give(store->lock);
    free(store);
}

uint64_t store_corrupt_count(const struct store *store)
{
    return atomic_load_explicit(&store->corrupt, memory_order_relaxed);
}

uint64_t store_used(const struct store *store)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0)
        return 0;
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

/* --- transactions --- */

enum err store_txn_begin(struct store *store, enum store_mode mode, struct store_txn **out)
{
    MDB_txn *mdb;
    int rc = mdb_txn_begin(store->env, NULL, mode == STORE_READ ? MDB_RDONLY : 0, &mdb);
    if (rc != 0) {
        log_error("store", "a transaction cannot begin: %s", mdb_strerror(rc));
        return err_of(rc);
    }
    struct store_txn *txn = &store->writing;
    if (mode == STORE_READ && (txn = malloc(sizeof *txn)) == NULL) {
        mdb_txn_abort(mdb);
        return ERR_IO;
    }
    *txn = (struct store_txn){ .store = store, .mdb = mdb, .mode = mode };
    *out = txn;
    return ERR_OK;
}

static void end(struct store_txn *txn, bool committed)
{
    if (txn->mode == STORE_READ) {
        free(txn);
        return;
    }
    log_heads_settle(&txn->store->heads, committed);
    if (committed && txn->quarantined > 0)
        atomic_fetch_add_explicit(&txn->store->corrupt, txn->quarantined, memory_order_relaxed);
}

void store_txn_abort(struct store_txn *txn)
{
    mdb_txn_abort(txn->mdb);
    end(txn, false);
}

enum err store_txn_commit(struct store_txn *txn)
{
    enum err err = txn->err;
    if (err == ERR_OK && txn->mode == STORE_WRITE && txn->store->heads.any_moved)
        err = log_heads_write(txn, &txn->store->heads);
    if (err != ERR_OK) {
        store_txn_abort(txn);
        return err;
    }
    int rc = mdb_txn_commit(txn->mdb);
    if (rc != 0)
        log_error("store", "a commit failed: %s", mdb_strerror(rc));
    end(txn, rc == 0);
    return err_of(rc);
}

enum err store_txn_err(const struct store_txn *txn)
{
    return txn->err;
}

enum store_mode store_txn_mode(const struct store_txn *txn)
{
    return txn->mode;
}

struct log_heads *store_txn_heads(struct store_txn *txn)
{
    return &txn->store->heads;
}

/* Keeps the first verdict that spoils the transaction; passes those about one record on. */
static enum err judge(struct store_txn *txn, int rc)
{
    enum err err = err_of(rc);
    if (err != ERR_OK && err != ERR_UNKNOWN && err != ERR_CONFLICT && txn->err == ERR_OK) {
        txn->err = err;
        log_error("store", "a transaction failed: %s", mdb_strerror(rc));
    }
    return err;
}

/* --- records --- */

static MDB_val val_of(struct span in)
{
    return (MDB_val){ .mv_size = in.len, .mv_data = (void *)(uintptr_t)in.bytes };
}

static uint32_t record_crc(struct span key, struct span value)
{
    return crc32c_more(crc32c(value), key);
}

static bool is_sound(struct span key, struct span stored, struct span *value)
{
    if (stored.len < CRC_LEN)
        return false;
    *value = span_first(stored, stored.len - CRC_LEN);
    struct reader crc = reader_over(span_after(stored, value->len));
    return reader_u32(&crc) == record_crc(key, *value);
}

static enum err put_sound(struct store_txn *txn, enum table_id table, struct span key,
                          struct span value, unsigned flags)
{
    if (txn->err != ERR_OK)
        return txn->err;
    MDB_val k = val_of(key);
    MDB_val v = { .mv_size = value.len + CRC_LEN, .mv_data = NULL };
    int rc = mdb_put(txn->mdb, txn->store->dbis[table], &k, &v, flags | MDB_RESERVE);
    if (rc != 0)
        return judge(txn, rc);
    struct writer w = writer_over(v.mv_data, v.mv_size);
    writer_bytes(&w, value);
    writer_u32(&w, record_crc(key, value));
    txn->edits++;
    return ERR_OK;
}

/* Moves a corrupt record aside, as it was found. `key` may lie in the table's own page. */
static enum err quarantine(struct store_txn *txn, enum table_id table, struct span key,
                           struct span stored)
{
    log_error("store", "a record of table %s does not match its CRC%s", tables[table].name,
              txn->mode == STORE_WRITE ? ": moved to the quarantine" : "");
    if (txn->mode == STORE_READ || table == TABLE_QUARANTINE)
        return ERR_CORRUPT;
    struct table_key name = table_key_quarantined(table, key);
    uint8_t copy[TABLE_VALUE_MAX];
    struct writer kept = writer_over(copy, sizeof copy);
    writer_bytes(&kept, span_first(stored, sizeof copy));
    enum err err = put_sound(txn, TABLE_QUARANTINE, table_key_span(&name), written(&kept), 0);
    if (err != ERR_OK)
        return err;
    struct span own = span_after(table_key_span(&name), 1);
    MDB_val k = val_of(own);
    int rc = mdb_del(txn->mdb, txn->store->dbis[table], &k, NULL);
    if (rc != 0)
        return judge(txn, rc);
    txn->edits++;
    txn->quarantined++;
    return ERR_CORRUPT;
}

enum err table_get(struct store_txn *txn, enum table_id table, struct span key, struct span *value)
{
    if (txn->err != ERR_OK)
        return txn->err;
    MDB_val k = val_of(key), v;
    int rc = mdb_get(txn->mdb, txn->store->dbis[table], &k, &v);
    if (rc != 0)
        return judge(txn, rc);
    struct span stored = span_of(v.mv_data, v.mv_size);
    if (!is_sound(key, stored, value))
        return quarantine(txn, table, key, stored);
    return ERR_OK;
}

static bool fits(struct span key, struct span value)
{
    return key.len > 0 && key.len <= TABLE_KEY_MAX && value.len <= TABLE_VALUE_MAX;
}

enum err table_put(struct store_txn *txn, enum table_id table, struct span key, struct span value)
{
    if (!fits(key, value))
        return ERR_RANGE;
    if (tables[table].rises) {
        enum err err = put_sound(txn, table, key, value, MDB_APPEND);
        if (err != ERR_CONFLICT)
            return err;
    }
    return put_sound(txn, table, key, value, 0);
}

enum err table_create(struct store_txn *txn, enum table_id table, struct span key,
                      struct span value)
{
    if (!fits(key, value))
        return ERR_RANGE;
    return put_sound(txn, table, key, value, MDB_NOOVERWRITE);
}

enum err table_remove(struct store_txn *txn, enum table_id table, struct span key)
{
    if (txn->err != ERR_OK)
        return txn->err;
    MDB_val k = val_of(key);
    int rc = mdb_del(txn->mdb, txn->store->dbis[table], &k, NULL);
    if (rc != 0)
        return judge(txn, rc);
    txn->edits++;
    return ERR_OK;
}

/* --- scans --- */

/* The record at the cursor goes to the visit, unless it is corrupt. */
static enum err visit_one(struct store_txn *txn, enum table_id table, const MDB_val *k,
                          const MDB_val *v, table_visit *visit, void *arg)
{
    struct span key = span_of(k->mv_data, k->mv_size);
    struct span stored = span_of(v->mv_data, v->mv_size), value;
    if (is_sound(key, stored, &value))
        return visit(arg, key, value);
    enum err err = quarantine(txn, table, key, stored);
    return err == ERR_CORRUPT ? ERR_OK : err;
}

/* The record after `last`, for a cursor under which pages may have moved. */
static int seek_after(MDB_cursor *cursor, struct span last, MDB_val *k, MDB_val *v)
{
    *k = val_of(last);
    int rc = mdb_cursor_get(cursor, k, v, MDB_SET_RANGE);
    if (rc == 0 && span_equal(span_of(k->mv_data, k->mv_size), last))
        rc = mdb_cursor_get(cursor, k, v, MDB_NEXT);
    return rc;
}

enum err table_scan(struct store_txn *txn, enum table_id table, struct span from,
                    table_visit *visit, void *arg)
{
    if (txn->err != ERR_OK)
        return txn->err;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn->mdb, txn->store->dbis[table], &cursor);
    if (rc != 0)
        return judge(txn, rc);
    enum err err = ERR_OK;
    MDB_val k = val_of(from), v;
    rc = mdb_cursor_get(cursor, &k, &v, from.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0) {
        struct table_key last = { .len = k.mv_size };
        ASSERT(k.mv_size <= TABLE_KEY_MAX + 1);
        memcpy(last.bytes, k.mv_data, k.mv_size);
        uint64_t edits = txn->edits;
        err = visit_one(txn, table, &k, &v, visit, arg);
        if (err != ERR_OK)
            break;
        rc = edits == txn->edits ? mdb_cursor_get(cursor, &k, &v, MDB_NEXT)
                                 : seek_after(cursor, table_key_span(&last), &k, &v);
    }
    mdb_cursor_close(cursor);
    if (err != ERR_OK)
        return err;
    return rc == MDB_NOTFOUND ? ERR_OK : judge(txn, rc);
}

enum err table_last(struct store_txn *txn, enum table_id table, struct table_key *key)
{
    if (txn->err != ERR_OK)
        return txn->err;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn->mdb, txn->store->dbis[table], &cursor);
    if (rc != 0)
        return judge(txn, rc);
    MDB_val k, v;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    if (rc == 0) {
        ASSERT(k.mv_size <= sizeof key->bytes);
        key->len = k.mv_size;
        memcpy(key->bytes, k.mv_data, k.mv_size);
    }
    mdb_cursor_close(cursor);
    return judge(txn, rc);
}

uint64_t table_count(struct store_txn *txn, enum table_id table)
{
    MDB_stat stat;
    if (txn->err != ERR_OK || mdb_stat(txn->mdb, txn->store->dbis[table], &stat) != 0)
        return 0;
    return stat.ms_entries;
}

struct table_key table_key_u64(uint64_t number)
{
    struct table_key key = { .len = 8 };
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    writer_u64(&w, number);
    return key;
}

uint64_t table_key_number(struct span key)
{
    struct reader r = reader_over(key);
    return reader_u64(&r);
}

struct table_key table_key_quarantined(enum table_id table, struct span key)
{
    struct table_key name;
    struct writer w = writer_over(name.bytes, sizeof name.bytes);
    writer_u8(&w, (uint8_t)table);
    writer_bytes(&w, span_first(key, TABLE_KEY_MAX));
    name.len = writer_len(&w);
    return name;
}
