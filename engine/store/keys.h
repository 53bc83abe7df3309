/* Keys of more than one number, and the small values that have no record of their own. */
#ifndef ENGINE_STORE_KEYS_H
#define ENGINE_STORE_KEYS_H

#include "crypto/kek.h"
#include "engine/store/query.h"

struct table_key key_attempt(uint64_t job_id, uint8_t attempt, uint8_t part);
/* Of KEYSETS and EXACT: EID, key set id. */
struct table_key key_of_keyset(const struct eid *eid, uint16_t keyset);

/* Value of KEYSETS: flags; of a key set that its device has no more, also what it was: a fingerprint of
 * its keys, its counter base. */
struct key_keyset {
    uint8_t flags;
    bool has_left;
    uint8_t fingerprint[KEK_FINGERPRINT_LEN];
    uint64_t cntr_base;
};
MUST_CHECK enum err key_keyset_read(struct span in, struct key_keyset *out);
void key_keyset_write(struct writer *out, const struct key_keyset *keyset);

/* Value of EXACT: the last CNTR sealed; flags. */
void key_exact_write(struct writer *out, const struct exact_counter *exact);
MUST_CHECK enum err key_exact_read(struct span in, struct exact_counter *out);

/* Entry of LOG_RESULTS, without its position: job id, time it finished. */
MUST_CHECK enum err key_result_read(struct span in, struct result_entry *out);
void key_result_write(struct writer *out, const struct result_entry *entry);

#endif
