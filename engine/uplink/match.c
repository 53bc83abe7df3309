/* Verified response packets to the commands they answer (TS 102 225 §5.2; spec: Trust). What does
 * not verify changes nothing but a counter. */
#include "crypto/scp80_wire.h"
#include "engine/uplink/uplink.h"

#define STATUS_CNTR_HIGH 0x03

/* What each response status code means for the command (TS 102 225 table 5). */
static struct session_input input_of(uint8_t status)
{
    switch (status) {
    case SCP80_STATUS_OK:
        return (struct session_input){ .event = EVENT_POR_OK };
    case 0x01: /* RC/CC/DS failed */
    case 0x05: /* ciphering error */
        return (struct session_input){ .event = EVENT_POR_AGAIN, .reason = ERR_CC };
    case 0x02: /* CNTR low */
        return (struct session_input){ .event = EVENT_POR_LOW };
    case STATUS_CNTR_HIGH:
        return (struct session_input){ .event = EVENT_POR_ERROR, .reason = ERR_CNTR };
    case 0x04: /* CNTR blocked */
        return (struct session_input){ .event = EVENT_POR_ERROR, .reason = ERR_EXHAUSTED };
    case 0x07: /* insufficient memory */
        return (struct session_input){ .event = EVENT_POR_LATER, .reason = ERR_FULL };
    case 0x08: /* more time */
        return (struct session_input){ .event = EVENT_POR_WAIT };
    case 0x0B: /* the response comes in an SMS-SUBMIT */
    case 0x0C: /* … in a USSD invoke */
        return (struct session_input){ .event = EVENT_POR_OTHER };
    case 0x09: /* TAR unknown */
        return (struct session_input){ .event = EVENT_POR_ERROR, .reason = ERR_TAR };
    case 0x0A: /* insufficient security level */
        return (struct session_input){ .event = EVENT_POR_ERROR, .reason = ERR_DENIED };
    default: /* 06, reserved, proprietary */
        return (struct session_input){ .event = EVENT_POR_ERROR, .reason = ERR_REFUSED };
    }
}

/* The first 00 under a key set proves its counter, for ever. */
static void prove(struct worker *worker, struct session *session)
{
    const struct device_live *live = directory_live(worker->directory, session->device.record);
    struct eid eid;
    uint64_t msisdn;
    if ((device_live_flags(live, session->keyset) & KEYSET_PROVEN) ||
        directory_identity(worker->directory, session->device, &eid, &msisdn) != ERR_OK)
        return; /* known, or removed meanwhile: the record may be another device's */
    directory_keyset_mark(worker->directory, session->device, session->keyset, KEYSET_PROVEN);
    keyset_mark(worker, session, KEYSET_PROVEN);
}

/* 03 to "exactly one higher": the card never took an earlier number. Whatever bore it is dead by now
 * and its job has ended: sent again it might still run, and no other packet may bear that number. So
 * none can be used any more: the counter is given up, for the operator to see, instead of every job
 * being answered 03. */
static void give_up_counter(struct worker *worker, const struct session *session)
{
    struct msg *msg = worker_result_msg(worker, MSG_OUT_OF_STEP);
    msg->eid = session->eid;
    msg->status = session->keyset;
    channel_push(worker->results, msg);
    counter_add(&worker->counters.counters_out_of_step, 1);
}

static enum err match_one(struct worker *worker, struct uplink_item *item)
{
    const struct scp80_open_response *open = &item->open;
    if (open->err == ERR_UNTRUSTED)
        counter_add(&worker->counters.pors_untrusted, 1);
    if (open->err != ERR_OK)
        return open->err;
    /* An earlier packet of this batch may have ended the command; that it is the one for which this
     * was opened is enough: its CNTR is that of the response. */
    struct session *session = session_find(worker, item->device);
    if (session == NULL || !session->is_command || session->security.cntr != open->command.cntr)
        return ERR_UNKNOWN;
    counter_add(&worker->counters.pors_verified, 1);
    if (open->real_udhl)
        counter_add(&worker->counters.pors_real_udhl, 1);
    if (open->status == SCP80_STATUS_OK)
        prove(worker, session);
    struct session_input input = input_of(open->status);
    if (open->status == STATUS_CNTR_HIGH && session->exact) {
        give_up_counter(worker, session);
        input.reason = ERR_OUT_OF_STEP;
    }
    uint8_t before = session->now.por_status;
    session->now.por_status = open->status;
    struct flight_answer answer = { .data = open->data, .uplink_id = item->ids[0] };
    if (session_event(worker, session, input, STAGE_MATCH, &answer)) {
        if (answer.is_consumed)
            item->ids[0] = 0; /* the result takes it along */
        return ERR_OK;
    }
    if (session_find(worker, item->device) == session)
        session->now.por_status = before;
    return ERR_OK; /* counted by session_event */
}

void uplink_match(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->uplink_count; i++) {
        struct uplink_item *item = &worker->uplink[i];
        enum err err = match_one(worker, item);
        if (err != ERR_OK)
            core_drop(&worker->core, err == ERR_UNKNOWN ? STAGE_MATCH : STAGE_OPEN, err);
        for (uint8_t n = 0; n < item->id_count; n++)
            uplink_consumed(worker, item->ids[n]);
        if (item->msg != NULL)
            channel_return(item->channel, item->msg);
    }
    worker->uplink_count = 0;
}
