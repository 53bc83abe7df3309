/* SMPP 3.4 at the SMSC: reading what an ESME sends, writing what it is owed. */
#include "bench/fleet/smsc_pdu.h"

#include <stdio.h>
#include <time.h>

#define VALIDITY_DEFAULT_S 86400u

enum {
    TLV_RECEIPTED_MESSAGE_ID = 0x001E,
    TLV_SC_INTERFACE_VERSION = 0x0210,
    TLV_MESSAGE_PAYLOAD = 0x0424,
    TLV_MESSAGE_STATE = 0x0427,
};

/* A C-octet string of at most `cap` octets, its NUL included. */
static struct span read_text(struct reader *r, size_t cap)
{
    const uint8_t *start = r->at;
    size_t len = 0;
    while (reader_u8(r) != 0)
        len++;
    if (len + 1 > cap)
        reader_fail(r, ERR_RANGE);
    return r->err == ERR_OK ? span_of(start, len) : span_of(NULL, 0);
}

static void write_text(struct writer *w, struct span text)
{
    writer_bytes(w, text);
    writer_u8(w, 0);
}

static struct pdu_address read_address(struct reader *r)
{
    struct pdu_address out;
    out.ton = reader_u8(r);
    out.npi = reader_u8(r);
    out.digits = read_text(r, 21);
    return out;
}

static void write_address(struct writer *w, const struct pdu_address *address)
{
    writer_u8(w, address->ton);
    writer_u8(w, address->npi);
    write_text(w, address->digits);
}

enum err pdu_header_read(struct span in, struct pdu_header *out)
{
    struct reader r = reader_over(in);
    out->length = reader_u32(&r);
    out->id = reader_u32(&r);
    out->status = reader_u32(&r);
    out->sequence = reader_u32(&r);
    if (r.err != ERR_OK)
        return r.err;
    return out->length >= PDU_HEADER_LEN && out->length <= PDU_MAX ? ERR_OK : ERR_LENGTH;
}

enum err pdu_bind_read(struct span body, struct pdu_bind *out)
{
    struct reader r = reader_over(body);
    out->system_id = read_text(&r, 16);
    out->password = read_text(&r, 9);
    read_text(&r, 13); /* system_type */
    reader_u8(&r);     /* interface_version: any */
    reader_u8(&r);
    reader_u8(&r);
    read_text(&r, 41);
    return r.err; /* TLVs may follow */
}

enum err pdu_submit_read(struct span body, struct pdu_message *out)
{
    struct reader r = reader_over(body);
    *out = (struct pdu_message){ 0 };
    read_text(&r, 6); /* service_type */
    out->source = read_address(&r);
    out->destination = read_address(&r);
    out->esm_class = reader_u8(&r);
    out->protocol_id = reader_u8(&r);
    reader_u8(&r); /* priority_flag */
    struct span schedule = read_text(&r, 17);
    out->validity = read_text(&r, 17);
    out->registered_delivery = reader_u8(&r);
    reader_u8(&r); /* replace_if_present_flag */
    out->data_coding = reader_u8(&r);
    reader_u8(&r); /* sm_default_msg_id */
    out->text = reader_bytes(&r, reader_u8(&r));
    while (reader_more(&r)) {
        uint16_t tag = reader_u16(&r);
        size_t len = reader_u16(&r);
        struct span value = reader_bytes(&r, len);
        if (tag == TLV_MESSAGE_PAYLOAD && out->text.len == 0)
            out->text = value;
    }
    if (r.err == ERR_OK && schedule.len > 0)
        return ERR_UNSUPPORTED;
    return r.err;
}

void pdu_header_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence)
{
    writer_u32(out, PDU_HEADER_LEN);
    writer_u32(out, id);
    writer_u32(out, status);
    writer_u32(out, sequence);
}

void pdu_bind_resp_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence)
{
    size_t mark = writer_mark(out);
    pdu_header_write(out, id | PDU_RESP, status, sequence);
    if (status != ESME_ROK)
        return; /* the body may be absent */
    write_text(out, span_text("fleet"));
    writer_u16(out, TLV_SC_INTERFACE_VERSION);
    writer_u16(out, 1);
    writer_u8(out, 0x34);
    writer_patch(out, mark, writer_len(out) - mark, 4);
}

void pdu_submit_resp_write(struct writer *out, uint32_t sequence, struct span message_id)
{
    size_t mark = writer_mark(out);
    pdu_header_write(out, PDU_SUBMIT_SM | PDU_RESP, ESME_ROK, sequence);
    write_text(out, message_id);
    writer_patch(out, mark, writer_len(out) - mark, 4);
}

void pdu_deliver_write(struct writer *out, uint32_t sequence, const struct pdu_message *message)
{
    size_t mark = writer_mark(out);
    pdu_header_write(out, PDU_DELIVER_SM, ESME_ROK, sequence);
    writer_u8(out, 0); /* service_type */
    write_address(out, &message->source);
    write_address(out, &message->destination);
    writer_u8(out, message->esm_class);
    writer_u8(out, message->protocol_id);
    writer_zeros(out, 5); /* priority, schedule, validity, registered_delivery, replace */
    writer_u8(out, message->data_coding);
    writer_u8(out, 0); /* sm_default_msg_id */
    writer_u8(out, (uint8_t)message->text.len);
    writer_bytes(out, message->text);
    if (message->receipted_id.len > 0) {
        writer_u16(out, TLV_RECEIPTED_MESSAGE_ID);
        writer_u16(out, (uint16_t)(message->receipted_id.len + 1));
        write_text(out, message->receipted_id);
    }
    if (message->message_state != 0) {
        writer_u16(out, TLV_MESSAGE_STATE);
        writer_u16(out, 1);
        writer_u8(out, message->message_state);
    }
    if (message->report_tag != 0) {
        writer_u16(out, message->report_tag);
        writer_u16(out, (uint16_t)message->report.len);
        writer_bytes(out, message->report);
    }
    writer_patch(out, mark, writer_len(out) - mark, 4);
}

/* Two decimal digits at `at`, or a value out of every range. */
static uint64_t two(struct span text, size_t at)
{
    uint8_t tens = (uint8_t)(text.bytes[at] - '0');
    uint8_t ones = (uint8_t)(text.bytes[at + 1] - '0');
    return tens > 9 || ones > 9 ? 1000 : tens * 10u + ones;
}

enum err pdu_validity_read(struct span text, uint64_t epoch_s, uint64_t *ns)
{
    *ns = VALIDITY_DEFAULT_S * UINT64_C(1000000000);
    if (text.len == 0)
        return ERR_OK;
    if (text.len != 16)
        return ERR_MALFORMED;
    uint64_t field[6]; /* YY MM DD hh mm ss */
    for (size_t i = 0; i < COUNT(field); i++) {
        field[i] = two(text, 2 * i);
        if (field[i] > 99)
            return ERR_MALFORMED;
    }
    uint64_t seconds = field[3] * 3600 + field[4] * 60 + field[5];
    uint8_t form = text.bytes[15];
    if (form == 'R') {
        seconds += ((field[0] * 365 + field[1] * 30) + field[2]) * 86400;
        *ns = seconds * UINT64_C(1000000000);
        return ERR_OK;
    }
    uint64_t quarters = two(text, 13);
    if ((form != '+' && form != '-') || quarters > 48 || field[1] < 1 || field[1] > 12 ||
        field[2] < 1 || field[2] > 31)
        return ERR_MALFORMED;
    struct tm tm = { .tm_year = (int)field[0] + 100,
                     .tm_mon = (int)field[1] - 1,
                     .tm_mday = (int)field[2] };
    int64_t at = (int64_t)timegm(&tm) + (int64_t)seconds;
    at += (form == '+' ? -1 : 1) * (int64_t)quarters * 900;
    *ns = at > (int64_t)epoch_s ? (uint64_t)(at - (int64_t)epoch_s) * UINT64_C(1000000000) : 0;
    return ERR_OK;
}

void pdu_date(uint64_t epoch_s, char out[PDU_DATE_CAP])
{
    time_t at = (time_t)epoch_s;
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(out, PDU_DATE_CAP, "%y%m%d%H%M", &tm);
}
