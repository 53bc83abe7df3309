/* What the files of the store share, and nobody else sees. */
#ifndef ENGINE_STORE_STORE_INTERNAL_H
#define ENGINE_STORE_STORE_INTERNAL_H

#include "engine/store/log.h"
#include "engine/store/table.h"

#include <stdbool.h>

/* Last positions of the streams, read once and written with the commit that moved them. */
struct log_heads {
    uint64_t last[LOG_ID_COUNT][LOG_STREAMS];
    bool known[LOG_ID_COUNT][LOG_STREAMS];
    bool moved[LOG_ID_COUNT][LOG_STREAMS];
    bool any_moved;
};

/* Of the writing transaction only. */
struct log_heads *store_txn_heads(struct store_txn *txn);
enum store_mode store_txn_mode(const struct store_txn *txn);

/* Writes the moved heads: the last step before a commit. */
MUST_CHECK enum err log_heads_write(struct store_txn *txn, struct log_heads *heads);
/* After a commit (kept) or an abort (read again). */
void log_heads_settle(struct log_heads *heads, bool committed);

#endif
