/* Spans, readers and writers: the one way to touch wire bytes.
 *
 * A reader or writer carries its first error: after it, reads give zero, writes do nothing, and the
 * caller asks once at the end. All integers are big-endian. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include "base/check.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; lives as long as what it points into. */
struct span {
    const uint8_t *bytes;
    size_t len;
};

static inline struct span span_of(const void *bytes, size_t len)
{
    return (struct span){ .bytes = bytes, .len = len };
}

static inline struct span span_text(const char *text)
{
    return span_of(text, strlen(text));
}

/* `at + len` where an empty span may have no bytes at all: NULL + 0 is undefined before C2y. */
static inline const uint8_t *span_at(const uint8_t *at, size_t len)
{
    return len > 0 ? at + len : at;
}

/* The first `len` bytes, or all of them when there are fewer. */
static inline struct span span_first(struct span in, size_t len)
{
    return span_of(in.bytes, len < in.len ? len : in.len);
}

/* What follows the first `len` bytes; empty when there are fewer. */
static inline struct span span_after(struct span in, size_t len)
{
    return len < in.len ? span_of(in.bytes + len, in.len - len)
                        : span_of(span_at(in.bytes, in.len), 0);
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    enum err err; /* the first one; ERR_OK so far */
};

static inline struct reader reader_over(struct span in)
{
    return (struct reader){ .at = in.bytes, .end = span_at(in.bytes, in.len), .err = ERR_OK };
}

static inline size_t reader_left(const struct reader *r)
{
    return r->err == ERR_OK ? (size_t)(r->end - r->at) : 0;
}

/* Records `err` unless an earlier one stands. */
static inline void reader_fail(struct reader *r, enum err err)
{
    if (r->err == ERR_OK)
        r->err = err;
}

/* True while there is something left to read and nothing went wrong: the loop condition. */
static inline bool reader_more(const struct reader *r)
{
    return reader_left(r) > 0;
}

/* The next `len` bytes; empty (NULL bytes) on error. The one place where input length is checked.
 */
static inline struct span reader_bytes(struct reader *r, size_t len)
{
    if (len > reader_left(r)) {
        reader_fail(r, ERR_SHORT);
        return span_of(NULL, 0);
    }
    struct span out = span_of(r->at, len);
    r->at = span_at(r->at, len);
    return out;
}

static inline uint64_t reader_uint(struct reader *r, size_t len)
{
    struct span in = reader_bytes(r, len);
    uint64_t value = 0;
#pragma GCC unroll 8
    for (size_t i = 0; i < in.len; i++)
        value = value << 8 | in.bytes[i];
    return value;
}

static inline uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)reader_uint(r, 1);
}

static inline uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)reader_uint(r, 2);
}

static inline uint32_t reader_u24(struct reader *r)
{
    return (uint32_t)reader_uint(r, 3);
}

static inline uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)reader_uint(r, 4);
}

static inline uint64_t reader_u40(struct reader *r)
{
    return reader_uint(r, 5);
}

static inline uint64_t reader_u64(struct reader *r)
{
    return reader_uint(r, 8);
}

/* Copies the next `len` bytes to `out`, or zeroes it on error. */
static inline void reader_copy(struct reader *r, void *out, size_t len)
{
    struct span in = reader_bytes(r, len);
    if (in.len == len && len > 0)
        memcpy(out, in.bytes, len);
    else
        memset(out, 0, len);
}

/* A reader bounded to the next `len` bytes, which this one skips: no inner field sees past it. */
static inline struct reader reader_sub(struct reader *r, size_t len)
{
    struct reader sub = reader_over(reader_bytes(r, len));
    sub.err = r->err;
    return sub;
}

static inline struct span reader_rest(struct reader *r)
{
    return reader_bytes(r, reader_left(r));
}

/* The reader's verdict when nothing may follow: its error, or ERR_TRAILING. */
static inline enum err reader_end(const struct reader *r)
{
    if (r->err != ERR_OK)
        return r->err;
    return r->at == r->end ? ERR_OK : ERR_TRAILING;
}

struct writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    enum err err;
};

static inline struct writer writer_over(void *buf, size_t cap)
{
    return (struct writer){
        .start = buf, .at = buf, .end = cap > 0 ? (uint8_t *)buf + cap : buf, .err = ERR_OK
    };
}

static inline size_t writer_room(const struct writer *w)
{
    return w->err == ERR_OK ? (size_t)(w->end - w->at) : 0;
}

static inline size_t writer_len(const struct writer *w)
{
    return (size_t)(w->at - w->start);
}

static inline void writer_fail(struct writer *w, enum err err)
{
    if (w->err == ERR_OK)
        w->err = err;
}

/* Room for `len` bytes, for the caller to fill; NULL on error. The one place where room is checked.
 */
static inline uint8_t *writer_claim(struct writer *w, size_t len)
{
    if (len > writer_room(w)) {
        writer_fail(w, ERR_FULL);
        return NULL;
    }
    uint8_t *out = w->at;
    if (len > 0)
        w->at += len;
    return out;
}

/* A writer over exactly the next `len` bytes, which this one skips, to be filled wholly. With a
 * constant length the compiler checks the room of all its fields once, here. */
static inline struct writer writer_sub(struct writer *w, size_t len)
{
    uint8_t *out = writer_claim(w, len);
    if (out == NULL)
        return (struct writer){ .err = w->err };
    return writer_over(out, len);
}

/* `len` low-order bytes of `value`. ERR_RANGE when it does not fit. */
static inline void writer_uint(struct writer *w, uint64_t value, size_t len)
{
    if (len < 8 && value >> (8 * len) != 0) {
        writer_fail(w, ERR_RANGE);
        return;
    }
    uint8_t *out = writer_claim(w, len);
    if (out == NULL)
        return;
#pragma GCC unroll 8
    for (size_t i = len; i-- > 0; value >>= 8)
        out[i] = (uint8_t)value;
}

static inline void writer_u8(struct writer *w, uint8_t value)
{
    writer_uint(w, value, 1);
}

static inline void writer_u16(struct writer *w, uint16_t value)
{
    writer_uint(w, value, 2);
}

static inline void writer_u24(struct writer *w, uint32_t value)
{
    writer_uint(w, value, 3);
}

static inline void writer_u32(struct writer *w, uint32_t value)
{
    writer_uint(w, value, 4);
}

static inline void writer_u40(struct writer *w, uint64_t value)
{
    writer_uint(w, value, 5);
}

static inline void writer_u64(struct writer *w, uint64_t value)
{
    writer_uint(w, value, 8);
}

static inline void writer_bytes(struct writer *w, struct span in)
{
    uint8_t *out = writer_claim(w, in.len);
    if (out != NULL && in.len > 0)
        memcpy(out, in.bytes, in.len);
}

static inline void writer_zeros(struct writer *w, size_t len)
{
    uint8_t *out = writer_claim(w, len);
    if (out != NULL)
        memset(out, 0, len);
}

/* The place where a length will be put by writer_patch once the body is known. */
static inline size_t writer_mark(const struct writer *w)
{
    return writer_len(w);
}

/* Overwrites `len` bytes at `mark`, which were written before. */
static inline void writer_patch(struct writer *w, size_t mark, uint64_t value, size_t len)
{
    if (w->err != ERR_OK)
        return;
    ASSERT(mark + len <= writer_len(w));
    struct writer field = writer_over(w->start + mark, len);
    writer_uint(&field, value, len);
    if (field.err != ERR_OK)
        writer_fail(w, field.err);
}

/* What was written so far. */
static inline struct span written(const struct writer *w)
{
    return span_of(w->start, writer_len(w));
}

#endif
