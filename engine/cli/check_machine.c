/* CPU, memory, limits, clock. */
#include "engine/cli/findings.h"

#include "crypto/lanes.h"
#include "engine/clock.h"
#include "engine/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DEVICE_OCTETS 256u /* of locked memory, indexes included (design §4) */
#define FILES_LEAST 4096u
#define YEAR_2026_MS 1767225600000u

/* A number from /proc/meminfo, in its own unit; -1 when it is not there. */
static long long meminfo(const char *name)
{
    char line[160];
    long long value = -1;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtoll(line + strlen(name) + 1, NULL, 10);
    if (file != NULL)
        fclose(file);
    return value;
}

static void check_cpu(struct findings *findings)
{
    switch (lanes_way_best()) {
    case LANES_VAES:
    case LANES_MB_VAES:
        finding_add(findings, FINDING_FINE, "cpu", "", "VAES and AVX-512");
        return;
    case LANES_MB_AESNI:
        finding_add(findings, FINDING_FINE, "cpu", "",
                    "AES instructions, without VAES: batches go through AES-NI");
        return;
    case LANES_MB:
        finding_add(findings, FINDING_WARNING, "cpu",
                    "sealing goes by tables: a tenth of the rate, and not constant in time",
                    "no AES instructions");
        return;
    }
}

static bool mounted(const char *type)
{
    char line[1024], kind[64];
    bool found = false;
    FILE *file = fopen("/proc/mounts", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        found = found || (sscanf(line, "%*s %*s %63s", kind) == 1 && strcmp(kind, type) == 0);
    if (file != NULL)
        fclose(file);
    return found;
}

static void check_hugepages(struct findings *findings, const struct config *config)
{
    long long total = meminfo("HugePages_Total"), unused = meminfo("HugePages_Free");
    long long page_kb = meminfo("Hugepagesize");
    bool wanted = config != NULL && config->memory.hugepages;
    long long need_mb = config != NULL ? config->memory.size_mb : 512;
    if (config != NULL && !config->memory.hugepages) {
        finding_add(findings, FINDING_FINE, "hugepages", "",
                    "not wanted (memory.hugepages: false)");
        return;
    }
    enum finding_level level = wanted ? FINDING_ERROR : FINDING_WARNING;
    if (page_kb <= 0 || total < 0) {
        finding_add(findings, level, "hugepages", "packet memory is taken from them",
                    "this kernel has none");
        finding_fix(findings, "set memory.hugepages: false");
    } else if (unused * page_kb / 1024 < need_mb) {
        finding_add(findings, level, "hugepages", "packet memory is taken from them",
                    "%lld MB free of %lld MB, %lld MB needed", unused * page_kb / 1024,
                    total * page_kb / 1024, need_mb);
        finding_fix(findings, "sysctl -w vm.nr_hugepages=%lld",
                    total - unused + need_mb * 1024 / page_kb + 1);
    } else {
        finding_add(findings, FINDING_FINE, "hugepages", "", "%lld MB free",
                    unused * page_kb / 1024);
    }
    if (page_kb > 0 && !mounted("hugetlbfs")) {
        finding_add(findings, level, "hugepages", "DPDK takes hugepages through it",
                    "hugetlbfs is not mounted");
        finding_fix(findings, "mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages");
    }
}

/* What the settings ask for against what is there. With hugepages their number was looked at. */
static void check_memory(struct findings *findings, const struct config *config)
{
    uint64_t machine_mb = (uint64_t)meminfo("MemTotal") >> 10;
    uint64_t size_mb = config->memory.size_mb;
    uint64_t devices_mb = (uint64_t)config->devices_max * DEVICE_OCTETS >> 20;
    uint64_t lines_mb = (uint64_t)config->cores.worker_count * config->jobs.waiting_max *
                            (sizeof(struct waiting) + sizeof(struct session)) >>
                        20;
    uint32_t before = findings->count;
    if (size_mb > machine_mb) {
        finding_add(findings, FINDING_ERROR, "memory.size", "the engine would not start",
                    "%" PRIu64 " MB, the machine has %" PRIu64 " MB", size_mb, machine_mb);
        finding_fix(findings, "set memory.size: %" PRIu64 "M or less", machine_mb / 2);
    } else if (size_mb + devices_mb > machine_mb) {
        finding_add(findings, FINDING_WARNING, "devices_max",
                    "devices beyond the memory are refused, or others are pushed out of it",
                    "so many devices take %" PRIu64 " MB beside memory.size = %" PRIu64
                    " MB, the machine has %" PRIu64 " MB",
                    devices_mb, size_mb, machine_mb);
        finding_fix(findings, "set devices_max: %" PRIu64 " or less",
                    ((machine_mb - size_mb) << 20) / DEVICE_OCTETS);
    }
    if (lines_mb > size_mb) {
        finding_add(findings, FINDING_ERROR, "jobs.waiting_max", "the engine would not start",
                    "so many waiting jobs take %" PRIu64 " MB of memory.size = %" PRIu64 " MB",
                    lines_mb, size_mb);
        finding_fix(findings, "set memory.size: %" PRIu64 "M, or lower jobs.waiting_max",
                    2 * lines_mb);
    }
    if (findings->count == before)
        finding_add(findings, FINDING_FINE, "memory", "",
                    "%" PRIu64 " MB and %" PRIu64 " MB of devices, of %" PRIu64 " MB", size_mb,
                    devices_mb, machine_mb);
}

static void check_limits(struct findings *findings, const struct config *config)
{
    struct rlimit limit;
    uint64_t need = (config != NULL ? config->devices_max : 1000000ull) * DEVICE_OCTETS;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
        if (geteuid() != 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < need) {
            finding_add(findings, config != NULL ? FINDING_ERROR : FINDING_WARNING, "memory locks",
                        "keys live in locked memory, so that they never reach a swap device",
                        "%llu MB may be locked, %" PRIu64 " MB needed for devices_max",
                        (unsigned long long)limit.rlim_cur >> 20, need >> 20);
            finding_fix(findings, "ulimit -l unlimited (systemd: LimitMEMLOCK=infinity)");
        } else {
            finding_add(findings, FINDING_FINE, "memory locks", "", "enough");
        }
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_LEAST) {
        finding_add(findings, FINDING_WARNING, "open files",
                    "every API connection is one; beyond it clients are refused",
                    "%llu may be open, %u are advised", (unsigned long long)limit.rlim_cur,
                    FILES_LEAST);
        finding_fix(findings, "ulimit -n 65536 (systemd: LimitNOFILE=65536)");
    }
}

static void check_bpf(struct findings *findings, const struct config *config)
{
    bool wanted = false;
    for (uint32_t i = 0; config != NULL && i < config->port_count; i++)
        wanted = wanted || strncmp(config->ports[i].device, "net_af_xdp", 10) == 0;
    if (wanted && !mounted("bpf")) {
        finding_add(findings, FINDING_WARNING, "bpffs",
                    "without it XDP programs attach singly: no other may be on the interface",
                    "the BPF file system is not mounted");
        finding_fix(findings, "mount -t bpf bpf /sys/fs/bpf");
    }
    if (wanted && geteuid() != 0) {
        finding_add(findings, FINDING_WARNING, "privileges",
                    "AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF",
                    "run by user %u: cannot tell whether the engine's user has them", geteuid());
        finding_fix(findings, "run as root, or with AmbientCapabilities= of the service unit");
    }
}

static void check_clock(struct findings *findings)
{
    if (clock_wall_ms() < YEAR_2026_MS) {
        finding_add(findings, FINDING_ERROR, "clock",
                    "counter blocks follow the clock; a CNTR must never be used twice",
                    "the clock stands before 2026");
        finding_fix(findings, "timedatectl set-ntp true");
    }
}

void check_machine(struct findings *findings, const struct config *config)
{
    check_cpu(findings);
    check_hugepages(findings, config);
    if (config != NULL)
        check_memory(findings, config);
    check_limits(findings, config);
    check_bpf(findings, config);
    check_clock(findings);
}
