/* Delivery receipts: by TLV, else by the customary text (SMPP 3.4 appendix B and what is seen in
 * the field).
 *
 *   id:I sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm stat:DDDDDDD err:EEE
 * text:... */
#ifndef IO_SMPP_RECEIPT_H
#define IO_SMPP_RECEIPT_H

#include "io/smpp/smpp_wire.h"

enum smpp_state { /* message_state, §5.2.28 */
                  SMPP_STATE_NONE,
                  SMPP_ENROUTE,
                  SMPP_DELIVERED,
                  SMPP_EXPIRED,
                  SMPP_DELETED,
                  SMPP_UNDELIVERABLE,
                  SMPP_ACCEPTED,
                  SMPP_UNKNOWN,
                  SMPP_REJECTED,
                  SMPP_STATES
};

struct smpp_receipt {
    struct span message_id; /* as received; borrowed from the message */
    enum smpp_state state;
    struct span error;     /* err: as received, for people; empty when none */
    bool has_network_code; /* from TLV 0423, else from a plain err: field */
    uint16_t network_code;
};

/* ERR_UNKNOWN: not a receipt (a message). ERR_MALFORMED: announced as one, but no id or no state to
 * be found. esm_class decides first: with UDHI, or another type than receipt or intermediate
 * notification, nothing is a receipt; under type 0 only a text with id, stat and a date, in full,
 * from its first octet. */
MUST_CHECK enum err smpp_receipt_read(const struct smpp_message *message, struct smpp_receipt *out);

/* Nothing more will come: all but ENROUTE, ACCEPTED and UNKNOWN. */
bool smpp_state_is_final(enum smpp_state state);

/* "DELIVRD", ...; "" for none. Static. */
const char *smpp_state_name(enum smpp_state state);

/* How an SMSC's receipts write the id that its submit_sm_resp gave. */
enum smpp_id_form { SMPP_ID_AS_IS, SMPP_ID_DEC_OF_HEX, SMPP_ID_HEX_OF_DEC, SMPP_ID_FORMS };

/* Key of an id as submit_sm_resp gave it: case and leading zeros do not count. 0 for an empty id.
 */
uint64_t smpp_id_key(struct span message_id);

/* The key that the submission's id had, if this receipt's id is written in `form`: a receipt's
 * 1563400705 is 5d2f9a01 under DEC_OF_HEX. 0 when the id cannot be written so. Try the three
 * against the open ids to learn which an SMSC uses. */
uint64_t smpp_id_key_in(struct span message_id, enum smpp_id_form form);

#endif
