/* The few SMPP 3.4 PDUs an SMSC reads and writes, written apart from the engine's codec.
 *
 *   command_length(4) command_id(4) command_status(4) sequence_number(4) body { TLV } */
#ifndef BENCH_FLEET_SMSC_PDU_H
#define BENCH_FLEET_SMSC_PDU_H

#include "base/span.h"

#define PDU_HEADER_LEN 16u
#define PDU_MAX 4096u
#define PDU_RESP 0x80000000u

enum {
    PDU_BIND_RECEIVER = 0x1,
    PDU_BIND_TRANSMITTER = 0x2,
    PDU_SUBMIT_SM = 0x4,
    PDU_DELIVER_SM = 0x5,
    PDU_UNBIND = 0x6,
    PDU_BIND_TRANSCEIVER = 0x9,
    PDU_ENQUIRE_LINK = 0x15,
};

enum {
    ESME_ROK = 0x00,
    ESME_RINVMSGLEN = 0x01,
    ESME_RINVCMDLEN = 0x02,
    ESME_RINVCMDID = 0x03,
    ESME_RINVBNDSTS = 0x04,
    ESME_RALYBND = 0x05,
    ESME_RSYSERR = 0x08,
    ESME_RINVDSTADR = 0x0B,
    ESME_RBINDFAIL = 0x0D,
    ESME_RINVPASWD = 0x0E,
    ESME_RINVSYSID = 0x0F,
    ESME_RMSGQFUL = 0x14,
    ESME_RTHROTTLED = 0x58,
    ESME_RX_T_APPN = 0x64,
};

struct pdu_header {
    uint32_t length;
    uint32_t id;
    uint32_t status;
    uint32_t sequence;
};

struct pdu_address {
    uint8_t ton;
    uint8_t npi;
    struct span digits;
};

struct pdu_bind {
    struct span system_id;
    struct span password;
};

/* submit_sm as read, deliver_sm as written. Borrowed. */
struct pdu_message {
    struct pdu_address source;
    struct pdu_address destination;
    struct span validity;
    struct span text;
    uint8_t esm_class;
    uint8_t protocol_id;
    uint8_t registered_delivery;
    uint8_t data_coding;
    struct span receipted_id; /* written as TLV 001E unless empty */
    uint8_t message_state;    /* TLV 0427 unless 0 */
    uint16_t report_tag;      /* TLV with the octets of `report` unless 0 */
    struct span report;
};

MUST_CHECK enum err pdu_header_read(struct span in, struct pdu_header *out);
MUST_CHECK enum err pdu_bind_read(struct span body, struct pdu_bind *out);
MUST_CHECK enum err pdu_submit_read(struct span body, struct pdu_message *out);

void pdu_header_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence);
void pdu_bind_resp_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence);
void pdu_submit_resp_write(struct writer *out, uint32_t sequence, struct span message_id);
void pdu_deliver_write(struct writer *out, uint32_t sequence, const struct pdu_message *message);

/* Validity period as nanoseconds from now; `epoch_s` is UTC now. The default when it is empty.
 * ERR_MALFORMED. (SMPP 3.4 §7.1.1) */
MUST_CHECK enum err pdu_validity_read(struct span text, uint64_t epoch_s, uint64_t *ns);

/* YYMMDDhhmm and a NUL. */
#define PDU_DATE_CAP 11
void pdu_date(uint64_t epoch_s, char out[PDU_DATE_CAP]);
#endif
