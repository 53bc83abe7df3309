/* Running a fleet: clock, signals, status line, ledger, summary. */
#include "bench/fleet/fleet_run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static uint64_t monotonic_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t fleet_run_now(const struct fleet_run *run)
{
    return monotonic_ns() - run->start_ns;
}

static void status_line(const struct fleet_run *run, uint64_t period_ns)
{
    const struct fleet_stats *s = fleet_stats(run->fleet);
    double per_s = (double)NS_PER_S / (double)period_ns;
    fprintf(stderr,
            "\r%" PRIu32 " connections  %.0f submit/s  %.0f run/s  %.0f deliver/s  %" PRIu64
            " run  %" PRIu64 " dropped  %" PRIu64 " under way \033[K",
            run->connections, (double)(s->submits - run->said.submits) * per_s,
            (double)(s->executed - run->said.executed) * per_s,
            (double)(s->delivers - run->said.delivers) * per_s, s->executed, s->dropped,
            fleet_under_way(run->fleet));
    fflush(stderr);
}

bool fleet_run_over(struct fleet_run *run, uint64_t now_ns)
{
    if (now_ns - run->said_ns >= NS_PER_S) {
        if (isatty(STDERR_FILENO))
            status_line(run, now_ns - run->said_ns);
        if (run->ledger != NULL)
            ledger_flush(run->ledger);
        run->said_ns = now_ns;
        run->said = *fleet_stats(run->fleet);
    }
    return stopped || (run->options->seconds > 0 && now_ns / NS_PER_S >= run->options->seconds);
}

static void summarise(const struct fleet_run *run)
{
    const struct fleet_stats *s = fleet_stats(run->fleet);
    uint64_t ms = fleet_run_now(run) / 1000000u;
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    if (run->options->json) {
        printf("{\"devices\":%" PRIu32 ",\"ms\":%" PRIu64, run->options->config.device_count, ms);
#define X(name, text) printf(",\"" #name "\":%" PRIu64, s->name);
        FLEET_STATS(X)
#undef X
        printf(",\"under_way\":%" PRIu64 "}\n", fleet_under_way(run->fleet));
        return;
    }
#define X(name, text)                                                                              \
    if (s->name > 0)                                                                               \
        printf("%12" PRIu64 "  %s\n", s->name, text);
    FLEET_STATS(X)
#undef X
    printf("%12" PRIu64 "  still under way\n", fleet_under_way(run->fleet));
}

static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool serve(struct fleet_run *run, struct fault *fault)
{
    struct fleet_config config = run->options->config;
    if (run->options->ledger[0] != '\0') {
        run->ledger = ledger_open(run->options->ledger, fault);
        if (run->ledger == NULL)
            return false;
        config.on_packet = ledger_write;
        config.context = run->ledger;
    }
    run->start_ns = monotonic_ns();
    config.epoch_s = (uint64_t)time(NULL);
    run->fleet = fleet_create(&config, 0, fault);
    if (run->fleet == NULL)
        return false;
    bool stack = run->options->port[0] != '\0';
    if (!(stack ? fleet_stack_serve(run, fault) : fleet_socket_serve(run, fault)))
        return false;
    summarise(run);
    return true;
}

int fleet_run(const struct fleet_options *options)
{
    struct fault fault = { "" };
    struct fleet_run run = { .options = options };
    catch_signals();
    bool good = serve(&run, &fault);
    fleet_free(run.fleet);
    if (run.ledger != NULL && !ledger_close(run.ledger)) {
        fault_set(&fault, "ledger %s: not all of it could be written", options->ledger);
        good = false;
    }
    if (!good)
        fprintf(stderr, "starling-fleet: %s\n", fault.text);
    return good ? 0 : 1;
}
