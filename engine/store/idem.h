/* Idempotency keys in memory: fingerprint of (client, key) → job id. On disk they are values under
 * rising job ids, which costs an append; random keys would cost a page write each.
 *
 * Two keys may share a fingerprint: whoever finds one looks into the job. Changes since the last
 * settling are undone when the transaction that carried them fails. Store thread only. */
#ifndef ENGINE_STORE_IDEM_H
#define ENGINE_STORE_IDEM_H

#include "base/span.h"

struct idem;

struct idem *idem_create(void);
void idem_destroy(struct idem *idem);

uint64_t idem_fingerprint(uint32_t client, struct span key);

/* The `nth` job id (from 0) with this fingerprint; 0: no more. */
uint64_t idem_find(const struct idem *idem, uint64_t fingerprint, uint32_t nth);

/* ERR_FULL when memory is short; nothing then changed. job_id is not 0. */
MUST_CHECK enum err idem_add(struct idem *idem, uint64_t fingerprint, uint64_t job_id);
MUST_CHECK enum err idem_remove(struct idem *idem, uint64_t fingerprint, uint64_t job_id);

/* The transaction ended: its changes stay, or are undone. */
void idem_settle(struct idem *idem, bool committed);

uint64_t idem_count(const struct idem *idem);

#endif
