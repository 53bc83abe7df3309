/* Open addressing with linear probing; removal shifts back, so that there are no tombstones. */
#include "engine/store/idem.h"

#include <stdlib.h>

#define ENTRIES_AT_START 1024u
#define CHANGES_AT_START 1024u

struct entry {
    uint64_t fingerprint;
    uint64_t job_id; /* 0: empty */
};

struct change {
    struct entry entry;
    bool added;
};

struct idem {
    struct entry *entries;
    uint64_t mask, count;
    struct change *changes;
    uint32_t change_count, change_cap;
};

struct idem *idem_create(void)
{
    struct idem *idem = calloc(1, sizeof *idem);
    if (idem == NULL)
        return NULL;
    idem->entries = calloc(ENTRIES_AT_START, sizeof *idem->entries);
    idem->changes = calloc(CHANGES_AT_START, sizeof *idem->changes);
    idem->mask = ENTRIES_AT_START - 1;
    idem->change_cap = CHANGES_AT_START;
    if (idem->entries == NULL || idem->changes == NULL) {
        idem_destroy(idem);
        return NULL;
    }
    return idem;
}

void idem_destroy(struct idem *idem)
{
    if (idem == NULL)
        return;
    free(idem->entries);
    free(idem->changes);
    free(idem);
}

/* FNV-1a, then a finalizer that spreads it over all bits. */
uint64_t idem_fingerprint(uint32_t client, struct span key)
{
    uint64_t hash = 0xCBF29CE484222325u ^ client;
    hash *= 0x100000001B3u;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ key.bytes[i]) * 0x100000001B3u;
    hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9u;
    hash = (hash ^ hash >> 27) * 0x94D049BB133111EBu;
    return hash ^ hash >> 31;
}

uint64_t idem_find(const struct idem *idem, uint64_t fingerprint, uint32_t nth)
{
    for (uint64_t i = fingerprint & idem->mask; idem->entries[i].job_id != 0;
         i = (i + 1) & idem->mask)
        if (idem->entries[i].fingerprint == fingerprint && nth-- == 0)
            return idem->entries[i].job_id;
    return 0;
}

static void insert(struct entry *entries, uint64_t mask, struct entry entry)
{
    uint64_t i = entry.fingerprint & mask;
    while (entries[i].job_id != 0)
        i = (i + 1) & mask;
    entries[i] = entry;
}

static enum err grow(struct idem *idem)
{
    uint64_t cap = 2 * (idem->mask + 1);
    struct entry *entries = calloc(cap, sizeof *entries);
    if (entries == NULL)
        return ERR_FULL;
    for (uint64_t i = 0; i <= idem->mask; i++)
        if (idem->entries[i].job_id != 0)
            insert(entries, cap - 1, idem->entries[i]);
    free(idem->entries);
    idem->entries = entries;
    idem->mask = cap - 1;
    return ERR_OK;
}

static enum err remember(struct idem *idem, struct entry entry, bool added)
{
    if (idem->change_count == idem->change_cap) {
        uint32_t cap = 2 * idem->change_cap;
        struct change *changes = reallocarray(idem->changes, cap, sizeof *changes);
        if (changes == NULL)
            return ERR_FULL;
        idem->changes = changes;
        idem->change_cap = cap;
    }
    idem->changes[idem->change_count++] = (struct change){ .entry = entry, .added = added };
    return ERR_OK;
}

/* True when the entry at `at` may fill the hole: it does not lie between its home and the hole. */
static bool may_fill(uint64_t mask, uint64_t hole, uint64_t home, uint64_t at)
{
    return ((at - home) & mask) >= ((at - hole) & mask);
}

static void erase(struct idem *idem, struct entry entry)
{
    uint64_t mask = idem->mask;
    uint64_t hole = entry.fingerprint & mask;
    while (idem->entries[hole].job_id != 0 && idem->entries[hole].job_id != entry.job_id)
        hole = (hole + 1) & mask;
    if (idem->entries[hole].job_id == 0)
        return;
    for (uint64_t at = (hole + 1) & mask; idem->entries[at].job_id != 0; at = (at + 1) & mask)
        if (may_fill(mask, hole, idem->entries[at].fingerprint & mask, at)) {
            idem->entries[hole] = idem->entries[at];
            hole = at;
        }
    idem->entries[hole] = (struct entry){ 0 };
    idem->count--;
}

enum err idem_add(struct idem *idem, uint64_t fingerprint, uint64_t job_id)
{
    struct entry entry = { .fingerprint = fingerprint, .job_id = job_id };
    enum err err = ERR_OK;
    if (idem->count >= (idem->mask + 1) / 4 * 3)
        err = grow(idem);
    if (err == ERR_OK)
        err = remember(idem, entry, true);
    if (err != ERR_OK)
        return err;
    insert(idem->entries, idem->mask, entry);
    idem->count++;
    return ERR_OK;
}

enum err idem_remove(struct idem *idem, uint64_t fingerprint, uint64_t job_id)
{
    struct entry entry = { .fingerprint = fingerprint, .job_id = job_id };
    enum err err = remember(idem, entry, false);
    if (err == ERR_OK)
        erase(idem, entry);
    return err;
}

void idem_settle(struct idem *idem, bool committed)
{
    while (!committed && idem->change_count > 0) {
        struct change *change = &idem->changes[--idem->change_count];
        if (change->added) {
            erase(idem, change->entry);
        } else { /* there is room: it was there before */
            insert(idem->entries, idem->mask, change->entry);
            idem->count++;
        }
    }
    idem->change_count = 0;
}

uint64_t idem_count(const struct idem *idem)
{
    return idem->count;
}
