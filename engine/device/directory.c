/* The device directory: its memory, and everything that readers do. */
#include "engine/device/directory_table.h"

#include "base/log.h"
#include "crypto/ct.h"

#include <inttypes.h>
#include <stdlib.h>

#define BULK 64u

/* Key sets after a device's first one: room for all there can be, taken as they come. */
#define UNITS_PER_DEVICE (DEVICE_KEYSETS_MAX - 1)

enum err directory_take(struct directory *directory, struct locked_memory *memory, size_t len)
{
    enum err err = locked_memory_take(memory, len);
    if (memory->unlocked && !directory->writer.told_unlocked) {
        directory->writer.told_unlocked = true;
        log_warning(
            "directory",
            "device keys are not locked in memory and could be swapped out: "
            "RLIMIT_MEMLOCK forbids it; raise it (LimitMEMLOCK=infinity) or switch swap off");
    }
    return err;
}

static enum err take_table(struct directory *directory, struct locked_memory *memory, size_t len,
                           bool secret)
{
    enum err err = locked_memory_init(memory, len, secret);
    return err == ERR_OK ? directory_take(directory, memory, len) : err;
}

static size_t index_octets(const struct directory_index *index)
{
    return index->count * sizeof(struct index_bucket);
}

static enum err take_tables(struct directory *directory)
{
    size_t cap = directory->cap;
    directory->eids.key_words = INDEX_EID_WORDS;
    directory->eids.count = directory_index_buckets(directory->cap, INDEX_EID_WORDS);
    directory->msisdns.key_words = INDEX_MSISDN_WORDS;
    directory->msisdns.count = directory_index_buckets(directory->cap, INDEX_MSISDN_WORDS);
    enum err err =
        take_table(directory, &directory->record_memory, cap * sizeof(union record_image), true);
    if (err == ERR_OK)
        err = locked_memory_init(&directory->unit_memory,
                                 directory->unit_cap * sizeof(union unit_image), true);
    if (err == ERR_OK)
        err =
            take_table(directory, &directory->live_memory, cap * sizeof(struct device_live), false);
    if (err == ERR_OK)
        err = take_table(directory, &directory->eid_memory, index_octets(&directory->eids), false);
    if (err == ERR_OK)
        err = take_table(directory, &directory->msisdn_memory, index_octets(&directory->msisdns),
                         false);
    if (err != ERR_OK)
        return err;
    directory->records = (union record_image *)(void *)directory->record_memory.bytes;
    directory->units = (union unit_image *)(void *)directory->unit_memory.bytes;
    directory->live = (struct device_live *)(void *)directory->live_memory.bytes;
    directory->eids.buckets = (struct index_bucket *)(void *)directory->eid_memory.bytes;
    directory->msisdns.buckets = (struct index_bucket *)(void *)directory->msisdn_memory.bytes;
    return ERR_OK;
}

/* All readers are registered from the start, offline until they say otherwise. */
static enum err take_readers(struct directory *directory, uint32_t reader_max)
{
    directory->readers_len = rte_rcu_qsbr_get_memsize(reader_max);
    directory->readers = aligned_alloc(CACHE_LINE, directory->readers_len);
    if (directory->readers == NULL)
        return ERR_NO_MEMORY;
    if (rte_rcu_qsbr_init(directory->readers, reader_max) != 0)
        return ERR_RANGE;
    for (uint32_t i = 0; i < reader_max; i++)
        if (rte_rcu_qsbr_thread_register(directory->readers, i) != 0)
            return ERR_RANGE;
    return ERR_OK;
}

enum err directory_create(uint32_t cap, uint32_t reader_max, struct directory **out,
                          struct fault *fault)
{
    if (cap == 0 || cap > DIRECTORY_CAP_MAX || reader_max == 0) {
        fault_set(fault,
                  "a directory of %" PRIu32 " devices for %" PRIu32 " readers: accepted are "
                  "1 to %u devices and at least one reader",
                  cap, reader_max, DIRECTORY_CAP_MAX);
        return ERR_RANGE;
    }
    struct directory *directory = aligned_alloc(CACHE_LINE, sizeof *directory);
    if (directory == NULL) {
        fault_set(fault, "no memory for the device directory");
        return ERR_NO_MEMORY;
    }
    *directory = (struct directory){ .cap = cap, .unit_cap = cap * UNITS_PER_DEVICE };
    enum err err = take_tables(directory);
    if (err == ERR_OK)
        err = take_readers(directory, reader_max);
    if (err != ERR_OK) {
        fault_set(fault,
                  "no memory for a directory of %" PRIu32 " devices: about %" PRIu64
                  " MiB are needed; lower devices_max or give the machine more",
                  cap, ((uint64_t)cap * 233 >> 20) + 1);
        directory_destroy(directory);
        return err;
    }
    *out = directory;
    return ERR_OK;
}

void directory_destroy(struct directory *directory)
{
    if (directory == NULL)
        return;
    locked_memory_fini(&directory->record_memory);
    locked_memory_fini(&directory->unit_memory);
    locked_memory_fini(&directory->live_memory);
    locked_memory_fini(&directory->eid_memory);
    locked_memory_fini(&directory->msisdn_memory);
    free(directory->readers);
    free(directory);
}

uint32_t directory_count(const struct directory *directory)
{
    return directory->writer.count;
}

size_t directory_octets(const struct directory *directory)
{
    return sizeof *directory + directory->readers_len + directory->record_memory.taken +
           directory->unit_memory.taken + directory->live_memory.taken +
           directory->eid_memory.taken + directory->msisdn_memory.taken;
}

void directory_online(struct directory *directory, uint32_t reader)
{
    rte_rcu_qsbr_thread_online(directory->readers, reader);
}

void directory_offline(struct directory *directory, uint32_t reader)
{
    rte_rcu_qsbr_thread_offline(directory->readers, reader);
}

void directory_quiescent(struct directory *directory, uint32_t reader)
{
    rte_rcu_qsbr_quiescent(directory->readers, reader);
}

/* The one look-up, for a key of `key_words` words; inlined with the number known. */
static inline enum err find_one(const struct directory_index *index, struct index_key key,
                                uint32_t key_words, struct device_ref *out)
{
    uint32_t home = directory_index_home(index, key, key_words);
    uint64_t ref = directory_index_find(index, home, key, key_words);
    *out = index_ref(ref);
    return ref != 0 ? ERR_OK : ERR_UNKNOWN;
}

enum err directory_find_eid(const struct directory *directory, const struct eid *eid,
                            struct device_ref *out)
{
    return find_one(&directory->eids, index_key_eid(eid), INDEX_EID_WORDS, out);
}

enum err directory_find_msisdn(const struct directory *directory, uint64_t msisdn,
                               struct device_ref *out)
{
    if (msisdn == 0)
        return ERR_UNKNOWN;
    return find_one(&directory->msisdns, index_key_msisdn(msisdn), INDEX_MSISDN_WORDS, out);
}

/* How many home buckets are on their way to the cache while one is looked at. */
#define AHEAD 24u

/* Up to BULK keys. Asking for a bucket and looking at one alternate, so that memory and core work at
 * the same time. The few keys that are not at home, by chance and so without a branch, come last;
 * the buckets after theirs were asked for meanwhile. */
static inline uint32_t find_some(const struct directory_index *index, const struct index_key *keys,
                                 uint32_t key_words, uint32_t count, struct device_ref *out,
                                 bool *found)
{
    uint32_t buckets[BULK], passed[BULK];
    uint32_t asked = 0, passed_count = 0, total = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (; asked < count && asked < i + AHEAD; asked++) {
            buckets[asked] = directory_index_home(index, keys[asked], key_words);
            __builtin_prefetch(&index->buckets[buckets[asked]]);
        }
        struct index_answer answer = index_look(&index->buckets[buckets[i]], keys[i], key_words);
        out[i] = index_ref(answer.ref);
        found[i] = answer.ref != 0;
        total += found[i];
        uint32_t goes_on = (answer.ref == 0) & (answer.passed != 0);
        uint32_t next = index_after(index, buckets[i]);
        buckets[i] = goes_on ? next : buckets[i];
        __builtin_prefetch(&index->buckets[buckets[i]]);
        passed[passed_count] = i;
        passed_count += goes_on;
    }
    for (uint32_t n = 0; n < passed_count; n++) {
        uint32_t i = passed[n];
        uint64_t ref = directory_index_find(index, buckets[i], keys[i], key_words);
        out[i] = index_ref(ref);
        found[i] = ref != 0;
        total += found[i];
    }
    return total;
}

uint32_t directory_find_msisdns(const struct directory *directory, const uint64_t *msisdns,
                                uint32_t count, struct device_ref *out, bool *found)
{
    uint32_t total = 0;
    for (uint32_t done = 0; done < count; done += BULK) {
        uint32_t some = count - done < BULK ? count - done : BULK;
        struct index_key keys[BULK];
        for (uint32_t i = 0; i < some; i++)
            keys[i] = index_key_msisdn(msisdns[done + i]);
        total += find_some(&directory->msisdns, keys, INDEX_MSISDN_WORDS, some, out + done,
                           found + done);
    }
    return total;
}

uint32_t directory_find_eids(const struct directory *directory, const struct eid *eids,
                             uint32_t count, struct device_ref *out, bool *found)
{
    uint32_t total = 0;
    for (uint32_t done = 0; done < count; done += BULK) {
        uint32_t some = count - done < BULK ? count - done : BULK;
        struct index_key keys[BULK];
        for (uint32_t i = 0; i < some; i++)
            keys[i] = index_key_eid(&eids[done + i]);
        total += find_some(&directory->eids, keys, INDEX_EID_WORDS, some, out + done, found + done);
    }
    return total;
}

void directory_msisdns_prefetch(const struct directory *directory, const uint64_t *msisdns,
                                uint32_t count)
{
    for (uint32_t done = 0; done < count; done += BULK) {
        uint32_t some = count - done < BULK ? count - done : BULK;
        struct device_ref refs[BULK];
        bool found[BULK];
        (void)directory_find_msisdns(directory, msisdns + done, some, refs, found);
        for (uint32_t i = 0; i < some; i++)
            if (found[i])
                __builtin_prefetch(&directory->records[refs[i].record]);
    }
}

void directory_prefetch(const struct directory *directory, uint32_t record)
{
    if (record >= directory->cap)
        return;
    __builtin_prefetch(&directory->records[record]);
    __builtin_prefetch(directory->records[record].keys);
}

void directory_live_prefetch(const struct directory *directory, uint32_t record)
{
    if (record < directory->cap)
        __builtin_prefetch(&directory->live[record]);
}

/* One try. False: the record was written meanwhile, what was copied is worthless. */
static bool read_once(const struct directory *directory, struct device_ref ref, struct device *out,
                      bool *stale)
{
    const union record_image *record = &directory->records[ref.record];
    union record_image image;
    image.head = record_begin(record);
    *stale = record_generation(image.head) != ref.generation;
    if (*stale)
        return true;
    words_load(&record->words[1], &image.words[1], RECORD_WORDS - 1);
    if (!record_unchanged(record, image.head))
        return false;
    record_unpack(&image, out);
    wipe(image.keys, sizeof image.keys);

    uint32_t next = image.next;
    for (unsigned i = 1; i < out->keyset_count; i++) {
        const union unit_image *at = &directory->units[next - 1];
        union unit_image unit;
        words_load(at->words, unit.words, UNIT_WORDS);
        if (!record_unchanged(record, image.head)) /* the unit may be another device's by now */
            return false;
        unit_unpack(&unit, &out->keysets[i]);
        wipe(unit.keys, sizeof unit.keys);
        next = unit.next;
    }
    return true;
}

enum err directory_read(const struct directory *directory, struct device_ref ref,
                        struct device *out)
{
    if (ref.record >= directory->cap || ref.generation == 0)
        return ERR_STALE;
    bool stale;
    while (!read_once(directory, ref, out, &stale))
        rte_pause();
    return stale ? ERR_STALE : ERR_OK;
}

enum err directory_identity(const struct directory *directory, struct device_ref ref,
                            struct eid *eid, uint64_t *msisdn)
{
    if (ref.record >= directory->cap || ref.generation == 0)
        return ERR_STALE;
    struct record_identity id = record_identify(&directory->records[ref.record]);
    if (id.generation != ref.generation)
        return ERR_STALE;
    *eid = id.eid;
    *msisdn = id.msisdn;
    return ERR_OK;
}

struct device_live *directory_live(struct directory *directory, uint32_t record)
{
    ASSERT(record < directory->cap);
    return &directory->live[record];
}

void directory_keyset_mark(struct directory *directory, struct device_ref ref, uint16_t id,
                           uint8_t flags)
{
    struct device device;
    if (id == 0 || id >> KEYSET_ID_BITS != 0 || directory_read(directory, ref, &device) != ERR_OK)
        return;
    device_live_mark(directory_live(directory, ref.record), &device, id, flags);
    wipe(&device, sizeof device);
}

uint8_t directory_keyset_flags(struct directory *directory, struct device_ref ref, uint16_t id)
{
    struct device device;
    if (directory_read(directory, ref, &device) != ERR_OK)
        return 0;
    int index = device_keyset_of(&device, id);
    uint8_t flags = index >= 0 ? device.keysets[index].flags : 0;
    wipe(&device, sizeof device);
    return flags | device_live_flags(directory_live(directory, ref.record), id);
}

int device_keyset_find(const struct device *device, const uint8_t tar[3], uint8_t kvn)
{
    static const uint8_t any[3];
    uint8_t role = DOMAIN_ISD_R;
    for (unsigned i = 0; memcmp(tar, any, sizeof any) != 0 && i < device->domain_count; i++)
        if (memcmp(device->domains[i].tar, tar, sizeof any) == 0) {
            role = device->domains[i].role;
            break;
        }
    for (unsigned i = 0; i < device->keyset_count; i++) {
        const struct device_keyset *set = &device->keysets[i];
        if (device->domains[set->domain].role == role && (kvn == 0 || set->kvn == kvn))
            return (int)i;
    }
    return -1;
}
