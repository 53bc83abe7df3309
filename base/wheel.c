/* Hierarchical timer wheel: level L holds timers due within 256^(L+1) ticks, in slots of 256^L. */
#include "base/wheel.h"

#include "base/check.h"

#include <string.h>

#define SLOT_MASK (WHEEL_SLOTS - 1)

static unsigned level_shift(unsigned level)
{
    return level * WHEEL_SLOT_BITS;
}

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->tick = now_ns / WHEEL_TICK_NS;
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

/* Files a timer whose tick is after wheel->tick. */
static void place(struct wheel *wheel, struct timer *timer)
{
    uint64_t distance = timer->tick - wheel->tick;
    unsigned level = 0;
    while (level < WHEEL_LEVELS - 1 && distance >> level_shift(level + 1) != 0)
        level++;
    uint64_t tick = timer->tick;
    uint64_t reach = (uint64_t)1 << level_shift(WHEEL_LEVELS);
    if (distance >= reach) /* beyond the rim: as far as it goes, then again */
        tick = wheel->tick + reach - 1;
    unsigned slot = (unsigned)(tick >> level_shift(level)) & SLOT_MASK;
    list_push(&wheel->slot[level][slot], timer);
    wheel->occupied[level][slot / 64] |= (uint64_t)1 << slot % 64;
}

void wheel_arm(struct wheel *wheel, struct timer *timer, uint64_t deadline_ns)
{
    wheel_disarm(wheel, timer);
    uint64_t tick = deadline_ns / WHEEL_TICK_NS + (deadline_ns % WHEEL_TICK_NS != 0);
    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    timer->tick = tick & (((uint64_t)1 << 48) - 1);
    place(wheel, timer);
    wheel->armed_count++;
}

void wheel_disarm(struct wheel *wheel, struct timer *timer)
{
    if (!timer_armed(timer))
        return;
    list_remove(timer);
    ASSERT(wheel->armed_count > 0);
    wheel->armed_count--;
}

/* Empties one slot: due timers to `expired`, the others down a level. */
static void cascade(struct wheel *wheel, unsigned level, unsigned slot)
{
    struct timer *timer = wheel->slot[level][slot];
    wheel->slot[level][slot] = NULL;
    wheel->occupied[level][slot / 64] &= ~((uint64_t)1 << slot % 64);
    while (timer != NULL) {
        struct timer *next = timer->next;
        if (timer->tick <= wheel->tick)
            list_push(&wheel->expired, timer);
        else
            place(wheel, timer);
        timer = next;
    }
}

/* Distance in slots, 1..256, from `from` to the next occupied slot of a level; 0 when it is empty.
 */
static unsigned next_occupied(const struct wheel *wheel, unsigned level, unsigned from)
{
    for (unsigned step = 1; step <= WHEEL_SLOTS;) {
        unsigned slot = (from + step) & SLOT_MASK;
        uint64_t word = wheel->occupied[level][slot / 64] >> slot % 64;
        if (word != 0) {
            step += (unsigned)__builtin_ctzll(word);
            return step <= WHEEL_SLOTS ? step : 0;
        }
        step += 64 - slot % 64;
    }
    return 0;
}

/* The first tick after wheel->tick at which any slot wants attention. */
static uint64_t next_tick(const struct wheel *wheel)
{
    uint64_t best = UINT64_MAX;
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level_shift(level);
        uint64_t base = wheel->tick >> shift;
        unsigned step = next_occupied(wheel, level, (unsigned)base & SLOT_MASK);
        if (step == 0)
            continue;
        uint64_t tick = (base + step) << shift;
        if (tick < best)
            best = tick;
    }
    return best;
}

static void advance(struct wheel *wheel, uint64_t until)
{
    while (wheel->tick < until) {
        uint64_t tick = wheel->armed_count == 0 ? UINT64_MAX : next_tick(wheel);
        if (tick > until) {
            wheel->tick = until;
            return;
        }
        wheel->tick = tick;
        for (unsigned level = WHEEL_LEVELS; level-- > 0;) {
            uint64_t below = ((uint64_t)1 << level_shift(level)) - 1;
            if ((tick & below) == 0)
                cascade(wheel, level, (unsigned)(tick >> level_shift(level)) & SLOT_MASK);
        }
    }
}

struct timer *wheel_pop(struct wheel *wheel, uint64_t now_ns)
{
    if (wheel->expired == NULL)
        advance(wheel, now_ns / WHEEL_TICK_NS);
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
