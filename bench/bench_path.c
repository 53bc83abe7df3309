/* The whole path of a command and of its answer, by the engine's own turns, with a different device
 * for every message: what a worker core and what an edge core spend on each.
 *
 *   submit   job from control, fetched, planned, sealed, journalled, cut, sent: octets at the port
 *   accept   submit_sm_resp: the attempt recorded, the answer awaited
 *   answer   deliver_sm: parsed, routed, opened, matched: the result at the store; deliver_sm_resp
 *
 * One short message each way: a command packet of 122 octets, its response packet made by the
 * fleet's card (OpenSSL). All devices under way are asked before the first answers, so that nothing
 * of a session is in the cache when its answer comes. The store is a stub without a disk, control
 * and store run between the timed turns in the same thread: what the rings' cache lines cost
 * between cores is bench-ring's to tell. STARLING_BENCH_DEVICES says how many devices (100,000);
 * STARLING_BENCH_HUGEPAGES takes 240 huge pages of 2 MB, as production does.
 *
 * On paper, a worker's submit: directory record 2 lines, session 8, waiting 1, three messages of 2
 * to 4 lines, all prefetchable: some 20 × 9 ns; sealing 100 ns; records written and read 100 ns. */
#include "bench/path_rig.h"

#include "base/histogram.h"

#include <rte_cycles.h>

#include <stdio.h>
#include <stdlib.h>

enum movement { SUBMIT, ACCEPT, ANSWER };

struct row {
    struct path_rig *rig;
    enum movement movement;
    bool worker, edge; /* whose turns are timed */
};

/* Every answer that is due comes. */
static void drain(struct path_rig *rig)
{
    if (!rig->is_answering && rig->in_flight > 0)
        path_wait(rig);
    while (rig->in_flight > 0)
        path_answer(rig);
    rig->is_answering = false;
}

static void fill(struct path_rig *rig)
{
    while (rig->in_flight + PATH_CHUNK <= rig->flight_count) {
        path_submit(rig, PATH_CHUNK);
        path_accept(rig);
    }
    path_wait(rig);
    rig->is_answering = true;
}

/* What the movement needs to find, untimed. */
static void prepare(struct path_rig *rig, enum movement movement)
{
    if (movement == ANSWER) {
        if (rig->is_answering && rig->in_flight == 0)
            rig->is_answering = false;
        if (!rig->is_answering)
            fill(rig);
        return;
    }
    if (rig->is_answering || rig->in_flight + PATH_CHUNK > rig->flight_count)
        drain(rig);
    if (movement == ACCEPT)
        path_submit(rig, PATH_CHUNK);
}

static void move(struct path_rig *rig, enum movement movement)
{
    if (movement == SUBMIT)
        path_submit(rig, PATH_CHUNK);
    else if (movement == ACCEPT)
        path_accept(rig);
    else
        path_answer(rig);
}

static void path(struct bench *bench, void *arg)
{
    const struct row *row = arg;
    struct path_rig *rig = row->rig;
    rig->time_worker = row->worker;
    rig->time_edge = row->edge;
    while (bench_more(bench)) {
        bench_pause(bench);
        prepare(rig, row->movement);
        rig->bench = bench;
        move(rig, row->movement);
        rig->bench = NULL;
        if (row->movement == SUBMIT)
            path_accept(rig);
        bench_resume(bench);
    }
    if (rig->other > 0)
        bench_skip(bench, "a job was not executed");
    bench_items(bench, PATH_CHUNK);
}

struct burst {
    struct path_rig *rig;
    uint32_t count;
};

/* From the ring that brings a burst of jobs to the octets at the port, both roles on one core and
 * the disk not waited for. */
static void latency(struct bench *bench, void *arg)
{
    const struct burst *burst = arg;
    struct path_rig *rig = burst->rig;
    static struct histogram ns;
    memset(&ns, 0, sizeof ns);
    while (bench_more(bench)) {
        bench_pause(bench);
        prepare(rig, SUBMIT);
        uint64_t start = rte_rdtsc();
        path_submit(rig, burst->count);
        histogram_add(&ns, (rte_rdtsc() - start) * 1000 / (rte_get_tsc_hz() / 1000000));
        path_accept(rig);
        bench_resume(bench);
    }
    bench_figure(bench, "p50_ns", (double)histogram_quantile(&ns, 500));
    bench_figure(bench, "p99_ns", (double)histogram_quantile(&ns, 990));
}

/* What the pauses between the turns add to a message. */
static void pauses(struct bench *bench, void *arg)
{
    (void)arg;
    while (bench_more(bench)) {
        for (uint32_t i = 0; i < 4; i++) {
            bench_pause(bench);
            bench_resume(bench);
        }
    }
    bench_items(bench, PATH_CHUNK);
}

static uint32_t devices_wanted(void)
{
    const char *text = getenv("STARLING_BENCH_DEVICES");
    unsigned long count = text != NULL ? strtoul(text, NULL, 10) : 100000;
    return count >= 2 * PATH_CHUNK && count <= DIRECTORY_CAP_MAX ? (uint32_t)count : 100000;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum movement movement;
    } movements[] = {
        { "submit: job to SMPP bytes", SUBMIT },
        { "accept: submit_sm_resp to attempt", ACCEPT },
        { "answer: SMPP bytes to verified result", ANSWER },
    };
    static const struct {
        const char *name;
        bool worker, edge;
    } sides[] = { { "worker", true, false }, { "edge", false, true }, { "both", true, true } };
    static struct row rows[COUNT(movements)][COUNT(sides)];

    struct fault fault = { "" };
    uint32_t devices = devices_wanted();
    uint32_t flight = devices < 100000 ? devices : 100000;
    struct path_rig *rig =
        path_rig_create(devices, flight, 20000, getenv("STARLING_BENCH_HUGEPAGES") != NULL, &fault);
    if (rig == NULL) {
        fprintf(stderr, "bench-path: %s\n", fault.text);
        return 1;
    }
    for (size_t m = 0; m < COUNT(movements); m++)
        for (size_t s = 0; s < COUNT(sides); s++) {
            char name[96];
            snprintf(name, sizeof name, "%s, %s", movements[m].name, sides[s].name);
            rows[m][s] = (struct row){ rig, movements[m].movement, sides[s].worker, sides[s].edge };
            bench_row(name, path, &rows[m][s]);
        }
    static struct burst bursts[] = { { .count = 1 }, { .count = 16 }, { .count = 64 } };
    for (size_t i = 0; i < COUNT(bursts); i++) {
        char name[64];
        bursts[i].rig = rig;
        snprintf(name, sizeof name, "ring in to bytes out, burst of %u", bursts[i].count);
        bench_row(name, latency, &bursts[i]);
    }
    bench_row("the pauses of a movement", pauses, NULL);
    int code = bench_main(argc, argv);
    path_rig_destroy(rig);
    return code;
}
