/* Commands of several short messages of which the SMSC takes some and refuses others: what it took is
 * completed, never doubled while it lives (design §4 "Effectively once"). */
#include "tests/sim/story.h"

#define DEVICES 30u
#define PARTS 3u /* of WORLD_LONG_SCRIPT */

static struct world_options refusing(uint64_t seed)
{
    struct world_options options = world_options_default(seed, DEVICES);
    options.fleet.system_error_per_mille = 400;
    options.jobs.attempts_max = 12;
    options.jobs.backoff_s = 1;
    options.validity_s = 7200;
    return options;
}

/* Each part was accepted once, though many a time it was offered. */
static void check_accepted_once(struct world *world)
{
    const struct fleet_stats *stats = fleet_stats(world->fleet);
    assert_int_equal(story_outcomes(world, JOB_EXECUTED), DEVICES);
    assert_true(stats->refused > DEVICES / 2);
    assert_int_equal(stats->submits, PARTS * DEVICES);
    assert_int_equal(world->runs, DEVICES);
}

static void parts_refused_complete_those_taken(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(3, 60); seed++) {
        struct world_options options = refusing(seed);
        struct world *world = world_create(&options);
        story_submit_to_all(world, WORLD_LONG_SCRIPT, HOUR_S);
        story_finish_home(world);
        check_accepted_once(world);
        world_destroy(world);
    }
}

static void parts_taken_before_a_kill_count_after_it(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(3, 60); seed++) {
        struct world_options options = refusing(seed);
        options.jobs.backoff_s = 60;
        struct world *world = world_create(&options);
        story_submit_to_all(world, WORLD_LONG_SCRIPT, HOUR_S);
        world_run(world, 30 * WORLD_SECOND, NULL); /* all parts are answered, some refused */
        world_kill(world);
        world->config.jobs.backoff_s = 1;
        world_start(world);
        story_finish_home(world);
        check_accepted_once(world);
        world_destroy(world);
    }
}

/* The SMSC gives up what it took before the rest came: everything goes again. */
static void dead_parts_go_again(void **state)
{
    (void)state;
    struct world_options options = world_options_default(9, DEVICES);
    options.fleet.system_error_per_mille = 400;
    options.fleet.lose_per_mille = 100;
    options.fleet.lose_silently = true;
    options.jobs.attempts_max = 60;
    options.jobs.backoff_s = 1;
    options.validity_s = 60;
    struct world *world = world_create(&options);
    story_submit_to_all(world, WORLD_LONG_SCRIPT, 3 * HOUR_S);
    story_finish_home(world);
    assert_true(fleet_stats(world->fleet)->submits > PARTS * DEVICES);
    assert_int_equal(story_outcomes(world, JOB_EXECUTED), DEVICES);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_refused_complete_those_taken),
        cmocka_unit_test(parts_taken_before_a_kill_count_after_it),
        cmocka_unit_test(dead_parts_go_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
