/* Inside of the directory: its tables, shared by directory.c (readers) and directory_write.c (the
 * one writer). */
#ifndef ENGINE_DEVICE_DIRECTORY_TABLE_H
#define ENGINE_DEVICE_DIRECTORY_TABLE_H

#include "engine/device/directory_index.h"
#include "engine/device/directory_record.h"
#include "engine/device/locked_memory.h"

#include <rte_rcu_qsbr.h>

/* The writer's own; on a line that readers do not touch. */
struct directory_writer {
    uint32_t count;
    uint32_t record_fresh;           /* never used from here on */
    uint32_t limbo_head, limbo_tail; /* record + 1: removed, oldest first, until re-used */
    uint32_t unit_fresh;
    uint32_t unit_free; /* unit + 1: wiped, last dropped first */
    bool told_unlocked;
} CACHE_ALIGNED;

struct directory {
    uint32_t cap;
    uint32_t unit_cap;
    union record_image *records;
    union unit_image *units;
    struct device_live *live;
    struct directory_index eids, msisdns;
    struct rte_rcu_qsbr *readers;
    size_t readers_len;
    struct locked_memory record_memory, unit_memory, live_memory, eid_memory, msisdn_memory;
    struct directory_writer writer;
};

/* Takes memory of `memory`; says once what an unlocked table means. */
MUST_CHECK enum err directory_take(struct directory *directory, struct locked_memory *memory,
                                   size_t len);

#endif
