/* Send buffers with a reference count: written once from the front, then only read. tcp_send queues
 * references, so that a PDU is laid out once and never copied into a queue.
 *
 *     chunk = chunk_take(pool);               refs 1, the taker's
 *     w = chunk_writer(chunk); … chunk_commit(chunk, &w);
 *     tcp_send(conn, chunk, offset, len);     takes its own reference
 *     chunk_give(chunk);                      when nothing more will be written
 *
 * A pool and its chunks belong to one core: the count is no atomic. */
#ifndef IO_CHUNK_H
#define IO_CHUNK_H

#include "base/counter.h"
#include "base/span.h"

struct chunk_pool;

struct chunk {
    struct chunk_pool *pool;
    struct chunk *next; /* the pool's */
    uint8_t *bytes;
    uint32_t cap;
    uint32_t len; /* written so far */
    uint32_t refs;
};

/* `count` chunks of `cap` octets, all memory taken now; NULL when there is none. */
struct chunk_pool *chunk_pool_create(uint32_t count, uint32_t cap, int numa_node);

/* All chunks are back. NULL is nothing. */
void chunk_pool_destroy(struct chunk_pool *pool);

uint32_t chunk_pool_free_count(const struct chunk_pool *pool);

/* An empty chunk, one reference; NULL when the pool is empty (counted). */
struct chunk *chunk_take(struct chunk_pool *pool);
uint64_t chunk_pool_refused(const struct chunk_pool *pool);

static inline void chunk_ref(struct chunk *chunk)
{
    ASSERT(chunk->refs > 0);
    chunk->refs++;
}

/* Drops one reference; the last one returns the chunk to its pool. */
void chunk_give(struct chunk *chunk);

static inline uint32_t chunk_room(const struct chunk *chunk)
{
    return chunk->cap - chunk->len;
}

/* Over the room left. What is written counts only after chunk_commit. */
static inline struct writer chunk_writer(struct chunk *chunk)
{
    return writer_over(chunk->bytes + chunk->len, chunk_room(chunk));
}

/* Keeps what `w`, from chunk_writer, has written without error. */
static inline void chunk_commit(struct chunk *chunk, const struct writer *w)
{
    ASSERT(w->err == ERR_OK && w->start == chunk->bytes + chunk->len);
    chunk->len += (uint32_t)writer_len(w);
}

#endif
