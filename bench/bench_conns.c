/* What a million connections cost, in one process over an in-memory port: octets each, a turn that has nothing to
 * do, a request and its response on any of them; and what a packet of a stranger costs. One core, both ends; the
 * script's end is left out of the times. */
#include "base/prng.h"
#include "base/wheel.h"
#include "bench/bench.h"
#include "tests/support/crowd.h"
#include "tests/support/stranger.h"

#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BURST 32u
#define STRANGER_CONNS 100u
#define STRANGER_PLACES 4096u
#define TURN_NS 100000u
#define IDLE_NAME "turn with nothing to do, %u connections"
#define ASKED_NAME "request and response, %u connections"

#define WHEEL_NAME "wheel: a millisecond, %u timers for one moment 100 s away"
#define FAR_NS 100000000000u

static struct crowd crowd;
static struct prng prng;

/* What others on this CPU take does not count. */
static uint64_t thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The crowd of that size, opened when another one was. False, and the row skipped, when it cannot be. */
static bool crowd_of(struct bench *bench, uint32_t count, uint32_t more)
{
    static char problem[200];
    struct fault fault = { "" };
    static uint32_t last_more;
    if (crowd.count == count && last_more == more)
        return true;
    if (crowd.count != 0)
        crowd_close(&crowd);
    last_more = more;
    prng_init(&prng, count);
    if (!crowd_open(&crowd, count, more, &fault)) {
        snprintf(problem, sizeof problem, "%s", fault.text);
        bench_skip(bench, problem);
        crowd.count = 0;
        return false;
    }
    crowd_connect(&crowd);
    for (int i = 0; i < 1000; i++) { /* what is due soon is over */
        crowd.now_ns += 1000000;
        crowd_turn(&crowd);
        crowd_listen(&crowd);
    }
    if (crowd.open_count == count)
        return true;
    bench_skip(bench, "not all connections opened");
    return false;
}

static void idle_turn(struct bench *bench, void *arg)
{
    const uint32_t *count = arg;
    if (!crowd_of(bench, *count, 0))
        return;
    while (bench_more(bench)) {
        net_rx(crowd.net, crowd.now_ns);
        net_timers(crowd.net, crowd.now_ns);
        net_flush(crowd.net, crowd.now_ns);
        crowd.now_ns += 1000; /* as often as a core that polls */
    }
    bench_items(bench, 1);
    bench_figure(bench, "octets_each", (double)crowd.octets / *count);
}

/* The far end puts 32 requests on the wire, of random peers; the stack's turn is timed. */
static void requests(struct bench *bench, void *arg)
{
    const uint32_t *count = arg;
    if (!crowd_of(bench, *count, 0))
        return;
    uint32_t burst = *count < BURST ? *count : BURST; /* none twice: each waits for its answer */
    uint32_t asked = 0;
    crowd.answers = 0;
    while (bench_more(bench)) {
        bench_pause(bench);
        uint32_t first = (uint32_t)prng_below(&prng, *count);
        for (uint32_t i = 0; i < burst; i++)
            crowd_ask(&crowd, (first + i * (*count / burst)) % *count);
        asked += burst;
        bench_resume(bench);
        crowd_turn(&crowd);
        bench_pause(bench);
        crowd_listen(&crowd); /* which acknowledges: the stack's work, too */
        bench_resume(bench);
        crowd_turn(&crowd);
        crowd.now_ns += TURN_NS;
    }
    bench_items(bench, burst);
    if (crowd.answers != asked)
        bench_skip(bench, "requests without an answer");
}

/* A wheel's milliseconds, from when its timers were armed for one far moment until all have fired. */
static void wheel_tick(struct bench *bench, void *arg)
{
    const uint32_t *count = arg;
    struct wheel *wheel = malloc(sizeof *wheel);
    struct timer *timers = calloc(*count, sizeof *timers);
    uint64_t now_ns = 0, due_ns = 0, worst_ns = 0;
    wheel_init(wheel, now_ns);
    while (bench_more(bench)) {
        if (wheel->armed_count == 0) {
            bench_pause(bench);
            due_ns = now_ns + FAR_NS;
            for (uint32_t i = 0; i < *count; i++)
                wheel_arm(wheel, &timers[i], due_ns);
            bench_resume(bench);
        }
        now_ns += WHEEL_TICK_NS;
        uint64_t start = thread_ns();
        struct timer *timer = wheel_pop(wheel, now_ns);
        uint64_t took = thread_ns() - start;
        worst_ns = took > worst_ns ? took : worst_ns;
        while (timer != NULL)
            timer = wheel_pop(wheel, now_ns);
    }
    bench_items(bench, 1);
    bench_figure(bench, "worst_us", (double)worst_ns / 1e3);
    free(timers);
    free(wheel);
}

static void strangers(struct bench *bench, void *arg)
{
    const enum stranger *kind = arg;
    if (!crowd_of(bench, STRANGER_CONNS, STRANGER_PLACES))
        return;
    while (bench_more(bench)) {
        bench_pause(bench);
        for (uint32_t i = 0; i < BURST; i++)
            crowd_put(&crowd, stranger_frame(*kind, &prng, crowd.frames, &crowd.ours, &crowd.ours6,
                                             &crowd.gateway, CROWD_PORT));
        bench_resume(bench);
        crowd_turn(&crowd);
        bench_pause(bench);
        crowd_listen(&crowd);
        crowd.now_ns += TURN_NS;
        bench_resume(bench);
    }
    bench_items(bench, BURST);
}

/* Memory of this process alone, no privileges. */
static bool eal_start(void)
{
    static char args[][20] = { "bench-conns",    "--no-huge",         "-m",
                               "1536",           "--no-shconf",       "--no-pci",
                               "--no-telemetry", "--log-level=error", "--lcores=0@0" };
    char *argv[COUNT(args) + 1] = { NULL };
    for (size_t i = 0; i < COUNT(args); i++)
        argv[i] = args[i];
    return rte_eal_init((int)COUNT(args), argv) >= 0;
}

int main(int argc, char **argv)
{
    static uint32_t counts[] = { 10, 10000, 1000000 };
    static enum stranger kinds[STRANGER_COUNT];
    if (!eal_start()) {
        fprintf(stderr, "bench-conns: the EAL needs 1,536 MiB of memory\n");
        return 1;
    }
    char idle[80], asked[80], name[80], wheel[80];
    snprintf(idle, sizeof idle, IDLE_NAME, counts[0]);
    snprintf(asked, sizeof asked, ASKED_NAME, counts[0]);
    bench_row(idle, idle_turn, &counts[0]);
    bench_row(asked, requests, &counts[0]);
    snprintf(wheel, sizeof wheel, WHEEL_NAME, counts[0]);
    bench_row(wheel, wheel_tick, &counts[0]);
    for (size_t i = 1; i < COUNT(counts); i++) {
        snprintf(name, sizeof name, WHEEL_NAME, counts[i]);
        bench_row_against(name, wheel, wheel_tick, &counts[i]);
    }
    for (size_t i = 1; i < COUNT(counts); i++) {
        snprintf(name, sizeof name, IDLE_NAME, counts[i]);
        bench_row_against(name, idle, idle_turn, &counts[i]);
        snprintf(name, sizeof name, ASKED_NAME, counts[i]);
        bench_row_against(name, asked, requests, &counts[i]);
    }
    for (size_t i = 0; i < STRANGER_COUNT; i++) {
        kinds[i] = (enum stranger)i;
        snprintf(name, sizeof name, "stranger: %s", stranger_names[i]);
        bench_row(name, strangers, &kinds[i]);
    }
    return bench_main(argc, argv);
}
