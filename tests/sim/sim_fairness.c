/* One device, one account, one slow thing must not be everybody's: order, reachability, throttling
 * (design §2, §4 Jobs). And what each response status does to its job. */
#include "tests/sim/story.h"

static void thousand_jobs_of_one_device_come_back_in_order(void **state)
{
    (void)state;
    struct world_options options = world_options_default(21, 2);
    options.job_max = 1100;
    options.fleet.delay_ms = 20;
    struct world *world = world_create(&options);
    for (uint32_t i = 0; i < 1000; i++)
        world_submit(world, 0, GET_DATA, 36000, 1);
    story_finish(world, 36000 * WORLD_SECOND);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(world->jobs[i].outcome, JOB_EXECUTED);
    for (uint32_t i = 1; i < 1000;
         i++) { /* ids rise with submission; the stream is in their order */
        assert_true(world->jobs[i].id > world->jobs[i - 1].id);
        assert_true(world->jobs[i].order > world->jobs[i - 1].order);
    }
    assert_int_equal(world->device_runs[0], 1000);
    world_destroy(world);
}

static void urgent_jobs_of_a_device_go_first(void **state)
{
    (void)state;
    struct world_options options = world_options_default(22, 1);
    struct world *world = world_create(&options);
    uint32_t low[8], high[8];
    for (uint32_t i = 0; i < 8; i++)
        low[i] = world_submit(world, 0, GET_DATA, 36000, 0);
    for (uint32_t i = 0; i < 8; i++)
        high[i] = world_submit(world, 0, GET_DATA, 36000, 3);
    story_finish(world, 36000 * WORLD_SECOND);
    for (uint32_t i = 0; i < 8; i++) /* the first low one may have left before */
        assert_true(world->jobs[high[i]].order < world->jobs[low[1]].order);
    world_destroy(world);
}

static bool reachable_are_done(struct world *world)
{
    (void)world_all_done(world);
    for (uint32_t i = 0; i < world->job_count; i++)
        if (world_device(world, &world->jobs[i].eid) != 0 && world->jobs[i].results == 0)
            return false;
    return true;
}

static void ten_thousand_jobs_to_one_unreachable_device_slow_nobody(void **state)
{
    (void)state;
    struct world_options options = world_options_default(23, 100);
    options.job_max = 10200;
    options.rate_per_s = 20;
    options.fleet.silent_count = 1;
    struct world *world = world_create(&options);
    for (uint32_t i = 0; i < 10000; i++)
        world_submit(world, 0, GET_DATA, 3600, 3); /* and they are more urgent */
    for (uint32_t i = 1; i < 100; i++)
        world_submit(world, i, GET_DATA, 3600, 1);
    uint64_t start = world->now_ns;
    assert_true(world_run(world, 600 * WORLD_SECOND, reachable_are_done));
    assert_true(world->now_ns - start < 7 * WORLD_SECOND); /* the rate asks for 5 */
    story_finish(world, 4000 * WORLD_SECOND);
    uint32_t unconfirmed = 0, expired = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        unconfirmed += world->jobs[i].outcome == JOB_UNCONFIRMED;
        expired += world->jobs[i].outcome == JOB_EXPIRED;
    }
    assert_int_equal(unconfirmed, 1); /* one left; of the others nothing did */
    assert_int_equal(expired, 9999);
    world_destroy(world);
}

static uint32_t throttled_account;

static bool is_throttled(uint32_t device)
{
    return device / 50 == throttled_account;
}

static bool others_are_done(struct world *world)
{
    (void)world_all_done(world);
    for (uint32_t i = 0; i < world->job_count; i++)
        if (!is_throttled(world_device(world, &world->jobs[i].eid)) && world->jobs[i].results == 0)
            return false;
    return true;
}

static void submit_to(struct world *world, bool throttled, uint8_t priority)
{
    for (uint32_t i = 0; i < 100; i++)
        if (is_throttled(i) == throttled)
            world_submit(world, i, GET_DATA, 3600, priority);
}

static void throttled_account_does_not_slow_another(void **state)
{
    (void)state;
    for (throttled_account = 0; throttled_account < 2; throttled_account++) {
        struct world_options options = world_options_default(24, 100);
        story_second_account(&options);
        options.fleet.account[throttled_account].throttle_every = 1; /* all of them */
        struct world *world = world_create(&options);
        submit_to(world, true, 3); /* these stand in line first, and again and again */
        world_run(world, 20 * WORLD_SECOND, NULL);
        submit_to(world, false, 1);
        uint64_t start = world->now_ns;
        assert_true(world_run(world, 60 * WORLD_SECOND, others_are_done));
        assert_true(world->now_ns - start < 10 * WORLD_SECOND);
        for (uint32_t i = 0; i < 50; i++)
            assert_int_equal(world->jobs[i].results, 0);
        fleet_settings(world->fleet)->account[throttled_account].throttle_every = 0;
        story_finish(world, 3600 * WORLD_SECOND);
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(world->jobs[i].outcome, JOB_EXECUTED);
        world_destroy(world);
    }
}

/* More devices want to send than may: each one's turn comes before another's comes again. */
static void devices_of_an_account_take_turns(void **state)
{
    (void)state;
    enum { DEVICES = 60, JOBS = 5 };
    struct world_options options = world_options_default(25, DEVICES);
    options.job_max = DEVICES * JOBS;
    options.rate_per_s = 10;
    options.fleet.delay_ms = 20; /* back in line long before the line is at its end */
    struct world *world = world_create(&options);
    for (uint32_t i = 0; i < DEVICES; i++)
        for (uint32_t j = 0; j < JOBS; j++)
            world_submit(world, i, GET_DATA, 36000, 1);
    story_finish(world, 36000 * WORLD_SECOND);
    for (uint32_t j = 0; j + 2 < JOBS; j++) { /* one place for those who met on the way */
        uint64_t last = 0, next = UINT64_MAX;
        for (uint32_t i = 0; i < DEVICES; i++) {
            uint64_t this_turn = world->jobs[i * JOBS + j].order;
            uint64_t after_next = world->jobs[i * JOBS + j + 2].order;
            last = this_turn > last ? this_turn : last;
            next = after_next < next ? after_next : next;
        }
        assert_true(last < next);
    }
    world_destroy(world);
}

/* TS 102 225 table 5, each status from the card instead of running the script. */
static void each_error_status_ends_or_repeats_its_job(void **state)
{
    (void)state;
    static const struct {
        uint8_t status;
        enum job_outcome outcome;
        uint32_t packets; /* that reached the card */
    } cases[] = {
        { 0x01, JOB_FAILED, 2 }, { 0x02, JOB_UNCONFIRMED, 1 }, { 0x03, JOB_FAILED, 1 },
        { 0x04, JOB_FAILED, 1 }, { 0x05, JOB_FAILED, 2 },      { 0x06, JOB_FAILED, 1 },
        { 0x07, JOB_FAILED, 3 }, { 0x08, JOB_EXECUTED, 1 },    { 0x09, JOB_FAILED, 1 },
        { 0x0A, JOB_FAILED, 1 }, { 0x0B, JOB_EXECUTED, 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world_options options = world_options_default(30 + i, 3);
        options.fleet.status_per_mille[cases[i].status] = 1000;
        struct world *world = world_create(&options);
        for (uint32_t d = 0; d < 3; d++)
            world_submit(world, d, DELETE_SECOND_PROFILE, 3600, 1);
        story_finish(world, 3700 * WORLD_SECOND);
        for (uint32_t d = 0; d < 3; d++)
            if (world->jobs[d].outcome != cases[i].outcome)
                fail_msg("status %02X: outcome %s, wanted %s", cases[i].status,
                         job_outcome_name((enum job_outcome)world->jobs[d].outcome),
                         job_outcome_name(cases[i].outcome));
        if (fleet_stats(world->fleet)->packets != 3 * cases[i].packets)
            fail_msg("status %02X: %lu packets, wanted %u", cases[i].status,
                     (unsigned long)fleet_stats(world->fleet)->packets, 3 * cases[i].packets);
        world_destroy(world);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousand_jobs_of_one_device_come_back_in_order),
        cmocka_unit_test(urgent_jobs_of_a_device_go_first),
        cmocka_unit_test(ten_thousand_jobs_to_one_unreachable_device_slow_nobody),
        cmocka_unit_test(throttled_account_does_not_slow_another),
        cmocka_unit_test(devices_of_an_account_take_turns),
        cmocka_unit_test(each_error_status_ends_or_repeats_its_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
