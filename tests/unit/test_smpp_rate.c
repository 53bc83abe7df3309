/* Pacing of an account and waits between dials, in virtual time. */
#include "io/smpp/smpp_backoff.h"
#include "io/smpp/smpp_rate.h"
#include "io/smpp/smpp_status.h"
#include "tests/support/support.h"

#define MS 1000000ull
#define SECOND 1000000000ull

/* What an SMSC that counts in fixed seconds did with `seconds` of eager sending, polled every ms. */
struct outcome {
    uint64_t accepted, throttled, last_second;
};

static struct outcome send_eagerly(struct smpp_rate *rate, uint32_t limit, uint64_t seconds,
                                   uint64_t *now_ns)
{
    struct outcome outcome = { 0 };
    uint64_t end = *now_ns + seconds * SECOND;
    uint64_t second = 0;
    uint32_t in_second = 0;
    for (; *now_ns < end; *now_ns += MS) {
        if (*now_ns / SECOND != second) {
            second = *now_ns / SECOND;
            in_second = 0;
        }
        for (uint32_t burst = 0; burst < 50 && smpp_rate_take(rate, *now_ns); burst++) {
            bool ok = in_second < limit;
            in_second += ok;
            outcome.accepted += ok;
            outcome.throttled += !ok;
            if (end - *now_ns <= SECOND)
                outcome.last_second += ok;
            smpp_rate_answer(rate, ok ? 0 : SMPP_RTHROTTLED, *now_ns);
        }
    }
    return outcome;
}

static void account_without_limit_is_not_paced(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 0, SECOND);
    assert_int_equal(smpp_rate_room(&rate, SECOND), UINT32_MAX);
    for (int i = 0; i < 100000; i++)
        assert_true(smpp_rate_take(&rate, SECOND));
    assert_int_equal(smpp_rate_next_ns(&rate, SECOND), SECOND);
}

static void configured_rate_holds_in_every_fixed_second(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 200, 0);
    uint64_t now_ns = 0;
    for (int second = 0; second < 10; second++) {
        uint32_t sent = 0;
        for (int ms = 0; ms < 1000; ms++, now_ns += MS) {
            while (smpp_rate_take(&rate, now_ns))
                sent++;
        }
        assert_in_range(sent, 198, 202);
    }
    now_ns += 100 * SECOND; /* idleness is not saved up */
    assert_true(smpp_rate_room(&rate, now_ns) <= 2);
}

static void throttle_pauses_once_for_a_whole_window(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 100, 0);
    for (int i = 0; i < 64; i++)
        smpp_rate_answer(&rate, SMPP_RTHROTTLED, 10 * SECOND);
    assert_int_equal(counter_read(&rate.throttled), 64);
    assert_int_equal(counter_read(&rate.pauses), 1);
    assert_int_equal(smpp_rate_room(&rate, 10 * SECOND), 0);
    assert_int_equal(smpp_rate_next_ns(&rate, 10 * SECOND), 11 * SECOND);
    assert_int_equal(smpp_rate_room(&rate, 11 * SECOND - 1), 0);
    assert_int_equal(smpp_rate_room(&rate, 11 * SECOND), 1);
    assert_true(rate.rate > 69.9 && rate.rate < 70.1);
}

static void pause_doubles_to_30_s_while_nothing_passes(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 0, 0);
    uint64_t now_ns = SECOND;
    static const uint64_t pauses_s[] = { 1, 2, 4, 8, 16, 30, 30 };
    for (size_t i = 0; i < COUNT(pauses_s); i++) {
        smpp_rate_answer(&rate, SMPP_RTHROTTLED, now_ns);
        assert_int_equal(smpp_rate_next_ns(&rate, now_ns), now_ns + pauses_s[i] * SECOND);
        now_ns += pauses_s[i] * SECOND;
        assert_true(smpp_rate_take(&rate, now_ns));
    }
    smpp_rate_answer(&rate, 0, now_ns); /* something passed */
    now_ns += 2 * SECOND;
    smpp_rate_answer(&rate, SMPP_RTHROTTLED, now_ns);
    assert_int_equal(smpp_rate_next_ns(&rate, now_ns), now_ns + SECOND);
}

static void rate_settles_under_the_smscs_limit_and_recovers(void **state)
{
    (void)state;
    struct smpp_rate rate;
    uint64_t now_ns = 100 * SECOND;
    smpp_rate_init(&rate, 0, now_ns);
    struct outcome first = send_eagerly(&rate, 200, 120, &now_ns);
    assert_true(first.accepted > 120 * 200 / 2); /* at least half of what was possible */
    assert_true(first.throttled < first.accepted / 10);
    struct outcome open = send_eagerly(&rate, 60000, 300, &now_ns); /* the limit was lifted */
    assert_int_equal(open.throttled, 0);
    assert_int_equal(smpp_rate_room(&rate, now_ns), UINT32_MAX);
}

/* Somebody else's traffic, or our own life before, used up what the SMSC takes: not one message of
 * ours passes for a while. */
static void limit_is_found_soon_when_the_first_message_is_throttled(void **state)
{
    (void)state;
    static const uint32_t limits[] = { 20, 200, 3000 };
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct smpp_rate rate;
        uint64_t now_ns = 100 * SECOND;
        smpp_rate_init(&rate, 0, now_ns);
        struct outcome none = send_eagerly(&rate, 0, 2, &now_ns);
        assert_int_equal(none.accepted, 0);
        struct outcome found = send_eagerly(&rate, limits[i], 30, &now_ns);
        assert_true(found.accepted > 30 * limits[i] / 3);
        assert_true(found.throttled < found.accepted / 10);
        struct outcome held = send_eagerly(&rate, limits[i], 60, &now_ns);
        assert_true(held.accepted > 60 * limits[i] * 6 / 10);
        assert_true(held.throttled < held.accepted / 10);
        struct outcome open = send_eagerly(&rate, 60000, 120, &now_ns); /* the limit was lifted */
        assert_int_equal(open.throttled, 0);
        assert_int_equal(smpp_rate_room(&rate, now_ns), UINT32_MAX);
    }
}

/* A few of the first window pass: they say nothing of what a second takes. */
static void first_few_accepted_are_no_estimate(void **state)
{
    (void)state;
    struct smpp_rate rate;
    uint64_t now_ns = 100 * SECOND;
    smpp_rate_init(&rate, 0, now_ns);
    for (int i = 0; i < 10; i++)
        smpp_rate_answer(&rate, i < 3 ? 0 : SMPP_RTHROTTLED, now_ns);
    struct outcome found = send_eagerly(&rate, 200, 30, &now_ns);
    assert_true(found.accepted > 30 * 200 / 3);
}

static void configured_rate_comes_back_after_a_throttle(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 100, 0);
    smpp_rate_answer(&rate, SMPP_RTHROTTLED, SECOND);
    smpp_rate_room(&rate, 10 * SECOND);
    assert_true(rate.rate < 90);
    smpp_rate_room(&rate, 60 * SECOND);
    assert_true(rate.rate > 99.9 && rate.rate < 100.1);
}

static void smsc_that_throttles_every_other_message_is_not_given_up(void **state)
{
    (void)state;
    struct smpp_rate rate;
    uint64_t now_ns = 100 * SECOND;
    smpp_rate_init(&rate, 0, now_ns);
    uint64_t accepted = 0;
    uint64_t sent = 0;
    for (uint64_t end = now_ns + 60 * SECOND; now_ns < end; now_ns += MS) {
        for (uint32_t burst = 0; burst < 10 && smpp_rate_take(&rate, now_ns); burst++) {
            bool ok = sent++ % 2 == 0 || now_ns < 102 * SECOND; /* sound for two seconds */
            accepted += ok;
            smpp_rate_answer(&rate, ok ? 0 : SMPP_RTHROTTLED, now_ns);
        }
    }
    assert_true(accepted > 20000 + 58 * 100);
}

static void full_queue_of_one_destination_stops_nobody(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 0, 0);
    for (uint64_t i = 0; i < 1000; i++)
        smpp_rate_answer(&rate, i % 10 == 0 ? SMPP_RMSGQFUL : 0, i * MS);
    assert_int_equal(smpp_rate_room(&rate, SECOND), UINT32_MAX);
    assert_int_equal(counter_read(&rate.queue_fulls), 100);
}

static void storm_of_full_queues_is_a_throttle(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 0, 0);
    for (uint64_t i = 0; i < 10; i++)
        smpp_rate_answer(&rate, SMPP_RMSGQFUL, 10 * SECOND + i);
    assert_int_equal(smpp_rate_room(&rate, 10 * SECOND + 10), 0);
    assert_int_equal(counter_read(&rate.pauses), 1);
}

static void redial_waits_double_to_60_s_with_jitter(void **state)
{
    (void)state;
    struct smpp_backoff backoff;
    smpp_backoff_init(&backoff, 7);
    static const uint64_t most_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
    uint64_t now_ns = 5 * SECOND;
    bool jitter = false;
    for (size_t i = 0; i < COUNT(most_s); i++) {
        uint64_t wait = smpp_backoff_ended(&backoff, false, now_ns) - now_ns;
        assert_in_range(wait, most_s[i] * SECOND / 2, most_s[i] * SECOND);
        jitter = jitter || wait != most_s[i] * SECOND / 2;
        now_ns += wait;
    }
    assert_true(jitter);

    smpp_backoff_bound(&backoff, now_ns); /* dropped at once: no faster */
    assert_true(smpp_backoff_ended(&backoff, false, now_ns + SECOND) - now_ns > 30 * SECOND);
    smpp_backoff_bound(&backoff, now_ns); /* dropped soon, but it took a message: it works */
    smpp_backoff_worked(&backoff);
    assert_in_range(smpp_backoff_ended(&backoff, false, now_ns) - now_ns, 0, SECOND);
    while (smpp_backoff_ended(&backoff, false, now_ns) - now_ns < 30 * SECOND)
        continue;
    smpp_backoff_bound(&backoff, now_ns);
    now_ns += SMPP_BACKOFF_STABLE_NS; /* held for a while: from the beginning */
    assert_in_range(smpp_backoff_ended(&backoff, false, now_ns) - now_ns, 0, SECOND);
}

static void refused_credentials_wait_60_s_at_least(void **state)
{
    (void)state;
    struct smpp_backoff backoff;
    smpp_backoff_init(&backoff, 8);
    for (int i = 0; i < 100; i++)
        assert_in_range(smpp_backoff_ended(&backoff, true, 0), 60 * SECOND, 75 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(account_without_limit_is_not_paced),
        cmocka_unit_test(configured_rate_holds_in_every_fixed_second),
        cmocka_unit_test(throttle_pauses_once_for_a_whole_window),
        cmocka_unit_test(pause_doubles_to_30_s_while_nothing_passes),
        cmocka_unit_test(rate_settles_under_the_smscs_limit_and_recovers),
        cmocka_unit_test(limit_is_found_soon_when_the_first_message_is_throttled),
        cmocka_unit_test(first_few_accepted_are_no_estimate),
        cmocka_unit_test(configured_rate_comes_back_after_a_throttle),
        cmocka_unit_test(smsc_that_throttles_every_other_message_is_not_given_up),
        cmocka_unit_test(full_queue_of_one_destination_stops_nobody),
        cmocka_unit_test(storm_of_full_queues_is_a_throttle),
        cmocka_unit_test(redial_waits_double_to_60_s_with_jitter),
        cmocka_unit_test(refused_credentials_wait_60_s_at_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
