/* Waits between dials, so that an SMSC that is down or refuses is not hammered. */
#include "io/smpp/smpp_backoff.h"

void smpp_backoff_init(struct smpp_backoff *backoff, uint64_t seed)
{
    *backoff = (struct smpp_backoff){ .wait_ns = SMPP_BACKOFF_MIN_NS };
    prng_init(&backoff->prng, seed);
}

void smpp_backoff_bound(struct smpp_backoff *backoff, uint64_t now_ns)
{
    backoff->bound_ns = now_ns + 1; /* 0 says "not bound" */
}

void smpp_backoff_worked(struct smpp_backoff *backoff)
{
    backoff->worked = true;
}

uint64_t smpp_backoff_ended(struct smpp_backoff *backoff, bool config_fault, uint64_t now_ns)
{
    /* A peer that accepts and drops at once must not get a dial a second. */
    bool stable =
        backoff->bound_ns != 0 && now_ns + 1 - backoff->bound_ns >= SMPP_BACKOFF_STABLE_NS;
    if (stable || backoff->worked)
        backoff->wait_ns = SMPP_BACKOFF_MIN_NS;
    backoff->bound_ns = 0;
    backoff->worked = false;

    uint64_t wait = backoff->wait_ns;
    backoff->wait_ns = wait * 2 < SMPP_BACKOFF_MAX_NS ? wait * 2 : SMPP_BACKOFF_MAX_NS;
    if (config_fault) /* a floor, with the jitter above it */
        return now_ns + SMPP_BACKOFF_MAX_NS + prng_below(&backoff->prng, SMPP_BACKOFF_MAX_NS / 4);
    return now_ns + wait / 2 + prng_below(&backoff->prng, wait / 2 + 1);
}
