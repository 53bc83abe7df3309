/* User data headers, and recognising our own messages among what an SMSC delivers, also where it
 * lost UDHI, took the header away or joined the segments. */
#include "io/sms/sms_udh.h"

#define IEI_CONCAT_8 0x00
#define IEI_CONCAT_16 0x08
#define PART_MAX 140u

static void element_read(struct reader *r, uint8_t iei, struct reader *data, struct sms_udh *out)
{
    switch (iei) {
    case IEI_CONCAT_8:
    case IEI_CONCAT_16:
        out->ref_bits = iei == IEI_CONCAT_8 ? 8 : 16;
        out->ref = iei == IEI_CONCAT_8 ? reader_u8(data) : reader_u16(data);
        out->total = reader_u8(data);
        out->index = reader_u8(data);
        break;
    case SMS_COMMAND:
    case SMS_RESPONSE:
        if (out->identifier != SMS_NO_IDENTIFIER && out->identifier != iei)
            reader_fail(r, ERR_MALFORMED);
        out->identifier = iei;
        break;
    default: /* unknown elements are ignored, with their data */
        reader_rest(data);
        break;
    }
    if (reader_end(data) != ERR_OK)
        reader_fail(r, ERR_MALFORMED);
}

enum err sms_udh_read(struct span ud, struct sms_udh *out, struct span *payload)
{
    struct reader r = reader_over(ud);
    *out = (struct sms_udh){ .udhl = reader_u8(&r) };
    struct reader header = reader_sub(&r, out->udhl);
    *payload = reader_rest(&r);
    while (reader_more(&header)) {
        uint8_t iei = reader_u8(&header);
        uint8_t len = reader_u8(&header);
        struct reader data = reader_sub(&header, len);
        if (header.err == ERR_SHORT)
            header.err = ERR_MALFORMED; /* the octets may be there, but not the header's */
        if (header.err == ERR_OK)
            element_read(&header, iei, &data, out);
    }
    return r.err != ERR_OK ? r.err : header.err;
}

static size_t udh_len(const struct sms_udh *udh)
{
    size_t concat = udh->ref_bits == 0 ? 0 : udh->ref_bits == 8 ? 5 : 6;
    return concat + (udh->identifier == SMS_NO_IDENTIFIER ? 0 : 2);
}

void sms_udh_write(struct writer *out, const struct sms_udh *udh)
{
    writer_uint(out, udh_len(udh), 1);
    if (udh->identifier != SMS_NO_IDENTIFIER) {
        writer_u8(out, udh->identifier);
        writer_u8(out, 0);
    }
    if (udh->ref_bits == 0)
        return;
    size_t ref_len = udh->ref_bits / 8;
    writer_u8(out, udh->ref_bits == 8 ? IEI_CONCAT_8 : IEI_CONCAT_16);
    writer_uint(out, 2 + ref_len, 1);
    writer_uint(out, udh->ref, ref_len);
    writer_u8(out, udh->total);
    writer_u8(out, udh->index);
}

/* Octets that the packet's length field announces, itself included. */
static size_t packet_announced(struct span packet)
{
    struct reader r = reader_over(packet);
    size_t len = reader_u16(&r);
    return r.err == ERR_OK ? len + 2 : 0;
}

enum sms_identifier sms_packet_identifier(struct span packet)
{
    struct reader r = reader_over(packet);
    uint16_t len = reader_u16(&r);
    uint8_t header_len = reader_u8(&r);
    if (r.err != ERR_OK || len != packet.len - 2 || header_len >= len)
        return SMS_NO_IDENTIFIER;
    switch (header_len) {
    case 0x0D: /* CHL: 13 octets and no, 2, 4 or 8 of RC or CC */
    case 0x0F:
    case 0x11:
    case 0x15:
        return SMS_COMMAND;
    case 0x0A: /* RHL: 10 and the same */
    case 0x0C:
    case 0x0E:
    case 0x12:
        return SMS_RESPONSE;
    default:
        return SMS_NO_IDENTIFIER;
    }
}

/* The headers that cards and SMSCs really write: nothing but the identifier and the concatenation,
 * so that text does not pass for one. */
static bool is_exact_header(const struct sms_udh *udh)
{
    return udh->udhl > 0 && udh->udhl == udh_len(udh);
}

/* A header that nobody announced is believed only where the numbers fit too. */
static bool is_plausible(const struct sms_udh *udh, struct span payload)
{
    if (udh->ref_bits == 0)
        return packet_announced(payload) == payload.len;
    if (udh->index == 0 || udh->index > udh->total)
        return false;
    if (udh->index != 1)
        return udh->identifier == SMS_NO_IDENTIFIER;
    size_t announced = packet_announced(payload);
    return udh->identifier != SMS_NO_IDENTIFIER && announced >= payload.len &&
           announced <= (size_t)udh->total * PART_MAX;
}

static bool is_sar_part(const struct sms_ud_source *source)
{
    return source->sar && source->sar_total > 1;
}

/* With a header: one whole packet, a part, or somebody else's message. */
static void header_judge(const struct sms_ud_source *source, struct sms_ud *out)
{
    const struct sms_udh *udh = &out->udh;
    bool joined = source->resolved && udh->identifier != SMS_NO_IDENTIFIER &&
                  packet_announced(out->octets) == out->octets.len;
    if (!joined && (udh->ref_bits != 0 || is_sar_part(source)))
        out->kind = SMS_UD_PART;
    else
        out->kind = udh->identifier == SMS_NO_IDENTIFIER ? SMS_UD_NOT_OURS : SMS_UD_WHOLE;
}

/* Without one: the sar_* TLVs, or the packet's own lengths, must tell. */
static void headerless_judge(const struct sms_ud_source *source, struct sms_ud *out)
{
    out->octets = source->ud;
    out->udh = (struct sms_udh){ 0 };
    if (is_sar_part(source)) {
        out->kind = SMS_UD_PART;
        out->headerless = true;
        return;
    }
    out->udh.identifier = (uint8_t)sms_packet_identifier(source->ud);
    out->headerless = out->udh.identifier != SMS_NO_IDENTIFIER;
    out->kind = out->headerless ? SMS_UD_WHOLE : SMS_UD_NOT_OURS;
}

/* The SMSC turned the concatenation element into TLVs (and left, or took, the identifier). */
static void sar_apply(const struct sms_ud_source *source, struct sms_ud *out)
{
    if (out->kind != SMS_UD_PART || out->udh.ref_bits != 0)
        return;
    out->udh.ref_bits = 16;
    out->udh.ref = source->sar_ref;
    out->udh.total = source->sar_total;
    out->udh.index = source->sar_index;
}

enum err sms_ud_classify(const struct sms_ud_source *source, struct sms_ud *out)
{
    *out = (struct sms_ud){ .kind = SMS_UD_NOT_OURS };
    enum err err = sms_udh_read(source->ud, &out->udh, &out->octets);
    if (source->udhi) {
        if (err != ERR_OK)
            return err;
        header_judge(source, out);
    } else if (err == ERR_OK && is_exact_header(&out->udh) &&
               (is_sar_part(source) ? out->udh.identifier != SMS_NO_IDENTIFIER
                                    : is_plausible(&out->udh, out->octets))) {
        out->udhi_lost = true;
        header_judge(source, out);
    } else {
        headerless_judge(source, out);
    }
    sar_apply(source, out);
    return ERR_OK;
}
