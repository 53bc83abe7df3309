/* One turn of a NIC-facing core. */
#include "engine/edge.h"

#include "engine/worker.h"

static void edge_timers(struct edge *edge)
{
    struct timer *timer; /* every timer of the edge's own wheel is a bind's */
    while ((timer = wheel_pop(&edge->core.wheel, edge->core.now_ns)) != NULL)
        smsc_timer(CONTAINER_OF(timer, struct smsc_bind, timer));
    uint32_t bound = 0;
    for (uint32_t s = 0; s < edge->smsc_count; s++) {
        smsc_tick(&edge->smscs[s]);
        bound += smsc_bound_count(&edge->smscs[s]);
    }
    counter_set(&edge->bound, bound);
}

/* Messages that workers are done with. */
static void collect_home(struct edge *edge)
{
    struct msg *msgs[MSG_BURST];
    for (uint32_t w = 0; w < edge->worker_count; w++) {
        uint32_t count = channel_collect(edge->to_worker[w], msgs, MSG_BURST);
        for (uint32_t i = 0; i < count; i++)
            channel_untake(edge->to_worker[w], msgs[i]);
    }
}

static void edge_flush(struct edge *edge)
{
    for (uint32_t s = 0; s < edge->smsc_count; s++)
        smsc_flush(&edge->smscs[s]);
    for (uint32_t p = 0; p < edge->port_count; p++)
        net_flush(edge->ports[p].net, edge->core.now_ns);
    downlink_gone(edge);
    /* The store before the workers: a record is never consumed before it is there. */
    channel_flush_producer(edge->to_store);
    for (uint32_t w = 0; w < edge->worker_count; w++) {
        channel_flush_producer(edge->to_worker[w]);
        channel_flush_consumer(edge->from_worker[w]);
    }
}

bool edge_turn(struct edge *edge, uint64_t now_ns, uint64_t wall_ms)
{
    core_turn(&edge->core, now_ns, wall_ms);
    bool busy = false;

    collect_home(edge);
    for (uint32_t p = 0; p < edge->port_count; p++) { /* ─▶ tcp ─▶ smpp ─▶ receive ─▶ route */
        busy |= port_step(edge->ports[p].port, now_ns);
        busy |= net_rx(edge->ports[p].net, now_ns) > 0;
        net_timers(edge->ports[p].net, now_ns);
    }
    busy |= uplink_answer(edge);
    edge_timers(edge);
    busy |= downlink_send(edge);
    edge_flush(edge);

    directory_quiescent(edge->directory, edge->reader);
    if (!busy)
        counter_add(&edge->core.turns_idle, 1);
    return busy;
}

uint64_t edge_next_ns(struct edge *edge)
{
    uint64_t next = wheel_next_ns(&edge->core.wheel);
    for (uint32_t p = 0; p < edge->port_count; p++) {
        uint64_t at = net_next_ns(edge->ports[p].net);
        next = at < next ? at : next;
    }
    for (uint32_t s = 0; s < edge->smsc_count; s++) {
        struct smsc *smsc = &edge->smscs[s];
        for (uint32_t b = 0; b < smsc->bind_count; b++) {
            uint64_t at = smpp_session_next_ns(smsc->binds[b].session);
            next = at < next ? at : next;
        }
        if (smsc->queue_count > 0 && smsc_bound_count(smsc) > 0) {
            uint64_t at = smpp_rate_next_ns(&smsc->rate, edge->core.now_ns);
            next = at < next ? at : next;
        }
    }
    return next;
}

/* The net that leads to the account's SMSC; NULL when its binds live on another edge. */
static struct net *account_net(struct edge *edge, uint32_t account)
{
    const struct config_port *port = config_account_port(edge->config, account);
    if (config_account_edge(edge->config, account) != edge->index)
        return NULL;
    for (uint32_t p = 0; p < edge->port_count; p++)
        if (&edge->config->ports[edge->ports[p].config] == port)
            return edge->ports[p].net;
    return NULL;
}

enum err edge_init(struct edge *edge, uint64_t now_ns, uint64_t wall_ms, uint64_t seed,
                   struct fault *fault)
{
    const struct config *config = edge->config;
    core_init(&edge->core, now_ns, wall_ms);
    uint32_t binds = 0;
    for (uint32_t a = 0; a < config->account_count; a++)
        if (account_net(edge, a) != NULL)
            binds += config->accounts[a].binds;
    edge->chunks = chunk_pool_create(binds * SMSC_CHUNKS_PER_BIND + 1, SMSC_CHUNK_LEN, -1);
    if (edge->chunks == NULL) {
        fault_set(fault, "edge %u: no memory for send buffers of %u binds", edge->index, binds);
        return ERR_NO_MEMORY;
    }
    for (uint32_t a = 0; a < config->account_count; a++) {
        struct net *net = account_net(edge, a);
        if (net == NULL)
            continue;
        struct smsc *smsc = &edge->smscs[edge->smsc_count++];
        edge->smsc_of[a] = smsc;
        uint32_t room = worker_account_credits(config, a) * edge->worker_count;
        enum err err = smsc_init(smsc, edge, a, net, room, seed + a * 977u, fault);
        if (err != ERR_OK)
            return err;
    }
    directory_online(edge->directory, edge->reader);
    return ERR_OK;
}

void edge_fini(struct edge *edge)
{
    for (uint32_t s = 0; s < edge->smsc_count; s++)
        smsc_fini(&edge->smscs[s]);
    edge->smsc_count = 0;
    for (uint32_t p = 0; p < edge->port_count; p++)
        net_destroy(edge->ports[p].net); /* gives the chunks back that it still refers to */
    edge->port_count = 0;
    chunk_pool_destroy(edge->chunks);
    edge->chunks = NULL;
}

void edge_drain(struct edge *edge)
{
    for (uint32_t s = 0; s < edge->smsc_count; s++)
        smsc_drain(&edge->smscs[s]);
}

bool edge_is_drained(const struct edge *edge)
{
    for (uint32_t s = 0; s < edge->smsc_count; s++)
        if (!smsc_drained(&edge->smscs[s]))
            return false;
    return true;
}
