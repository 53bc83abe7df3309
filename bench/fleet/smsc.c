/* ESME connections: framing, binds, submit_sm and what an SMSC may answer to it. */
#include "bench/fleet/smsc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_PER_MS UINT64_C(1000000)
#define UD_MAX 140u

bool fleet_chance(struct prng *prng, uint32_t per_mille)
{
    return per_mille > 0 && prng_below(prng, 1000) < per_mille;
}

struct span smsc_message_id(uint64_t id, char out[SMSC_ID_CAP])
{
    int len = snprintf(out, SMSC_ID_CAP, "%08" PRIx64, id);
    return span_of(out, (size_t)len);
}

uint32_t smsc_conn_open(struct smsc *smsc, uint64_t now_ns)
{
    for (uint32_t i = 0; i < SMSC_CONN_MAX; i++) {
        struct smsc_conn *conn = &smsc->conn[i];
        if (conn->open)
            continue;
        if (conn->in == NULL)
            conn->in = malloc(SMSC_IN_CAP);
        if (conn->out == NULL)
            conn->out = malloc(SMSC_OUT_CAP);
        if (conn->in == NULL || conn->out == NULL)
            return FLEET_CONN_NONE;
        conn->open = true;
        conn->bind = SMSC_UNBOUND;
        conn->wish = FLEET_CONN_KEEP;
        conn->generation++;
        conn->submit_count = 0;
        conn->sequence = 0;
        conn->heard_ns = now_ns;
        conn->in_len = conn->out_at = conn->out_len = 0;
        if (smsc->config->enquire_ms > 0) {
            conn->enquire.kind = TRANSIT_CONN;
            wheel_arm(&smsc->transit->wheel, &conn->enquire,
                      now_ns + smsc->config->enquire_ms * NS_PER_MS);
        }
        return i;
    }
    return FLEET_CONN_NONE;
}

struct writer smsc_out(struct smsc_conn *conn)
{
    if (conn->out_at + conn->out_len + PDU_MAX > SMSC_OUT_CAP) {
        memmove(conn->out, conn->out + conn->out_at, conn->out_len);
        conn->out_at = 0;
    }
    size_t used = conn->out_at + conn->out_len;
    return writer_over(conn->out + used, SMSC_OUT_CAP - used);
}

void smsc_out_commit(struct smsc_conn *conn, const struct writer *w)
{
    if (w->err == ERR_OK)
        conn->out_len += writer_len(w);
}

void smsc_conn_sent(struct smsc *smsc, uint32_t index, size_t len)
{
    struct smsc_conn *conn = &smsc->conn[index];
    ASSERT(len <= conn->out_len);
    conn->out_at += len;
    conn->out_len -= len;
    if (conn->out_len == 0)
        conn->out_at = 0;
}

void smsc_conn_closed(struct smsc *smsc, uint32_t index)
{
    struct smsc_conn *conn = &smsc->conn[index];
    if (!conn->open)
        return;
    conn->open = false;
    conn->bind = SMSC_UNBOUND;
    wheel_disarm(&smsc->transit->wheel, &conn->enquire);
    smsc_deliver_reclaim(smsc, conn);
}

void smsc_enquire(struct smsc *smsc, struct smsc_conn *conn, uint64_t now_ns)
{
    uint64_t period_ns = smsc->config->enquire_ms * NS_PER_MS;
    if (now_ns - conn->heard_ns >= period_ns && conn->bind != SMSC_UNBOUND && smsc_out_room(conn)) {
        struct writer w = smsc_out(conn);
        conn->sequence = conn->sequence % 0x7FFFFFFF + 1;
        pdu_header_write(&w, PDU_ENQUIRE_LINK, 0, conn->sequence);
        smsc_out_commit(conn, &w);
    }
    wheel_arm(&smsc->transit->wheel, &conn->enquire, now_ns + period_ns);
}

static void respond(struct smsc_conn *conn, uint32_t id, uint32_t status, uint32_t sequence)
{
    struct writer w = smsc_out(conn);
    pdu_header_write(&w, id, status, sequence);
    smsc_out_commit(conn, &w);
}

static bool text_is(struct span text, const char *wanted)
{
    return span_equal(text, span_text(wanted));
}

/* Status of a bind; on ROK the account is the connection's. */
static uint32_t bind_status(struct smsc *smsc, struct smsc_conn *conn, struct span body)
{
    struct pdu_bind bind;
    if (pdu_bind_read(body, &bind) != ERR_OK)
        return ESME_RINVCMDLEN;
    if (conn->bind != SMSC_UNBOUND)
        return ESME_RALYBND;
    for (uint32_t i = 0; i < FLEET_ACCOUNTS; i++) {
        const struct fleet_account *account = &smsc->config->account[i];
        if (account->system_id[0] == '\0' || !text_is(bind.system_id, account->system_id))
            continue;
        if (!text_is(bind.password, account->password))
            return ESME_RINVPASWD;
        uint32_t bound = 0;
        for (uint32_t j = 0; j < SMSC_CONN_MAX; j++)
            bound += smsc->conn[j].open && smsc->conn[j].bind != SMSC_UNBOUND &&
                     smsc->conn[j].account == i;
        if (account->bind_max > 0 && bound >= account->bind_max)
            return ESME_RBINDFAIL;
        conn->account = i;
        return ESME_ROK;
    }
    return ESME_RINVSYSID;
}

static void on_bind(struct smsc *smsc, struct smsc_conn *conn, const struct pdu_header *header,
                    struct span body)
{
    uint32_t status = bind_status(smsc, conn, body);
    struct writer w = smsc_out(conn);
    pdu_bind_resp_write(&w, header->id, status, header->sequence);
    smsc_out_commit(conn, &w);
    if (status != ESME_ROK) {
        smsc->stats->binds_refused++;
        return;
    }
    conn->bind = header->id == PDU_BIND_TRANSMITTER ? SMSC_BOUND_TX
                 : header->id == PDU_BIND_RECEIVER  ? SMSC_BOUND_RX
                                                    : SMSC_BOUND_TRX;
    smsc->stats->binds++;
}

static bool throttled(struct smsc *smsc, uint32_t index, uint64_t now_ns)
{
    const struct fleet_account *config = &smsc->config->account[index];
    struct smsc_account *account = &smsc->account[index];
    account->submit_count++;
    if (config->throttle_every > 0 && account->submit_count % config->throttle_every == 0)
        return true;
    if (config->rate == 0)
        return false;
    if (account->rate_second != now_ns / 1000000000u) { /* fixed windows, as many SMSCs count */
        account->rate_second = now_ns / 1000000000u;
        account->rate_count = 0;
    }
    return account->rate_count++ >= config->rate;
}

/* What the SMSC says to a submit_sm before it is a message. */
static uint32_t submit_status(struct smsc *smsc, struct smsc_conn *conn, struct span body,
                              struct pdu_message *message, uint64_t *validity_ns, uint64_t now_ns)
{
    const struct fleet_config *config = smsc->config;
    if (conn->bind != SMSC_BOUND_TX && conn->bind != SMSC_BOUND_TRX)
        return ESME_RINVBNDSTS;
    if (pdu_submit_read(body, message) != ERR_OK ||
        pdu_validity_read(message->validity, config->epoch_s + now_ns / 1000000000u, validity_ns) !=
            ERR_OK) {
        smsc->stats->protocol_errors++;
        return ESME_RINVCMDLEN;
    }
    if (message->text.len > UD_MAX || message->source.digits.len >= PARCEL_ADDRESS_CAP)
        return ESME_RINVMSGLEN;
    if (throttled(smsc, conn->account, now_ns))
        return ESME_RTHROTTLED;
    if (fleet_chance(smsc->prng, config->queue_full_per_mille))
        return ESME_RMSGQFUL;
    if (fleet_chance(smsc->prng, config->system_error_per_mille))
        return ESME_RSYSERR;
    if (fleet_chance(smsc->prng, config->refuse_per_mille))
        return ESME_RINVDSTADR;
    return ESME_ROK;
}

static struct parcel *accept_message(struct smsc *smsc, struct smsc_conn *conn,
                                     const struct pdu_message *message, uint64_t validity_ns,
                                     uint64_t now_ns)
{
    struct parcel *parcel = transit_take(smsc->transit);
    if (parcel == NULL)
        return NULL;
    parcel->kind = PARCEL_TO_CARD;
    parcel->message_id = ++smsc->message_id;
    parcel->submit_ns = now_ns;
    parcel->validity_ns = now_ns + validity_ns;
    parcel->account = (uint8_t)conn->account;
    parcel->registered = message->registered_delivery;
    parcel->udhi = (message->esm_class & 0x40) != 0;
    parcel->pid = message->protocol_id;
    parcel->dcs = message->data_coding;
    parcel->esme_ton = message->source.ton;
    parcel->esme_npi = message->source.npi;
    parcel->ud_len = (uint8_t)message->text.len;
    struct writer ud = writer_over(parcel->ud, sizeof parcel->ud);
    writer_bytes(&ud, message->text);
    struct writer esme = writer_over(parcel->esme, sizeof parcel->esme - 1);
    writer_bytes(&esme, message->source.digits);
    ASSERT(ud.err == ERR_OK && esme.err == ERR_OK);
    return parcel;
}

/* Answers a submit_sm now, later, or never. */
static void submit_answer(struct smsc *smsc, struct smsc_conn *conn, uint32_t sequence,
                          uint32_t status, uint64_t message_id, uint64_t now_ns)
{
    const struct fleet_config *config = smsc->config;
    if (status == ESME_ROK && fleet_chance(smsc->prng, config->lose_response_per_mille))
        return;
    uint64_t delay_ms = fleet_chance(smsc->prng, config->late_response_per_mille)
                            ? config->late_response_ms
                            : config->response_delay_ms;
    struct parcel *late = delay_ms > 0 ? transit_take(smsc->transit) : NULL;
    if (late != NULL) {
        late->kind = PARCEL_RESPONSE;
        late->conn = (uint32_t)(conn - smsc->conn);
        late->generation = conn->generation;
        late->sequence = sequence;
        late->status = status;
        late->message_id = message_id;
        transit_send(smsc->transit, late, now_ns + delay_ms * NS_PER_MS, now_ns);
        return;
    }
    if (status != ESME_ROK) {
        respond(conn, PDU_SUBMIT_SM | PDU_RESP, status, sequence);
        return;
    }
    char id[SMSC_ID_CAP];
    struct writer w = smsc_out(conn);
    pdu_submit_resp_write(&w, sequence, smsc_message_id(message_id, id));
    smsc_out_commit(conn, &w);
}

void smsc_respond_late(struct smsc *smsc, struct parcel *parcel)
{
    struct smsc_conn *conn = &smsc->conn[parcel->conn];
    if (conn->open && conn->generation == parcel->generation && smsc_out_room(conn)) {
        char id[SMSC_ID_CAP];
        struct writer w = smsc_out(conn);
        if (parcel->status != ESME_ROK)
            pdu_header_write(&w, PDU_SUBMIT_SM | PDU_RESP, parcel->status, parcel->sequence);
        else
            pdu_submit_resp_write(&w, parcel->sequence, smsc_message_id(parcel->message_id, id));
        smsc_out_commit(conn, &w);
    }
    transit_give(smsc->transit, parcel);
}

static void on_submit(struct smsc *smsc, struct smsc_conn *conn, const struct pdu_header *header,
                      struct span body, uint64_t now_ns)
{
    struct pdu_message message;
    uint64_t validity_ns = 0;
    uint32_t status = submit_status(smsc, conn, body, &message, &validity_ns, now_ns);
    conn->submit_count++;
    uint32_t drop_after = smsc->config->drop_connection_after;
    if (drop_after > 0 && conn->submit_count >= drop_after) {
        conn->wish = FLEET_CONN_DROP;
        smsc->stats->connections_dropped++;
        if (fleet_chance(smsc->prng, 500))
            return; /* never taken; otherwise taken and never answered */
    }
    struct parcel *parcel = NULL;
    if (status == ESME_ROK) {
        parcel = accept_message(smsc, conn, &message, validity_ns, now_ns);
        status = parcel != NULL ? ESME_ROK : ESME_RMSGQFUL;
    }
    if (status == ESME_RTHROTTLED)
        smsc->stats->throttled++;
    else if (status != ESME_ROK)
        smsc->stats->refused++;
    else
        smsc->stats->submits++;
    submit_answer(smsc, conn, header->sequence, status, parcel != NULL ? parcel->message_id : 0,
                  now_ns);
    if (parcel != NULL)
        smsc->route(smsc->context, parcel, message.destination.digits, now_ns);
}

static void on_pdu(struct smsc *smsc, struct smsc_conn *conn, const struct pdu_header *header,
                   struct span body, uint64_t now_ns)
{
    switch (header->id) {
    case PDU_BIND_RECEIVER:
    case PDU_BIND_TRANSMITTER:
    case PDU_BIND_TRANSCEIVER:
        on_bind(smsc, conn, header, body);
        break;
    case PDU_SUBMIT_SM:
        on_submit(smsc, conn, header, body, now_ns);
        break;
    case PDU_ENQUIRE_LINK:
        respond(conn, PDU_ENQUIRE_LINK | PDU_RESP, ESME_ROK, header->sequence);
        break;
    case PDU_UNBIND:
        respond(conn, PDU_UNBIND | PDU_RESP, ESME_ROK, header->sequence);
        conn->bind = SMSC_UNBOUND;
        conn->wish = FLEET_CONN_CLOSE;
        break;
    case PDU_DELIVER_SM | PDU_RESP:
    case PDU_RESP: /* generic_nack */
        smsc_deliver_answered(smsc, conn, header->sequence, header->status, now_ns);
        break;
    case PDU_ENQUIRE_LINK | PDU_RESP:
    case PDU_UNBIND | PDU_RESP:
        break;
    default:
        smsc->stats->protocol_errors++;
        if ((header->id & PDU_RESP) == 0)
            respond(conn, PDU_RESP, ESME_RINVCMDID, header->sequence);
        break;
    }
}

/* Whole PDUs at the front of the input buffer, as long as there is room to answer. */
static void take_pdus(struct smsc *smsc, struct smsc_conn *conn, uint64_t now_ns)
{
    size_t at = 0;
    while (conn->wish == FLEET_CONN_KEEP && smsc_out_room(conn)) {
        struct span rest = span_of(conn->in + at, conn->in_len - at);
        struct pdu_header header;
        if (rest.len < PDU_HEADER_LEN)
            break;
        if (pdu_header_read(rest, &header) != ERR_OK) { /* cannot be resynchronised */
            smsc->stats->protocol_errors++;
            respond(conn, PDU_RESP, ESME_RINVCMDLEN, 0);
            conn->wish = FLEET_CONN_CLOSE;
            break;
        }
        if (rest.len < header.length)
            break;
        on_pdu(smsc, conn, &header,
               span_of(rest.bytes + PDU_HEADER_LEN, header.length - PDU_HEADER_LEN), now_ns);
        at += header.length;
    }
    conn->in_len -= at;
    memmove(conn->in, conn->in + at, conn->in_len);
}

size_t smsc_conn_input(struct smsc *smsc, uint32_t index, struct span bytes, uint64_t now_ns)
{
    struct smsc_conn *conn = &smsc->conn[index];
    ASSERT(conn->open);
    size_t taken = 0;
    conn->heard_ns = now_ns;
    do {
        size_t part = SMSC_IN_CAP - conn->in_len;
        part = part < bytes.len - taken ? part : bytes.len - taken;
        if (part > 0)
            memcpy(conn->in + conn->in_len, bytes.bytes + taken, part);
        conn->in_len += part;
        taken += part;
        take_pdus(smsc, conn, now_ns);
    } while (taken < bytes.len && conn->in_len < SMSC_IN_CAP && conn->wish == FLEET_CONN_KEEP &&
             smsc_out_room(conn));
    return conn->wish == FLEET_CONN_KEEP ? taken : bytes.len;
}

void smsc_resume(struct smsc *smsc, uint64_t now_ns)
{
    for (uint32_t i = 0; i < SMSC_CONN_MAX; i++)
        if (smsc->conn[i].open && smsc->conn[i].in_len >= PDU_HEADER_LEN)
            take_pdus(smsc, &smsc->conn[i], now_ns);
}
