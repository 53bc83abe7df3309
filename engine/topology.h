/* Which core plays which role, and every ring between them: the only place that makes channels.
 *
 *   control ──▶ store ◀── edges          (accepted jobs, devices; raw uplink)
 *      │          ▲ ▲
 *      ▼          │ │ journal, results
 *   workers ──────┴─┘
 *      │  ▲
 *      ▼  │
 *    edges
 *
 * The same parts are turned by pinned lcores in `starling run` and by one thread, in virtual time,
 * in tests/sim. */
#ifndef ENGINE_TOPOLOGY_H
#define ENGINE_TOPOLOGY_H

#include "engine/control.h"
#include "engine/edge.h"
#include "engine/port_stack.h"
#include "engine/routes.h"
#include "engine/worker.h"
#include "io/idle.h"

#include <stdatomic.h>

struct topology_options {
    port_stack_open_queues *open_queues;
    void *ctx;
    const struct capture_thread *capture; /* NULL: nothing is captured */
    uint64_t now_ns, wall_ms;
    struct clock clock;
    uint64_t seed; /* secret and random in production: ISNs, ports, jitter */
};

struct topology {
    const struct config *config;
    uint32_t edge_count, worker_count;
    struct edge *edges[CONFIG_EDGES_MAX];
    struct worker *workers[CONFIG_WORKERS_MAX];
    struct port_stack ports[CONFIG_PORTS_MAX];

    struct channel *control_to_store;
    struct channel *control_to_worker[CONFIG_WORKERS_MAX];
    struct channel *journal[CONFIG_WORKERS_MAX];
    struct channel *results[CONFIG_WORKERS_MAX];
    struct channel *edge_to_store[CONFIG_EDGES_MAX];
    struct channel *edge_to_worker[CONFIG_EDGES_MAX][CONFIG_WORKERS_MAX];
    struct channel *worker_to_edge[CONFIG_WORKERS_MAX][CONFIG_EDGES_MAX];

    struct directory *directory;
    struct routes routes;
    struct store *store;
    struct store_thread *store_thread;
    struct kek *store_kek, *control_kek; /* one owner each */
    struct lanes *store_lanes, *control_lanes, *worker_lanes[CONFIG_WORKERS_MAX];
    struct control control;

    struct idle store_idle;
    uint32_t lcore_count; /* those that run; each plays one or two roles */
    struct topology_lcore {
        struct topology *topology;
        unsigned lcore; /* EAL's number */
        struct edge *edge;
        struct worker *worker;
        struct idle idle;  /* with adaptive polling */
        atomic_bool ended; /* its last word to whoever frees what it turned */
    } lcores[CONFIG_LCORES_MAX];
    atomic_bool edges_open; /* workers know what was in flight: the network may speak */
    atomic_bool draining, stopping;
};

/* Opens store and directory, reads keys, makes all cores and channels, takes counter blocks and
 * loads the devices. Nothing runs yet. On an error everything is given back. */
MUST_CHECK enum err topology_create(const struct config *config,
                                    const struct topology_options *options, struct topology **out,
                                    struct fault *fault);
void topology_destroy(struct topology *topology);

/* Control side, while store and workers turn and before edges do: jobs, open commands and unconsumed
 * uplink records of the last run go to their workers. Call until it says true. */
struct recovery;
struct recovery *recovery_create(struct topology *topology, struct fault *fault);
/* True when all is handed over. A record that cannot be used is counted and logged. */
bool recovery_turn(struct recovery *recovery);
void recovery_destroy(struct recovery *recovery);

/* Before any thread turns: who waits at the rings, and who wakes them. */
MUST_CHECK enum err topology_prepare(struct topology *topology, struct fault *fault);
/* Launches the lcores: pinned threads that turn until topology_stop. */
MUST_CHECK enum err topology_launch(struct topology *topology, struct fault *fault);
/* Edges stop submitting, then unbind and close. True once they are done. */
bool topology_drained(struct topology *topology);
/* Ends the lcores' loops and waits for them. */
void topology_stop(struct topology *topology);

/* EAL arguments for this configuration: the main lcore unpinned, one lcore per distinct CPU. */
#define TOPOLOGY_EAL_ARGS_MAX 24
struct eal_args {
    int count;
    char *argv[TOPOLOGY_EAL_ARGS_MAX + 1];
    char text[TOPOLOGY_EAL_ARGS_MAX][256];
};
void topology_eal_args(const struct config *config, struct eal_args *args);

#endif
