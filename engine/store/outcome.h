/* The end of a job, in a writing transaction: its one outcome, its place in the client's results,
 * and what it leaves behind removed. */
#ifndef ENGINE_STORE_OUTCOME_H
#define ENGINE_STORE_OUTCOME_H

#include "engine/store/record.h"
#include "engine/store/store.h"

/* `body` is the record as written. *position tells where the client finds it. ERR_DUPLICATE: the job
 * had its outcome, which stands; ERR_UNKNOWN: no such job; ERR_RANGE: no such client. */
MUST_CHECK enum err outcome_put(struct store_txn *txn, const struct record_result *record,
                                struct span body, uint64_t *position);

#endif
