/* One turn of a session core. */
#include "engine/worker.h"

#include "engine/downlink/downlink.h"
#include "engine/session/line.h"
#include "engine/uplink/uplink.h"

#include <rte_malloc.h>

static void worker_timers(struct worker *worker)
{
    struct timer *timer;
    while (worker_has_room(worker) &&
           (timer = wheel_pop(&worker->core.wheel, worker->core.now_ns)) != NULL) {
        if (timer->kind == TIMER_JOB) {
            job_timer(worker, CONTAINER_OF(timer, struct waiting, timer));
            continue;
        }
        struct session *session = CONTAINER_OF(timer, struct session, timer);
        bool flies = session->flight != WORKER_NONE;
        bool expired = flies && worker->core.wall_ms >= session->now.expiry_ms;
        session_event(worker, session,
                      (struct session_input){ .event = expired ? EVENT_EXPIRED : EVENT_TIMEOUT },
                      STAGE_PLAN, NULL);
    }
}

static void worker_flush(struct worker *worker)
{
    for (uint32_t e = 0; e < worker->edge_count; e++) {
        channel_flush_producer(worker->to_edge[e]);
        channel_flush_consumer(worker->from_edge[e]);
    }
    /* Results before the commands that follow them: the store keeps this order. */
    channel_flush_producer(worker->results);
    channel_flush_producer(worker->journal);
    channel_flush_consumer(worker->from_control);
}

bool worker_turn(struct worker *worker, uint64_t now_ns, uint64_t wall_ms)
{
    core_turn(&worker->core, now_ns, wall_ms);

    /* Control's replays and the network's messages are opened together. Uplink is drained before
     * downlink is issued. */
    bool busy = downlink_admit(worker);
    busy |= uplink_reassemble(worker);
    uplink_open(worker);
    uplink_match(worker);

    worker_timers(worker);
    busy |= downlink_sent(worker);
    busy |= downlink_stored(worker);
    downlink_seal(worker);
    downlink_commit(worker);
    downlink_segment(worker);
    if (!worker->draining)
        busy |= downlink_start(worker);

    worker_flush(worker);
    directory_quiescent(worker->directory, worker->reader);
    if (!busy)
        counter_add(&worker->core.turns_idle, 1);
    return busy;
}

uint64_t worker_next_ns(const struct worker *worker)
{
    uint64_t wheel_ns = wheel_next_ns(&worker->core.wheel);
    uint64_t concat_ns = sms_concat_next_ns(worker->concat);
    return wheel_ns < concat_ns ? wheel_ns : concat_ns;
}

static enum err concat_init(struct worker *worker)
{
    struct sms_concat_config config = {
        .sets = WORKER_CONCAT_SETS,
        .parts = WORKER_CONCAT_PARTS,
        .sets_per_origin = 4,
        .parts_per_set = WORKER_PARTS_MAX,
        .age_ns = (uint64_t)worker->config->jobs.reassembly_s * S_NS,
    };
    void *memory = rte_zmalloc("concat", sms_concat_size(&config), CACHE_LINE);
    if (memory == NULL)
        return ERR_NO_MEMORY;
    worker->concat = sms_concat_init(memory, &config, uplink_left, worker);
    return ERR_OK;
}

/* The edge queues at most what it was granted: a window's worth per bind, and one whole command. */
static void accounts_init(struct worker *worker)
{
    const struct config *config = worker->config;
    for (uint32_t a = 0; a < config->account_count; a++)
        worker->accounts[a].credits = worker_account_credits(config, a);
}

uint32_t worker_account_credits(const struct config *config, uint32_t account)
{
    uint32_t window = config->accounts[account].window * config->accounts[account].binds;
    return window + WORKER_PARTS_MAX; /* what was sealed under an earlier configuration included */
}

enum err worker_init(struct worker *worker, uint64_t now_ns, uint64_t wall_ms)
{
    const struct config_jobs *jobs = &worker->config->jobs;
    core_init(&worker->core, now_ns, wall_ms);
    worker->policy = (struct session_policy){
        .backoff_ms = jobs->backoff_s * 1000,
        .por_wait_ms = jobs->por_wait_s * 1000,
        .por_grace_ms = jobs->por_grace_s * 1000,
        .retry_ms = 1000,
    };
    worker->waiting =
        rte_zmalloc("waiting", (size_t)worker->waiting_cap * sizeof(struct waiting), 64);
    worker->sessions =
        rte_zmalloc("sessions", (size_t)worker->waiting_cap * sizeof(struct session), CACHE_LINE);
    worker->uplink = rte_zmalloc("uplink", WORKER_BATCH * sizeof(struct uplink_item), CACHE_LINE);
    worker->downlink =
        rte_zmalloc("downlink", WORKER_BATCH * sizeof(struct downlink_item), CACHE_LINE);
    if (worker->waiting == NULL || worker->sessions == NULL || worker->uplink == NULL ||
        worker->downlink == NULL || concat_init(worker) != ERR_OK) {
        worker_fini(worker);
        return ERR_NO_MEMORY;
    }
    lines_init(worker);
    accounts_init(worker);
    directory_online(worker->directory, worker->reader);
    return ERR_OK;
}

void worker_fini(struct worker *worker)
{
    rte_free(worker->waiting);
    rte_free(worker->sessions);
    rte_free(worker->uplink);
    rte_free(worker->downlink);
    rte_free(worker->concat);
    worker->waiting = NULL;
    worker->sessions = NULL;
    worker->uplink = NULL;
    worker->downlink = NULL;
    worker->concat = NULL;
}
