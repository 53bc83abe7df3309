/* Tables: get, put, remove, scan, inside a transaction of the store. Always local.
 *
 *   table       key                               value
 *   META        name                              counters of the store's own
 *   JOBS        job id                            struct job, never changed
 *   PENDING     job id                            struct record_pending; gone with the outcome
 *   COMMANDS    command id                        struct record_command; the open ones
 *   ATTEMPTS    job id, attempt, part             struct record_attempt
 *   OUTCOMES    job id                            struct record_result; written once
 *   IDEM        job id                            fingerprint of (client, idempotency key)
 *   UPLINK      uplink id                         struct record_uplink; not consumed yet
 *   KEYSETS     EID, key set id                   flags; what earlier keys were (device_table.h)
 *   EXACT       EID, key set id                   last CNTR
 *   DEVICES     EID                               engine/device's own
 *   BLOCKS      slot, counter block               taken; never given again
 *   LOGS        log, stream, position             entries of engine/store/log.h
 *   QUARANTINE  table, key                        the corrupt value as it was found
 *
 * Numbers in keys are big-endian, so that order is numeric. Keys are at most TABLE_KEY_MAX octets,
 * values at most TABLE_VALUE_MAX. */
#ifndef ENGINE_STORE_TABLE_H
#define ENGINE_STORE_TABLE_H

#include "engine/store/store.h"

enum table_id {
    TABLE_META,
    TABLE_JOBS,
    TABLE_PENDING,
    TABLE_COMMANDS,
    TABLE_ATTEMPTS,
    TABLE_OUTCOMES,
    TABLE_IDEM,
    TABLE_UPLINK,
    TABLE_KEYSETS,
    TABLE_EXACT,
    TABLE_DEVICES,
    TABLE_BLOCKS,
    TABLE_LOGS,
    TABLE_QUARANTINE,
    TABLE_COUNT
};

#define TABLE_KEY_MAX 64u
#define TABLE_VALUE_MAX 8192u

/* A key by value. */
struct table_key {
    uint8_t bytes[TABLE_KEY_MAX + 1]; /* the quarantine's have one octet more */
    size_t len;
};

static inline struct span table_key_span(const struct table_key *key)
{
    return span_of(key->bytes, key->len);
}

/* Keys of one number. */
struct table_key table_key_u64(uint64_t number);
uint64_t table_key_number(struct span key); /* of the first 8 octets */
/* Where a corrupt record of `table` lies in TABLE_QUARANTINE. */
struct table_key table_key_quarantined(enum table_id table, struct span key);

/* For logs and metrics. Static. */
const char *table_name(enum table_id table);

/* *value is borrowed until the transaction writes or ends. ERR_UNKNOWN, ERR_CORRUPT. */
MUST_CHECK enum err table_get(struct store_txn *txn, enum table_id table, struct span key,
                              struct span *value);

/* Adds or replaces. Keys that rise are appended, which is several times cheaper. ERR_RANGE when key
 * or value is too long. */
MUST_CHECK enum err table_put(struct store_txn *txn, enum table_id table, struct span key,
                              struct span value);

/* Adds only. ERR_CONFLICT when the key is there. */
MUST_CHECK enum err table_create(struct store_txn *txn, enum table_id table, struct span key,
                                 struct span value);

/* ERR_UNKNOWN when it is not there. */
MUST_CHECK enum err table_remove(struct store_txn *txn, enum table_id table, struct span key);

/* Called for each record; may write to other tables, and remove the record itself, but nothing else
 * of the same table. Anything but ERR_OK ends the scan. */
typedef enum err table_visit(void *arg, struct span key, struct span value);

/* Records whose key is `from` or later, in order. Corrupt ones are left out (and quarantined when
 * writing). Gives what the last visit gave. */
MUST_CHECK enum err table_scan(struct store_txn *txn, enum table_id table, struct span from,
                               table_visit *visit, void *arg);

/* The greatest key. ERR_UNKNOWN when the table is empty. */
MUST_CHECK enum err table_last(struct store_txn *txn, enum table_id table, struct table_key *key);

uint64_t table_count(struct store_txn *txn, enum table_id table);

/* Of records that a number names. */
static inline enum err table_get_u64(struct store_txn *txn, enum table_id table, uint64_t number,
                                     struct span *value)
{
    struct table_key key = table_key_u64(number);
    return table_get(txn, table, table_key_span(&key), value);
}

static inline enum err table_put_u64(struct store_txn *txn, enum table_id table, uint64_t number,
                                     struct span value)
{
    struct table_key key = table_key_u64(number);
    return table_put(txn, table, table_key_span(&key), value);
}

static inline enum err table_remove_u64(struct store_txn *txn, enum table_id table, uint64_t number)
{
    struct table_key key = table_key_u64(number);
    return table_remove(txn, table, table_key_span(&key));
}

#endif
