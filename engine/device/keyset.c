/* Key sets by name: which one it is, across updates of its device, and what is known of it. */
#include "engine/device/directory.h"

#include "base/check.h"
#include "crypto/ct.h"

#define FLAGS_BITS (16 - KEYSET_ID_BITS)
#define FLAGS_MASK ((1u << FLAGS_BITS) - 1)

static_assert((KEYSET_PROVEN | KEYSET_RAISED) <= FLAGS_MASK, "one word holds id and flags");

uint16_t device_keyset_id(const struct device *device, unsigned index)
{
    ASSERT(index < device->keyset_count);
    const struct device_keyset *set = &device->keysets[index];
    uint8_t role = device->domains[set->domain].role;
    ASSERT(role < 4 && set->kvn > 0 && set->kvn <= 0xF);
    return (uint16_t)(role << 12 | set->kvn << 8 | set->edition);
}

int device_keyset_of(const struct device *device, uint16_t id)
{
    for (unsigned i = 0; i < device->keyset_count; i++)
        if (device_keyset_id(device, i) == id)
            return (int)i;
    return -1;
}

bool device_keyset_same(const struct device_keyset *a, const struct device_keyset *b)
{
    return a->kic_algorithm == b->kic_algorithm && a->kid_algorithm == b->kid_algorithm &&
           a->kic_len == b->kic_len && a->kid_len == b->kid_len &&
           ct_equal(a->kic, b->kic, a->kic_len) && ct_equal(a->kid, b->kid, a->kid_len);
}

static uint16_t id_of(uint16_t known)
{
    return (uint16_t)(known >> FLAGS_BITS);
}

uint8_t device_live_flags(const struct device_live *live, uint16_t id)
{
    for (unsigned i = 0; i < DEVICE_KEYSETS_MAX; i++)
        if (id_of(live->known[i]) == id)
            return live->known[i] & FLAGS_MASK;
    return 0;
}

/* Its own place, or an empty one, or that of a key set that the device has no more. */
static uint16_t *place_of(struct device_live *live, const struct device *device, uint16_t id)
{
    for (unsigned i = 0; i < DEVICE_KEYSETS_MAX; i++)
        if (id_of(live->known[i]) == id)
            return &live->known[i];
    for (unsigned i = 0; i < DEVICE_KEYSETS_MAX; i++)
        if (live->known[i] == 0)
            return &live->known[i];
    for (unsigned i = 0; i < DEVICE_KEYSETS_MAX; i++)
        if (device_keyset_of(device, id_of(live->known[i])) < 0)
            return &live->known[i];
    return NULL; /* all are in use: this one is not */
}

void device_live_mark(struct device_live *live, const struct device *device, uint16_t id,
                      uint8_t flags)
{
    ASSERT(id != 0 && id >> KEYSET_ID_BITS == 0 && flags <= FLAGS_MASK);
    uint16_t *known = place_of(live, device, id);
    if (known == NULL)
        return;
    uint8_t before = id_of(*known) == id ? *known & FLAGS_MASK : 0;
    *known = (uint16_t)(id << FLAGS_BITS | before | flags);
}
