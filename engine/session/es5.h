/* Typed ES5 operations (SGP.02 §4.1.1): from the operation to C-APDUs, from R-APDUs to what they
 * say. */
#ifndef ENGINE_SESSION_ES5_H
#define ENGINE_SESSION_ES5_H

#include "base/fault.h"
#include "engine/session/apdu.h"

#define ES5_AID_LEN 16u
#define ES5_COMMANDS_MAX 4u
#define ES5_COMMAND_OCTETS 128u
#define ES5_PROFILES_MAX 32u

enum es5_kind { ES5_AUDIT, ES5_DELETE_PROFILE, ES5_KINDS };

/* An operation's C-APDUs, in memory of its own: c_apdus point into `octets`. Do not copy. */
struct es5_commands {
    size_t count;
    struct span c_apdus[ES5_COMMANDS_MAX];
    uint8_t octets[ES5_COMMAND_OCTETS];
};

/* eUICCCapabilityAudit: GET DATA FF21, GET STATUS of all ISD-Ps. */
void es5_audit(struct es5_commands *out);

/* DeleteProfile. `aid` is an ISD-P's: ERR_MALFORMED when es5_isdp_check refuses it. */
MUST_CHECK enum err es5_delete_profile(const uint8_t aid[ES5_AID_LEN], struct es5_commands *out);

/* A0000005591010FFFFFFFF89 00 xxxx 00 with xxxx from 0010 on (0000..000F are ISD-R, ECASD and
 * others). */
MUST_CHECK enum err es5_isdp_check(const uint8_t aid[ES5_AID_LEN]);

/* From text: an AID of 32 hexadecimal digits, or an ISD-P's TAR of 6. The fault says what is wrong.
 */
MUST_CHECK enum err es5_isdp_from_text(struct span text, uint8_t aid[ES5_AID_LEN],
                                       struct fault *fault);

/* "audit", "delete-profile" → kind; ERR_UNKNOWN. */
MUST_CHECK enum err es5_kind_from_text(struct span text, enum es5_kind *out);
const char *es5_kind_name(enum es5_kind kind);

enum es5_isdp_state { /* 9F70 */
                      ES5_INSTALLED = 0x03,
                      ES5_SELECTABLE = 0x07,
                      ES5_PERSONALISED = 0x0F,
                      ES5_DISABLED = 0x1F,
                      ES5_ENABLED = 0x3F,
};

struct es5_profile {
    struct span aid; /* 4F, borrowed */
    uint8_t state;   /* 9F70 as received: enum es5_isdp_state */
    bool fallback;   /* 53 */
    bool has_memory; /* 8F: non-volatile octets */
    uint32_t memory;
};

struct es5_audit {
    bool has_resources;
    uint32_t applications;      /* FF21 81 */
    uint32_t free_non_volatile; /* FF21 82, octets */
    uint32_t free_volatile;     /* FF21 83 */
    size_t profile_count;
    struct es5_profile profiles[ES5_PROFILES_MAX];
    bool more; /* SW 6310, or more than ES5_PROFILES_MAX: the list is not whole */
};

/* The two R-APDUs of es5_audit, in order. Data after a failing SW is not read. Unknown tags are
 * skipped; ERR_SHORT, ERR_MALFORMED when the TLVs make no sense, ERR_UNEXPECTED with fewer than two
 * answers or a failing SW (what could be read is in `out`). */
MUST_CHECK enum err es5_audit_read(const struct script_response *response, struct es5_audit *out);

const char *es5_state_name(uint8_t state); /* "enabled", ...; "unknown". Static. */

#endif
