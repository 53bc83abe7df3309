/* Edge to worker: what the SMSC said of each short message. Its credit is free again. */
#include "engine/downlink/downlink.h"
#include "engine/uplink/uplink.h"
#include "io/smpp/smpp_receipt.h"
#include "io/smpp/smpp_status.h"

/* The caller of GET /v1/jobs/{id} sees every attempt, also one whose answer overtook the SMSC's; a
 * restart learns what the SMSC holds. */
static void attempt_record(struct worker *worker, const struct msg *msg)
{
    struct record_attempt attempt = {
        .job_id = msg->id,
        .attempt = msg->attempt,
        .part = msg->part,
        .part_count = msg->part_count,
        .status = msg->err != ERR_OK && msg->status == SMPP_ROK ? RECORD_NEVER_LEFT : msg->status,
        .at_ms = worker->core.wall_ms,
        .validity_ms = msg->validity_ms,
    };
    size_t len = msg->len < sizeof attempt.message_id ? msg->len : sizeof attempt.message_id - 1;
    memcpy(attempt.message_id, msg->body, len);
    attempt_push(worker, &attempt);
}

void attempt_push(struct worker *worker, const struct record_attempt *attempt)
{
    struct msg *msg = worker_result_msg(worker, MSG_ATTEMPT);
    struct writer w = msg_writer(msg);
    record_attempt_write(&w, attempt);
    enum err err = msg_written(msg, &w);
    ASSERT(err == ERR_OK);
    channel_push(worker->results, msg);
}

/* All parts are home: what came of the attempt. Segments of several attempts join at the card, for
 * they are identical: what the SMSC may hold is the sum of all. */
static void attempt_end(struct worker *worker, struct session *session)
{
    struct session_input input = { .event = EVENT_SENT, .validity_ms = session->validity_ms };
    uint16_t all = (uint16_t)((1u << session->part_count) - 1);
    session->now.left |= session->parts_left != 0;
    session->now.held |= session->parts_left == all;
    if (session->parts_taken != all) {
        input.event = session->refused_for_good ? EVENT_DEAD : EVENT_REFUSED;
        input.reason = session->refusal;
    }
    session_event(worker, session, input, STAGE_SEND, NULL);
    receipts_rematch(worker, session);
}

static void sent_one(struct worker *worker, const struct msg *msg)
{
    worker->accounts[msg->account].credits++;
    attempt_record(worker, msg);
    struct session *session = &worker->sessions[msg->cookie >> 32];
    if (session->epoch != (uint32_t)msg->cookie || !session->is_command)
        return; /* answered meanwhile */
    session->parts_home++;
    if (msg->err == ERR_OK || (msg->flags & SEND_LEFT)) {
        session->parts_left |= (uint16_t)(1u << msg->part);
        if (msg->validity_ms > session->validity_ms)
            session->validity_ms = msg->validity_ms;
    }
    if (msg->err == ERR_OK) {
        session->parts_taken |= (uint16_t)(1u << msg->part);
        session->attempt_of[msg->part] = msg->attempt;
        session->id_keys[msg->part] = smpp_id_key(msg_body(msg));
    } else {
        session->refusal = (enum err)msg->err;
        session->refused_for_good |= msg->err == ERR_REFUSED || msg->err == ERR_EXPIRED;
    }
    if (session->parts_home == session->part_count)
        attempt_end(worker, session);
}

bool downlink_sent(struct worker *worker)
{
    struct msg *msgs[MSG_BURST];
    bool any = false;
    for (uint32_t e = 0; e < worker->edge_count; e++) {
        uint32_t cap = channel_room(worker->results) / WORKER_RESULT_RESERVE;
        uint32_t count =
            channel_collect(worker->to_edge[e], msgs, cap < MSG_BURST ? cap : MSG_BURST);
        for (uint32_t i = 0; i < count; i++)
            session_prefetch(worker, (uint32_t)(msgs[i]->cookie >> 32));
        for (uint32_t i = 0; i < count; i++) {
            sent_one(worker, msgs[i]);
            channel_untake(worker->to_edge[e], msgs[i]);
        }
        any |= count > 0;
    }
    return any;
}
