/* What the control side asks of the store: at start, scans of what is open; while running, one job,
 * its attempts, its outcome, a client's results. Everything borrowed lives for the call. */
#ifndef ENGINE_STORE_QUERY_H
#define ENGINE_STORE_QUERY_H

#include "engine/store/log.h"
#include "engine/store/record.h"
#include "engine/store/table.h"

struct kek;
struct lanes;

/* One entry of a client's results: the outcome itself is read by query_outcome. */
struct result_entry {
    uint64_t position; /* durable sequence of the client, from 1 */
    uint64_t job_id;
    uint64_t finished_ms;
};

/* The counter of a key set that must go up by exactly one. */
struct exact_counter {
    uint64_t last;    /* CNTR sealed */
    bool out_of_step; /* the card waits for an earlier one: no number can be used any more */
};

/* ERR_UNKNOWN, ERR_CORRUPT. */
MUST_CHECK enum err query_job(struct store_txn *txn, uint64_t job_id, struct job *out);
MUST_CHECK enum err query_outcome(struct store_txn *txn, uint64_t job_id,
                                  struct record_result *out);
/* ERR_OK: still waiting or in flight. */
MUST_CHECK enum err query_pending(struct store_txn *txn, uint64_t job_id,
                                  struct record_pending *out);
MUST_CHECK enum err query_uplink(struct store_txn *txn, uint64_t uplink_id,
                                 struct record_uplink *out);
MUST_CHECK enum err query_exact(struct store_txn *txn, const struct eid *eid, uint16_t keyset,
                                struct exact_counter *out);
MUST_CHECK enum err query_device(struct store_txn *txn, const struct eid *eid, struct span *value);

typedef enum err query_attempt_visit(void *arg, const struct record_attempt *attempt);
typedef enum err query_result_visit(void *arg, const struct result_entry *entry);
typedef enum err query_pending_visit(void *arg, const struct record_pending *pending);
typedef enum err query_command_visit(void *arg, const struct record_command *command);
typedef enum err query_uplink_visit(void *arg, const struct record_uplink *uplink);
typedef enum err query_keyset_visit(void *arg, const struct eid *eid, uint16_t keyset,
                                    uint8_t flags);
typedef enum err query_device_visit(void *arg, const struct eid *eid, struct span value);

/* Each in key order; a visit that does not give ERR_OK ends it and is what the query gives.
 * Records that cannot be read are left out, and logged. */
MUST_CHECK enum err query_attempts(struct store_txn *txn, uint64_t job_id,
                                   query_attempt_visit *visit, void *arg);
/* Positions after `after` (0: from the oldest kept). */
MUST_CHECK enum err query_results(struct store_txn *txn, uint32_t client, uint64_t after,
                                  query_result_visit *visit, void *arg);
MUST_CHECK enum err query_pendings(struct store_txn *txn, query_pending_visit *visit, void *arg);
/* Packets come unwrapped. `kek` and `lanes` may be NULL when no packet needs them: ERR_KEY. */
MUST_CHECK enum err query_commands(struct store_txn *txn, struct kek *kek, struct lanes *lanes,
                                   query_command_visit *visit, void *arg);
MUST_CHECK enum err query_uplinks(struct store_txn *txn, query_uplink_visit *visit, void *arg);
/* Also those that their devices have no more. */
MUST_CHECK enum err query_keysets(struct store_txn *txn, query_keyset_visit *visit, void *arg);
MUST_CHECK enum err query_devices(struct store_txn *txn, const struct eid *from,
                                  query_device_visit *visit, void *arg);

#endif
