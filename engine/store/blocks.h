/* Counter blocks of the slots (design §4 "Slots and counters"). Taking one is a durable create-once
 * write, so that no (slot, block) is ever used twice: not after a crash, nor from a restored
 * backup.
 *
 *   block = max(last + 1, floor((now − 2026-01-01T00:00Z) / 480 s)), 20 bits */
#ifndef ENGINE_STORE_BLOCKS_H
#define ENGINE_STORE_BLOCKS_H

#include "base/eid.h"
#include "engine/store/store.h"

#include <stdbool.h>

#define BLOCK_EPOCH_MS 1767225600000ull /* 2026-01-01T00:00:00Z */
#define BLOCK_SPAN_MS 480000ull
#define BLOCK_BITS 20
#define BLOCK_LEAD_MAX (7ull * 86400000 / BLOCK_SPAN_MS)  /* blocks ahead of the clock */
#define BLOCK_JUMP_MAX (90ull * 86400000 / BLOCK_SPAN_MS) /* clock ahead of the last block */

/* The pure rule. `last` is NULL when the slot never had a block. `accept_clock` is the operator's
 * override of ERR_DENIED.
 * ERR_DENIED: over 7 days ahead of the clock, the clock over 90 days past the last block, or before
 * 2026. ERR_EXHAUSTED: 20 bits are used up. */
MUST_CHECK enum err block_next(const uint32_t *last, uint64_t now_ms, bool accept_clock,
                               uint32_t *block);

/* Takes the slot's next block in a writing transaction: as block_next, ERR_RANGE for the slot. */
MUST_CHECK enum err block_take(struct store_txn *txn, uint32_t slot, uint64_t now_ms,
                               bool accept_clock, uint32_t *block);

/* At start: a block for every slot, in one transaction of its own. `fault` says what to do. */
MUST_CHECK enum err block_take_all(struct store *store, uint64_t now_ms, bool accept_clock,
                                   uint32_t blocks[SLOT_COUNT], struct fault *fault);

#endif
