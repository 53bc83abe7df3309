/* Making and breaking the engine's parts, in one order and its reverse. */
#include "engine/topology.h"

#include "base/log.h"
#include "crypto/ct.h"
#include "engine/capture_thread.h"
#include "engine/device/device_record.h"
#include "engine/store/blocks.h"
#include "engine/store/query.h"

#include <rte_malloc.h>

#include <stdio.h>

/* Bodies hold the longest record of their kind (engine/store/record.h). */
#define UPLINK_BODY (RECORD_PACKET_MAX + 128u) /* an SMSC may deliver a whole answer at once */
#define SEND_BODY 160u
#define JOURNAL_BODY 2048u
#define RESULT_BODY (RECORD_ANSWER_MAX + 256u)

#define UPLINK_QUOTA 1024u
#define JOURNAL_QUOTA 1024u
#define RESULT_QUOTA 8192u
#define CONTROL_STORE_QUOTA 4096u
#define CONTROL_WORKER_QUOTA 2048u

/* Up to 4,096 uplink records a millisecond before ids overtake the clock they start from. */
#define UPLINK_ID_CLOCK_SHIFT 12

/* ---- Channels ---------------------------------------------------------------------------------- */

static struct channel *make_channel(const char *kind, uint32_t a, uint32_t b, uint32_t quota,
                                    uint32_t body)
{
    char name[48];
    snprintf(name, sizeof name, "%s.%u.%u", kind, a, b);
    return channel_create(name, quota, body, SOCKET_ID_ANY);
}

/* All credits that a worker has at one edge. */
static uint32_t send_quota(const struct topology *topology, const struct edge *edge)
{
    const struct config *config = topology->config;
    uint32_t quota = 1;
    for (uint32_t a = 0; a < config->account_count; a++)
        if (edge->smsc_of[a] != NULL)
            quota += worker_account_credits(config, a);
    return quota;
}

static bool worker_channels(struct topology *topology, uint32_t w)
{
    struct worker *worker = topology->workers[w];
    worker->from_control = topology->control_to_worker[w] =
        make_channel("admit", w, 0, CONTROL_WORKER_QUOTA, JOURNAL_BODY);
    worker->journal = topology->journal[w] =
        make_channel("journal", w, 0, JOURNAL_QUOTA, JOURNAL_BODY);
    worker->results = topology->results[w] =
        make_channel("result", w, 0, RESULT_QUOTA, RESULT_BODY);
    bool ok = worker->from_control != NULL && worker->journal != NULL && worker->results != NULL;
    for (uint32_t e = 0; ok && e < topology->edge_count; e++) {
        struct edge *edge = topology->edges[e];
        topology->edge_to_worker[e][w] = make_channel("up", e, w, UPLINK_QUOTA, UPLINK_BODY);
        topology->worker_to_edge[w][e] =
            make_channel("down", w, e, send_quota(topology, edge), SEND_BODY);
        edge->to_worker[w] = worker->from_edge[e] = topology->edge_to_worker[e][w];
        edge->from_worker[w] = worker->to_edge[e] = topology->worker_to_edge[w][e];
        ok = edge->to_worker[w] != NULL && edge->from_worker[w] != NULL;
    }
    return ok;
}

static enum err channels_create(struct topology *topology, struct fault *fault)
{
    topology->control_to_store = make_channel("intake", 0, 0, CONTROL_STORE_QUOTA, RECORD_CAP);
    bool ok = topology->control_to_store != NULL;
    for (uint32_t e = 0; ok && e < topology->edge_count; e++) {
        topology->edge_to_store[e] = make_channel("log", e, 0, UPLINK_QUOTA, UPLINK_BODY);
        topology->edges[e]->to_store = topology->edge_to_store[e];
        ok = topology->edge_to_store[e] != NULL;
    }
    for (uint32_t w = 0; ok && w < topology->worker_count; w++)
        ok = worker_channels(topology, w);
    if (!ok)
        fault_set(fault, "no memory for the rings between cores; raise memory.size");
    return ok ? ERR_OK : ERR_NO_MEMORY;
}

/* ---- Devices ----------------------------------------------------------------------------------- */

struct load {
    struct topology *topology;
    struct fault *fault;
    uint64_t unreadable;
};

static enum err load_device(void *arg, const struct eid *eid, struct span value)
{
    struct load *load = arg;
    struct topology *t = load->topology;
    (void)eid;
    struct device device;
    struct device_ref ref;
    struct eid other;
    enum err err = device_record_read(value, t->control_kek, t->control_lanes, &device);
    if (err != ERR_OK) {
        load->unreadable++;
        return ERR_OK;
    }
    err = directory_put(t->directory, &device, &ref, &other);
    wipe(&device, sizeof device);
    if (err == ERR_FULL) {
        fault_set(load->fault, "the store holds more devices than devices_max = %u; raise it",
                  t->config->devices_max);
        return err;
    }
    return ERR_OK;
}

static enum err load_keyset(void *arg, const struct eid *eid, uint16_t keyset, uint8_t flags)
{
    struct load *load = arg;
    struct device_ref ref;
    if (directory_find_eid(load->topology->directory, eid, &ref) != ERR_OK)
        return ERR_OK; /* of a device that was removed */
    directory_keyset_mark(load->topology->directory, ref, keyset, flags);
    return ERR_OK;
}

static enum err devices_load(struct topology *topology, struct fault *fault)
{
    static const struct eid first;
    struct load load = { .topology = topology, .fault = fault };
    struct store_txn *txn;
    enum err err = store_txn_begin(topology->store, STORE_READ, &txn);
    if (err == ERR_OK) {
        err = query_devices(txn, &first, load_device, &load);
        if (err == ERR_OK)
            err = query_keysets(txn, load_keyset, &load);
        store_txn_abort(txn);
    }
    if (err != ERR_OK)
        fault_set(fault, "cannot load the devices from %s: %s", topology->config->data_dir,
                  err_text(err));
    if (load.unreadable > 0 && directory_count(topology->directory) == 0) {
        fault_set(fault,
                  "none of %lu stored devices opens under kek_file %s; is it the one they "
                  "were stored with?",
                  (unsigned long)load.unreadable, topology->config->kek_file);
        return ERR_CORRUPT;
    }
    if (load.unreadable > 0)
        log_error("store", "%lu stored devices cannot be read and are left out",
                  (unsigned long)load.unreadable);
    return err;
}

/* ---- Parts ------------------------------------------------------------------------------------- */

static enum err durable_create(struct topology *topology, struct fault *fault)
{
    const struct config *config = topology->config;
    topology->store_kek = kek_load(config->kek_file, fault);
    topology->control_kek = topology->store_kek == NULL ? NULL : kek_load(config->kek_file, fault);
    if (topology->control_kek == NULL)
        return ERR_IO;
    topology->store_lanes = lanes_create();
    topology->control_lanes = lanes_create();
    if (topology->store_lanes == NULL || topology->control_lanes == NULL) {
        fault_set(fault, "the crypto self-test failed: this machine must not send");
        return ERR_CORRUPT;
    }
    topology->store = store_open(config->data_dir, fault);
    if (topology->store == NULL)
        return ERR_IO;
    uint32_t readers = topology->edge_count + topology->worker_count;
    enum err err = directory_create(config->devices_max, readers, &topology->directory, fault);
    return err != ERR_OK ? err : devices_load(topology, fault);
}

static enum err store_thread_make(struct topology *topology, const struct topology_options *options,
                                  struct fault *fault)
{
    struct store_thread_config store = {
        .store = topology->store,
        .kek = topology->store_kek,
        .lanes = topology->store_lanes,
        .control = topology->control_to_store,
        .edge_count = topology->edge_count,
        .worker_count = topology->worker_count,
        .accept_clock = topology->config->accept_clock,
        .clock = options->clock,
        .idle = &topology->store_idle,
        .results_keep_ms = (uint64_t)topology->config->jobs.results_keep_s * 1000,
        .wall_ms = options->wall_ms,
    };
    for (uint32_t e = 0; e < topology->edge_count; e++)
        store.edges[e] = topology->edge_to_store[e];
    for (uint32_t w = 0; w < topology->worker_count; w++) {
        store.journals[w] = topology->journal[w];
        store.results[w] = topology->results[w];
    }
    topology->store_thread = store_thread_create(&store, fault);
    return topology->store_thread != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err pending_count(void *arg, const struct record_pending *pending)
{
    struct topology *topology = arg;
    topology->workers[eid_slot(&pending->eid) % topology->worker_count]->waiting_cap++;
    return ERR_OK;
}

/* Room for jobs.waiting_max, and for whatever an earlier configuration accepted. */
static enum err waiting_caps(struct topology *topology, struct fault *fault)
{
    struct store_txn *txn;
    enum err err = store_txn_begin(topology->store, STORE_READ, &txn);
    if (err == ERR_OK) {
        err = query_pendings(txn, pending_count, topology);
        store_txn_abort(txn);
    }
    if (err != ERR_OK)
        fault_set(fault, "cannot read the waiting jobs: %s", err_text(err));
    for (uint32_t w = 0; w < topology->worker_count; w++)
        if (topology->workers[w]->waiting_cap < topology->config->jobs.waiting_max)
            topology->workers[w]->waiting_cap = topology->config->jobs.waiting_max;
    return err;
}

static enum err workers_init(struct topology *topology, const struct topology_options *options,
                             struct fault *fault)
{
    uint32_t blocks[SLOT_COUNT];
    enum err err = block_take_all(topology->store, options->wall_ms, topology->config->accept_clock,
                                  blocks, fault);
    if (err == ERR_OK)
        err = waiting_caps(topology, fault);
    for (uint32_t w = 0; err == ERR_OK && w < topology->worker_count; w++) {
        struct worker *worker = topology->workers[w];
        topology->worker_lanes[w] = lanes_create();
        if (topology->worker_lanes[w] == NULL) {
            fault_set(fault, "the crypto self-test failed: this machine must not send");
            return ERR_CORRUPT;
        }
        worker->index = w;
        worker->core.clock = options->clock;
        worker->worker_count = topology->worker_count;
        worker->edge_count = topology->edge_count;
        worker->config = topology->config;
        worker->directory = topology->directory;
        worker->reader = topology->edge_count + w;
        worker->lanes = topology->worker_lanes[w];
        worker->routes = &topology->routes;
        err = worker_init(worker, options->now_ns, options->wall_ms);
        if (err != ERR_OK)
            fault_set(fault,
                      "no memory for worker %u; raise memory.size or lower "
                      "jobs.waiting_max = %u",
                      w, topology->config->jobs.waiting_max);
        for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
            worker->slots[slot].block = blocks[slot];
    }
    for (uint32_t a = 0; err == ERR_OK && a < topology->config->account_count; a++)
        for (uint32_t e = 0; e < topology->edge_count; e++)
            for (uint32_t w = 0; w < topology->worker_count; w++)
                if (topology->edges[e]->smsc_of[a] != NULL)
                    topology->workers[w]->accounts[a].edge = (uint8_t)e;
    return err;
}

/* The nets of a port's edges are one towards the network: addresses and secrets are the same, so that
 * ISNs and cookies do not tell them apart. */
static enum err nets_create(struct topology *topology, uint32_t p,
                            const struct topology_options *options, struct fault *fault)
{
    const struct config_port *config = &topology->config->ports[p];
    struct net_config net = {
        .addr4 = config->address,
        .prefix4 = config->prefix_len,
        .gateway4 = config->gateway,
        .addr6 = config->address6,
        .prefix6 = config->prefix6_len,
        .gateway6 = config->gateway6,
        .vlan = config->vlan,
        .mtu = config->mtu,
        .seed = { options->seed + p, ~options->seed },
        .numa_node = SOCKET_ID_ANY,
        .edge_count = config->edge_count,
        .congestion = (uint8_t)config->tcp.congestion,
        .connect_ms = config->tcp.connect_ms,
        .give_up_ms = config->tcp.give_up_ms,
        .keep_alive_ms = config->tcp.keep_alive_ms,
        .idle_ms = config->tcp.idle_ms,
        .announce = true,
        .fin_wait_ms = 5000, /* an SMSC that does not close must not delay the next bind */
    };
    for (uint32_t q = 0; q < config->edge_count; q++) {
        struct edge *edge = topology->edges[config->edges[q]];
        struct edge_port *port = &edge->ports[edge->port_count];
        port->port = topology->ports[p].tops[q];
        port->config = p;
        net.edge_index = q;
        port->net = net_create(port->port, &net, options->now_ns, fault);
        if (port->net == NULL)
            return ERR_NO_MEMORY;
        edge->port_count++;
    }
    return ERR_OK;
}

static enum err ports_open(struct topology *topology, const struct topology_options *options,
                           struct fault *fault)
{
    enum err err = ERR_OK;
    for (uint32_t p = 0; err == ERR_OK && p < topology->config->port_count; p++) {
        struct capture *capture =
            capture_thread_of(options->capture, topology->config->ports[p].name);
        err = port_stack_open(&topology->ports[p], topology->config, p, options->open_queues,
                              options->ctx, capture, fault);
        if (err == ERR_OK)
            err = nets_create(topology, p, options, fault);
    }
    return err;
}

/* Ids go on above those that the store still has, and above the clock's, so that none is used twice
 * even when all were consumed. */
static enum err uplink_id_max(void *arg, const struct record_uplink *uplink)
{
    uint64_t *next = arg;
    uint32_t edge = (uint32_t)(uplink->id >> 56);
    if (edge < CONFIG_EDGES_MAX && uplink->id >= next[edge])
        next[edge] = uplink->id + 1;
    return ERR_OK;
}

static enum err edges_init(struct topology *topology, const struct topology_options *options,
                           struct fault *fault)
{
    uint64_t next[CONFIG_EDGES_MAX];
    for (uint32_t e = 0; e < CONFIG_EDGES_MAX; e++)
        next[e] = (uint64_t)e << 56 | options->wall_ms << UPLINK_ID_CLOCK_SHIFT;
    struct store_txn *txn;
    enum err err = store_txn_begin(topology->store, STORE_READ, &txn);
    if (err == ERR_OK) {
        err = query_uplinks(txn, uplink_id_max, next);
        store_txn_abort(txn);
    }
    if (err != ERR_OK)
        fault_set(fault, "cannot read the uplink log: %s", err_text(err));
    for (uint32_t e = 0; err == ERR_OK && e < topology->edge_count; e++) {
        struct edge *edge = topology->edges[e];
        edge->uplink_next = next[e];
        edge->core.clock = options->clock;
        err = edge_init(edge, options->now_ns, options->wall_ms, options->seed + e, fault);
    }
    return err;
}

static enum err cores_alloc(struct topology *topology, struct fault *fault)
{
    const struct config_cores *cores = &topology->config->cores;
    topology->edge_count = cores->edge_count;
    topology->worker_count = cores->worker_count;
    bool ok = true;
    for (uint32_t e = 0; e < topology->edge_count; e++) {
        struct edge *edge = rte_zmalloc("edge", sizeof *edge, CACHE_LINE);
        topology->edges[e] = edge;
        ok = ok && edge != NULL;
        if (edge == NULL)
            continue;
        edge->index = e;
        edge->worker_count = topology->worker_count;
        edge->config = topology->config;
        edge->reader = e;
    }
    for (uint32_t w = 0; w < topology->worker_count; w++) {
        topology->workers[w] = rte_zmalloc("worker", sizeof(struct worker), CACHE_LINE);
        ok = ok && topology->workers[w] != NULL;
    }
    if (!ok)
        fault_set(fault, "no memory for the cores; raise memory.size");
    return ok ? ERR_OK : ERR_NO_MEMORY;
}

static enum err control_make(struct topology *topology, const struct topology_options *options,
                             struct fault *fault)
{
    struct control *control = &topology->control;
    control->config = topology->config;
    control->directory = topology->directory;
    control->store = topology->store;
    control->store_thread = topology->store_thread;
    control->kek = topology->control_kek;
    control->lanes = topology->control_lanes;
    control->clock = options->clock;
    control->now_ms = options->wall_ms;
    control->to_store = topology->control_to_store;
    control->worker_count = topology->worker_count;
    for (uint32_t w = 0; w < topology->worker_count; w++)
        control->to_worker[w] = topology->control_to_worker[w];
    return control_init(control, fault);
}

enum err topology_create(const struct config *config, const struct topology_options *options,
                         struct topology **out, struct fault *fault)
{
    struct topology *topology = rte_zmalloc("topology", sizeof *topology, CACHE_LINE);
    if (topology == NULL) {
        fault_set(fault, "no memory; raise memory.size");
        return ERR_NO_MEMORY;
    }
    topology->config = config;
    routes_init(&topology->routes, config);
    enum err err = cores_alloc(topology, fault);
    if (err == ERR_OK)
        err = durable_create(topology, fault);
    for (uint32_t e = 0; e < topology->edge_count; e++)
        topology->edges[e]->directory = topology->directory;
    if (err == ERR_OK)
        err = ports_open(topology, options, fault);
    if (err == ERR_OK)
        err = edges_init(topology, options, fault);
    if (err == ERR_OK)
        err = channels_create(topology, fault);
    if (err == ERR_OK)
        err = workers_init(topology, options, fault);
    if (err == ERR_OK)
        err = store_thread_make(topology, options, fault);
    if (err == ERR_OK)
        err = control_make(topology, options, fault);
    if (err != ERR_OK) {
        topology_destroy(topology);
        return err;
    }
    *out = topology;
    return ERR_OK;
}

void topology_destroy(struct topology *topology)
{
    control_fini(&topology->control);
    store_thread_destroy(topology->store_thread);
    idle_close(&topology->store_idle);
    for (uint32_t i = 0; i < CONFIG_LCORES_MAX; i++) /* the store's thread rings to the end */
        idle_close(&topology->lcores[i].idle);
    for (uint32_t e = 0; e < topology->edge_count; e++)
        if (topology->edges[e] != NULL)
            edge_fini(topology->edges[e]);
    for (uint32_t w = 0; w < topology->worker_count; w++) {
        if (topology->workers[w] != NULL)
            worker_fini(topology->workers[w]);
        lanes_destroy(topology->worker_lanes[w]);
        channel_destroy(topology->control_to_worker[w]);
        channel_destroy(topology->journal[w]);
        channel_destroy(topology->results[w]);
        for (uint32_t e = 0; e < topology->edge_count; e++) {
            channel_destroy(topology->edge_to_worker[e][w]);
            channel_destroy(topology->worker_to_edge[w][e]);
        }
        rte_free(topology->workers[w]);
    }
    for (uint32_t e = 0; e < topology->edge_count; e++) {
        channel_destroy(topology->edge_to_store[e]);
        rte_free(topology->edges[e]);
    }
    channel_destroy(topology->control_to_store);
    for (uint32_t p = 0; p < CONFIG_PORTS_MAX; p++)
        port_stack_close(&topology->ports[p]);
    if (topology->directory != NULL)
        directory_destroy(topology->directory);
    if (topology->store != NULL)
        store_close(topology->store);
    kek_drop(topology->store_kek);
    kek_drop(topology->control_kek);
    lanes_destroy(topology->store_lanes);
    lanes_destroy(topology->control_lanes);
    rte_free(topology);
}
