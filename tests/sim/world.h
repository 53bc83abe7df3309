/* The whole engine, an SMSC and its cards in one thread and in virtual time, from one seed.
 *
 *   topology (edges, workers, control, store) ── port_mem, impaired ── fleet (SMSC, cards)
 *
 * The store is real: a kill throws away all memory, and the next start finds what was committed.
 * A ledger outside the engine watches every packet a card makes whole: no command may run twice and
 * no (EID, key set, CNTR) may come with two different packets. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "bench/fleet/fleet.h"
#include "bench/fleet/fleet_net.h"
#include "engine/topology.h"
#include "io/impair.h"
#include "tests/support/support.h"
#include "tests/support/temp_dir.h"

#define WORLD_SECOND ((uint64_t)1000000000)
#define WORLD_LINKS_MAX 2u

/* A STORE DATA of 240 octets: three short messages. */
#define WORLD_FF16 "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
#define WORLD_FF80 WORLD_FF16 WORLD_FF16 WORLD_FF16 WORLD_FF16 WORLD_FF16
#define WORLD_LONG_SCRIPT "80E28800F0" WORLD_FF80 WORLD_FF80 WORLD_FF80

/* A device's EIS line, to be altered before it is imported; returns its new length. */
typedef size_t world_eis_edit(char line[FLEET_EIS_CAP], size_t len);

struct world_options {
    uint64_t seed;
    uint32_t devices;
    uint32_t edges, workers;     /* 0: one */
    uint32_t job_max;            /* room to remember them */
    struct fleet_config fleet;   /* start from world_options_default */
    struct impair_config impair; /* both ways */
    struct config_jobs jobs;
    uint32_t window, validity_s, rate_per_s;
    bool receipts;
    uint8_t kvn;              /* of the jobs' key set; 0: the first */
    world_eis_edit *eis_edit; /* NULL: as the fleet says */
    bool second_account;      /* devices 50..99 go through it */
    bool shared_port; /* the edges have a queue each of one port, which delivers as it likes */
};

struct world_job {
    uint64_t cookie, id;
    struct eid eid;
    enum err accepted; /* ERR_THROTTLED: no answer yet */
    uint8_t outcome;   /* of the results stream; JOB_PENDING: none yet */
    uint8_t reason, por_status, attempts;
    uint32_t results; /* how many the stream brought */
    uint64_t order;   /* place in the stream */
    uint64_t finished_ms;
};

/* One port of the engine and what is at its other end: the SMSC. */
struct world_link {
    struct port *near_end, *far_end;
    struct net *far_net;
    struct fleet_net served;
};

struct world_packet; /* the ledger's */

struct world {
    struct world_options options;
    uint64_t now_ns;
    struct temp_dir dir;
    char kek[256], password[256];
    struct config config;
    struct topology *topology; /* NULL while dead */
    struct recovery *recovery;
    struct fleet *fleet;
    struct rte_mempool *far_frames;
    struct chunk_pool *far_chunks;
    struct world_link links[WORLD_LINKS_MAX]; /* one per edge, or one that they share */
    uint32_t link_count;
    uint32_t lives;

    struct world_job *jobs;
    uint32_t job_count;
    uint64_t looks;       /* at the clock within turns, since time went on: a microsecond each */
    bool workers_stall;   /* take and answer nothing */
    bool store_stalls;    /* the disk takes nothing, and answers nothing */
    uint32_t store_turns; /* but for so many turns that do something */
    uint32_t answered;    /* of the last operations */
    enum err last_answer;
    uint64_t results_after;

    struct world_packet *packets;
    uint32_t packet_cap, packet_count;
    uint64_t runs; /* packets run */
    uint64_t ran_twice, counter_twice;
    uint32_t *device_runs; /* by device index */
    bool *device_heard;    /* any packet became whole at the card */
};

struct world_options world_options_default(uint64_t seed, uint32_t devices);

/* Makes everything, imports the devices, binds. */
struct world *world_create(const struct world_options *options);
void world_destroy(struct world *world);

/* Lets time pass, at most `ns`, until `done` says so (NULL: until the time is over). */
bool world_run(struct world *world, uint64_t ns, bool (*done)(struct world *world));

/* (Again) imports one device, or removes it; its job's cancellation. Each waits for the answer. */
enum err world_import(struct world *world, uint32_t index);
enum err world_remove(struct world *world, uint32_t index);
enum err world_cancel(struct world *world, uint32_t job);

/* Its disk is lost: another life over an empty store, the devices imported anew. */
void world_lose_store(struct world *world);

/* kill -9: all memory is gone, connections are cut. Then start again from the store. */
void world_kill(struct world *world);
void world_start(struct world *world);

/* One job for device `index`; an audit unless a script is given (hex, one C-APDU). Returns its
 * number in jobs. The answer comes while the world runs. */
uint32_t world_submit(struct world *world, uint32_t index, const char *c_apdu_hex,
                      uint32_t expiry_s, uint8_t priority);

/* Every accepted job has exactly one result. */
bool world_all_done(struct world *world);
bool world_all_accepted(struct world *world);

/* Once all jobs ended and what the network still owes is over: every message, credit, session, timer
 * and record that was taken is home. Fails the test, naming what is not. */
void world_check_home(struct world *world);

/* The promises: ledger clean, one result per job, outcomes agree with what the cards did.
 * Fails the test, naming the seed. */
void world_check(struct world *world);

/* What stands where, for a failed test's reader. */
void world_print(struct world *world);

/* Device index of an EID, through the fleet's numbering. */
uint32_t world_device(struct world *world, const struct eid *eid);

#endif
