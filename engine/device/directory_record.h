/* One device in 128 octets, two cache lines, and 80 more for each key set after the first.
 *
 *   line 1   sequence generation | EID | MSISDN | next unit, flags, first key set | TARs
 *   line 2   keys of the first key set
 *   unit     next unit | key set | keys
 *
 * Written in place under its sequence (odd while it is written): readers copy and try again. Every
 * word is loaded and stored atomically, so that a torn copy is only ever discarded. */
#ifndef ENGINE_DEVICE_DIRECTORY_RECORD_H
#define ENGINE_DEVICE_DIRECTORY_RECORD_H

#include "engine/device/directory.h"

#include <rte_pause.h>

#define RECORD_WORDS 16
#define UNIT_WORDS 10
#define KEYS_LEN (2 * DEVICE_KEY_MAX)

struct packed_keyset {
    uint8_t domain_kvn; /* domain in 2 bits, cc_len in 2 bits (units of 4 octets), KVN in 4 */
    uint8_t edition;
    uint8_t algorithms; /* KIc in the high nibble, KID in the low one */
    uint8_t flags_lens; /* flags in 2 bits, then in units of 8 octets: KIc in 3 bits, KID in 3 */
    uint8_t cntr_base[5];
};

union record_image {
    struct {
        uint64_t head; /* sequence in the low half, generation in the high half */
        struct eid eid;
        uint64_t msisdn;
        uint32_t next; /* unit + 1 of the second key set; 0: none */
        uint8_t flags;
        uint8_t segments_max;
        uint8_t counts; /* domains, key sets */
        struct packed_keyset set;
        struct {
            uint8_t role_compact; /* role in the low bits, bit 7: compact */
            uint8_t tar[3];
        } domains[DEVICE_DOMAINS_MAX];
        uint8_t keys[KEYS_LEN]; /* KIc, then KID, without a gap */
    };
    uint64_t words[RECORD_WORDS];
};

union unit_image {
    struct {
        uint32_t next;
        struct packed_keyset set;
        uint8_t spare[3];
        uint8_t keys[KEYS_LEN];
    };
    uint64_t words[UNIT_WORDS];
};

static_assert(sizeof(union record_image) == 2 * CACHE_LINE, "two lines, 8-octet words");
static_assert(sizeof(union unit_image) == 80, "no gaps");
static_assert(offsetof(union record_image, keys) == CACHE_LINE, "the keys are the second line");

/* Without head and next. */
void record_pack(const struct device *device, union record_image *out);
void unit_pack(const struct device_keyset *keyset, union unit_image *out);
void record_unpack(const union record_image *image, struct device *out);
void unit_unpack(const union unit_image *image, struct device_keyset *out);

static inline uint32_t record_generation(uint64_t head)
{
    return (uint32_t)(head >> 32);
}

/* Copies words that may be written meanwhile. Each load is ordered before what follows, so that the
 * head can be looked at again afterwards without a fence. */
static inline void words_load(const uint64_t *from, uint64_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
}

/* Each store is ordered after what precedes: after the head that says "being written". */
static inline void words_store(uint64_t *to, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        __atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
}

/* The head of a record that is not being written. */
static inline uint64_t record_begin(const union record_image *record)
{
    uint64_t head;
    while ((head = __atomic_load_n(&record->head, __ATOMIC_ACQUIRE)) & 1)
        rte_pause();
    return head;
}

/* Whether what was loaded since record_begin() belongs together. */
static inline bool record_unchanged(const union record_image *record, uint64_t head)
{
    return __atomic_load_n(&record->head, __ATOMIC_RELAXED) == head;
}

/* The clear part of the first line: generation, EID, MSISDN. */
struct record_identity {
    uint32_t generation;
    struct eid eid;
    uint64_t msisdn;
};

static inline struct record_identity record_identify(const union record_image *record)
{
    union record_image copy;
    do {
        copy.head = record_begin(record);
        words_load(&record->words[1], &copy.words[1], 3);
    } while (!record_unchanged(record, copy.head));
    return (struct record_identity){ record_generation(copy.head), copy.eid, copy.msisdn };
}

#endif
