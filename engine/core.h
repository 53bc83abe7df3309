/* What every lcore role has: its time, its timers, its drop table. Owned by one thread; counters
 * may be read by others. */
#ifndef ENGINE_CORE_H
#define ENGINE_CORE_H

#include "base/counter.h"
#include "base/err.h"
#include "base/wheel.h"
#include "engine/clock.h"
#include "engine/stage.h"

#define MS_NS 1000000ull
#define S_NS 1000000000ull

struct core {
    uint64_t now_ns;  /* monotonic, of this turn */
    uint64_t wall_ms; /* wall clock since 1970, of this turn: for what outlives the process */
    struct clock clock;
    struct wheel wheel;
    struct counter drops[STAGE_COUNT][ERR_COUNT];
    struct counter turns, turns_idle;
};

static inline void core_init(struct core *core, uint64_t now_ns, uint64_t wall_ms)
{
    core->now_ns = now_ns;
    core->wall_ms = wall_ms;
    wheel_init(&core->wheel, now_ns);
}

static inline void core_turn(struct core *core, uint64_t now_ns, uint64_t wall_ms)
{
    core->now_ns = now_ns;
    core->wall_ms = wall_ms;
    counter_add(&core->turns, 1);
}

/* Now, not when the turn began. */
static inline uint64_t core_within_ns(const struct core *core)
{
    return clock_within_ns(&core->clock, core->now_ns);
}

/* Something ends here, for a reason with a name. */
static inline void core_drop(struct core *core, enum stage stage, enum err err)
{
    counter_add(&core->drops[stage][err], 1);
}

/* The turn's monotonic time at which the wall clock will read `wall_ms`; not before this turn. */
static inline uint64_t core_deadline_ns(const struct core *core, uint64_t wall_ms)
{
    return wall_ms <= core->wall_ms ? core->now_ns
                                    : core->now_ns + (wall_ms - core->wall_ms) * MS_NS;
}

#endif
