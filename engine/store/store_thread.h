/* The store thread: the only one that commits. Each turn gathers what workers, edges and control
 * sent, applies it in one writing transaction, flushes once, and returns the messages answered.
 *
 *   kind           in                             home
 *   JOB_PUT        body: job record, id 0         id; ERR_DUPLICATE: same client, key and contents,
 *                                                 id is the earlier job's; ERR_CONFLICT: other
 *                                                 contents; ERR_IO, ERR_FULL: not taken
 *   FETCH_JOB      id; STORE_FETCH_EXACT: eid,    body: job record; STORE_EXACT_KNOWN: value is the
 *                  status = key set id            last CNTR; ERR_UNKNOWN, ERR_CORRUPT,
 *                                                 ERR_OUT_OF_STEP
 *   FETCH_COMMAND  id                             body: command record, packet unwrapped
 *   COMMIT         body: command record           replaces one of the same id
 *   ATTEMPT        body: attempt record           adds or replaces
 *   RESULT         body: result record            value: position in the client's results;
 *                                                 ERR_DUPLICATE: the job had its outcome, which
 *                                                 stands; ERR_UNKNOWN: no such job
 *   UPLINK_LOG     body: uplink record
 *   CONSUMED       id                             forgotten; ERR_UNKNOWN is no failure
 *   BLOCK          id: slot                       value: block; ERR_DENIED, ERR_EXHAUSTED
 *   KEYSET         eid, status: its id, flags     the flags are set for ever
 *   OUT_OF_STEP    eid, status: key set id        marked for ever; ERR_UNKNOWN
 *   DEVICE_PUT     eid, body: device record       body: as stored, part: flags (device_table.h);
 *                                                 ERR_EDITIONS, ERR_CORRUPT, ERR_KEY
 *                  STORE_RELEASE: eid, value:     body: as stored, without that MSISDN;
 *                  MSISDN                         ERR_UNKNOWN: no such device
 *   DEVICE_REMOVE  eid                            ERR_UNKNOWN
 *   STOP           id                             marked for the next start; ERR_UNKNOWN: it ended
 *
 * All come home stamped with when they were durable, or read.
 *
 * A body that cannot be read comes home with the codec's error and changes nothing. RESULT takes
 * with it: the pending entry, the journalled command when `ends_command`, the uplink record.
 *
 * "Same contents" leaves out id and times, which intake derives from its clock.
 *
 * Order inside a turn: edges, then workers, then control; workers' rings are emptied before edges'.
 * So an edge that flushes its store channel before its worker channels never sees an uplink record
 * written after it was consumed. A turn takes all there is, never a part: what one channel's message
 * follows in another is applied with it or before it. The channels' quotas bound it.
 *
 * When a commit fails (full disk), JOB_PUT, DEVICE_* and STOP come home with the error; the rest is kept,
 * tried again, and answered only once durable; reads are answered meanwhile. */
#ifndef ENGINE_STORE_STORE_THREAD_H
#define ENGINE_STORE_STORE_THREAD_H

#include "engine/clock.h"
#include "engine/config.h"
#include "engine/msg.h"
#include "engine/store/store.h"

#define STORE_FETCH_EXACT 0x01
#define STORE_EXACT_KNOWN 0x02
#define STORE_RELEASE 0x04 /* of DEVICE_PUT: no record, the device has lost its number */

#define STORE_RETRY_MS 250u /* after a failed commit */

struct idle;
struct kek;
struct lanes;

struct store_thread_config {
    struct store *store; /* borrowed, as all below, until store_thread_destroy */
    struct kek
        *kek; /* NULL: devices, and commands whose SPI does not cipher, are refused with ERR_KEY */
    struct lanes *lanes;                          /* this thread's own */
    struct channel *edges[CONFIG_EDGES_MAX];      /* consumed here */
    struct channel *journals[CONFIG_WORKERS_MAX]; /* of workers: scripts, commands, blocks */
    struct channel *results[CONFIG_WORKERS_MAX];  /* of workers: results, attempts, consumption */
    struct channel *control;
    uint32_t edge_count, worker_count;
    bool accept_clock;
    struct clock clock;
    struct idle *idle; /* how the thread waits, when it runs as one */
    uint64_t results_keep_ms;
    uint64_t wall_ms; /* now, for what is made up for at start (repair.h) */
};

struct store_thread;

/* Repairs the store, reads the idempotency keys in: before anything open is scanned for. NULL with
 * `fault`. */
struct store_thread *store_thread_create(const struct store_thread_config *config,
                                         struct fault *fault);
void store_thread_destroy(struct store_thread *thread);

/* One turn. False when there was nothing to do. */
bool store_turn(struct store_thread *thread, uint64_t now_ms);

/* Thread entry (struct store_thread *): turns until stopped and drained; waits when idle. */
void *store_thread_run(void *thread);
/* Any thread. What is in the channels by then is still answered. */
void store_thread_stop(struct store_thread *thread);

/* Any thread: results of this client are durable up to this position. */
uint64_t store_thread_durable(const struct store_thread *thread, uint32_t client);
/* Any thread: results of this worker answered since start, whatever was said of them: the job is no
 * longer the worker's. */
uint64_t store_thread_finished(const struct store_thread *thread, uint32_t worker);

enum store_figure {
    STORE_COMMITS,
    STORE_COMMITS_FAILED,
    STORE_MESSAGES, /* applied */
    STORE_READS,    /* of them, FETCH_* */
    STORE_REFUSED,  /* answered with an error */
    STORE_TRIMMED,  /* jobs removed because their results are older than results_keep */
    STORE_KEPT,     /* gauge: messages waiting for a commit to succeed */
    STORE_FAILING,  /* gauge: 1 from a failed commit to the next that succeeds */
    STORE_FIGURE_COUNT
};
const char *store_figure_label(enum store_figure figure);
/* Any thread. */
uint64_t store_thread_figure(const struct store_thread *thread, enum store_figure figure);

#endif
