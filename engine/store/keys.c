/* Composite keys and small values. */
#include "engine/store/keys.h"

struct table_key key_attempt(uint64_t job_id, uint8_t attempt, uint8_t part)
{
    struct table_key key;
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    writer_u64(&w, job_id);
    writer_u8(&w, attempt);
    writer_u8(&w, part);
    key.len = writer_len(&w);
    return key;
}

struct table_key key_of_keyset(const struct eid *eid, uint16_t keyset)
{
    struct table_key key;
    struct writer w = writer_over(key.bytes, sizeof key.bytes);
    writer_bytes(&w, span_of(eid->bytes, EID_LEN));
    writer_u16(&w, keyset);
    key.len = writer_len(&w);
    return key;
}

enum err key_keyset_read(struct span in, struct key_keyset *out)
{
    struct reader r = reader_over(in);
    *out = (struct key_keyset){ .flags = reader_u8(&r) };
    uint8_t has_left = reader_u8(&r);
    if (has_left > 1)
        reader_fail(&r, ERR_RANGE);
    out->has_left = has_left == 1;
    if (out->has_left) {
        reader_copy(&r, out->fingerprint, sizeof out->fingerprint);
        out->cntr_base = reader_u40(&r);
    }
    return reader_end(&r);
}

void key_keyset_write(struct writer *out, const struct key_keyset *keyset)
{
    writer_u8(out, keyset->flags);
    writer_u8(out, keyset->has_left);
    if (keyset->has_left) {
        writer_bytes(out, span_of(keyset->fingerprint, sizeof keyset->fingerprint));
        writer_u40(out, keyset->cntr_base);
    }
}

void key_exact_write(struct writer *out, const struct exact_counter *exact)
{
    writer_u64(out, exact->last);
    writer_u8(out, exact->out_of_step);
}

enum err key_exact_read(struct span in, struct exact_counter *out)
{
    struct reader r = reader_over(in);
    out->last = reader_u64(&r);
    uint8_t out_of_step = reader_u8(&r);
    if (out_of_step > 1)
        reader_fail(&r, ERR_RANGE);
    out->out_of_step = out_of_step == 1;
    return reader_end(&r);
}

enum err key_result_read(struct span in, struct result_entry *out)
{
    struct reader r = reader_over(in);
    out->job_id = reader_u64(&r);
    out->finished_ms = reader_u64(&r);
    return reader_end(&r);
}

void key_result_write(struct writer *out, const struct result_entry *entry)
{
    writer_u64(out, entry->job_id);
    writer_u64(out, entry->finished_ms);
}
