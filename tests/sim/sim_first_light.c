/* One job, one device: it leaves as a secured SMS and its verified answer comes back, over a clean
 * link. */
#include "tests/sim/story.h"

static void one_job_comes_back_executed(void **state)
{
    (void)state;
    struct world_options options = world_options_default(1, 1);
    struct world *world = world_create(&options);
    world_submit(world, 0, NULL, 600, 1);
    story_finish(world, 120 * WORLD_SECOND);
    assert_int_equal(world->jobs[0].outcome, JOB_EXECUTED);
    assert_int_equal(world->runs, 1);
    world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_job_comes_back_executed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
