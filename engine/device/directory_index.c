/* Insertion and removal: the writer's side of the directory's indexes. */
#include "engine/device/directory_index.h"

#define FULLNESS_PERCENT 66u

uint32_t directory_index_buckets(uint32_t cap)
{
    uint64_t entries = ((uint64_t)cap + INDEX_ENTRIES) * 100 / FULLNESS_PERCENT;
    return (uint32_t)(entries / INDEX_ENTRIES + 1);
}

static uint32_t next_bucket(const struct directory_index *index, uint32_t bucket)
{
    return bucket + 1 < index->count ? bucket + 1 : 0;
}

/* Which entry of the bucket holds `wanted`, or INDEX_ENTRIES. */
static uint32_t entry_of(const struct index_bucket *bucket, uint64_t wanted)
{
    uint32_t entry = 0;
    while (entry < INDEX_ENTRIES && bucket->entries[entry] != wanted)
        entry++;
    return entry;
}

static uint64_t entry_for(uint64_t hash, uint32_t record)
{
    return hash << 32 | (record + 1u);
}

void directory_index_insert(struct directory_index *index, uint64_t hash, uint32_t record)
{
    uint32_t at = directory_index_home(index, hash);
    for (uint32_t tried = 0; tried < index->count; tried++) {
        struct index_bucket *bucket = &index->buckets[at];
        uint32_t entry = entry_of(bucket, 0);
        if (entry < INDEX_ENTRIES) {
            __atomic_store_n(&bucket->entries[entry], entry_for(hash, record), __ATOMIC_RELEASE);
            return;
        }
        /* Before the entry appears further on: who sees it missing here must go on. */
        __atomic_store_n(&bucket->passed, bucket->passed + 1, __ATOMIC_RELEASE);
        at = next_bucket(index, at);
    }
    ASSERT(!"an index has room for every record");
}

void directory_index_remove(struct directory_index *index, uint64_t hash, uint32_t record)
{
    uint64_t wanted = entry_for(hash, record);
    uint32_t at = directory_index_home(index, hash);
    uint32_t entry;
    while ((entry = entry_of(&index->buckets[at], wanted)) == INDEX_ENTRIES) {
        struct index_bucket *bucket = &index->buckets[at];
        ASSERT(bucket->passed > 0);
        /* Too early is harmless: the key is going away anyway, and others keep their own count. */
        __atomic_store_n(&bucket->passed, bucket->passed - 1, __ATOMIC_RELEASE);
        at = next_bucket(index, at);
    }
    __atomic_store_n(&index->buckets[at].entries[entry], 0, __ATOMIC_RELEASE);
}
