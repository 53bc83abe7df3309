/* What tests share: guarded bytes, checks that name the case, an EAL without privileges. */
#ifndef TESTS_SUPPORT_SUPPORT_H
#define TESTS_SUPPORT_SUPPORT_H

#include "base/err.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The octets of `hex` (blanks ignored), the last one just before an unmapped page, so that a read
 * past the end faults. Lives until the next 4096 calls. Never fails: bad hex is our own mistake. */
struct span guarded_hex(const char *hex);

/* The same for any bytes. */
struct span guarded_copy(struct span in);

/* Fails the test with the case's name in the message. */
void check_err(const char *name, enum err got, enum err wanted);
void check_bytes(const char *name, struct span got, struct span wanted);

/* EAL without hugepages, PCI or files; once per process. */
void eal_for_tests(void);

/* These octets are locked and left out of core dumps, as the kernel sees it. */
void check_secret_memory(const void *secret, size_t len);

/* Contents of a file below the source tree's tests/, NUL-terminated; free() it. */
char *test_file(const char *path);

#endif
