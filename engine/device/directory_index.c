/* Insertion and removal: the writer's side of the directory's indexes. */
#include "engine/device/directory_index.h"

#define FULLNESS_PERCENT 60u

uint32_t directory_index_buckets(uint32_t cap, uint32_t key_words)
{
    uint32_t entries = index_entries(key_words);
    return (uint32_t)(((uint64_t)cap + entries) * 100 / FULLNESS_PERCENT / entries + 1);
}

/* Makes a bucket odd; what readers take from it from here on is discarded. */
static uint64_t write_begin(struct index_bucket *bucket)
{
    uint64_t head = bucket->words[0];
    ASSERT((head & 1) == 0);
    __atomic_store_n(&bucket->words[0], head | 1, __ATOMIC_RELEASE);
    return head;
}

static void write_end(struct index_bucket *bucket, uint64_t head, uint32_t passed)
{
    uint32_t sequence = (uint32_t)head + 2;
    __atomic_store_n(&bucket->words[0], (uint64_t)passed << 32 | sequence, __ATOMIC_RELEASE);
}

static uint32_t passed_of(const struct index_bucket *bucket)
{
    return (uint32_t)(bucket->words[0] >> 32);
}

static void pass(struct index_bucket *bucket, uint32_t passed)
{
    write_end(bucket, write_begin(bucket), passed);
}

static void entry_write(struct index_bucket *bucket, uint32_t at, struct index_key key,
                        uint32_t key_words, uint64_t ref)
{
    uint64_t head = write_begin(bucket);
    for (uint32_t k = 0; k < key_words; k++)
        __atomic_store_n(&bucket->words[at + k], key.words[k], __ATOMIC_RELEASE);
    __atomic_store_n(&bucket->words[at + key_words], ref, __ATOMIC_RELEASE);
    write_end(bucket, head, (uint32_t)(head >> 32));
}

/* The entry that is empty (key NULL) or has the key, by its first word; 0: none. */
static uint32_t entry_of(const struct index_bucket *bucket, const struct index_key *key,
                         uint32_t key_words)
{
    for (uint32_t i = 0; i < index_entries(key_words); i++) {
        uint32_t at = 1 + i * (key_words + 1);
        bool empty = bucket->words[at + key_words] == 0;
        if (key == NULL ? empty
                        : !empty && memcmp(&bucket->words[at], key->words,
                                           key_words * sizeof(uint64_t)) == 0)
            return at;
    }
    return 0;
}

void directory_index_insert(struct directory_index *index, struct index_key key,
                            struct device_ref ref)
{
    ASSERT(ref.generation != 0);
    uint32_t bucket = directory_index_home(index, key, index->key_words);
    for (uint32_t tried = 0; tried < index->count; tried++) {
        struct index_bucket *at = &index->buckets[bucket];
        uint32_t entry = entry_of(at, NULL, index->key_words);
        if (entry != 0) {
            entry_write(at, entry, key, index->key_words,
                        (uint64_t)ref.generation << 32 | ref.record);
            return;
        }
        /* Before the entry appears further on: who sees it missing here must go on. */
        pass(at, passed_of(at) + 1);
        bucket = index_after(index, bucket);
    }
    ASSERT(!"an index has room for every record");
}

void directory_index_remove(struct directory_index *index, struct index_key key)
{
    static const struct index_key none;
    uint32_t bucket = directory_index_home(index, key, index->key_words);
    uint32_t entry;
    while ((entry = entry_of(&index->buckets[bucket], &key, index->key_words)) == 0) {
        struct index_bucket *at = &index->buckets[bucket];
        ASSERT(passed_of(at) > 0);
        /* Too early is harmless: the key is going away anyway, and others keep their own count. */
        pass(at, passed_of(at) - 1);
        bucket = index_after(index, bucket);
    }
    entry_write(&index->buckets[bucket], entry, none, index->key_words, 0);
}
