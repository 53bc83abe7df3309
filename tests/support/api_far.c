/* A control thread and an HTTP client for the API's test. */
#include "tests/support/api_far.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define ANSWER_CAP (1u << 20)

struct world world;

static uint64_t now_ms(void *ctx)
{
    (void)ctx;
    return world.now_ms;
}

static enum err keep(uint64_t cookie, enum err err, uint64_t id)
{
    if (world.room == 0)
        return ERR_THROTTLED;
    world.room--;
    assert_true(world.pending_count < PENDING_MAX);
    world.pending[world.pending_count].cookie = cookie;
    world.pending[world.pending_count].err = err;
    world.pending[world.pending_count++].id = id;
    return ERR_OK;
}

static bool has_room(void *ctx)
{
    (void)ctx;
    return world.room > 0;
}

void commit(void)
{
    while (world.pending_count > 0) {
        world.pending_count--;
        api_answer(world.api, world.pending[world.pending_count].cookie,
                   world.pending[world.pending_count].err, world.pending[world.pending_count].id);
    }
    world.room = PENDING_MAX;
}

static enum err job_submit(void *ctx, const struct job *job, uint64_t cookie, struct fault *fault)
{
    (void)ctx;
    struct eid known;
    assert_int_equal(eid_read(span_text(EID_1), &known), ERR_OK);
    if (memcmp(&known, &job->eid, sizeof known) != 0)
        return ERR_UNKNOWN;
    if (world.submit != ERR_OK) {
        fault_set(fault, "refused by the test");
        return world.submit;
    }
    enum err err = keep(cookie, world.answer, world.next_id + 1);
    if (err != ERR_OK)
        return err;
    world.next_id++;
    world.submitted++;
    world.last = *job;
    return ERR_OK;
}

static enum err job_get(void *ctx, uint32_t client, uint64_t id, struct api_job *out)
{
    (void)ctx;
    if (id != 7 || client != 0)
        return ERR_UNKNOWN;
    memset(out, 0, sizeof *out);
    out->job.id = 7;
    assert_int_equal(eid_read(span_text(EID_1), &out->job.eid), ERR_OK);
    out->job.kind = JOB_AUDIT;
    out->job.accepted_ms = NOW_MS;
    out->job.expiry_ms = NOW_MS + 1000;
    memcpy(out->job.key, "a\"b", 3);
    out->job.key_len = 3;
    out->state = API_JOB_FINAL;
    out->result.outcome = JOB_UNCONFIRMED;
    out->result.reason = ERR_TIMEOUT;
    out->result.por_status = 2;
    out->result.finished_ms = NOW_MS + 500;
    static const uint8_t answer[] = { 0, 2, 0x90, 0x00, 0, 4, 0xFF, 0x21, 0x6A, 0x88 };
    memcpy(out->answer, answer, sizeof answer);
    out->result.answer = span_of(out->answer, sizeof answer);
    out->attempt_count = 1;
    out->attempts[0] = (struct record_attempt){
        .attempt = 1, .part_count = 2, .state = 2, .at_ms = NOW_MS, .message_id = "m-1"
    };
    return ERR_OK;
}

/* By id: 7 waits, 8 is in flight, 9 final, others unknown. */
static enum err job_cancel(void *ctx, uint32_t client, uint64_t id, uint64_t cookie)
{
    (void)ctx;
    if (client != 0 || id < 7 || id > 9)
        return ERR_UNKNOWN;
    return keep(cookie, id == 7 ? ERR_OK : id == 8 ? ERR_CONFLICT : ERR_UNEXPECTED, 0);
}

static enum err device_put(void *ctx, const struct eid *eid, struct span eis, uint64_t cookie,
                           struct fault *fault)
{
    (void)ctx;
    if (eis.len == 0 || eis.bytes[0] != '{') {
        fault_set(fault, "not an object");
        return ERR_MALFORMED;
    }
    return keep(cookie, world.device, eid == NULL || world.created);
}

static enum err device_remove(void *ctx, const struct eid *eid, uint64_t cookie)
{
    struct eid known;
    (void)ctx;
    assert_int_equal(eid_read(span_text(EID_1), &known), ERR_OK);
    return memcmp(&known, eid, sizeof known) == 0 ? keep(cookie, world.device, 0) : ERR_UNKNOWN;
}

static enum err device_get(void *ctx, const struct eid *eid, api_device_emit *emit, void *arg)
{
    struct eid known;
    (void)ctx;
    assert_int_equal(eid_read(span_text(EID_1), &known), ERR_OK);
    if (memcmp(&known, eid, sizeof known) != 0)
        return ERR_UNKNOWN;
    emit(arg, span_text("{\"eid\":\"" EID_1 "\"}"));
    return ERR_OK;
}

static enum err device_list(void *ctx, const struct eid *after, uint32_t max, api_device_emit *emit,
                            void *arg)
{
    (void)ctx;
    for (uint32_t i = 0; i < max && i < 3 && after == NULL; i++)
        emit(arg, span_text("{}"));
    return ERR_OK;
}

static enum err results_read(void *ctx, uint32_t client, uint64_t after, uint32_t max,
                             api_result_emit *emit, void *arg)
{
    (void)ctx;
    assert_int_equal(client, 0);
    if (after < world.results_cut)
        return ERR_STALE;
    for (uint64_t i = after + 1; i <= world.results && max-- > 0; i++) {
        struct record_result result = { .job_id = 100 + i,
                                        .outcome = JOB_EXECUTED,
                                        .por_status = 0,
                                        .attempts = 1,
                                        .accepted_ms = NOW_MS,
                                        .finished_ms = NOW_MS };
        assert_int_equal(eid_read(span_text(EID_1), &result.eid), ERR_OK);
        if (!emit(arg, i, &result))
            break;
    }
    return ERR_OK;
}

static uint64_t results_durable(void *ctx, uint32_t client)
{
    (void)ctx;
    return client == 0 ? world.results : 0;
}

static void metrics(void *ctx, api_metric_emit *emit, void *arg)
{
    (void)ctx;
    static const struct api_metric some[] = {
        { "starling_drops_total", "Drops.", "counter", "stage=\"open\",err=\"cc\"", 3, "" },
        { "starling_drops_total", "Drops.", "counter", "stage=\"open\",err=\"tar\"", 0.5, "" },
        { "starling_wait_seconds", "Wait.", "histogram", "le=\"+Inf\"", 2, "_bucket" },
        { "starling_wait_seconds", "Wait.", "histogram", "", 2, "_count" },
    };
    for (size_t i = 0; i < COUNT(some); i++)
        emit(arg, &some[i]);
}

static bool ready(void *ctx, const char **why)
{
    (void)ctx;
    *why = "no bind is up";
    return world.ready;
}

const struct api_ops api_world_ops = {
    .now_ms = now_ms,
    .has_room = has_room,
    .job_submit = job_submit,
    .job_get = job_get,
    .job_cancel = job_cancel,
    .device_put = device_put,
    .device_remove = device_remove,
    .device_get = device_get,
    .device_list = device_list,
    .results_read = results_read,
    .results_durable = results_durable,
    .metrics = metrics,
    .ready = ready,
};

/* ---- The far end ------------------------------------------------------------------------------ */

static char host[] = "127.0.0.1", name_a[] = "a", name_b[] = "b";
static char file_a[] = "/tmp/starling-test-token-a-XXXXXX";
static char file_b[] = "/tmp/starling-test-token-b-XXXXXX";
struct config_api api_config = { .host = host,
                                 .clients = { { name_a, file_a }, { name_b, file_b } },
                                 .client_count = 2 };
const struct config_jobs api_jobs = { .segments_max = 5, .expiry_s = 3600 };

void token_write(const char *path, const char *token)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fprintf(file, "%s\n", token) > 0);
    assert_int_equal(fclose(file), 0);
}

int api_set_up(void **state)
{
    (void)state;
    memset(file_a + strlen(file_a) - 6, 'X', 6); /* a template again */
    memset(file_b + strlen(file_b) - 6, 'X', 6);
    int a = mkstemp(file_a), b = mkstemp(file_b);
    if (a < 0 || b < 0)
        return -1;
    close(a);
    close(b);
    token_write(file_a, TOKEN_A);
    token_write(file_b, TOKEN_B);
    world = (struct world){ .room = PENDING_MAX, .ready = true, .now_ms = NOW_MS };
    struct fault fault = { "" };
    enum err err = api_create(&api_config, &api_jobs, &api_world_ops, &world.api, &fault);
    assert_string_equal(fault.text, "");
    return err == ERR_OK ? 0 : -1;
}

int api_tear_down(void **state)
{
    (void)state;
    api_destroy(world.api);
    unlink(file_a);
    unlink(file_b);
    return 0;
}

void client_open(struct client *client)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(api_port(world.api)) };
    *client = (struct client){ .socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    client->text = calloc(1, ANSWER_CAP);
    assert_non_null(client->text);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(client->socket, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(client->socket, F_SETFL, O_NONBLOCK), 0);
}

/* One turn of both. */
void client_turn(struct client *client)
{
    api_turn(world.api, 1);
    ssize_t got = recv(client->socket, client->text + client->len, ANSWER_CAP - 1 - client->len, 0);
    if (got > 0)
        client->len += (size_t)got;
    else if (got == 0)
        client->closed = true;
    client->text[client->len] = '\0';
}

void client_send(struct client *client, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(client->socket, bytes, len, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            len -= (size_t)sent;
        } else {
            assert_int_equal(errno, EAGAIN);
        }
        client_turn(client);
    }
}

void client_close(struct client *client)
{
    close(client->socket);
    free(client->text);
}

/* ---- openapi.yaml ----------------------------------------------------------------------------- */

static yaml_document_t openapi;

static yaml_node_t *member(yaml_node_t *node, const char *key)
{
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         node->type == YAML_MAPPING_NODE && pair < node->data.mapping.pairs.top; pair++)
        if (strcmp((char *)yaml_document_get_node(&openapi, pair->key)->data.scalar.value, key) ==
            0)
            return yaml_document_get_node(&openapi, pair->value);
    return NULL;
}

/* "/v1/jobs/7?x" as the file writes it: "/v1/jobs/{id}". */
static void template_of(const char *path, char *out, size_t cap)
{
    size_t len = strcspn(path, "?");
    if (strncmp(path, "/v1/jobs/", 9) == 0)
        snprintf(out, cap, "/v1/jobs/{id}");
    else if (strncmp(path, "/v1/devices/", 12) == 0)
        snprintf(out, cap, "/v1/devices/{eid}");
    else
        snprintf(out, cap, "%.*s", (int)len, path);
}

static unsigned status_of(const char *answer)
{
    char *end;
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    unsigned long status = strtoul(answer + 9, &end, 10);
    assert_true(end == answer + 12);
    return (unsigned)status;
}

#define SEEN_MAX 128
static char seen[SEEN_MAX][64]; /* "get /v1/jobs/{id} 200" */
static size_t seen_count;

/* The file describes what was answered; 404 for no such path and 405 need no description. */
void check_described(const char *method, const char *path, const char *answer)
{
    char name[40], verb[8] = "", status[8], key[64];
    unsigned code = status_of(answer);
    template_of(path, name, sizeof name);
    for (size_t i = 0; method[i] != '\0' && i + 1 < sizeof verb; i++)
        verb[i] = (char)(method[i] | 0x20);
    snprintf(status, sizeof status, "%u", code);
    snprintf(key, sizeof key, "%s %s %u", verb, name, code);
    if (code == 405 || strstr(answer, "no such path") != NULL)
        return;
    yaml_node_t *at = member(member(yaml_document_get_root_node(&openapi), "paths"), name);
    at = at != NULL ? member(at, verb) : NULL;
    at = at != NULL ? member(at, "responses") : NULL;
    if (at == NULL || member(at, status) == NULL)
        fail_msg("openapi.yaml does not describe: %s", key);
    for (size_t i = 0; i < seen_count; i++)
        if (strcmp(seen[i], key) == 0)
            return;
    assert_true(seen_count < SEEN_MAX);
    snprintf(seen[seen_count++], sizeof seen[0], "%s", key);
}

/* Every path, method and status of the file was answered by some test, but for what only a failing
 * disk or a shutdown brings. Runs last. */
void openapi_describes_nothing_that_is_not_there(void **state)
{
    (void)state;
    yaml_node_t *paths = member(yaml_document_get_root_node(&openapi), "paths");
    for (yaml_node_pair_t *p = paths->data.mapping.pairs.start; p < paths->data.mapping.pairs.top;
         p++) {
        const char *path = (char *)yaml_document_get_node(&openapi, p->key)->data.scalar.value;
        yaml_node_t *methods = yaml_document_get_node(&openapi, p->value);
        for (yaml_node_pair_t *m = methods->data.mapping.pairs.start;
             m < methods->data.mapping.pairs.top; m++) {
            yaml_node_t *responses =
                member(yaml_document_get_node(&openapi, m->value), "responses");
            for (yaml_node_pair_t *r = responses == NULL ? NULL
                                                         : responses->data.mapping.pairs.start;
                 r != NULL && r < responses->data.mapping.pairs.top; r++) {
                char key[64];
                bool found = false;
                snprintf(key, sizeof key, "%s %s %s",
                         (char *)yaml_document_get_node(&openapi, m->key)->data.scalar.value, path,
                         (char *)yaml_document_get_node(&openapi, r->key)->data.scalar.value);
                for (size_t i = 0; i < seen_count; i++)
                    found = found || strcmp(seen[i], key) == 0;
                if (!found && strstr(key, " 503") == NULL)
                    fail_msg("no test was answered as openapi.yaml describes: %s", key);
            }
        }
    }
}

int load_openapi(void **state)
{
    (void)state;
    char *text = test_file("../engine/api/openapi.yaml");
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return -1;
    yaml_parser_set_input_string(&parser, (unsigned char *)text, strlen(text));
    int loaded = yaml_parser_load(&parser, &openapi);
    yaml_parser_delete(&parser);
    free(text);
    return loaded ? 0 : -1;
}

int drop_openapi(void **state)
{
    (void)state;
    yaml_document_delete(&openapi);
    return 0;
}

/* A whole exchange, committing as it goes; the answer lives until the next. */
char *exchange(const char *method, const char *path, const char *token, const char *type,
               const char *body)
{
    static char *kept;
    struct client client;
    char head[1024];
    size_t len = body != NULL ? strlen(body) : 0;
    int head_len = snprintf(head, sizeof head,
                            "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s%s%s%s%s%s"
                            "Content-Length: %zu\r\n\r\n",
                            method, path, token != NULL ? "Authorization: Bearer " : "",
                            token != NULL ? token : "", token != NULL ? "\r\n" : "",
                            type != NULL ? "Content-Type: " : "", type != NULL ? type : "",
                            type != NULL ? "\r\n" : "", len);
    client_open(&client);
    client_send(&client, head, (size_t)head_len);
    if (len > 0)
        client_send(&client, body, len);
    for (int turn = 0; turn < 100000 && !client.closed; turn++) {
        client_turn(&client);
        commit();
    }
    assert_true(client.closed);
    free(kept);
    kept = client.text;
    client.text = NULL;
    client_close(&client);
    check_described(method, path, kept);
    return kept;
}

void check_answer(const char *answer, unsigned status, const char *holds)
{
    if (status_of(answer) != status || strstr(answer, holds) == NULL)
        fail_msg("wanted %u with \"%s\", got: %s", status, holds, answer);
}
