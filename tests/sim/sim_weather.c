/* Bad weather: loss, duplicates, throttling, dropped connections, hostile answers; and kills. What
 * must hold is always the same: one result per job, nothing runs twice, no counter binds two
 * packets, `failed` and `executed` are true (design §4 "Effectively once"). */
#include "tests/sim/story.h"

static void clean_link_every_job_is_executed(void **state)
{
    (void)state;
    struct world_options options = world_options_default(11, 200);
    struct world *world = world_create(&options);
    story_submit_to_all(world, NULL, HOUR_S);
    story_finish(world, 3 * HOUR_S * WORLD_SECOND);
    assert_int_equal(story_outcomes(world, JOB_EXECUTED), 200);
    assert_int_equal(world->runs, 200);
    world_destroy(world);
}

static void lost_and_doubled_messages_never_run_a_command_twice(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(6, 300); seed++) {
        struct world_options options = world_options_default(seed, 40);
        options.fleet.lose_per_mille = 100;
        options.fleet.duplicate_per_mille = 50;
        options.fleet.mo_lose_per_mille = 100;
        options.fleet.reorder_per_mille = 50;
        options.fleet.reorder_ms = 5000;
        options.fleet.lose_silently = seed % 2 == 0;
        struct world *world = world_create(&options);
        story_submit_to_all(world, seed % 3 == 0 ? NULL : DELETE_SECOND_PROFILE, HOUR_S);
        story_finish(world, 3 * HOUR_S * WORLD_SECOND);
        assert_int_equal(story_outcomes(world, JOB_FAILED),
                         0); /* a lost answer is never a failure */
        assert_int_equal(
            story_outcomes(world, JOB_EXECUTED) + story_outcomes(world, JOB_UNCONFIRMED), 40);
        world_destroy(world);
    }
}

static void throttling_and_drops_delay_but_lose_nothing(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(3, 60); seed++) {
        struct world_options options = world_options_default(seed, 40);
        options.fleet.account[0].throttle_every = 2;
        options.fleet.drop_connection_after = 7 + (uint32_t)seed;
        options.fleet.system_error_per_mille = 30;
        options.fleet.late_response_per_mille = 50;
        options.fleet.late_response_ms = 40000;
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, 3 * HOUR_S);
        story_finish(world, 3 * HOUR_S * WORLD_SECOND);
        assert_int_equal(story_outcomes(world, JOB_EXPIRED), 0);
        world_destroy(world);
    }
}

static void hostile_answers_change_nothing_but_a_counter(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(3, 60); seed++) {
        struct world_options options = world_options_default(seed, 40);
        options.fleet.forge_per_mille = 500;
        options.fleet.alter_per_mille = 500;
        options.fleet.replay_per_mille = 500;
        options.fleet.cross_per_mille = 500;
        options.fleet.replay_ms = 1000;
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
        story_submit_to_all(world, NULL, HOUR_S);
        story_finish(world, 3 * HOUR_S * WORLD_SECOND);
        assert_int_equal(story_outcomes(world, JOB_EXECUTED), 80);
        const struct core *core = &world->topology->workers[0]->core;
        uint64_t drops = 0;
        for (int e = 0; e < ERR_COUNT; e++)
            drops += counter_read(&core->drops[STAGE_OPEN][e]) +
                     counter_read(&core->drops[STAGE_REASSEMBLE][e]) +
                     counter_read(&core->drops[STAGE_MATCH][e]);
        assert_true(drops > 0);
        world_destroy(world);
    }
}

static void lossy_tcp_to_the_smsc_loses_no_message(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(3, 60); seed++) {
        struct world_options options = world_options_default(seed, 40);
        options.impair.loss_ppm = 50000;
        options.impair.duplicate_ppm = 20000;
        options.impair.reorder_ppm = 20000;
        options.impair.reorder_ns = 20000000;
        options.impair.corrupt_ppm = 10000;
        options.impair.delay_ns = 10000000;
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
        story_finish(world, 3 * HOUR_S * WORLD_SECOND);
        assert_int_equal(story_outcomes(world, JOB_EXECUTED), 40);
        world_destroy(world);
    }
}

static bool is_bound(struct world *world)
{
    return smsc_bound_count(&world->topology->edges[0]->smscs[0]) == 1;
}

static bool bind_is_closing(struct world *world)
{
    return world->topology->edges[0]->smscs[0].binds[0].link == BIND_CLOSING;
}

static bool bind_is_not_closing(struct world *world)
{
    return !bind_is_closing(world);
}

/* TCP would go on for two minutes with what the SMSC does not acknowledge. */
static void an_smsc_that_vanishes_is_dialled_again_in_seconds(void **state)
{
    (void)state;
    struct world_options options = world_options_default(71, 10);
    struct world *world = world_create(&options);
    const struct impair_config nothing = { .loss_ppm = 1000000 }, clear = { 0 };
    assert_true(world_run(world, 10 * WORLD_SECOND, is_bound));
    impair_set(world->links[0].near_end, IMPAIR_RX, &nothing);
    assert_true(world_run(world, 120 * WORLD_SECOND, bind_is_closing));
    assert_true(world_run(world, 6 * WORLD_SECOND, bind_is_not_closing));
    impair_set(world->links[0].near_end, IMPAIR_RX, &clear);
    story_submit_to_all(world, NULL, HOUR_S);
    story_finish(world, HOUR_S * WORLD_SECOND);
    assert_int_equal(story_outcomes(world, JOB_EXECUTED), 10);
    world_destroy(world);
}

static void killed_at_any_moment_keeps_every_promise(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(8, 200); seed++) {
        struct world_options options = world_options_default(seed, 40);
        options.fleet.lose_per_mille = seed % 2 ? 50 : 0;
        options.fleet.duplicate_per_mille = seed % 2 ? 50 : 0;
        options.fleet.replay_silent = seed % 4 == 0;
        struct world *world = world_create(&options);
        struct prng prng;
        prng_init(&prng, seed);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
        assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
        for (int life = 0; life < 4; life++)
            story_kill(world, &prng, 4 * WORLD_SECOND);
        story_finish(world, 3 * HOUR_S * WORLD_SECOND);
        assert_int_equal(story_outcomes(world, JOB_FAILED) + story_outcomes(world, JOB_EXPIRED), 0);
        world_destroy(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_link_every_job_is_executed),
        cmocka_unit_test(lost_and_doubled_messages_never_run_a_command_twice),
        cmocka_unit_test(throttling_and_drops_delay_but_lose_nothing),
        cmocka_unit_test(hostile_answers_change_nothing_but_a_counter),
        cmocka_unit_test(lossy_tcp_to_the_smsc_loses_no_message),
        cmocka_unit_test(an_smsc_that_vanishes_is_dialled_again_in_seconds),
        cmocka_unit_test(killed_at_any_moment_keeps_every_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
