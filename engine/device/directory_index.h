/* Hash of a key → numbers of the records that may have it. One writer, readers without locks.
 *
 *   bucket, one cache line:  entry × 7 = (hash low 32 | record number + 1) | passed
 *
 * Open addressing by buckets: a key lies in its home bucket or, when that was full, in one of the
 * next ones; `passed` counts the keys that went on from a bucket, so that a look-up knows when to
 * stop and removal leaves no tombstones. An entry never moves: a key that is present is found. The
 * key itself is compared in the record. */
#ifndef ENGINE_DEVICE_DIRECTORY_INDEX_H
#define ENGINE_DEVICE_DIRECTORY_INDEX_H

#include "base/check.h"
#include "base/eid.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INDEX_ENTRIES 7u

struct index_bucket {
    uint64_t entries[INDEX_ENTRIES]; /* 0: empty */
    uint64_t passed;
} CACHE_ALIGNED;

static_assert(sizeof(struct index_bucket) == CACHE_LINE, "one look-up, one line");

struct directory_index {
    struct index_bucket *buckets; /* borrowed, zeroed */
    uint32_t count;               /* of buckets */
};

/* Buckets for `cap` keys: two thirds full when all are there. */
uint32_t directory_index_buckets(uint32_t cap);

/* Writer only. There is room as long as no more than `cap` (and a few) keys are in. */
void directory_index_insert(struct directory_index *index, uint64_t hash, uint32_t record);
/* The entry must be there. */
void directory_index_remove(struct directory_index *index, uint64_t hash, uint32_t record);

/* A mixing of 64 bits that changes each output bit with each input bit (MurmurHash3's finalizer).
 */
static inline uint64_t index_mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xFF51AFD7ED558CCDull;
    x ^= x >> 33;
    x *= 0xC4CEB9FE1A85EC53ull;
    return x ^ x >> 33;
}

static inline uint64_t index_hash_eid(const struct eid *eid)
{
    uint64_t half[2];
    memcpy(half, eid->bytes, sizeof half);
    return index_mix(index_mix(half[0]) + half[1]);
}

static inline uint64_t index_hash_msisdn(uint64_t msisdn)
{
    return index_mix(msisdn);
}

/* The home bucket, by the hash's high half. */
static inline uint32_t directory_index_home(const struct directory_index *index, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * index->count >> 32);
}

static inline void directory_index_prefetch(const struct directory_index *index, uint64_t hash)
{
    __builtin_prefetch(&index->buckets[directory_index_home(index, hash)]);
}

/* Where a look-up stands. */
struct index_cursor {
    uint32_t bucket;
    uint32_t entry;
};

static inline struct index_cursor directory_index_start(const struct directory_index *index,
                                                        uint64_t hash)
{
    return (struct index_cursor){ .bucket = directory_index_home(index, hash) };
}

/* Bit per entry of the bucket that has this hash. Without branches: which entry it is is chance. */
static inline uint32_t index_bucket_match(const struct index_bucket *bucket, uint64_t hash)
{
    uint32_t match = 0;
    for (uint32_t i = 0; i < INDEX_ENTRIES; i++) {
        uint64_t entry = __atomic_load_n(&bucket->entries[i], __ATOMIC_ACQUIRE);
        match |= (uint32_t)((uint32_t)(entry >> 32) == (uint32_t)hash) << i;
    }
    return match;
}

/* The next record that may have the key; false when there is none left. */
static inline bool directory_index_next(const struct directory_index *index, uint64_t hash,
                                        struct index_cursor *cursor, uint32_t *record)
{
    for (;;) {
        const struct index_bucket *bucket = &index->buckets[cursor->bucket];
        uint32_t match = index_bucket_match(bucket, hash) >> cursor->entry << cursor->entry;
        while (match != 0) {
            uint32_t i = (uint32_t)__builtin_ctz(match);
            uint32_t number = (uint32_t)__atomic_load_n(&bucket->entries[i], __ATOMIC_ACQUIRE);
            match &= match - 1;
            cursor->entry = i + 1;
            if (number == 0) /* empty, of a hash that ends in zeros, or removed just now */
                continue;
            *record = number - 1;
            return true;
        }
        if (__atomic_load_n(&bucket->passed, __ATOMIC_ACQUIRE) == 0)
            return false;
        cursor->entry = 0;
        cursor->bucket = cursor->bucket + 1 < index->count ? cursor->bucket + 1 : 0;
    }
}

#endif
