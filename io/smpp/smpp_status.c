/* What each command_status means for an ESME. */
#include "io/smpp/smpp_status.h"

#include "base/check.h"

#define VENDOR_FIRST 0x400u
#define VENDOR_LAST 0x4FFu
#define SYSERR_TRIES 3
#define SUBMITFAIL_TRIES 3
#define ONCE_MORE 2

/* clang-format off */
static const struct row {
    uint16_t status;
    uint8_t class;
    uint8_t tries;
    const char *name;
} rows[] = {
    { 0x00, SMPP_DONE,      0, "ESME_ROK" },
    { 0x01, SMPP_PERMANENT, 0, "ESME_RINVMSGLEN" },
    { 0x02, SMPP_REBIND,    0, "ESME_RINVCMDLEN" }, /* framing may be lost */
    { 0x03, SMPP_BUG,       0, "ESME_RINVCMDID" },
    { 0x04, SMPP_REBIND,    0, "ESME_RINVBNDSTS" },
    { 0x05, SMPP_REBIND,    0, "ESME_RALYBND" },
    { 0x06, SMPP_CONFIG,    0, "ESME_RINVPRTFLG" },
    { 0x07, SMPP_CONFIG,    0, "ESME_RINVREGDLVFLG" },
    { 0x08, SMPP_RETRY,     SYSERR_TRIES, "ESME_RSYSERR" },
    { 0x0A, SMPP_CONFIG,    0, "ESME_RINVSRCADR" },
    { 0x0B, SMPP_PERMANENT, 0, "ESME_RINVDSTADR" },
    { 0x0C, SMPP_PERMANENT, 0, "ESME_RINVMSGID" },
    { 0x0D, SMPP_REBIND,    0, "ESME_RBINDFAIL" },
    { 0x0E, SMPP_CONFIG,    0, "ESME_RINVPASWD" },
    { 0x0F, SMPP_CONFIG,    0, "ESME_RINVSYSID" },
    { 0x11, SMPP_PERMANENT, 0, "ESME_RCANCELFAIL" },
    { 0x13, SMPP_PERMANENT, 0, "ESME_RREPLACEFAIL" },
    { 0x14, SMPP_RETRY,     0, "ESME_RMSGQFUL" },
    { 0x15, SMPP_CONFIG,    0, "ESME_RINVSERTYP" },
    { 0x33, SMPP_BUG,       0, "ESME_RINVNUMDESTS" },
    { 0x34, SMPP_BUG,       0, "ESME_RINVDLNAME" },
    { 0x40, SMPP_BUG,       0, "ESME_RINVDESTFLAG" },
    { 0x42, SMPP_BUG,       0, "ESME_RINVSUBREP" },
    { 0x43, SMPP_CONFIG,    0, "ESME_RINVESMCLASS" },
    { 0x44, SMPP_BUG,       0, "ESME_RCNTSUBDL" },
    { 0x45, SMPP_RETRY,     SUBMITFAIL_TRIES, "ESME_RSUBMITFAIL" },
    { 0x48, SMPP_CONFIG,    0, "ESME_RINVSRCTON" },
    { 0x49, SMPP_CONFIG,    0, "ESME_RINVSRCNPI" },
    { 0x50, SMPP_CONFIG,    0, "ESME_RINVDSTTON" },
    { 0x51, SMPP_CONFIG,    0, "ESME_RINVDSTNPI" },
    { 0x53, SMPP_CONFIG,    0, "ESME_RINVSYSTYP" },
    { 0x54, SMPP_CONFIG,    0, "ESME_RINVREPFLAG" },
    { 0x55, SMPP_CONFIG,    0, "ESME_RINVNUMMSGS" },
    { 0x58, SMPP_THROTTLE,  0, "ESME_RTHROTTLED" },
    { 0x61, SMPP_CONFIG,    0, "ESME_RINVSCHED" },
    { 0x62, SMPP_CONFIG,    0, "ESME_RINVEXPIRY" },
    { 0x63, SMPP_BUG,       0, "ESME_RINVDFTMSGID" },
    { 0x64, SMPP_RETRY,     0, "ESME_RX_T_APPN" },
    { 0x65, SMPP_PERMANENT, 0, "ESME_RX_P_APPN" },
    { 0x66, SMPP_PERMANENT, 0, "ESME_RX_R_APPN" },
    { 0x67, SMPP_PERMANENT, 0, "ESME_RQUERYFAIL" },
    { 0xC0, SMPP_CONFIG,    0, "ESME_RINVOPTPARSTREAM" },
    { 0xC1, SMPP_CONFIG,    0, "ESME_ROPTPARNOTALLWD" },
    { 0xC2, SMPP_CONFIG,    0, "ESME_RINVPARLEN" },
    { 0xC3, SMPP_CONFIG,    0, "ESME_RMISSINGOPTPARAM" },
    { 0xC4, SMPP_CONFIG,    0, "ESME_RINVOPTPARAMVAL" },
    { 0xFE, SMPP_PERMANENT, 0, "ESME_RDELIVERYFAILURE" },
    { 0xFF, SMPP_RETRY,     ONCE_MORE, "ESME_RUNKNOWNERR" },
    /* SMPP 5.0 */
    { 0x100, SMPP_CONFIG,   0, "ESME_RSERTYPUNAUTH" },
    { 0x101, SMPP_CONFIG,   0, "ESME_RPROHIBITED" },
    { 0x102, SMPP_CONFIG,   0, "ESME_RSERTYPUNAVAIL" },
    { 0x103, SMPP_CONFIG,   0, "ESME_RSERTYPDENIED" },
    { 0x104, SMPP_CONFIG,   0, "ESME_RINVDCS" },
    { 0x105, SMPP_CONFIG,   0, "ESME_RINVSRCADDRSUBUNIT" },
    { 0x106, SMPP_CONFIG,   0, "ESME_RINVDSTADDRSUBUNIT" },
    { 0x107, SMPP_CONFIG,   0, "ESME_RINVBCASTFREQINT" },
    { 0x108, SMPP_CONFIG,   0, "ESME_RINVBCASTALIAS_NAME" },
    { 0x109, SMPP_CONFIG,   0, "ESME_RINVBCASTAREAFMT" },
    { 0x10A, SMPP_CONFIG,   0, "ESME_RINVNUMBCAST_AREAS" },
    { 0x10B, SMPP_CONFIG,   0, "ESME_RINVBCASTCNTTYPE" },
    { 0x10C, SMPP_CONFIG,   0, "ESME_RINVBCASTMSGCLASS" },
    { 0x10D, SMPP_CONFIG,   0, "ESME_RBCASTFAIL" },
    { 0x10E, SMPP_CONFIG,   0, "ESME_RBCASTQUERYFAIL" },
    { 0x10F, SMPP_CONFIG,   0, "ESME_RBCASTCANCELFAIL" },
    { 0x110, SMPP_CONFIG,   0, "ESME_RINVBCAST_REP" },
    { 0x111, SMPP_CONFIG,   0, "ESME_RINVBCASTSRVGRP" },
    { 0x112, SMPP_CONFIG,   0, "ESME_RINVBCASTCHANIND" },
};
/* clang-format on */

static struct smpp_status_info info_of(const struct row *row)
{
    return (struct smpp_status_info){ .class = row->class, .tries = row->tries, .name = row->name };
}

struct smpp_status_info smpp_status_info(uint32_t status)
{
    if (status == 0)
        return info_of(&rows[0]);
    for (size_t i = 1; i < COUNT(rows); i++) {
        if (rows[i].status == status)
            return info_of(&rows[i]);
    }
    if (status >= VENDOR_FIRST && status <= VENDOR_LAST)
        return (
            struct smpp_status_info){ .class = SMPP_RETRY, .tries = ONCE_MORE, .name = "vendor" };
    return (struct smpp_status_info){ .class = SMPP_PERMANENT, .name = "reserved" };
}

const char *smpp_class_name(enum smpp_class class)
{
    static const char *const names[SMPP_CLASSES] = {
        [SMPP_DONE] = "ok",           [SMPP_RETRY] = "retry",
        [SMPP_THROTTLE] = "throttle", [SMPP_PERMANENT] = "permanent",
        [SMPP_REBIND] = "rebind",     [SMPP_CONFIG] = "config",
        [SMPP_BUG] = "bug",
    };
    ASSERT(class < SMPP_CLASSES);
    return names[class];
}
