/* `starling decode smpp`: one PDU under the names of the standard. */
#include "engine/cli/decode_json.h"

#include "io/smpp/smpp_receipt.h"
#include "io/smpp/smpp_status.h"

static void set_tlvs(json_t *out, const struct smpp_message *m)
{
    const struct {
        uint32_t bit;
        const char *name;
        uint32_t value;
    } numbers[] = {
        { SMPP_HAS_DEST_SUBUNIT, "dest_addr_subunit", m->dest_subunit },
        { SMPP_HAS_QOS_TTL, "qos_time_to_live", m->qos_ttl_s },
        { SMPP_HAS_USER_MESSAGE_REFERENCE, "user_message_reference", m->user_message_reference },
        { SMPP_HAS_SOURCE_PORT, "source_port", m->source_port },
        { SMPP_HAS_DESTINATION_PORT, "destination_port", m->destination_port },
        { SMPP_HAS_SAR_REF, "sar_msg_ref_num", m->sar_ref },
        { SMPP_HAS_SAR_TOTAL, "sar_total_segments", m->sar_total },
        { SMPP_HAS_SAR_INDEX, "sar_segment_seqnum", m->sar_index },
        { SMPP_HAS_NETWORK_ERROR, "network_error_code", m->network_error },
        { SMPP_HAS_MORE_MESSAGES, "more_messages_to_send", m->more_messages },
        { SMPP_HAS_MESSAGE_STATE, "message_state", m->message_state },
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        if ((m->tlvs & numbers[i].bit) != 0)
            decode_set_number(out, numbers[i].name, numbers[i].value);
    }
    if ((m->tlvs & SMPP_HAS_RECEIPTED_ID) != 0)
        decode_set_text(out, "receipted_message_id", m->receipted_id);
}

static void set_receipt(json_t *out, const struct smpp_message *message)
{
    struct smpp_receipt receipt;
    if (smpp_receipt_read(message, &receipt) != ERR_OK)
        return;
    json_t *object = json_object();
    decode_set_text(object, "id", receipt.message_id);
    decode_set_name(object, "stat", smpp_state_name(receipt.state));
    decode_set_bool(object, "final", smpp_state_is_final(receipt.state));
    if (receipt.error.len > 0)
        decode_set_text(object, "err", receipt.error);
    json_object_set_new(out, "receipt", object);
}

static void set_message(json_t *out, const struct smpp_message *m, bool data_sm)
{
    bool payload = (m->tlvs & SMPP_HAS_PAYLOAD) != 0;
    decode_set_text(out, "service_type", m->service_type);
    decode_set_address(out, "source_addr", &m->source);
    decode_set_address(out, "destination_addr", &m->destination);
    decode_set_hex_uint(out, "esm_class", m->esm_class, 1);
    if (!data_sm) {
        decode_set_hex_uint(out, "protocol_id", m->protocol_id, 1);
        decode_set_number(out, "priority_flag", m->priority_flag);
        decode_set_text(out, "schedule_delivery_time", m->schedule);
        decode_set_text(out, "validity_period", m->validity);
        decode_set_number(out, "replace_if_present_flag", m->replace_if_present);
        decode_set_number(out, "sm_default_msg_id", m->sm_default_msg_id);
        decode_set_number(out, "sm_length", payload ? 0 : m->text.len);
    }
    decode_set_hex_uint(out, "registered_delivery", m->registered_delivery, 1);
    decode_set_hex_uint(out, "data_coding", m->data_coding, 1);
    if (payload || !data_sm)
        decode_set_hex(out, payload ? "message_payload" : "short_message", m->text);
    set_tlvs(out, m);
    if ((m->esm_class & SMPP_ESM_UDHI) != 0)
        decode_set_udh(out, m->text);
    set_receipt(out, m);
}

static void set_bind(json_t *out, const struct smpp_bind *bind)
{
    decode_set_text(out, "system_id", bind->system_id);
    decode_set_name(out, "password", bind->password.len > 0 ? "(withheld)" : "");
    decode_set_text(out, "system_type", bind->system_type);
    decode_set_hex_uint(out, "interface_version", bind->interface_version, 1);
    decode_set_number(out, "addr_ton", bind->addr_ton);
    decode_set_number(out, "addr_npi", bind->addr_npi);
    decode_set_text(out, "address_range", bind->address_range);
}

static void set_replace(json_t *out, const struct smpp_replace *replace)
{
    decode_set_text(out, "message_id", replace->message_id);
    decode_set_address(out, "source_addr", &replace->source);
    decode_set_text(out, "schedule_delivery_time", replace->schedule);
    decode_set_text(out, "validity_period", replace->validity);
    decode_set_hex_uint(out, "registered_delivery", replace->registered_delivery, 1);
    decode_set_number(out, "sm_default_msg_id", replace->sm_default_msg_id);
    decode_set_hex(out, "short_message", replace->text);
}

static void set_query_resp(json_t *out, const struct smpp_query_resp *answer)
{
    decode_set_text(out, "message_id", answer->message_id);
    decode_set_text(out, "final_date", answer->final_date);
    decode_set_number(out, "message_state", answer->message_state);
    decode_set_number(out, "error_code", answer->error_code);
}

static void set_alert(json_t *out, const struct smpp_alert *alert)
{
    decode_set_address(out, "source_addr", &alert->source);
    decode_set_address(out, "esme_addr", &alert->esme);
    if (alert->has_availability)
        decode_set_number(out, "ms_availability_status", alert->availability);
}

static void set_request(json_t *out, const struct smpp_pdu *pdu)
{
    switch (pdu->header.id) {
    case SMPP_SUBMIT_SM:
    case SMPP_DELIVER_SM:
    case SMPP_DATA_SM:
        set_message(out, &pdu->message, pdu->header.id == SMPP_DATA_SM);
        break;
    case SMPP_BIND_RECEIVER:
    case SMPP_BIND_TRANSMITTER:
    case SMPP_BIND_TRANSCEIVER:
        set_bind(out, &pdu->bind);
        break;
    case SMPP_OUTBIND:
        decode_set_text(out, "system_id", pdu->bind.system_id);
        decode_set_name(out, "password", pdu->bind.password.len > 0 ? "(withheld)" : "");
        break;
    case SMPP_QUERY_SM:
        decode_set_text(out, "message_id", pdu->query.message_id);
        decode_set_address(out, "source_addr", &pdu->query.source);
        break;
    case SMPP_CANCEL_SM:
        decode_set_text(out, "service_type", pdu->cancel.service_type);
        decode_set_text(out, "message_id", pdu->cancel.message_id);
        decode_set_address(out, "source_addr", &pdu->cancel.source);
        decode_set_address(out, "destination_addr", &pdu->cancel.destination);
        break;
    case SMPP_REPLACE_SM:
        set_replace(out, &pdu->replace);
        break;
    case SMPP_ALERT_NOTIFICATION:
        set_alert(out, &pdu->alert);
        break;
    default:
        break;
    }
}

static void set_response(json_t *out, const struct smpp_pdu *pdu)
{
    switch (pdu->header.id & ~SMPP_RESP) {
    case SMPP_SUBMIT_SM:
    case SMPP_DELIVER_SM:
    case SMPP_DATA_SM:
        decode_set_text(out, "message_id", pdu->message_id);
        break;
    case SMPP_BIND_RECEIVER:
    case SMPP_BIND_TRANSMITTER:
    case SMPP_BIND_TRANSCEIVER:
        decode_set_text(out, "system_id", pdu->bind_resp.system_id);
        if (pdu->bind_resp.has_version)
            decode_set_hex_uint(out, "sc_interface_version", pdu->bind_resp.version, 1);
        break;
    case SMPP_QUERY_SM:
        set_query_resp(out, &pdu->query_resp);
        break;
    default:
        break;
    }
}

enum err decode_smpp(struct span in, json_t *out, size_t *at)
{
    struct smpp_pdu pdu;
    enum err err = smpp_pdu_read(in, &pdu, at);
    if (err != ERR_OK)
        return err;
    const struct smpp_header *header = &pdu.header;
    decode_set_name(out, "command", smpp_id_name(header->id));
    decode_set_number(out, "command_length", header->length);
    decode_set_hex_uint(out, "command_id", header->id, 4);
    decode_set_hex_uint(out, "command_status", header->status, 4);
    decode_set_name(out, "command_status_name", smpp_status_info(header->status).name);
    decode_set_number(out, "sequence_number", header->sequence);
    if ((header->id & SMPP_RESP) != 0)
        set_response(out, &pdu);
    else
        set_request(out, &pdu);
    return ERR_OK;
}
