/* Start: EAL, parts, threads, recovery, API. Then the control loop. Then the shutdown order of
 * design §2. */
#include "engine/engine.h"
#include "base/log.h"
#include "engine/claims.h"
#include "engine/clock.h"
#include "engine/metrics.h"
#include "engine/ports.h"
#include "engine/topology.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#define DRAIN_MS 3000u /* open SMPP answers are awaited so long */
#define CLOSE_MS 1000u /* then unbind, FIN */

static volatile sig_atomic_t stop_asked;

static void on_signal(int signal)
{
    (void)signal;
    stop_asked = 1;
}

struct engine {
    const struct config *config;
    struct topology *topology;
    struct ports ports;
    struct capture_thread *capture; /* NULL: none */
    struct api_ops ops;
    struct api *api;
    struct claims claims;
    pthread_t store_thread;
    bool is_store_running;
};

/* ---- What the API asks of the whole engine ----------------------------------------------------- */

static void answer(void *ctx, uint64_t cookie, enum err err, uint64_t id)
{
    struct engine *engine = ctx;
    api_answer(engine->api, cookie, err, id);
}

static uint64_t ops_now_ms(void *ctx)
{
    struct control *control = ctx;
    return control->now_ms;
}

static void ops_metrics(void *ctx, api_metric_emit *emit, void *arg)
{
    struct control *control = ctx;
    struct engine *engine = control->answer_ctx;
    metrics_emit(engine->topology, emit, arg);
    ports_emit(&engine->ports, emit, arg);
}

static bool ops_ready(void *ctx, const char **why)
{
    struct control *control = ctx;
    const struct topology *topology = CONTAINER_OF(control, struct topology, control);
    if (!control->is_open) {
        *why = "starting: open commands of the last run are being taken up";
        return false;
    }
    if (store_thread_figure(topology->store_thread, STORE_FAILING) != 0) {
        *why = "the store cannot be written: free space on the data directory's file system";
        return false;
    }
    for (uint32_t e = 0; e < topology->edge_count; e++)
        if (counter_read(&topology->edges[e]->bound) > 0)
            return true;
    *why = "no SMSC account is bound";
    return false;
}

static enum err api_open(struct engine *engine, struct fault *fault)
{
    struct control *control = &engine->topology->control;
    engine->ops = (struct api_ops){
        .ctx = control,
        .now_ms = ops_now_ms,
        .has_room = control_has_room,
        .job_submit = control_job_submit,
        .job_get = control_job_get,
        .job_cancel = control_job_cancel,
        .device_put = control_device_put,
        .device_remove = control_device_remove,
        .device_get = control_device_get,
        .device_list = control_device_list,
        .results_read = control_results_read,
        .results_durable = control_results_durable,
        .metrics = ops_metrics,
        .ready = ops_ready,
    };
    control->answer = answer;
    control->answer_ctx = engine;
    control->now_ms = clock_wall_ms();
    return api_create(&engine->config->api, &engine->config->jobs, &engine->ops, &engine->api,
                      fault);
}

/* ---- Start ------------------------------------------------------------------------------------- */

static enum err eal_start(const struct config *config, struct fault *fault)
{
    struct eal_args args;
    uint64_t machine_mb =
        (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / (1u << 20);
    if (config->memory.size_mb > machine_mb) {
        fault_set(fault, "memory.size = %u MB: the machine has %" PRIu64 " MB; set a half or less",
                  config->memory.size_mb, machine_mb);
        return ERR_RANGE;
    }
    topology_eal_args(config, &args);
    if (rte_eal_init(args.count, args.argv) >= 0)
        return ERR_OK;
    const char *why = rte_strerror(rte_errno);
    if (config->memory.hugepages)
        fault_set(fault,
                  "DPDK's EAL did not start (%s): see its lines above; without hugepages set "
                  "memory.hugepages: false, or reserve them: sysctl vm.nr_hugepages=%u",
                  why, config->memory.size_mb / 2);
    else
        fault_set(fault,
                  "DPDK's EAL did not start (%s): see its lines above; it asked for memory.size = "
                  "%u MB",
                  why, config->memory.size_mb);
    return ERR_IO;
}

static enum err engine_start(struct engine *engine, struct fault *fault)
{
    struct topology_options options = {
        .open_queues = ports_open_queues,
        .ctx = &engine->ports,
        .capture = engine->capture,
        .now_ns = clock_now_ns(),
        .wall_ms = clock_wall_ms(),
        .clock = clock_real(),
    };
    if (getrandom(&options.seed, sizeof options.seed, 0) != (ssize_t)sizeof options.seed) {
        fault_set(fault, "the system gives no random octets");
        return ERR_IO;
    }
    enum err err = topology_create(engine->config, &options, &engine->topology, fault);
    if (err == ERR_OK)
        err = topology_prepare(engine->topology, fault);
    if (err == ERR_OK)
        err = api_open(engine, fault);
    if (err != ERR_OK)
        return err;
    if (pthread_create(&engine->store_thread, NULL, store_thread_run,
                       engine->topology->store_thread) != 0) {
        fault_set(fault, "cannot start the store thread");
        return ERR_IO;
    }
    engine->is_store_running = true;
    err = capture_thread_start(engine->capture, fault);
    return err != ERR_OK ? err : topology_launch(engine->topology, fault);
}

/* ---- Loop -------------------------------------------------------------------------------------- */

static void loop_turn(struct engine *engine, bool *was_busy)
{
    api_turn(engine->api, *was_busy ? 0 : 1);
    uint64_t wall_ms = clock_wall_ms();
    *was_busy = control_turn(&engine->topology->control, wall_ms);
    ports_watch(&engine->ports, wall_ms);
    claims_tell(&engine->claims, engine->topology, wall_ms);
}

/* What was open goes to the workers before the network may speak. */
static enum err engine_recover(struct engine *engine, struct fault *fault)
{
    struct recovery *recovery = recovery_create(engine->topology, fault);
    if (recovery == NULL)
        return ERR_NO_MEMORY;
    bool busy = false;
    while (!stop_asked && !recovery_turn(recovery))
        loop_turn(engine, &busy);
    recovery_destroy(recovery);
    if (stop_asked) /* not all is known of what was in flight: the network stays shut */
        return ERR_OK;
    atomic_store_explicit(&engine->topology->edges_open, true, memory_order_release);
    engine->topology->control.is_open = true;
    return ERR_OK;
}

static void engine_loop(struct engine *engine)
{
    bool busy = false;
    log_info("engine", "ready: %u devices, %u edges, %u workers; API on %s:%u",
             directory_count(engine->topology->directory), engine->topology->edge_count,
             engine->topology->worker_count, engine->config->api.host, api_port(engine->api));
    while (!stop_asked)
        loop_turn(engine, &busy);
}

/* ---- Shutdown (design §2) ---------------------------------------------------------------------- */

static void turn_until(struct engine *engine, bool (*done)(struct engine *engine), uint64_t ms)
{
    uint64_t deadline_ns = clock_now_ns() + ms * 1000000u;
    bool busy = false;
    while (!done(engine) && clock_now_ns() < deadline_ns)
        loop_turn(engine, &busy);
}

static bool network_is_drained(struct engine *engine)
{
    return topology_drained(engine->topology);
}

static bool api_is_idle(struct engine *engine)
{
    return api_idle(engine->api);
}

static void engine_stop(struct engine *engine)
{
    struct topology *topology = engine->topology;
    if (engine->api != NULL) {
        log_info("engine", "stopping");
        api_drain(engine->api);
        turn_until(engine, network_is_drained, DRAIN_MS);
        turn_until(engine, api_is_idle, CLOSE_MS);
    }
    if (topology != NULL)
        topology_stop(topology);
    ports_off(&engine->ports);
    capture_thread_destroy(engine->capture);
    if (topology != NULL && engine->is_store_running) {
        store_thread_stop(topology->store_thread);
        pthread_join(engine->store_thread, NULL);
    }
    if (engine->api != NULL)
        api_destroy(engine->api);
    if (topology != NULL)
        topology_destroy(topology);
}

enum err engine_run(const struct config *config, const struct capture_options *capture,
                    struct fault *fault)
{
    struct engine engine = { .config = config, .ports.config = config };
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    enum err err = eal_start(config, fault);
    if (err != ERR_OK)
        return err;
    err = capture_thread_create(config, capture, &engine.capture, fault);
    if (err == ERR_OK)
        err = engine_start(&engine, fault);
    if (err == ERR_OK)
        err = engine_recover(&engine, fault);
    if (err == ERR_OK)
        engine_loop(&engine);
    engine_stop(&engine);
    rte_eal_cleanup();
    if (err == ERR_OK)
        log_info("engine", "stopped");
    return err;
}
