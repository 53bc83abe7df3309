/* Writes one PDU of every kind in the form text2pcap reads, for a protocol analyser that is not ours. Each
 * goes out as a packet of its own. */
#include "io/smpp/smpp_wire.h"
#include "io/sms/sms_concat.h"

#include <stdio.h>

static void print_packet(const struct writer *w)
{
    ASSERT(w->err == ERR_OK);
    struct span octets = written(w);
    for (size_t at = 0; at < octets.len; at++) {
        if (at % 16 == 0)
            printf("%s%06zx", at > 0 ? "\n" : "", at);
        printf(" %02x", octets.bytes[at]);
    }
    printf("\n");
}

static void print_pdu(const struct smpp_pdu *pdu)
{
    uint8_t buf[1024];
    struct writer w = writer_over(buf, sizeof buf);
    smpp_pdu_write(&w, pdu);
    print_packet(&w);
}

static struct smpp_message message_of(struct span text)
{
    return (struct smpp_message){
        .service_type = span_text("OTA"),
        .source = sms_address_of(sms_msisdn_of(span_text("447700900123"))),
        .destination = sms_address_of(sms_msisdn_of(span_text("882390000012345"))),
        .esm_class = SMPP_ESM_UDHI,
        .protocol_id = 0x7F,
        .validity = span_text("000001000000000R"),
        .registered_delivery = 1,
        .data_coding = 0xF6,
        .text = text,
        .tlvs = SMPP_HAS_USER_MESSAGE_REFERENCE | SMPP_HAS_MORE_MESSAGES,
        .user_message_reference = 7,
        .more_messages = 1,
    };
}

static void print_messages(void)
{
    static const uint8_t packet[200] = { 0x00, 0xC6, 0x15, 0x16, 0x39, 0x12, 0x12 };
    for (size_t i = 0; i < 2; i++) { /* a packet in two segments */
        uint8_t ud[140];
        struct writer w = writer_over(ud, sizeof ud);
        sms_segment_write(&w, span_of(packet, sizeof packet), i, 2, 0x5A, 8);
        struct smpp_pdu pdu = { .header = { .id = SMPP_SUBMIT_SM,
                                            .sequence = (uint32_t)(10 + i) } };
        pdu.message = message_of(written(&w));
        print_pdu(&pdu);
    }
    struct smpp_pdu receipt = { .header = { .id = SMPP_DELIVER_SM, .sequence = 12 } };
    receipt.message = message_of(span_text("id:5d2f9a01 stat:DELIVRD"));
    receipt.message.esm_class = SMPP_ESM_RECEIPT;
    receipt.message.tlvs = SMPP_HAS_RECEIPTED_ID | SMPP_HAS_MESSAGE_STATE | SMPP_HAS_NETWORK_ERROR;
    receipt.message.receipted_id = span_text("5d2f9a01");
    receipt.message.message_state = 2;
    receipt.message.network_error_type = 3;
    print_pdu(&receipt);

    struct smpp_pdu data = { .header = { .id = SMPP_DATA_SM, .sequence = 13 } };
    data.message = message_of(span_text("payload"));
    data.message.tlvs = SMPP_HAS_PAYLOAD | SMPP_HAS_SAR_REF | SMPP_HAS_SAR_TOTAL |
                        SMPP_HAS_SAR_INDEX | SMPP_HAS_QOS_TTL | SMPP_HAS_DEST_SUBUNIT;
    data.message.sar_ref = 9;
    data.message.sar_total = 2;
    data.message.sar_index = 1;
    data.message.qos_ttl_s = 3600;
    data.message.dest_subunit = 3;
    print_pdu(&data);
}

int main(void)
{
    struct smpp_pdu bind = {
        .header = { .id = SMPP_BIND_TRANSCEIVER, .sequence = 1 },
        .bind = { .system_id = span_text("SMPS"),
                  .password = span_text("sample"),
                  .system_type = span_text("OTA"),
                  .interface_version = 0x34 },
    };
    print_pdu(&bind);
    struct smpp_pdu bind_resp = {
        .header = { .id = SMPP_BIND_TRANSCEIVER | SMPP_RESP, .sequence = 1 },
        .bind_resp = { .system_id = span_text("SMSC"), .has_version = true, .version = 0x34 },
    };
    print_pdu(&bind_resp);
    print_messages();
    struct smpp_pdu submit_resp = {
        .header = { .id = SMPP_SUBMIT_SM | SMPP_RESP, .sequence = 10 },
        .message_id = span_text("5d2f9a01"),
    };
    print_pdu(&submit_resp);
    struct smpp_pdu query_resp = {
        .header = { .id = SMPP_QUERY_SM | SMPP_RESP, .sequence = 14 },
        .query_resp = { .message_id = span_text("5d2f9a01"), .message_state = 2 },
    };
    print_pdu(&query_resp);
    static const struct smpp_header bare[] = {
        { .id = SMPP_ENQUIRE_LINK, .sequence = 20 },
        { .id = SMPP_ENQUIRE_LINK | SMPP_RESP, .sequence = 20 },
        { .id = SMPP_SUBMIT_SM | SMPP_RESP, .status = 0x58, .sequence = 11 },
        { .id = SMPP_GENERIC_NACK, .status = 3, .sequence = 21 },
        { .id = SMPP_UNBIND, .sequence = 22 },
        { .id = SMPP_UNBIND | SMPP_RESP, .sequence = 22 },
    };
    for (size_t i = 0; i < COUNT(bare); i++) {
        struct smpp_pdu pdu = { .header = bare[i] };
        print_pdu(&pdu);
    }
    return 0;
}
