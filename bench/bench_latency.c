/* The engine's own latency at part load, on busy-polling cores: ring in to octets out, as a running
 * engine tells it (engine/downlink/elapsed.c), and the store's time beside it.
 *
 *   CPU A   edge_turn and worker_turn of one engine, polling; jobs on the worker's ring; the journal's
 *           stub, which has everything durable at once
 *   CPU B   the SMSC and its cards, results
 *
 * Jobs come at random moments (exponential gaps) and count from the moment they were due, whatever the
 * core was doing then; so CPU A itself puts them on the ring, and what that takes counts as ours.
 * First as many jobs as go: that rate over the share of time for which CPU A was busy is what it would
 * bear. Then half of that (or nearly what CPU B can serve, when that is less), measured.
 *
 * On a machine that others use, CPU A is taken away from us at times, by its kernel or by its host. So
 * the run is told in slices of 5 ms: a slice is disturbed when the kernel switched us out, when an empty
 * poll, which takes a fraction of a microsecond, took more than fifty, or when CPU B, which sends all
 * that became due meanwhile at once, did not come round for a millisecond; and so is the tenth of a
 * second after it, in which the queue is worked off. What the host takes away in the middle of work is
 * not seen and stays in. `chrt -f 10` keeps the machine's other work away, but for a twentieth of each
 * second. */
#include "bench/path_rig.h"

#include "base/histogram.h"
#include "base/prng.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define DEVICES 100000u
#define TRAVEL_MS 20u
#define FLIGHT_MAX 50000u
#define SLICE_NS 5000000u
#define GAP_NS 50000u
#define FAR_GAP_NS 1000000u
#define RECOVERY_SLICES 20u
#define US 1000.0

/* What one run told. */
struct told {
    struct histogram quiet, disturbed; /* own latency, by slice */
    uint64_t quiet_slices, disturbed_slices;
    uint64_t gap_ns, gap_longest_ns; /* of empty polls */
    uint64_t busy_ns, all_ns;
};

struct duo {
    struct path_rig *rig;
    uint64_t epoch_ns; /* the rig's time 0, by the clock */
    double rate;       /* jobs a second; 0: as many as go */
    double due_ns;     /* when the next job comes */
    struct prng prng;
    atomic_bool offers, stop;
    atomic_uint far_gaps; /* of CPU B: what comes after one is a burst */
    struct told *told;
};

static uint64_t rig_now_ns(void *ctx)
{
    const struct duo *duo = ctx;
    return clock_now_ns() - duo->epoch_ns;
}

static bool pin_self(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

static uint64_t switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)(usage.ru_nivcsw + usage.ru_nvcsw);
}

static void slice_end(struct told *told, struct histogram *own, bool disturbed)
{
    histogram_merge(disturbed ? &told->disturbed : &told->quiet, own);
    *(disturbed ? &told->disturbed_slices : &told->quiet_slices) += 1;
    memset(own, 0, sizeof *own); /* of this thread's edge */
}

/* The jobs that are due by now. */
static bool offer(struct duo *duo, uint64_t now_ns)
{
    uint64_t since_ns[MSG_BURST];
    uint32_t count = 0;
    if (duo->rate <= 0 && duo->rig->worker->waiting_count < FLIGHT_MAX / 2)
        while (count < MSG_BURST / 2)
            since_ns[count++] = now_ns;
    while (duo->rate > 0 && duo->due_ns <= (double)now_ns && count < MSG_BURST &&
           duo->rig->worker->waiting_count < FLIGHT_MAX) {
        since_ns[count++] = (uint64_t)duo->due_ns;
        double uniform = (double)(prng_next(&duo->prng) >> 11) * 0x1p-53 + 0x1p-54;
        duo->due_ns -= log(uniform) * 1e9 / duo->rate;
    }
    if (count > 0)
        path_admit(duo->rig, count, now_ns, since_ns);
    return count > 0;
}

/* CPU A: as engine/lcores.c turns a core that plays both roles. */
static void *engine_side(void *arg)
{
    struct duo *duo = arg;
    struct told *told = duo->told;
    struct edge *edge = duo->rig->edge;
    struct worker *worker = duo->rig->worker;
    bool disturbed = false;
    unsigned far_gaps = 0, recovers = 0; /* slices yet, from the last disturbance */
    uint64_t now_ns = rig_now_ns(duo), slice_ns = now_ns, switched = switches();
    duo->due_ns = (double)now_ns;
    while (!atomic_load_explicit(&duo->stop, memory_order_relaxed)) {
        uint64_t wall_ms = path_wall_ms(now_ns);
        bool busy = atomic_load_explicit(&duo->offers, memory_order_relaxed) && offer(duo, now_ns);
        path_journal(duo->rig);
        busy |= edge_turn(edge, now_ns, wall_ms);
        busy |= worker_turn(worker, now_ns, wall_ms);
        uint64_t then_ns = rig_now_ns(duo), took_ns = then_ns - now_ns;
        told->all_ns += took_ns;
        if (busy) {
            told->busy_ns += took_ns;
        } else if (took_ns > GAP_NS) {
            disturbed = true;
            told->gap_ns += took_ns;
            told->gap_longest_ns = took_ns > told->gap_longest_ns ? took_ns : told->gap_longest_ns;
        }
        now_ns = then_ns;
        if (now_ns - slice_ns < SLICE_NS)
            continue;
        uint64_t by_now = switches();
        unsigned far_by_now = atomic_load_explicit(&duo->far_gaps, memory_order_relaxed);
        disturbed |= by_now != switched || far_by_now != far_gaps;
        far_gaps = far_by_now;
        recovers = disturbed ? RECOVERY_SLICES : recovers - (recovers > 0);
        slice_end(told, &edge->own_ns, recovers > 0);
        switched = by_now;
        disturbed = false;
        now_ns = slice_ns = rig_now_ns(duo);
    }
    return NULL;
}

/* CPU B, with CPU A for so long. The jobs a second that came to their end. */
static double run(struct duo *duo, double rate, double seconds, struct told *told)
{
    struct path_rig *rig = duo->rig;
    pthread_t engine;
    prng_init(&duo->prng, 11);
    memset(told, 0, sizeof *told);
    memset(&rig->worker->journal_wait_ns, 0, sizeof rig->worker->journal_wait_ns);
    memset(&rig->edge->own_ns, 0, sizeof rig->edge->own_ns);
    duo->told = told;
    duo->rate = rate;
    atomic_store(&duo->stop, false);
    atomic_store(&duo->offers, true);
    /* Born on CPU A: under chrt it would never get there from ours. */
    if (!pin_self(1) || pthread_create(&engine, NULL, engine_side, duo) != 0 || !pin_self(0)) {
        fprintf(stderr, "bench-latency: needs CPU 0 and CPU 1\n");
        exit(1);
    }
    uint64_t done = rig->executed, start_ns = rig_now_ns(duo), now_ns = start_ns;
    for (uint64_t then_ns; now_ns < start_ns + (uint64_t)(seconds * 1e9); now_ns = then_ns) {
        path_serve(rig, now_ns);
        then_ns = rig_now_ns(duo);
        if (then_ns - now_ns > FAR_GAP_NS)
            atomic_fetch_add_explicit(&duo->far_gaps, 1, memory_order_relaxed);
    }
    done = rig->executed - done;
    atomic_store(&duo->offers, false);
    for (uint64_t end_ns = now_ns + 20 * SLICE_NS; now_ns < end_ns; now_ns = rig_now_ns(duo))
        path_serve(rig, now_ns);
    atomic_store(&duo->stop, true);
    pthread_join(engine, NULL);
    return (double)done / seconds;
}

static void tell(const char *name, const struct histogram *ns)
{
    printf("  %-24s %9lu   p50 %7.1f   p90 %7.1f   p99 %7.1f   p99.9 %7.1f   most %7.1f us\n", name,
           (unsigned long)counter_read(&ns->count), (double)histogram_quantile(ns, 500) / US,
           (double)histogram_quantile(ns, 900) / US, (double)histogram_quantile(ns, 990) / US,
           (double)histogram_quantile(ns, 999) / US, (double)counter_read(&ns->max) / US);
}

static void tell_all(const struct duo *duo, const char *what, double rate, const struct told *told)
{
    static struct histogram all;
    memset(&all, 0, sizeof all);
    histogram_merge(&all, &told->quiet);
    histogram_merge(&all, &told->disturbed);
    uint64_t slices = told->quiet_slices + told->disturbed_slices;
    printf("%s: %.0f jobs/s, the core busy %.0f %%\n", what, rate,
           100.0 * (double)told->busy_ns / (double)told->all_ns);
    printf("  core taken away: %.1f %% of the time at least, %.0f us the longest; %.0f %% of the "
           "slices "
           "disturbed\n",
           100.0 * (double)told->gap_ns / (double)told->all_ns, (double)told->gap_longest_ns / US,
           100.0 * (double)told->disturbed_slices / (double)(slices > 0 ? slices : 1));
    tell("own, all", &all);
    tell("own, undisturbed slices", &told->quiet);
    tell("store's stub, journal", &duo->rig->worker->journal_wait_ns);
}

int main(int argc, char **argv)
{
    static struct duo duo;
    static struct told told;
    struct fault fault = { "" };
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3.0;
    duo.rig = path_rig_create(DEVICES, FLIGHT_MAX + PATH_CHUNK, TRAVEL_MS, false, &fault);
    if (duo.rig == NULL || !pin_self(0) || seconds <= 0) {
        fprintf(stderr, "bench-latency [SECONDS [JOBS_A_SECOND]]: %s\n", fault.text);
        return 1;
    }
    duo.epoch_ns = clock_now_ns() - duo.rig->now_ns;
    struct clock clock = { rig_now_ns, &duo };
    duo.rig->clock = duo.rig->edge->core.clock = duo.rig->worker->core.clock = clock;

    run(&duo, 0, 1, &told); /* the sessions' and directory's pages are there */
    double most = run(&duo, 0, seconds, &told);
    tell_all(&duo, "as many as go", most, &told);
    double bears = most * (double)told.all_ns / (double)told.busy_ns;
    double half = bears / 2 < most * 0.8 ? bears / 2 : most * 0.8;
    if (argc > 2)
        half = strtod(argv[2], NULL);
    printf("the engine's core would bear %.0f jobs/s; offered now: %.0f\n", bears, half);
    double rate = run(&duo, half, seconds, &told);
    tell_all(&duo, "half load", rate, &told);
    if (duo.rig->other > 0)
        fprintf(stderr, "bench-latency: a job was not executed\n");
    int code = duo.rig->other > 0;
    path_rig_destroy(duo.rig);
    return code;
}
