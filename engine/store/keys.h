/* Keys of more than one number, and the small values that have no record of their own. */
#ifndef ENGINE_STORE_KEYS_H
#define ENGINE_STORE_KEYS_H

#include "engine/store/query.h"

struct table_key key_attempt(uint64_t job_id, uint8_t attempt, uint8_t part);
struct table_key key_exact(const struct eid *eid, uint16_t keyset);

/* Value of KEYSETS: EID, key set id, flags. */
struct key_keyset {
    struct eid eid;
    uint16_t keyset;
    uint8_t flags;
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
