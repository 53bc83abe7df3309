/* Field types that SMPP bodies share: within io/smpp only. */
#ifndef IO_SMPP_TEXT_H
#define IO_SMPP_TEXT_H

#include "io/smpp/smpp_wire.h"

/* C-octet string of at most `cap` octets, NUL included; returned without it. ERR_RANGE when no NUL stands
 * among `cap` octets. */
struct span smpp_text_read(struct reader *r, size_t cap);
void smpp_text_write(struct writer *w, struct span text, size_t cap);

/* Empty, or 16 characters. */
struct span smpp_time_read(struct reader *r);
void smpp_time_write(struct writer *w, struct span time);

/* TON, NPI, digits of at most `cap` octets. More than SMS_DIGITS_MAX digits: ERR_RANGE. */
void smpp_address_read(struct reader *r, size_t cap, struct sms_address *out);
void smpp_address_write(struct writer *w, const struct sms_address *address);

/* Body of submit_sm and deliver_sm, or of data_sm, TLVs included. */
void smpp_message_read(struct reader *r, bool data_sm, struct smpp_message *out);

#endif
