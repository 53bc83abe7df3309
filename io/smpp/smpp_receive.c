/* What a bind does with each PDU that comes in: requests of the SMSC answered or passed on, responses
 * matched to the requests they answer. */
#include "io/smpp/smpp_bind.h"
#include "io/smpp/smpp_status.h"
#include "io/smpp/smpp_text.h"

static void deliver_refuse(const struct smpp_header *header, uint32_t status,
                           struct counter *counter, struct writer *out)
{
    counter_add(counter, 1);
    smpp_session_answer_write(out, header->id, status, header->sequence);
}

/* deliver_sm and data_sm. The caller may answer from within its deliver(). */
static void deliver(struct smpp_session *session, const struct smpp_header *header, struct span in,
                    struct writer *out, uint64_t now_ns)
{
    struct smpp_session_counters *counters = &session->counters;
    if (session->state == SMPP_BINDING) {
        deliver_refuse(header, SMPP_RINVBNDSTS, &counters->unexpected, out);
        return;
    }
    struct smpp_pdu pdu;
    if (smpp_pdu_read(in, &pdu, NULL) != ERR_OK) {
        deliver_refuse(header, SMPP_RX_P_APPN, &counters->delivers_malformed, out);
        return;
    }
    bool data_sm = header->id == SMPP_DATA_SM;
    if (session->state == SMPP_UNBINDING ||
        (data_sm && session->data_open_count == SMPP_INBOUND_DATA_MAX)) {
        deliver_refuse(header, SMPP_RX_T_APPN, &counters->delivers_refused, out);
        return;
    }
    session->message_ns = now_ns;
    session->inbound_open++;
    if (data_sm)
        session->data_open[session->data_open_count++] = header->sequence;
    if (session->events->deliver(session->ctx, header->sequence, &pdu.message)) {
        counter_add(&counters->delivers, 1);
        return;
    }
    session->inbound_open--;
    if (data_sm)
        session->data_open_count--;
    deliver_refuse(header, SMPP_RX_T_APPN, &counters->delivers_refused, out);
}

static void request(struct smpp_session *session, const struct smpp_header *header, struct span in,
                    struct writer *out, uint64_t now_ns)
{
    switch (header->id) {
    case SMPP_ENQUIRE_LINK:
        counter_add(&session->counters.enquiries_answered, 1);
        smpp_header_write(out, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, header->sequence);
        break;
    case SMPP_DELIVER_SM:
    case SMPP_DATA_SM:
        deliver(session, header, in, out, now_ns);
        break;
    case SMPP_UNBIND:
        counter_add(&session->counters.unbinds, 1);
        smpp_header_write(out, SMPP_UNBIND | SMPP_RESP, 0, header->sequence);
        smpp_session_end(session, ERR_CLOSED, false);
        break;
    case SMPP_ALERT_NOTIFICATION:
    case SMPP_OUTBIND:
        counter_add(&session->counters.alerts, 1);
        break;
    default:
        counter_add(&session->counters.unknown_pdus, 1);
        smpp_header_write(out, SMPP_GENERIC_NACK, SMPP_RINVCMDID, header->sequence);
        break;
    }
}

static void answer_count(struct smpp_session_counters *counters, enum smpp_class class)
{
    struct counter *const by_class[SMPP_CLASSES] = {
        [SMPP_DONE] = &counters->submits_ok,
        [SMPP_RETRY] = &counters->submits_retry,
        [SMPP_THROTTLE] = &counters->submits_throttled,
        [SMPP_PERMANENT] = &counters->submits_permanent,
        [SMPP_REBIND] = &counters->submits_rebind,
        [SMPP_CONFIG] = &counters->submits_config,
        [SMPP_BUG] = &counters->submits_bug,
    };
    counter_add(by_class[class], 1);
}

/* An open submit has its answer. */
static void submit_answered(struct smpp_session *session, uint64_t cookie, uint32_t status,
                            struct span message_id, uint64_t now_ns)
{
    session->timeouts_in_row = 0;
    session->answered_since_enquiry = true;
    session->message_ns = now_ns;
    enum smpp_class class = smpp_status_class(status);
    answer_count(&session->counters, class);
    if (session->config.rate != NULL)
        smpp_rate_answer(session->config.rate, status, now_ns);
    session->events->submit_done(session->ctx, cookie, status, message_id, ERR_OK);
    if (class == SMPP_REBIND && session->state != SMPP_CLOSED) {
        session->refusal = status;
        smpp_session_end(session, ERR_REFUSED, false);
    }
}

/* submit_sm_resp. A good status with an unreadable id is still a good status: the SMSC has it. */
static void submit_resp(struct smpp_session *session, const struct smpp_header *header,
                        struct span in, uint64_t now_ns)
{
    uint64_t cookie;
    if (!smpp_window_take(&session->window, header->sequence, &cookie)) {
        counter_add(&session->counters.late_answers, 1);
        return;
    }
    struct span message_id = span_of(NULL, 0);
    struct reader body = reader_over(span_after(in, SMPP_HEADER_LEN));
    if (header->status == 0) {
        message_id = smpp_text_read(&body, 65);
        if (body.err != ERR_OK)
            counter_add(&session->counters.malformed, 1);
    }
    submit_answered(session, cookie, header->status, message_id, now_ns);
}

/* Credentials and settings do not mend themselves; the rest may. */
static bool is_config_fault(uint32_t status)
{
    enum smpp_class class = smpp_status_class(status);
    return class == SMPP_CONFIG || class == SMPP_BUG;
}

static void bind_answered(struct smpp_session *session, uint32_t status)
{
    if (status == 0) {
        session->state = SMPP_BOUND;
        counter_add(&session->counters.binds, 1);
        session->events->bound(session->ctx);
        return;
    }
    session->refusal = status;
    counter_add(&session->counters.binds_refused, 1);
    smpp_session_end(session, ERR_REFUSED, is_config_fault(status));
}

/* A nack answers whatever request has its number; without one, "invalid length" means that the peer has
 * lost our framing. */
static void nacked(struct smpp_session *session, const struct smpp_header *header, uint64_t now_ns)
{
    uint64_t cookie;
    uint32_t status = header->status != 0 ? header->status : SMPP_RINVCMDID;
    counter_add(&session->counters.nacks, 1);
    if (smpp_window_take(&session->window, header->sequence, &cookie)) {
        submit_answered(session, cookie, status, span_of(NULL, 0), now_ns);
    } else if (session->enquire_sequence != 0 && header->sequence == session->enquire_sequence) {
        session->enquire_sequence = 0; /* it does not know enquire_link, but it lives */
    } else if (session->state == SMPP_BINDING && header->sequence == session->control_sequence) {
        bind_answered(session, status);
    } else if (session->state == SMPP_UNBINDING && header->sequence == session->control_sequence) {
        smpp_session_end(session, ERR_OK, false);
    } else if (status == SMPP_RINVCMDLEN) {
        counter_add(&session->counters.ends_framing, 1);
        smpp_session_end(session, ERR_MALFORMED, false);
    } else {
        counter_add(&session->counters.late_answers, 1);
    }
}

static void response(struct smpp_session *session, const struct smpp_header *header, struct span in,
                     uint64_t now_ns)
{
    bool is_control = header->sequence == session->control_sequence;
    switch (header->id) {
    case SMPP_SUBMIT_SM | SMPP_RESP:
        submit_resp(session, header, in, now_ns);
        return;
    case SMPP_ENQUIRE_LINK | SMPP_RESP:
        if (session->enquire_sequence != 0 && header->sequence == session->enquire_sequence)
            session->enquire_sequence = 0;
        else
            counter_add(&session->counters.late_answers, 1);
        return;
    case SMPP_GENERIC_NACK:
        nacked(session, header, now_ns);
        return;
    case SMPP_BIND_TRANSCEIVER | SMPP_RESP:
        if (session->state == SMPP_BINDING && is_control) {
            bind_answered(session, header->status);
            return;
        }
        break;
    case SMPP_UNBIND | SMPP_RESP:
        if (session->state == SMPP_UNBINDING && is_control) {
            smpp_session_end(session, ERR_OK, false);
            return;
        }
        break;
    default:
        break;
    }
    counter_add(&session->counters.unexpected, 1);
}

static void pdu_take(struct smpp_session *session, const struct smpp_header *header, struct span in,
                     struct writer *out, uint64_t now_ns)
{
    session->inbound_ns = now_ns;
    if ((header->id & SMPP_RESP) != 0)
        response(session, header, in, now_ns);
    else
        request(session, header, in, out, now_ns);
    smpp_session_drained(session, out, now_ns);
}

/* Nothing after a wrong length can be trusted (SMPP 3.4 §5.1.1). */
static void framing_lost(struct smpp_session *session)
{
    counter_add(&session->counters.ends_framing, 1);
    smpp_session_end(session, ERR_MALFORMED, false);
}

/* Moves up to `wanted` octets in all behind the partial PDU; true when they are there. */
static bool partial_fill(struct smpp_session *session, struct reader *r, size_t wanted)
{
    ASSERT(session->partial_len <= wanted && wanted <= sizeof session->partial);
    struct writer w = writer_over(session->partial + session->partial_len,
                                  sizeof session->partial - session->partial_len);
    size_t missing = wanted - session->partial_len;
    size_t len = missing < reader_left(r) ? missing : reader_left(r);
    writer_bytes(&w, reader_bytes(r, len));
    session->partial_len += len;
    return len == missing;
}

/* One PDU, whole in `r` or completed with what was kept; false when there is no whole one. */
static bool pdu_next(struct smpp_session *session, struct reader *r, struct smpp_header *header,
                     struct span *pdu)
{
    if (session->partial_len == 0) {
        struct span rest = span_of(r->at, reader_left(r));
        enum err err = smpp_header_read(rest, header);
        if (err == ERR_LENGTH) {
            framing_lost(session);
            return false;
        }
        if (err == ERR_OK && header->length <= rest.len) {
            *pdu = reader_bytes(r, header->length);
            return true;
        }
    }
    if (session->partial_len < SMPP_HEADER_LEN && !partial_fill(session, r, SMPP_HEADER_LEN))
        return false;
    if (smpp_header_read(span_of(session->partial, session->partial_len), header) != ERR_OK) {
        framing_lost(session);
        return false;
    }
    if (!partial_fill(session, r, header->length))
        return false;
    *pdu = span_of(session->partial, header->length);
    session->partial_len = 0;
    return true;
}

size_t smpp_session_senders(const struct smpp_session *session, struct span in, uint64_t *msisdns,
                            size_t cap)
{
    struct smpp_header header;
    if (session->partial_len > 0) { /* its rest comes first */
        if (smpp_header_read(span_of(session->partial, session->partial_len), &header) != ERR_OK)
            return 0;
        in = span_after(in, header.length - session->partial_len);
    }
    size_t count = 0;
    while (count < cap && smpp_header_read(in, &header) == ERR_OK) {
        struct reader r = reader_over(span_after(in, SMPP_HEADER_LEN));
        struct sms_address source;
        if (header.id == SMPP_DELIVER_SM) {
            (void)smpp_text_read(&r, 6);
            smpp_address_read(&r, SMS_DIGITS_MAX + 1, &source);
            if (r.err == ERR_OK)
                msisdns[count++] = sms_msisdn(&source);
        }
        in = span_after(in, header.length);
    }
    return count;
}

size_t smpp_session_input(struct smpp_session *session, struct span in, struct writer *out,
                          uint64_t now_ns)
{
    struct reader r = reader_over(in);
    while (session->state != SMPP_CLOSED && reader_more(&r) &&
           writer_room(out) >= SMPP_ANSWER_ROOM) {
        struct smpp_header header;
        struct span pdu;
        if (pdu_next(session, &r, &header, &pdu))
            pdu_take(session, &header, pdu, out, now_ns);
    }
    return in.len - reader_left(&r);
}
