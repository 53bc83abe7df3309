/* A growing hash table of what was seen: 64-bit hash → line. At 64 bits two different numbers of
 * ten million collide once in hundreds of thousands of imports. */
#include "engine/cli/unique.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#define NAMES_MAX 65 /* an EID, two for each of 32 profiles */
#define FIRST_CAP 4096u

struct seen {
    uint64_t hash; /* 0: free */
    uint64_t line;
};

struct unique {
    struct seen *table;
    size_t cap, count; /* cap is a power of two */
};

struct unique *unique_create(void)
{
    struct unique *unique = calloc(1, sizeof *unique);
    struct seen *table = calloc(FIRST_CAP, sizeof *table);
    if (unique == NULL || table == NULL) {
        free(unique);
        free(table);
        return NULL;
    }
    *unique = (struct unique){ .table = table, .cap = FIRST_CAP };
    return unique;
}

void unique_drop(struct unique *unique)
{
    if (unique == NULL)
        return;
    free(unique->table);
    free(unique);
}

/* FNV-1a with a last mixing; `kind` keeps an ICCID apart from an MSISDN. */
static uint64_t hash_of(char kind, const char *text)
{
    uint64_t hash = 0xCBF29CE484222325ull ^ (uint8_t)kind;
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 0x100000001B3ull;
    hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93ull;
    hash ^= hash >> 32;
    return hash != 0 ? hash : 1;
}

static struct seen *place_of(struct seen *table, size_t cap, uint64_t hash)
{
    size_t at = hash & (cap - 1);
    while (table[at].hash != 0 && table[at].hash != hash)
        at = (at + 1) & (cap - 1);
    return &table[at];
}

static void grow(struct unique *unique)
{
    if (unique->count * 3 < unique->cap * 2)
        return;
    size_t cap = unique->cap * 2;
    struct seen *table = calloc(cap, sizeof *table);
    ASSERT(table != NULL);
    for (size_t i = 0; i < unique->cap; i++)
        if (unique->table[i].hash != 0)
            *place_of(table, cap, unique->table[i].hash) = unique->table[i];
    free(unique->table);
    unique->table = table;
    unique->cap = cap;
}

struct name {
    char kind;
    const char *text;
};

/* What a line names; at most NAMES_MAX. */
static size_t names_of(json_t *json, struct name *names)
{
    size_t count = 0, i;
    json_t *profile;
    names[count++] = (struct name){ 'E', json_string_value(json_object_get(json, "eid")) };
    json_array_foreach(json_object_get(json, "profiles"), i, profile)
    {
        if (count + 2 > NAMES_MAX)
            break;
        const char *state = json_string_value(json_object_get(profile, "state"));
        names[count++] = (struct name){ 'I', json_string_value(json_object_get(profile, "iccid")) };
        if (state != NULL && strcmp(state, "Enabled") == 0)
            names[count++] =
                (struct name){ 'M', json_string_value(json_object_get(profile, "msisdn")) };
    }
    return count;
}

static const char *kind_name(char kind)
{
    return kind == 'E' ? "eid" : kind == 'I' ? "iccid" : "msisdn";
}

bool unique_line(struct unique *unique, struct span text, unsigned long long line,
                 struct fault *fault)
{
    json_t *json = json_loadb((const char *)text.bytes, text.len, 0, NULL);
    struct name names[NAMES_MAX];
    size_t count = json != NULL ? names_of(json, names) : 0;
    bool fresh = true;
    for (size_t i = 0; i < count && fresh; i++) {
        if (names[i].text == NULL)
            continue;
        uint64_t hash = hash_of(names[i].kind, names[i].text);
        const struct seen *seen = place_of(unique->table, unique->cap, hash);
        fresh = seen->hash == 0;
        if (!fresh)
            fault_set(fault, "%s is that of line %llu too; accepted: each once in an import",
                      kind_name(names[i].kind), (unsigned long long)seen->line);
    }
    for (size_t i = 0; i < count && fresh; i++) {
        if (names[i].text == NULL)
            continue;
        grow(unique);
        uint64_t hash = hash_of(names[i].kind, names[i].text);
        struct seen *seen = place_of(unique->table, unique->cap, hash);
        unique->count += seen->hash == 0;
        *seen = (struct seen){ .hash = hash, .line = line };
    }
    json_decref(json);
    return fresh;
}
