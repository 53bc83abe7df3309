/* Short message TPDUs (TS 23.040 §9.2): SMS-DELIVER, SMS-SUBMIT, SMS-DELIVER-REPORT.
 *
 *   DELIVER  first OA PID DCS SCTS(7) UDL UD
 *   SUBMIT   first MR DA PID DCS VP(0,1,7) UDL UD
 *   REPORT   first [FCS] PI [PID] [DCS] [UDL UD]      FCS in an RP-ERROR only
 *
 * Address: digit count, type octet 1 TON(3) NPI(4), digits nibble-swapped, odd filled with F. */
#ifndef IO_SMS_TPDU_H
#define IO_SMS_TPDU_H

#include "io/sms/sms_address.h"

#define SMS_UD_MAX 140u         /* octets of TP-UD in DELIVER and SUBMIT */
#define SMS_REPORT_ACK_MAX 159u /* TP-UD octets of a report in an RP-ACK, §9.2.2.1a */
#define SMS_REPORT_ERROR_MAX 158u
#define SMS_PID_USIM_DOWNLOAD 0x7F /* §9.2.3.9 */
#define SMS_DCS_CLASS2_8BIT 0xF6   /* TS 23.038 §4 */

struct sms_deliver {
    bool no_more_messages; /* TP-MMS as on the wire: 1 = none waiting */
    bool loop_prevention;
    bool status_report; /* TP-SRI */
    bool udhi;
    bool reply_path;
    struct sms_address origin;
    uint8_t pid;
    uint8_t dcs;
    uint8_t scts[7]; /* nibble-swapped YYMMDDhhmmss and quarter hours */
    uint8_t udl;     /* octets, or septets when the DCS says 7-bit */
    struct span ud;  /* borrowed */
};

enum sms_vpf { SMS_VPF_NONE, SMS_VPF_ENHANCED, SMS_VPF_RELATIVE, SMS_VPF_ABSOLUTE };

struct sms_submit {
    bool reject_duplicates;
    bool status_report; /* TP-SRR */
    bool udhi;
    bool reply_path;
    uint8_t reference; /* TP-MR */
    uint8_t vpf;       /* enum sms_vpf; how many octets of `vp` count: 0, 7, 1, 7 */
    uint8_t vp[7];
    struct sms_address destination;
    uint8_t pid;
    uint8_t dcs;
    uint8_t udl;
    struct span ud;
};

struct sms_deliver_report {
    bool error; /* in an RP-ERROR; told by the transport, not by the TPDU */
    bool udhi;  /* a card cannot set it: read the data as if it were set */
    uint8_t fcs;
    bool has_pid, has_dcs, has_ud;
    uint8_t pid;
    uint8_t dcs;
    uint8_t udl;
    struct span ud;
};

/* Each reads one TPDU filling all of `in`: ERR_SHORT, ERR_TRAILING, ERR_MALFORMED (type, digit,
 * vpf), ERR_RANGE (an address or user data too long), ERR_UNSUPPORTED (alphanumeric address with
 * letters outside ASCII). On an error `*at`, when given, is the offset of the field that failed. */
MUST_CHECK enum err sms_deliver_read(struct span in, struct sms_deliver *out, size_t *at);
MUST_CHECK enum err sms_submit_read(struct span in, struct sms_submit *out, size_t *at);
MUST_CHECK enum err sms_deliver_report_read(struct span in, bool error,
                                            struct sms_deliver_report *out, size_t *at);

/* Append. ERR_RANGE in the writer when a field cannot be carried. */
void sms_deliver_write(struct writer *out, const struct sms_deliver *deliver);
void sms_submit_write(struct writer *out, const struct sms_submit *submit);
void sms_deliver_report_write(struct writer *out, const struct sms_deliver_report *report);

#endif
