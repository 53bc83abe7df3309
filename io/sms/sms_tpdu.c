/* SMS-DELIVER, SMS-SUBMIT and SMS-DELIVER-REPORT (TS 23.040 §9.2.2). */
#include "io/sms/sms_tpdu.h"

/* First octet, §9.2.3: what the bits mean depends on the type. */
#define MTI_MASK 0x03u
#define MTI_DELIVER 0x00u
#define MTI_SUBMIT 0x01u
#define DELIVER_MMS 0x04u
#define DELIVER_LP 0x08u
#define DELIVER_SRI 0x20u
#define SUBMIT_RD 0x04u
#define SUBMIT_VPF_SHIFT 3
#define SUBMIT_SRR 0x20u
#define UDHI 0x40u
#define REPLY_PATH 0x80u

/* TP-PI, §9.2.3.27 */
#define PI_PID 0x01u
#define PI_DCS 0x02u
#define PI_UDL 0x04u

#define FILLER 0x0Fu
#define ALPHANUMERIC_MAX 11u /* septets in ten octets */

static const char semi_octets[] = "0123456789*#abc"; /* §9.1.2.3 */

static bool dcs_is_7bit(uint8_t dcs)
{
    switch (dcs >> 4) {
    case 0xF: /* data coding, message class */
        return (dcs & 0x04) == 0;
    case 0xC: /* message waiting, discard and store: default alphabet */
    case 0xD:
        return true;
    case 0xE: /* message waiting, UCS2 */
        return false;
    default: /* 8..B are reserved: default alphabet */
        return dcs >= 0x80 || (dcs & 0x0C) == 0x00 || (dcs & 0x0C) == 0x0C;
    }
}

static size_t ud_octets(uint8_t udl, uint8_t dcs)
{
    return dcs_is_7bit(dcs) ? (udl * 7u + 7) / 8 : udl;
}

/* The letters that the default alphabet and ASCII code alike. */
static bool is_common_letter(unsigned septet)
{
    return (septet >= 'A' && septet <= 'Z') || (septet >= 'a' && septet <= 'z') ||
           (septet >= '0' && septet <= '9') || (septet >= ' ' && septet <= '?' && septet != '$');
}

static void alphanumeric_read(struct reader *r, size_t half_octets, struct sms_address *out)
{
    size_t octets = (half_octets + 1) / 2;
    uint64_t bits = 0;
    unsigned held = 0;
    size_t count = half_octets * 4 / 7;
    if (count > ALPHANUMERIC_MAX) {
        reader_fail(r, ERR_RANGE);
        return;
    }
    for (size_t i = 0; i < octets; i++) {
        bits |= (uint64_t)reader_u8(r) << held;
        held += 8;
        while (held >= 7 && out->len < count) {
            if (!is_common_letter(bits & 0x7F)) {
                reader_fail(r, ERR_UNSUPPORTED);
                return;
            }
            out->digits[out->len++] = (char)(bits & 0x7F);
            bits >>= 7;
            held -= 7;
        }
    }
}

static void address_read(struct reader *r, struct sms_address *out)
{
    *out = (struct sms_address){ 0 };
    uint8_t count = reader_u8(r);
    uint8_t type = reader_u8(r);
    if (count > SMS_DIGITS_MAX) {
        reader_fail(r, ERR_RANGE);
        return;
    }
    if (r->err == ERR_OK && (type & 0x80) == 0) {
        reader_fail(r, ERR_MALFORMED); /* §9.1.2.5: the extension bit is 1 */
        return;
    }
    out->ton = type >> 4 & 0x07;
    out->npi = type & 0x0F;
    if (out->ton == SMS_TON_ALPHANUMERIC) {
        alphanumeric_read(r, count, out);
        return;
    }
    for (size_t i = 0; i < count; i += 2) {
        uint8_t octet = reader_u8(r);
        uint8_t low = octet & 0x0F;
        uint8_t high = octet >> 4;
        bool last = i + 1 == count;
        if (low == FILLER || (high == FILLER) != last) {
            reader_fail(r, ERR_MALFORMED);
            return;
        }
        out->digits[out->len++] = semi_octets[low];
        if (!last)
            out->digits[out->len++] = semi_octets[high];
    }
}

static unsigned semi_octet(struct writer *w, char digit)
{
    for (unsigned i = 0; i < sizeof semi_octets - 1; i++) {
        if (semi_octets[i] == digit)
            return i;
    }
    writer_fail(w, ERR_RANGE);
    return 0;
}

static void alphanumeric_write(struct writer *w, const struct sms_address *address)
{
    if (address->len > ALPHANUMERIC_MAX) {
        writer_fail(w, ERR_RANGE);
        return;
    }
    uint64_t bits = 0;
    unsigned held = 0;
    writer_u8(w, (uint8_t)((address->len * 7u + 3) / 4));
    writer_u8(w, (uint8_t)(0x80 | address->ton << 4 | address->npi));
    for (size_t i = 0; i < address->len; i++) {
        unsigned septet = (unsigned char)address->digits[i];
        if (!is_common_letter(septet))
            writer_fail(w, ERR_RANGE);
        bits |= (uint64_t)septet << held;
        held += 7;
        if (held >= 8) {
            writer_u8(w, (uint8_t)bits);
            bits >>= 8;
            held -= 8;
        }
    }
    if (held > 0)
        writer_u8(w, (uint8_t)bits);
}

static void address_write(struct writer *w, const struct sms_address *address)
{
    if (address->len > SMS_DIGITS_MAX || address->ton > 7 || address->npi > 15) {
        writer_fail(w, ERR_RANGE);
        return;
    }
    if (address->ton == SMS_TON_ALPHANUMERIC) {
        alphanumeric_write(w, address);
        return;
    }
    writer_u8(w, address->len);
    writer_u8(w, (uint8_t)(0x80 | address->ton << 4 | address->npi));
    for (size_t i = 0; i < address->len; i += 2) {
        unsigned low = semi_octet(w, address->digits[i]);
        unsigned high = i + 1 < address->len ? semi_octet(w, address->digits[i + 1]) : FILLER;
        writer_u8(w, (uint8_t)(high << 4 | low));
    }
}

/* UDL and UD, to the end of the TPDU. */
static void ud_read(struct reader *r, uint8_t dcs, size_t most, uint8_t *udl, struct span *ud)
{
    *udl = reader_u8(r);
    size_t len = ud_octets(*udl, dcs);
    if (len > most) {
        reader_fail(r, ERR_RANGE);
        return;
    }
    *ud = reader_bytes(r, len);
}

static void ud_write(struct writer *w, uint8_t dcs, size_t most, uint8_t udl, struct span ud)
{
    if (ud.len > most || ud.len != ud_octets(udl, dcs))
        writer_fail(w, ERR_RANGE);
    writer_u8(w, udl);
    writer_bytes(w, ud);
}

static void type_check(struct reader *r, uint8_t first, uint8_t type)
{
    if (r->err == ERR_OK && (first & MTI_MASK) != type) {
        r->at--;
        reader_fail(r, ERR_MALFORMED);
    }
}

static enum err finish(const struct reader *r, struct span in, size_t *at)
{
    enum err err = reader_end(r);
    if (at != NULL)
        *at = (size_t)(r->at - in.bytes);
    return err;
}

enum err sms_deliver_read(struct span in, struct sms_deliver *out, size_t *at)
{
    struct reader r = reader_over(in);
    *out = (struct sms_deliver){ 0 };
    uint8_t first = reader_u8(&r);
    type_check(&r, first, MTI_DELIVER);
    out->no_more_messages = (first & DELIVER_MMS) != 0;
    out->loop_prevention = (first & DELIVER_LP) != 0;
    out->status_report = (first & DELIVER_SRI) != 0;
    out->udhi = (first & UDHI) != 0;
    out->reply_path = (first & REPLY_PATH) != 0;
    address_read(&r, &out->origin);
    out->pid = reader_u8(&r);
    out->dcs = reader_u8(&r);
    reader_copy(&r, out->scts, sizeof out->scts);
    ud_read(&r, out->dcs, SMS_UD_MAX, &out->udl, &out->ud);
    return finish(&r, in, at);
}

void sms_deliver_write(struct writer *out, const struct sms_deliver *deliver)
{
    writer_u8(out, (uint8_t)(MTI_DELIVER | (deliver->no_more_messages ? DELIVER_MMS : 0) |
                             (deliver->loop_prevention ? DELIVER_LP : 0) |
                             (deliver->status_report ? DELIVER_SRI : 0) |
                             (deliver->udhi ? UDHI : 0) | (deliver->reply_path ? REPLY_PATH : 0)));
    address_write(out, &deliver->origin);
    writer_u8(out, deliver->pid);
    writer_u8(out, deliver->dcs);
    writer_bytes(out, span_of(deliver->scts, sizeof deliver->scts));
    ud_write(out, deliver->dcs, SMS_UD_MAX, deliver->udl, deliver->ud);
}

static const uint8_t vp_octets[] = {
    [SMS_VPF_NONE] = 0, [SMS_VPF_ENHANCED] = 7, [SMS_VPF_RELATIVE] = 1, [SMS_VPF_ABSOLUTE] = 7
};

enum err sms_submit_read(struct span in, struct sms_submit *out, size_t *at)
{
    struct reader r = reader_over(in);
    *out = (struct sms_submit){ 0 };
    uint8_t first = reader_u8(&r);
    type_check(&r, first, MTI_SUBMIT);
    out->reject_duplicates = (first & SUBMIT_RD) != 0;
    out->vpf = first >> SUBMIT_VPF_SHIFT & 0x03;
    out->status_report = (first & SUBMIT_SRR) != 0;
    out->udhi = (first & UDHI) != 0;
    out->reply_path = (first & REPLY_PATH) != 0;
    out->reference = reader_u8(&r);
    address_read(&r, &out->destination);
    out->pid = reader_u8(&r);
    out->dcs = reader_u8(&r);
    reader_copy(&r, out->vp, vp_octets[out->vpf]);
    ud_read(&r, out->dcs, SMS_UD_MAX, &out->udl, &out->ud);
    return finish(&r, in, at);
}

void sms_submit_write(struct writer *out, const struct sms_submit *submit)
{
    if (submit->vpf >= COUNT(vp_octets)) {
        writer_fail(out, ERR_RANGE);
        return;
    }
    writer_u8(out,
              (uint8_t)(MTI_SUBMIT | (submit->reject_duplicates ? SUBMIT_RD : 0) |
                        submit->vpf << SUBMIT_VPF_SHIFT | (submit->status_report ? SUBMIT_SRR : 0) |
                        (submit->udhi ? UDHI : 0) | (submit->reply_path ? REPLY_PATH : 0)));
    writer_u8(out, submit->reference);
    address_write(out, &submit->destination);
    writer_u8(out, submit->pid);
    writer_u8(out, submit->dcs);
    writer_bytes(out, span_of(submit->vp, vp_octets[submit->vpf]));
    ud_write(out, submit->dcs, SMS_UD_MAX, submit->udl, submit->ud);
}

enum err sms_deliver_report_read(struct span in, bool error, struct sms_deliver_report *out,
                                 size_t *at)
{
    struct reader r = reader_over(in);
    *out = (struct sms_deliver_report){ .error = error };
    uint8_t first = reader_u8(&r);
    type_check(&r, first, MTI_DELIVER); /* §9.2.3.1: the same number, the other direction */
    out->udhi = (first & UDHI) != 0;
    if (error)
        out->fcs = reader_u8(&r);
    uint8_t pi = reader_u8(&r);
    out->has_pid = (pi & PI_PID) != 0;
    out->has_dcs = (pi & PI_DCS) != 0;
    out->has_ud = (pi & PI_UDL) != 0;
    if (out->has_pid)
        out->pid = reader_u8(&r);
    if (out->has_dcs)
        out->dcs = reader_u8(&r);
    if (out->has_ud)
        ud_read(&r, out->dcs, error ? SMS_REPORT_ERROR_MAX : SMS_REPORT_ACK_MAX, &out->udl,
                &out->ud);
    return finish(&r, in, at);
}

void sms_deliver_report_write(struct writer *out, const struct sms_deliver_report *report)
{
    writer_u8(out, (uint8_t)(MTI_DELIVER | (report->udhi ? UDHI : 0)));
    if (report->error)
        writer_u8(out, report->fcs);
    writer_u8(out, (uint8_t)((report->has_pid ? PI_PID : 0) | (report->has_dcs ? PI_DCS : 0) |
                             (report->has_ud ? PI_UDL : 0)));
    if (report->has_pid)
        writer_u8(out, report->pid);
    if (report->has_dcs)
        writer_u8(out, report->dcs);
    if (report->has_ud)
        ud_write(out, report->dcs, report->error ? SMS_REPORT_ERROR_MAX : SMS_REPORT_ACK_MAX,
                 report->udl, report->ud);
}
