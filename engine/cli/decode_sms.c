/* `starling decode tpdu` and `scp80`: short messages, and the clear fields of what they carry. */
#include "engine/cli/decode_json.h"

#include "crypto/scp80_wire.h"
#include "io/sms/sms_tpdu.h"
#include "io/sms/sms_udh.h"

static void set_concat(json_t *out, const struct sms_udh *udh)
{
    decode_set_number(out, "concat_ref_bits", udh->ref_bits);
    if (udh->ref_bits == 0)
        return;
    decode_set_number(out, "concat_ref", udh->ref);
    decode_set_number(out, "concat_total", udh->total);
    decode_set_number(out, "concat_index", udh->index);
}

void decode_set_udh(json_t *out, struct span ud)
{
    struct sms_udh udh;
    struct span payload;
    if (sms_udh_read(ud, &udh, &payload) != ERR_OK)
        return;
    json_t *object = json_object();
    decode_set_number(object, "udhl", udh.udhl);
    if (udh.identifier != SMS_NO_IDENTIFIER)
        decode_set_name(object, "kind", udh.identifier == SMS_COMMAND ? "command" : "response");
    set_concat(object, &udh);
    decode_set_hex(object, "payload", payload);
    json_object_set_new(out, "udh", object);
}

static void set_ud(json_t *out, bool udhi, uint8_t udl, struct span ud)
{
    decode_set_bool(out, "udhi", udhi);
    decode_set_number(out, "udl", udl);
    decode_set_hex(out, "ud", ud);
    if (udhi)
        decode_set_udh(out, ud);
}

static void set_deliver(json_t *out, const struct sms_deliver *deliver)
{
    decode_set_name(out, "type", "SMS-DELIVER");
    decode_set_bool(out, "mms", deliver->no_more_messages);
    decode_set_bool(out, "lp", deliver->loop_prevention);
    decode_set_bool(out, "sri", deliver->status_report);
    decode_set_bool(out, "rp", deliver->reply_path);
    decode_set_address(out, "oa", &deliver->origin);
    decode_set_hex_uint(out, "pid", deliver->pid, 1);
    decode_set_hex_uint(out, "dcs", deliver->dcs, 1);
    decode_set_hex(out, "scts", span_of(deliver->scts, sizeof deliver->scts));
    set_ud(out, deliver->udhi, deliver->udl, deliver->ud);
}

static void set_submit(json_t *out, const struct sms_submit *submit)
{
    static const uint8_t vp_octets[] = { 0, 7, 1, 7 };
    decode_set_name(out, "type", "SMS-SUBMIT");
    decode_set_bool(out, "rd", submit->reject_duplicates);
    decode_set_number(out, "vpf", submit->vpf);
    decode_set_bool(out, "srr", submit->status_report);
    decode_set_bool(out, "rp", submit->reply_path);
    decode_set_number(out, "mr", submit->reference);
    decode_set_address(out, "da", &submit->destination);
    decode_set_hex_uint(out, "pid", submit->pid, 1);
    decode_set_hex_uint(out, "dcs", submit->dcs, 1);
    if (submit->vpf != SMS_VPF_NONE)
        decode_set_hex(out, "vp", span_of(submit->vp, vp_octets[submit->vpf]));
    set_ud(out, submit->udhi, submit->udl, submit->ud);
}

static void set_report(json_t *out, const struct sms_deliver_report *report)
{
    decode_set_name(out, "type", "SMS-DELIVER-REPORT");
    decode_set_bool(out, "error", report->error);
    if (report->error)
        decode_set_hex_uint(out, "fcs", report->fcs, 1);
    if (report->has_pid)
        decode_set_hex_uint(out, "pid", report->pid, 1);
    if (report->has_dcs)
        decode_set_hex_uint(out, "dcs", report->dcs, 1);
    decode_set_bool(out, "udhi", report->udhi);
    if (!report->has_ud)
        return;
    decode_set_number(out, "udl", report->udl);
    decode_set_hex(out, "ud", report->ud);
    decode_set_udh(out, report->ud); /* a card cannot set UDHI here */
}

/* The type says SUBMIT, or DELIVER in both directions: a report is what reads as nothing else. */
enum err decode_tpdu(struct span in, json_t *out, size_t *at)
{
    struct sms_submit submit;
    if (in.len > 0 && (in.bytes[0] & 0x03) == 0x01) {
        enum err err = sms_submit_read(in, &submit, at);
        if (err == ERR_OK)
            set_submit(out, &submit);
        return err;
    }
    struct sms_deliver deliver;
    enum err err = sms_deliver_read(in, &deliver, at);
    if (err == ERR_OK) {
        set_deliver(out, &deliver);
        return ERR_OK;
    }
    for (int error = 0; error <= 1; error++) {
        struct sms_deliver_report report;
        size_t other;
        if (sms_deliver_report_read(in, error != 0, &report, &other) != ERR_OK)
            continue;
        set_report(out, &report);
        return ERR_OK;
    }
    return err;
}

static void set_command(json_t *out, enum scp80_transport transport, struct span packet,
                        const struct scp80_head *head)
{
    bool ciphered = (head->spi & SCP80_SPI_CIPHERED) != 0;
    decode_set_hex_uint(out, "spi", head->spi, 2);
    decode_set_hex_uint(out, "kic", head->kic, 1);
    decode_set_hex_uint(out, "kid", head->kid, 1);
    decode_set_hex(out, "tar", span_of(head->tar, sizeof head->tar));
    decode_set_number(out, "cc_len", head->cc_len);
    decode_set_bool(out, "ciphered", ciphered);
    struct scp80_command command;
    if (ciphered || scp80_command_read(transport, packet, &command) != ERR_OK)
        return;
    decode_set_hex_uint(out, "cntr", command.cntr, 5);
    decode_set_number(out, "pcntr", command.padding_len);
    decode_set_hex(out, "cc", span_of(command.cc, command.cc_len));
    decode_set_hex(out, "plaintext", command.data);
}

/* Which verdict belongs to which octet: lengths are at the front, the identifier before them. */
static size_t fault_at(enum scp80_transport transport, enum err err)
{
    size_t lead = transport == SCP80_SMS_PP ? 0 : 1;
    return err == ERR_HEADER_LENGTH ? lead + (transport == SCP80_SMS_PP ? 2 : 1)
           : err == ERR_LENGTH      ? lead
                                    : 0;
}

static enum err packet_decode(enum scp80_transport transport, bool response, struct span packet,
                              json_t *out, size_t *at)
{
    struct scp80_head head;
    enum err err = response ? scp80_response_head_read(transport, packet, &head)
                            : scp80_command_head_read(transport, packet, &head);
    *at = err == ERR_SHORT ? packet.len : fault_at(transport, err);
    if (err != ERR_OK)
        return err;
    decode_set_name(out, "kind", response ? "response" : "command");
    decode_set_name(out, "transport", transport == SCP80_SMS_PP ? "SMS_PP" : "CAT_TP");
    if (response) { /* no SPI here: whether the rest is ciphered, the command says */
        decode_set_hex(out, "tar", span_of(head.tar, sizeof head.tar));
        decode_set_number(out, "cc_len", head.cc_len);
    } else {
        set_command(out, transport, packet, &head);
    }
    decode_set_hex(out, "secured_packet", packet);
    return ERR_OK;
}

/* A TP-UD with its header, a packet for SMS (known by its lengths), or one with an identifier. */
enum err decode_scp80(struct span in, json_t *out, size_t *at)
{
    struct reader r = reader_over(in);
    uint32_t head = reader_u24(&r);
    /* no packet on CAT_TP begins so: its RHL would be 0 */
    struct sms_ud_source source = { .ud = in, .udhi = head == 0x027000 || head == 0x027100 };
    struct sms_ud ud;
    if (sms_ud_classify(&source, &ud) == ERR_OK && ud.kind == SMS_UD_PART) {
        if (ud.udh.identifier != SMS_NO_IDENTIFIER)
            decode_set_name(out, "kind", ud.udh.identifier == SMS_COMMAND ? "command" : "response");
        decode_set_name(out, "transport", "SMS_PP");
        set_concat(out, &ud.udh);
        decode_set_hex(out, "octets", ud.octets);
        return ERR_OK;
    }
    if (ud.kind == SMS_UD_WHOLE) {
        enum err err =
            packet_decode(SCP80_SMS_PP, ud.udh.identifier == SMS_RESPONSE, ud.octets, out, at);
        *at += in.len - ud.octets.len;
        return err;
    }
    if (in.len > 0 && (in.bytes[0] == 0x01 || in.bytes[0] == 0x02))
        return packet_decode(SCP80_CAT_TP, in.bytes[0] == 0x02, in, out, at);
    return packet_decode(SCP80_SMS_PP, false, in, out, at);
}
