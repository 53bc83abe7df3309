/* The one place that reads a clock. Threads read it once a turn and hand the value down; what went by
 * within a turn is asked of a struct clock, at most once a batch. */
#ifndef ENGINE_CLOCK_H
#define ENGINE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since 1970, as the operator's clock has them: may jump. */
uint64_t clock_wall_ms(void);

/* Nanoseconds since some start: never goes back. */
uint64_t clock_now_ns(void);

/* Time within a turn, for figures only: nothing is decided by it. All zero: it stands still. */
struct clock {
    uint64_t (*now_ns)(void *ctx);
    void *ctx;
};

static inline uint64_t clock_within_ns(const struct clock *clock, uint64_t turn_ns)
{
    return clock->now_ns != NULL ? clock->now_ns(clock->ctx) : turn_ns;
}

/* clock_now_ns as such a clock. */
struct clock clock_real(void);

#endif
