/* Big zeroed tables: address space reserved at once, memory taken from its start as it is needed,
 * on 2 MiB pages where the kernel gives them. Secret ones are locked and kept out of core dumps. */
#ifndef ENGINE_DEVICE_LOCKED_MEMORY_H
#define ENGINE_DEVICE_LOCKED_MEMORY_H

#include "base/err.h"
#include "base/span.h"

struct locked_memory {
    uint8_t *bytes;
    size_t cap;    /* octets reserved */
    size_t taken;  /* octets backed by memory */
    bool secret;   /* lock, keep out of dumps, wipe */
    bool unlocked; /* the limit of locked memory forbade it */
    void *map;     /* as mapped: bytes is aligned within */
    size_t map_len;
};

/* Reserves; takes nothing yet. ERR_NO_MEMORY. */
MUST_CHECK enum err locked_memory_init(struct locked_memory *memory, size_t cap, bool secret);

/* Makes sure that the first `len` octets are there: a later access cannot fail for want of memory.
 * ERR_NO_MEMORY. A refused lock is no error: it is left in `unlocked`. */
MUST_CHECK enum err locked_memory_take(struct locked_memory *memory, size_t len);

/* Wipes what is secret and gives everything back. Zeroed memory is fine. */
void locked_memory_fini(struct locked_memory *memory);

#endif
