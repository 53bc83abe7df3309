/* The uplink's stages in path order. On the edge: receive, route. On the worker: the rest. */
#ifndef ENGINE_UPLINK_UPLINK_H
#define ENGINE_UPLINK_UPLINK_H

#include "engine/worker.h"

/* Worker: short messages in; whole response packets with their command out (worker->uplink).
 * Receipts go their own way. */
bool uplink_reassemble(struct worker *worker);

/* One unconsumed record of the last run (MSG_UPLINK from control). */
MUST_CHECK enum err uplink_replay(struct worker *worker, const struct msg *msg);

/* Worker: all CBCs, then all CMACs, constant-time verdicts. */
void uplink_open(struct worker *worker);

/* Worker: verified packets to the commands they answer; sessions stepped; messages home. */
void uplink_match(struct worker *worker);

/* Worker: a delivery receipt. False when it must be kept: it overtook its submit_sm_resp. */
bool receipt_match(struct worker *worker, struct msg *msg);
/* Worker: receipts that were kept, now that all is known of the attempt; they go home. */
void receipts_rematch(struct worker *worker, struct session *session);
/* Worker: those that were kept go home unread. */
void receipts_forget(struct worker *worker, struct session *session);

/* What the SMSC said of one short message, for the store. */
void attempt_push(struct worker *worker, const struct record_attempt *attempt);

/* sms_concat_left of the worker: parts that will never be joined need no replay. */
void uplink_left(void *ctx, const uint64_t *tags, size_t count, enum err why);

#endif
