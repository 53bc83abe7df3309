/* Durable commands to short messages (TS 31.115 §4): TP-UDs for the edge, in index order. A
 * repetition comes the same way, from the journal, and makes the identical octets. */
#include "engine/downlink/downlink.h"
#include "engine/uplink/uplink.h"

/* The SMSC took some parts of the last attempt and refused others: the latter complete it while the
 * former live. A whole repetition waits until they are dead (design §4 "Effectively once"). */
static bool completes_the_last(const struct worker *worker, const struct session *session)
{
    uint16_t all = (uint16_t)((1u << session->part_count) - 1);
    return session->parts_taken != 0 && session->parts_taken != all &&
           session->validity_ms > worker->core.wall_ms;
}

static void attempt_begin(struct worker *worker, struct session *session)
{
    receipts_forget(worker, session);
    session->epoch++; /* what is still under way of an earlier attempt is a stranger */
    session->refusal = ERR_OK;
    session->refused_for_good = false;
    if (!completes_the_last(worker, session)) {
        session->parts_taken = session->parts_delivered = 0;
        session->validity_ms = worker->core.wall_ms; /* the edge tells, part by part */
        memset(session->id_keys, 0, sizeof session->id_keys);
    }
    session->parts_home = (uint8_t)__builtin_popcount(session->parts_taken);
    if (session->now.attempt > 1)
        counter_add(&worker->counters.commands_repeated, 1);
}

static void part_push(struct worker *worker, struct session *session, struct span packet,
                      uint8_t part)
{
    struct channel *edge = worker->to_edge[worker->accounts[session->account].edge];
    struct msg *msg = channel_take(edge);
    ASSERT(msg != NULL); /* the channel's quota is the sum of all credits */
    msg->kind = MSG_SEND;
    msg->account = session->account;
    msg->part = part;
    msg->part_count = session->part_count;
    msg->attempt = session->now.attempt;
    msg->device = session->device;
    msg->value = session->msisdn;
    msg->expiry_ms = session->now.expiry_ms;
    msg->stamp_ns = session->since_ns;
    msg->id = session->command_id;
    msg->cookie = (uint64_t)(session - worker->sessions) << 32 | session->epoch;
    struct writer w = msg_writer(msg);
    sms_segment_write(&w, packet, part, session->part_count, session->concat_ref,
                      session->ref_bits == 16 ? 16 : 8);
    enum err err = msg_written(msg, &w);
    ASSERT(err == ERR_OK); /* 140 octets fit */
    channel_push(edge, msg);
}

static void frame_one(struct worker *worker, const struct msg *durable)
{
    struct session *session = &worker->sessions[durable->cookie >> 32];
    struct worker_account *account = &worker->accounts[durable->account];
    bool expected = session->epoch == (uint32_t)durable->cookie && session->is_command;
    struct record_command command;
    enum err err = (enum err)durable->err;
    if (err == ERR_OK)
        err = record_command_read(msg_body(durable), &command);
    if (expected && err != ERR_OK) {
        core_drop(&worker->core, STAGE_SEGMENT, err);
        session->credits = 0;
        session_event(worker, session,
                      (struct session_input){ .event = EVENT_FAILED, .reason = err }, STAGE_SEGMENT,
                      NULL);
    } else if (expected) {
        expected = session_event(worker, session, (struct session_input){ .event = EVENT_DURABLE },
                                 STAGE_SEGMENT, NULL);
    }
    if (!expected || err != ERR_OK) { /* answered meanwhile, or unreadable */
        account->credits += durable->part_count;
        return;
    }
    session->account = durable->account; /* whose credits these are */
    if (session->msisdn == 0 ||
        session->now.attempt > 1) { /* the directory knows where it is now */
        struct eid eid;
        err = directory_identity(worker->directory, session->device, &eid, &session->msisdn);
        if (err != ERR_OK)
            core_drop(&worker->core, STAGE_SEGMENT, err); /* the edge refuses number 0 */
    }
    session->credits = 0;
    attempt_begin(worker, session);
    uint16_t taken = session->parts_taken;
    account->credits += session->parts_home;
    counter_add(&worker->counters.segments_sent, session->part_count - session->parts_home);
    for (uint8_t part = 0; part < session->part_count; part++)
        if ((taken & 1u << part) == 0)
            part_push(worker, session, command.packet, part);
}

void downlink_segment(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->durable_count; i++) {
        frame_one(worker, worker->durable[i]);
        channel_untake(worker->journal, worker->durable[i]);
    }
    worker->durable_count = 0;
}
