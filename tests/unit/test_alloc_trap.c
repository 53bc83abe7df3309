/* The trap bites: whatever the data path may not do ends a child that does it while armed, with what
 * it did in the message; unarmed, or in another thread, the same goes through. */
#include "base/log.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/support.h"

#include <rte_malloc.h>
#include <rte_mempool.h>
#include <rte_memzone.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What was allocated, out of the compiler's sight. */
static void *volatile kept;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void nothing_deed(void)
{
}

static void malloc_deed(void)
{
    kept = malloc(100);
}

static void calloc_deed(void)
{
    kept = calloc(10, 10);
}

static void realloc_deed(void)
{
    kept = realloc(kept, 1000);
}

static void aligned_deed(void)
{
    kept = aligned_alloc(64, 640);
}

static void posix_memalign_deed(void)
{
    void *memory = NULL;
    assert_int_equal(posix_memalign(&memory, 64, 640), 0);
    kept = memory;
}

static void free_deed(void)
{
    free(kept);
    kept = NULL;
}

/* Through another library. */
static void strdup_deed(void)
{
    kept = strdup("kept");
}

static void rte_malloc_deed(void)
{
    kept = rte_malloc("deed", 100, 64);
}

static void rte_zmalloc_deed(void)
{
    kept = rte_zmalloc("deed", 100, 64);
}

static void rte_zmalloc_socket_deed(void)
{
    kept = rte_zmalloc_socket("deed", 100, 64, SOCKET_ID_ANY);
}

static void rte_free_deed(void)
{
    rte_free(kept);
    kept = NULL;
}

static void memzone_deed(void)
{
    kept = (void *)(uintptr_t)rte_memzone_reserve("deed", 100, SOCKET_ID_ANY, 0);
}

static void memzone_free_deed(void)
{
    assert_int_equal(rte_memzone_free(kept), 0);
    kept = NULL;
}

static void mmap_deed(void)
{
    kept = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(kept, MAP_FAILED);
}

static void munmap_deed(void)
{
    assert_int_equal(munmap(kept, 4096), 0);
    kept = NULL;
}

static void mutex_deed(void)
{
    assert_int_equal(pthread_mutex_lock(&mutex), 0);
    assert_int_equal(pthread_mutex_unlock(&mutex), 0);
}

static void rdlock_deed(void)
{
    assert_int_equal(pthread_rwlock_rdlock(&rwlock), 0);
    assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
}

static void wrlock_deed(void)
{
    assert_int_equal(pthread_rwlock_wrlock(&rwlock), 0);
    assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
}

static void system_call_deed(void)
{
    assert_true(getppid() > 0);
}

enum kind { MEMORY, NOT_SANITIZED, SYSTEM_CALL };

/* In this order they may follow each other: what one takes the next gives back. */
static const struct {
    const char *name;
    void (*deed)(void);
    enum kind kind;
} deeds[] = {
    { "malloc()", malloc_deed, MEMORY },
    { "realloc()", realloc_deed, MEMORY },
    { "free()", free_deed, MEMORY },
    { "calloc()", calloc_deed, MEMORY },
    { "free()", free_deed, MEMORY },
    { "aligned_alloc()", aligned_deed, NOT_SANITIZED },
    { "free()", free_deed, MEMORY },
    { "posix_memalign()", posix_memalign_deed, NOT_SANITIZED },
    { "free()", free_deed, MEMORY },
    { "malloc()", strdup_deed, MEMORY },
    { "free()", free_deed, MEMORY },
    { "rte_malloc()", rte_malloc_deed, MEMORY },
    { "rte_free()", rte_free_deed, MEMORY },
    { "rte_zmalloc()", rte_zmalloc_deed, MEMORY },
    { "rte_free()", rte_free_deed, MEMORY },
    { "rte_zmalloc_socket()", rte_zmalloc_socket_deed, MEMORY },
    { "rte_free()", rte_free_deed, MEMORY },
    { "rte_memzone_reserve()", memzone_deed, MEMORY },
    { "rte_memzone_free()", memzone_free_deed, MEMORY },
    { "mmap()", mmap_deed, NOT_SANITIZED },
    { "system call 11", munmap_deed, SYSTEM_CALL },
    { "pthread_mutex_lock()", mutex_deed, NOT_SANITIZED },
    { "pthread_rwlock_rdlock()", rdlock_deed, NOT_SANITIZED },
    { "pthread_rwlock_wrlock()", wrlock_deed, NOT_SANITIZED },
    { "system call 110", system_call_deed, SYSTEM_CALL },
};

/* What a child says that does the deed while armed, and how it ends. */
static int armed_child(void (*deed)(void), char *said, size_t cap)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        alloc_trap_system_calls();
        alloc_trap_arm();
        deed();
        alloc_trap_disarm();
        _exit(0);
    }
    close(ends[1]);
    size_t len = 0;
    ssize_t more;
    while ((more = read(ends[0], said + len, cap - 1 - len)) > 0)
        len += (size_t)more;
    said[len] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool is_seen(enum kind kind)
{
    switch (kind) {
    case MEMORY:
        return true;
    case NOT_SANITIZED:
        return alloc_trap_sees_all();
    case SYSTEM_CALL:
        return alloc_trap_sees_system_calls();
    }
    return false;
}

/* Without EAL, whose threads would make the thread sanitizer look away in a forked child. */
static void every_deed_bites_armed(void **state)
{
    (void)state;
    char said[16384], wanted[64];
    alloc_trap_system_calls();
    for (size_t i = 0; i < COUNT(deeds); i++) {
        kept = malloc(100); /* for those that give back */
        int status = armed_child(deeds[i].deed, said, sizeof said);
        free_deed();
        if (!is_seen(deeds[i].kind))
            continue;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
            fail_msg("%s went through: %s", deeds[i].name, said);
        /* A sanitizer does not say which of its functions was called. */
        bool is_named = alloc_trap_sees_all() || strncmp(deeds[i].name, "rte_", 4) == 0;
        snprintf(wanted, sizeof wanted, "allocation trap: %s", is_named ? deeds[i].name : "");
        if (strstr(said, wanted) == NULL || strstr(said, "on the data path") == NULL)
            fail_msg("%s: \"%s\"", deeds[i].name, said);
        if (strstr(said, "test_alloc_trap") == NULL) /* the stack */
            fail_msg("%s does not say where: \"%s\"", deeds[i].name, said);
    }
}

static void every_deed_passes_unarmed(void **state)
{
    (void)state;
    eal_for_tests();
    alloc_trap_system_calls();
    alloc_trap_arm();
    alloc_trap_disarm();
    for (size_t i = 0; i < COUNT(deeds); i++)
        deeds[i].deed();
}

static void nothing_done_is_nothing_trapped(void **state)
{
    (void)state;
    char said[16384];
    int status = armed_child(nothing_deed, said, sizeof said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("ended with %d: %s", status, said);
    assert_string_equal(said, "");
}

static atomic_uint step;

static void *other_thread(void *arg)
{
    while (atomic_load(&step) != 1)
        ;
    for (size_t i = 0; i < COUNT(deeds); i++)
        deeds[i].deed();
    atomic_store(&step, 2);
    return arg;
}

/* Control and store allocate while edges and workers turn. */
static void armed_thread_leaves_others_alone(void **state)
{
    (void)state;
    pthread_t thread;
    eal_for_tests();
    alloc_trap_system_calls();
    assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
    alloc_trap_arm();
    atomic_store(&step, 1);
    while (atomic_load(&step) != 2)
        ;
    alloc_trap_disarm();
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* As a callback's check does, inside an armed turn: cmocka writes its message, and jumps out. */
static void fails_armed(void **state)
{
    (void)state;
    alloc_trap_system_calls();
    alloc_trap_arm();
    fail_msg("%s", "the check's own words");
}

static void comes_after(void **state)
{
    (void)state;
    malloc_deed();
    free_deed();
}

static void group_deed(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_armed),
        cmocka_unit_test(comes_after),
    };
    alloc_trap_disarm();
    _exit(cmocka_run_group_tests(tests, NULL, NULL));
}

static void check_that_fails_is_heard_and_disarms(void **state)
{
    (void)state;
    char said[16384];
    int status = armed_child(group_deed, said, sizeof said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 ||
        strstr(said, "the check's own words") == NULL || strstr(said, "allocation trap") != NULL)
        fail_msg("ended with %d: %s", status, said);
}

/* What an edge has to say of its links, where nobody wants to hear it. */
static void line_below_the_log_level_takes_no_lock(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR);
    alloc_trap_system_calls();
    alloc_trap_arm();
    log_warning("test", "%s", "nobody hears this");
    alloc_trap_disarm();
    log_set_level(LOG_INFO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_deed_bites_armed),
        cmocka_unit_test(nothing_done_is_nothing_trapped),
        cmocka_unit_test(check_that_fails_is_heard_and_disarms),
        cmocka_unit_test(every_deed_passes_unarmed),
        cmocka_unit_test(armed_thread_leaves_others_alone),
        cmocka_unit_test(line_below_the_log_level_takes_no_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
