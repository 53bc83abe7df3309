/* Allocation trap: ends the process, with the stack, when the data path does after start what it may
 * not: allocate, give memory back, map it, wait for a lock, call the system (design §2; conventions,
 * "Memory and ownership").
 *
 *     alloc_trap_arm();
 *     busy |= worker_turn(worker, now_ns, wall_ms);
 *     alloc_trap_disarm();
 *
 * An executable that links alloc_trap_dep has malloc and its kin, rte_malloc and its kin, mmap and
 * pthread_mutex_lock and its kin replaced by ones that look at the trap first, whoever calls them.
 * The address and thread sanitizers, which have replaced libc's already, tell of each allocation;
 * locks and system calls are then theirs to make, and pass. */
#ifndef TESTS_SUPPORT_ALLOC_TRAP_H
#define TESTS_SUPPORT_ALLOC_TRAP_H

#include <stdbool.h>

/* This thread's system calls too, from here on, while it is armed; where the kernel can (Linux 5.11).
 * Once per test: cmocka takes SIGSYS for itself at the start of each. */
void alloc_trap_system_calls(void);

/* This thread only; not nested. A check of cmocka's that fails disarms. */
void alloc_trap_arm(void);
void alloc_trap_disarm(void);

/* Whether more is seen than malloc, its kin and DPDK's: not under a sanitizer. System calls: not on an
 * older kernel either. */
bool alloc_trap_sees_all(void);
bool alloc_trap_sees_system_calls(void);

/* ---- For what replaces: --------------------------------------------------------------------------- */

/* Ends the process when this thread is armed; `what` is being called. */
void alloc_trap_check(const char *what);

/* Non-zero while this thread is armed. */
volatile char *alloc_trap_selector(void);

#endif
