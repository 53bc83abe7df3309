/* The pinned threads: each turns its roles until told to stop, waiting when there is nothing to do
 * (io/idle.h) unless the configuration says busy. */
#include "engine/clock.h"
#include "engine/topology.h"
#include "io/port_xsk.h"

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Adaptive polling, on ports without a descriptor: so many empty turns, then naps that double up to
 * the longest. */
#define IDLE_TURNS 64u
#define NAP_NS_MIN 20000
#define NAP_NS_MAX 400000

static_assert(IDLE_PORTS_MAX >= CONFIG_PORTS_MAX, "an edge may have all ports");

static void roles_offline(const struct topology_lcore *lcore)
{
    if (lcore->edge != NULL)
        directory_offline(lcore->edge->directory, lcore->edge->reader);
    if (lcore->worker != NULL)
        directory_offline(lcore->worker->directory, lcore->worker->reader);
}

static void roles_online(const struct topology_lcore *lcore)
{
    if (lcore->edge != NULL)
        directory_online(lcore->edge->directory, lcore->edge->reader);
    if (lcore->worker != NULL)
        directory_online(lcore->worker->directory, lcore->worker->reader);
}

static uint64_t roles_next_ns(const struct topology_lcore *lcore)
{
    uint64_t edge_ns = lcore->edge != NULL ? edge_next_ns(lcore->edge) : UINT64_MAX;
    uint64_t worker_ns = lcore->worker != NULL ? worker_next_ns(lcore->worker) : UINT64_MAX;
    return edge_ns < worker_ns ? edge_ns : worker_ns;
}

static void roles_wait(struct topology_lcore *lcore, bool busy, uint64_t now_ns)
{
    uint64_t next_ns = busy ? 0 : roles_next_ns(lcore);
    uint64_t until_ns = idle_turned(&lcore->idle, busy, now_ns, next_ns);
    if (until_ns == 0)
        return;
    roles_offline(lcore);
    idle_wait(&lcore->idle, now_ns, until_ns);
    roles_online(lcore);
}

static int lcore_run(void *arg)
{
    struct topology_lcore *lcore = arg;
    struct topology *topology = lcore->topology;
    bool is_busy_poll = topology->config->cores.poll == POLL_BUSY;
    bool drains = false;
    roles_online(lcore);
    while (!atomic_load_explicit(&topology->stopping, memory_order_acquire)) {
        uint64_t now_ns = clock_now_ns();
        uint64_t wall_ms = clock_wall_ms();
        bool busy = false;
        if (!drains && atomic_load_explicit(&topology->draining, memory_order_acquire)) {
            drains = true;
            if (lcore->edge != NULL)
                edge_drain(lcore->edge);
            if (lcore->worker != NULL)
                lcore->worker->draining = true;
        }
        if (lcore->edge != NULL &&
            atomic_load_explicit(&topology->edges_open, memory_order_acquire))
            busy |= edge_turn(lcore->edge, now_ns, wall_ms);
        if (drains && lcore->edge != NULL && edge_is_drained(lcore->edge))
            atomic_store_explicit(&lcore->edge->drained, true, memory_order_release);
        if (lcore->worker != NULL)
            busy |= worker_turn(lcore->worker, now_ns, wall_ms);
        if (!is_busy_poll)
            roles_wait(lcore, busy, now_ns);
        else if (!busy)
            rte_pause();
    }
    roles_offline(lcore);
    atomic_store_explicit(&lcore->ended, true, memory_order_release);
    return 0;
}

/* The distinct CPUs of the configuration, edges' first. */
static uint32_t cpus_of(const struct config *config, uint32_t cpus[CONFIG_LCORES_MAX])
{
    const struct config_cores *cores = &config->cores;
    uint32_t count = 0;
    for (uint32_t i = 0; i < cores->edge_count + cores->worker_count; i++) {
        uint32_t cpu =
            i < cores->edge_count ? cores->edge[i] : cores->workers[i - cores->edge_count];
        uint32_t at = 0;
        while (at < count && cpus[at] != cpu)
            at++;
        if (at == count)
            cpus[count++] = cpu;
    }
    return count;
}

/* NULL: it polls. */
static struct idle *idle_of(struct topology *topology, const struct edge *edge,
                            const struct worker *worker)
{
    for (uint32_t i = 0; i < topology->lcore_count; i++) {
        struct topology_lcore *lcore = &topology->lcores[i];
        if ((edge != NULL && lcore->edge == edge) || (worker != NULL && lcore->worker == worker))
            return topology->config->cores.poll == POLL_ADAPTIVE ? &lcore->idle : NULL;
    }
    return NULL;
}

/* Control comes round by itself. */
static void channels_wake(struct topology *topology)
{
    struct idle *store = &topology->store_idle;
    channel_wakes(topology->control_to_store, NULL, store);
    for (uint32_t e = 0; e < topology->edge_count; e++) {
        struct idle *edge = idle_of(topology, topology->edges[e], NULL);
        channel_wakes(topology->edge_to_store[e], edge, store);
        for (uint32_t w = 0; w < topology->worker_count; w++) {
            struct idle *worker = idle_of(topology, NULL, topology->workers[w]);
            channel_wakes(topology->edge_to_worker[e][w], edge, worker);
            channel_wakes(topology->worker_to_edge[w][e], worker, edge);
        }
    }
    for (uint32_t w = 0; w < topology->worker_count; w++) {
        struct idle *worker = idle_of(topology, NULL, topology->workers[w]);
        channel_wakes(topology->control_to_worker[w], NULL, worker);
        channel_wakes(topology->journal[w], worker, store);
        channel_wakes(topology->results[w], worker, store);
    }
}

static bool lcore_idle_open(struct topology_lcore *lcore, struct fault *fault)
{
    struct port *ports[CONFIG_PORTS_MAX];
    struct idle_config idle = { .ports = ports,
                                .is_rung = true,
                                .empty_turns = IDLE_TURNS,
                                .nap_ns_min = NAP_NS_MIN,
                                .nap_ns_max = NAP_NS_MAX };
    for (uint32_t p = 0; lcore->edge != NULL && p < lcore->edge->port_count; p++)
        ports[idle.port_count++] = lcore->edge->ports[p].port;
    return idle_open(&lcore->idle, &idle, fault);
}

enum err topology_prepare(struct topology *topology, struct fault *fault)
{
    uint32_t cpus[CONFIG_LCORES_MAX];
    const struct config_cores *cores = &topology->config->cores;
    uint32_t count = cpus_of(topology->config, cpus);
    for (uint32_t i = 0; i < count; i++) {
        struct topology_lcore *lcore = &topology->lcores[i];
        lcore->topology = topology;
        lcore->lcore = i + 1;
        for (uint32_t e = 0; e < cores->edge_count; e++)
            if (cores->edge[e] == cpus[i])
                lcore->edge = topology->edges[e];
        for (uint32_t w = 0; w < cores->worker_count; w++)
            if (cores->workers[w] == cpus[i])
                lcore->worker = topology->workers[w];
        if (cores->poll == POLL_ADAPTIVE && !lcore_idle_open(lcore, fault))
            return ERR_IO;
        topology->lcore_count++;
    }
    const struct idle_config rung = { .is_rung = true };
    if (!idle_open(&topology->store_idle, &rung, fault))
        return ERR_IO;
    channels_wake(topology);
    return ERR_OK;
}

/* A CPU plays at most one edge and one worker: config_load refuses a CPU twice in one list. */
enum err topology_launch(struct topology *topology, struct fault *fault)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; err == ERR_OK && i < topology->lcore_count; i++) {
        struct topology_lcore *lcore = &topology->lcores[i];
        if (rte_eal_remote_launch(lcore_run, lcore, lcore->lcore) != 0) {
            fault_set(fault, "cannot start lcore %u: its thread is not there", lcore->lcore);
            err = ERR_IO;
        }
    }
    return err;
}

bool topology_drained(struct topology *topology)
{
    atomic_store_explicit(&topology->draining, true, memory_order_release);
    for (uint32_t e = 0; e < topology->edge_count; e++)
        if (!atomic_load_explicit(&topology->edges[e]->drained, memory_order_acquire))
            return false;
    return true;
}

void topology_stop(struct topology *topology)
{
    atomic_store_explicit(&topology->stopping, true, memory_order_release);
    for (uint32_t i = 0; i < topology->lcore_count; i++) {
        idle_ring(&topology->lcores[i].idle);
        rte_eal_wait_lcore(topology->lcores[i].lcore);
        /* EAL's own waiting is hidden from the thread sanitizer; this is not. */
        (void)atomic_load_explicit(&topology->lcores[i].ended, memory_order_acquire);
    }
    topology->lcore_count = 0;
}

static void arg_add(struct eal_args *args, const char *format, ...) PRINTF_LIKE(2, 3);

static void arg_add(struct eal_args *args, const char *format, ...)
{
    ASSERT(args->count < TOPOLOGY_EAL_ARGS_MAX);
    va_list list;
    va_start(list, format);
    vsnprintf(args->text[args->count], sizeof args->text[0], format, list);
    va_end(list);
    args->argv[args->count] = args->text[args->count];
    args->count++;
    args->argv[args->count] = NULL;
}

static bool needs_pci(const struct config *config)
{
    char interface[IF_NAMESIZE];
    for (uint32_t p = 0; p < config->port_count; p++)
        if (strncmp(config->ports[p].device, "net_", 4) != 0 &&
            !xsk_interface(config->ports[p].device, interface))
            return true;
    return false;
}

void topology_eal_args(const struct config *config, struct eal_args *args)
{
    uint32_t cpus[CONFIG_LCORES_MAX];
    uint32_t count = cpus_of(config, cpus);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    char lcores[256];
    int len = snprintf(lcores, sizeof lcores, "0@(0-%ld)", online > 0 ? online - 1 : 0);
    for (uint32_t i = 0; i < count && len < (int)sizeof lcores; i++)
        len += snprintf(lcores + len, sizeof lcores - (size_t)len, ",%u@%u", i + 1, cpus[i]);
    args->count = 0;
    arg_add(args, "starling");
    arg_add(args, "--lcores=%s", lcores);
    arg_add(args, "--main-lcore=0");
    arg_add(args, "--no-telemetry");
    arg_add(args, "--log-level=warning");
    if (config->memory.hugepages) {
        arg_add(args, "--in-memory");
    } else {
        arg_add(args, "--no-huge");
        arg_add(args, "--no-shconf");
    }
    arg_add(args, "-m");
    arg_add(args, "%u", config->memory.size_mb);
    if (!needs_pci(config))
        arg_add(args, "--no-pci");
}
