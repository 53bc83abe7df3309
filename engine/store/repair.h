/* At start, before anything else: every open record is examined, and what corruption took away is
 * made up for, so that no accepted job is lost and no card runs a command twice:
 *
 *   lost        then
 *   PENDING     written again from the job; the job unreadable too: told, for the operator
 *   COMMANDS    its octets may have left and cannot be repeated: its jobs end unconfirmed
 *   OUTCOMES    replaced by `unconfirmed`, so that no second one is written: audit the device
 *   IDEM        written again from the job
 *   EXACT       stays lost: FETCH_JOB answers ERR_CORRUPT, and the key set is not used again
 *
 * Others are told in the log and counted (store_corrupt_count). */
#ifndef ENGINE_STORE_REPAIR_H
#define ENGINE_STORE_REPAIR_H

#include "engine/store/store.h"

/* *repaired: records made up for. Doing it again changes nothing. */
MUST_CHECK enum err store_repair(struct store *store, uint64_t now_ms, uint32_t *repaired,
                                 struct fault *fault);

#endif
