/* A hop between two cores: messages over a channel, there and back, beside bare rte_rings that carry
 * pointers only. Time is of one hop: half of there and back. On a machine that others use as well the
 * mean is mostly of waiting for a far side that does not run; `least_ns` is a hop of the best iteration
 * by the wall clock, when both ran.
 *
 * On paper: the pointers of a burst of 32 are four cache lines, plus the ring's two indexes, each
 * moved once between the cores at about 60 ns, hidden for the most part by prefetching: 2 to 5 ns a
 * pointer. The channel's message header is two lines that move as well, both ways: they are written by one
 * side and read by the other, which is what a hop is for. */
#include "bench/bench.h"
#include "engine/msg.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define QUOTA 1024u
#define BODY 160u       /* of a short message */
#define ITERATION 4096u /* messages: several quotas, so that the far side has to keep up */

struct duo {
    struct channel *channel;
    struct rte_ring *there, *back; /* the baseline's */
    void *pointers[MSG_BURST];     /* what it carries: nobody looks */
    atomic_bool stop;
    uint64_t sum; /* of what the far side read */
};

/* One row: how the far side is reached. */
struct row {
    struct duo *duo;
    uint32_t burst;
    bool is_bare;
    bool two_cores;
    bool round_trip; /* a burst is home before the next one leaves */
};

/* ---- The far side: gives back what it gets ---------------------------------------------------- */

static uint32_t echo_channel(struct duo *duo)
{
    struct msg *msgs[MSG_BURST];
    uint32_t count = channel_receive(duo->channel, msgs, MSG_BURST);
    for (uint32_t i = 0; i < count; i++) {
        duo->sum += msgs[i]->cookie + msgs[i]->value;
        channel_return(duo->channel, msgs[i]);
    }
    channel_flush_consumer(duo->channel);
    return count;
}

static uint32_t echo_bare(struct duo *duo)
{
    void *pointers[MSG_BURST];
    uint32_t count = rte_ring_sc_dequeue_burst(duo->there, pointers, MSG_BURST, NULL);
    if (count == 0)
        return 0;
    unsigned sent = rte_ring_sp_enqueue_bulk(duo->back, pointers, count, NULL);
    ASSERT(sent == count); /* the ring holds the whole quota */
    return count;
}

static void *far_side(void *arg)
{
    const struct row *row = arg;
    while (!atomic_load_explicit(&row->duo->stop, memory_order_relaxed))
        if ((row->is_bare ? echo_bare(row->duo) : echo_channel(row->duo)) == 0)
            rte_pause();
    return NULL;
}

/* ---- The near side ---------------------------------------------------------------------------- */

static uint32_t send_channel(struct duo *duo, uint32_t burst)
{
    if (channel_room(duo->channel) < burst)
        return 0;
    for (uint32_t i = 0; i < burst; i++) {
        struct msg *msg = channel_take(duo->channel);
        msg->cookie = i;
        msg->value = burst;
        channel_push(duo->channel, msg);
    }
    channel_flush_producer(duo->channel);
    return burst;
}

static uint32_t collect_channel(struct duo *duo)
{
    struct msg *msgs[MSG_BURST];
    uint32_t count = channel_collect(duo->channel, msgs, MSG_BURST);
    for (uint32_t i = 0; i < count; i++)
        channel_untake(duo->channel, msgs[i]);
    return count;
}

static uint32_t send_bare(struct duo *duo, uint32_t burst)
{
    return rte_ring_sp_enqueue_bulk(duo->there, duo->pointers, burst, NULL);
}

static uint32_t collect_bare(struct duo *duo)
{
    void *pointers[MSG_BURST];
    return rte_ring_sc_dequeue_burst(duo->back, pointers, MSG_BURST, NULL);
}

static void run_bursts(struct bench *bench, const struct row *row)
{
    struct duo *duo = row->duo;
    uint32_t away = 0; /* the bare rings have no quota of their own */
    uint64_t least = UINT64_MAX;
    while (bench_more(bench)) {
        uint64_t start = rte_rdtsc();
        for (uint32_t n = 0; n < ITERATION;) {
            uint32_t sent = 0;
            if (away + row->burst <= QUOTA && (away == 0 || !row->round_trip))
                sent = row->is_bare ? send_bare(duo, row->burst) : send_channel(duo, row->burst);
            n += sent;
            away += sent;
            if (!row->two_cores)
                row->is_bare ? echo_bare(duo) : echo_channel(duo);
            away -= row->is_bare ? collect_bare(duo) : collect_channel(duo);
        }
        uint64_t took = rte_rdtsc() - start;
        least = took < least ? took : least;
    }
    while (away > 0) {
        if (!row->two_cores)
            row->is_bare ? echo_bare(duo) : echo_channel(duo);
        away -= row->is_bare ? collect_bare(duo) : collect_channel(duo);
    }
    uint64_t hops = row->round_trip ? ITERATION : 2ull * ITERATION;
    bench_items(bench, hops);
    bench_figure(bench, "least_ns", (double)least * 1e9 / (double)rte_get_tsc_hz() / (double)hops);
}

static bool pin(pthread_t thread, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}

/* The first two CPUs that this process may use; asked before EAL pins this thread. */
static int cpus[2] = { -1, -1 };

static void cpus_find(void)
{
    cpu_set_t set;
    uint32_t count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (int cpu = 0; cpu < CPU_SETSIZE && count < COUNT(cpus); cpu++)
        if (CPU_ISSET(cpu, &set))
            cpus[count++] = cpu;
}

static void hop(struct bench *bench, void *arg)
{
    struct row *row = arg;
    pthread_t far;
    if (!row->two_cores) {
        run_bursts(bench, row);
        return;
    }
    if (cpus[1] < 0) {
        bench_skip(bench, "needs two CPUs");
        return;
    }
    atomic_store(&row->duo->stop, false);
    if (pthread_create(&far, NULL, far_side, row) != 0) {
        bench_skip(bench, "no thread");
        return;
    }
    if (pin(pthread_self(), cpus[0]) && pin(far, cpus[1]))
        run_bursts(bench, row);
    else
        bench_skip(bench, "threads cannot be pinned");
    atomic_store(&row->duo->stop, true);
    pthread_join(far, NULL);
}

static void rows_of(struct duo *duo, bool two_cores)
{
    static const uint32_t bursts[] = { 1, 8, 32, 64 };
    static struct row rows[2][COUNT(bursts)][2];
    for (size_t i = 0; i < COUNT(bursts); i++) {
        struct row *row = rows[two_cores][i];
        char bare[64], channel[64];
        const char *where = two_cores ? "two cores" : "one core";
        snprintf(bare, sizeof bare, "%s/bare rte_ring, bursts of %u", where, bursts[i]);
        snprintf(channel, sizeof channel, "%s/channel, bursts of %u", where, bursts[i]);
        row[0] =
            (struct row){ .duo = duo, .burst = bursts[i], .is_bare = true, .two_cores = two_cores };
        row[1] = (struct row){
            .duo = duo, .burst = bursts[i], .is_bare = false, .two_cores = two_cores
        };
        bench_row(bare, hop, &row[0]);
        bench_row_against(channel, bare, hop, &row[1]);
    }
}

int main(int argc, char **argv)
{
    static char args[][20] = {
        "bench-ring",     "--no-huge",        "-m", "64", "--no-shconf", "--no-pci",
        "--no-telemetry", "--log-level=error"
    };
    char *eal[COUNT(args) + 1] = { NULL };
    for (size_t i = 0; i < COUNT(args); i++)
        eal[i] = args[i];
    cpus_find();
    if (rte_eal_init((int)COUNT(args), eal) < 0) {
        fprintf(stderr, "bench-ring: EAL does not start\n");
        return 1;
    }
    static struct duo duo;
    duo.channel = channel_create("hop", QUOTA, BODY, SOCKET_ID_ANY);
    duo.there = rte_ring_create("there", 2 * QUOTA, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    duo.back = rte_ring_create("back", 2 * QUOTA, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (duo.channel == NULL || duo.there == NULL || duo.back == NULL) {
        fprintf(stderr, "bench-ring: no memory for the rings\n");
        return 1;
    }
    rows_of(&duo, true);
    rows_of(&duo, false);
    static struct row trips[] = {
        { .duo = &duo, .burst = 1, .is_bare = true, .two_cores = true, .round_trip = true },
        { .duo = &duo, .burst = 1, .is_bare = false, .two_cores = true, .round_trip = true },
    };
    bench_row("two cores/round trip of one, bare rte_ring", hop, &trips[0]);
    bench_row_against("two cores/round trip of one, channel",
                      "two cores/round trip of one, bare rte_ring", hop, &trips[1]);
    return bench_main(argc, argv);
}
