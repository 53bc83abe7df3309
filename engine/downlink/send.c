/* Granted short messages to SMPP, and what the SMSC said of them back to their worker. */
#include "engine/edge.h"

static void go_home(struct smsc *smsc, struct msg *msg, enum err err, uint32_t status,
                    struct span message_id)
{
    struct edge *edge = smsc->edge;
    msg->err = (uint8_t)err;
    msg->status = status;
    struct writer w = msg_writer(msg);
    writer_bytes(&w, span_first(message_id, msg->cap));
    if (msg_written(msg, &w) != ERR_OK)
        msg->len = 0;
    channel_return(edge->from_worker[msg->client], msg);
}

/* Time is over. What was never written, or always refused, provably did not leave; of the rest nobody
 * knows, so it counts as taken, without an id. */
static void go_home_late(struct smsc *smsc, struct msg *msg)
{
    enum err err = (msg->flags & SEND_LEFT) ? ERR_OK : ERR_EXPIRED;
    if (err != ERR_OK)
        core_drop(&smsc->edge->core, STAGE_SEND, err);
    go_home(smsc, msg, err, 0, span_of(NULL, 0));
}

static void requeue(struct smsc *smsc, struct msg *msg)
{
    counter_add(&smsc->edge->counters.requeued, 1);
    queue_push_front(smsc, msg);
}

void send_done(struct smsc_bind *bind, struct msg *msg, uint32_t status, struct span message_id,
               enum err err)
{
    struct smsc *smsc = bind->smsc;
    if (err != ERR_OK) { /* no answer: the same segment again */
        msg->flags |= SEND_LEFT;
        requeue(smsc, msg);
        return;
    }
    bind_answered(bind);
    switch (smpp_status_class(status)) {
    case SMPP_DONE:
        smpp_backoff_worked(&bind->backoff);
        go_home(smsc, msg, ERR_OK, status, message_id);
        return;
    case SMPP_THROTTLE:
    case SMPP_REBIND:
        requeue(smsc, msg);
        return;
    case SMPP_RETRY:
        go_home(smsc, msg, ERR_FULL, status, span_of(NULL, 0));
        return;
    case SMPP_PERMANENT:
    case SMPP_CONFIG:
    case SMPP_BUG:
    case SMPP_CLASSES:
        core_drop(&smsc->edge->core, STAGE_SEND, ERR_REFUSED);
        go_home(smsc, msg, ERR_REFUSED, status, span_of(NULL, 0));
        return;
    }
}

/* Segments of one command go back to back on one bind. NULL: none has room now. */
static struct smsc_bind *choose_bind(struct smsc *smsc, const struct msg *msg)
{
    struct smsc_bind *last = &smsc->binds[smsc->bind_last];
    if (msg->part > 0 && smpp_session_room(last->session) > 0)
        return last;
    for (uint32_t step = 0; step < smsc->bind_count; step++) {
        uint32_t index = (smsc->bind_turn + step) % smsc->bind_count;
        struct smsc_bind *bind = &smsc->binds[index];
        if (bind->link != BIND_UP || smpp_session_room(bind->session) == 0)
            continue;
        smsc->bind_turn = index + 1;
        smsc->bind_last = index;
        return bind;
    }
    return NULL;
}

/* Seconds that the SMSC may try to deliver it: never beyond the job's expiry. */
static uint32_t validity_of(const struct smsc *smsc, const struct msg *msg)
{
    uint64_t left_s = (msg->expiry_ms - smsc->edge->core.wall_ms + 999) / 1000;
    return left_s < smsc->config->validity_s ? (uint32_t)left_s : smsc->config->validity_s;
}

static enum err submit(struct smsc *smsc, struct smsc_bind *bind, struct msg *msg)
{
    struct edge *edge = smsc->edge;
    struct writer out;
    if (!bind_writer(bind, SMPP_SUBMIT_MAX, &out))
        return ERR_FULL;
    char validity[SMPP_TIME_LEN];
    smpp_relative_time(validity_of(smsc, msg), validity);
    struct smpp_message *message = &smsc->submit;
    message->destination = sms_address_of(msg->value);
    message->destination.ton = smsc->config->dest_ton;
    message->destination.npi = smsc->config->dest_npi;
    message->validity = span_of(validity, sizeof validity);
    message->text = msg_body(msg);
    message->tlvs = msg->part_count > 1 ? SMPP_HAS_MORE_MESSAGES : 0;
    message->more_messages = msg->part + 1 < msg->part_count;
    enum err err = smpp_session_submit(bind->session, message, (uint64_t)(uintptr_t)msg, &out,
                                       edge->core.now_ns);
    bind_commit(bind, &out);
    return err;
}

static bool send_some(struct smsc *smsc)
{
    bool any = false, held = false;
    for (uint32_t n = 0; n < MSG_BURST; n++) {
        struct msg *msg = queue_front(smsc);
        if (msg == NULL)
            break;
        if (msg->expiry_ms <= smsc->edge->core.wall_ms || msg->value == 0) {
            queue_pop(smsc);
            go_home_late(smsc, msg);
            any = true;
            continue;
        }
        struct smsc_bind *bind = smsc->draining ? NULL : choose_bind(smsc, msg);
        enum err err = bind == NULL ? ERR_FULL : submit(smsc, bind, msg);
        held = err == ERR_FULL || err == ERR_THROTTLED || err == ERR_UNEXPECTED;
        if (held)
            break;
        bool at_once = smsc->held_count == 0;
        queue_pop(smsc);
        any = true;
        if (err != ERR_OK) { /* a field that SMPP cannot carry */
            core_drop(&smsc->edge->core, STAGE_SEND, err);
            go_home(smsc, msg, ERR_REFUSED, 0, span_of(NULL, 0));
            continue;
        }
        if (at_once)
            smsc->sent_since_ns[smsc->sent_count++] = msg->stamp_ns;
        msg->validity_ms = smsc->edge->core.wall_ms + (uint64_t)validity_of(smsc, msg) * 1000;
        counter_add(&smsc->edge->counters.submits, 1);
    }
    if (held)
        smsc->held_count = smsc->queue_count;
    return any;
}

void downlink_gone(struct edge *edge)
{
    uint64_t now_ns = 0;
    for (uint32_t s = 0; s < edge->smsc_count; s++) {
        struct smsc *smsc = &edge->smscs[s];
        if (smsc->sent_count > 0 && now_ns == 0)
            now_ns = core_within_ns(&edge->core);
        for (uint32_t i = 0; i < smsc->sent_count; i++) {
            uint64_t since_ns = smsc->sent_since_ns[i];
            histogram_add(&edge->own_ns, now_ns > since_ns ? now_ns - since_ns : 0);
        }
        smsc->sent_count = 0;
    }
}

bool downlink_send(struct edge *edge)
{
    struct msg *msgs[MSG_BURST];
    bool any = false;
    for (uint32_t w = 0; w < edge->worker_count; w++) {
        uint32_t count = channel_receive(edge->from_worker[w], msgs, MSG_BURST);
        for (uint32_t i = 0; i < count; i++) {
            msgs[i]->client = w; /* whose it is, for the way home */
            queue_push_back(edge->smsc_of[msgs[i]->account], msgs[i]);
        }
        any |= count > 0;
    }
    for (uint32_t s = 0; s < edge->smsc_count; s++)
        any |= send_some(&edge->smscs[s]);
    return any;
}
