/* A sentence about bad input, for people: what is wrong, where, what to do. Control side only; the
 * data path has enum err and counters. Never holds a key, a token or plaintext. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/check.h"

#define FAULT_CAP 512

struct fault {
    char text[FAULT_CAP]; /* empty: no fault */
};

/* Keeps the first fault: a later call on a set fault does nothing. */
void fault_set(struct fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
