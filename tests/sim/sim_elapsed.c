/* The figures of our own latency: a slow disk and a slow SMSC are told apart from us. Virtual time
 * stands still within a turn but for a microsecond at each look at the clock, so that our own part is
 * microseconds and theirs is seconds. */
#include "tests/sim/world.h"

#define MS ((uint64_t)1000000)
#define DEVICES 20u

static void one_job_each(struct world *world)
{
    for (uint32_t i = 0; i < world->options.devices; i++)
        world_submit(world, i, NULL, 3600, 1);
}

static const struct histogram *own(const struct world *world)
{
    return &world->topology->edges[0]->own_ns;
}

static uint64_t submits(const struct world *world)
{
    return counter_read(&world->topology->edges[0]->counters.submits);
}

static void the_disk_is_told_apart(void **state)
{
    (void)state;
    struct world_options options = world_options_default(1, DEVICES);
    options.window = 100;
    struct world *world = world_create(&options);
    const struct worker *worker = world->topology->workers[0];
    one_job_each(world);
    world->store_stalls = true;
    for (uint32_t turn = 0; turn < 30 && submits(world) < DEVICES; turn++) {
        world_run(world, 500 * MS, NULL); /* one group commit, then it is busy for so long */
        world->store_turns = 1;
    }
    world->store_stalls = false;
    assert_true(world_run(world, 120 * WORLD_SECOND, world_all_done));
    assert_int_equal(counter_read(&worker->script_wait_ns.count), DEVICES);
    assert_int_equal(counter_read(&worker->journal_wait_ns.count), DEVICES);
    assert_in_range(histogram_quantile(&worker->script_wait_ns, 500), 400 * MS, 600 * MS);
    assert_in_range(histogram_quantile(&worker->journal_wait_ns, 500), 400 * MS, 600 * MS);
    assert_int_equal(counter_read(&own(world)->count), DEVICES);
    assert_in_range(histogram_quantile(own(world), 0), 1000, MS);
    assert_in_range(histogram_quantile(own(world), 1000), 1000, MS);
    world_check(world);
    world_destroy(world);
}

/* Five messages at a time, a second each: devices wait for credits, messages for the window. */
static void the_smsc_is_told_apart(void **state)
{
    (void)state;
    struct world_options options = world_options_default(2, DEVICES);
    options.window = 5;
    options.fleet.response_delay_ms = 1000;
    struct world *world = world_create(&options);
    world_run(world, 10 * WORLD_SECOND, NULL); /* its answer to the bind is as slow */
    one_job_each(world);
    assert_true(world_run(world, 600 * WORLD_SECOND, world_all_done));
    assert_true(submits(world) >= DEVICES);
    assert_true(counter_read(&own(world)->count) > 0); /* the first went at once, ... */
    assert_true(counter_read(&own(world)->count) <
                submits(world)); /* ... of the others some were held up */
    assert_in_range(histogram_quantile(own(world), 1000), 1000, MS);
    world_check(world);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_disk_is_told_apart),
        cmocka_unit_test(the_smsc_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
