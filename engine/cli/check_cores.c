/* Cores: whether they are ours, apart from the rest of the machine, apart from each other, awake, and near
 * the NICs they poll. `root` is before /sys, "" on a machine that runs. */
#include "engine/cli/findings.h"

#include "engine/cli/sysfs.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CPUS "/sys/devices/system/cpu"
#define ROLES_MAX (CONFIG_EDGES_MAX + CONFIG_WORKERS_MAX)

/* The distinct CPUs of the configuration. */
struct role_cpus {
    uint32_t cpu[ROLES_MAX];
    uint32_t count;
};

static void cpu_add(struct role_cpus *cpus, uint32_t cpu)
{
    for (uint32_t i = 0; i < cpus->count; i++)
        if (cpus->cpu[i] == cpu)
            return;
    cpus->cpu[cpus->count++] = cpu;
}

static struct role_cpus cpus_of(const struct config_cores *cores)
{
    struct role_cpus cpus = { .count = 0 };
    for (uint32_t i = 0; i < cores->edge_count; i++)
        cpu_add(&cpus, cores->edge[i]);
    for (uint32_t i = 0; i < cores->worker_count; i++)
        cpu_add(&cpus, cores->workers[i]);
    return cpus;
}

static void list_add(char *out, size_t cap, uint32_t cpu)
{
    size_t len = strlen(out);
    snprintf(out + len, cap - len, "%s%" PRIu32, len > 0 ? "," : "", cpu);
}

/* Whether "0-3,8" names a CPU. */
static bool listed(const char *list, uint32_t cpu)
{
    for (const char *at = list; *at != '\0';) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (end == at)
            return false;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (cpu >= first && cpu <= last)
            return true;
        at = *end == ',' ? end + 1 : end;
    }
    return false;
}

static void check_allowed(struct findings *findings, const struct role_cpus *cpus)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    for (uint32_t i = 0; i < cpus->count; i++) {
        if (CPU_ISSET(cpus->cpu[i], &allowed))
            continue;
        finding_add(findings, FINDING_ERROR, "cores", "a lcore could not be pinned",
                    "CPU %" PRIu32 " is not ours to use", cpus->cpu[i]);
        finding_fix(findings, "taskset -p %d; choose others in cores, or allow it in the cgroup",
                    getpid());
    }
}

/* Those of the CPUs that the file's list does not name. */
static void missing_from(const char *root, const char *file, const struct role_cpus *cpus,
                         char *out, size_t cap)
{
    char list[256] = "";
    sysfs_line(list, sizeof list, "%s" CPUS "/%s", root, file);
    out[0] = '\0';
    for (uint32_t i = 0; i < cpus->count; i++)
        if (!listed(list, cpus->cpu[i]))
            list_add(out, cap, cpus->cpu[i]);
}

static void check_isolation(struct findings *findings, const char *root,
                            const struct config_cores *cores, const struct role_cpus *cpus)
{
    char shared[160], ticking[160];
    missing_from(root, "isolated", cpus, shared, sizeof shared);
    missing_from(root, "nohz_full", cpus, ticking, sizeof ticking);
    if (cores->poll == POLL_BUSY && shared[0] != '\0') {
        finding_add(findings, FINDING_WARNING, "cores",
                    "busy polling shares its cores with other programs: both suffer",
                    "poll is busy, but CPUs %s are not isolated", shared);
        finding_fix(findings,
                    "boot with isolcpus=%s nohz_full=%s rcu_nocbs=%s, or set cores.poll: adaptive",
                    shared, shared, shared);
    } else if (cores->poll == POLL_ADAPTIVE && shared[0] == '\0') {
        finding_add(findings, FINDING_WARNING, "cores",
                    "adaptive polling naps; isolated cores have nothing better to do",
                    "all cores are isolated, but poll is adaptive");
        finding_fix(findings, "set cores.poll: busy");
    } else if (cores->poll == POLL_BUSY && ticking[0] != '\0') {
        finding_add(findings, FINDING_WARNING, "cores",
                    "the kernel's tick takes the core some hundred times a second",
                    "CPUs %s are isolated, but have a tick", ticking);
        finding_fix(findings, "boot with nohz_full=%s rcu_nocbs=%s", ticking, ticking);
    } else {
        finding_add(findings, FINDING_FINE, "cores", "", "%" PRIu32 " edges, %" PRIu32 " workers",
                    cores->edge_count, cores->worker_count);
    }
}

static void check_siblings(struct findings *findings, const char *root,
                           const struct role_cpus *cpus)
{
    for (uint32_t i = 0; i < cpus->count; i++) {
        char list[256];
        if (!sysfs_line(list, sizeof list,
                        "%s" CPUS "/cpu%" PRIu32 "/topology/thread_siblings_list", root,
                        cpus->cpu[i]))
            continue;
        for (uint32_t j = i + 1; j < cpus->count; j++) {
            if (!listed(list, cpus->cpu[j]))
                continue;
            finding_add(findings, FINDING_WARNING, "cores",
                        "hyper-threads of one core take turns: each has half of it",
                        "CPUs %" PRIu32 " and %" PRIu32 " are one core", cpus->cpu[i],
                        cpus->cpu[j]);
            finding_fix(findings, "lscpu -e: choose CPUs of different CORE in cores");
        }
    }
}

static void check_governor(struct findings *findings, const char *root,
                           const struct role_cpus *cpus)
{
    char slow[160] = "", governor[64];
    for (uint32_t i = 0; i < cpus->count; i++)
        if (sysfs_line(governor, sizeof governor,
                       "%s" CPUS "/cpu%" PRIu32 "/cpufreq/scaling_governor", root, cpus->cpu[i]) &&
            strcmp(governor, "performance") != 0)
            list_add(slow, sizeof slow, cpus->cpu[i]);
    if (slow[0] == '\0')
        return;
    finding_add(findings, FINDING_WARNING, "cores",
                "the clock goes down when there is little to do: latency goes up",
                "the frequency governor of CPUs %s is not performance", slow);
    finding_fix(findings, "cpupower -c %s frequency-set -g performance", slow);
}

/* An edge on another node than its NIC has every frame cross between the nodes. */
static void check_node(struct findings *findings, const char *root, const struct config *config,
                       const struct config_port *port)
{
    int node = sysfs_port_node(root, port->device);
    for (uint32_t e = 0; e < port->edge_count && node >= 0; e++) {
        uint32_t cpu = config->cores.edge[port->edges[e]];
        if (sysfs_exists("%s" CPUS "/cpu%" PRIu32 "/node%d", root, cpu, node))
            continue;
        finding_add(findings, FINDING_WARNING, "cores",
                    "every frame crosses from one NUMA node's memory to the other's",
                    "port %s is on node %d, CPU %" PRIu32 " that polls it is not", port->name, node,
                    cpu);
        finding_fix(findings,
                    "cat /sys/devices/system/node/node%d/cpulist: choose from it in cores", node);
    }
}

void check_cores(struct findings *findings, const struct config *config, const char *root)
{
    struct role_cpus cpus = cpus_of(&config->cores);
    check_allowed(findings, &cpus);
    check_isolation(findings, root, &config->cores, &cpus);
    check_siblings(findings, root, &cpus);
    check_governor(findings, root, &cpus);
    for (uint32_t p = 0; p < config->port_count; p++)
        check_node(findings, root, config, &config->ports[p]);
}
