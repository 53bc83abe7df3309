/* Delivery receipts to the attempt they speak of. "Delivered" means that the radio acknowledged:
 * only a response packet says that the card ran the command. */
#include "engine/uplink/uplink.h"
#include "io/smpp/smpp_receipt.h"

/* How this account's SMSC writes ids in receipts, as configured; learning tries all. */
static bool id_matches(const struct worker *worker, const struct session *session, uint8_t part,
                       struct span message_id)
{
    static const enum smpp_id_form forms[] = {
        [ID_AS_IS] = SMPP_ID_AS_IS,
        [ID_HEX_TO_DECIMAL] = SMPP_ID_DEC_OF_HEX,
        [ID_DECIMAL_TO_HEX] = SMPP_ID_HEX_OF_DEC,
    };
    uint64_t wanted = session->id_keys[part];
    enum id_format format = worker->config->accounts[session->account].id_format;
    if (wanted == 0)
        return false;
    if (format != ID_LEARN)
        return smpp_id_key_in(message_id, forms[format]) == wanted;
    for (int form = 0; form < SMPP_ID_FORMS; form++)
        if (smpp_id_key_in(message_id, (enum smpp_id_form)form) == wanted)
            return true;
    return false;
}

static void receipt_record(struct worker *worker, const struct session *session, uint8_t part,
                           const struct msg *msg)
{
    struct record_attempt attempt = {
        .job_id = session->command_id,
        .attempt = session->attempt_of[part],
        .part = part,
        .part_count = session->part_count,
        .state = (uint8_t)msg->status,
        .at_ms = worker->core.wall_ms,
        .validity_ms = session->validity_ms,
    };
    size_t len = msg->len < sizeof attempt.message_id ? msg->len : sizeof attempt.message_id - 1;
    memcpy(attempt.message_id, msg->body, len);
    attempt_push(worker, &attempt);
}

static void receipt_apply(struct worker *worker, struct session *session, uint8_t part,
                          const struct msg *msg)
{
    counter_add(&worker->counters.receipts_matched, 1);
    receipt_record(worker, session, part, msg);
    if (!smpp_state_is_final((enum smpp_state)msg->status))
        return;
    if (msg->status != SMPP_DELIVERED && session->now.state != SESSION_AWAIT_POR) {
        session->parts_taken &= (uint16_t) ~(1u << part); /* goes again with those refused */
        return;
    }
    if (msg->status != SMPP_DELIVERED) {
        session_event(worker, session,
                      (struct session_input){ .event = EVENT_UNDELIVERED, .reason = ERR_REFUSED },
                      STAGE_RECEIPT, NULL);
        return;
    }
    session->parts_delivered |= (uint16_t)(1u << part);
    if (session->parts_delivered == (uint16_t)((1u << session->part_count) - 1))
        session_event(worker, session, (struct session_input){ .event = EVENT_DELIVERED },
                      STAGE_RECEIPT, NULL);
}

/* ERR_UNKNOWN when no part of the attempt has this id. */
static enum err receipt_find(struct worker *worker, struct session *session, const struct msg *msg)
{
    if (msg->account != session->account)
        return ERR_UNKNOWN; /* ids are an SMSC's own */
    for (uint8_t part = 0; part < session->part_count; part++) {
        if (!id_matches(worker, session, part, msg_body(msg)))
            continue;
        receipt_apply(worker, session, part, msg);
        return ERR_OK;
    }
    return ERR_UNKNOWN;
}

bool receipt_match(struct worker *worker, struct msg *msg)
{
    struct session *session = session_find(worker, msg->device);
    bool flies = session != NULL && session->is_command;
    bool sending = flies && session->now.state == SESSION_SENDING;
    if (sending) { /* ids are matched once all are known */
        for (uint32_t i = 0; i < SESSION_EARLY_MAX; i++) {
            if (session->early[i] != NULL)
                continue;
            session->early[i] = msg;
            return false;
        }
    }
    enum err err = flies ? receipt_find(worker, session, msg) : ERR_UNKNOWN;
    if (err != ERR_OK)
        core_drop(&worker->core, STAGE_RECEIPT, err); /* of an earlier attempt, mostly */
    return true;
}

/* By the edge that brought it, which need not be the one that sends. */
static void receipt_home(struct worker *worker, struct msg *msg)
{
    channel_return(worker->from_edge[worker->accounts[msg->account].edge], msg);
}

void receipts_rematch(struct worker *worker, struct session *session)
{
    for (uint32_t i = 0; i < SESSION_EARLY_MAX; i++) {
        struct msg *msg = session->early[i];
        session->early[i] = NULL;
        if (msg == NULL)
            continue;
        if (!session->is_command || receipt_find(worker, session, msg) != ERR_OK)
            core_drop(&worker->core, STAGE_RECEIPT, ERR_UNKNOWN);
        receipt_home(worker, msg);
    }
}

void receipts_forget(struct worker *worker, struct session *session)
{
    for (uint32_t i = 0; i < SESSION_EARLY_MAX; i++) {
        if (session->early[i] != NULL)
            receipt_home(worker, session->early[i]);
        session->early[i] = NULL;
    }
}
