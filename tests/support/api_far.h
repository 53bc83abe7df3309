/* The far ends of the API in its test: a control thread that keeps what it is given and answers when
 * told to, and an HTTP client over loopback. Both take turns with the server on one thread; nothing
 * waits for time. Whatever is answered is held against engine/api/openapi.yaml. */
#ifndef TESTS_SUPPORT_API_FAR_H
#define TESTS_SUPPORT_API_FAR_H

#include "engine/api/api.h"
#include "tests/support/support.h"

#define EID_1 "89001012012341234012345678901224"
#define EID_UNKNOWN "89001012012341234012345678901321"
#define TOKEN_A "0123456789abcdef-token-a"
#define TOKEN_B "0123456789abcdef-token-b"
#define AUDIT "{\"eid\":\"" EID_1 "\",\"type\":\"audit\"}"
#define NOW_MS 1795356309250u
#define PENDING_MAX 4096

/* What the control thread would keep. */
struct world {
    struct api *api;
    struct {
        uint64_t cookie, id;
        enum err err;
    } pending[PENDING_MAX];
    uint32_t pending_count, room; /* room: items taken before ERR_THROTTLED */
    uint64_t next_id, now_ms;
    uint32_t client;
    uint32_t submitted;
    enum err submit;      /* what job_submit returns */
    enum err answer;      /* what it is answered with */
    uint64_t results;     /* durable results of client 0 */
    uint64_t results_cut; /* trimmed up to here */
    enum err device;      /* what device operations are answered with */
    bool created;
    bool ready;
    struct job last;
};
extern struct world world;

/* The group commit: answers everything, last first, as nothing promises an order. */
void commit(void);

/* Per test: a server with two clients, a and b. */
extern struct config_api api_config;
extern const struct config_jobs api_jobs;
extern const struct api_ops api_world_ops;
int api_set_up(void **state);
int api_tear_down(void **state);
void token_write(const char *path, const char *token);

struct client {
    int socket;
    size_t len;
    bool closed;
    char *text; /* everything that came */
};

void client_open(struct client *client);
/* One turn of both. */
void client_turn(struct client *client);
void client_send(struct client *client, const char *bytes, size_t len);
void client_close(struct client *client);

/* A whole exchange, committing as it goes; the answer lives until the next. */
char *exchange(const char *method, const char *path, const char *token, const char *type,
               const char *body);
void check_answer(const char *answer, unsigned status, const char *holds);

#define GET(path) exchange("GET", (path), TOKEN_A, NULL, NULL)
#define POST_JOB(body) exchange("POST", "/v1/jobs", TOKEN_A, "application/json", (body))
#define POST_JOBS(body) exchange("POST", "/v1/jobs", TOKEN_A, "application/x-ndjson", (body))

/* Per group. The test runs last: everything that the file describes was answered by then. */
int load_openapi(void **state);
int drop_openapi(void **state);
void check_described(const char *method, const char *path, const char *answer);
void openapi_describes_nothing_that_is_not_there(void **state);

#endif
