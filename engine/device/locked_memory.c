/* Memory for the directory's tables. mlock() populates, so a lock that succeeds is also the
 * promise that no access faults; without it MADV_POPULATE_WRITE gives the same promise. */
#include "engine/device/locked_memory.h"

#include "crypto/ct.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t page_len(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Small tables are taken whole pages at a time, big ones whole huge pages; but for their end. */
static size_t step_of(size_t cap)
{
    return cap < HUGE_PAGE ? page_len() : HUGE_PAGE;
}

static size_t round_up(size_t len, size_t step)
{
    return (len + step - 1) / step * step;
}

enum err locked_memory_init(struct locked_memory *memory, size_t cap, bool secret)
{
    size_t step = step_of(cap);
    size_t len = round_up(cap, page_len());
    size_t map_len = len + step; /* room to align */
    void *map = mmap(NULL, map_len, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return ERR_NO_MEMORY;
    uint8_t *bytes = (uint8_t *)map + (step - (uintptr_t)map % step) % step;
    if (step == HUGE_PAGE)
        (void)madvise(bytes, len, MADV_HUGEPAGE); /* a wish: kernels without it give small pages */
    if (secret && madvise(bytes, len, MADV_DONTDUMP) != 0) {
        munmap(map, map_len);
        return ERR_NO_MEMORY;
    }
    *memory = (struct locked_memory){
        .bytes = bytes, .cap = len, .secret = secret, .map = map, .map_len = map_len
    };
    return ERR_OK;
}

/* Kernels before 5.14 do not know MADV_POPULATE_WRITE: touch the pages. */
static enum err populate(uint8_t *bytes, size_t len)
{
    if (madvise(bytes, len, MADV_POPULATE_WRITE) == 0)
        return ERR_OK;
    if (errno != EINVAL)
        return ERR_NO_MEMORY;
    for (size_t at = 0; at < len; at += page_len())
        *(volatile uint8_t *)(bytes + at) = 0;
    return ERR_OK;
}

enum err locked_memory_take(struct locked_memory *memory, size_t len)
{
    if (len <= memory->taken)
        return ERR_OK;
    if (len > memory->cap)
        return ERR_NO_MEMORY;
    size_t end = round_up(len, step_of(memory->cap));
    if (end > memory->cap)
        end = memory->cap;
    uint8_t *from = memory->bytes + memory->taken;
    size_t more = end - memory->taken;
    if (memory->secret && mlock(from, more) != 0)
        memory->unlocked = true;
    if (!memory->secret || memory->unlocked) {
        enum err err = populate(from, more);
        if (err != ERR_OK)
            return err;
    }
    memory->taken = end;
    return ERR_OK;
}

void locked_memory_fini(struct locked_memory *memory)
{
    if (memory->map == NULL)
        return;
    if (memory->secret)
        wipe(memory->bytes, memory->taken);
    munmap(memory->map, memory->map_len);
    *memory = (struct locked_memory){ 0 };
}
