/* Cards that demand a counter exactly one higher (TS 102 225 §5.1.4, mode 11): numbers journalled
 * one by one, and what becomes of a card that missed one (design §4 "Slots and counters"). */
#include "base/log.h"
#include "tests/sim/story.h"

#define STATUS_CNTR_HIGH 0x03

static void submit_to_all(struct world *world, const char *script, uint32_t expiry_s)
{
    story_submit_to_all(world, script, expiry_s);
    assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
}

static bool is_open(struct world *world)
{
    return world->topology->control.is_open;
}

static size_t exact_counter(char line[FLEET_EIS_CAP], size_t len)
{
    static const char options[] = ",\"options\":{\"exactCounter\":true}}";
    assert_true(len + sizeof options < FLEET_EIS_CAP && line[len - 1] == '}');
    memcpy(line + len - 1, options, sizeof options);
    return len - 1 + sizeof options - 1;
}

static void exactly_one_higher_holds_across_kills(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(4, 60); seed++) {
        struct world_options options = world_options_default(seed, 20);
        options.eis_edit = exact_counter;
        struct world *world = world_create(&options);
        for (int round = 0; round < 3; round++)
            submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
        struct prng prng;
        prng_init(&prng, seed);
        for (int life = 0; life < 3; life++) {
            story_kill(world, &prng, 4 * WORLD_SECOND);
        }
        story_finish_home(world);
        assert_int_equal(story_outcomes(world, JOB_FAILED) + story_outcomes(world, JOB_EXPIRED), 0);
        assert_int_equal(world->runs, 60);
        world_destroy(world);
    }
}

static uint64_t submits(const struct world *world)
{
    return counter_read(&world->topology->edges[0]->counters.submits);
}

/* The card takes no number after one whose message never came. Nothing may make that good: its octets
 * are those of a job that has ended, and no others may bear it. One 03 tells; from then on nothing is
 * sent under that key set, and the operator is told why. */
static void missed_number_ends_the_key_set_not_the_network(void **state)
{
    (void)state;
    enum {
        DEVICES = 10,
        MISSED = 0,
        TOLD = 10,
        WAITING = 20,
        REFUSED = 30,
        AGAIN = 40,
        OTHER = 50
    };
    struct world_options options = world_options_default(81, DEVICES);
    options.eis_edit = exact_counter;
    options.jobs.attempts_max = 1;
    options.fleet.lose_per_mille = 1000;
    struct world *world = world_create(&options);
    submit_to_all(world, DELETE_SECOND_PROFILE, 200);
    assert_true(world_run(world, 400 * WORLD_SECOND, world_all_done));
    fleet_settings(world->fleet)->lose_per_mille = 0;
    submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_finish_home(world);
    uint64_t sent = submits(world);
    assert_true(sent <= 3 * DEVICES);
    assert_int_equal(world->runs, 0);
    for (uint32_t i = 0; i < DEVICES; i++) {
        const struct world_job *job = &world->jobs[MISSED + i];
        assert_int_equal(job->outcome, JOB_UNCONFIRMED);
        job = &world->jobs[TOLD + i];
        assert_int_equal(job->outcome, JOB_FAILED);
        assert_int_equal(job->reason, ERR_OUT_OF_STEP);
        assert_int_equal(job->por_status, STATUS_CNTR_HIGH);
        job = &world->jobs[WAITING + i];
        assert_int_equal(job->outcome, JOB_FAILED);
        assert_int_equal(job->reason, ERR_OUT_OF_STEP);
    }
    const struct worker *worker = world->topology->workers[0];
    assert_true(counter_read(&worker->counters.counters_out_of_step) >= DEVICES);

    for (uint32_t i = 0; i < DEVICES; i++)
        world_submit(world, i, DELETE_SECOND_PROFILE, HOUR_S, 1);
    world_kill(world);
    world_start(world); /* for ever */
    assert_true(world_run(world, 60 * WORLD_SECOND, is_open));
    for (uint32_t i = 0; i < DEVICES; i++)
        world_submit(world, i, DELETE_SECOND_PROFILE, HOUR_S, 1);
    for (uint32_t i = REFUSED; i < OTHER; i++)
        assert_int_equal(world->jobs[i].accepted, ERR_OUT_OF_STEP);
    assert_int_equal(submits(world), 0);
    world_destroy(world);
}

int main(int argc, char **argv)
{
    log_set_level(LOG_ERROR);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_one_higher_holds_across_kills),
        cmocka_unit_test(missed_number_ends_the_key_set_not_the_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
