/* Key sets of a device that are put in another order, removed and added while commands are under way:
 * what is known of one stays with it, also over a restart (design §4 "Slots and counters"). */
#include "tests/sim/story.h"

static bool base_is_high;

static bool is_open(struct world *world)
{
    return world->topology->control.is_open;
}

static enum { BOTH_SETS, OTHER_ORDER, ONLY_SECOND, ONLY_FIRST, OTHER_KEYS } sets_shown;

/* KIc for KID and the other way round. */
static void keys_swap(char *set)
{
    char *kic = strstr(set, "\"index\":1"), *kid = strstr(set, "\"index\":2");
    assert_true(kic != NULL && kid != NULL);
    kic[strlen("\"index\":")] = '2';
    kid[strlen("\"index\":")] = '1';
}

static size_t cut(size_t len, char *from, const char *to)
{
    memmove(from, to, strlen(to) + 1);
    return len - (size_t)(to - from);
}

/* The key sets of the ISD-R in another order, or one of them only, or the second with other keys. */
static size_t sets_edit(char line[FLEET_EIS_CAP], size_t len)
{
    char *first = strstr(line, "{\"version\":\"01\"");
    char *second = strstr(line, ",{\"version\":\"02\"");
    char *end = strstr(line, "]},\"profiles\"");
    assert_true(first != NULL && second != NULL && end != NULL);
    if (base_is_high)
        story_high_base(second, len - (size_t)(second - line));
    if (sets_shown == OTHER_KEYS)
        keys_swap(second);
    if (sets_shown == OTHER_KEYS || sets_shown == BOTH_SETS)
        return len;
    if (sets_shown == ONLY_FIRST)
        return cut(len, second, end);
    char edited[FLEET_EIS_CAP];
    int edited_len =
        snprintf(edited, sizeof edited, "%.*s%.*s%s%.*s%s", (int)(first - line), line,
                 (int)(end - second - 1), second + 1, sets_shown == ONLY_SECOND ? "" : ",",
                 sets_shown == ONLY_SECOND ? 0 : (int)(second - first), first, end);
    assert_true(edited_len > 0 && (size_t)edited_len < sizeof edited);
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

static void import_all(struct world *world, int shown)
{
    sets_shown = shown;
    for (uint32_t d = 0; d < world->options.devices; d++)
        assert_int_equal(world_import(world, d), ERR_OK);
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
        import_all(world, shown[i]);
        story_submit_to_all(world, script, HOUR_S);
        story_finish_home(world);
        assert_int_equal(story_outcomes(world, JOB_EXECUTED) - before, 2 * world->options.devices);
    }
}

/* kill -9, and a start. */
static void restart(struct world *world)
{
    world_kill(world);
    world_start(world);
    assert_true(world_run(world, 60 * WORLD_SECOND, is_open));
}

/* The second key set goes: by an update without it, by one with other keys, with the whole device. Then
 * it is there again. */
static void bring_back(struct world *world, const char *script, bool is_killed)
{
    static const int shown[] = { ONLY_FIRST, OTHER_KEYS, BOTH_SETS };
    for (unsigned i = 0; i < COUNT(shown); i++) {
        uint32_t before = story_outcomes(world, JOB_EXECUTED);
        if (shown[i] != BOTH_SETS)
            import_all(world, shown[i]);
        for (uint32_t d = 0; shown[i] == BOTH_SETS && d < world->options.devices; d++)
            assert_int_equal(world_remove(world, d), ERR_OK);
        if (is_killed)
            restart(world);
        import_all(world, BOTH_SETS);
        if (is_killed)
            restart(world);
        story_submit_to_all(world, script, HOUR_S);
        story_finish_home(world);
        assert_int_equal(story_outcomes(world, JOB_EXECUTED) - before, world->options.devices);
        assert_int_equal(counter_read(&world->topology->workers[0]->counters.counter_raised), 0);
    }
}

/* The second set's base was raised, durably. */
static struct world *world_with_raised_base(uint64_t seed)
{
    struct world_options options = world_options_default(seed, 5);
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
    return world;
}

/* It stays raised wherever the set stands, also over a restart, and the card never sees a counter that
 * is lower. */
static void what_is_known_of_a_key_set_moves_with_it(void **state)
{
    (void)state;
    struct world *world = world_with_raised_base(33);
    move_sets(world, DELETE_SECOND_PROFILE); /* not one is answered 02, which would end it */
    assert_int_equal(counter_read(&world->topology->workers[0]->counters.counter_raised), 5);
    restart(world);
    move_sets(world, DELETE_SECOND_PROFILE);
    assert_int_equal(counter_read(&world->topology->workers[0]->counters.counter_raised), 0);
    world_destroy(world);
}

static void what_is_known_of_a_key_set_comes_back_with_it(void **state)
{
    (void)state;
    struct world *world = world_with_raised_base(35);
    restart(world);
    bring_back(world, DELETE_SECOND_PROFILE, false);
    bring_back(world, DELETE_SECOND_PROFILE, true);
    world_destroy(world);
}

static struct world *world_of_exact_counters(uint64_t seed)
{
    struct world_options options = world_options_default(seed, 5);
    options.fleet.key_sets = 2;
    options.kvn = 2;
    options.job_max = 200;
    options.eis_edit = sets_edit_exact;
    base_is_high = false;
    sets_shown = BOTH_SETS;
    return world_create(&options);
}

static void exactly_one_higher_holds_when_key_sets_move(void **state)
{
    (void)state;
    struct world *world = world_of_exact_counters(34);
    move_sets(world, DELETE_SECOND_PROFILE);
    restart(world);
    move_sets(world, DELETE_SECOND_PROFILE);
    world_destroy(world);
}

static void exactly_one_higher_holds_when_key_sets_come_back(void **state)
{
    (void)state;
    struct world *world = world_of_exact_counters(36);
    move_sets(world, DELETE_SECOND_PROFILE);
    bring_back(world, DELETE_SECOND_PROFILE, false);
    bring_back(world, DELETE_SECOND_PROFILE, true);
    world_destroy(world);
}

int main(int argc, char **argv)
{
    if (argc > 1) /* a failed one leaves its world behind: one by one, by name */
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_of_a_key_set_moves_with_it),
        cmocka_unit_test(what_is_known_of_a_key_set_comes_back_with_it),
        cmocka_unit_test(exactly_one_higher_holds_when_key_sets_move),
        cmocka_unit_test(exactly_one_higher_holds_when_key_sets_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
