/* SMPP header, message bodies (submit_sm, deliver_sm, data_sm) and their TLVs. On the path of every
 * short message, both ways. The other bodies are in smpp_pdu.c. */
#include "io/smpp/smpp_wire.h"

#include "io/smpp/smpp_text.h"

#define MESSAGE_ID_MAX 64u
#define MINUTE_S 60u
#define HOUR_S 3600u
#define DAY_S 86400u

enum tag { /* §5.3.2 */
           TAG_DEST_SUBUNIT = 0x0005,
           TAG_QOS_TTL = 0x0017,
           TAG_RECEIPTED_ID = 0x001E,
           TAG_USER_MESSAGE_REFERENCE = 0x0204,
           TAG_SOURCE_PORT = 0x020A,
           TAG_DESTINATION_PORT = 0x020B,
           TAG_SAR_REF = 0x020C,
           TAG_SAR_TOTAL = 0x020E,
           TAG_SAR_INDEX = 0x020F,
           TAG_NETWORK_ERROR = 0x0423,
           TAG_PAYLOAD = 0x0424,
           TAG_MORE_MESSAGES = 0x0426,
           TAG_MESSAGE_STATE = 0x0427,
};

enum err smpp_header_read(struct span in, struct smpp_header *out)
{
    struct reader r = reader_over(in);
    out->length = reader_u32(&r);
    out->id = reader_u32(&r);
    out->status = reader_u32(&r);
    out->sequence = reader_u32(&r);
    if (r.err != ERR_OK)
        return r.err;
    if (out->length < SMPP_HEADER_LEN || out->length > SMPP_PDU_MAX)
        return ERR_LENGTH;
    return ERR_OK;
}

void smpp_header_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence)
{
    if (writer_room(out) < SMPP_HEADER_LEN) { /* all or nothing: a bare header is a whole PDU */
        writer_fail(out, ERR_FULL);
        return;
    }
    writer_u32(out, SMPP_HEADER_LEN);
    writer_u32(out, id);
    writer_u32(out, status);
    writer_u32(out, sequence);
}

struct span smpp_text_read(struct reader *r, size_t cap)
{
    struct span window = span_first(span_of(r->at, reader_left(r)), cap);
    const uint8_t *nul = window.len > 0 ? memchr(window.bytes, 0, window.len) : NULL;
    if (nul == NULL) {
        reader_fail(r, window.len < cap ? ERR_SHORT : ERR_RANGE);
        return span_of(NULL, 0);
    }
    struct span text = reader_bytes(r, (size_t)(nul - window.bytes));
    reader_u8(r);
    return text;
}

void smpp_text_write(struct writer *w, struct span text, size_t cap)
{
    if (text.len >= cap || (text.len > 0 && memchr(text.bytes, 0, text.len) != NULL)) {
        writer_fail(w, ERR_RANGE);
        return;
    }
    writer_bytes(w, text);
    writer_u8(w, 0);
}

struct span smpp_time_read(struct reader *r)
{
    const uint8_t *start = r->at;
    struct span text = smpp_text_read(r, SMPP_TIME_LEN + 1);
    if (r->err == ERR_OK && text.len != 0 && text.len != SMPP_TIME_LEN) {
        r->at = start;
        reader_fail(r, ERR_MALFORMED);
    }
    return text;
}

void smpp_time_write(struct writer *w, struct span time)
{
    if (time.len != 0 && time.len != SMPP_TIME_LEN)
        writer_fail(w, ERR_RANGE);
    smpp_text_write(w, time, SMPP_TIME_LEN + 1);
}

void smpp_address_read(struct reader *r, size_t cap, struct sms_address *out)
{
    uint8_t ton = reader_u8(r);
    uint8_t npi = reader_u8(r);
    const uint8_t *start = r->at;
    struct span digits = smpp_text_read(r, cap);
    enum err err = sms_address_set(out, ton, npi, digits);
    if (err != ERR_OK) {
        r->at = start;
        reader_fail(r, err);
    }
}

void smpp_address_write(struct writer *w, const struct sms_address *address)
{
    writer_u8(w, address->ton);
    writer_u8(w, address->npi);
    smpp_text_write(w, span_of(address->digits, address->len), SMS_DIGITS_MAX + 1);
}

/* C1..65, but some SMSCs leave the NUL out. */
static struct span receipted_id_read(struct reader *value)
{
    struct span id = reader_rest(value);
    if (id.len > 0 && id.bytes[id.len - 1] == 0)
        id.len--;
    if (id.len > MESSAGE_ID_MAX || (id.len > 0 && memchr(id.bytes, 0, id.len) != NULL))
        reader_fail(value, ERR_MALFORMED);
    return id;
}

/* What an SMSC puts in place of a concatenation element. */
static void sar_read(uint16_t tag, struct reader *value, struct smpp_message *out)
{
    if (tag == TAG_SAR_REF) {
        out->sar_ref = reader_u16(value);
        out->tlvs |= SMPP_HAS_SAR_REF;
    } else if (tag == TAG_SAR_TOTAL) {
        out->sar_total = reader_u8(value);
        out->tlvs |= SMPP_HAS_SAR_TOTAL;
    } else {
        out->sar_index = reader_u8(value);
        out->tlvs |= SMPP_HAS_SAR_INDEX;
    }
}

/* One TLV into its field; `value` holds exactly its octets. */
static void tlv_read(uint16_t tag, struct reader *value, struct smpp_message *out)
{
    switch (tag) {
    case TAG_DEST_SUBUNIT:
        out->dest_subunit = reader_u8(value);
        out->tlvs |= SMPP_HAS_DEST_SUBUNIT;
        break;
    case TAG_QOS_TTL:
        out->qos_ttl_s = reader_u32(value);
        out->tlvs |= SMPP_HAS_QOS_TTL;
        break;
    case TAG_RECEIPTED_ID:
        out->receipted_id = receipted_id_read(value);
        out->tlvs |= SMPP_HAS_RECEIPTED_ID;
        break;
    case TAG_USER_MESSAGE_REFERENCE:
        out->user_message_reference = reader_u16(value);
        out->tlvs |= SMPP_HAS_USER_MESSAGE_REFERENCE;
        break;
    case TAG_SOURCE_PORT:
        out->source_port = reader_u16(value);
        out->tlvs |= SMPP_HAS_SOURCE_PORT;
        break;
    case TAG_DESTINATION_PORT:
        out->destination_port = reader_u16(value);
        out->tlvs |= SMPP_HAS_DESTINATION_PORT;
        break;
    case TAG_SAR_REF:
    case TAG_SAR_TOTAL:
    case TAG_SAR_INDEX:
        sar_read(tag, value, out);
        break;
    case TAG_NETWORK_ERROR:
        out->network_error_type = reader_u8(value);
        out->network_error = reader_u16(value);
        out->tlvs |= SMPP_HAS_NETWORK_ERROR;
        break;
    case TAG_PAYLOAD:
        if (out->text.len > 0 && (out->tlvs & SMPP_HAS_PAYLOAD) == 0)
            reader_fail(value, ERR_MALFORMED); /* it replaces short_message (§5.3.2.32) */
        out->text = reader_rest(value);
        out->tlvs |= SMPP_HAS_PAYLOAD;
        break;
    case TAG_MORE_MESSAGES:
        out->more_messages = reader_u8(value);
        out->tlvs |= SMPP_HAS_MORE_MESSAGES;
        break;
    case TAG_MESSAGE_STATE:
        out->message_state = reader_u8(value);
        out->tlvs |= SMPP_HAS_MESSAGE_STATE;
        break;
    default:
        reader_rest(value);
        break;
    }
}

static void tlvs_read(struct reader *r, struct smpp_message *out)
{
    while (reader_more(r)) {
        uint16_t tag = reader_u16(r);
        uint16_t len = reader_u16(r);
        struct reader value = reader_sub(r, len);
        if (r->err != ERR_OK)
            return;
        tlv_read(tag, &value, out);
        if (reader_end(&value) != ERR_OK) {
            r->at = value.at;
            reader_fail(r, ERR_MALFORMED);
        }
    }
}

void smpp_message_read(struct reader *r, bool data_sm, struct smpp_message *out)
{
    *out = (struct smpp_message){ 0 };
    size_t address_cap = data_sm ? 65 : SMS_DIGITS_MAX + 1;
    out->service_type = smpp_text_read(r, 6);
    smpp_address_read(r, address_cap, &out->source);
    smpp_address_read(r, address_cap, &out->destination);
    out->esm_class = reader_u8(r);
    if (data_sm) {
        out->registered_delivery = reader_u8(r);
        out->data_coding = reader_u8(r);
    } else {
        out->protocol_id = reader_u8(r);
        out->priority_flag = reader_u8(r);
        out->schedule = smpp_time_read(r);
        out->validity = smpp_time_read(r);
        out->registered_delivery = reader_u8(r);
        out->replace_if_present = reader_u8(r);
        out->data_coding = reader_u8(r);
        out->sm_default_msg_id = reader_u8(r);
        uint8_t len = reader_u8(r);
        if (len > SMPP_SHORT_MESSAGE_MAX)
            reader_fail(r, ERR_RANGE);
        out->text = reader_bytes(r, len);
    }
    tlvs_read(r, out);
}

static void tlv_uint(struct writer *w, const struct smpp_message *message, uint32_t bit,
                     uint16_t tag, uint64_t value, size_t len)
{
    if ((message->tlvs & bit) == 0)
        return;
    writer_u16(w, tag);
    writer_uint(w, len, 2);
    writer_uint(w, value, len);
}

/* In order of tag, so that a message has one form. */
static void tlvs_write(struct writer *w, const struct smpp_message *m)
{
    tlv_uint(w, m, SMPP_HAS_DEST_SUBUNIT, TAG_DEST_SUBUNIT, m->dest_subunit, 1);
    tlv_uint(w, m, SMPP_HAS_QOS_TTL, TAG_QOS_TTL, m->qos_ttl_s, 4);
    if ((m->tlvs & SMPP_HAS_RECEIPTED_ID) != 0) {
        writer_u16(w, TAG_RECEIPTED_ID);
        writer_uint(w, m->receipted_id.len + 1, 2);
        smpp_text_write(w, m->receipted_id, MESSAGE_ID_MAX + 1);
    }
    tlv_uint(w, m, SMPP_HAS_USER_MESSAGE_REFERENCE, TAG_USER_MESSAGE_REFERENCE,
             m->user_message_reference, 2);
    tlv_uint(w, m, SMPP_HAS_SOURCE_PORT, TAG_SOURCE_PORT, m->source_port, 2);
    tlv_uint(w, m, SMPP_HAS_DESTINATION_PORT, TAG_DESTINATION_PORT, m->destination_port, 2);
    tlv_uint(w, m, SMPP_HAS_SAR_REF, TAG_SAR_REF, m->sar_ref, 2);
    tlv_uint(w, m, SMPP_HAS_SAR_TOTAL, TAG_SAR_TOTAL, m->sar_total, 1);
    tlv_uint(w, m, SMPP_HAS_SAR_INDEX, TAG_SAR_INDEX, m->sar_index, 1);
    tlv_uint(w, m, SMPP_HAS_NETWORK_ERROR, TAG_NETWORK_ERROR,
             (uint64_t)m->network_error_type << 16 | m->network_error, 3);
    if ((m->tlvs & SMPP_HAS_PAYLOAD) != 0) {
        writer_u16(w, TAG_PAYLOAD);
        writer_uint(w, m->text.len, 2);
        writer_bytes(w, m->text);
    }
    tlv_uint(w, m, SMPP_HAS_MORE_MESSAGES, TAG_MORE_MESSAGES, m->more_messages, 1);
    tlv_uint(w, m, SMPP_HAS_MESSAGE_STATE, TAG_MESSAGE_STATE, m->message_state, 1);
}

/* What data_sm has no field for goes in message_payload or not at all. */
static void body_write(struct writer *out, bool data_sm, const struct smpp_message *message)
{
    bool payload = (message->tlvs & SMPP_HAS_PAYLOAD) != 0;
    smpp_text_write(out, message->service_type, 6);
    smpp_address_write(out, &message->source);
    smpp_address_write(out, &message->destination);
    writer_u8(out, message->esm_class);
    if (data_sm) {
        writer_u8(out, message->registered_delivery);
        writer_u8(out, message->data_coding);
        if (!payload && message->text.len > 0)
            writer_fail(out, ERR_RANGE);
        return;
    }
    writer_u8(out, message->protocol_id);
    writer_u8(out, message->priority_flag);
    smpp_time_write(out, message->schedule);
    smpp_time_write(out, message->validity);
    writer_u8(out, message->registered_delivery);
    writer_u8(out, message->replace_if_present);
    writer_u8(out, message->data_coding);
    writer_u8(out, message->sm_default_msg_id);
    struct span text = payload ? span_of(NULL, 0) : message->text;
    if (text.len > SMPP_SHORT_MESSAGE_MAX)
        writer_fail(out, ERR_RANGE);
    writer_uint(out, text.len, 1);
    writer_bytes(out, text);
}

void smpp_message_write(struct writer *out, uint32_t id, uint32_t sequence,
                        const struct smpp_message *message)
{
    size_t mark = writer_mark(out);
    writer_u32(out, 0);
    writer_u32(out, id);
    writer_u32(out, 0);
    writer_u32(out, sequence);
    body_write(out, id == SMPP_DATA_SM, message);
    if (message->tlvs != 0)
        tlvs_write(out, message);
    writer_patch(out, mark, writer_len(out) - mark, 4);
}

struct sms_ud_source smpp_message_ud(const struct smpp_message *message)
{
    const uint32_t sar = SMPP_HAS_SAR_REF | SMPP_HAS_SAR_TOTAL | SMPP_HAS_SAR_INDEX;
    return (struct sms_ud_source){
        .ud = message->text,
        .udhi = (message->esm_class & SMPP_ESM_UDHI) != 0,
        .resolved = (message->tlvs & SMPP_HAS_PAYLOAD) != 0,
        .sar = (message->tlvs & sar) == sar,
        .sar_total = message->sar_total,
        .sar_index = message->sar_index,
        .sar_ref = message->sar_ref,
    };
}

void smpp_relative_time(uint32_t seconds, char out[SMPP_TIME_LEN])
{
    uint32_t s = seconds < SMPP_RELATIVE_MAX_S ? seconds : SMPP_RELATIVE_MAX_S;
    const uint32_t fields[] = {
        0, 0, s / DAY_S, s % DAY_S / HOUR_S, s % HOUR_S / MINUTE_S, s % MINUTE_S
    }; /* YY MM DD hh mm ss */
    for (size_t i = 0; i < COUNT(fields); i++) {
        out[2 * i] = (char)('0' + fields[i] / 10);
        out[2 * i + 1] = (char)('0' + fields[i] % 10);
    }
    out[12] = '0'; /* t nn: no tenths, no time zone in relative time */
    out[13] = '0';
    out[14] = '0';
    out[15] = 'R';
}
