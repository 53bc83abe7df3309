/* Every PDU by its command_id: the bodies beside the messages', and which body belongs to which. */
#include "io/smpp/smpp_text.h"

#define TAG_SC_INTERFACE_VERSION 0x0210
#define TAG_MS_AVAILABILITY 0x0422
#define PASSWORD_CAP 17 /* C9 by the standard; some SMSCs take more */

enum body {
    BODY_UNKNOWN,
    BODY_NONE,
    BODY_BIND,
    BODY_BIND_RESP,
    BODY_OUTBIND,
    BODY_MESSAGE,
    BODY_MESSAGE_ID,
    BODY_QUERY,
    BODY_QUERY_RESP,
    BODY_CANCEL,
    BODY_REPLACE,
    BODY_ALERT,
};

static const struct kind {
    uint32_t id;
    const char *name;
    enum body body;
} kinds[] = {
    { SMPP_SUBMIT_SM, "submit_sm", BODY_MESSAGE },
    { SMPP_SUBMIT_SM | SMPP_RESP, "submit_sm_resp", BODY_MESSAGE_ID },
    { SMPP_DELIVER_SM, "deliver_sm", BODY_MESSAGE },
    { SMPP_DELIVER_SM | SMPP_RESP, "deliver_sm_resp", BODY_MESSAGE_ID },
    { SMPP_DATA_SM, "data_sm", BODY_MESSAGE },
    { SMPP_DATA_SM | SMPP_RESP, "data_sm_resp", BODY_MESSAGE_ID },
    { SMPP_ENQUIRE_LINK, "enquire_link", BODY_NONE },
    { SMPP_ENQUIRE_LINK | SMPP_RESP, "enquire_link_resp", BODY_NONE },
    { SMPP_GENERIC_NACK, "generic_nack", BODY_NONE },
    { SMPP_UNBIND, "unbind", BODY_NONE },
    { SMPP_UNBIND | SMPP_RESP, "unbind_resp", BODY_NONE },
    { SMPP_BIND_RECEIVER, "bind_receiver", BODY_BIND },
    { SMPP_BIND_RECEIVER | SMPP_RESP, "bind_receiver_resp", BODY_BIND_RESP },
    { SMPP_BIND_TRANSMITTER, "bind_transmitter", BODY_BIND },
    { SMPP_BIND_TRANSMITTER | SMPP_RESP, "bind_transmitter_resp", BODY_BIND_RESP },
    { SMPP_BIND_TRANSCEIVER, "bind_transceiver", BODY_BIND },
    { SMPP_BIND_TRANSCEIVER | SMPP_RESP, "bind_transceiver_resp", BODY_BIND_RESP },
    { SMPP_OUTBIND, "outbind", BODY_OUTBIND },
    { SMPP_QUERY_SM, "query_sm", BODY_QUERY },
    { SMPP_QUERY_SM | SMPP_RESP, "query_sm_resp", BODY_QUERY_RESP },
    { SMPP_CANCEL_SM, "cancel_sm", BODY_CANCEL },
    { SMPP_CANCEL_SM | SMPP_RESP, "cancel_sm_resp", BODY_NONE },
    { SMPP_REPLACE_SM, "replace_sm", BODY_REPLACE },
    { SMPP_REPLACE_SM | SMPP_RESP, "replace_sm_resp", BODY_NONE },
    { SMPP_ALERT_NOTIFICATION, "alert_notification", BODY_ALERT },
    { SMPP_SUBMIT_MULTI, "submit_multi", BODY_UNKNOWN },
    { SMPP_SUBMIT_MULTI | SMPP_RESP, "submit_multi_resp", BODY_UNKNOWN },
};

static const struct kind *kind_of(uint32_t id)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (kinds[i].id == id)
            return &kinds[i];
    }
    return NULL;
}

const char *smpp_id_name(uint32_t id)
{
    const struct kind *kind = kind_of(id);
    return kind != NULL ? kind->name : NULL;
}

/* The one-octet TLV `tag` among whatever else follows; false when it is not there. */
static bool tlv_u8_find(struct reader *r, uint16_t tag, uint8_t *out)
{
    bool found = false;
    while (reader_more(r)) {
        uint16_t at = reader_u16(r);
        uint16_t len = reader_u16(r);
        struct reader value = reader_sub(r, len);
        if (r->err != ERR_OK || at != tag)
            continue;
        *out = reader_u8(&value);
        found = true;
        if (reader_end(&value) != ERR_OK) {
            r->at = value.at;
            reader_fail(r, ERR_MALFORMED);
        }
    }
    return found;
}

static void tlvs_skip(struct reader *r)
{
    while (reader_more(r)) {
        reader_u16(r);
        reader_bytes(r, reader_u16(r));
    }
}

static void tlv_u8_write(struct writer *w, bool present, uint16_t tag, uint8_t value)
{
    if (!present)
        return;
    writer_u16(w, tag);
    writer_u16(w, 1);
    writer_u8(w, value);
}

static void bind_read(struct reader *r, struct smpp_bind *out)
{
    out->system_id = smpp_text_read(r, 16);
    out->password = smpp_text_read(r, PASSWORD_CAP);
    out->system_type = smpp_text_read(r, 13);
    out->interface_version = reader_u8(r);
    out->addr_ton = reader_u8(r);
    out->addr_npi = reader_u8(r);
    out->address_range = smpp_text_read(r, 41);
    tlvs_skip(r);
}

static void bind_write(struct writer *w, const struct smpp_bind *bind)
{
    smpp_text_write(w, bind->system_id, 16);
    smpp_text_write(w, bind->password, PASSWORD_CAP);
    smpp_text_write(w, bind->system_type, 13);
    writer_u8(w, bind->interface_version);
    writer_u8(w, bind->addr_ton);
    writer_u8(w, bind->addr_npi);
    smpp_text_write(w, bind->address_range, 41);
}

static void cancel_read(struct reader *r, struct smpp_cancel *out)
{
    out->service_type = smpp_text_read(r, 6);
    out->message_id = smpp_text_read(r, 65);
    smpp_address_read(r, SMS_DIGITS_MAX + 1, &out->source);
    smpp_address_read(r, SMS_DIGITS_MAX + 1, &out->destination);
}

static void replace_read(struct reader *r, struct smpp_replace *out)
{
    out->message_id = smpp_text_read(r, 65);
    smpp_address_read(r, SMS_DIGITS_MAX + 1, &out->source);
    out->schedule = smpp_time_read(r);
    out->validity = smpp_time_read(r);
    out->registered_delivery = reader_u8(r);
    out->sm_default_msg_id = reader_u8(r);
    uint8_t len = reader_u8(r);
    if (len > SMPP_SHORT_MESSAGE_MAX)
        reader_fail(r, ERR_RANGE);
    out->text = reader_bytes(r, len);
}

static void replace_write(struct writer *w, const struct smpp_replace *replace)
{
    smpp_text_write(w, replace->message_id, 65);
    smpp_address_write(w, &replace->source);
    smpp_time_write(w, replace->schedule);
    smpp_time_write(w, replace->validity);
    writer_u8(w, replace->registered_delivery);
    writer_u8(w, replace->sm_default_msg_id);
    if (replace->text.len > SMPP_SHORT_MESSAGE_MAX)
        writer_fail(w, ERR_RANGE);
    writer_uint(w, replace->text.len, 1);
    writer_bytes(w, replace->text);
}

static void alert_read(struct reader *r, struct smpp_alert *out)
{
    smpp_address_read(r, 65, &out->source);
    smpp_address_read(r, 65, &out->esme);
    out->has_availability = tlv_u8_find(r, TAG_MS_AVAILABILITY, &out->availability);
}

static void query_resp_read(struct reader *r, struct smpp_query_resp *out)
{
    out->message_id = smpp_text_read(r, 65);
    out->final_date = smpp_time_read(r);
    out->message_state = reader_u8(r);
    out->error_code = reader_u8(r);
}

static void body_read(struct reader *r, enum body body, struct smpp_pdu *out)
{
    switch (body) {
    case BODY_NONE:
        break;
    case BODY_BIND:
        bind_read(r, &out->bind);
        break;
    case BODY_BIND_RESP:
        out->bind_resp.system_id = smpp_text_read(r, 16);
        out->bind_resp.has_version =
            tlv_u8_find(r, TAG_SC_INTERFACE_VERSION, &out->bind_resp.version);
        break;
    case BODY_OUTBIND:
        out->bind.system_id = smpp_text_read(r, 16);
        out->bind.password = smpp_text_read(r, PASSWORD_CAP);
        break;
    case BODY_MESSAGE:
        smpp_message_read(r, out->header.id == SMPP_DATA_SM, &out->message);
        break;
    case BODY_MESSAGE_ID:
        out->message_id = smpp_text_read(r, 65);
        tlvs_skip(r);
        break;
    case BODY_QUERY:
        out->query.message_id = smpp_text_read(r, 65);
        smpp_address_read(r, SMS_DIGITS_MAX + 1, &out->query.source);
        break;
    case BODY_QUERY_RESP:
        query_resp_read(r, &out->query_resp);
        break;
    case BODY_CANCEL:
        cancel_read(r, &out->cancel);
        break;
    case BODY_REPLACE:
        replace_read(r, &out->replace);
        break;
    case BODY_ALERT:
        alert_read(r, &out->alert);
        break;
    case BODY_UNKNOWN:
        reader_fail(r, ERR_UNSUPPORTED);
        break;
    }
}

/* Responses with an error status may end after the header; so do many deliver_sm_resp. */
static bool may_lack_body(const struct smpp_header *header)
{
    return (header->id & SMPP_RESP) != 0 &&
           (header->status != 0 || header->id == (SMPP_DELIVER_SM | SMPP_RESP));
}

enum err smpp_pdu_read(struct span in, struct smpp_pdu *out, size_t *at)
{
    struct reader r = reader_over(in);
    *out = (struct smpp_pdu){ .header = { 0 } };
    enum err err = smpp_header_read(in, &out->header);
    if (err != ERR_OK) {
        if (at != NULL)
            *at = err == ERR_SHORT ? in.len : 0;
        return err;
    }
    reader_bytes(&r, SMPP_HEADER_LEN);
    if (out->header.length > in.len)
        reader_fail(&r, ERR_SHORT);
    struct reader body = reader_sub(&r, out->header.length - SMPP_HEADER_LEN);
    const struct kind *kind = kind_of(out->header.id);
    enum body shape = kind != NULL ? kind->body : BODY_UNKNOWN;
    bool bodiless = body.err == ERR_OK && !reader_more(&body) && may_lack_body(&out->header);
    if (!bodiless || shape == BODY_UNKNOWN)
        body_read(&body, shape, out);
    err = reader_end(&body);
    bool is_body = err != ERR_OK && body.at != NULL;
    if (at != NULL)
        *at = (size_t)((is_body ? body.at : r.at) - in.bytes);
    return err != ERR_OK ? err : reader_end(&r);
}

static void body_write(struct writer *w, enum body body, const struct smpp_pdu *pdu)
{
    switch (body) {
    case BODY_NONE:
        break;
    case BODY_BIND:
        bind_write(w, &pdu->bind);
        break;
    case BODY_BIND_RESP:
        smpp_text_write(w, pdu->bind_resp.system_id, 16);
        tlv_u8_write(w, pdu->bind_resp.has_version, TAG_SC_INTERFACE_VERSION,
                     pdu->bind_resp.version);
        break;
    case BODY_OUTBIND:
        smpp_text_write(w, pdu->bind.system_id, 16);
        smpp_text_write(w, pdu->bind.password, PASSWORD_CAP);
        break;
    case BODY_MESSAGE_ID:
        smpp_text_write(w, pdu->message_id, 65);
        break;
    case BODY_QUERY:
        smpp_text_write(w, pdu->query.message_id, 65);
        smpp_address_write(w, &pdu->query.source);
        break;
    case BODY_QUERY_RESP:
        smpp_text_write(w, pdu->query_resp.message_id, 65);
        smpp_time_write(w, pdu->query_resp.final_date);
        writer_u8(w, pdu->query_resp.message_state);
        writer_u8(w, pdu->query_resp.error_code);
        break;
    case BODY_CANCEL:
        smpp_text_write(w, pdu->cancel.service_type, 6);
        smpp_text_write(w, pdu->cancel.message_id, 65);
        smpp_address_write(w, &pdu->cancel.source);
        smpp_address_write(w, &pdu->cancel.destination);
        break;
    case BODY_REPLACE:
        replace_write(w, &pdu->replace);
        break;
    case BODY_ALERT:
        smpp_address_write(w, &pdu->alert.source);
        smpp_address_write(w, &pdu->alert.esme);
        tlv_u8_write(w, pdu->alert.has_availability, TAG_MS_AVAILABILITY, pdu->alert.availability);
        break;
    case BODY_MESSAGE: /* smpp_message_write */
    case BODY_UNKNOWN:
        writer_fail(w, ERR_UNSUPPORTED);
        break;
    }
}

void smpp_pdu_write(struct writer *out, const struct smpp_pdu *pdu)
{
    const struct smpp_header *header = &pdu->header;
    const struct kind *kind = kind_of(header->id);
    enum body body = kind != NULL ? kind->body : BODY_UNKNOWN;
    if (body == BODY_MESSAGE) {
        smpp_message_write(out, header->id, header->sequence, &pdu->message);
        return;
    }
    size_t mark = writer_mark(out);
    writer_u32(out, 0);
    writer_u32(out, header->id);
    writer_u32(out, header->status);
    writer_u32(out, header->sequence);
    if ((header->id & SMPP_RESP) == 0 || header->status == 0 || body == BODY_UNKNOWN)
        body_write(out, body, pdu);
    writer_patch(out, mark, writer_len(out) - mark, 4);
}
