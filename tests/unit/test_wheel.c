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

/* A core that sleeps until the next deadline is not woken for nothing. */
static void a_disarmed_timer_is_no_deadline(void **state)
{
    (void)state;
    struct wheel wheel;
    struct timer soon[2] = { { 0 } }, late = { 0 };
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &soon[0], 3 * MS);
    wheel_arm(&wheel, &soon[1], 3 * MS);
    wheel_arm(&wheel, &late, 200 * MS);
    wheel_disarm(&wheel, &soon[0]);
    assert_int_equal(wheel_next_ns(&wheel), 3 * MS);
    wheel_disarm(&wheel, &soon[1]);
    assert_int_equal(wheel_next_ns(&wheel), 200 * MS);
    wheel_disarm(&wheel, &late);
    wheel_arm(&wheel, &soon[0], 300 * MS); /* a level up: as far as its slot */
    wheel_arm(&wheel, &late, 70000 * MS);
    wheel_disarm(&wheel, &soon[0]);
    assert_true(wheel_next_ns(&wheel) > 60000 * MS);
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

static void ticks_fire_in_order_and_a_turn_may_stop_early(void **state)
{
    (void)state;
    struct wheel wheel;
    struct timer timers[3] = { 0 };
    wheel_init(&wheel, 0);
    wheel_arm(&wheel, &timers[2], 700 * MS);
    wheel_arm(&wheel, &timers[0], 3 * MS);
    wheel_arm(&wheel, &timers[1], 600 * MS);
    assert_ptr_equal(wheel_pop(&wheel, 1000 * MS), &timers[0]);
    wheel_arm(&wheel, &timers[0], 0); /* not before the next turn, though that stops here */
    assert_true(wheel_next_ns(&wheel) <= 600 * MS);
    assert_ptr_equal(wheel_pop(&wheel, 1000 * MS), &timers[1]);
    assert_ptr_equal(wheel_pop(&wheel, 1000 * MS), &timers[2]);
    assert_null(wheel_pop(&wheel, 1000 * MS));
    assert_ptr_equal(wheel_pop(&wheel, 1001 * MS), &timers[0]);
}

/* All due at one moment, seconds, minutes or hours away, while others come and go: no tick moves more than a
 * 256th of what is armed and the least that is worth a call, on each of two levels at most; none fires early or
 * late. */
static void no_tick_moves_more_than_its_share(void **state)
{
    (void)state;
    enum { TIMERS = 100000, OTHERS = 1000 };
    static const uint64_t spans[] = { 600, 5000, 70000, 500000, 20000000 };
    struct wheel *wheel = malloc(sizeof *wheel);
    struct timer *timers = calloc(TIMERS + OTHERS, sizeof *timers);
    assert_true(wheel != NULL && timers != NULL);
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t n = 0; n < COUNT(spans); n++) {
        uint64_t now = prng_below(&prng, 1u << 30) * MS;
        uint64_t due = now + spans[n] * MS, fired = 0;
        wheel_init(wheel, now);
        for (size_t i = 0; i < TIMERS; i++)
            wheel_arm(wheel, &timers[i], due);
        uint64_t moved = 0;
        while (wheel->armed_count > 0) {
            bool near = due - now < 300000 * MS;
            now += near ? MS : due - now - 290000 * MS;
            if (near && due - now > 2 * MS && prng_below(&prng, 100) == 0)
                wheel_arm(wheel, &timers[TIMERS + prng_below(&prng, OTHERS)],
                          now + prng_below(&prng, due - now - MS));
            struct timer *timer;
            while ((timer = wheel_pop(wheel, now)) != NULL) {
                if (timer >= &timers[TIMERS])
                    continue;
                assert_int_equal(now, due);
                fired++;
            }
            if (near)
                assert_true(wheel->moved_count - moved <= 2 * ((TIMERS + OTHERS) / 256 + 64));
            moved = wheel->moved_count;
        }
        assert_int_equal(fired, TIMERS);
        assert_true(moved <= 3 * (TIMERS + OTHERS));
    }
    free(timers);
    free(wheel);
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
        cmocka_unit_test(a_disarmed_timer_is_no_deadline),
        cmocka_unit_test(rearming_while_popping_cannot_loop),
        cmocka_unit_test(disarming_an_expired_timer_takes_it_off),
        cmocka_unit_test(ticks_fire_in_order_and_a_turn_may_stop_early),
        cmocka_unit_test(no_tick_moves_more_than_its_share),
        cmocka_unit_test(every_timer_fires_on_its_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
