/* Hierarchical timer wheel: level L has slots of 256^L ticks, twice as many as one slot of the level
 * above is long. So a slot can be moved down during the whole slot before it, a few timers a tick,
 * and is empty when its own time begins. */
#include "base/wheel.h"

#include "base/check.h"

#include <string.h>

#define SLOT_MASK (WHEEL_SLOTS - 1)
#define LEVEL_BITS 8u
#define MOVE_MIN 64u /* a tick */

static unsigned level_shift(unsigned level)
{
    return level * LEVEL_BITS;
}

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->tick = now_ns / WHEEL_TICK_NS;
    wheel->until = wheel->tick;
}

static void list_push(struct timer **head, struct timer *timer)
{
    timer->next = *head;
    timer->link = head;
    if (timer->next != NULL)
        timer->next->link = &timer->next;
    *head = timer;
}

static void list_remove(struct timer *timer)
{
    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
    timer->next = NULL;
    timer->link = NULL;
}

/* Files a timer whose tick is not before wheel->tick, at the lowest level that reaches it. */
static void place(struct wheel *wheel, struct timer *timer)
{
    unsigned level = 0;
    uint64_t distance = timer->tick - wheel->tick;
    while (distance >= WHEEL_SLOTS && level < WHEEL_LEVELS - 1) {
        level++;
        distance = (timer->tick >> level_shift(level)) - (wheel->tick >> level_shift(level));
    }
    if (distance >= WHEEL_SLOTS) /* beyond the rim: as far as it goes, then again */
        distance = WHEEL_SLOTS - 1;
    unsigned slot = (unsigned)((wheel->tick >> level_shift(level)) + distance) & SLOT_MASK;
    list_push(&wheel->slot[level][slot], timer);
    wheel->occupied[level][slot / 64] |= (uint64_t)1 << slot % 64;
}

static void slot_empty(struct wheel *wheel, unsigned level, unsigned slot)
{
    wheel->occupied[level][slot / 64] &= ~((uint64_t)1 << slot % 64);
}

/* The last timer of a list is gone. If that was a slot's, nobody is to be woken for it. */
static void slot_left(struct wheel *wheel, struct timer *const *link)
{
    uintptr_t offset = (uintptr_t)link - (uintptr_t)wheel->slot;
    unsigned index = (unsigned)(offset / sizeof(struct timer *));
    if (offset < sizeof wheel->slot)
        slot_empty(wheel, index / WHEEL_SLOTS, index & SLOT_MASK);
}

void wheel_arm(struct wheel *wheel, struct timer *timer, uint64_t deadline_ns)
{
    wheel_disarm(wheel, timer);
    uint64_t tick = deadline_ns / WHEEL_TICK_NS + (deadline_ns % WHEEL_TICK_NS != 0);
    if (tick <= wheel->until)
        tick = wheel->until + 1;
    timer->tick = tick & (((uint64_t)1 << 48) - 1);
    place(wheel, timer);
    wheel->armed_count++;
}

void wheel_disarm(struct wheel *wheel, struct timer *timer)
{
    if (!timer_armed(timer))
        return;
    struct timer **link = timer->link;
    list_remove(timer);
    if (*link == NULL)
        slot_left(wheel, link);
    ASSERT(wheel->armed_count > 0);
    wheel->armed_count--;
}

/* At most `most` timers of a slot to lower levels. */
static void move_down(struct wheel *wheel, unsigned level, uint64_t slot_number, uint64_t most)
{
    unsigned slot = (unsigned)slot_number & SLOT_MASK;
    struct timer *timer;
    for (; most > 0 && (timer = wheel->slot[level][slot]) != NULL; most--) {
        list_remove(timer);
        place(wheel, timer);
        wheel->moved_count++;
    }
    if (wheel->slot[level][slot] == NULL)
        slot_empty(wheel, level, slot);
}

/* What is due at wheel->tick, all of one slot. */
static void expire(struct wheel *wheel)
{
    unsigned slot = (unsigned)wheel->tick & SLOT_MASK;
    struct timer *timer = wheel->slot[0][slot];
    wheel->slot[0][slot] = NULL;
    slot_empty(wheel, 0, slot);
    wheel->expired = timer;
    if (timer != NULL)
        timer->link = &wheel->expired;
}

/* Distance in slots, 1..511, from `from` to the next occupied slot of a level; 0 when it is empty.
 */
static unsigned next_occupied(const struct wheel *wheel, unsigned level, unsigned from)
{
    for (unsigned step = 1; step < WHEEL_SLOTS;) {
        unsigned slot = (from + step) & SLOT_MASK;
        uint64_t word = wheel->occupied[level][slot / 64] >> slot % 64;
        if (word != 0) {
            step += (unsigned)__builtin_ctzll(word);
            return step < WHEEL_SLOTS ? step : 0;
        }
        step += 64 - slot % 64;
    }
    return 0;
}

/* The first tick after wheel->tick at which any slot wants attention: to expire, or to begin to be
 * moved down. */
static uint64_t next_tick(const struct wheel *wheel)
{
    uint64_t best = UINT64_MAX;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level_shift(level);
        uint64_t base = wheel->tick >> shift;
        unsigned step = next_occupied(wheel, level, (unsigned)base & SLOT_MASK);
        if (step == 0)
            continue;
        uint64_t tick = (level == 0 ? base + step : base + step - 1) << shift;
        if (tick <= wheel->tick) /* begun */
            tick = wheel->tick + 1;
        if (tick < best)
            best = tick;
    }
    return best;
}

/* One tick. In a slot's time as many timers are moved as are armed, so the next slot is empty when
 * its own time begins; what others' disarming meanwhile leaves in it is then moved at once. */
static void step(struct wheel *wheel)
{
    for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
        uint64_t number = wheel->tick >> level_shift(level);
        if (wheel->tick == number << level_shift(level))
            move_down(wheel, level, number, UINT64_MAX);
        move_down(wheel, level, number + 1, (wheel->armed_count >> level_shift(level)) + MOVE_MIN);
    }
    expire(wheel);
}

/* To `until`, or to the first tick before it at which something is due. */
static void advance(struct wheel *wheel, uint64_t until)
{
    while (wheel->tick < until && wheel->expired == NULL) {
        uint64_t tick = wheel->armed_count == 0 ? UINT64_MAX : next_tick(wheel);
        if (tick > until) {
            wheel->tick = until;
            return;
        }
        wheel->tick = tick;
        step(wheel);
    }
}

struct timer *wheel_pop(struct wheel *wheel, uint64_t now_ns)
{
    if (wheel->expired == NULL) {
        uint64_t until = now_ns / WHEEL_TICK_NS;
        wheel->until = until > wheel->until ? until : wheel->until;
        advance(wheel, until);
    }
    struct timer *timer = wheel->expired;
    if (timer != NULL)
        wheel_disarm(wheel, timer);
    return timer;
}

uint64_t wheel_next_ns(const struct wheel *wheel)
{
    if (wheel->expired != NULL)
        return wheel->tick * WHEEL_TICK_NS;
    if (wheel->armed_count == 0)
        return UINT64_MAX;
    uint64_t tick = next_tick(wheel);
    return tick == UINT64_MAX ? UINT64_MAX : tick * WHEEL_TICK_NS;
}
