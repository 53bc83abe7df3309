/* A fleet as a program: its ledger, its status line, its end. The bearers below carry its octets. */
#ifndef BENCH_FLEET_FLEET_RUN_H
#define BENCH_FLEET_FLEET_RUN_H

#include "bench/fleet/fleet_options.h"
#include "bench/fleet/ledger.h"

struct fleet_run {
    const struct fleet_options *options;
    struct fleet *fleet;
    struct ledger *ledger;
    uint64_t start_ns;
    uint64_t said_ns;
    struct fleet_stats said;
    uint32_t connections;
};

/* Nanoseconds since the run began. */
uint64_t fleet_run_now(const struct fleet_run *run);

/* True from SIGINT, SIGTERM or the configured end on; writes the status line and the ledger each
 * second. */
bool fleet_run_over(struct fleet_run *run, uint64_t now_ns);

/* Serve until fleet_run_over. False with a fault. */
bool fleet_socket_serve(struct fleet_run *run, struct fault *fault);
bool fleet_stack_serve(struct fleet_run *run, struct fault *fault);

/* The whole of `run`. */
int fleet_run(const struct fleet_options *options);
#endif
