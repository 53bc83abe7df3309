/* Deliveries off the wire: copied once into a message for the worker and a record for the store.
 * deliver_sm_resp leaves when the record is durable (design §4 "Inbound is durable too"). */
#include "engine/edge.h"
#include "engine/store/record.h"
#include "io/smpp/smpp_receipt.h"

void uplink_expect(struct smsc_bind *bind, struct span in)
{
    uint64_t senders[MSG_BURST];
    size_t count = smpp_session_senders(bind->session, in, senders, COUNT(senders));
    directory_msisdns_prefetch(bind->smsc->edge->directory, senders, (uint32_t)count);
}

static void record_of(struct smsc_bind *bind, const struct smpp_message *message,
                      struct record_uplink *record)
{
    struct edge *edge = bind->smsc->edge;
    struct sms_ud_source source = smpp_message_ud(message);
    *record = (struct record_uplink){
        .id = edge->uplink_next,
        .account = (uint8_t)bind->smsc->account,
        .udhi = source.udhi,
        .resolved = source.resolved,
        .sar = source.sar,
        .sar_total = source.sar_total,
        .sar_index = source.sar_index,
        .sar_ref = source.sar_ref,
        .source = sms_msisdn(&message->source),
        .destination = sms_msisdn(&message->destination),
        .received_ms = edge->core.wall_ms,
        .tp_ud = source.ud,
    };
}

static enum err message_fill(struct msg *msg, enum msg_kind kind, struct device_ref device,
                             const struct record_uplink *record)
{
    msg->kind = (uint8_t)kind;
    msg->device = device;
    msg->id = record->id;
    msg->account = record->account;
    struct writer w = msg_writer(msg);
    record_uplink_write(&w, record);
    return msg_written(msg, &w);
}

/* The store before the workers: a record is never consumed before it is there. */
static void worker_push(struct edge *edge, uint32_t worker, struct msg *msg)
{
    if (channel_push_flushes(edge->to_worker[worker]))
        channel_flush_producer(edge->to_store);
    channel_push(edge->to_worker[worker], msg);
}

/* A response packet or a notification, we hope. */
static bool receive_message(struct smsc_bind *bind, uint32_t sequence,
                            const struct smpp_message *message, bool *answer_now)
{
    struct edge *edge = bind->smsc->edge;
    struct record_uplink record;
    record_of(bind, message, &record);
    struct device_ref device;
    uint32_t worker = 0;
    enum err err = uplink_route(edge, record.source, &device, &worker);
    if (err != ERR_OK) { /* no device of ours: refusing it would bring it again for ever */
        core_drop(&edge->core, STAGE_ROUTE, err);
        *answer_now = true;
        return true;
    }
    struct msg *log = channel_take(edge->to_store);
    struct msg *msg = log == NULL ? NULL : channel_take(edge->to_worker[worker]);
    if (msg == NULL) {
        if (log != NULL)
            channel_untake(edge->to_store, log);
        counter_add(&edge->counters.uplinks_refused, 1);
        return false;
    }
    err = message_fill(msg, MSG_UPLINK, device, &record);
    if (err == ERR_OK)
        err = message_fill(log, MSG_UPLINK_LOG, device, &record);
    if (err != ERR_OK) { /* longer than anything a card sends in one message */
        core_drop(&edge->core, STAGE_RECEIVE, err);
        channel_untake(edge->to_store, log);
        channel_untake(edge->to_worker[worker], msg);
        *answer_now = true;
        return true;
    }
    edge->uplink_next++;
    log->cookie = (uint64_t)bind->generation << 32 | sequence;
    log->part = (uint8_t)bind->index;
    channel_push(edge->to_store, log);
    worker_push(edge, worker, msg);
    counter_add(&edge->counters.uplinks, 1);
    return true;
}

/* A receipt that is lost is made good by the validity of what it speaks of: answered at once. */
static bool receive_receipt(struct smsc_bind *bind, const struct smpp_message *message,
                            const struct smpp_receipt *receipt)
{
    struct edge *edge = bind->smsc->edge;
    struct device_ref device;
    uint32_t worker = 0;
    enum err err = uplink_route(edge, sms_msisdn(&message->source), &device, &worker);
    if (err != ERR_OK) {
        core_drop(&edge->core, STAGE_ROUTE, err);
        return true;
    }
    struct msg *msg = channel_take(edge->to_worker[worker]);
    if (msg == NULL) {
        counter_add(&edge->counters.uplinks_refused, 1);
        return false;
    }
    msg->kind = MSG_RECEIPT;
    msg->device = device;
    msg->account = (uint8_t)bind->smsc->account;
    msg->status = (uint32_t)receipt->state;
    struct writer w = msg_writer(msg);
    writer_bytes(&w, receipt->message_id);
    if (msg_written(msg, &w) != ERR_OK) {
        core_drop(&edge->core, STAGE_RECEIVE, ERR_RANGE);
        channel_untake(edge->to_worker[worker], msg);
        return true;
    }
    worker_push(edge, worker, msg);
    counter_add(&edge->counters.receipts, 1);
    return true;
}

bool uplink_receive(struct smsc_bind *bind, uint32_t sequence, const struct smpp_message *message,
                    bool *answer_now)
{
    struct smpp_receipt receipt;
    enum err err = smpp_receipt_read(message, &receipt);
    if (err == ERR_UNKNOWN)
        return receive_message(bind, sequence, message, answer_now);
    *answer_now = true;
    if (err != ERR_OK) {
        core_drop(&bind->smsc->edge->core, STAGE_RECEIVE, err);
        return true;
    }
    return receive_receipt(bind, message, &receipt);
}

static void answer_one(struct edge *edge, const struct msg *log)
{
    struct smsc *smsc = edge->smsc_of[log->account];
    struct smsc_bind *bind = &smsc->binds[log->part];
    struct writer out;
    if (bind->generation != (uint32_t)(log->cookie >> 32) || bind->link != BIND_UP ||
        !bind_writer(bind, SMPP_ANSWER_ROOM, &out)) {
        core_drop(&edge->core, STAGE_RECEIVE, ERR_STALE); /* the SMSC delivers it again */
        return;
    }
    uint32_t status = log->err == ERR_OK ? SMPP_ROK : SMPP_RX_T_APPN;
    smpp_session_deliver_answer(bind->session, (uint32_t)log->cookie, status, &out);
    bind_commit(bind, &out);
}

bool uplink_answer(struct edge *edge)
{
    struct msg *msgs[MSG_BURST];
    uint32_t count = channel_collect(edge->to_store, msgs, MSG_BURST);
    for (uint32_t i = 0; i < count; i++) {
        if (msgs[i]->kind == MSG_UPLINK_LOG)
            answer_one(edge, msgs[i]);
        channel_untake(edge->to_store, msgs[i]);
    }
    return count > 0;
}
