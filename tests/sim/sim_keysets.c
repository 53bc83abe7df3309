/* Key sets of a device that are put in another order, removed and added while commands are under way:
 * what is known of one stays with it, also over a restart (design §4 "Slots and counters"). */
#include "tests/sim/story.h"

static bool base_is_high;

static bool is_open(struct world *world)
{
    return world->topology->control.is_open;
}

static enum { BOTH_SETS, OTHER_ORDER, ONLY_SECOND } sets_shown;

/* The key sets of the ISD-R in another order, or the second one only. */
static size_t sets_edit(char line[FLEET_EIS_CAP], size_t len)
{
    char *first = strstr(line, "{\"version\":\"01\"");
    char *second = strstr(line, ",{\"version\":\"02\"");
    char *end = strstr(line, "]},\"profiles\"");
    assert_true(first != NULL && second != NULL && end != NULL);
    if (base_is_high)
        story_high_base(second, len - (size_t)(second - line));
    char edited[FLEET_EIS_CAP];
    int edited_len =
        snprintf(edited, sizeof edited, "%.*s%.*s%s%.*s%s", (int)(first - line), line,
                 (int)(end - second - 1), second + 1, sets_shown == ONLY_SECOND ? "" : ",",
                 sets_shown == ONLY_SECOND ? 0 : (int)(second - first), first, end);
    assert_true(edited_len > 0 && (size_t)edited_len < sizeof edited);
    if (sets_shown == BOTH_SETS)
        return len;
    memcpy(line, edited, (size_t)edited_len + 1);
    return (size_t)edited_len;
}

static size_t sets_edit_exact(char line[FLEET_EIS_CAP], size_t len)
{
    static const char options[] = ",\"options\":{\"exactCounter\":true}}";
    len = sets_edit(line, len);
    assert_true(len > 0 && line[len - 1] == '}' && len + sizeof options < FLEET_EIS_CAP);
    memcpy(line + len - 1, options, sizeof options);
    return len - 1 + strlen(options);
}

/* Jobs, and while they are under way their devices' key sets in another order. */
static void move_sets(struct world *world, const char *script)
{
    static const int shown[] = { OTHER_ORDER, ONLY_SECOND, BOTH_SETS, OTHER_ORDER };
    for (unsigned i = 0; i < COUNT(shown); i++) {
        uint32_t before = story_outcomes(world, JOB_EXECUTED);
        story_submit_to_all(world, script, HOUR_S);
        assert_true(world_run(world, 60 * WORLD_SECOND, world_all_accepted));
        world_run(world, i * WORLD_SECOND / 2, NULL);
        sets_shown = shown[i];
        for (uint32_t d = 0; d < world->options.devices; d++)
            assert_int_equal(world_import(world, d), ERR_OK);
        story_submit_to_all(world, script, HOUR_S);
        story_finish_home(world);
        assert_int_equal(story_outcomes(world, JOB_EXECUTED) - before, 2 * world->options.devices);
    }
}

/* The second set's base was raised: it stays raised wherever the set stands, also over a restart,
 * and the card never sees a counter that is lower. */
static void what_is_known_of_a_key_set_moves_with_it(void **state)
{
    (void)state;
    struct world_options options = world_options_default(33, 5);
    options.fleet.key_sets = 2;
    options.kvn = 2;
    options.job_max = 200;
    options.eis_edit = sets_edit;
    base_is_high = true;
    sets_shown = BOTH_SETS;
    struct world *world = world_create(&options);
    story_submit_to_all(world, DELETE_SECOND_PROFILE, HOUR_S);
    story_finish_home(world);
    base_is_high = false;
    world_lose_store(world);
    story_submit_to_all(world, NULL, HOUR_S);
    story_finish_home(world);
    assert_int_equal(counter_read(&world->topology->workers[0]->counters.counter_raised), 5);
    move_sets(world, DELETE_SECOND_PROFILE); /* not one is answered 02, which would end it */
    assert_int_equal(counter_read(&world->topology->workers[0]->counters.counter_raised), 5);
    world_kill(world);
    world_start(world);
    assert_true(world_run(world, 60 * WORLD_SECOND, is_open));
    move_sets(world, DELETE_SECOND_PROFILE);
    assert_int_equal(counter_read(&world->topology->workers[0]->counters.counter_raised), 0);
    world_destroy(world);
}

static void exactly_one_higher_holds_when_key_sets_move(void **state)
{
    (void)state;
    struct world_options options = world_options_default(34, 5);
    options.fleet.key_sets = 2;
    options.kvn = 2;
    options.job_max = 200;
    options.eis_edit = sets_edit_exact;
    base_is_high = false;
    sets_shown = BOTH_SETS;
    struct world *world = world_create(&options);
    move_sets(world, DELETE_SECOND_PROFILE);
    world_kill(world);
    world_start(world);
    assert_true(world_run(world, 60 * WORLD_SECOND, is_open));
    move_sets(world, DELETE_SECOND_PROFILE);
    world_destroy(world);
}

int main(int argc, char **argv)
{
    if (argc > 1) /* a failed one leaves its world behind: one by one, by name */
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_of_a_key_set_moves_with_it),
        cmocka_unit_test(exactly_one_higher_holds_when_key_sets_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
