/* An edge and a worker with everything round them; the rig plays control and store. */
#include "bench/path_rig.h"

#include "base/prng.h"
#include "engine/device/eis.h"
#include "io/port_mem.h"

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NEAR_ADDR ip_addr_v4(0x0A630001u) /* 10.99.0.1 */
#define FAR_ADDR ip_addr_v4(0x0A630002u)
#define SMSC_PORT 2775u
#define EPOCH_MS 1795000000000ull /* a day in November 2026 */
#define MS 1000000ull
#define JOB_LIFE_MS (24u * 3600000u)

/* ---- What the rig is made of ------------------------------------------------------------------- */

static bool eal_start(bool hugepages, struct fault *fault)
{
    static char args[][20] = { "bench-path",   "--no-pci",          "-m",
                               "480",          "--no-shconf",       "--no-telemetry",
                               "--lcores=0@0", "--log-level=error", "--no-huge" };
    char *argv[COUNT(args) + 1] = { NULL };
    for (size_t i = 0; i < COUNT(args) - hugepages; i++)
        argv[i] = args[i];
    if (rte_eal_init((int)COUNT(args) - hugepages, argv) >= 0)
        return true;
    fault_set(fault, "EAL does not start%s", hugepages ? "; are 240 huge pages of 2 MB free?" : "");
    return false;
}

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ASSERT(file != NULL);
    fputs(text, file);
    fclose(file);
    ASSERT(chmod(path, 0600) == 0);
}

static void config_make(struct path_rig *rig)
{
    static char port[] = "net", device[] = "memory", source[] = "447700900000";
    static char account[] = "one", system_id[] = "starling";
    snprintf(rig->kek, sizeof rig->kek, "%s/kek", rig->dir.path);
    snprintf(rig->password, sizeof rig->password, "%s/password", rig->dir.path);
    file_write(rig->kek, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    file_write(rig->password, "secret\n");
    rig->config = (struct config){
        .data_dir = rig->store.path,
        .kek_file = rig->kek,
        .devices_max = rig->device_count + 16,
        .cores = { .edge_count = 1, .worker_count = 1 },
        .port_count = 1,
        .account_count = 1,
        .jobs = { .waiting_max = rig->flight_count + 2 * PATH_CHUNK,
                  .segments_max = 5,
                  .expiry_s = 86400,
                  .attempts_max = 3,
                  .backoff_s = 60,
                  .por_wait_s = 3600,
                  .por_grace_s = 60,
                  .reassembly_s = 300,
                  .results_keep_s = 7 * 86400 },
    };
    rig->config.ports[0] = (struct config_port){ .name = port,
                                                 .device = device,
                                                 .address = NEAR_ADDR,
                                                 .prefix_len = 24,
                                                 .edge_count = 1,
                                                 .mtu = 1500 };
    rig->config.accounts[0] = (struct config_account){ .name = account,
                                                       .port = port,
                                                       .address = FAR_ADDR,
                                                       .tcp_port = SMSC_PORT,
                                                       .system_id = system_id,
                                                       .password_file = rig->password,
                                                       .source_address = source,
                                                       .source_ton = 1,
                                                       .source_npi = 1,
                                                       .dest_ton = 1,
                                                       .dest_npi = 1,
                                                       .binds = 1,
                                                       .window = 2048,
                                                       .validity_s = 7200,
                                                       .id_format = ID_LEARN,
                                                       .response_ms = 600000,
                                                       .enquire_ms = 600000,
                                                       .bind_ms = 10000 };
}

static bool open_queues(void *ctx, uint32_t index, struct rte_mempool *const *frames,
                        struct port **queues, struct fault *fault)
{
    struct path_rig *rig = ctx;
    struct port *ends[2];
    struct port_mem_config mem = { .frames = { frames[0], rig->far_frames }, .depth = 2048 };
    (void)index;
    if (!port_mem_open(&mem, ends, fault))
        return false;
    rig->far_end = ends[1];
    queues[0] = ends[0];
    return true;
}

static struct fleet_config fleet_settings_of(const struct path_rig *rig)
{
    struct fleet_config config = fleet_config_default();
    config.device_count = rig->device_count;
    config.epoch_s = EPOCH_MS / 1000;
    config.delay_ms = rig->travel_ms;
    config.deliver_window = PATH_CHUNK;
    config.deliver_timeout_ms = 3600000;
    return config;
}

static bool far_create(struct path_rig *rig, struct fault *fault)
{
    struct fleet_config config = fleet_settings_of(rig);
    rig->fleet = fleet_create(&config, rig->now_ns, fault);
    if (rig->fleet == NULL)
        return false;
    struct net_config net = { .addr4 = FAR_ADDR,
                              .prefix4 = 24,
                              .mtu = 1500,
                              .seed = { 3, 7 },
                              .conn_cap = 16,
                              .numa_node = SOCKET_ID_ANY };
    rig->far_net = net_create(rig->far_end, &net, rig->now_ns, fault);
    rig->far_chunks = chunk_pool_create(256, FLEET_NET_CHUNK_LEN, SOCKET_ID_ANY);
    return rig->far_net != NULL && rig->far_chunks != NULL &&
           fleet_net_open(&rig->served, rig->fleet, rig->far_net, rig->far_chunks, SMSC_PORT,
                          fault);
}

/* As control does it, by way of the lines that an operator imports. */
static bool devices_put(struct path_rig *rig, struct fault *fault)
{
    static char line[FLEET_EIS_CAP];
    struct fleet_config config = fleet_settings_of(rig);
    struct eis_options options = { .lanes = rig->topology->control_lanes };
    for (uint32_t i = 0; i < rig->device_count; i++) {
        size_t len = fleet_eis_line(&config, i, line);
        struct eis eis;
        if (eis_line_read(span_of(line, len), 0, &options, &eis, fault) != ERR_OK)
            return false;
        struct device_ref ref;
        struct eid other;
        enum err err = directory_put(rig->topology->directory, &eis.device, &ref, &other);
        eis_drop(&eis);
        if (err != ERR_OK) {
            fault_set(fault, "device %u: %s", i, err_text(err));
            return false;
        }
    }
    return true;
}

static void shuffle(struct path_rig *rig)
{
    struct prng prng;
    prng_init(&prng, 5);
    for (uint32_t i = 0; i < rig->device_count; i++)
        rig->order[i] = i;
    for (uint32_t i = rig->device_count; i-- > 1;) {
        uint32_t j = (uint32_t)prng_below(&prng, i + 1);
        uint32_t held = rig->order[i];
        rig->order[i] = rig->order[j];
        rig->order[j] = held;
    }
}

/* ---- Turns ------------------------------------------------------------------------------------- */

uint64_t path_wall_ms(uint64_t now_ns)
{
    return EPOCH_MS + now_ns / MS;
}

static uint64_t wall_ms(const struct path_rig *rig)
{
    return path_wall_ms(rig->now_ns);
}

/* Until nothing is left to do; timed when the row asks for workers. */
static void turn_worker(struct path_rig *rig)
{
    bool timed = rig->bench != NULL && rig->time_worker;
    if (timed)
        bench_resume(rig->bench);
    while (worker_turn(rig->worker, rig->now_ns, wall_ms(rig)))
        ;
    if (timed)
        bench_pause(rig->bench);
}

static void turn_edge(struct path_rig *rig)
{
    bool timed = rig->bench != NULL && rig->time_edge;
    if (timed)
        bench_resume(rig->bench);
    while (edge_turn(rig->edge, rig->now_ns, wall_ms(rig)))
        ;
    if (timed)
        bench_pause(rig->bench);
}

static bool turn_far(struct path_rig *rig)
{
    return fleet_net_turn(&rig->served, rig->now_ns) > 0;
}

/* ---- The store --------------------------------------------------------------------------------- */

/* STORE DATA of addressing parameters, 94 octets: a command packet of 122 in one short message. */
static void script_write(struct job *job)
{
    static const uint8_t head[] = { 0x80, 0xE2, 0x88, 0x00, 89, 0x3A, 0x07, 86, 0xA3, 84 };
    struct writer w = writer_over(job->script, sizeof job->script);
    writer_u16(&w, sizeof head + 84);
    writer_bytes(&w, span_of(head, sizeof head));
    writer_zeros(&w, 84);
    job->script_len = (uint16_t)writer_len(&w);
    job->apdu_count = 1;
}

static void job_fetched(struct path_rig *rig, struct msg *msg)
{
    static struct job job; /* the script is the same for all */
    if (job.script_len == 0)
        script_write(&job);
    job.id = msg->id;
    job.eid = msg->eid;
    job.priority = 1;
    job.accepted_ms = wall_ms(rig);
    job.expiry_ms = wall_ms(rig) + JOB_LIFE_MS;
    struct writer w = msg_writer(msg);
    record_job_write(&w, &job);
    enum err err = msg_written(msg, &w);
    ASSERT(err == ERR_OK);
}

static void store_journal(struct path_rig *rig)
{
    struct msg *msgs[MSG_BURST];
    uint32_t count;
    while ((count = channel_receive(rig->worker->journal, msgs, MSG_BURST)) > 0) {
        uint64_t stamp_ns = clock_within_ns(&rig->clock, 0);
        for (uint32_t i = 0; i < count; i++) {
            ASSERT(msgs[i]->kind != MSG_BLOCK); /* the blocks taken at start last for years */
            if (msgs[i]->kind == MSG_FETCH_JOB)
                job_fetched(rig, msgs[i]);
            msgs[i]->stamp_ns = stamp_ns;
            channel_return(rig->worker->journal, msgs[i]);
        }
    }
    channel_flush_consumer(rig->worker->journal);
}

static void store_results(struct path_rig *rig)
{
    struct msg *msgs[MSG_BURST];
    uint32_t count;
    while ((count = channel_receive(rig->worker->results, msgs, MSG_BURST)) > 0)
        for (uint32_t i = 0; i < count; i++) {
            struct record_result result;
            if (msgs[i]->kind == MSG_RESULT) {
                bool executed = record_result_read(msg_body(msgs[i]), &result) == ERR_OK &&
                                result.outcome == JOB_EXECUTED && result.por_status == 0;
                rig->executed += executed;
                rig->other += !executed;
                rig->in_flight--;
            }
            channel_return(rig->worker->results, msgs[i]);
        }
    channel_flush_consumer(rig->worker->results);
}

static uint32_t store_uplinks(struct path_rig *rig)
{
    struct msg *msgs[MSG_BURST];
    uint32_t count, total = 0;
    while ((count = channel_receive(rig->edge->to_store, msgs, MSG_BURST)) > 0) {
        for (uint32_t i = 0; i < count; i++)
            channel_return(rig->edge->to_store, msgs[i]);
        total += count;
    }
    channel_flush_consumer(rig->edge->to_store);
    return total;
}

/* ---- The four movements ------------------------------------------------------------------------ */

uint32_t path_admit(struct path_rig *rig, uint32_t jobs, uint64_t now_ns, const uint64_t since_ns[])
{
    struct channel *to_worker = rig->worker->from_control;
    struct msg *home[MSG_BURST];
    uint32_t count;
    while ((count = channel_collect(to_worker, home, MSG_BURST)) > 0)
        for (uint32_t i = 0; i < count; i++) {
            ASSERT(home[i]->err == ERR_OK);
            channel_untake(to_worker, home[i]);
        }
    uint32_t room = channel_room(to_worker);
    jobs = jobs < room ? jobs : room;
    for (uint32_t i = 0; i < jobs; i++) {
        struct msg *msg = channel_take(to_worker);
        msg->kind = MSG_ADMIT;
        msg->id = ++rig->job_id;
        fleet_eid(rig->order[rig->at], &msg->eid);
        msg->priority = 1;
        msg->value = path_wall_ms(now_ns);
        msg->expiry_ms = path_wall_ms(now_ns) + JOB_LIFE_MS;
        msg->stamp_ns = since_ns != NULL ? since_ns[i] : 0;
        channel_push(to_worker, msg);
        rig->at = (rig->at + 1) % rig->device_count;
    }
    channel_flush_producer(to_worker);
    return jobs;
}

void path_submit(struct path_rig *rig, uint32_t count)
{
    uint64_t wanted = counter_read(&rig->edge->counters.submits) + count;
    uint32_t admitted = path_admit(rig, count, rig->now_ns, NULL);
    ASSERT(admitted == count);
    rig->in_flight += count;
    turn_worker(rig); /* admit, stand in line, ask for scripts */
    store_journal(rig);
    turn_worker(rig); /* plan, seal, journal */
    store_journal(rig);
    turn_worker(rig); /* durable: cut into short messages */
    turn_edge(rig);   /* SMPP, TCP, IP, port */
    while (counter_read(&rig->edge->counters.submits) < wanted) {
        turn_far(rig); /* TCP's window was full */
        rig->now_ns += MS;
        turn_edge(rig);
    }
}

void path_accept(struct path_rig *rig)
{
    uint32_t all = worker_account_credits(&rig->config, 0);
    while (rig->worker->accounts[0].credits < all) {
        turn_far(rig);
        turn_edge(rig);   /* submit_sm_resp to messages that go home */
        turn_worker(rig); /* attempts */
        store_results(rig);
        rig->now_ns += MS;
    }
}

/* All but the answers themselves; the far end's TCP may have held the last ones back. */
static void settle(struct path_rig *rig)
{
    for (uint32_t i = 0; i < 100; i++) {
        rig->now_ns += MS;
        turn_far(rig);
        turn_edge(rig);
        turn_worker(rig);
        store_results(rig);
    }
}

void path_wait(struct path_rig *rig)
{
    struct bench *bench = rig->bench;
    rig->bench = NULL;
    settle(rig);
    rig->now_ns += rig->travel_ms * MS;
    fleet_tick(rig->fleet, rig->now_ns); /* commands reach their cards, which run them */
    rig->now_ns += (rig->travel_ms + 1000) * MS;
    turn_worker(rig); /* the wheel has come so far */
    turn_edge(rig);
    fleet_tick(rig->fleet, rig->now_ns);
    rig->bench = bench;
}

void path_answer(struct path_rig *rig)
{
    uint32_t wanted = rig->in_flight > PATH_CHUNK ? rig->in_flight - PATH_CHUNK : 0;
    while (rig->in_flight > wanted) {
        turn_far(rig);  /* deliver_sm, a window full */
        turn_edge(rig); /* octets to messages, raw ones to the store */
        store_uplinks(rig);
        turn_worker(rig); /* reassemble, open, match, report */
        turn_edge(rig);   /* deliver_sm_resp */
        store_results(rig);
        rig->now_ns += MS;
    }
}

void path_journal(struct path_rig *rig)
{
    store_journal(rig);
}

void path_serve(struct path_rig *rig, uint64_t now_ns)
{
    rig->now_ns = now_ns;
    store_uplinks(rig);
    store_results(rig);
    turn_far(rig);
}

/* ---- Lifetime ---------------------------------------------------------------------------------- */

static bool bind(struct path_rig *rig)
{
    for (uint32_t i = 0; i < 1000; i++) {
        rig->now_ns += MS;
        turn_edge(rig);
        turn_far(rig);
        if (smsc_bound_count(&rig->edge->smscs[0]) == 1)
            return true;
    }
    return false;
}

struct path_rig *path_rig_create(uint32_t device_count, uint32_t flight_count, uint32_t travel_ms,
                                 bool hugepages, struct fault *fault)
{
    struct path_rig *rig = calloc(1, sizeof *rig);
    uint32_t *order = calloc(device_count, sizeof *order);
    ASSERT(rig != NULL && order != NULL);
    *rig = (struct path_rig){ .device_count = device_count,
                              .flight_count = flight_count,
                              .travel_ms = travel_ms,
                              .now_ns = 1000 * MS,
                              .dir = temp_dir_make(),
                              .store = temp_dir_make(),
                              .order = order };
    config_make(rig);
    shuffle(rig);
    if (!eal_start(hugepages, fault))
        return NULL;
    rig->far_frames = frame_pool_create("far", 8192, SOCKET_ID_ANY, fault);
    struct topology_options options = { .open_queues = open_queues,
                                        .ctx = rig,
                                        .now_ns = rig->now_ns,
                                        .wall_ms = wall_ms(rig),
                                        .seed = 1 };
    if (rig->far_frames == NULL ||
        topology_create(&rig->config, &options, &rig->topology, fault) != ERR_OK)
        return NULL;
    rig->worker = rig->topology->workers[0];
    rig->edge = rig->topology->edges[0];
    if (!far_create(rig, fault) || !devices_put(rig, fault))
        return NULL;
    if (!bind(rig)) {
        fault_set(fault, "the bind does not come up");
        return NULL;
    }
    return rig;
}

void path_rig_destroy(struct path_rig *rig)
{
    fleet_net_cut(&rig->served, rig->now_ns);
    topology_destroy(rig->topology);
    net_destroy(rig->far_net);
    chunk_pool_destroy(rig->far_chunks);
    port_close(rig->far_end);
    fleet_free(rig->fleet);
    temp_dir_remove(&rig->store);
    temp_dir_remove(&rig->dir);
    free(rig->order);
    free(rig);
}
