/* Cancelling what is in flight: 409 means that no further copy leaves, also not after a kill, and
 * that the job still ends as it must (design §4 "Effectively once"). */
#include "tests/sim/story.h"

#define DEVICES 20u

static void submit_to_all(struct world *world, const char *script)
{
    story_submit_to_all(world, script, HOUR_S);
    assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
}

static uint64_t submits(const struct world *world)
{
    return counter_read(&world->topology->edges[0]->counters.submits);
}

/* Cancels all, from before the journal has them to long after; kills as soon as the last is told. */
static void no_copy_leaves_after_a_kill(void **state)
{
    (void)state;
    uint32_t in_flight = 0;
    for (unsigned long seed = 1; seed <= story_seeds(12, 200); seed++) {
        struct world_options options = world_options_default(seed, DEVICES);
        options.fleet.lose_per_mille = 1000;
        options.fleet.lose_silently = seed % 2 == 0;
        options.fleet.system_error_per_mille = seed % 3 == 0 ? 500 : 0;
        struct world *world = world_create(&options);
        submit_to_all(world, DELETE_SECOND_PROFILE);
        struct prng prng;
        prng_init(&prng, seed);
        world_run(world, prng_below(&prng, (seed % 4 == 0 ? 300 : 3) * WORLD_SECOND), NULL);
        enum err answers[DEVICES];
        for (uint32_t i = 0; i < DEVICES; i++)
            answers[i] = world_cancel(world, i);
        if (seed % 5 == 0) /* the last copy may be on its way for a while */
            world_run(world, 400 * WORLD_SECOND, NULL);
        world_kill(world);
        world_start(world);
        story_finish_home(world);
        assert_int_equal(submits(world), 0);
        for (uint32_t i = 0; i < DEVICES; i++) {
            in_flight += answers[i] == ERR_CONFLICT;
            if (answers[i] == ERR_OK)
                assert_int_equal(world->jobs[i].outcome, JOB_CANCELLED);
            else
                assert_true(world->jobs[i].outcome != JOB_EXECUTED);
        }
        world_destroy(world);
    }
    assert_true(in_flight > DEVICES);
}

static void late_answer_after_a_kill_still_ends_it(void **state)
{
    (void)state;
    struct world_options options = world_options_default(71, DEVICES);
    options.fleet.delay_ms = 40000;
    struct world *world = world_create(&options);
    submit_to_all(world, DELETE_SECOND_PROFILE);
    world_run(world, 20 * WORLD_SECOND, NULL);
    for (uint32_t i = 0; i < DEVICES; i++)
        assert_int_equal(world_cancel(world, i), ERR_CONFLICT);
    world_kill(world);
    world_start(world);
    story_finish_home(world);
    assert_int_equal(submits(world), 0);
    for (uint32_t i = 0; i < DEVICES; i++)
        assert_int_equal(world->jobs[i].outcome, JOB_EXECUTED);
    world_destroy(world);
}

static bool all_raised(struct world *world)
{
    return counter_read(&world->topology->workers[0]->counters.counter_raised) == DEVICES;
}

/* An idempotent job between a 02 and its next sealing waits in line: it left once all the same. */
static void nothing_is_sealed_anew(void **state)
{
    (void)state;
    struct world_options options = world_options_default(72, DEVICES);
    options.eis_edit = story_high_base;
    struct world *world = world_create(&options);
    submit_to_all(world, DELETE_SECOND_PROFILE);
    story_finish_home(world);
    world->options.eis_edit = NULL;
    world_lose_store(world); /* the cards are ahead of the base now */
    submit_to_all(world, NULL);
    uint64_t runs = world->runs;
    assert_true(world_run(world, 200 * WORLD_SECOND, all_raised));
    for (uint32_t i = DEVICES; i < 2 * DEVICES; i++)
        assert_int_equal(world_cancel(world, i), ERR_CONFLICT);
    story_finish_home(world);
    assert_int_equal(submits(world), DEVICES);
    assert_int_equal(world->runs, runs);
    for (uint32_t i = DEVICES; i < 2 * DEVICES; i++)
        assert_int_equal(world->jobs[i].outcome, JOB_UNCONFIRMED);
    world_destroy(world);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_copy_leaves_after_a_kill),
        cmocka_unit_test(late_answer_after_a_kill_still_ends_it),
        cmocka_unit_test(nothing_is_sealed_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
