/* The trap itself, its message, and DPDK's allocators. */
#include "tests/support/alloc_trap.h"

#include "base/check.h"

#include <rte_malloc.h>
#include <rte_memzone.h>

#include <dlfcn.h>
#include <execinfo.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMES_MAX 32
#define OFFSET_CAP 20

static _Thread_local volatile char armed;

void alloc_trap_arm(void)
{
    ASSERT(armed == 0);
    armed = 1;
}

void alloc_trap_disarm(void)
{
    armed = 0;
}

volatile char *alloc_trap_selector(void)
{
    return &armed;
}

/* A check that fails says so, and jumps out of the armed turn. */
static bool is_failed_check(void *const *frames, int count)
{
    Dl_info info;
    for (int i = 0; i < count; i++)
        if (dladdr(frames[i], &info) != 0 && info.dli_sname != NULL &&
            strstr(info.dli_sname, "print_error") != NULL)
            return true;
    return false;
}

/* The frames in this executable by function and line, where binutils are installed. */
static void names_print(void *const *frames, int count)
{
    static char exe[32], offsets[FRAMES_MAX][OFFSET_CAP];
    static char tool[] = "addr2line", as[] = "-pfe";
    char *argv[FRAMES_MAX + 4] = { tool, as, exe };
    Dl_info here, there;
    size_t args = 3;
    if (dladdr((void *)(uintptr_t)alloc_trap_check, &here) == 0)
        return;
    snprintf(exe, sizeof exe, "/proc/%d/exe", (int)getpid());
    for (int i = 0; i < count; i++) {
        if (dladdr(frames[i], &there) == 0 || there.dli_fbase != here.dli_fbase)
            continue;
        uintptr_t call = (uintptr_t)frames[i] - 1 - (uintptr_t)here.dli_fbase;
        snprintf(offsets[i], OFFSET_CAP, "%#lx", (unsigned long)call);
        argv[args++] = offsets[i];
    }
    pid_t pid;
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) == 0 &&
        posix_spawnp(&pid, tool, &actions, NULL, argv, environ) == 0)
        (void)waitpid(pid, NULL, 0);
}

void alloc_trap_check(const char *what)
{
    if (armed == 0)
        return;
    armed = 0; /* what follows allocates */
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    if (is_failed_check(frames, count))
        return;
    dprintf(STDERR_FILENO,
            "allocation trap: %s on the data path after start; take at start what it needs\n",
            what);
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
    names_print(frames, count);
    abort();
}

/* ---- DPDK --------------------------------------------------------------------------------------- */

static void *next_of(const char *name)
{
    void *next = dlsym(RTLD_NEXT, name);
    ASSERT(next != NULL);
    return next;
}

#define NEXT(name) (__extension__(__typeof__(name) *) next_of(#name))

void *rte_malloc(const char *type, size_t size, unsigned align)
{
    alloc_trap_check("rte_malloc()");
    return NEXT(rte_malloc)(type, size, align);
}

void *rte_malloc_socket(const char *type, size_t size, unsigned align, int socket)
{
    alloc_trap_check("rte_malloc_socket()");
    return NEXT(rte_malloc_socket)(type, size, align, socket);
}

void *rte_zmalloc(const char *type, size_t size, unsigned align)
{
    alloc_trap_check("rte_zmalloc()");
    return NEXT(rte_zmalloc)(type, size, align);
}

void *rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket)
{
    alloc_trap_check("rte_zmalloc_socket()");
    return NEXT(rte_zmalloc_socket)(type, size, align, socket);
}

void *rte_calloc(const char *type, size_t num, size_t size, unsigned align)
{
    alloc_trap_check("rte_calloc()");
    return NEXT(rte_calloc)(type, num, size, align);
}

void *rte_calloc_socket(const char *type, size_t num, size_t size, unsigned align, int socket)
{
    alloc_trap_check("rte_calloc_socket()");
    return NEXT(rte_calloc_socket)(type, num, size, align, socket);
}

void *rte_realloc(void *ptr, size_t size, unsigned align)
{
    alloc_trap_check("rte_realloc()");
    return NEXT(rte_realloc)(ptr, size, align);
}

void *rte_realloc_socket(void *ptr, size_t size, unsigned align, int socket)
{
    alloc_trap_check("rte_realloc_socket()");
    return NEXT(rte_realloc_socket)(ptr, size, align, socket);
}

void rte_free(void *ptr)
{
    if (ptr != NULL)
        alloc_trap_check("rte_free()");
    NEXT(rte_free)(ptr);
}

/* Pools and rings lie in these. */
const struct rte_memzone *rte_memzone_reserve(const char *name, size_t len, int socket,
                                              unsigned flags)
{
    alloc_trap_check("rte_memzone_reserve()");
    return NEXT(rte_memzone_reserve)(name, len, socket, flags);
}

const struct rte_memzone *rte_memzone_reserve_aligned(const char *name, size_t len, int socket,
                                                      unsigned flags, unsigned align)
{
    alloc_trap_check("rte_memzone_reserve_aligned()");
    return NEXT(rte_memzone_reserve_aligned)(name, len, socket, flags, align);
}

int rte_memzone_free(const struct rte_memzone *zone)
{
    alloc_trap_check("rte_memzone_free()");
    return NEXT(rte_memzone_free)(zone);
}
