/* Allocation trap over plain libc: its allocators, mmap, its locks, and every system call. */
#include "tests/support/alloc_trap.h"

#include "base/check.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* glibc's own, by the names that it keeps for those who replace malloc(3). */
void *libc_malloc(size_t size) __asm__("__libc_malloc");
void *libc_calloc(size_t count, size_t size) __asm__("__libc_calloc");
void *libc_realloc(void *ptr, size_t size) __asm__("__libc_realloc");
void *libc_memalign(size_t align, size_t size) __asm__("__libc_memalign");
void libc_free(void *ptr) __asm__("__libc_free");

void *malloc(size_t size)
{
    alloc_trap_check("malloc()");
    return libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    alloc_trap_check("calloc()");
    return libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
    alloc_trap_check("realloc()");
    return libc_realloc(ptr, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    alloc_trap_check("aligned_alloc()");
    return libc_memalign(align, size);
}

int posix_memalign(void **ptr, size_t align, size_t size)
{
    alloc_trap_check("posix_memalign()");
    void *memory = libc_memalign(align, size);
    if (memory == NULL)
        return ENOMEM;
    *ptr = memory;
    return 0;
}

void free(void *ptr)
{
    if (ptr != NULL)
        alloc_trap_check("free()");
    libc_free(ptr);
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    alloc_trap_check("mmap()");
    return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
}

/* ---- Locks -------------------------------------------------------------------------------------- */

static void *next_of(_Atomic(void *) *kept, const char *name)
{
    void *next = atomic_load_explicit(kept, memory_order_relaxed);
    if (next == NULL) {
        next = dlsym(RTLD_NEXT, name);
        ASSERT(next != NULL);
        atomic_store_explicit(kept, next, memory_order_relaxed);
    }
    return next;
}

#define NEXT(kept, name) (__extension__(__typeof__(name) *) next_of(kept, #name))

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static _Atomic(void *) next;
    alloc_trap_check("pthread_mutex_lock()");
    return NEXT(&next, pthread_mutex_lock)(mutex);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    static _Atomic(void *) next;
    alloc_trap_check("pthread_rwlock_rdlock()");
    return NEXT(&next, pthread_rwlock_rdlock)(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    static _Atomic(void *) next;
    alloc_trap_check("pthread_rwlock_wrlock()");
    return NEXT(&next, pthread_rwlock_wrlock)(lock);
}

bool alloc_trap_sees_all(void)
{
    return true;
}

/* ---- System calls ------------------------------------------------------------------------------- */

static_assert(SYSCALL_DISPATCH_FILTER_ALLOW == 0 && SYSCALL_DISPATCH_FILTER_BLOCK == 1,
              "the selector is the kernel's");

#define SYSCALL_LEN 2 /* of the x86-64 instruction */

static void on_system_call(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    if (*alloc_trap_selector() == 0)
        abort(); /* another's SIGSYS */
    static char what[64];
    snprintf(what, sizeof what, "system call %d of <asm/unistd.h>", info->si_syscall);
    alloc_trap_check(what);
    ucontext_t *caller = context; /* a failed check's line: the instruction again, now disarmed */
    caller->uc_mcontext.gregs[REG_RIP] -= SYSCALL_LEN;
}

static bool is_dispatched;

void alloc_trap_system_calls(void)
{
    struct sigaction action = { .sa_sigaction = on_system_call, .sa_flags = SA_SIGINFO };
    ASSERT(sigaction(SIGSYS, &action, NULL) == 0);
    is_dispatched =
        prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, alloc_trap_selector()) == 0;
}

bool alloc_trap_sees_system_calls(void)
{
    return is_dispatched;
}
