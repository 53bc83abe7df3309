/* One message applied to the store, inside the turn's writing transaction: what each kind means.
 * Nothing here is final before the commit: apply_settle tells how it went. */
#ifndef ENGINE_STORE_APPLY_H
#define ENGINE_STORE_APPLY_H

#include "engine/msg.h"
#include "engine/store/at_rest.h"
#include "engine/store/idem.h"
#include "engine/store/log.h"

struct kek;
struct lanes;

/* The greatest numbers given so far. */
struct apply_numbers {
    uint64_t job;
};

struct apply {
    struct kek *kek;
    struct lanes *lanes;
    bool accept_clock;
    uint64_t results_keep_ms;
    struct idem *idem;
    struct apply_numbers committed, current;
    uint64_t trim_at_ms[LOG_STREAMS]; /* when the stream's oldest entry is due */
    uint64_t trimmed;                 /* jobs, in this transaction */

    /* Scratch of one message. */
    struct job job, earlier;
    uint8_t buf[AT_REST_CAP], clear[RECORD_PACKET_MAX];
};

/* Reads numbers and idempotency keys. */
MUST_CHECK enum err apply_init(struct apply *apply, struct store *store);
void apply_fini(struct apply *apply);

/* Fills in the answer. When store_txn_err(txn) is set afterwards, the answer means nothing. */
enum err apply_msg(struct apply *apply, struct store_txn *txn, struct msg *msg, uint64_t now_ms);

/* Removes jobs whose results are older than results_keep, with all that belongs to them; about
 * `budget` of them. */
MUST_CHECK enum err apply_trim(struct apply *apply, struct store_txn *txn, uint64_t now_ms,
                               uint32_t budget);

/* Last before the commit. */
MUST_CHECK enum err apply_numbers_write(struct apply *apply, struct store_txn *txn);
void apply_settle(struct apply *apply, bool committed);

#endif
