/* Key → reference of the device that has it. One writer, readers without locks.
 *
 *   bucket, one cache line:  passed sequence | entry … | spare       entry = key | record generation
 *
 * The whole key is in the entry, and with it all that a look-up gives, so that a look-up is one line
 * of memory and none of the record: an MSISDN is one word and three entries make a bucket; an EID is
 * two words and two entries do. Open addressing by buckets: a key lies in its home bucket or, when
 * that was full, in one of the next ones; `passed` counts the keys that went on from a bucket, so
 * that a look-up knows when to stop and removal leaves no tombstones. An entry never moves: a key
 * that is present is found.
 *
 * A bucket is written under its sequence (odd while it is written), as records are: key and
 * reference that a reader takes together were together. */
#ifndef ENGINE_DEVICE_DIRECTORY_INDEX_H
#define ENGINE_DEVICE_DIRECTORY_INDEX_H

#include "base/check.h"
#include "base/eid.h"
#include "engine/msg.h"

#include <rte_pause.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INDEX_WORDS 8u
#define INDEX_EID_WORDS 2u    /* of a key */
#define INDEX_MSISDN_WORDS 1u /* likewise */

struct index_bucket {
    uint64_t words[INDEX_WORDS]; /* head: sequence in the low half, passed in the high half */
} CACHE_ALIGNED;

static_assert(sizeof(struct index_bucket) == CACHE_LINE, "one look-up, one line");

struct directory_index {
    struct index_bucket *buckets; /* borrowed, zeroed */
    uint32_t count;               /* of buckets */
    uint32_t key_words;
};

struct index_key {
    uint64_t words[INDEX_EID_WORDS]; /* of an MSISDN: the first */
};

static inline struct index_key index_key_eid(const struct eid *eid)
{
    struct index_key key;
    memcpy(key.words, eid->bytes, sizeof key.words);
    return key;
}

static inline struct index_key index_key_msisdn(uint64_t msisdn)
{
    return (struct index_key){ { msisdn } };
}

/* Buckets for `cap` keys of so many words: three fifths full when all are there. */
uint32_t directory_index_buckets(uint32_t cap, uint32_t key_words);

/* Writer only. The key is not in; there is room as long as no more than `cap` are. */
void directory_index_insert(struct directory_index *index, struct index_key key,
                            struct device_ref ref);
/* The key must be in. */
void directory_index_remove(struct directory_index *index, struct index_key key);

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

static inline uint32_t index_entries(uint32_t key_words)
{
    return (INDEX_WORDS - 1) / (key_words + 1);
}

/* The home bucket, by the hash's high half. `key_words` is index->key_words, known to the compiler
 * where that counts; likewise below. */
static inline uint32_t directory_index_home(const struct directory_index *index,
                                            struct index_key key, uint32_t key_words)
{
    uint64_t word = key.words[0];
    if (key_words == INDEX_EID_WORDS) /* issuers have few first halves: any odd factor will do */
        word = word * 0x9E3779B97F4A7C15ull + key.words[1];
    return (uint32_t)((index_mix(word) >> 32) * index->count >> 32);
}

static inline uint32_t index_after(const struct directory_index *index, uint32_t bucket)
{
    return bucket + 1 < index->count ? bucket + 1 : 0;
}

/* What one bucket says of a key: its reference as it lies there, 0 for none; and whether keys went on
 * from it. Without branches on the entries: which one it is is chance. */
struct index_answer {
    uint64_t ref;
    uint32_t passed;
};

static inline struct index_answer index_look(const struct index_bucket *bucket,
                                             struct index_key key, uint32_t key_words)
{
    for (;;) {
        uint64_t head = __atomic_load_n(&bucket->words[0], __ATOMIC_ACQUIRE);
        uint64_t found = 0;
        for (uint32_t i = 0; i < index_entries(key_words); i++) {
            const uint64_t *entry = &bucket->words[1 + i * (key_words + 1)];
            uint64_t differs = 0;
            for (uint32_t k = 0; k < key_words; k++)
                differs |= __atomic_load_n(&entry[k], __ATOMIC_ACQUIRE) ^ key.words[k];
            uint64_t ref = __atomic_load_n(&entry[key_words], __ATOMIC_ACQUIRE);
            found |= ref & (0 - (uint64_t)(differs == 0));
        }
        /* Each load above is ordered before this one. */
        if ((head & 1) == 0 && __atomic_load_n(&bucket->words[0], __ATOMIC_RELAXED) == head)
            return (struct index_answer){ .ref = found, .passed = (uint32_t)(head >> 32) };
        rte_pause();
    }
}

static inline struct device_ref index_ref(uint64_t word)
{
    return (struct device_ref){ .record = (uint32_t)word, .generation = (uint32_t)(word >> 32) };
}

/* From `bucket` on; 0: not in. */
static inline uint64_t directory_index_find(const struct directory_index *index, uint32_t bucket,
                                            struct index_key key, uint32_t key_words)
{
    struct index_answer answer;
    while ((answer = index_look(&index->buckets[bucket], key, key_words)).ref == 0 &&
           answer.passed != 0)
        bucket = index_after(index, bucket);
    return answer.ref;
}

#endif
