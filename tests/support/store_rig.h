/* A store with its thread's turn and the three kinds of channel, all in the test's own thread. */
#ifndef TESTS_SUPPORT_STORE_RIG_H
#define TESTS_SUPPORT_STORE_RIG_H

#include "engine/store/query.h"
#include "engine/store/store_thread.h"

#include <stdio.h>

#define RIG_KEYSET 0x01 /* ISD-R, version 1 */
#define RIG_QUOTA 4096u
#define RIG_RESULTS 8192u           /* as an engine's: more than all its commands */
#define RIG_NOW_MS 1780000000000ull /* May 2026 */

struct store_rig {
    struct store *store;
    struct store_thread *thread;
    struct kek *kek;                                   /* with lanes; NULL: none */
    struct lanes *lanes;                               /* borrowed, as kek */
    struct channel *edge, *worker, *results, *control; /* `worker` is its journal */
    uint64_t now_ms;
    struct idle *idle; /* of the thread, where it runs as one */
};

static inline void rig_channels(struct store_rig *rig)
{
    static unsigned number;
    char name[20];
    number++;
    snprintf(name, sizeof name, "edge%u", number);
    rig->edge = channel_create(name, RIG_QUOTA, RECORD_CAP, -1);
    snprintf(name, sizeof name, "worker%u", number);
    rig->worker = channel_create(name, RIG_QUOTA, RECORD_CAP, -1);
    snprintf(name, sizeof name, "results%u", number);
    rig->results = channel_create(name, RIG_RESULTS, 256, -1);
    snprintf(name, sizeof name, "control%u", number);
    rig->control = channel_create(name, RIG_QUOTA, RECORD_CAP, -1);
}

/* On a store that is open; channels are made once. */
static inline bool rig_start(struct store_rig *rig, struct fault *fault)
{
    if (rig->edge == NULL)
        rig_channels(rig);
    struct store_thread_config config = { .store = rig->store,
                                          .kek = rig->kek,
                                          .lanes = rig->lanes,
                                          .edges = { rig->edge },
                                          .edge_count = 1,
                                          .journals = { rig->worker },
                                          .results = { rig->results },
                                          .worker_count = 1,
                                          .control = rig->control,
                                          .idle = rig->idle,
                                          .results_keep_ms = 7 * 86400000ull,
                                          .wall_ms = RIG_NOW_MS };
    rig->thread = store_thread_create(&config, fault);
    return rig->thread != NULL;
}

static inline void rig_stop(struct store_rig *rig)
{
    store_thread_destroy(rig->thread);
    store_close(rig->store);
    rig->thread = NULL;
    rig->store = NULL;
}

static inline void rig_free_channels(struct store_rig *rig)
{
    channel_destroy(rig->edge);
    channel_destroy(rig->worker);
    channel_destroy(rig->results);
    channel_destroy(rig->control);
}

/* Pushes without a turn. */
static inline void rig_push(struct channel *channel, struct msg *msg)
{
    channel_push(channel, msg);
    channel_flush_producer(channel);
}

/* The answered message, or NULL; the caller gives it back with channel_untake. */
static inline struct msg *rig_home(struct channel *channel)
{
    struct msg *msg;
    return channel_collect(channel, &msg, 1) == 1 ? msg : NULL;
}

static inline struct eid rig_eid(uint64_t number)
{
    struct eid eid = { { 0x89 } };
    struct writer w = writer_over(eid.bytes + 8, 8);
    writer_u64(&w, number);
    return eid;
}

static inline struct job rig_job(uint64_t number, const char *key)
{
    struct job job = { .client = 1,
                       .eid = rig_eid(number),
                       .kind = JOB_SCRIPT,
                       .priority = 1,
                       .spi = 0x1639,
                       .expiry_ms = RIG_NOW_MS + 3600000,
                       .accepted_ms = RIG_NOW_MS,
                       .apdu_count = 1,
                       .script_len = 9,
                       .script = { 0, 7, 0x80, 0xF2, 0x40, 0, 2, 0x4F, 0 } };
    job.key_len = (uint8_t)strlen(key);
    for (size_t i = 0; i < job.key_len; i++)
        job.key[i] = key[i];
    return job;
}

static inline struct record_command rig_command(uint64_t job_id, uint64_t cntr)
{
    static const uint8_t packet[140] = { 0x00, 0x8A };
    return (struct record_command){ .id = job_id,
                                    .eid = rig_eid(job_id),
                                    .job_count = 1,
                                    .jobs = { job_id },
                                    .apdus = { 1 },
                                    .spi = 0x1639,
                                    .kic = 0x12,
                                    .kid = 0x12,
                                    .keyset = RIG_KEYSET,
                                    .cc_len = 8,
                                    .cntr = cntr,
                                    .packet = span_of(packet, sizeof packet) };
}

static inline struct record_result rig_result(uint64_t job_id, uint8_t outcome,
                                              uint64_t finished_ms)
{
    static const uint8_t answer[] = { 0, 2, 0x90, 0x00 };
    return (struct record_result){ .command_id = job_id,
                                   .job_id = job_id,
                                   .eid = rig_eid(job_id),
                                   .client = 1,
                                   .outcome = outcome,
                                   .attempts = 1,
                                   .ends_command = true,
                                   .accepted_ms = RIG_NOW_MS,
                                   .finished_ms = finished_ms,
                                   .answer = span_of(answer, sizeof answer) };
}

#endif
