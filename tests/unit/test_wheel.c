/* The timer wheel: never early, never lost, never twice. */
#include "base/prng.h"
#include "base/wheel.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define MS ((uint64_t)WHEEL_TICK_NS)

static void deadline_is_rounded_up_and_fires_in_a_later_turn(void **state)
{
    (void)state;
    struct wheel wheel;
    struct timer timer = { 0 };
    wheel_init(&wheel, 5 * MS);
    wheel_arm(&wheel, &timer, 5 * MS);
    assert_null(wheel_pop(&wheel, 5 * MS));
    assert_ptr_equal(wheel_pop(&wheel, 6 * MS), &timer);
    wheel_arm(&wheel, &timer, 6 * MS + 1);
    assert_null(wheel_pop(&wheel, 7 * MS - 1));
    assert_ptr_equal(wheel_pop(&wheel, 7 * MS), &timer);
    assert_false(timer_armed(&timer));
}

static void rearming_while_popping_cannot_loop(void **state)
{
    (void)state;
    struct wheel wheel;
    struct timer timer = { 0 };
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &timer, MS);
    unsigned fired = 0;
    struct timer *due;
    while ((due = wheel_pop(&wheel, 10 * MS)) != NULL) {
        fired++;
        wheel_arm(&wheel, due, 0);
    }
    assert_int_equal(fired, 1);
    assert_ptr_equal(wheel_pop(&wheel, 11 * MS), &timer);
}

static void disarming_an_expired_timer_takes_it_off(void **state)
{
    (void)state;
    struct wheel wheel;
    struct timer a = { 0 }, b = { 0 };
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &a, MS);
    wheel_arm(&wheel, &b, MS);
    struct timer *first = wheel_pop(&wheel, 2 * MS);
    wheel_disarm(&wheel, first == &a ? &b : &a);
    assert_null(wheel_pop(&wheel, 2 * MS));
    assert_int_equal(wheel.armed_count, 0);
}

/* Random arms, moves and disarms over 60 days: each timer fires in the first turn at or after its
 * rounded deadline, once, and wheel_next_ns is never later than what then fires. */
static void every_timer_fires_on_its_tick(void **state)
{
    (void)state;
    enum { TIMERS = 500, TURNS = 20000 };
    struct wheel *wheel = malloc(sizeof *wheel);
    struct timer *timers = calloc(TIMERS, sizeof *timers);
    uint64_t *due = calloc(TIMERS, sizeof *due);
    assert_true(wheel != NULL && timers != NULL && due != NULL);
    static const uint64_t spans[] = {
        3, 250, 257, 70000, 1u << 24, (uint64_t)60 * 24 * 3600 * 1000
    };
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        uint64_t now = prng_below(&prng, (uint64_t)1 << 40) * MS;
        wheel_init(wheel, now);
        memset(timers, 0, TIMERS * sizeof *timers);
        memset(due, 0, TIMERS * sizeof *due);
        for (int turn = 0; turn < TURNS; turn++) {
            for (int n = 0; n < 5; n++) {
                size_t i = prng_below(&prng, TIMERS);
                if (prng_below(&prng, 4) == 0) {
                    wheel_disarm(wheel, &timers[i]);
                    due[i] = 0;
                    continue;
                }
                uint64_t at = now + prng_below(&prng, spans[prng_below(&prng, COUNT(spans))] * MS);
                wheel_arm(wheel, &timers[i], at);
                due[i] = (at + MS - 1) / MS * MS;
                if (due[i] <= now / MS * MS)
                    due[i] = now / MS * MS + MS;
            }
            uint64_t next = wheel_next_ns(wheel);
            now += prng_below(&prng, spans[prng_below(&prng, COUNT(spans))] * MS);
            struct timer *timer;
            while ((timer = wheel_pop(wheel, now)) != NULL) {
                size_t i = (size_t)(timer - timers);
                assert_true(due[i] != 0 && due[i] <= now);
                assert_true(next <= due[i]);
                due[i] = 0;
            }
            for (size_t i = 0; i < TIMERS; i++)
                assert_true(due[i] == 0 || due[i] > now / MS * MS);
        }
    }
    free(due);
    free(timers);
    free(wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline_is_rounded_up_and_fires_in_a_later_turn),
        cmocka_unit_test(rearming_while_popping_cannot_loop),
        cmocka_unit_test(disarming_an_expired_timer_takes_it_off),
        cmocka_unit_test(every_timer_fires_on_its_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
