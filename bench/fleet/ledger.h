/* The ledger: what every packet came to at its card, kept outside the engine, and the test that
 * holds the engine's results against it.
 *
 * One JSON object a line: now_ns, eid, kvn, cntr, sha256 (of the packet), script (head of the
 * SHA-256 of the secured data), authentic, run, status, commands, sw, reason. A packet that did not
 * authenticate claims its kvn, and its cntr means nothing. */
#ifndef BENCH_FLEET_LEDGER_H
#define BENCH_FLEET_LEDGER_H

#include "bench/fleet/fleet.h"

struct ledger;

/* Writes a file from its beginning. NULL with a fault. */
struct ledger *ledger_open(const char *path, struct fault *fault);

/* For fleet_config.on_packet; `context` is the ledger. */
void ledger_write(void *context, const struct fleet_entry *entry);

/* What was written so far is in the file afterwards. False when it could not all be. */
bool ledger_flush(struct ledger *ledger);
bool ledger_close(struct ledger *ledger);

struct ledger_check_options {
    const char *ledger_path;
    const char *results_path; /* NULL: the ledger alone */
    bool unique_scripts;      /* no two jobs of one device share a script: none may run twice */
    bool idempotent;          /* jobs may run more than once without harm */
    bool json;
};

struct ledger_summary {
    uint64_t packets;
    uint64_t run;
    uint64_t unauthentic;
    uint64_t devices;
    uint64_t results;
    uint64_t violations;
};

/* Writes what is wrong, and where, to `out`: at most some lines of each kind, then a summary. False
 * with a fault when a file cannot be read or a line of the ledger makes no sense. */
bool ledger_check(const struct ledger_check_options *options, FILE *out,
                  struct ledger_summary *summary, struct fault *fault);
#endif
