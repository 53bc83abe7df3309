/* After the weather: whatever was taken is home again. */
#include "engine/store/query.h"
#include "tests/sim/world.h"

#define REST                                                                                       \
    (900 * WORLD_SECOND) /* longer than reassembly, receipts and repeated deliveries take */

static void channel_check(const struct world *world, const struct channel *channel,
                          const char *what, uint32_t a, uint32_t b)
{
    if (channel_room(channel) != channel_quota(channel))
        fail_msg("seed %lu: %s %u.%u: %u of %u messages are home",
                 (unsigned long)world->options.seed, what, a, b, channel_room(channel),
                 channel_quota(channel));
}

static void worker_check(struct world *world, const struct worker *worker)
{
    unsigned long seed = (unsigned long)world->options.seed;
    if (worker->waiting_count != 0 || worker->session_count != 0)
        fail_msg("seed %lu: worker %u keeps %u jobs, %u sessions", seed, worker->index,
                 worker->waiting_count, worker->session_count);
    for (uint32_t a = 0; a < world->config.account_count; a++) {
        const struct worker_account *account = &worker->accounts[a];
        uint32_t granted = worker_account_credits(&world->config, a);
        if (account->credits != granted)
            fail_msg("seed %lu: worker %u, account %u: %u of %u credits", seed, worker->index, a,
                     account->credits, granted);
        for (uint32_t p = 0; p < JOB_PRIORITIES; p++)
            assert_int_equal(account->lines[p].head, WORKER_NONE);
    }
    if (worker_next_ns(worker) != UINT64_MAX)
        fail_msg("seed %lu: worker %u still waits for something", seed, worker->index);
    channel_check(world, worker->journal, "journal", worker->index, 0);
    channel_check(world, worker->results, "results", worker->index, 0);
    channel_check(world, worker->from_control, "control to worker", worker->index, 0);
    for (uint32_t e = 0; e < worker->edge_count; e++) {
        channel_check(world, worker->to_edge[e], "worker to edge", worker->index, e);
        channel_check(world, worker->from_edge[e], "edge to worker", worker->index, e);
    }
}

static enum err pending_visit(void *arg, const struct record_pending *pending)
{
    fail_msg("seed %lu: job %lu is still pending in the store", *(unsigned long *)arg,
             (unsigned long)pending->job_id);
    return ERR_OK;
}

static enum err command_visit(void *arg, const struct record_command *command)
{
    fail_msg("seed %lu: command %lu is still in the journal", *(unsigned long *)arg,
             (unsigned long)command->id);
    return ERR_OK;
}

static enum err uplink_visit(void *arg, const struct record_uplink *uplink)
{
    fail_msg("seed %lu: uplink record %lx is still to be replayed", *(unsigned long *)arg,
             (unsigned long)uplink->id);
    return ERR_OK;
}

static void store_check(struct world *world)
{
    struct topology *t = world->topology;
    unsigned long seed = (unsigned long)world->options.seed;
    struct store_txn *txn;
    assert_int_equal(store_txn_begin(t->store, STORE_READ, &txn), ERR_OK);
    assert_int_equal(query_pendings(txn, pending_visit, &seed), ERR_OK);
    assert_int_equal(query_commands(txn, t->control_kek, t->control_lanes, command_visit, &seed),
                     ERR_OK);
    assert_int_equal(query_uplinks(txn, uplink_visit, &seed), ERR_OK);
    store_txn_abort(txn);
}

void world_check_home(struct world *world)
{
    struct topology *t = world->topology;
    world_run(world, REST, NULL);
    for (uint32_t w = 0; w < t->worker_count; w++)
        worker_check(world, t->workers[w]);
    for (uint32_t e = 0; e < t->edge_count; e++) {
        channel_check(world, t->edges[e]->to_store, "edge to store", e, 0);
        for (uint32_t s = 0; s < t->edges[e]->smsc_count; s++)
            assert_int_equal(t->edges[e]->smscs[s].queue_count, 0);
    }
    channel_check(world, t->control.to_store, "control to store", 0, 0);
    for (uint32_t w = 0; w < t->worker_count; w++)
        assert_int_equal(control_waiting(&t->control, w), 0);
    store_check(world);
}
