/* Logs on the local tables: an entry's key is log, stream, position; heads lie in META. */
#include "engine/store/store_internal.h"

static struct table_key entry_key(enum log_id log, uint32_t stream, uint64_t position)
{
    struct table_key key;
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    writer_u8(&w, (uint8_t)log);
    writer_u32(&w, stream);
    writer_u64(&w, position);
    key.len = writer_len(&w);
    return key;
}

static struct table_key head_key(enum log_id log, uint32_t stream)
{
    struct table_key key;
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    writer_bytes(&w, span_text("head"));
    writer_u8(&w, (uint8_t)log);
    writer_u32(&w, stream);
    key.len = writer_len(&w);
    return key;
}

/* The greatest position among the entries: what a corrupt head is rebuilt from. */
static enum err note_position(void *arg, uint64_t position, struct span entry)
{
    (void)entry;
    *(uint64_t *)arg = position;
    return ERR_OK;
}

static enum err head_read(struct store_txn *txn, enum log_id log, uint32_t stream, uint64_t *last)
{
    struct table_key key = head_key(log, stream);
    struct span value;
    enum err err = table_get(txn, TABLE_META, table_key_span(&key), &value);
    *last = 0;
    if (err == ERR_OK) {
        struct reader r = reader_over(value);
        *last = reader_u64(&r);
        return reader_end(&r);
    }
    if (err == ERR_CORRUPT)
        return log_read(txn, log, stream, 0, note_position, last);
    return err == ERR_UNKNOWN ? ERR_OK : err;
}

enum err log_heads_write(struct store_txn *txn, struct log_heads *heads)
{
    for (unsigned log = 0; log < LOG_ID_COUNT; log++)
        for (uint32_t stream = 0; stream < LOG_STREAMS; stream++) {
            if (!heads->moved[log][stream])
                continue;
            struct table_key key = head_key((enum log_id)log, stream);
            struct table_key value = table_key_u64(heads->last[log][stream]);
            enum err err = table_put(txn, TABLE_META, table_key_span(&key), table_key_span(&value));
            if (err != ERR_OK)
                return err;
        }
    return ERR_OK;
}

void log_heads_settle(struct log_heads *heads, bool committed)
{
    if (!heads->any_moved)
        return;
    for (unsigned log = 0; log < LOG_ID_COUNT; log++)
        for (uint32_t stream = 0; stream < LOG_STREAMS; stream++)
            if (heads->moved[log][stream]) {
                heads->moved[log][stream] = false;
                heads->known[log][stream] = committed;
            }
    heads->any_moved = false;
}

enum err log_append(struct store_txn *txn, enum log_id log, uint32_t stream, struct span entry,
                    uint64_t *position)
{
    ASSERT(store_txn_mode(txn) == STORE_WRITE);
    if (stream >= LOG_STREAMS)
        return ERR_RANGE;
    struct log_heads *heads = store_txn_heads(txn);
    uint64_t *last = &heads->last[log][stream];
    if (!heads->known[log][stream]) {
        enum err err = head_read(txn, log, stream, last);
        if (err != ERR_OK)
            return err;
        heads->known[log][stream] = true;
    }
    struct table_key key = entry_key(log, stream, *last + 1);
    enum err err = table_put(txn, TABLE_LOGS, table_key_span(&key), entry);
    if (err != ERR_OK)
        return err;
    heads->moved[log][stream] = heads->any_moved = true;
    *position = ++*last;
    return ERR_OK;
}

enum err log_last(struct store_txn *txn, enum log_id log, uint32_t stream, uint64_t *position)
{
    if (stream >= LOG_STREAMS)
        return ERR_RANGE;
    if (store_txn_mode(txn) == STORE_WRITE && store_txn_heads(txn)->moved[log][stream]) {
        *position = store_txn_heads(txn)->last[log][stream];
        return ERR_OK;
    }
    return head_read(txn, log, stream, position);
}

struct reading {
    struct table_key first;
    log_visit *visit;
    void *arg;
    bool over;
};

/* ERR_CLOSED is ours: the next stream begins. */
static enum err read_one(void *arg, struct span key, struct span value)
{
    struct reading *reading = arg;
    const size_t stream_len = 5;
    struct span ours = span_first(table_key_span(&reading->first), stream_len);
    if (!span_equal(span_first(key, stream_len), ours)) {
        reading->over = true;
        return ERR_CLOSED;
    }
    return reading->visit(reading->arg, table_key_number(span_after(key, stream_len)), value);
}

enum err log_read(struct store_txn *txn, enum log_id log, uint32_t stream, uint64_t from,
                  log_visit *visit, void *arg)
{
    struct reading reading = { .first = entry_key(log, stream, from), .visit = visit, .arg = arg };
    enum err err = table_scan(txn, TABLE_LOGS, table_key_span(&reading.first), read_one, &reading);
    return reading.over ? ERR_OK : err;
}

struct trimming {
    struct store_txn *txn;
    enum log_id log;
    uint32_t stream, left, removed;
    uint64_t before;
    bool over;
};

static enum err trim_one(void *arg, uint64_t position, struct span entry)
{
    (void)entry;
    struct trimming *trimming = arg;
    if (position >= trimming->before || trimming->left == 0) {
        trimming->over = true;
        return ERR_CLOSED;
    }
    struct table_key key = entry_key(trimming->log, trimming->stream, position);
    enum err err = table_remove(trimming->txn, TABLE_LOGS, table_key_span(&key));
    if (err != ERR_OK)
        return err;
    trimming->left--;
    trimming->removed++;
    return ERR_OK;
}

enum err log_trim(struct store_txn *txn, enum log_id log, uint32_t stream, uint64_t before,
                  uint32_t max, uint32_t *removed)
{
    struct trimming trimming = {
        .txn = txn, .log = log, .stream = stream, .left = max, .before = before
    };
    enum err err = log_read(txn, log, stream, 0, trim_one, &trimming);
    *removed = trimming.removed;
    return trimming.over ? ERR_OK : err;
}

enum err log_create_once(struct store_txn *txn, uint32_t stream, uint64_t number)
{
    struct table_key key;
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    writer_u32(&w, stream);
    writer_u64(&w, number);
    key.len = writer_len(&w);
    return table_create(txn, TABLE_BLOCKS, table_key_span(&key), span_of(NULL, 0));
}
