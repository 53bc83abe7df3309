/* Logs: what a cluster will replicate; here on the same LMDB, in the same transaction as tables.
 *
 * A stream is named by (log, number). Its positions are durable, rise by 1 from 1, and never start
 * again, also when all entries were trimmed. */
#ifndef ENGINE_STORE_LOG_H
#define ENGINE_STORE_LOG_H

#include "engine/store/store.h"

enum log_id {
    LOG_RESULTS, /* stream: client; entry: struct result_entry (engine/store/query.h) */
    LOG_ID_COUNT
};

#define LOG_STREAMS 256u /* streams 0 .. 255 of each log */

/* *position tells where the entry is. ERR_RANGE. */
MUST_CHECK enum err log_append(struct store_txn *txn, enum log_id log, uint32_t stream,
                               struct span entry, uint64_t *position);

/* Anything but ERR_OK ends the reading. The entry is borrowed for the call. */
typedef enum err log_visit(void *arg, uint64_t position, struct span entry);

/* Entries at `from` and later, in order; corrupt ones are left out. Gives what the last visit gave.
 */
MUST_CHECK enum err log_read(struct store_txn *txn, enum log_id log, uint32_t stream, uint64_t from,
                             log_visit *visit, void *arg);

/* The position of the last entry ever appended; 0: none. */
MUST_CHECK enum err log_last(struct store_txn *txn, enum log_id log, uint32_t stream,
                             uint64_t *position);

/* Removes entries before `before`, at most `max`; *removed tells how many. */
MUST_CHECK enum err log_trim(struct store_txn *txn, enum log_id log, uint32_t stream,
                             uint64_t before, uint32_t max, uint32_t *removed);

/* Takes (stream, number) for ever: ERR_CONFLICT when it was taken before. What slots' counter
 * blocks are made of. */
MUST_CHECK enum err log_create_once(struct store_txn *txn, uint32_t stream, uint64_t number);

#endif
