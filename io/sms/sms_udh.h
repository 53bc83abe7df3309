/* User data header (TS 23.040 §9.2.3.24) and what a message's user data is to us (TS 31.115 §4).
 *
 *   UDHL { IEI IEIDL data }*  payload        UDHL does not count itself
 *   00 03 ref total index    concatenation, 8-bit reference
 *   08 04 ref(2) total index the same, 16-bit
 *   70 00 / 71 00            a command / response packet starts here */
#ifndef IO_SMS_UDH_H
#define IO_SMS_UDH_H

#include "base/span.h"

enum sms_identifier { SMS_NO_IDENTIFIER = 0, SMS_COMMAND = 0x70, SMS_RESPONSE = 0x71 };

struct sms_udh {
    uint8_t udhl;
    uint8_t identifier; /* enum sms_identifier */
    uint8_t ref_bits;   /* 0: no concatenation element; else 8 or 16 */
    uint8_t total;      /* as on the wire, not yet judged: 0 and index > total are possible */
    uint8_t index;      /* as on the wire: 1..total */
    uint16_t ref;
};

/* Reads the header; `*payload` is what follows. Any order, unknown elements ignored, of a repeated
 * one the last counts. ERR_SHORT, ERR_MALFORMED (an element crosses the header's end or has a
 * length that is not its own, both identifiers). */
MUST_CHECK enum err sms_udh_read(struct span ud, struct sms_udh *out, struct span *payload);

/* Appends it, identifier before concatenation; `udhl` is computed. */
void sms_udh_write(struct writer *out, const struct sms_udh *udh);

/* User data as a deliver_sm or data_sm brought it. */
struct sms_ud_source {
    struct span ud;
    bool udhi;     /* esm_class said so */
    bool resolved; /* came in message_payload: the SMSC may have joined the segments */
    bool sar;      /* sar_* TLVs present */
    uint8_t sar_total;
    uint8_t sar_index;
    uint16_t sar_ref;
};

enum sms_ud_kind {
    SMS_UD_WHOLE, /* one message, one packet: identifier and octets are there */
    SMS_UD_PART,  /* for sms_concat */
    SMS_UD_NOT_OURS,
};

struct sms_ud {
    enum sms_ud_kind kind;
    bool udhi_lost;  /* recognised by its pattern although esm_class had no UDHI */
    bool headerless; /* the SMSC took the header away: identifier found, or to be found once joined,
                        by the packet's own lengths */
    struct sms_udh udh; /* header as read, or as the sar_* TLVs tell it (then ref_bits is 16) */
    struct span octets; /* packet octets; borrowed */
};

/* ERR_OK also for SMS_UD_NOT_OURS; an error only for a header that was promised (UDHI) and is
 * broken. */
MUST_CHECK enum err sms_ud_classify(const struct sms_ud_source *source, struct sms_ud *out);

/* Which packet this is by its own lengths (CPL = the octets that follow, CHL or RHL a legal value),
 * for packets that lost their header; SMS_NO_IDENTIFIER when neither. */
enum sms_identifier sms_packet_identifier(struct span packet);

#endif
