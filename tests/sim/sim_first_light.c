/* One job, one device: it leaves as a secured SMS and its verified answer comes back, over a clean
 * link. */
#include "io/net/net_state.h"
#include "tests/sim/story.h"

#include <stdio.h>
#include <sys/stat.h>

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

/* What GET /v1/jobs/{id} shows of a job of three short messages. */
static void check_attempts(struct world *world, uint32_t job)
{
    struct api_job *view = calloc(1, sizeof *view);
    assert_non_null(view);
    assert_int_equal(control_job_get(&world->topology->control, 0, world->jobs[job].id, view),
                     ERR_OK);
    assert_int_equal(view->state, API_JOB_FINAL);
    assert_int_equal(view->attempt_count, 3);
    for (uint8_t part = 0; part < 3; part++) {
        assert_int_equal(view->attempts[part].attempt, 1);
        assert_int_equal(view->attempts[part].part, part);
        assert_int_equal(view->attempts[part].part_count, 3);
        assert_int_equal(view->attempts[part].status, 0);
        assert_int_not_equal(view->attempts[part].message_id[0], 0);
    }
    free(view);
}

/* A card may answer before the SMSC does: SMPP orders a session's PDUs by nothing but the wish to. */
static void a_job_shows_its_attempts_whoever_answers_first(void **state)
{
    (void)state;
    for (uint32_t delay_ms = 0; delay_ms <= 400; delay_ms += 400) {
        struct world_options options = world_options_default(3, 1);
        options.fleet.delay_ms = delay_ms;
        struct world *world = world_create(&options);
        uint32_t job = world_submit(world, 0, WORLD_LONG_SCRIPT, 600, 1);
        assert_true(world_run(world, 120 * WORLD_SECOND, world_all_done));
        world_run(world, 5 * WORLD_SECOND, NULL);
        check_attempts(world, job);
        world_check(world);
        world_destroy(world);
    }
}

static void transport_key_lies_in_secret_memory(void **state)
{
    (void)state;
    struct world_options options = world_options_default(5, 1);
    struct world *world = world_create(&options);
    char path[300];
    snprintf(path, sizeof path, "%s/transport", world->dir.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("00112233445566778899aabbccddeeff\n", file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    world_kill(world);
    world->config.transport_key_file = path;
    world_start(world);
    const struct control *control = &world->topology->control;
    assert_int_equal(control->transport_key_len, 16);
    assert_int_equal(control->transport_key[15], 0xFF);
    check_secret_memory(control->transport_key, control->transport_key_len);
    world_destroy(world);
}

static bool card_ran(struct world *world)
{
    return world->runs == 1;
}

/* The card's answer comes while the disk takes nothing, then all memory is gone. Had the SMSC been
 * told that we have the answer, it would never come again, and the job could not end executed. */
static void an_answer_is_acknowledged_once_it_is_durable(void **state)
{
    (void)state;
    struct world_options options = world_options_default(4, 1);
    struct world *world = world_create(&options);
    world_submit(world, 0, "80CAFF2100", 3600, 1);
    assert_true(world_run(world, 60 * WORLD_SECOND, card_ran));
    world->store_stalls = true;
    world_run(world, 5 * WORLD_SECOND, NULL);
    assert_int_equal(counter_read(&world->topology->edges[0]->counters.uplinks), 1);
    world_kill(world);
    world->store_stalls = false;
    world_start(world);
    assert_true(world_run(world, 1200 * WORLD_SECOND, world_all_done));
    assert_int_equal(world->jobs[0].outcome, JOB_EXECUTED);
    world_check(world);
    world_destroy(world);
}

static void connections_are_as_the_settings_say(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct world_options options = world_options_default(seed, 1);
        struct world *world = world_create(&options);
        const struct net_config *net = &world->topology->edges[0]->ports[0].net->config;
        const struct config_tcp *tcp = &world->config.ports[0].tcp;
        assert_int_equal(net->congestion, tcp->congestion);
        assert_int_equal(net->connect_ms, tcp->connect_ms);
        assert_int_equal(net->give_up_ms, tcp->give_up_ms);
        assert_int_equal(net->keep_alive_ms, tcp->keep_alive_ms);
        assert_int_equal(net->idle_ms, tcp->idle_ms);
        world_destroy(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_as_the_settings_say),
        cmocka_unit_test(one_job_comes_back_executed),
        cmocka_unit_test(a_job_shows_its_attempts_whoever_answers_first),
        cmocka_unit_test(transport_key_lies_in_secret_memory),
        cmocka_unit_test(an_answer_is_acknowledged_once_it_is_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
