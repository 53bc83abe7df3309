/* /metrics: counters of the cores, the store, the SMSC accounts and the ports. */
#include "engine/metrics.h"

#include <stdarg.h>
#include <stdio.h>

struct out {
    api_metric_emit *emit;
    void *arg;
    const char *name, *help, *type;
};

static void put(const struct out *out, const char *suffix, double value, const char *format,
                va_list list)
{
    char labels[256];
    vsnprintf(labels, sizeof labels, format, list);
    struct api_metric metric = {
        .name = out->name,
        .help = out->help,
        .type = out->type,
        .labels = labels,
        .value = value,
        .suffix = suffix,
    };
    out->emit(out->arg, &metric);
}

static void sample(const struct out *out, double value, const char *format, ...) PRINTF_LIKE(3, 4);

static void sample(const struct out *out, double value, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    put(out, "", value, format, list);
    va_end(list);
}

static void row(const struct out *out, const char *suffix, double value, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void row(const struct out *out, const char *suffix, double value, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    put(out, suffix, value, format, list);
    va_end(list);
}

static const char *const stage_labels[STAGE_COUNT] = {
#define STAGE(name, label) [STAGE_##name] = (label),
    STAGES(STAGE)
#undef STAGE
};

static void core_drops(const struct out *out, const struct core *core, const char *role,
                       uint32_t index)
{
    for (uint32_t s = 0; s < STAGE_COUNT; s++)
        for (uint32_t e = 0; e < ERR_COUNT; e++) {
            uint64_t value = counter_read(&core->drops[s][e]);
            if (value > 0)
                sample(out, (double)value, "core=\"%s%u\",stage=\"%s\",err=\"%s\"", role, index,
                       stage_labels[s], err_label((enum err)e));
        }
}

static void drops(struct out out, const struct topology *t)
{
    out.name = "starling_drops_total";
    out.help = "What ended on the data path, by stage and reason.";
    out.type = "counter";
    for (uint32_t e = 0; e < t->edge_count; e++)
        core_drops(&out, &t->edges[e]->core, "edge", e);
    for (uint32_t w = 0; w < t->worker_count; w++)
        core_drops(&out, &t->workers[w]->core, "worker", w);
}

static void workers(struct out out, const struct topology *t)
{
    out.type = "counter";
#define WORKER_COUNTER(field, text)                                                                \
    out.name = "starling_worker_" #field "_total";                                                 \
    out.help = (text);                                                                             \
    for (uint32_t w = 0; w < t->worker_count; w++)                                                 \
        sample(&out, (double)counter_read(&t->workers[w]->counters.field), "worker=\"%u\"", w);
    WORKER_COUNTERS(WORKER_COUNTER)
#undef WORKER_COUNTER
    out.name = "starling_turns_total";
    out.help = "Turns of a core, by whether they did something.";
    for (uint32_t w = 0; w < t->worker_count; w++) {
        const struct core *core = &t->workers[w]->core;
        uint64_t idle = counter_read(&core->turns_idle);
        sample(&out, (double)idle, "core=\"worker%u\",turn=\"idle\"", w);
        sample(&out, (double)(counter_read(&core->turns) - idle), "core=\"worker%u\",turn=\"busy\"",
               w);
    }
    for (uint32_t e = 0; e < t->edge_count; e++) {
        const struct core *core = &t->edges[e]->core;
        uint64_t idle = counter_read(&core->turns_idle);
        sample(&out, (double)idle, "core=\"edge%u\",turn=\"idle\"", e);
        sample(&out, (double)(counter_read(&core->turns) - idle), "core=\"edge%u\",turn=\"busy\"",
               e);
    }
}

static void latency(struct out out, const struct topology *t)
{
    static const unsigned quantiles[] = { 500, 900, 990, 999 };
    static struct histogram all; /* large; one thread */
    memset(&all, 0, sizeof all);
    for (uint32_t w = 0; w < t->worker_count; w++)
        histogram_merge(&all, &t->workers[w]->latency_ms);
    out.type = "summary";
    out.name = "starling_job_latency_milliseconds";
    out.help = "From a job's acceptance to its result, since start.";
    for (size_t q = 0; q < COUNT(quantiles); q++)
        sample(&out, (double)histogram_quantile(&all, quantiles[q]), "quantile=\"0.%u\"",
               quantiles[q]);
    row(&out, "_sum", (double)counter_read(&all.sum), "%s", "");
    row(&out, "_count", (double)counter_read(&all.count), "%s", "");
}

#define BOUND_LEAST_NS 1024ull /* 1 us */
#define BOUND_MOST_NS (1ull << 33)

/* A Prometheus histogram of one core, in seconds, two bounds to a power of two. */
static void histogram(const struct out *out, const struct histogram *ns, const char *role,
                      uint32_t index)
{
    for (uint64_t bound = BOUND_LEAST_NS; bound <= BOUND_MOST_NS; bound *= 2) {
        uint64_t bounds[] = { bound, bound / 2 * 3 };
        for (size_t i = 0; i < COUNT(bounds); i++)
            row(out, "_bucket", (double)histogram_below(ns, bounds[i]), "%s=\"%u\",le=\"%.9g\"",
                role, index, (double)bounds[i] / 1e9);
    }
    double count = (double)counter_read(&ns->count);
    row(out, "_bucket", count, "%s=\"%u\",le=\"+Inf\"", role, index);
    row(out, "_sum", (double)counter_read(&ns->sum) / 1e9, "%s=\"%u\"", role, index);
    row(out, "_count", count, "%s=\"%u\"", role, index);
}

static void elapsed(struct out out, const struct topology *t)
{
    out.type = "histogram";
    out.name = "starling_own_latency_seconds";
    out.help =
        "Of a short message: from the ring that brought the job, or the turn that could send "
        "it, to the port. Without the store's time and what an SMSC held up.";
    for (uint32_t e = 0; e < t->edge_count; e++)
        histogram(&out, &t->edges[e]->own_ns, "edge", e);
    out.name = "starling_script_wait_seconds";
    out.help = "Of a command: for its script from the store.";
    for (uint32_t w = 0; w < t->worker_count; w++)
        histogram(&out, &t->workers[w]->script_wait_ns, "worker", w);
    out.name = "starling_journal_wait_seconds";
    out.help = "Of a command: from sealed to durable.";
    for (uint32_t w = 0; w < t->worker_count; w++)
        histogram(&out, &t->workers[w]->journal_wait_ns, "worker", w);
}

static void edges(struct out out, const struct topology *t)
{
    out.type = "counter";
#define EDGE_COUNTER(field, text)                                                                  \
    out.name = "starling_edge_" #field "_total";                                                   \
    out.help = (text);                                                                             \
    for (uint32_t e = 0; e < t->edge_count; e++)                                                   \
        sample(&out, (double)counter_read(&t->edges[e]->counters.field), "edge=\"%u\"", e);
    EDGE_COUNTERS(EDGE_COUNTER)
#undef EDGE_COUNTER
    out.type = "gauge";
    out.name = "starling_smsc_binds_bound";
    out.help = "Transceiver binds that are up.";
    for (uint32_t e = 0; e < t->edge_count; e++)
        sample(&out, (double)counter_read(&t->edges[e]->bound), "edge=\"%u\"", e);
}

static void sessions(struct out out, const struct topology *t)
{
    out.type = "counter";
#define SMPP_COUNTER(field, text)                                                                  \
    out.name = "starling_smpp_" #field "_total";                                                   \
    out.help = (text);                                                                             \
    for (uint32_t e = 0; e < t->edge_count; e++)                                                   \
        for (uint32_t s = 0; s < t->edges[e]->smsc_count; s++) {                                   \
            const struct smsc *smsc = &t->edges[e]->smscs[s];                                      \
            for (uint32_t b = 0; b < smsc->bind_count; b++)                                        \
                sample(                                                                            \
                    &out,                                                                          \
                    (double)counter_read(&smpp_session_counters(smsc->binds[b].session)->field),   \
                    "account=\"%s\",bind=\"%u\"", smsc->config->name, b);                          \
        }
    SMPP_SESSION_COUNTERS(SMPP_COUNTER)
#undef SMPP_COUNTER
}

static void concat(struct out out, const struct topology *t)
{
    out.type = "counter";
#define SMS_COUNTER(field, text)                                                                   \
    out.name = "starling_concat_" #field "_total";                                                 \
    out.help = (text);                                                                             \
    for (uint32_t w = 0; w < t->worker_count; w++)                                                 \
        sample(&out, (double)counter_read(&sms_concat_counters(t->workers[w]->concat)->field),     \
               "worker=\"%u\"", w);
    SMS_CONCAT_COUNTERS(SMS_COUNTER)
#undef SMS_COUNTER
}

struct net_out {
    const struct out *out;
    const char *port;
    uint32_t edge;
};

static void net_counter(void *ctx, const char *layer, const char *reason, uint64_t value)
{
    struct net_out *net = ctx;
    sample(net->out, (double)value, "port=\"%s\",edge=\"%u\",layer=\"%s\",event=\"%s\"", net->port,
           net->edge, layer, reason);
}

static void ports(struct out out, const struct topology *t)
{
    out.type = "counter";
    out.name = "starling_net_total";
    out.help = "Frames and segments by port, edge, layer and what became of them.";
    for (uint32_t e = 0; e < t->edge_count; e++)
        for (uint32_t p = 0; p < t->edges[e]->port_count; p++) {
            const struct edge_port *port = &t->edges[e]->ports[p];
            struct net_out net = { &out, t->config->ports[port->config].name, e };
            net_counters(port->net, net_counter, &net);
        }
}

static void control_side(struct out out, const struct topology *t)
{
    out.type = "counter";
#define CONTROL_COUNTER(field, text)                                                               \
    out.name = "starling_control_" #field "_total";                                                \
    out.help = (text);                                                                             \
    sample(&out, (double)counter_read(&t->control.counters.field), "%s", "");
    CONTROL_COUNTERS(CONTROL_COUNTER)
#undef CONTROL_COUNTER
    out.name = "starling_store_total";
    out.help = "What the store thread did, by event.";
    for (int f = 0; f < STORE_KEPT; f++)
        sample(&out, (double)store_thread_figure(t->store_thread, (enum store_figure)f),
               "event=\"%s\"", store_figure_label((enum store_figure)f));
    out.name = "starling_store_corrupt_total";
    out.help = "Records whose CRC did not match: quarantined. Any is an alarm.";
    sample(&out, (double)store_corrupt_count(t->store), "%s", "");
    out.type = "gauge";
    out.name = "starling_store_kept";
    out.help = "Messages that wait for a commit to succeed: the disk refuses.";
    sample(&out, (double)store_thread_figure(t->store_thread, STORE_KEPT), "%s", "");
    out.name = "starling_store_failing";
    out.help = "1: the last commit failed; nothing is accepted or sent until one succeeds.";
    sample(&out, (double)store_thread_figure(t->store_thread, STORE_FAILING), "%s", "");
    out.name = "starling_store_octets";
    out.help = "Octets in use of the data file.";
    sample(&out, (double)store_used(t->store), "%s", "");
    out.name = "starling_devices";
    out.help = "Devices in the directory.";
    sample(&out, directory_count(t->directory), "%s", "");
    out.name = "starling_jobs_unfinished";
    out.help = "Jobs accepted that have no durable result yet.";
    for (uint32_t w = 0; w < t->worker_count; w++)
        sample(&out, (double)control_waiting(&t->control, w), "worker=\"%u\"", w);
}

void metrics_emit(const struct topology *topology, api_metric_emit *emit, void *arg)
{
    struct out out = { .emit = emit, .arg = arg };
    control_side(out, topology);
    workers(out, topology);
    latency(out, topology);
    elapsed(out, topology);
    edges(out, topology);
    sessions(out, topology);
    concat(out, topology);
    ports(out, topology);
    drops(out, topology);
}
