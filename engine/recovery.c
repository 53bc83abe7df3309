/* At start, after a crash or not: every job accepted and not ended goes to its worker again, every
 * open command with its octets, every uplink record that nobody consumed (design §4). */
#include "base/log.h"
#include "engine/downlink/downlink.h"
#include "engine/store/query.h"
#include "engine/topology.h"
#include "io/smpp/smpp_receipt.h"

#include <stdlib.h>

/* Commands first, so that replayed answers find them; waiting jobs last. Then until the workers have
 * taken all of it: an answer off the network must find its command too. */
enum phase { PHASE_COMMANDS, PHASE_UPLINKS, PHASE_JOBS, PHASE_TAKEN, PHASE_DONE };

struct recovery {
    struct topology *topology;
    enum phase phase;
    struct store_txn *txn; /* of this turn */
    uint64_t after;        /* id of the last one handed over */
    uint64_t count[PHASE_DONE];
};

struct recovery *recovery_create(struct topology *topology, struct fault *fault)
{
    struct recovery *recovery = calloc(1, sizeof *recovery);
    if (recovery == NULL) {
        fault_set(fault, "no memory to recover with");
        return NULL;
    }
    recovery->topology = topology;
    return recovery;
}

void recovery_destroy(struct recovery *recovery)
{
    free(recovery);
}

/* ---- Open commands ----------------------------------------------------------------------------- */

struct taken {
    uint64_t now_ms;
    uint8_t attempt; /* the last one written */
    uint16_t parts;  /* that the SMSC accepted, of whichever attempt, and may still deliver */
    uint8_t part_count;
    uint64_t validity_ms;
};

static enum err attempt_see(void *arg, const struct record_attempt *attempt)
{
    struct taken *taken = arg;
    if (attempt->attempt > taken->attempt)
        taken->attempt = attempt->attempt;
    taken->part_count = attempt->part_count;
    bool is_dead =
        attempt->validity_ms <= taken->now_ms ||
        (attempt->state != SMPP_DELIVERED && smpp_state_is_final((enum smpp_state)attempt->state));
    if (attempt->status == 0 && attempt->part < 16 && !is_dead) {
        taken->parts |= (uint16_t)(1u << attempt->part);
        if (attempt->validity_ms > taken->validity_ms)
            taken->validity_ms = attempt->validity_ms;
    }
    return ERR_OK;
}

static void pending_admit(struct control *control, uint32_t worker,
                          const struct record_pending *pending, uint8_t flags, uint8_t apdus)
{
    struct msg *msg = control_worker_msg(control, worker, MSG_ADMIT);
    ASSERT(msg != NULL); /* the caller looked */
    msg->id = pending->job_id;
    msg->eid = pending->eid;
    msg->client = pending->client;
    msg->priority = pending->priority;
    msg->flags = flags;
    if (pending->flags & RECORD_PENDING_IDEMPOTENT)
        msg->flags |= ADMIT_IDEMPOTENT;
    if (pending->flags & RECORD_PENDING_STOPPED)
        msg->flags |= ADMIT_STOPPED;
    msg->part_count = apdus;
    msg->not_before_ms = pending->not_before_ms;
    msg->expiry_ms = pending->expiry_ms;
    msg->value = pending->accepted_ms;
    channel_push(control->to_worker[worker], msg);
    control->admitted[worker]++;
}

static enum err command_resume(void *arg, const struct record_command *command)
{
    struct recovery *recovery = arg;
    struct control *control = &recovery->topology->control;
    uint32_t worker = control_worker_of(control, &command->eid);
    if (command->id <= recovery->after)
        return ERR_OK;
    if (channel_room(control->to_worker[worker]) < command->job_count + 1u)
        return ERR_FULL; /* goes on next turn */
    recovery->after = command->id;
    struct taken taken = { .now_ms = control->now_ms };
    enum err err = query_attempts(recovery->txn, command->id, attempt_see, &taken);
    if (err != ERR_OK)
        log_error("recovery", "attempts of job %lu cannot be read: %s; its octets are sent again",
                  (unsigned long)command->id, err_text(err));
    uint32_t jobs = 0;
    bool stopped = false;
    for (uint8_t j = command->job_count; j-- > 0;) { /* each goes before the one admitted last */
        struct record_pending pending;
        if (query_pending(recovery->txn, command->jobs[j], &pending) != ERR_OK)
            continue;
        pending_admit(control, worker, &pending, ADMIT_IN_FLIGHT, command->apdus[j]);
        stopped |= (pending.flags & RECORD_PENDING_STOPPED) != 0;
        jobs++;
    }
    struct msg *msg = jobs == 0 ? NULL : control_worker_msg(control, worker, MSG_RESUME);
    if (msg == NULL)
        return ERR_OK;
    uint16_t all = (uint16_t)((1u << taken.part_count) - 1);
    msg->flags = taken.part_count > 0 && taken.parts == all ? RESUME_TAKEN : 0;
    if (stopped)
        msg->flags |= RESUME_STOPPED;
    msg->status = taken.parts;
    msg->attempt = taken.attempt;
    msg->expiry_ms = taken.validity_ms;
    struct writer w = msg_writer(msg);
    record_command_write(&w, command);
    err = msg_written(msg, &w);
    ASSERT(err == ERR_OK);
    channel_push(control->to_worker[worker], msg);
    recovery->count[PHASE_COMMANDS]++;
    counter_add(&control->counters.commands_resumed, 1);
    return ERR_OK;
}

/* ---- Uplink records ---------------------------------------------------------------------------- */

static enum err uplink_offer(void *arg, const struct record_uplink *uplink)
{
    struct recovery *recovery = arg;
    struct control *control = &recovery->topology->control;
    if (uplink->id <= recovery->after)
        return ERR_OK;
    struct device_ref device;
    struct eid eid;
    uint64_t msisdn;
    uint32_t worker = 0; /* of an unknown sender: any worker lets it go */
    if (directory_find_msisdn(control->directory, uplink->source, &device) == ERR_OK &&
        directory_identity(control->directory, device, &eid, &msisdn) == ERR_OK)
        worker = control_worker_of(control, &eid);
    else
        device = (struct device_ref){ 0 };
    struct msg *msg = control_worker_msg(control, worker, MSG_UPLINK);
    if (msg == NULL)
        return ERR_FULL;
    recovery->after = uplink->id;
    msg->id = uplink->id;
    msg->device = device;
    struct writer w = msg_writer(msg);
    record_uplink_write(&w, uplink);
    enum err err = msg_written(msg, &w);
    ASSERT(err == ERR_OK);
    channel_push(control->to_worker[worker], msg);
    recovery->count[PHASE_UPLINKS]++;
    counter_add(&control->counters.uplinks_replayed, 1);
    return ERR_OK;
}

/* ---- Waiting jobs ------------------------------------------------------------------------------ */

static bool flies(struct recovery *recovery, uint64_t job_id)
{
    struct table_key key = table_key_u64(job_id); /* a command's id is its first job's */
    struct span value;
    return table_get(recovery->txn, TABLE_COMMANDS, table_key_span(&key), &value) == ERR_OK;
}

static enum err job_admit(void *arg, const struct record_pending *pending)
{
    struct recovery *recovery = arg;
    struct control *control = &recovery->topology->control;
    uint32_t worker = control_worker_of(control, &pending->eid);
    if (pending->job_id <= recovery->after)
        return ERR_OK;
    if (channel_room(control->to_worker[worker]) == 0)
        return ERR_FULL;
    recovery->after = pending->job_id;
    if (flies(recovery, pending->job_id))
        return ERR_OK;
    pending_admit(control, worker, pending, 0, 0);
    recovery->count[PHASE_JOBS]++;
    return ERR_OK;
}

/* ---- The turn ---------------------------------------------------------------------------------- */

static bool all_taken(const struct control *control)
{
    for (uint32_t w = 0; w < control->worker_count; w++)
        if (channel_room(control->to_worker[w]) < channel_quota(control->to_worker[w]))
            return false;
    return true;
}

static enum err phase_turn(struct recovery *recovery)
{
    struct topology *topology = recovery->topology;
    switch (recovery->phase) {
    case PHASE_COMMANDS:
        return query_commands(recovery->txn, topology->control_kek, topology->control_lanes,
                              command_resume, recovery);
    case PHASE_UPLINKS:
        return query_uplinks(recovery->txn, uplink_offer, recovery);
    case PHASE_JOBS:
        return query_pendings(recovery->txn, job_admit, recovery);
    case PHASE_TAKEN:
        return all_taken(&topology->control) ? ERR_OK : ERR_FULL;
    case PHASE_DONE:
        break;
    }
    return ERR_OK;
}

bool recovery_turn(struct recovery *recovery)
{
    if (recovery->phase == PHASE_DONE)
        return true;
    enum err err = store_txn_begin(recovery->topology->store, STORE_READ, &recovery->txn);
    if (err != ERR_OK)
        return false;
    err = phase_turn(recovery);
    store_txn_abort(recovery->txn);
    recovery->txn = NULL;
    if (err == ERR_FULL)
        return false;
    if (err != ERR_OK)
        log_error("recovery", "the store cannot be read to its end: %s", err_text(err));
    recovery->phase++;
    recovery->after = 0;
    if (recovery->phase == PHASE_DONE)
        log_info("recovery", "%lu commands in flight, %lu uplink records, %lu waiting jobs",
                 (unsigned long)recovery->count[PHASE_COMMANDS],
                 (unsigned long)recovery->count[PHASE_UPLINKS],
                 (unsigned long)recovery->count[PHASE_JOBS]);
    return recovery->phase == PHASE_DONE;
}
