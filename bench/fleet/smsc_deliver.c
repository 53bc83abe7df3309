/* What an SMSC owes its ESMEs: deliver_sm of messages and receipts, each until it is answered. */
#include "bench/fleet/smsc.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_MS UINT64_C(1000000)
#define ESM_RECEIPT 0x04
#define RECEIPT_TEXT_CAP 160
#define BACKOFF_DOUBLINGS 5

enum { STATE_DELIVERED = 2, STATE_EXPIRED = 3, STATE_UNDELIVERABLE = 5 };

void smsc_deliver(struct smsc *smsc, struct parcel *parcel)
{
    parcel->kind = PARCEL_QUEUED;
    parcel_push(&smsc->account[parcel->account].queue, parcel);
}

void smsc_receipt(struct smsc *smsc, struct parcel *parcel, uint8_t state, uint64_t now_ns)
{
    unsigned asked = parcel->registered & 3; /* 01 always, 10 on failure */
    if (asked == 0 || asked == 3 || (asked == 2 && state == STATE_DELIVERED)) {
        transit_give(smsc->transit, parcel);
        return;
    }
    parcel->attempt = 0;
    parcel->message_state = state;
    parcel->esm_class = ESM_RECEIPT;
    parcel->validity_ns = now_ns; /* from here on: the done date */
    smsc->stats->receipts++;
    smsc_deliver(smsc, parcel);
}

static size_t receipt_text(const struct smsc *smsc, const struct parcel *parcel, struct span id,
                           char out[RECEIPT_TEXT_CAP])
{
    uint64_t epoch_s = smsc->config->epoch_s;
    char submitted[PDU_DATE_CAP];
    char done[PDU_DATE_CAP];
    pdu_date(epoch_s + parcel->submit_ns / 1000000000u, submitted);
    pdu_date(epoch_s + parcel->validity_ns / 1000000000u, done);
    const char *state = parcel->message_state == STATE_DELIVERED ? "DELIVRD"
                        : parcel->message_state == STATE_EXPIRED ? "EXPIRED"
                                                                 : "UNDELIV";
    int len = snprintf(
        out, RECEIPT_TEXT_CAP,
        "id:%.*s sub:001 dlvrd:%s submit date:%s done date:%s stat:%s err:%s text:", (int)id.len,
        (const char *)id.bytes, parcel->message_state == STATE_DELIVERED ? "001" : "000", submitted,
        done, state, parcel->message_state == STATE_DELIVERED ? "000" : "027");
    return (size_t)len;
}

static void write_receipt(struct smsc *smsc, const struct parcel *parcel,
                          struct pdu_message message, struct writer *w, uint32_t sequence)
{
    char id[SMSC_ID_CAP];
    char text[RECEIPT_TEXT_CAP];
    struct span named = smsc_message_id(parcel->message_id, id);
    if (smsc->config->receipt_id_decimal)
        named.len = (size_t)snprintf(id, sizeof id, "%" PRIu64, parcel->message_id);
    if (smsc->config->receipt != FLEET_RECEIPT_TLV)
        message.text = span_of(text, receipt_text(smsc, parcel, named, text));
    if (smsc->config->receipt != FLEET_RECEIPT_TEXT) {
        message.receipted_id = named;
        message.message_state = parcel->message_state;
    }
    if (parcel->ud_len > 0) {
        message.report_tag = (uint16_t)smsc->config->report_tag;
        message.report = span_of(parcel->ud, parcel->ud_len);
    }
    pdu_deliver_write(w, sequence, &message);
}

static void send(struct smsc *smsc, struct smsc_conn *conn, struct parcel *parcel, uint64_t now_ns)
{
    struct parcel **slot;
    do { /* a number whose slot an older, still open one holds is passed over */
        conn->sequence = conn->sequence % 0x7FFFFFFF + 1;
        slot = &conn->window[conn->sequence % COUNT(conn->window)];
    } while (*slot != NULL);
    char number[FLEET_MSISDN_CAP];
    fleet_msisdn(smsc->config->first + parcel->card, parcel->profile, number);
    struct pdu_message message = {
        .source = { 1, 1, span_text(number) },
        .destination = { parcel->esme_ton, parcel->esme_npi, span_text(parcel->esme) },
        .esm_class = parcel->esm_class,
    };
    struct writer w = smsc_out(conn);
    if (parcel->message_state != 0) {
        write_receipt(smsc, parcel, message, &w, conn->sequence);
    } else {
        message.protocol_id = parcel->pid;
        message.data_coding = parcel->dcs;
        message.text = span_of(parcel->ud, parcel->ud_len);
        pdu_deliver_write(&w, conn->sequence, &message);
    }
    smsc_out_commit(conn, &w);
    parcel->kind = PARCEL_OPEN;
    parcel->conn = (uint32_t)(conn - smsc->conn);
    parcel->sequence = conn->sequence;
    *slot = parcel;
    conn->open_count++;
    smsc->stats->delivers++;
    smsc->stats->deliver_repeated += parcel->attempt > 0;
    transit_send(smsc->transit, parcel, now_ns + smsc->config->deliver_timeout_ms * NS_PER_MS,
                 now_ns);
}

/* The next bind of the account with room in its window and its output; NULL when there is none. */
static struct smsc_conn *choose(struct smsc *smsc, uint32_t account)
{
    uint32_t window = smsc->config->deliver_window;
    for (uint32_t i = 0; i < SMSC_CONN_MAX; i++) {
        uint32_t at = (smsc->account[account].next_conn + i) % SMSC_CONN_MAX;
        struct smsc_conn *conn = &smsc->conn[at];
        if (!conn->open || conn->account != account || conn->wish != FLEET_CONN_KEEP ||
            (conn->bind != SMSC_BOUND_RX && conn->bind != SMSC_BOUND_TRX) ||
            conn->open_count >= window || !smsc_out_room(conn))
            continue;
        smsc->account[account].next_conn = at + 1;
        return conn;
    }
    return NULL;
}

void smsc_pump(struct smsc *smsc, uint64_t now_ns)
{
    for (uint32_t i = 0; i < FLEET_ACCOUNTS; i++) {
        struct parcel_queue *queue = &smsc->account[i].queue;
        while (queue->head != NULL) {
            struct smsc_conn *conn = choose(smsc, i);
            if (conn == NULL)
                break;
            send(smsc, conn, parcel_pop(queue), now_ns);
        }
    }
}

static void close_window(struct smsc *smsc, struct smsc_conn *conn, struct parcel *parcel)
{
    conn->window[parcel->sequence % COUNT(conn->window)] = NULL;
    conn->open_count--;
    wheel_disarm(&smsc->transit->wheel, &parcel->timer);
}

/* Again after a while, longer each time. */
static void retry(struct smsc *smsc, struct parcel *parcel, uint64_t now_ns)
{
    unsigned shift = parcel->attempt < BACKOFF_DOUBLINGS ? parcel->attempt : BACKOFF_DOUBLINGS;
    parcel->attempt = (uint8_t)(parcel->attempt + (parcel->attempt < UINT8_MAX));
    parcel->kind = PARCEL_FROM_CARD;
    transit_send(smsc->transit, parcel,
                 now_ns + ((uint64_t)smsc->config->deliver_retry_ms << shift) * NS_PER_MS, now_ns);
}

void smsc_deliver_answered(struct smsc *smsc, struct smsc_conn *conn, uint32_t sequence,
                           uint32_t status, uint64_t now_ns)
{
    struct parcel *parcel = conn->window[sequence % COUNT(conn->window)];
    if (parcel == NULL || parcel->sequence != sequence)
        return; /* answered after its time-out, or never sent */
    close_window(smsc, conn, parcel);
    if (status == ESME_ROK) {
        transit_give(smsc->transit, parcel);
    } else if (status == ESME_RX_T_APPN || status == ESME_RTHROTTLED || status == ESME_RMSGQFUL) {
        smsc->stats->deliver_refused++;
        retry(smsc, parcel, now_ns);
    } else {
        smsc->stats->deliver_dropped++;
        transit_give(smsc->transit, parcel);
    }
}

void smsc_deliver_timeout(struct smsc *smsc, struct parcel *parcel, uint64_t now_ns)
{
    close_window(smsc, &smsc->conn[parcel->conn], parcel);
    retry(smsc, parcel, now_ns);
}

void smsc_deliver_reclaim(struct smsc *smsc, struct smsc_conn *conn)
{
    for (uint32_t i = 0; i < COUNT(conn->window) && conn->open_count > 0; i++) {
        struct parcel *parcel = conn->window[i];
        if (parcel == NULL)
            continue;
        close_window(smsc, conn, parcel);
        parcel->attempt = (uint8_t)(parcel->attempt + (parcel->attempt < UINT8_MAX));
        smsc_deliver(smsc, parcel);
    }
}
