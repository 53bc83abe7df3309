/* The device directory against rte_hash: look-ups in bulk at 10 k to 1 M devices, and at 10 M when
 * STARLING_BENCH_10M is set (4 GiB of memory, a minute to fill).
 *
 * On paper a look-up is one cache line, the index bucket, prefetched 64 ahead, and a second one for
 * the sixth of all keys that are not at home; beside it some 9 ns of instructions. The line costs
 * 2 ns from the second level cache (10 k devices), 10 ns from memory (10 M): the rows `line` measure
 * it alone, over an area as large as the index by EID. The baseline touches its bucket and the key
 * beside it. What is asked is too much for any cache to have kept from the round before. */
#include "bench/bench.h"
#include "engine/device/directory.h"
#include "engine/device/locked_memory.h"
#include "tests/support/devices.h"

#include "base/prng.h"

#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_jhash.h>

#include <stdio.h>
#include <stdlib.h>

#define BULK 64u
#define ASKED (1u << 21) /* look-ups prepared, so that drawing them is not measured */
#define LINE_OCTETS 54u  /* of the area of the bare lines, for each device */

struct rig {
    uint32_t count;
    struct directory *directory;
    struct rte_hash *hash;
    struct eid *eids;
    uint64_t *msisdns;
    struct locked_memory lines;
};

static void find_eids(struct bench *bench, void *arg)
{
    struct rig *rig = arg;
    struct device_ref refs[BULK];
    bool found[BULK];
    uint32_t at = 0, total = 0, turns = 0;
    while (bench_more(bench)) {
        total += directory_find_eids(rig->directory, rig->eids + at, BULK, refs, found);
        at = (at + BULK) % ASKED;
        turns++;
    }
    if (total != turns * BULK)
        bench_skip(bench, "a device was not found");
    bench_items(bench, BULK);
    bench_figure(bench, "octets_a_device", (double)directory_octets(rig->directory) / rig->count);
}

static void find_msisdns(struct bench *bench, void *arg)
{
    struct rig *rig = arg;
    struct device_ref refs[BULK];
    bool found[BULK];
    uint32_t at = 0, total = 0, turns = 0;
    while (bench_more(bench)) {
        total += directory_find_msisdns(rig->directory, rig->msisdns + at, BULK, refs, found);
        at = (at + BULK) % ASKED;
        turns++;
    }
    if (total != turns * BULK)
        bench_skip(bench, "a device was not found");
    bench_items(bench, BULK);
}

static void find_rte_hash(struct bench *bench, void *arg)
{
    struct rig *rig = arg;
    const void *keys[BULK];
    int32_t positions[BULK];
    uint32_t at = 0;
    uint64_t missed = 0;
    while (bench_more(bench)) {
        for (uint32_t i = 0; i < BULK; i++)
            keys[i] = &rig->eids[at + i];
        if (rte_hash_lookup_bulk(rig->hash, keys, BULK, positions) != 0)
            missed++;
        for (uint32_t i = 0; i < BULK; i++)
            missed += positions[i] < 0;
        at = (at + BULK) % ASKED;
    }
    if (missed != 0)
        bench_skip(bench, "a key was not found");
    bench_items(bench, BULK);
}

/* The bound: a random line for each key, prefetched, with one multiplication to find it. */
static void touch_lines(struct bench *bench, void *arg)
{
    struct rig *rig = arg;
    const uint64_t count = rig->lines.taken / CACHE_LINE;
    uint32_t at = 0;
    while (bench_more(bench)) {
        const uint8_t *lines[BULK];
        uint64_t sum = 0;
        for (uint32_t i = 0; i < BULK; i++) {
            uint64_t random = rig->msisdns[at + i] * 0x9E3779B97F4A7C15ull >> 32;
            lines[i] = rig->lines.bytes + (random * count >> 32) * CACHE_LINE;
            __builtin_prefetch(lines[i]);
        }
        for (uint32_t i = 0; i < BULK; i++)
            sum += *lines[i];
        bench_keep((const void *)(uintptr_t)sum);
        at = (at + BULK) % ASKED;
    }
    bench_items(bench, BULK);
}

static void fill(struct rig *rig, uint32_t count)
{
    struct fault fault = { "" };
    char name[32];
    snprintf(name, sizeof name, "devices%u", count);
    struct rte_hash_parameters parameters = {
        .name = name, .entries = count + count / 8, .key_len = EID_LEN, .hash_func = rte_jhash
    };
    *rig = (struct rig){ .count = count, .hash = rte_hash_create(&parameters) };
    rig->eids = calloc(ASKED, sizeof *rig->eids);
    rig->msisdns = calloc(ASKED, sizeof *rig->msisdns);
    if (rig->hash == NULL || rig->eids == NULL || rig->msisdns == NULL ||
        locked_memory_init(&rig->lines, (size_t)count * LINE_OCTETS, false) != ERR_OK ||
        locked_memory_take(&rig->lines, (size_t)count * LINE_OCTETS) != ERR_OK ||
        directory_create(count, 1, &rig->directory, &fault) != ERR_OK) {
        fprintf(stderr, "bench-directory: no memory for %u devices %s\n", count, fault.text);
        exit(1);
    }
    struct device device;
    struct device_ref ref;
    struct eid other;
    device_make(0, 1, 1, &device);
    for (uint32_t i = 0; i < count; i++) {
        device.eid = device_eid(i);
        device.msisdn = device_msisdn(i);
        if (directory_put(rig->directory, &device, &ref, &other) != ERR_OK ||
            rte_hash_add_key(rig->hash, &device.eid) < 0)
            exit(1);
    }
    struct prng prng;
    prng_init(&prng, count);
    for (uint32_t i = 0; i < ASKED; i++) {
        uint64_t number = prng_below(&prng, count);
        rig->eids[i] = device_eid(number);
        rig->msisdns[i] = device_msisdn(number);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t counts[] = { 10000, 100000, 1000000, 10000000 };
    static struct rig rigs[COUNT(counts)];
    bool big = getenv("STARLING_BENCH_10M") != NULL;
    static char args[][20] = {
        "bench",          "--no-huge",         "-m",          "512", "--no-pci", "--no-shconf",
        "--no-telemetry", "--log-level=error", "--lcores=0@0"
    };
    char *eal[COUNT(args) + 1] = { NULL };
    for (size_t i = 0; i < COUNT(args); i++)
        eal[i] = args[i];
    if (big)
        snprintf(args[3], sizeof args[3], "2048");
    if (rte_eal_init((int)COUNT(args), eal) < 0)
        return 1;
    for (size_t i = 0; i < COUNT(counts) - !big; i++) {
        char name[64], baseline[64];
        fill(&rigs[i], counts[i]);
        snprintf(name, sizeof name, "line/%u", counts[i]);
        bench_row(name, touch_lines, &rigs[i]);
        snprintf(baseline, sizeof baseline, "rte_hash/eid/%u", counts[i]);
        bench_row(baseline, find_rte_hash, &rigs[i]);
        snprintf(name, sizeof name, "directory/eid/%u", counts[i]);
        bench_row_against(name, baseline, find_eids, &rigs[i]);
        snprintf(name, sizeof name, "directory/msisdn/%u", counts[i]);
        bench_row_against(name, baseline, find_msisdns, &rigs[i]);
    }
    return bench_main(argc, argv);
}
