/* Assertions for our own mistakes, and the few macros the project allows itself. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <assert.h>
#include <stddef.h>

/* Stays on in production. Never depends on a byte from outside. */
#define ASSERT(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define CACHE_LINE 64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Prints where, then aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
