/* Whatever is taken comes home: after each kind of weather no credit, message, session, timer or
 * record is left over. And what the weather does not bring by itself: several workers and edges,
 * cards ahead of us, cancellations, devices that change or go (design §2, §4). */
#include "tests/sim/story.h"

static void every_weather(struct world_options *options)
{
    unsigned long seed = (unsigned long)options->seed;
    options->fleet.lose_per_mille = 100;
    options->fleet.duplicate_per_mille = 50;
    options->fleet.mo_lose_per_mille = 100;
    options->fleet.mo_duplicate_per_mille = 100;
    options->fleet.reorder_per_mille = 50;
    options->fleet.reorder_ms = 5000;
    options->fleet.lose_silently = seed % 2 == 0;
    options->fleet.account[0].throttle_every = seed % 3 == 0 ? 3 : 0;
    options->fleet.drop_connection_after = seed % 4 == 0 ? 30 : 0;
    options->fleet.system_error_per_mille = 50;
    options->fleet.queue_full_per_mille = 50;
    options->fleet.late_response_per_mille = 50;
    options->fleet.late_response_ms = 40000;
    options->fleet.lose_response_per_mille = seed % 5 == 0 ? 20 : 0;
    options->fleet.forge_per_mille = 200;
    options->fleet.alter_per_mille = 200;
    options->fleet.replay_per_mille = 200;
    options->fleet.cross_per_mille = 200;
    options->fleet.replay_ms = 1000;
}

static void all_is_home_after_every_weather(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(6, 200); seed++) {
        struct world_options options = world_options_default(seed, 40);
        every_weather(&options);
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
        story_submit_to_all(world, NULL, 2 * HOUR_S);
        story_submit_to_all(world, NULL, 5); /* too short for most */
        story_finish_home(world);
        world_destroy(world);
    }
}

static void all_is_home_after_kills_in_every_weather(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(6, 200); seed++) {
        struct world_options options = world_options_default(seed, 40);
        every_weather(&options);
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
        story_submit_to_all(world, NULL, 2 * HOUR_S);
        assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
        struct prng prng;
        prng_init(&prng, seed);
        for (int life = 0; life < 5; life++)
            story_kill(world, &prng, (life < 3 ? 5 : 300) * WORLD_SECOND);
        story_finish_home(world);
        world_destroy(world);
    }
}

/* Two jobs for every device, and on every other seed a kill in the midst of them. */
static void two_jobs_each(struct world *world, unsigned long seed)
{
    story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_submit_to_all(world, NULL, HOUR_S);
    world_run(world, seed * WORLD_SECOND, NULL);
    if (seed % 2 == 0) {
        world_kill(world);
        world_start(world);
    }
    story_finish_home(world);
}

static void three_workers_and_two_edges_share_the_work(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(3, 60); seed++) {
        struct world_options options = world_options_default(seed, 100);
        options.workers = 3;
        options.edges = 2;
        story_second_account(&options);
        if (seed > 1)
            every_weather(&options);
        struct world *world = world_create(&options);
        two_jobs_each(world, seed);
        for (uint32_t e = 0; e < 2 && seed == 1; e++)
            assert_true(counter_read(&world->topology->edges[e]->counters.submits) > 0);
        for (uint32_t w = 0; w < 3 && seed == 1; w++)
            assert_true(counter_read(&world->topology->workers[w]->counters.jobs_executed) > 0);
        if (seed == 1)
            assert_int_equal(story_outcomes(world, JOB_EXECUTED), 200);
        world_destroy(world);
    }
}

static uint64_t figure_sum;

static void figure_find(void *ctx, const char *layer, const char *event, uint64_t value)
{
    if (strcmp(layer, "resteer") == 0 && strcmp(event, ctx) == 0)
        figure_sum += value;
}

static uint64_t resteer_figures(const struct world *world, char *event)
{
    figure_sum = 0;
    for (uint32_t e = 0; e < world->topology->edge_count; e++)
        port_figures(world->topology->edges[e]->ports[0].port, figure_find, event);
    return figure_sum;
}

/* Two edges, a queue each of one port, and a network that puts frames where it likes, from flow to flow
 * and within one: as if each had a port of its own. */
static void edges_share_a_port_that_delivers_anywhere(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(4, 100); seed++) {
        struct world_options options = world_options_default(seed, 100);
        options.edges = 2;
        options.shared_port = true;
        options.workers = 2;
        story_second_account(&options);
        if (seed > 2)
            every_weather(&options);
        struct world *world = world_create(&options);
        two_jobs_each(world, seed);
        uint64_t passed = resteer_figures(world, (char[]){ "passed" });
        assert_true(passed > 0);
        assert_int_equal(resteer_figures(world, (char[]){ "ring_full" }), 0);
        assert_int_equal(resteer_figures(world, (char[]){ "received" }),
                         passed + resteer_figures(world, (char[]){ "told_all" }));
        for (uint32_t e = 0; e < 2 && seed == 1; e++) {
            assert_int_equal(world->topology->edges[e]->smsc_count, 1);
            assert_true(counter_read(&world->topology->edges[e]->counters.submits) > 0);
        }
        if (seed == 1)
            assert_int_equal(story_outcomes(world, JOB_EXECUTED), 200);
        world_destroy(world);
    }
}

/* ---- A card ahead of us ------------------------------------------------------------------------ */

static bool base_is_high;

static size_t high_base(char line[FLEET_EIS_CAP], size_t len)
{
    return base_is_high ? story_high_base(line, len) : len;
}

static bool is_open(struct world *world)
{
    return world->topology->control.is_open;
}

/* Its counter was moved by commands of a store that is lost. */
static void card_ahead_of_us_lifts_the_base_once(void **state)
{
    (void)state;
    struct world_options options = world_options_default(31, 10);
    options.eis_edit = high_base;
    base_is_high = true;
    struct world *world = world_create(&options);
    story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_finish_home(world);
    assert_int_equal(story_outcomes(world, JOB_EXECUTED), 10);
    base_is_high = false;
    world_lose_store(world);
    story_submit_to_all(world, NULL, HOUR_S);
    story_finish_home(world);
    for (uint32_t i = 10; i < 20; i++) /* audits are idempotent: sealed anew above the card's */
        assert_int_equal(world->jobs[i].outcome, JOB_EXECUTED);
    uint64_t raised = counter_read(&world->topology->workers[0]->counters.counter_raised);
    assert_int_equal(raised, 10);
    world_kill(world);
    world_start(world); /* the raise is durable */
    assert_true(world_run(world, 60 * WORLD_SECOND, is_open));
    story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_finish_home(world);
    for (uint32_t i = 20; i < 30; i++)
        assert_int_equal(world->jobs[i].outcome, JOB_EXECUTED);
    assert_int_equal(counter_read(&world->topology->workers[0]->counters.counter_raised), 0);
    world_destroy(world);
}

/* An EIS that names a lower base than before: the card would refuse what follows, and a counter used
 * under the higher base might come again. */
static void update_never_lowers_a_counter_base(void **state)
{
    (void)state;
    struct world_options options = world_options_default(32, 5);
    options.eis_edit = high_base;
    base_is_high = true;
    struct world *world = world_create(&options);
    story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_finish_home(world);
    base_is_high = false;
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(world_import(world, i), ERR_OK);
    story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_finish_home(world);
    world_kill(world);
    world_start(world); /* also not from the store */
    assert_true(world_run(world, 60 * WORLD_SECOND, is_open));
    story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_finish_home(world);
    assert_int_equal(story_outcomes(world, JOB_EXECUTED), 15); /* not one was answered 02 */
    world_destroy(world);
}

/* ---- Cancelling -------------------------------------------------------------------------------- */

static void cancelled_means_that_nothing_left(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(10, 200); seed++) {
        struct world_options options = world_options_default(seed, 30);
        options.fleet.lose_per_mille = 300;
        options.fleet.system_error_per_mille = 300;
        options.fleet.lose_silently = true;
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
        assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
        struct prng prng;
        prng_init(&prng, seed);
        enum err answers[30];
        for (uint32_t i = 0; i < 30; i++) {
            world_run(world, prng_below(&prng, 6 * WORLD_SECOND), NULL);
            answers[i] = world_cancel(world, i);
        }
        story_finish_home(world);
        for (uint32_t i = 0; i < 30; i++) {
            if (world->jobs[i].outcome == JOB_CANCELLED)
                assert_int_equal(world->device_runs[i], 0);
            if (answers[i] == ERR_OK)
                assert_int_equal(world->jobs[i].outcome, JOB_CANCELLED);
            else
                assert_true(answers[i] == ERR_CONFLICT || answers[i] == ERR_UNEXPECTED ||
                            answers[i] == ERR_UNKNOWN);
        }
        world_destroy(world);
    }
}

/* ---- Devices that change or go ----------------------------------------------------------------- */

static bool number_is_gone;

static size_t gone_number(char line[FLEET_EIS_CAP], size_t len)
{
    char *state = strstr(line, "\"state\":\"Enabled\"");
    if (number_is_gone && state != NULL) { /* no profile enabled: no number */
        size_t rest = len - (size_t)(state - line) - 17;
        memmove(state + 18, state + 17, rest);
        struct writer w = writer_over(state, 18);
        writer_bytes(&w, span_text("\"state\":\"Disabled\""));
        len++;
    }
    return len;
}

static void number_lost_in_flight_ends_every_job_at_its_expiry(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(6, 60); seed++) {
        struct world_options options = world_options_default(seed, 20);
        options.eis_edit = gone_number;
        options.fleet.lose_per_mille = 500;
        number_is_gone = false;
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, 600);
        story_submit_to_all(world, NULL, 600);
        world_run(world, seed * 7 * WORLD_SECOND, NULL);
        number_is_gone = true;
        for (uint32_t i = 0; i < 20; i++)
            assert_int_equal(world_import(world, i), ERR_OK);
        story_finish_home(world);
        number_is_gone = false;
        world_destroy(world);
    }
}

static void device_removed_in_flight_ends_its_jobs_truly(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= story_seeds(8, 80); seed++) {
        struct world_options options = world_options_default(seed, 20);
        options.fleet.lose_per_mille = 300;
        struct world *world = world_create(&options);
        story_submit_to_all(world, DELETE_SECOND_PROFILE, 600);
        story_submit_to_all(world, NULL, 600);
        assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
        world_run(world, seed * WORLD_SECOND / 4, NULL);
        for (uint32_t i = 0; i < 20; i += 2)
            assert_int_equal(world_remove(world, i), ERR_OK);
        if (seed % 2 == 0) {
            world_kill(world);
            world_start(world);
        }
        for (uint32_t i = 0; i < 20 && seed % 3 == 0; i += 4)
            assert_int_equal(world_import(world, i), ERR_OK);
        story_finish_home(world);
        for (uint32_t i = 0; i < 20; i++) /* the first of a device's two: only a verified answer */
            if (world->jobs[i].outcome == JOB_FAILED || world->jobs[i].outcome == JOB_EXPIRED)
                assert_int_equal(world->device_runs[i], 0);
        world_destroy(world);
    }
}

/* ---- Pools ------------------------------------------------------------------------------------- */

/* The SMSC takes nothing: jobs expire in line, and what they held is there for the next ones. */
static void expired_jobs_leave_room_for_others(void **state)
{
    (void)state;
    struct world_options options = world_options_default(41, 60);
    options.jobs.waiting_max = 30;
    options.window = 1;
    options.fleet.account[0].throttle_every = 1;
    struct world *world = world_create(&options);
    for (uint32_t i = 0; i < 30; i++)
        world_submit(world, i, NULL, 60, 1);
    assert_true(world_run(world, 200 * WORLD_SECOND, world_all_done));
    for (uint32_t i = 30; i < 60; i++)
        world_submit(world, i, NULL, 60, 1);
    story_finish_home(world);
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(world->jobs[i].accepted, ERR_OK);
        assert_int_equal(world->jobs[i].outcome, JOB_EXPIRED);
    }
    world_destroy(world);
}

/* What workers have to say of receipts and answers is more than the channel to the store holds. */
static void stalled_store_holds_everything_back_and_loses_nothing(void **state)
{
    (void)state;
    for (unsigned long seed = 51; seed <= 50 + story_seeds(1, 10); seed++) {
        struct world_options options =
            world_options_default(seed, (uint32_t)story_seeds(1500, 6000));
        options.window = 1000;
        options.fleet.delay_ms = 20000;
        options.fleet.jitter_ms = 40000;
        options.fleet.deliver_window = 1024;
        options.fleet.mo_duplicate_per_mille = 300;
        struct world *world = world_create(&options);
        story_submit_to_all(world, NULL, HOUR_S);
        assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
        world_run(world, (5 + 5 * (seed % 4)) * WORLD_SECOND, NULL);
        world->store_stalls = true;
        world_run(world, 300 * WORLD_SECOND, NULL);
        world->store_stalls = false;
        story_finish_home(world);
        assert_int_equal(story_outcomes(world, JOB_EXECUTED), world->job_count);
        world_destroy(world);
    }
}

/* Control waits for room at the store with as many durable jobs as that channel holds; the worker's
 * channel is full of jobs whose device is gone, and each of them needs a message to the store to end.
 * Jobs must leave room for those. */
static void refused_jobs_end_while_others_fill_control(void **state)
{
    (void)state;
    enum { GONE = 0, GONE_JOBS = 3900 };
    struct world_options options = world_options_default(61, 100);
    options.job_max = 3 * GONE_JOBS;
    struct world *world = world_create(&options);
    struct control *control = &world->topology->control;
    world->workers_stall = true;
    while (world->job_count < GONE_JOBS)
        world_submit(world, GONE, GET_DATA, HOUR_S, 1);
    assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
    assert_int_equal(channel_room(control->to_worker[0]), 0);
    assert_int_equal(world_remove(world, GONE), ERR_OK);
    for (uint32_t i = 0; control_has_room(control); i++)
        world_submit(world, 1 + i % 99, GET_DATA, HOUR_S, 1);
    assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
    world->workers_stall = false;
    story_finish_home(world);
    for (uint32_t i = 0; i < world->job_count; i++)
        assert_int_equal(world->jobs[i].outcome, i < GONE_JOBS ? JOB_FAILED : JOB_EXECUTED);
    world_destroy(world);
}

static void fewer_segments_and_entries_than_before_the_restart_lose_nothing(void **state)
{
    (void)state;
    struct world_options options = world_options_default(42, 30);
    options.fleet.segments_max = 10;
    options.jobs.segments_max = 10;
    options.window = 1;
    options.fleet.lose_per_mille = 1000;
    struct world *world = world_create(&options);
    for (int round = 0; round < 3; round++)
        story_submit_to_all(world, WORLD_LONG_SCRIPT, HOUR_S);
    assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
    world_run(world, 10 * WORLD_SECOND, NULL);
    world_kill(world);
    world->config.jobs.segments_max = 1;
    world->config.jobs.waiting_max = 5;
    fleet_settings(world->fleet)->lose_per_mille = 0;
    world_start(world);
    story_finish_home(world);
    for (uint32_t i = 0; i < 90; i++) /* in flight: sent as sealed; waiting: too long by now */
        assert_true(world->jobs[i].outcome == JOB_EXECUTED ||
                    (world->jobs[i].outcome == JOB_FAILED && world->jobs[i].reason == ERR_RANGE));
    assert_true(story_outcomes(world, JOB_EXECUTED) > 0);
    world_destroy(world);
}

int main(int argc, char **argv)
{
    if (argc > 1) /* a failed one leaves its world behind: one by one, by name */
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_home_after_every_weather),
        cmocka_unit_test(all_is_home_after_kills_in_every_weather),
        cmocka_unit_test(three_workers_and_two_edges_share_the_work),
        cmocka_unit_test(edges_share_a_port_that_delivers_anywhere),
        cmocka_unit_test(card_ahead_of_us_lifts_the_base_once),
        cmocka_unit_test(update_never_lowers_a_counter_base),
        cmocka_unit_test(cancelled_means_that_nothing_left),
        cmocka_unit_test(number_lost_in_flight_ends_every_job_at_its_expiry),
        cmocka_unit_test(device_removed_in_flight_ends_its_jobs_truly),
        cmocka_unit_test(expired_jobs_leave_room_for_others),
        cmocka_unit_test(stalled_store_holds_everything_back_and_loses_nothing),
        cmocka_unit_test(refused_jobs_end_while_others_fill_control),
        cmocka_unit_test(fewer_segments_and_entries_than_before_the_restart_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
