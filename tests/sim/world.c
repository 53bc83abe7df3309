/* Virtual time: everybody turns until nobody has anything to do, then the clock jumps. */
#include "tests/sim/world_inside.h"

#include "base/hex.h"
#include "base/log.h"
#include "engine/session/es5.h"
#include "io/port_mem.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/fan.h"

#include <rte_mbuf.h>

#include <stdio.h>
#include <stdlib.h>

#define RUN_TURNS_MAX 100000000ull

/* ---- Parts ------------------------------------------------------------------------------------- */

static uint64_t wall_ms(const struct world *world)
{
    return EPOCH_MS + world->now_ns / 1000000;
}

static bool open_queues(void *ctx, uint32_t index, struct rte_mempool *const *frames,
                        struct port **queues, struct fault *fault)
{
    struct world *world = ctx;
    struct world_link *link = &world->links[index];
    struct port *ends[2];
    struct port_mem_config mem = { .frames = { frames[0], world->far_frames }, .depth = 1024 };
    if (!port_mem_open(&mem, ends, fault))
        return false;
    /* Both ways at the engine's port. */
    const struct impair_config *weather = &world->options.impair;
    const struct impair_config ways[IMPAIR_WAYS] = {
        [IMPAIR_RX] = *weather, [IMPAIR_TX] = *weather
    };
    link->near_end = impair_open(ends[0], ways, fault);
    link->far_end = ends[1];
    if (link->near_end == NULL)
        return false;
    uint32_t count = world->config.ports[index].edge_count;
    if (count > 1)
        return fan_open(link->near_end, frames, count, world->options.seed, queues);
    queues[0] = link->near_end;
    return true;
}

static void operation_answer(void *ctx, uint64_t cookie, enum err err, uint64_t id)
{
    struct world *world = ctx;
    world->answered++;
    world->last_answer = err;
    if (cookie >= world->job_count)
        return; /* a device */
    struct world_job *job = &world->jobs[cookie];
    job->accepted = err;
    job->id = id;
}

static void far_start(struct world *world)
{
    struct fault fault = { "" };
    struct net_config net = { .addr4 = FAR_ADDR,
                              .prefix4 = 24,
                              .mtu = 1500,
                              .seed = { world->options.seed * 3 + world->lives, 7 },
                              .conn_cap = 128,
                              .numa_node = SOCKET_ID_ANY };
    world->far_chunks = chunk_pool_create(256, FLEET_NET_CHUNK_LEN, SOCKET_ID_ANY);
    assert_non_null(world->far_chunks);
    for (uint32_t p = 0; p < world->link_count; p++) {
        struct world_link *link = &world->links[p];
        link->far_net = net_create(link->far_end, &net, world->now_ns, &fault);
        assert_non_null(link->far_net);
        assert_true(fleet_net_open(&link->served, world->fleet, link->far_net, world->far_chunks,
                                   SMSC_PORT, &fault));
    }
}

/* Time goes by within a turn, too. */
static uint64_t within_ns(void *ctx)
{
    struct world *world = ctx;
    return world->now_ns + ++world->looks * 1000;
}

void world_start(struct world *world)
{
    struct fault fault = { "" };
    struct topology_options options = { .open_queues = open_queues,
                                        .ctx = world,
                                        .now_ns = world->now_ns,
                                        .wall_ms = wall_ms(world),
                                        .clock = { within_ns, world },
                                        .seed = world->options.seed + world->lives };
    world->lives++;
    enum err err = topology_create(&world->config, &options, &world->topology, &fault);
    if (err != ERR_OK)
        fail_msg("start %u: %s", world->lives, fault.text);
    world->topology->control.answer = operation_answer;
    world->topology->control.answer_ctx = world;
    far_start(world);
    world->recovery = recovery_create(world->topology, &fault);
    assert_non_null(world->recovery);
}

static void far_stop(struct world *world)
{
    for (uint32_t p = 0; p < world->link_count; p++) {
        fleet_net_cut(&world->links[p].served, world->now_ns);
        net_destroy(world->links[p].far_net);
        port_close(world->links[p].far_end);
    }
    chunk_pool_destroy(world->far_chunks);
}

void world_kill(struct world *world)
{
    far_stop(world);
    recovery_destroy(world->recovery);
    world->recovery = NULL;
    topology_destroy(world->topology); /* sends nothing, commits nothing */
    world->topology = NULL;
}

/* ---- Time -------------------------------------------------------------------------------------- */

static bool everybody_turns(struct world *world)
{
    struct topology *t = world->topology;
    uint64_t now_ns = world->now_ns, ms = wall_ms(world);
    bool busy = false;
    for (uint32_t p = 0; p < world->link_count; p++)
        port_step(world->links[p].near_end, now_ns);
    if (world->recovery != NULL && recovery_turn(world->recovery)) {
        recovery_destroy(world->recovery);
        world->recovery = NULL;
        t->control.is_open = true;
    }
    busy |= world->recovery != NULL;
    busy |= control_turn(&t->control, ms);
    if (!world->store_stalls) {
        busy |= store_turn(t->store_thread, ms);
    } else if (world->store_turns > 0 && store_turn(t->store_thread, ms)) {
        busy = true;
        world->store_turns--;
    }
    alloc_trap_arm();
    for (uint32_t w = 0; w < t->worker_count && !world->workers_stall; w++)
        busy |= worker_turn(t->workers[w], now_ns, ms);
    if (t->control.is_open)
        for (uint32_t e = 0; e < t->edge_count; e++)
            busy |= edge_turn(t->edges[e], now_ns, ms);
    alloc_trap_disarm();
    for (uint32_t p = 0; p < world->link_count; p++)
        busy |= fleet_net_turn(&world->links[p].served, now_ns) > 0;
    return busy;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_ns(struct world *world)
{
    struct topology *t = world->topology;
    uint64_t next = fleet_next_ns(world->fleet);
    for (uint32_t p = 0; p < world->link_count; p++) {
        next = earliest(next, net_next_ns(world->links[p].far_net));
        next = earliest(next, impair_next_ns(world->links[p].near_end));
    }
    for (uint32_t w = 0; w < t->worker_count; w++)
        next = earliest(next, worker_next_ns(t->workers[w]));
    for (uint32_t e = 0; e < t->edge_count; e++)
        next = earliest(next, edge_next_ns(t->edges[e]));
    return next;
}

bool world_run(struct world *world, uint64_t ns, bool (*done)(struct world *world))
{
    uint64_t end = world->now_ns + ns;
    uint32_t quiet = 0;
    for (uint64_t turn = 0; turn < RUN_TURNS_MAX; turn++) {
        if (everybody_turns(world)) {
            quiet = 0;
            continue;
        }
        if (++quiet < 3) /* what one left in a ring, the next finds */
            continue;
        quiet = 0;
        if (done != NULL && done(world))
            return true;
        if (world->now_ns >= end)
            return false;
        uint64_t next = next_ns(world);
        uint64_t least = world->now_ns + 1000000; /* a timer's grain */
        world->looks = 0;
        world->now_ns = next > least ? next : least;
        if (world->now_ns > end)
            world->now_ns = end;
    }
    fail_msg("seed %lu: the world does not come to rest", (unsigned long)world->options.seed);
    return false;
}

/* ---- Jobs -------------------------------------------------------------------------------------- */

uint32_t world_submit(struct world *world, uint32_t index, const char *c_apdu_hex,
                      uint32_t expiry_s, uint8_t priority)
{
    assert_true(world->job_count < world->options.job_max);
    struct world_job *remembered = &world->jobs[world->job_count];
    fleet_eid(world->options.fleet.first + index, &remembered->eid);
    static struct job job;
    job = (struct job){
        .kind = c_apdu_hex == NULL ? JOB_AUDIT : JOB_SCRIPT,
        .eid = remembered->eid,
        .priority = priority,
        .kvn = world->options.kvn,
        .idempotent = c_apdu_hex == NULL,
        .accepted_ms = wall_ms(world),
        .expiry_ms = wall_ms(world) + (uint64_t)expiry_s * 1000,
    };
    struct es5_commands audit;
    es5_audit(&audit);
    uint8_t octets[C_APDU_MAX];
    struct writer hex = writer_over(octets, sizeof octets);
    struct span script = { 0 };
    if (c_apdu_hex != NULL) {
        assert_int_equal(hex_read(span_text(c_apdu_hex), &hex), ERR_OK);
        script = written(&hex);
    }
    struct writer w = writer_over(job.script, sizeof job.script);
    size_t count = c_apdu_hex == NULL ? audit.count : 1;
    for (size_t i = 0; i < count; i++) {
        struct span c_apdu = c_apdu_hex == NULL ? audit.c_apdus[i] : script;
        writer_uint(&w, c_apdu.len, 2);
        writer_bytes(&w, c_apdu);
    }
    job.apdu_count = (uint16_t)count;
    job.script_len = (uint16_t)writer_len(&w);
    struct fault fault = { "" };
    remembered->cookie = world->job_count;
    remembered->accepted = ERR_THROTTLED;
    world->job_count++;
    enum err err = control_job_submit(&world->topology->control, &job, remembered->cookie, &fault);
    while (err == ERR_THROTTLED) { /* the channel is full: as the API does, a turn later */
        everybody_turns(world);
        err = control_job_submit(&world->topology->control, &job, remembered->cookie, &fault);
    }
    if (err != ERR_OK)
        remembered->accepted = err;
    return world->job_count - 1;
}

static bool result_take(void *arg, uint64_t sequence, const struct record_result *result)
{
    struct world *world = arg;
    world->results_after = sequence;
    for (uint32_t i = 0; i < world->job_count; i++) {
        struct world_job *job = &world->jobs[i];
        if (job->id != result->job_id || job->accepted != ERR_OK)
            continue;
        job->results++;
        job->order = sequence;
        job->outcome = result->outcome;
        job->reason = result->reason;
        job->por_status = result->por_status;
        job->attempts = result->attempts;
        job->finished_ms = result->finished_ms;
        return true;
    }
    return true; /* accepted, but the answer was lost with the engine */
}

static void results_read(struct world *world)
{
    enum err err = control_results_read(&world->topology->control, 0, world->results_after,
                                        UINT32_MAX, result_take, world);
    assert_int_equal(err, ERR_OK);
}

bool world_all_accepted(struct world *world)
{
    for (uint32_t i = 0; i < world->job_count; i++)
        if (world->jobs[i].accepted == ERR_THROTTLED)
            return false;
    return true;
}

bool world_all_done(struct world *world)
{
    results_read(world);
    for (uint32_t i = 0; i < world->job_count; i++)
        if (world->jobs[i].accepted == ERR_OK && world->jobs[i].results == 0)
            return false;
    return true;
}

/* ---- Lifetime ---------------------------------------------------------------------------------- */

static bool all_answered(struct world *world)
{
    return world->answered >= world->options.devices;
}

static void device_put(struct world *world, uint32_t index)
{
    static char line[FLEET_EIS_CAP];
    size_t len = fleet_eis_line(&world->options.fleet, index, line);
    if (world->options.eis_edit != NULL)
        len = world->options.eis_edit(line, len);
    struct fault fault = { "" };
    enum err err;
    while ((err = control_device_put(&world->topology->control, NULL, span_of(line, len),
                                     UINT64_MAX - 1, &fault)) == ERR_THROTTLED)
        everybody_turns(world);
    if (err != ERR_OK)
        fail_msg("device %u: %s", index, fault.text);
}

/* The clock stands still meanwhile. */
static enum err answer_wait(struct world *world, uint32_t answered)
{
    while (world->answered == answered)
        everybody_turns(world);
    return world->last_answer;
}

enum err world_import(struct world *world, uint32_t index)
{
    uint32_t answered = world->answered;
    device_put(world, index);
    return answer_wait(world, answered);
}

enum err world_remove(struct world *world, uint32_t index)
{
    struct eid eid;
    uint32_t answered = world->answered;
    fleet_eid(world->options.fleet.first + index, &eid);
    enum err err = control_device_remove(&world->topology->control, &eid, UINT64_MAX - 1);
    return err != ERR_OK ? err : answer_wait(world, answered);
}

enum err world_cancel(struct world *world, uint32_t job)
{
    uint32_t answered = world->answered;
    enum err err =
        control_job_cancel(&world->topology->control, 0, world->jobs[job].id, UINT64_MAX - 1);
    return err != ERR_OK ? err : answer_wait(world, answered);
}

static void devices_import(struct world *world)
{
    world->answered = 0;
    for (uint32_t i = 0; i < world->options.devices; i++)
        device_put(world, i);
    assert_true(world_run(world, 60 * WORLD_SECOND, all_answered));
}

void world_lose_store(struct world *world)
{
    world_kill(world);
    temp_dir_remove(&world->dir);
    world->dir = temp_dir_make();
    world_config_make(world);
    world->results_after = 0;
    for (uint32_t i = 0; i < world->job_count; i++)
        world->jobs[i].id += (uint64_t)1 << 32; /* ids begin anew: these are no more */
    world_start(world);
    devices_import(world);
}

struct world *world_create(const struct world_options *options)
{
    eal_for_tests();
    log_set_level(LOG_ERROR); /* what links do is no news here, and a line is a system call */
    alloc_trap_system_calls();
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->options = *options;
    world->now_ns = WORLD_SECOND;
    /* Kills here end the process, not the machine: memory is as good as a disk, and faster. */
    world->dir = access("/dev/shm", W_OK) == 0 ? temp_dir_in("/dev/shm") : temp_dir_make();
    world_config_make(world);
    world->jobs = calloc(options->job_max, sizeof *world->jobs);
    world_ledger_open(world);
    struct fault fault = { "" };
    world->options.fleet.on_packet = world_ledger_note;
    world->options.fleet.context = world;
    world->fleet = fleet_create(&world->options.fleet, world->now_ns, &fault);
    if (world->fleet == NULL)
        fail_msg("fleet: %s", fault.text);
    world->far_frames = frame_pool_create("far", 2048, SOCKET_ID_ANY, &fault);
    assert_non_null(world->far_frames);
    world_start(world);
    devices_import(world);
    return world;
}

void world_destroy(struct world *world)
{
    if (world->topology != NULL)
        world_kill(world);
    fleet_free(world->fleet);
    rte_mempool_free(world->far_frames);
    temp_dir_remove(&world->dir);
    free(world->jobs);
    world_ledger_close(world);
    free(world);
}

void world_print(struct world *world)
{
    const struct fleet_stats *stats = fleet_stats(world->fleet);
#define X(name, text)                                                                              \
    if (stats->name > 0)                                                                           \
        print_message("fleet %s: %lu\n", text, (unsigned long)stats->name);
    FLEET_STATS(X)
#undef X
    for (uint32_t w = 0; w < world->topology->worker_count; w++) {
        struct worker *worker = world->topology->workers[w];
        uint32_t states[SESSION_STATES] = { 0 };
        for (uint32_t i = 0; i < worker->waiting_cap; i++)
            if (worker->sessions[i].flight != 0)
                states[worker->sessions[i].now.state]++;
        for (uint32_t s = 1; s < SESSION_STATES; s++)
            if (states[s] > 0)
                print_message("worker %u: %u sessions %s\n", w, states[s],
                              session_state_name((enum session_state)s));
        print_message("worker %u: %u jobs, %u sessions, credits %u\n", w, worker->waiting_count,
                      worker->session_count, worker->accounts[0].credits);
        for (uint32_t s = 0; s < STAGE_COUNT; s++)
            for (uint32_t e = 0; e < ERR_COUNT; e++)
                if (counter_read(&worker->core.drops[s][e]) > 0)
                    print_message("worker %u: drops, stage %u, %s: %lu\n", w, s,
                                  err_label((enum err)e),
                                  (unsigned long)counter_read(&worker->core.drops[s][e]));
    }
    for (uint32_t e = 0; e < world->topology->edge_count; e++) {
        const struct edge *edge = world->topology->edges[e];
        for (uint32_t s = 0; s < edge->smsc_count; s++)
            print_message("edge %u: account %u: %u queued, %u bound, link %d, open %u\n", e, s,
                          edge->smscs[s].queue_count, smsc_bound_count(&edge->smscs[s]),
                          edge->smscs[s].binds[0].link,
                          smpp_session_open(edge->smscs[s].binds[0].session));
    }
}
