/* Reference-counted send buffers. */
#include "io/chunk.h"

#include <rte_malloc.h>

struct chunk_pool {
    struct chunk *free;
    uint32_t free_count;
    uint32_t count;
    struct counter refused;
    uint8_t *bytes;
    struct chunk chunks[];
};

struct chunk_pool *chunk_pool_create(uint32_t count, uint32_t cap, int numa_node)
{
    struct chunk_pool *pool = rte_zmalloc_socket(
        "chunk_pool", sizeof *pool + count * sizeof pool->chunks[0], CACHE_LINE, numa_node);
    if (pool == NULL)
        return NULL;
    pool->bytes = rte_malloc_socket("chunks", (size_t)count * cap, CACHE_LINE, numa_node);
    if (pool->bytes == NULL) {
        rte_free(pool);
        return NULL;
    }
    pool->count = count;
    pool->free_count = count;
    for (uint32_t i = count; i-- > 0;) {
        struct chunk *chunk = &pool->chunks[i];
        *chunk = (struct chunk){
            .pool = pool, .next = pool->free, .bytes = pool->bytes + (size_t)i * cap, .cap = cap
        };
        pool->free = chunk;
    }
    return pool;
}

void chunk_pool_destroy(struct chunk_pool *pool)
{
    if (pool == NULL)
        return;
    ASSERT(pool->free_count == pool->count);
    rte_free(pool->bytes);
    rte_free(pool);
}

uint32_t chunk_pool_free_count(const struct chunk_pool *pool)
{
    return pool->free_count;
}

uint64_t chunk_pool_refused(const struct chunk_pool *pool)
{
    return counter_read(&pool->refused);
}

struct chunk *chunk_take(struct chunk_pool *pool)
{
    struct chunk *chunk = pool->free;
    if (chunk == NULL) {
        counter_add(&pool->refused, 1);
        return NULL;
    }
    pool->free = chunk->next;
    pool->free_count--;
    chunk->next = NULL;
    chunk->len = 0;
    chunk->refs = 1;
    return chunk;
}

void chunk_give(struct chunk *chunk)
{
    ASSERT(chunk->refs > 0);
    if (--chunk->refs > 0)
        return;
    struct chunk_pool *pool = chunk->pool;
    chunk->next = pool->free;
    pool->free = chunk;
    pool->free_count++;
}
