/* The HTTP/JSON API (design §6, api/openapi.yaml), on kernel sockets, in the control thread.
 *
 *   fleet, operator  --HTTP-->  api  --api_ops-->  control thread  -->  store, directory, workers
 *                               api  <--api_answer, once durable--
 *
 * The API has no thread and takes no lock: everything, the operations and the answers included,
 * happens in api_turn() and its callers on one thread. A request that waits for the disk is
 * suspended and costs nothing until its answer. It knows nothing of rings, store or directory. */
#ifndef ENGINE_API_API_H
#define ENGINE_API_API_H

#include "base/eid.h"
#include "base/fault.h"
#include "engine/config.h"
#include "engine/job/job.h"
#include "engine/store/record.h"

#include <stdbool.h>

#define API_ATTEMPTS_MAX 64

/* Where a job stands while it has no result. */
enum api_job_state { API_JOB_WAITING, API_JOB_IN_FLIGHT, API_JOB_FINAL };

/* Everything `GET /v1/jobs/{id}` shows. */
struct api_job {
    struct job job;
    enum api_job_state state;
    struct record_result result; /* API_JOB_FINAL; its answer points into answer[] */
    uint8_t answer[RECORD_ANSWER_MAX];
    uint32_t attempt_count;
    struct record_attempt attempts[API_ATTEMPTS_MAX]; /* oldest first */
};

/* One line of /metrics. All samples of one name come in a row. */
struct api_metric {
    const char *name;   /* "starling_jobs_accepted_total" */
    const char *help;   /* a sentence */
    const char *type;   /* "counter", "gauge", "histogram", "summary" */
    const char *labels; /* "stage=\"open\",err=\"cc\"", or "" */
    double value;
    const char *suffix; /* of the sample's name, in a histogram: "_bucket"; or "" */
};

typedef void api_metric_emit(void *arg, const struct api_metric *metric);
/* One result with its sequence. False: enough, stop here; this one was not taken. */
typedef bool api_result_emit(void *arg, uint64_t sequence, const struct record_result *result);
/* One device as a JSON object without keys, no newline. False: enough. */
typedef bool api_device_emit(void *arg, struct span json);

/* What the control thread does for the API. All calls come from within api_turn().
 *
 * An operation with a `cookie` that returns ERR_OK is answered later, exactly once, by api_answer()
 * with that cookie, when it is durable (also after the client has gone away: such an answer is
 * ignored). One that returns an error is over. ERR_THROTTLED means "no room this turn": the upload
 * is held back and the same item is offered again when has_room() says so. */
struct api_ops {
    void *ctx;

    /* Wall clock, ms since 1970. */
    uint64_t (*now_ms)(void *ctx);

    /* Whether an upload that was held back would now get further. Asked every turn. */
    bool (*has_room)(void *ctx);

    /* The job is valid but for what only the directory knows; borrowed for the call.
     * ERR_UNKNOWN: no such device (404). ERR_FULL: more waiting than configured (429).
     * Other errors of the device (no key set, no MSISDN): ERR_KEY, ERR_UNREACHABLE (409), with the
     * sentence in `fault`. Answered with the job's id; with ERR_DUPLICATE and the earlier job's id
     * when the client's idempotency key names the same job; ERR_CONFLICT when it names another. */
    enum err (*job_submit)(void *ctx, const struct job *job, uint64_t cookie, struct fault *fault);
    /* ERR_UNKNOWN also for another client's job. */
    enum err (*job_get)(void *ctx, uint32_t client, uint64_t id, struct api_job *out);
    /* Answered with ERR_OK (nothing left: cancelled), ERR_CONFLICT (in flight: repetitions stop) or
     * ERR_UNEXPECTED (already final); ERR_UNKNOWN at once or as the answer. */
    enum err (*job_cancel)(void *ctx, uint32_t client, uint64_t id, uint64_t cookie);

    /* One EIS as JSON. `eid` is the one of the path, or NULL for a line of a bulk. A bad EIS is
     * ERR_MALFORMED with the sentence in `fault`. Answered with ERR_OK, id 1 when it is a first
     * registration, 0 when an update. */
    enum err (*device_put)(void *ctx, const struct eid *eid, struct span eis, uint64_t cookie,
                           struct fault *fault);
    enum err (*device_remove)(void *ctx, const struct eid *eid, uint64_t cookie);
    enum err (*device_get)(void *ctx, const struct eid *eid, api_device_emit *emit, void *arg);
    /* In order of EID, those above `after` (NULL: from the first), at most `max`. */
    enum err (*device_list)(void *ctx, const struct eid *after, uint32_t max, api_device_emit *emit,
                            void *arg);

    /* Durable results of one client with a sequence above `after`, in order, at most `max`.
     * ERR_STALE: some of them were trimmed already (410). */
    enum err (*results_read)(void *ctx, uint32_t client, uint64_t after, uint32_t max,
                             api_result_emit *emit, void *arg);
    /* The client's highest durable sequence; 0: none yet. Asked every turn: keep it in memory. */
    uint64_t (*results_durable)(void *ctx, uint32_t client);

    void (*metrics)(void *ctx, api_metric_emit *emit, void *arg);
    /* Whether jobs could leave now; when not, *why is a sentence. */
    bool (*ready)(void *ctx, const char **why);
};

struct api;

/* Reads the token files, binds and listens; `config`, `ops` and what they point to must outlive it.
 * `jobs` gives defaults and bounds for new jobs. ERR_IO or ERR_MALFORMED with `fault` set. */
MUST_CHECK enum err api_create(const struct config_api *config, const struct config_jobs *jobs,
                               const struct api_ops *ops, struct api **out, struct fault *fault);

/* The port in use (config may say 0 in tests). */
uint16_t api_port(const struct api *api);

/* Serves what is ready, waiting at most `timeout_ms` for it. Call often, also when
 * nobody asks: result streams are looked at here. */
void api_turn(struct api *api, uint32_t timeout_ms);

/* The answer to an operation with this cookie. Takes effect in the next api_turn(). */
void api_answer(struct api *api, uint64_t cookie, enum err err, uint64_t id);

/* Shutdown, step one: new requests get 503, result streams end; requests that wait for an answer go
 * on. api_idle() tells when none is left. */
void api_drain(struct api *api);
bool api_idle(const struct api *api);

void api_destroy(struct api *api);

#endif
