/* The block rule, and taking blocks durably. */
#include "engine/store/blocks.h"

#include "engine/store/log.h"
#include "engine/store/table.h"

enum err block_next(const uint32_t *last, uint64_t now_ms, bool accept_clock, uint32_t *block)
{
    if (now_ms < BLOCK_EPOCH_MS && !accept_clock)
        return ERR_DENIED;
    uint64_t by_clock = now_ms < BLOCK_EPOCH_MS ? 0 : (now_ms - BLOCK_EPOCH_MS) / BLOCK_SPAN_MS;
    uint64_t next = by_clock;
    if (last != NULL) {
        uint64_t above = (uint64_t)*last + 1;
        if (!accept_clock &&
            (above > by_clock + BLOCK_LEAD_MAX || by_clock > *last + BLOCK_JUMP_MAX))
            return ERR_DENIED;
        if (next < above)
            next = above;
    }
    if (next >> BLOCK_BITS != 0)
        return ERR_EXHAUSTED;
    *block = (uint32_t)next;
    return ERR_OK;
}

static struct table_key last_key(uint32_t slot)
{
    struct table_key key;
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    writer_bytes(&w, span_text("block"));
    writer_u32(&w, slot);
    key.len = writer_len(&w);
    return key;
}

struct last_block {
    uint32_t slot;
    bool known;
    uint32_t block;
};

/* ERR_CLOSED: the next slot begins. */
static enum err newest_visit(void *arg, struct span key, struct span value)
{
    (void)value;
    struct last_block *last = arg;
    struct reader r = reader_over(key);
    uint32_t slot = reader_u32(&r);
    uint64_t block = reader_u64(&r);
    enum err err = reader_end(&r);
    if (err != ERR_OK)
        return err;
    if (slot != last->slot)
        return ERR_CLOSED;
    last->known = true;
    last->block = (uint32_t)block;
    return ERR_OK;
}

/* From the slot's own record, or, when that is corrupt, from the blocks that were taken. */
static enum err last_read(struct store_txn *txn, struct last_block *last)
{
    struct table_key key = last_key(last->slot);
    struct span value;
    enum err err = table_get(txn, TABLE_META, table_key_span(&key), &value);
    if (err == ERR_OK) {
        struct reader r = reader_over(value);
        last->block = reader_u32(&r);
        last->known = true;
        return reader_end(&r);
    }
    if (err == ERR_UNKNOWN)
        return ERR_OK;
    if (err != ERR_CORRUPT)
        return err;
    struct table_key from = { .len = 4 };
    struct writer w = writer_over(from.bytes, sizeof from.bytes);
    writer_u32(&w, last->slot);
    err = table_scan(txn, TABLE_BLOCKS, table_key_span(&from), newest_visit, last);
    return err == ERR_CLOSED ? ERR_OK : err;
}

static enum err last_write(struct store_txn *txn, const struct last_block *last)
{
    struct table_key key = last_key(last->slot);
    uint8_t value[4];
    struct writer w = writer_over(value, sizeof value);
    writer_u32(&w, last->block);
    return table_put(txn, TABLE_META, table_key_span(&key), written(&w));
}

enum err block_take(struct store_txn *txn, uint32_t slot, uint64_t now_ms, bool accept_clock,
                    uint32_t *block)
{
    if (slot >= SLOT_COUNT)
        return ERR_RANGE;
    struct last_block last = { .slot = slot };
    enum err err = last_read(txn, &last);
    if (err != ERR_OK)
        return err;
    do { /* a block that was taken although the record does not say so is passed over */
        uint32_t next;
        err = block_next(last.known ? &last.block : NULL, now_ms, accept_clock, &next);
        if (err != ERR_OK)
            return err;
        ASSERT(!last.known || next > last.block); /* a block is never given twice */
        last.known = true;
        last.block = next;
        err = log_create_once(txn, slot, next);
    } while (err == ERR_CONFLICT);
    if (err == ERR_OK)
        err = last_write(txn, &last);
    *block = last.block;
    return err;
}

static void tell(enum err err, uint32_t slot, struct fault *fault)
{
    if (err == ERR_DENIED)
        fault_set(fault,
                  "counter block of slot %u: the clock does not fit what was used before (it is "
                  "before 2026, over 90 days ahead, or over 7 days behind); set the clock right, "
                  "or, if it is right, start once with accept_clock: true",
                  (unsigned)slot);
    else if (err == ERR_EXHAUSTED)
        fault_set(fault, "counter blocks of slot %u are used up; its key sets must be replaced",
                  (unsigned)slot);
    else
        fault_set(fault, "counter blocks cannot be taken: %s; free disk space, then start again",
                  err_text(err));
}

enum err block_take_all(struct store *store, uint64_t now_ms, bool accept_clock,
                        uint32_t blocks[SLOT_COUNT], struct fault *fault)
{
    struct store_txn *txn;
    enum err err = store_txn_begin(store, STORE_WRITE, &txn);
    if (err != ERR_OK) {
        tell(err, 0, fault);
        return err;
    }
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        err = block_take(txn, slot, now_ms, accept_clock, &blocks[slot]);
        if (err != ERR_OK) {
            tell(err, slot, fault);
            store_txn_abort(txn);
            return err;
        }
    }
    err = store_txn_commit(txn);
    if (err != ERR_OK)
        tell(err, 0, fault);
    return err;
}
