/* Devices put and removed, inside the turn's transaction: here updates are in order, so here key sets
 * get their editions (engine/device/directory.h).
 *
 * Which keys there ever were under a domain's version is remembered, also when the key set or the
 * device is removed: a fingerprint, the counter base, the flags. Keys that come back come back as the
 * edition they were, with flags, exact counter, and a base that is not lower; others are the next
 * edition, and begin anew. So no CNTR is bound to two packets under the same keys (design §4). At most
 * 256 editions of one EID, domain and version: the next one is refused. */
#ifndef ENGINE_STORE_DEVICE_TABLE_H
#define ENGINE_STORE_DEVICE_TABLE_H

#include "engine/store/apply.h"

/* Body: the record as stored, with editions and bases; `part`: the flags that are known of the key
 * sets, 2 bits each. ERR_EDITIONS: no edition left; ERR_CORRUPT: what was known of earlier keys is
 * lost; ERR_KEY: no KEK; the codec's. With STORE_RELEASE: see store_thread.h. */
MUST_CHECK enum err device_table_put(struct apply *apply, struct store_txn *txn, struct msg *msg);
MUST_CHECK enum err device_table_remove(struct apply *apply, struct store_txn *txn,
                                        const struct eid *eid);
/* `flags` are set for ever. */
MUST_CHECK enum err device_table_keyset_mark(struct store_txn *txn, const struct eid *eid,
                                             uint16_t id, uint8_t flags);

#endif
