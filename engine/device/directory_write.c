/* The device directory: adding, updating and removing, by the one writer.
 *
 * A removed record is empty at once, and its keys are wiped; its number is given out again only
 * after every reader has been quiescent, so that what a reader found stays that device, or none,
 * until the end of its turn. */
#include "engine/device/directory_table.h"

#include "crypto/ct.h"

/* Makes a record odd; the copies that readers make from here on are discarded. */
static uint64_t write_begin(union record_image *record)
{
    uint64_t head = record->head;
    ASSERT((head & 1) == 0);
    __atomic_store_n(&record->head, head | 1, __ATOMIC_RELEASE);
    return head;
}

static void write_end(union record_image *record, uint64_t head, uint32_t generation)
{
    uint32_t sequence = (uint32_t)head + 2;
    __atomic_store_n(&record->head, (uint64_t)generation << 32 | sequence, __ATOMIC_RELEASE);
}

/* Replaces all of a record and wipes the image. */
static void record_write(union record_image *record, union record_image *image, uint32_t generation)
{
    uint64_t head = write_begin(record);
    words_store(&record->words[1], &image->words[1], RECORD_WORDS - 1);
    write_end(record, head, generation);
    wipe(image, sizeof *image);
}

static uint32_t generation_after(const union record_image *record)
{
    uint32_t generation = record_generation(record->head) + 1;
    return generation != 0 ? generation : 1; /* 0 is nobody's */
}

/* Wipes a chain of units. Those who read them meanwhile see that their record changed. */
static void units_drop(struct directory *directory, uint32_t first)
{
    struct directory_writer *writer = &directory->writer;
    static const union unit_image zero;
    while (first != 0) {
        union unit_image *unit = &directory->units[first - 1];
        uint32_t next = unit->next;
        union unit_image empty = zero;
        empty.next = writer->unit_free;
        words_store(unit->words, empty.words, UNIT_WORDS);
        writer->unit_free = first;
        first = next;
    }
}

/* Unit + 1, or 0 when there is none. */
static uint32_t unit_take(struct directory *directory)
{
    struct directory_writer *writer = &directory->writer;
    uint32_t unit = writer->unit_free;
    if (unit != 0) {
        writer->unit_free = directory->units[unit - 1].next;
        return unit;
    }
    size_t len = (writer->unit_fresh + 1) * sizeof(union unit_image);
    if (writer->unit_fresh == directory->unit_cap ||
        directory_take(directory, &directory->unit_memory, len) != ERR_OK)
        return 0;
    return ++writer->unit_fresh;
}

/* The key sets after the first, in order, as a chain. ERR_FULL with nothing taken. */
static enum err units_write(struct directory *directory, const struct device *device,
                            uint32_t *first)
{
    *first = 0;
    for (unsigned i = device->keyset_count; i-- > 1;) {
        uint32_t unit = unit_take(directory);
        if (unit == 0) {
            units_drop(directory, *first);
            return ERR_FULL;
        }
        union unit_image image;
        unit_pack(&device->keysets[i], &image);
        image.next = *first;
        words_store(directory->units[unit - 1].words, image.words, UNIT_WORDS);
        wipe(&image, sizeof image);
        *first = unit;
    }
    return ERR_OK;
}

/* In limbo a record's EID field holds when it was removed and which one was removed next. */
static enum err limbo_take(struct directory *directory, uint32_t *out)
{
    struct directory_writer *writer = &directory->writer;
    if (writer->limbo_head == 0)
        return ERR_FULL;
    uint32_t record = writer->limbo_head - 1;
    const uint64_t *words = directory->records[record].words;
    if (rte_rcu_qsbr_check(directory->readers, words[1], false) != 1)
        return ERR_FULL; /* somebody may still look at it, and at those after it */
    writer->limbo_head = (uint32_t)words[2];
    if (writer->limbo_head == 0)
        writer->limbo_tail = 0;
    directory->live[record] = (struct device_live){ 0 };
    *out = record;
    return ERR_OK;
}

static void limbo_put(struct directory *directory, uint32_t record)
{
    struct directory_writer *writer = &directory->writer;
    uint64_t removed[2] = { rte_rcu_qsbr_start(directory->readers), 0 };
    words_store(&directory->records[record].words[1], removed, 2);
    if (writer->limbo_tail != 0) {
        uint64_t next = record + 1u;
        words_store(&directory->records[writer->limbo_tail - 1].words[2], &next, 1);
    } else {
        writer->limbo_head = record + 1;
    }
    writer->limbo_tail = record + 1;
}

static enum err record_take(struct directory *directory, uint32_t *out)
{
    if (limbo_take(directory, out) == ERR_OK)
        return ERR_OK;
    if (directory->writer.record_fresh == directory->cap)
        return ERR_FULL;
    *out = directory->writer.record_fresh++;
    return ERR_OK;
}

/* The device that holds the MSISDN keeps its record without it. ERR_OK when nobody does. */
static enum err msisdn_release(struct directory *directory, uint64_t msisdn, uint32_t except,
                               struct eid *other)
{
    struct device_ref holder;
    if (directory_find_msisdn(directory, msisdn, &holder) != ERR_OK || holder.record == except)
        return ERR_OK;
    union record_image *record = &directory->records[holder.record];
    *other = record->eid;
    uint64_t head = write_begin(record);
    __atomic_store_n(&record->msisdn, 0, __ATOMIC_RELEASE);
    write_end(record, head, record_generation(head));
    directory_index_remove(&directory->msisdns, index_key_msisdn(msisdn));
    return ERR_CONFLICT;
}

enum err directory_put(struct directory *directory, const struct device *device,
                       struct device_ref *ref, struct eid *other)
{
    uint32_t units;
    enum err err = units_write(directory, device, &units);
    if (err != ERR_OK)
        return err;
    bool known = directory_find_eid(directory, &device->eid, ref) == ERR_OK;
    if (!known && record_take(directory, &ref->record) != ERR_OK) {
        units_drop(directory, units);
        return ERR_FULL;
    }
    union record_image *record = &directory->records[ref->record];
    uint64_t msisdn_old = known ? record->msisdn : 0;
    uint32_t units_old = known ? record->next : 0;
    if (!known)
        ref->generation = generation_after(record);

    enum err conflict = msisdn_release(directory, device->msisdn, ref->record, other);
    /* The new number's entry comes before the record, the old one's goes after it: a device that is
     * only updated is found at any time, by the number that its record has. */
    bool moved = device->msisdn != msisdn_old;
    if (moved && device->msisdn != 0)
        directory_index_insert(&directory->msisdns, index_key_msisdn(device->msisdn), *ref);
    union record_image image;
    record_pack(device, &image);
    image.next = units;
    record_write(record, &image, ref->generation);
    if (moved && msisdn_old != 0)
        directory_index_remove(&directory->msisdns, index_key_msisdn(msisdn_old));
    if (!known) {
        directory_index_insert(&directory->eids, index_key_eid(&device->eid), *ref);
        directory->writer.count++;
    }
    units_drop(directory, units_old);
    return conflict;
}

enum err directory_remove(struct directory *directory, const struct eid *eid)
{
    struct device_ref ref;
    enum err err = directory_find_eid(directory, eid, &ref);
    if (err != ERR_OK)
        return err;
    union record_image *record = &directory->records[ref.record];
    directory_index_remove(&directory->eids, index_key_eid(eid));
    if (record->msisdn != 0)
        directory_index_remove(&directory->msisdns, index_key_msisdn(record->msisdn));
    uint32_t units = record->next;
    union record_image empty = { 0 };
    record_write(record, &empty, generation_after(record));
    units_drop(directory, units);
    limbo_put(directory, ref.record);
    directory->writer.count--;
    return ERR_OK;
}
