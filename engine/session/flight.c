/* Events into sessions and effects out of them; the ends of jobs. */
#include "engine/session/line.h"
#include "engine/uplink/uplink.h"

struct msg *worker_result_msg(struct worker *worker, enum msg_kind kind)
{
    struct msg *msg = channel_take(worker->results);
    ASSERT(msg != NULL); /* worker_has_room was asked before */
    msg->kind = (uint8_t)kind;
    return msg;
}

void uplink_consumed(struct worker *worker, uint64_t uplink_id)
{
    if (uplink_id == 0)
        return;
    struct msg *msg = worker_result_msg(worker, MSG_CONSUMED);
    msg->id = uplink_id;
    channel_push(worker->results, msg);
}

static void count_end(struct worker *worker, enum job_outcome outcome)
{
    struct worker_counters *c = &worker->counters;
    struct counter *const counters[] = {
        [JOB_EXECUTED] = &c->jobs_executed,       [JOB_FAILED] = &c->jobs_failed,
        [JOB_UNCONFIRMED] = &c->jobs_unconfirmed, [JOB_EXPIRED] = &c->jobs_expired,
        [JOB_CANCELLED] = &c->jobs_cancelled,
    };
    ASSERT(outcome != JOB_PENDING && outcome < COUNT(counters));
    counter_add(counters[outcome], 1);
}

void job_finish(struct worker *worker, struct session *session, uint32_t index,
                const struct job_end *end)
{
    struct waiting *entry = waiting_at(worker, index);
    struct record_result result = {
        .command_id = end->ends_command ? end->command_id : 0,
        .job_id = entry->job_id,
        .eid = session->eid,
        .client = entry->client,
        .outcome = (uint8_t)end->outcome,
        .reason = (uint8_t)end->reason,
        .por_status = end->por_status,
        .attempts = session->now.attempt,
        .ends_command = end->ends_command,
        .accepted_ms = entry->accepted_ms,
        .finished_ms = worker->core.wall_ms,
        .uplink_id = end->uplink_id,
        .answer = end->answer,
        .answer_raw = end->answer_raw,
    };
    struct msg *msg = worker_result_msg(worker, MSG_RESULT);
    struct writer w = msg_writer(msg);
    record_result_write(&w, &result);
    enum err err = msg_written(msg, &w);
    ASSERT(err == ERR_OK); /* the channel's bodies hold the longest result */
    channel_push(worker->results, msg);
    count_end(worker, end->outcome);
    if (entry->accepted_ms != 0 && worker->core.wall_ms >= entry->accepted_ms)
        histogram_add(&worker->latency_ms, worker->core.wall_ms - entry->accepted_ms);
    waiting_give(worker, index);
}

void flight_clear(struct worker *worker, struct session *session)
{
    receipts_forget(worker, session);
    session->flight = WORKER_NONE;
    session->is_command = false;
    session->command_id = 0;
    session->epoch++;
}

void job_requeue(struct worker *worker, struct session *session, uint32_t index)
{
    struct waiting *entry = waiting_at(worker, index);
    line_prepend(worker, session, index);
    entry->timer.kind = TIMER_JOB;
    wheel_arm(&worker->core.wheel, &entry->timer,
              core_deadline_ns(&worker->core, entry->expiry_ms));
}

/* The flight's jobs wait again, oldest first. They may have run already. The journal's record stays
 * until the anew sealed one, of the same id, takes its place. */
static void flight_requeue(struct worker *worker, struct session *session)
{
    uint32_t reversed = WORKER_NONE;
    for (uint32_t at = session->flight; at != WORKER_NONE;) {
        uint32_t next = waiting_at(worker, at)->next;
        waiting_at(worker, at)->next = reversed;
        reversed = at;
        at = next;
    }
    for (uint32_t at = reversed; at != WORKER_NONE;) {
        uint32_t next = waiting_at(worker, at)->next;
        waiting_at(worker, at)->flags |= WAITING_HELD;
        job_requeue(worker, session, at);
        at = next;
    }
    flight_clear(worker, session);
}

/* The card is ahead of us: unless a 00 was ever verified, lift the base, once, durably before use. */
static void keyset_raise(struct worker *worker, struct session *session)
{
    struct eid eid;
    uint64_t msisdn;
    if (directory_identity(worker->directory, session->device, &eid, &msisdn) != ERR_OK)
        return; /* removed meanwhile: the record may be another device's */
    if (directory_keyset_flags(worker->directory, session->device, session->keyset) != 0)
        return; /* proven, or raised before */
    keyset_mark(worker, session, KEYSET_RAISED);
    counter_add(&worker->counters.counter_raised, 1);
}

void keyset_mark(struct worker *worker, struct session *session, uint8_t flags)
{
    struct msg *msg = worker_result_msg(worker, MSG_KEYSET);
    msg->eid = session->eid;
    msg->device = session->device;
    msg->status = session->keyset;
    msg->flags = flags;
    channel_push(worker->results, msg);
}

/* In the line of the account that leads to its number now, which may have changed. Without a number
 * or a route it waits: its jobs may expire. */
static void stand_in_line(struct worker *worker, struct session *session)
{
    struct eid eid;
    uint64_t msisdn;
    uint8_t account;
    if (directory_identity(worker->directory, session->device, &eid, &msisdn) == ERR_OK &&
        routes_find(worker->routes, msisdn, &account) == ERR_OK) {
        if (session->account != account)
            ready_remove(worker, session);
        session->account = account;
        session->since_ns = worker->core.now_ns;
        ready_append(worker, session);
        return;
    }
    ready_remove(worker, session);
    core_drop(&worker->core, STAGE_PLAN, ERR_UNREACHABLE);
    uint64_t again_ns = worker->core.now_ns + UNREACHABLE_RETRY_NS;
    if (session->flight != WORKER_NONE) {
        uint64_t expiry_ns = core_deadline_ns(&worker->core, session->now.expiry_ms);
        again_ns = expiry_ns < again_ns ? expiry_ns : again_ns;
    }
    session->timer.kind = TIMER_SESSION;
    wheel_arm(&worker->core.wheel, &session->timer, again_ns);
}

bool session_event(struct worker *worker, struct session *session, struct session_input input,
                   enum stage stage, struct flight_answer *answer)
{
    struct effects effects;
    uint8_t before = session->now.state;
    enum err err =
        session_step(&session->now, &worker->policy, &input, worker->core.wall_ms, &effects);
    if (err != ERR_OK) {
        core_drop(&worker->core, stage, err);
        return false;
    }
    if (effects.raise)
        keyset_raise(worker, session);
    if (effects.requeue_job)
        flight_requeue(worker, session);
    if (effects.arm) {
        session->timer.kind = TIMER_SESSION;
        wheel_arm(&worker->core.wheel, &session->timer,
                  core_deadline_ns(&worker->core, effects.deadline_ms));
    } else if (session->now.state != before) {
        wheel_disarm(&worker->core.wheel, &session->timer);
    }
    if (session->now.state != SESSION_READY && session->now.state != SESSION_REPEATING)
        ready_remove(worker, session);
    if (effects.finish)
        flight_end(worker, session, (enum job_outcome)effects.outcome, effects.reason, answer);
    if (effects.queue)
        stand_in_line(worker, session);
    if (effects.finish)
        session_settle(worker, session);
    return true;
}

void session_settle(struct worker *worker, struct session *session)
{
    uint32_t first = line_first(session);
    if (session->now.state == SESSION_READY && first == WORKER_NONE) {
        ready_remove(worker, session); /* what it waited for ended meanwhile */
        wheel_disarm(&worker->core.wheel, &session->timer);
        session->now.state = SESSION_IDLE;
    } else if (session->now.state == SESSION_READY && session->is_ready &&
               waiting_at(worker, first)->priority > session->ready_priority) {
        ready_remove(worker, session); /* something more urgent came */
        ready_append(worker, session);
    }
    if (session->now.state != SESSION_IDLE || session->flight != WORKER_NONE)
        return;
    if (first != WORKER_NONE) {
        session->now = (struct session_flight){ .por_status = RECORD_POR_NONE };
        bool started = session_event(
            worker, session, (struct session_input){ .event = EVENT_SUBMIT }, STAGE_PLAN, NULL);
        ASSERT(started);
    } else if (session->delayed == 0) {
        session_free(worker, session);
    }
}
