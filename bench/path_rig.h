/* An edge and a worker with everything round them, in one thread and in virtual time, for bench_path.
 *
 *   rig: control ─▶ worker ─▶ rig: store ─▶ worker ─▶ edge ─▶ port_mem ─▶ fleet (SMSC, cards)
 *                      └▶ results ─▶ rig        ◀─ edge ◀─ port_mem ◀─ PoRs, by OpenSSL
 *
 * Channels, sizes and credits are those of a running engine. The rig stands in for control and for
 * the store thread: it hands in jobs, answers fetches with job records, says of commits, results and raw
 * uplinks that they are durable. Only turns of the sides a row asks for are timed. */
#ifndef BENCH_PATH_RIG_H
#define BENCH_PATH_RIG_H

#include "bench/bench.h"
#include "bench/fleet/fleet_net.h"
#include "engine/topology.h"
#include "tests/support/temp_dir.h"

#define PATH_CHUNK 256u /* messages that go through a stage before the next one is timed */

struct path_rig {
    uint32_t device_count;
    uint32_t
        flight_count; /* devices under way at once: that many sessions are cold when answers come */
    uint32_t travel_ms; /* each way between SMSC and card */
    uint64_t now_ns;
    struct clock clock; /* none: virtual time */
    struct temp_dir dir, store;
    char kek[96], password[96];
    struct config config;
    struct topology *topology;
    struct worker *worker;
    struct edge *edge;

    struct fleet *fleet;
    struct fleet_net served;
    struct rte_mempool *far_frames;
    struct port *far_end;
    struct net *far_net;
    struct chunk_pool *far_chunks;

    uint32_t *order;          /* devices, shuffled */
    uint32_t at;              /* in order: the next to be asked */
    uint64_t job_id;          /* last given */
    uint32_t in_flight;       /* submitted, no result yet */
    uint64_t executed, other; /* results */
    bool is_answering;        /* draining what is in flight */

    struct bench *bench; /* of the row */
    bool time_worker, time_edge;
};

/* Starts EAL. NULL with a fault. */
struct path_rig *path_rig_create(uint32_t device_count, uint32_t flight_count, uint32_t travel_ms,
                                 bool hugepages, struct fault *fault);
void path_rig_destroy(struct path_rig *rig);

/* So many jobs, at most PATH_CHUNK, from control to octets at the port. Untimed when `bench` of the
 * rig is NULL. */
void path_submit(struct path_rig *rig, uint32_t count);
/* Their submit_sm_resp, from octets to attempts at the store. */
void path_accept(struct path_rig *rig);
/* Time passes until all cards have answered. Untimed. */
void path_wait(struct path_rig *rig);
/* The next PATH_CHUNK deliver_sm, from octets to results at the store and deliver_sm_resp. */
void path_answer(struct path_rig *rig);

/* For bench_latency, whose engine turns in a thread of its own: jobs to the worker's ring, by that
 * thread, stamped; at most as many as there is room for. And what store and far end have to do by now,
 * by the other. */
uint32_t path_admit(struct path_rig *rig, uint32_t jobs, uint64_t now_ns,
                    const uint64_t since_ns[]);
void path_journal(struct path_rig *rig);
void path_serve(struct path_rig *rig, uint64_t now_ns);
/* The wall clock of the rig's world. */
uint64_t path_wall_ms(uint64_t now_ns);

#endif
