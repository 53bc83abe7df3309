/* SMPP 3.4 PDUs: layout only.
 *
 *   command_length(4) command_id(4) command_status(4) sequence_number(4) body { TLV }
 *
 * Texts are borrowed spans without their NUL. TLVs: those named below are read into the message,
 * unknown ones are skipped; a known one with a length that is not its own is ERR_MALFORMED. */
#ifndef IO_SMPP_WIRE_H
#define IO_SMPP_WIRE_H

#include "io/sms/sms_address.h"
#include "io/sms/sms_udh.h"

#define SMPP_HEADER_LEN 16u
#define SMPP_PDU_MAX (65536u + 512u) /* a message_payload of 64 KiB and everything round it */
#define SMPP_SHORT_MESSAGE_MAX 254u
#define SMPP_SEQUENCE_MAX 0x7FFFFFFFu
#define SMPP_SUBMIT_MAX 512u /* octets of a submit_sm whose user data is a short_message */

enum smpp_id {
    SMPP_BIND_RECEIVER = 0x00000001,
    SMPP_BIND_TRANSMITTER = 0x00000002,
    SMPP_QUERY_SM = 0x00000003,
    SMPP_SUBMIT_SM = 0x00000004,
    SMPP_DELIVER_SM = 0x00000005,
    SMPP_UNBIND = 0x00000006,
    SMPP_REPLACE_SM = 0x00000007,
    SMPP_CANCEL_SM = 0x00000008,
    SMPP_BIND_TRANSCEIVER = 0x00000009,
    SMPP_OUTBIND = 0x0000000B,
    SMPP_ENQUIRE_LINK = 0x00000015,
    SMPP_SUBMIT_MULTI = 0x00000021,
    SMPP_ALERT_NOTIFICATION = 0x00000102,
    SMPP_DATA_SM = 0x00000103,
};

#define SMPP_RESP 0x80000000u
#define SMPP_GENERIC_NACK 0x80000000u

struct smpp_header {
    uint32_t length; /* of the whole PDU; written by us */
    uint32_t id;
    uint32_t status;
    uint32_t sequence;
};

/* esm_class (§5.2.12) */
#define SMPP_ESM_UDHI 0x40u
#define SMPP_ESM_TYPE 0x3Cu
#define SMPP_ESM_RECEIPT 0x04u
#define SMPP_ESM_INTERMEDIATE 0x20u

/* Which TLVs a message carries: bits of smpp_message.tlvs. */
enum smpp_tlv_bit {
    SMPP_HAS_USER_MESSAGE_REFERENCE = 1 << 0, /* 0204 */
    SMPP_HAS_MORE_MESSAGES = 1 << 1,          /* 0426 */
    SMPP_HAS_PAYLOAD = 1 << 2,                /* 0424: short_message was empty, `text` is this */
    SMPP_HAS_RECEIPTED_ID = 1 << 3,           /* 001E */
    SMPP_HAS_MESSAGE_STATE = 1 << 4,          /* 0427 */
    SMPP_HAS_NETWORK_ERROR = 1 << 5,          /* 0423 */
    SMPP_HAS_SAR_REF = 1 << 6,                /* 020C */
    SMPP_HAS_SAR_TOTAL = 1 << 7,              /* 020E */
    SMPP_HAS_SAR_INDEX = 1 << 8,              /* 020F */
    SMPP_HAS_DEST_SUBUNIT = 1 << 9,           /* 0005 */
    SMPP_HAS_QOS_TTL = 1 << 10,               /* 0017 */
    SMPP_HAS_SOURCE_PORT = 1 << 11,           /* 020A */
    SMPP_HAS_DESTINATION_PORT = 1 << 12,      /* 020B */
};

/* submit_sm, deliver_sm and data_sm. In data_sm the fields marked * are absent. */
struct smpp_message {
    struct span service_type;
    struct sms_address source;
    struct sms_address destination;
    uint8_t esm_class;
    uint8_t protocol_id;   /* * */
    uint8_t priority_flag; /* * */
    uint8_t registered_delivery;
    uint8_t replace_if_present; /* * */
    uint8_t data_coding;
    uint8_t sm_default_msg_id; /* * */
    struct span schedule;      /* * empty or 16 characters */
    struct span validity;      /* * likewise */
    struct span text;          /* user data: short_message, or message_payload with its bit set */

    uint32_t tlvs; /* enum smpp_tlv_bit */
    uint16_t user_message_reference;
    uint8_t more_messages;
    uint8_t message_state; /* enum smpp_state, not judged */
    uint8_t network_error_type;
    uint16_t network_error;
    uint16_t sar_ref;
    uint8_t sar_total;
    uint8_t sar_index;
    uint8_t dest_subunit;
    uint32_t qos_ttl_s;
    uint16_t source_port;
    uint16_t destination_port;
    struct span receipted_id;
};

struct smpp_bind {
    struct span system_id;
    struct span password; /* secret: never printed */
    struct span system_type;
    uint8_t interface_version;
    uint8_t addr_ton;
    uint8_t addr_npi;
    struct span address_range;
};

struct smpp_bind_resp {
    struct span system_id;
    bool has_version;
    uint8_t version; /* TLV sc_interface_version */
};

struct smpp_query {
    struct span message_id;
    struct sms_address source;
};

struct smpp_query_resp {
    struct span message_id;
    struct span final_date;
    uint8_t message_state;
    uint8_t error_code;
};

struct smpp_cancel {
    struct span service_type;
    struct span message_id;
    struct sms_address source;
    struct sms_address destination;
};

struct smpp_replace {
    struct span message_id;
    struct sms_address source;
    struct span schedule;
    struct span validity;
    uint8_t registered_delivery;
    uint8_t sm_default_msg_id;
    struct span text;
};

struct smpp_alert {
    struct sms_address source;
    struct sms_address esme;
    bool has_availability;
    uint8_t availability;
};

/* One PDU; which member counts follows from header.id. */
struct smpp_pdu {
    struct smpp_header header;
    union {
        struct smpp_bind bind; /* the three binds; outbind (system_id, password) */
        struct smpp_bind_resp bind_resp;
        struct smpp_message message; /* submit_sm, deliver_sm, data_sm */
        struct span message_id;      /* their responses */
        struct smpp_query query;
        struct smpp_query_resp query_resp;
        struct smpp_cancel cancel;
        struct smpp_replace replace;
        struct smpp_alert alert;
    };
};

/* The first 16 octets. ERR_SHORT when there are fewer; ERR_LENGTH when command_length is below 16
 * or above SMPP_PDU_MAX: such a stream cannot be resynchronised. */
MUST_CHECK enum err smpp_header_read(struct span in, struct smpp_header *out);

/* One whole PDU filling all of `in`. `out->header` is set whenever it could be read.
 * ERR_UNSUPPORTED for a command_id without a body here (submit_multi, unknown ones); ERR_SHORT,
 * ERR_TRAILING, ERR_LENGTH, ERR_RANGE (text or address longer than allowed), ERR_MALFORMED. A
 * response with an error status may be without its body. On an error `*at`, when given, is the
 * offset of the field that failed. */
MUST_CHECK enum err smpp_pdu_read(struct span in, struct smpp_pdu *out, size_t *at);

/* Appends a whole PDU, command_length computed. On an error status a response is written without
 * body. */
void smpp_pdu_write(struct writer *out, const struct smpp_pdu *pdu);

/* The same without the union, for the data path: `id` is SMPP_SUBMIT_SM, SMPP_DELIVER_SM or
 * SMPP_DATA_SM. */
void smpp_message_write(struct writer *out, uint32_t id, uint32_t sequence,
                        const struct smpp_message *message);

/* A PDU that is only its header: enquire_link, unbind, their responses, generic_nack, refusals. */
void smpp_header_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence);

/* The user data for sms_ud_classify. */
struct sms_ud_source smpp_message_ud(const struct smpp_message *message);

/* "submit_sm", "deliver_sm_resp", ...; NULL when unknown. Static. */
const char *smpp_id_name(uint32_t id);

#define SMPP_TIME_LEN 16u
#define SMPP_RELATIVE_MAX_S (30u * 86400u)

/* Relative time (§7.1.1), `000001000000000R` for a day; over 30 days it is 30 days. No NUL. */
void smpp_relative_time(uint32_t seconds, char out[SMPP_TIME_LEN]);

#endif
