/* Hierarchical timer wheel, 1 ms ticks, driven by now_ns. Arming, disarming and firing cost the
 * same for ten timers as for a million; an idle wheel costs one comparison a turn, and a tick moves
 * only a share of what is armed closer, however many are due at one moment.
 *
 *   while ((timer = wheel_pop(&wheel, now_ns)) != NULL) ...
 *
 * Timers fire in the order of their ticks. A deadline is rounded up, never down, and a timer armed
 * while popping fires in a later turn at the earliest, so no turn can loop on itself. Who stops
 * before NULL goes on in the next turn. Deadlines beyond 99 days wait at the rim and are put again.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_NS 1000000u
#define WHEEL_LEVELS 4
#define WHEEL_SLOTS 512u

/* Lives in its owner's struct; zeroed means disarmed. `kind` is the owner's, to tell its timers
 * apart. */
struct timer {
    struct timer *next;
    struct timer **link; /* what points here; NULL when disarmed */
    uint64_t tick : 48;
    uint64_t kind : 16;
};

struct wheel {
    uint64_t tick;  /* the last one advanced to */
    uint64_t until; /* the turn's: behind it only while a turn pops */
    uint64_t armed_count;
    uint64_t moved_count; /* timers put closer, ever */
    struct timer *expired;
    uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64];
    struct timer *slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ns);

/* (Re)arms: an armed timer is moved. The timer must stay where it is until popped or disarmed. */
void wheel_arm(struct wheel *wheel, struct timer *timer, uint64_t deadline_ns);
void wheel_disarm(struct wheel *wheel, struct timer *timer);

static inline bool timer_armed(const struct timer *timer)
{
    return timer->link != 0;
}

/* The next timer due at now_ns, disarmed; NULL when there is none. */
struct timer *wheel_pop(struct wheel *wheel, uint64_t now_ns);

/* When something may next be due: exact within the first 512 ms, else no later than the truth.
 * UINT64_MAX when nothing is armed. */
uint64_t wheel_next_ns(const struct wheel *wheel);

#endif
