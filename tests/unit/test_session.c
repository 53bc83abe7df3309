/* The session table: every state × event, and the promises of design §4 "Effectively once". */
#include "engine/session/session.h"
#include "tests/support/support.h"

#define NOW 1000000u
#define EXPIRY (NOW + 3600000u)

static const struct session_policy policy = {
    .backoff_ms = 10000,
    .por_wait_ms = 60000,
    .por_grace_ms = 60000,
    .retry_ms = 1000,
};

static struct session_flight flight_in(enum session_state state)
{
    return (struct session_flight){ .state = (uint8_t)state,
                                    .attempt = 1,
                                    .attempts_max = 3,
                                    .por_status = 0xFF,
                                    .expiry_ms = EXPIRY };
}

static struct effects step(struct session_flight *flight, struct session_input input)
{
    struct effects effects;
    enum err err = session_step(flight, &policy, &input, NOW, &effects);
    assert_int_equal(err, ERR_OK);
    return effects;
}

/* The whole table, as a picture: `.` refused, else the state it leads to (first attempt of three,
 * not idempotent). */
static void every_state_and_event_is_decided(void **state)
{
    (void)state;
    /* columns: SUBMIT GRANTED PLANNED FAILED HELD_BACK DURABLE SENT REFUSED DEAD DELIVERED
     * UNDELIVERED OK LOW AGAIN LATER WAIT OTHER ERROR TIMEOUT EXPIRED STOPPED */
    static const char *const wanted[SESSION_STATES] = {
        [SESSION_IDLE] = "1....................",
        [SESSION_READY] = ".2.0..............1..",
        [SESSION_FETCHING] = "..301................",
        [SESSION_COMMITTING] = "...0.4..............3",
        [SESSION_SENDING] = "......570..0687440..4",
        [SESSION_AWAIT_POR] = ".........5706875507 05",
        [SESSION_GRACE] = "...........06..66.006",
        [SESSION_BACKOFF] = "...........0687570800",
        [SESSION_REPEATING] = ".8.0.4.....0687580800",
    };
    for (int s = 0; s < SESSION_STATES; s++) {
        char row[64];
        size_t n = 0;
        for (const char *c = wanted[s]; *c != '\0'; c++)
            if (*c != ' ')
                row[n++] = *c;
        assert_int_equal(n, EVENT_COUNT);
        for (int e = 0; e < EVENT_COUNT; e++) {
            struct session_flight flight = flight_in((enum session_state)s);
            struct session_input input = { .event = (enum session_event)e, .reason = ERR_REFUSED };
            struct effects effects;
            enum err err = session_step(&flight, &policy, &input, NOW, &effects);
            static const char signs[] = ".0123456789";
            char got = signs[err != ERR_OK ? 0 : flight.state + 1];
            if (got != row[e])
                fail_msg("state %s, event %d: got %c, wanted %c",
                         session_state_name((enum session_state)s), e, got, row[e]);
            if (err != ERR_OK)
                assert_int_equal(flight.state, s);
        }
    }
}

static void low_counter_never_by_itself_sends_again(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_AWAIT_POR);
    flight.held = true;
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_POR_LOW });
    assert_int_equal(flight.state, SESSION_GRACE);
    assert_false(effects.queue || effects.finish);
    assert_int_equal(effects.deadline_ms, NOW + policy.por_grace_ms);
    effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_true(effects.finish && effects.raise && !effects.queue);
    assert_int_equal(effects.outcome, JOB_UNCONFIRMED);
}

static void idempotent_job_is_sealed_anew_after_grace_as_often_as_allowed(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_GRACE);
    flight.held = flight.idempotent = true;
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_true(effects.requeue_job && effects.raise && !effects.finish);
    assert_int_equal(flight.state, SESSION_READY);
    flight = flight_in(SESSION_GRACE);
    flight.held = flight.idempotent = true;
    flight.replans = flight.attempts_max;
    effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_true(effects.finish);
    assert_int_equal(effects.outcome, JOB_UNCONFIRMED);
}

static void zero_zero_in_grace_is_the_answer(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_GRACE);
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_POR_OK });
    assert_true(effects.finish);
    assert_int_equal(effects.outcome, JOB_EXECUTED);
}

static void repetition_waits_until_the_copy_is_dead(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_SENDING);
    step(&flight, (struct session_input){ .event = EVENT_SENT, .validity_ms = NOW + 500000 });
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_int_equal(flight.state, SESSION_BACKOFF);
    assert_int_equal(effects.deadline_ms, NOW + 500000);
    /* A final receipt kills it earlier. */
    flight = flight_in(SESSION_SENDING);
    step(&flight, (struct session_input){ .event = EVENT_SENT, .validity_ms = NOW + 500000 });
    effects = step(&flight, (struct session_input){ .event = EVENT_UNDELIVERED });
    assert_int_equal(effects.deadline_ms, NOW + policy.backoff_ms);
}

static void silence_after_the_last_attempt_is_awaited_to_expiry_then_unconfirmed(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_AWAIT_POR);
    flight.attempt = flight.attempts_max;
    flight.left = flight.held = true;
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_int_equal(flight.state, SESSION_AWAIT_POR);
    assert_int_equal(effects.deadline_ms, EXPIRY);
    effects = step(&flight, (struct session_input){ .event = EVENT_EXPIRED });
    assert_int_equal(effects.outcome, JOB_UNCONFIRMED);
}

static void expired_means_that_nothing_left(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_SENDING);
    struct session_input dead = { .event = EVENT_DEAD, .reason = ERR_EXPIRED };
    assert_int_equal(step(&flight, dead).outcome, JOB_EXPIRED);
    flight = flight_in(SESSION_SENDING);
    flight.left = true;
    assert_int_equal(step(&flight, dead).outcome, JOB_FAILED);
    flight = flight_in(SESSION_SENDING);
    flight.left = flight.held = true;
    assert_int_equal(step(&flight, dead).outcome, JOB_UNCONFIRMED);
}

static void altered_on_the_way_is_repeated_once_then_fails(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_AWAIT_POR);
    struct session_input again = { .event = EVENT_POR_AGAIN, .reason = ERR_CC };
    struct effects effects = step(&flight, again);
    assert_true(effects.queue && !effects.finish);
    assert_int_equal(flight.state, SESSION_REPEATING);
    effects = step(&flight, again);
    assert_true(effects.finish);
    assert_int_equal(effects.outcome, JOB_FAILED);
    assert_int_equal(effects.reason, ERR_CC);
}

static void announcement_of_another_answer_ends_nothing(void **state)
{
    (void)state;
    static const enum session_state states[] = { SESSION_SENDING, SESSION_AWAIT_POR, SESSION_GRACE,
                                                 SESSION_BACKOFF, SESSION_REPEATING };
    for (size_t i = 0; i < COUNT(states); i++) {
        struct session_flight flight = flight_in(states[i]);
        struct effects effects = step(&flight, (struct session_input){ .event = EVENT_POR_OTHER });
        assert_int_equal(flight.state, states[i]);
        assert_false(effects.finish || effects.queue || effects.arm);
    }
}

static void deadline_is_never_beyond_the_expiry(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_SENDING);
    struct session_input sent = { .event = EVENT_SENT, .validity_ms = EXPIRY + 5 };
    assert_int_equal(step(&flight, sent).deadline_ms, EXPIRY);
}

/* An answer may overtake the SMSC's: the command left, whatever is known of its segments. */
static void answered_command_never_ends_as_if_nothing_had_left(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_SENDING);
    step(&flight, (struct session_input){ .event = EVENT_POR_AGAIN, .reason = ERR_CC });
    assert_int_equal(flight.state, SESSION_REPEATING);
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_EXPIRED });
    assert_int_equal(effects.outcome, JOB_UNCONFIRMED);
}

static void repetition_that_cannot_be_routed_is_tried_again_to_its_expiry(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_REPEATING);
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_true(effects.queue && effects.arm);
    assert_int_equal(effects.deadline_ms, EXPIRY);
}

static void card_ahead_of_us_is_learnt_even_when_the_job_expires_in_grace(void **state)
{
    (void)state;
    struct session_flight flight = flight_in(SESSION_GRACE);
    flight.held = true;
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_EXPIRED });
    assert_true(effects.finish && effects.raise);
    assert_int_equal(effects.outcome, JOB_UNCONFIRMED);
}

static void stopped_command_is_never_sent_again(void **state)
{
    (void)state;
    struct session_input stopped = { .event = EVENT_STOPPED };
    static const enum session_state between[] = { SESSION_BACKOFF, SESSION_REPEATING };
    for (size_t i = 0; i < COUNT(between); i++) {
        struct session_flight flight = flight_in(between[i]);
        flight.left = flight.held = true;
        struct effects effects = step(&flight, stopped);
        assert_int_equal(flight.state, SESSION_AWAIT_POR);
        assert_false(effects.finish || effects.queue);
        assert_int_equal(effects.deadline_ms, EXPIRY);
        flight = flight_in(between[i]);
        assert_int_equal(step(&flight, stopped).outcome, JOB_CANCELLED);
        flight = flight_in(between[i]);
        flight.left = true; /* some segments did */
        assert_int_equal(step(&flight, stopped).outcome, JOB_FAILED);
    }
    struct session_flight flight = flight_in(SESSION_AWAIT_POR);
    flight.left = flight.held = true;
    step(&flight, stopped);
    struct effects effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_int_equal(flight.state, SESSION_AWAIT_POR);
    assert_false(effects.queue);
    flight = flight_in(SESSION_GRACE);
    flight.idempotent = flight.held = true;
    step(&flight, stopped);
    effects = step(&flight, (struct session_input){ .event = EVENT_TIMEOUT });
    assert_int_equal(effects.outcome, JOB_UNCONFIRMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_event_is_decided),
        cmocka_unit_test(low_counter_never_by_itself_sends_again),
        cmocka_unit_test(idempotent_job_is_sealed_anew_after_grace_as_often_as_allowed),
        cmocka_unit_test(zero_zero_in_grace_is_the_answer),
        cmocka_unit_test(repetition_waits_until_the_copy_is_dead),
        cmocka_unit_test(silence_after_the_last_attempt_is_awaited_to_expiry_then_unconfirmed),
        cmocka_unit_test(expired_means_that_nothing_left),
        cmocka_unit_test(altered_on_the_way_is_repeated_once_then_fails),
        cmocka_unit_test(announcement_of_another_answer_ends_nothing),
        cmocka_unit_test(deadline_is_never_beyond_the_expiry),
        cmocka_unit_test(answered_command_never_ends_as_if_nothing_had_left),
        cmocka_unit_test(repetition_that_cannot_be_routed_is_tried_again_to_its_expiry),
        cmocka_unit_test(card_ahead_of_us_is_learnt_even_when_the_job_expires_in_grace),
        cmocka_unit_test(stopped_command_is_never_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
