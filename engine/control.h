/* The control side: intake, devices, results, the API. READ THIRD. An ordinary thread that may
 * sleep; the only writer of the directory; nothing durable happens but through the store thread.
 *
 *   API ─▶ job ─▶ store ─ durable ─▶ 202, and admitted to its worker
 *   API ─▶ EIS ─▶ store ─ durable ─▶ directory, 200
 *   API ◀─ results log (read here, written by the store thread) */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include "base/counter.h"
#include "crypto/kek.h"
#include "engine/api/api.h"
#include "engine/clock.h"
#include "engine/device/directory.h"
#include "engine/device/eis.h"
#include "engine/store/store.h"
#include "engine/store/store_thread.h"

/* Where answers to operations go: api_answer, or a test's own. */
typedef void control_answer(void *ctx, uint64_t cookie, enum err err, uint64_t id);

/* Name, what is counted. */
#define CONTROL_COUNTERS(X)                                                                        \
    X(jobs_accepted, "Jobs accepted: durable and answered so.")                                    \
    X(jobs_repeated, "Jobs not accepted again: the idempotency key named an earlier one.")         \
    X(jobs_refused, "Jobs refused, whatever the reason.")                                          \
    X(devices_put, "Devices registered or updated.")                                               \
    X(devices_removed, "Devices removed.")                                                         \
    X(msisdn_moved, "Numbers that an enabled profile took over from another device.")              \
    X(cancels, "Cancellations asked for.")                                                         \
    X(uplinks_replayed, "Messages from devices read again from the store at start.")               \
    X(commands_resumed, "Commands in flight taken up again at start.")

struct control_counters {
#define CONTROL_COUNTER(name, help) struct counter name;
    CONTROL_COUNTERS(CONTROL_COUNTER)
#undef CONTROL_COUNTER
};

struct control {
    const struct config *config;
    struct directory *directory;
    struct store *store;
    struct store_thread *store_thread;
    struct kek *kek;
    struct lanes *lanes;
    uint8_t *transport_key;     /* in locked memory; NULL: EIS keys come in clear */
    uint32_t transport_key_len; /* octets */

    struct channel *to_store;                      /* producer */
    struct channel *to_worker[CONFIG_WORKERS_MAX]; /* producer */
    uint32_t worker_count;
    uint64_t admitted[CONFIG_WORKERS_MAX]; /* jobs given to the store for this worker */

    struct msg **held; /* durable jobs whose worker's channel is full: ring of to_store's quota */
    uint32_t held_cap, held_head, held_count;

    uint32_t devices_coming; /* unknown ones on their way to the store */

    uint64_t now_ms;
    struct clock clock;
    uint64_t stamp_ns; /* of this turn */
    bool is_open;      /* start-up is over: jobs may leave */
    control_answer *answer;
    void *answer_ctx;
    struct control_counters counters;
};

/* Channels, store and directory are set before. ERR_NO_MEMORY, ERR_IO with a fault. */
MUST_CHECK enum err control_init(struct control *control, struct fault *fault);
void control_fini(struct control *control);

/* One turn: what came home from store and workers. True when it did something. The API's turn, if
 * there is one, is its caller's. */
bool control_turn(struct control *control, uint64_t now_ms);

/* Jobs accepted for a worker that have no durable result yet. */
uint64_t control_waiting(const struct control *control, uint32_t worker);

/* The operations behind the API; ctx is the control. metrics and ready are the engine's. */
bool control_has_room(void *ctx);
enum err control_job_submit(void *ctx, const struct job *job, uint64_t cookie, struct fault *fault);
enum err control_job_get(void *ctx, uint32_t client, uint64_t id, struct api_job *out);
enum err control_job_cancel(void *ctx, uint32_t client, uint64_t id, uint64_t cookie);
enum err control_device_put(void *ctx, const struct eid *eid, struct span eis, uint64_t cookie,
                            struct fault *fault);
enum err control_device_remove(void *ctx, const struct eid *eid, uint64_t cookie);
enum err control_device_get(void *ctx, const struct eid *eid, api_device_emit *emit, void *arg);
enum err control_device_list(void *ctx, const struct eid *after, uint32_t max,
                             api_device_emit *emit, void *arg);
enum err control_results_read(void *ctx, uint32_t client, uint64_t after, uint32_t max,
                              api_result_emit *emit, void *arg);
uint64_t control_results_durable(void *ctx, uint32_t client);

/* The worker that owns a device. */
static inline uint32_t control_worker_of(const struct control *control, const struct eid *eid)
{
    return eid_slot(eid) % control->worker_count;
}

/* An empty message for a worker, or NULL: none is free. */
struct msg *control_worker_msg(struct control *control, uint32_t worker, enum msg_kind kind);

#endif
