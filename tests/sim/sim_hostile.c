/* Answers that are not the command's: replayed from the job before, made up, altered on the way.
 * Each changes nothing but a counter (design §4; TS 102 225 §5.2). */
#include "tests/sim/story.h"

#define DEVICES 40u
#define REPLAY_S 8u

enum attack { NO_ATTACK, FORGE = 1, ALTER = 2, REPLAY = 4, ALL = 7 };

static uint64_t drops(const struct world *world, enum stage stage, enum err err)
{
    return counter_read(&world->topology->workers[0]->core.drops[stage][err]);
}

static bool second_half_is_under_way(struct world *world)
{
    const struct worker *worker = world->topology->workers[0];
    uint32_t awaiting = 0;
    for (uint32_t i = 0; i < worker->waiting_cap; i++)
        awaiting +=
            worker->sessions[i].is_command && worker->sessions[i].now.state == SESSION_AWAIT_POR;
    return awaiting == DEVICES;
}

/* Two jobs for each device, one right behind the other. No true answer to the second ever comes, but
 * the answer to the first comes once more while the second flies, and beside each true answer one that
 * is made up (it names the right counter) and one with a bit changed. */
static struct world *two_jobs(enum attack attack)
{
    struct world_options options = world_options_default(81, DEVICES);
    options.fleet.forge_per_mille = (attack & FORGE) ? 1000 : 0;
    options.fleet.alter_per_mille = (attack & ALTER) ? 1000 : 0;
    options.fleet.replay_per_mille = (attack & REPLAY) ? 1000 : 0;
    options.fleet.replay_ms = REPLAY_S * 1000;
    struct world *world = world_create(&options);
    story_submit_to_all(world, NULL, HOUR_S);
    assert_true(world_run(world, REPLAY_S * WORLD_SECOND / 2, world_all_done));
    fleet_settings(world->fleet)->mo_lose_per_mille = 1000;
    fleet_settings(world->fleet)->replay_per_mille = 0;
    story_submit_to_all(world, NULL, HOUR_S);
    assert_true(world_run(world, REPLAY_S * WORLD_SECOND / 3, second_half_is_under_way));
    story_finish_home(world);
    assert_int_equal(world->job_count, 2 * DEVICES);
    return world;
}

/* What a calm world's jobs came to, and how many packets its cards had. */
struct calm {
    struct world_job jobs[2 * DEVICES];
    uint64_t packets;
};

static void check_same(const struct calm *calm, const struct world *attacked)
{
    for (uint32_t i = 0; i < 2 * DEVICES; i++) {
        const struct world_job *a = &calm->jobs[i], *b = &attacked->jobs[i];
        if (a->outcome != b->outcome || a->reason != b->reason || a->por_status != b->por_status ||
            a->attempts != b->attempts)
            fail_msg("job %u: %s, status %02X after %u attempts; without the attack %s, %02X, %u",
                     i, job_outcome_name((enum job_outcome)b->outcome), b->por_status, b->attempts,
                     job_outcome_name((enum job_outcome)a->outcome), a->por_status, a->attempts);
        assert_int_equal(b->outcome, i < DEVICES ? JOB_EXECUTED : JOB_UNCONFIRMED);
    }
    assert_int_equal(fleet_stats(attacked->fleet)->packets, calm->packets);
}

static void answers_not_its_own_change_nothing_but_a_counter(void **state)
{
    (void)state;
    static const struct {
        enum attack attack;
        enum err counted; /* at least once for many of the devices */
    } cases[] = {
        { REPLAY, ERR_CNTR }, { ALTER, ERR_CC }, { FORGE, ERR_UNTRUSTED }, { ALL, ERR_CNTR }
    };
    static struct calm calm;
    struct world *world = two_jobs(NO_ATTACK);
    memcpy(calm.jobs, world->jobs, sizeof calm.jobs);
    calm.packets = fleet_stats(world->fleet)->packets;
    for (int e = 0; e < ERR_COUNT; e++)
        assert_int_equal(drops(world, STAGE_OPEN, (enum err)e), 0);
    world_destroy(world);
    for (size_t i = 0; i < COUNT(cases); i++) {
        world = two_jobs(cases[i].attack);
        check_same(&calm, world);
        uint64_t counted = drops(world, STAGE_OPEN, cases[i].counted);
        if (cases[i].attack == REPLAY)
            assert_int_equal(counted, DEVICES);
        assert_true(counted > DEVICES / 4);
        world_destroy(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_not_its_own_change_nothing_but_a_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
