/* Control to worker: jobs to their devices' lines, cancellations, and at start what was open. */
#include "engine/downlink/downlink.h"
#include "engine/session/line.h"
#include "engine/uplink/uplink.h"

/* A job that ends before it ever flew. */
static void waiting_finish(struct worker *worker, struct session *session, uint32_t index,
                           enum job_outcome outcome)
{
    const struct waiting *entry = waiting_at(worker, index);
    bool held = (entry->flags & WAITING_HELD) != 0; /* sealed once: the journal still has it */
    struct job_end end = {
        .outcome = held ? JOB_UNCONFIRMED : outcome,
        .reason = held && outcome == JOB_EXPIRED ? ERR_EXPIRED : ERR_OK,
        .por_status = RECORD_POR_NONE,
        .ends_command = held,
        .command_id = entry->job_id,
    };
    job_finish(worker, session, index, &end);
}

static enum err admit(struct worker *worker, const struct msg *msg, struct device_ref device)
{
    struct session *session = session_of(worker, device, &msg->eid);
    /* The journal may have the next command of a device before the result of the one before it, when
     * a store far behind was killed: one flies on, the other's outcome is not known. */
    if (session != NULL && session->is_command && (msg->flags & ADMIT_IN_FLIGHT))
        return ERR_CONFLICT;
    uint32_t index = session == NULL ? WORKER_NONE : waiting_take(worker);
    if (index == WORKER_NONE) {
        if (session != NULL)
            session_settle(worker, session);
        return ERR_FULL;
    }
    struct waiting *entry = waiting_at(worker, index);
    entry->job_id = msg->id;
    entry->expiry_ms = msg->expiry_ms;
    entry->accepted_ms = msg->value;
    entry->client = (uint16_t)msg->client;
    entry->priority = msg->priority < JOB_PRIORITIES ? msg->priority : JOB_PRIORITIES - 1;
    entry->flags = (msg->flags & ADMIT_IDEMPOTENT) ? WAITING_IDEMPOTENT : 0;
    entry->session = session_index(worker, session);
    entry->timer.kind = TIMER_JOB;
    counter_add(&worker->counters.jobs_admitted, 1);
    if (msg->flags & ADMIT_IN_FLIGHT) {
        entry->apdu_count = msg->part_count;
        entry->next = session->flight;
        session->flight = index;
        return ERR_OK;
    }
    if (msg->flags & ADMIT_STOPPED) {
        waiting_finish(worker, session, index, JOB_CANCELLED);
        session_settle(worker, session);
        return ERR_OK;
    }
    uint64_t wake_ms = msg->expiry_ms;
    if (msg->not_before_ms > worker->core.wall_ms) {
        entry->flags |= WAITING_DELAYED;
        session->delayed++;
        if (msg->not_before_ms < wake_ms)
            wake_ms = msg->not_before_ms;
    } else {
        line_append(worker, session, index);
    }
    wheel_arm(&worker->core.wheel, &entry->timer, core_deadline_ns(&worker->core, wake_ms));
    bool stood = session->is_ready;
    session_settle(worker, session);
    if (!stood && session->is_ready && msg->stamp_ns != 0)
        session->since_ns = msg->stamp_ns; /* its time on the ring is ours too */
    return ERR_OK;
}

void job_timer(struct worker *worker, struct waiting *entry)
{
    uint32_t index = (uint32_t)(entry - worker->waiting);
    struct session *session = &worker->sessions[entry->session];
    bool was_delayed = (entry->flags & WAITING_DELAYED) != 0;
    if (was_delayed) {
        entry->flags &= (uint8_t)~WAITING_DELAYED;
        session->delayed--;
    }
    if (worker->core.wall_ms >= entry->expiry_ms) {
        if (!was_delayed && !line_remove(worker, session, index))
            return; /* in flight: the session minds its expiry */
        waiting_finish(worker, session, index, JOB_EXPIRED);
    } else {
        if (was_delayed)
            line_append(worker, session, index);
        wheel_arm(&worker->core.wheel, &entry->timer,
                  core_deadline_ns(&worker->core, entry->expiry_ms));
    }
    session_settle(worker, session);
}

static bool flies(struct worker *worker, struct session *session, uint64_t job_id)
{
    for (uint32_t at = session->flight; at != WORKER_NONE; at = waiting_at(worker, at)->next)
        if (waiting_at(worker, at)->job_id == job_id)
            return true;
    return false;
}

/* A delayed job stands in no line: looked for among all entries, which is rare enough. */
static uint32_t delayed_find_job(struct worker *worker, struct session *session, uint64_t job_id)
{
    uint32_t wanted = session_index(worker, session);
    for (uint32_t i = 0; session->delayed > 0 && i < worker->waiting_cap; i++) {
        const struct waiting *entry = &worker->waiting[i];
        if (entry->job_id == job_id && entry->session == wanted && (entry->flags & WAITING_DELAYED))
            return i;
    }
    return WORKER_NONE;
}

/* Withdraws what has not left; stops the repetitions of what has. */
static enum err cancel(struct worker *worker, const struct msg *msg)
{
    struct device_ref device;
    if (directory_find_eid(worker->directory, &msg->eid, &device) != ERR_OK)
        return ERR_UNKNOWN;
    struct session *session = session_find(worker, device);
    if (session == NULL)
        return ERR_UNKNOWN;
    if (flies(worker, session, msg->id)) {
        bool is_home = !session->now.left && (session->now.state == SESSION_BACKOFF ||
                                              session->now.state == SESSION_REPEATING);
        session_event(worker, session, (struct session_input){ .event = EVENT_STOPPED },
                      STAGE_ADMIT, NULL);
        return is_home ? ERR_OK : ERR_CONFLICT;
    }
    uint32_t index = line_find_job(worker, session, msg->id);
    bool held = false; /* sealed once: it may have run, and is not sealed anew */
    if (index != WORKER_NONE) {
        held = (waiting_at(worker, index)->flags & WAITING_HELD) != 0;
        line_remove(worker, session, index);
    } else {
        index = delayed_find_job(worker, session, msg->id);
        if (index == WORKER_NONE)
            return ERR_UNKNOWN;
        waiting_at(worker, index)->flags &= (uint8_t)~WAITING_DELAYED;
        session->delayed--;
    }
    waiting_finish(worker, session, index, JOB_CANCELLED);
    session_settle(worker, session);
    return held ? ERR_CONFLICT : ERR_OK;
}

/* An open command of the last run. Its octets are sent again; nothing is rebuilt. */
static enum err resume(struct worker *worker, const struct msg *msg)
{
    struct record_command command;
    enum err err = record_command_read(msg_body(msg), &command);
    if (err != ERR_OK)
        return err;
    struct device_ref device;
    err = directory_find_eid(worker->directory, &command.eid, &device);
    if (err != ERR_OK)
        return err;
    struct session *session = session_find(worker, device);
    if (session == NULL || session->flight == WORKER_NONE || session->is_command)
        return ERR_UNEXPECTED;
    command_adopt(worker, session, &command);
    bool taken = (msg->flags & RESUME_TAKEN) != 0;
    bool stopped = (msg->flags & RESUME_STOPPED) != 0;
    /* Whether the last attempt left is not known: it is not counted. */
    uint32_t attempts_max = worker->config->jobs.attempts_max + (taken ? 0u : 1u);
    session->now = (struct session_flight){
        .state = taken || stopped ? SESSION_AWAIT_POR : SESSION_BACKOFF,
        .attempt = msg->attempt,
        .attempts_max = stopped ? msg->attempt : (uint8_t)attempts_max,
        .stopped = stopped,
        .idempotent = (command.flags & RECORD_COMMAND_IDEMPOTENT) != 0,
        .left = true,
        .held = true,
        .por_status = RECORD_POR_NONE,
        .dead_ms = taken ? msg->expiry_ms : 0,
        .expiry_ms = command.expiry_ms,
    };
    session->parts_taken = (uint16_t)msg->status;
    session->validity_ms = msg->expiry_ms;
    for (uint8_t part = 0; part < WORKER_PARTS_MAX; part++)
        session->attempt_of[part] = msg->attempt;
    uint64_t wake_ms = taken ? msg->expiry_ms : worker->core.wall_ms;
    if (stopped || wake_ms > command.expiry_ms)
        wake_ms = command.expiry_ms;
    session->timer.kind = TIMER_SESSION;
    wheel_arm(&worker->core.wheel, &session->timer, core_deadline_ns(&worker->core, wake_ms));
    return ERR_OK;
}

/* The devices of a batch, with what the worker keeps of them on its way to the cache. */
static void find_devices(struct worker *worker, struct msg *const msgs[], uint32_t count,
                         struct device_ref *devices, bool *found)
{
    struct eid eids[MSG_BURST];
    for (uint32_t i = 0; i < count; i++)
        eids[i] = msgs[i]->eid;
    directory_find_eids(worker->directory, eids, count, devices, found);
    for (uint32_t i = 0; i < count; i++)
        if (found[i])
            directory_live_prefetch(worker->directory, devices[i].record);
}

bool downlink_admit(struct worker *worker)
{
    struct msg *msgs[MSG_BURST];
    struct device_ref devices[MSG_BURST];
    bool found[MSG_BURST];
    uint32_t cap = channel_room(worker->results) / WORKER_RESULT_RESERVE;
    uint32_t count = channel_receive(worker->from_control, msgs, cap < MSG_BURST ? cap : MSG_BURST);
    find_devices(worker, msgs, count, devices, found);
    for (uint32_t i = 0; i < count; i++) {
        struct msg *msg = msgs[i];
        enum err err = ERR_UNEXPECTED;
        if (msg->kind == MSG_ADMIT)
            err = found[i] ? admit(worker, msg, devices[i]) : ERR_UNKNOWN;
        else if (msg->kind == MSG_CANCEL)
            err = cancel(worker, msg);
        else if (msg->kind == MSG_RESUME)
            err = resume(worker, msg);
        else if (msg->kind == MSG_UPLINK)
            err = uplink_replay(worker, msg);
        if (err != ERR_OK)
            core_drop(&worker->core, STAGE_ADMIT, err);
        msg->err = (uint8_t)err;
        channel_return(worker->from_control, msg);
    }
    return count > 0;
}
