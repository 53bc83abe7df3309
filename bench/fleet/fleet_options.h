/* Every setting of `starling-fleet run`, by the same name on the command line and in a JSON file. */
#ifndef BENCH_FLEET_FLEET_OPTIONS_H
#define BENCH_FLEET_FLEET_OPTIONS_H

#include "bench/fleet/fleet.h"

#define FLEET_TEXT_CAP 256

struct fleet_options {
    struct fleet_config config;
    char socket[FLEET_TEXT_CAP];  /* ADDR:PORT; empty: none */
    char port[FLEET_TEXT_CAP];    /* DPDK device; empty: none */
    char address[FLEET_TEXT_CAP]; /* of our stack, with its prefix length */
    char gateway[FLEET_TEXT_CAP];
    char ledger[FLEET_TEXT_CAP];
    uint32_t listen_port; /* of our stack */
    uint32_t seconds;     /* end after; 0: at SIGINT or SIGTERM */
    bool json;
    int eal_argc; /* what follows "--" */
    char **eal_argv;
};

void fleet_options_init(struct fleet_options *options);

/* Reads `argv` (options only, no program or command names). False with a fault. */
bool fleet_options_read(struct fleet_options *options, int argc, char **argv, struct fault *fault);

/* One line per option. */
void fleet_options_help(FILE *out);
#endif
