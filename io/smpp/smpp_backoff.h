/* When to dial again: 1 s doubling to 60 s, with jitter; 60 s at least after refused credentials.
 */
#ifndef IO_SMPP_BACKOFF_H
#define IO_SMPP_BACKOFF_H

#include "base/prng.h"

#include <stdbool.h>
#include <stdint.h>

#define SMPP_BACKOFF_MIN_NS 1000000000ull
#define SMPP_BACKOFF_MAX_NS 60000000000ull
#define SMPP_BACKOFF_STABLE_NS 10000000000ull /* bound for so long: the next wait is the least */

struct smpp_backoff {
    struct prng prng;
    uint64_t wait_ns;  /* of the next failure, before jitter */
    uint64_t bound_ns; /* 0: not bound */
    bool worked;       /* a message was taken since */
};

void smpp_backoff_init(struct smpp_backoff *backoff, uint64_t seed);

/* The bind was accepted. */
void smpp_backoff_bound(struct smpp_backoff *backoff, uint64_t now_ns);

/* The SMSC took a message: it works, however soon it breaks off; the next wait is the least. */
void smpp_backoff_worked(struct smpp_backoff *backoff);

/* Dialling failed or the session ended: the time at which to dial again. */
uint64_t smpp_backoff_ended(struct smpp_backoff *backoff, bool config_fault, uint64_t now_ns);

#endif
