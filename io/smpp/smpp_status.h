/* command_status (SMPP 3.4 §5.1.3) and what an ESME does about each. */
#ifndef IO_SMPP_STATUS_H
#define IO_SMPP_STATUS_H

#include <stdint.h>

enum smpp_class {
    SMPP_DONE,
    SMPP_RETRY,     /* R: the same message later */
    SMPP_THROTTLE,  /* T: slow the bind, then retry */
    SMPP_PERMANENT, /* P: this message is dead */
    SMPP_REBIND,    /* B: close and bind again */
    SMPP_CONFIG,    /* C: stop the bind or route, alarm */
    SMPP_BUG,       /* X: ours or theirs; fail the message */
    SMPP_CLASSES
};

enum smpp_status {
    SMPP_ROK = 0x00,
    SMPP_RINVMSGLEN = 0x01,
    SMPP_RINVCMDLEN = 0x02,
    SMPP_RINVCMDID = 0x03,
    SMPP_RINVBNDSTS = 0x04,
    SMPP_RALYBND = 0x05,
    SMPP_RSYSERR = 0x08,
    SMPP_RINVSRCADR = 0x0A,
    SMPP_RINVDSTADR = 0x0B,
    SMPP_RBINDFAIL = 0x0D,
    SMPP_RINVPASWD = 0x0E,
    SMPP_RINVSYSID = 0x0F,
    SMPP_RMSGQFUL = 0x14,
    SMPP_RTHROTTLED = 0x58,
    SMPP_RX_T_APPN = 0x64,
    SMPP_RX_P_APPN = 0x65,
    SMPP_RX_R_APPN = 0x66,
    SMPP_RUNKNOWNERR = 0xFF,
};

struct smpp_status_info {
    enum smpp_class class;
    uint8_t tries;    /* in all, when the class is RETRY: after that permanent; 0: no such limit */
    const char *name; /* "ESME_RTHROTTLED"; "vendor" or "reserved" outside the table. Static. */
};

struct smpp_status_info smpp_status_info(uint32_t status);

static inline enum smpp_class smpp_status_class(uint32_t status)
{
    return smpp_status_info(status).class;
}

/* "retry", "throttle", ... for counters and logs. Static. */
const char *smpp_class_name(enum smpp_class class);

#endif
