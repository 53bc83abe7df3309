/* The HTTP API over loopback: tokens, statuses, order of a bulk, back-pressure, streams. */
#include "engine/api/api_request.h"
#include "tests/support/api_far.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* ---- Tests ------------------------------------------------------------------------------------ */

static void a_token_is_asked_and_names_the_client(void **state)
{
    (void)state;
    static const char *const wrong[] = { NULL, "x", "0123456789abcdef-token-c",
                                         "0123456789abcdef-token-aa", "0123456789abcdef-token-" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        check_answer(exchange("GET", "/v1/jobs/7", wrong[i], NULL, NULL), 401,
                     "WWW-Authenticate: Bearer");
        check_answer(exchange("POST", "/v1/jobs", wrong[i], "application/json", AUDIT), 401,
                     "\"error\":");
    }
    assert_int_equal(world.submitted, 0);
    check_answer(exchange("POST", "/v1/jobs", TOKEN_B, "application/json", AUDIT), 202, "\"id\"");
    assert_int_equal(world.last.client, 1);
    check_answer(GET("/v1/jobs/7"), 200, "\"id\":\"7\"");
    check_answer(exchange("GET", "/v1/jobs/7", TOKEN_B, NULL, NULL), 404, "of this client");
}

static void one_job_is_answered_only_when_durable(void **state)
{
    (void)state;
    struct client client;
    static const char text[] =
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN_A
        "\r\nContent-Type: application/json\r\nContent-Length: 57\r\n\r\n" AUDIT;
    assert_int_equal(strlen(AUDIT), 57);
    client_open(&client);
    client_send(&client, text, strlen(text));
    for (int i = 0; i < 50; i++)
        client_turn(&client);
    assert_int_equal(world.pending_count, 1);
    assert_int_equal(client.len, 0);
    assert_false(api_idle(world.api));
    commit();
    while (strstr(client.text, "\"}\n") == NULL)
        client_turn(&client);
    check_answer(client.text, 202, "{\"id\":\"1\"}\n");
    client_close(&client);
}

static void outcomes_of_submission_have_their_status(void **state)
{
    (void)state;
    static const struct {
        enum err submit, answer;
        unsigned status;
        const char *holds;
    } cases[] = {
        { ERR_OK, ERR_OK, 202, "{\"id\":\"" },
        { ERR_OK, ERR_DUPLICATE, 200, "\"duplicate\":true" },
        { ERR_OK, ERR_CONFLICT, 409, "\"error\":\"already there, with other contents\"" },
        { ERR_OK, ERR_IO, 503, "Retry-After: 1" },
        { ERR_OK, ERR_IO, 503, "the store cannot be written; try again later" },
        { ERR_FULL, ERR_OK, 429, "Retry-After: 1" },
        { ERR_KEY, ERR_OK, 409, "\"error\":\"refused by the test\"" },
        { ERR_UNREACHABLE, ERR_OK, 409, "refused by the test" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        world.submit = cases[i].submit;
        world.answer = cases[i].answer;
        check_answer(POST_JOB(AUDIT), cases[i].status, cases[i].holds);
    }
    world.submit = world.answer = ERR_OK;
    check_answer(POST_JOB("{\"eid\":\"" EID_UNKNOWN "\",\"type\":\"audit\"}"), 404,
                 "no such thing");
    check_answer(POST_JOB("{\"type\":\"audit\"}"), 400, "\"field\":\"eid\"");
    check_answer(POST_JOB(""), 400, "\"error\":");
}

static void requests_that_do_not_fit_are_told_why(void **state)
{
    (void)state;
    check_answer(exchange("PUT", "/v1/jobs", TOKEN_A, "application/json", AUDIT), 405,
                 "Allow: POST\r\n");
    check_answer(exchange("PATCH", "/v1/devices/" EID_1, TOKEN_A, NULL, NULL), 405,
                 "Allow: PUT, GET, DELETE\r\n");
    check_answer(exchange("POST", "/healthz", NULL, NULL, NULL), 405, "Allow: GET\r\n");
    check_answer(GET("/v2/jobs"), 404, "openapi.yaml");
    check_answer(GET("/v1/jobs/"), 404, "no such path");
    check_answer(GET("/v1/jobs/7/attempts"), 404, "no such path");
    check_answer(GET("/v1/jobs/seven"), 404, "no such job");
    check_answer(GET("/v1/jobs/18446744073709551623"), 404, "no such job"); /* 7 modulo 2^64 */
    check_answer(exchange("POST", "/v1/jobs", TOKEN_A, "text/plain", AUDIT), 415,
                 "application/json, application/x-ndjson");
    check_answer(exchange("POST", "/v1/jobs", TOKEN_A, NULL, AUDIT), 415, "accepted");
    check_answer(exchange("POST", "/v1/devices", TOKEN_A, "application/json", "{}"), 415,
                 "accepted: application/x-ndjson");
    char *large = malloc(70001);
    assert_non_null(large);
    memset(large, ' ', 70000);
    large[70000] = '\0';
    check_answer(POST_JOB(large), 413, "65536");
    free(large);
    assert_int_equal(world.submitted, 0);
}

static void bulk_answers_each_line_in_its_order(void **state)
{
    (void)state;
    const char *answer = POST_JOBS(AUDIT "\n{}\n\n" AUDIT "\r\n{\"eid\":\"" EID_UNKNOWN
                                         "\",\"type\":\"audit\"}\nnonsense\n" AUDIT);
    check_answer(answer, 200, "Content-Type: application/x-ndjson");
    static const char *const wanted[] = {
        "{\"line\":1,\"status\":202,\"id\":\"1\"}\n",
        "{\"line\":2,\"status\":400,\"error\":\"eid is missing",
        "{\"line\":4,\"status\":202,\"id\":\"2\"}\n",
        "{\"line\":5,\"status\":404,\"error\":\"no such thing\"}\n",
        "{\"line\":6,\"status\":400,\"error\":\"not JSON",
        "{\"line\":7,\"status\":202,\"id\":\"3\"}\n",
    };
    for (size_t i = 0; i < COUNT(wanted); i++) {
        answer = strstr(answer, wanted[i]);
        if (answer == NULL)
            fail_msg("line %zu is not there: %s", i, wanted[i]);
    }
    assert_null(strstr(answer, "\"line\":8"));
}

/* 3,000 lines through a control thread that takes 100 a commit. */
static void bulk_is_held_back_while_there_is_no_room(void **state)
{
    (void)state;
    enum { LINES = 3000 };
    char *body = malloc(LINES * sizeof AUDIT + 1);
    assert_non_null(body);
    for (int i = 0; i < LINES; i++)
        memcpy(body + (size_t)i * sizeof AUDIT, AUDIT "\n", sizeof AUDIT);
    size_t len = LINES * sizeof AUDIT;

    struct client client;
    char head[256];
    int head_len = snprintf(head, sizeof head,
                            "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            "Authorization: Bearer " TOKEN_A
                            "\r\nContent-Type: application/x-ndjson\r\nContent-Length: %zu\r\n\r\n",
                            len);
    client_open(&client);
    client_send(&client, head, (size_t)head_len);
    size_t sent = 0;
    for (int turn = 0; turn < 100000 && !client.closed; turn++) {
        ssize_t part = sent < len ? send(client.socket, body + sent, len - sent, MSG_NOSIGNAL) : 0;
        sent += part > 0 ? (size_t)part : 0;
        client_turn(&client);
        assert_true(world.pending_count <= 100 || turn < 2);
        commit();
        world.room = 100;
    }
    assert_true(client.closed);
    assert_int_equal(world.submitted, LINES);
    const char *at = client.text;
    for (int i = 1; i <= LINES; i++) {
        char line[64];
        snprintf(line, sizeof line, "{\"line\":%d,\"status\":202,\"id\":\"%d\"}\n", i, i);
        at = strstr(at, line);
        if (at == NULL)
            fail_msg("missing %s", line);
    }
    client_close(&client);
    free(body);
}

static void overlong_lines_cost_only_themselves(void **state)
{
    (void)state;
    size_t len = 200000;
    char *body = malloc(len + 2 * sizeof AUDIT + 2);
    assert_non_null(body);
    memcpy(body, AUDIT "\n", sizeof AUDIT);
    memset(body + sizeof AUDIT, 'x', len);
    memcpy(body + sizeof AUDIT + len, "\n" AUDIT, sizeof AUDIT + 1);
    const char *answer = POST_JOBS(body);
    check_answer(answer, 200, "{\"line\":1,\"status\":202,");
    check_answer(answer, 200, "{\"line\":2,\"status\":400,\"error\":\"longer than 65536 octets\"}");
    check_answer(answer, 200, "{\"line\":3,\"status\":202,");
    free(body);
}

static void a_client_that_leaves_costs_nothing(void **state)
{
    (void)state;
    struct client client;
    static const char text[] = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN_A
                               "\r\nContent-Type: application/x-ndjson\r\n"
                               "Content-Length: 1000\r\n\r\n" AUDIT "\n" AUDIT "\n{\"ei";
    client_open(&client);
    client_send(&client, text, strlen(text));
    while (world.pending_count < 2)
        client_turn(&client);
    client_close(&client);
    while (!api_idle(world.api))
        api_turn(world.api, 1);
    commit(); /* answers that nobody waits for */
    check_answer(GET("/v1/jobs/7"), 200, "\"id\":\"7\"");
}

static void a_job_is_shown_with_its_attempts(void **state)
{
    (void)state;
    check_answer(
        GET("/v1/jobs/7"), 200,
        "{\"id\":\"7\",\"eid\":\"" EID_1
        "\",\"type\":\"audit\",\"state\":\"final\",\"priority\":0,\"idempotent\":false,"
        "\"key\":\"a\\\"b\",\"acceptedAt\":\"2026-11-22T14:05:09.250Z\","
        "\"expiry\":\"2026-11-22T14:05:10.250Z\",\"outcome\":\"unconfirmed\","
        "\"reason\":\"timeout\",\"porStatus\":\"02\",\"responses\":[\"9000\",\"ff216a88\"],"
        "\"finishedAt\":\"2026-11-22T14:05:09.750Z\",\"attempts\":[{\"attempt\":1,\"part\":1,"
        "\"parts\":2,\"status\":0,\"messageId\":\"m-1\",\"receipt\":\"DELIVERED\","
        "\"at\":\"2026-11-22T14:05:09.250Z\"}]}\n");
}

static void cancelling_says_what_it_could_stop(void **state)
{
    (void)state;
    check_answer(exchange("DELETE", "/v1/jobs/7", TOKEN_A, NULL, NULL), 200,
                 "{\"id\":\"7\",\"outcome\":\"cancelled\"}");
    check_answer(exchange("DELETE", "/v1/jobs/8", TOKEN_A, NULL, NULL), 409, "in flight");
    check_answer(exchange("DELETE", "/v1/jobs/9", TOKEN_A, NULL, NULL), 409, "already final");
    check_answer(exchange("DELETE", "/v1/jobs/10", TOKEN_A, NULL, NULL), 404, "no such job");
    check_answer(exchange("DELETE", "/v1/jobs/7", TOKEN_B, NULL, NULL), 404, "no such job");
}

static void devices_are_put_shown_listed_and_removed(void **state)
{
    (void)state;
    const char *put = "PUT", *json = "application/json", *path = "/v1/devices/" EID_1;
    check_answer(exchange(put, path, TOKEN_A, json, "{\n}\n"), 200, "{\"created\":false}");
    check_answer(exchange(put, path, TOKEN_A, json, "[]"), 400, "{\"error\":\"not an object\"}");
    check_answer(exchange(put, "/v1/devices/89", TOKEN_A, json, "{}"), 400, "names no EID");
    check_answer(exchange("POST", "/v1/devices", TOKEN_A, "application/x-ndjson", "{}\nx\n{}\n"),
                 200, "{\"line\":1,\"status\":201,\"created\":true}\n");
    check_answer(GET("/v1/devices/" EID_1), 200, "\r\n\r\n{\"eid\":\"" EID_1 "\"}\n");
    check_answer(GET("/v1/devices/" EID_UNKNOWN), 404, "no such device");
    check_answer(GET("/v1/devices"), 200, "\r\n\r\n{}\n{}\n{}\n");
    check_answer(GET("/v1/devices?limit=1"), 200, "\r\n\r\n{}\n");
    check_answer(GET("/v1/devices?after=" EID_1), 200, "Content-Length: 0");
    check_answer(GET("/v1/devices?limit=0"), 400, "a number from 1 to 10000");
    check_answer(GET("/v1/devices?after=1"), 400, "32 decimal digits");
    check_answer(exchange("DELETE", path, TOKEN_A, NULL, NULL), 204, "\r\n\r\n");
    check_answer(exchange("DELETE", "/v1/devices/" EID_UNKNOWN, TOKEN_A, NULL, NULL), 404,
                 "no such device");
}

static void results_stream_lives_on_and_ends_at_shutdown(void **state)
{
    (void)state;
    struct client client;
    static const char text[] = "GET /v1/results?after=1 HTTP/1.1\r\nHost: x\r\n"
                               "Authorization: Bearer " TOKEN_A "\r\n\r\n";
    world.results = 2;
    client_open(&client);
    client_send(&client, text, strlen(text));
    while (strstr(client.text, "\"sequence\":2") == NULL)
        client_turn(&client);
    assert_null(strstr(client.text, "\"sequence\":1,"));
    assert_non_null(strstr(client.text,
                           "{\"sequence\":2,\"id\":\"102\",\"eid\":\"" EID_1
                           "\",\"outcome\":\"executed\",\"porStatus\":\"00\",\"attempts\":1,"
                           "\"acceptedAt\":\"2026-11-22T14:05:09.250Z\","
                           "\"finishedAt\":\"2026-11-22T14:05:09.250Z\"}\n"));
    world.results = 1002; /* more than one reading takes */
    while (strstr(client.text, "\"sequence\":1002") == NULL)
        client_turn(&client);
    size_t before = client.len;
    for (int i = 0; i < 20; i++)
        client_turn(&client);
    assert_int_equal(client.len, before);
    world.now_ms += 15000; /* an empty line, so that a dead peer is noticed */
    while (client.len == before)
        client_turn(&client);
    assert_string_equal(client.text + before, "1\r\n\n\r\n");

    api_drain(world.api);
    while (strstr(client.text, "\r\n0\r\n\r\n") == NULL)
        client_turn(&client);
    client_close(&client);
    check_answer(GET("/v1/jobs/7"), 503, "shutting down");
    check_answer(GET("/readyz"), 503, "shutting down");
    check_answer(GET("/healthz"), 200, "alive");
    while (!api_idle(world.api))
        api_turn(world.api, 1);
}

static void results_without_waiting_end_when_drained(void **state)
{
    (void)state;
    world.results = 700;
    const char *answer = GET("/v1/results?wait=0");
    check_answer(answer, 200, "\"sequence\":700,");
    check_answer(GET("/v1/results?wait=0&after=700"), 200, "\r\n\r\n");
    world.results_cut = 5;
    check_answer(GET("/v1/results?wait=0&after=4"), 410, "no longer kept");
    check_answer(GET("/v1/results?after=x"), 400, "the sequence of a result");
    check_answer(GET("/v1/results?after=-1"), 400, "the sequence of a result");
    check_answer(GET("/v1/results?after=+1"), 400, "the sequence of a result");
    check_answer(GET("/v1/results?after=18446744073709551616"), 400, "the sequence of a result");
    check_answer(GET("/v1/results?after=701"), 400, "above the last result");
    check_answer(GET("/v1/results?wait=2"), 400, "0 or 1");
}

/* The rest of what a device can be answered. */
static void devices_refused_have_their_status(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *token, *type, *body;
        enum err err;
        unsigned status;
    } cases[] = {
        { "PUT", "/v1/devices/" EID_1, TOKEN_A, "application/json", "{}", ERR_FULL, 507 },
        { "PUT", "/v1/devices/" EID_1, TOKEN_A, "application/json", "{}", ERR_CONFLICT, 409 },
        { "PUT", "/v1/devices/" EID_1, TOKEN_A, "application/json", "{}", ERR_IO, 503 },
        { "PUT", "/v1/devices/" EID_1, TOKEN_A, "text/xml", "<x/>", ERR_OK, 415 },
        { "PUT", "/v1/devices/" EID_1, NULL, "application/json", "{}", ERR_OK, 401 },
        { "POST", "/v1/devices", NULL, "application/x-ndjson", "{}", ERR_OK, 401 },
        { "GET", "/v1/devices", NULL, NULL, NULL, ERR_OK, 401 },
        { "GET", "/v1/devices/" EID_1, NULL, NULL, NULL, ERR_OK, 401 },
        { "DELETE", "/v1/devices/" EID_1, NULL, NULL, NULL, ERR_OK, 401 },
        { "DELETE", "/v1/devices/" EID_1, TOKEN_A, NULL, NULL, ERR_UNEXPECTED, 409 },
        { "DELETE", "/v1/jobs/7", NULL, NULL, NULL, ERR_OK, 401 },
        { "GET", "/v1/results", NULL, NULL, NULL, ERR_OK, 401 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        world.device = cases[i].err;
        check_answer(
            exchange(cases[i].method, cases[i].path, cases[i].token, cases[i].type, cases[i].body),
            cases[i].status, "");
    }
    world.device = ERR_OK;
    world.created = true;
    check_answer(exchange("PUT", "/v1/devices/" EID_1, TOKEN_A, "application/json", "{}"), 201,
                 "{\"created\":true}");
    char *large = malloc(70001);
    assert_non_null(large);
    memset(large, ' ', 70000);
    large[70000] = '\0';
    check_answer(exchange("PUT", "/v1/devices/" EID_1, TOKEN_A, "application/json", large), 413,
                 "65536");
    free(large);
}

/* A bulk says its length first: what is too much is refused before it is sent. */
static void bulk_that_is_too_long_is_refused_at_its_head(void **state)
{
    (void)state;
    static const char *const paths[] = { "/v1/jobs", "/v1/devices" };
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct client client;
        char head[256];
        int len = snprintf(head, sizeof head,
                           "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN_A
                           "\r\nContent-Type: application/x-ndjson\r\n"
                           "Content-Length: 300000000\r\n\r\n",
                           paths[i]);
        client_open(&client);
        client_send(&client, head, (size_t)len);
        while (strstr(client.text, "256 MiB at a time") == NULL && !client.closed)
            client_turn(&client);
        check_answer(client.text, 413, "256 MiB at a time");
        check_described("POST", paths[i], client.text);
        client_close(&client);
    }
}

static void health_readiness_and_metrics_need_no_token(void **state)
{
    (void)state;
    check_answer(exchange("GET", "/healthz", NULL, NULL, NULL), 200, "{\"status\":\"alive\"}");
    check_answer(exchange("GET", "/readyz", NULL, NULL, NULL), 200, "{\"status\":\"ready\"}");
    world.ready = false;
    check_answer(exchange("GET", "/readyz", NULL, NULL, NULL), 503, "no bind is up");
    check_answer(exchange("GET", "/metrics", NULL, NULL, NULL), 200,
                 "# HELP starling_drops_total Drops.\n# TYPE starling_drops_total counter\n"
                 "starling_drops_total{stage=\"open\",err=\"cc\"} 3\n"
                 "starling_drops_total{stage=\"open\",err=\"tar\"} 0.5\n"
                 "# HELP starling_wait_seconds Wait.\n# TYPE starling_wait_seconds histogram\n"
                 "starling_wait_seconds_bucket{le=\"+Inf\"} 2\nstarling_wait_seconds_count 2\n");
}

static void noise_is_answered_or_closed(void **state)
{
    (void)state;
    static const char *const noise[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    for (size_t i = 0; i < COUNT(noise); i++) {
        struct client client;
        client_open(&client);
        client_send(&client, noise[i], strlen(noise[i]));
        for (int turn = 0; turn < 20; turn++)
            client_turn(&client);
        client_close(&client);
    }
    check_answer(GET("/v1/jobs/7"), 200, "\"id\":\"7\"");
}

static void token_files_are_judged_at_start(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        mode_t mode;
        const char *said;
    } cases[] = {
        { "short", 0600, "holds no token; accepted: one line of 16 to 256" },
        { "", 0600, "holds no token" },
        { "0123456789 abcdef", 0600, "holds no token" },
        { TOKEN_A, 0600, "the same token as that of client a" },
        { TOKEN_B, 0604, "everybody may read it; run: chmod 600" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct api *other = NULL;
        struct fault fault = { "" };
        token_write(api_config.clients[1].token_file, cases[i].token);
        assert_int_equal(chmod(api_config.clients[1].token_file, cases[i].mode), 0);
        check_err(cases[i].said, api_create(&api_config, &api_jobs, &api_world_ops, &other, &fault),
                  ERR_MALFORMED);
        if (strstr(fault.text, cases[i].said) == NULL || strstr(fault.text, TOKEN_A) != NULL)
            fail_msg("said \"%s\"", fault.text);
    }
    struct config_api taken = api_config;
    struct api *other = NULL;
    struct fault fault = { "" };
    taken.client_count = 1;
    taken.port = api_port(world.api);
    check_err("port taken", api_create(&taken, &api_jobs, &api_world_ops, &other, &fault), ERR_IO);
    assert_non_null(strstr(fault.text, "cannot listen on 127.0.0.1 port"));
}

static void tokens_lie_in_secret_memory(void **state)
{
    (void)state;
    const struct api_token *tokens = world.api->tokens;
    assert_int_not_equal(tokens[0].bytes[0], 0);
    check_secret_memory(tokens, CONFIG_CLIENTS_MAX * sizeof *tokens);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, api_set_up, api_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_token_is_asked_and_names_the_client),
        EACH(one_job_is_answered_only_when_durable),
        EACH(outcomes_of_submission_have_their_status),
        EACH(requests_that_do_not_fit_are_told_why),
        EACH(bulk_answers_each_line_in_its_order),
        EACH(bulk_is_held_back_while_there_is_no_room),
        EACH(overlong_lines_cost_only_themselves),
        EACH(a_client_that_leaves_costs_nothing),
        EACH(a_job_is_shown_with_its_attempts),
        EACH(cancelling_says_what_it_could_stop),
        EACH(tokens_lie_in_secret_memory),
        EACH(devices_are_put_shown_listed_and_removed),
        EACH(results_stream_lives_on_and_ends_at_shutdown),
        EACH(results_without_waiting_end_when_drained),
        EACH(devices_refused_have_their_status),
        EACH(bulk_that_is_too_long_is_refused_at_its_head),
        EACH(health_readiness_and_metrics_need_no_token),
        EACH(noise_is_answered_or_closed),
        EACH(token_files_are_judged_at_start),
        cmocka_unit_test(openapi_describes_nothing_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, load_openapi, drop_openapi);
}
