/* Command scripts and response scripts (TS 102 226 §5): what is inside a secured packet.
 *
 *   compact   C-APDU C-APDU ...                        answer: count, SW, data of the last
 *   expanded  AA L { 22 L C-APDU }   or  AE 80 { } 00 00
 *   answer    AB L 80 01 nn { 23 L data SW1 SW2 }      or  AF 80 { } 00 00
 *
 * The format follows from the target application, never from the octets. */
#ifndef ENGINE_SESSION_APDU_H
#define ENGINE_SESSION_APDU_H

#include "base/span.h"

#define C_APDU_MAX 261u /* CLA INS P1 P2 Lc 255 octets Le */
#define SCRIPT_COMMANDS_MAX 64u

enum script_format { SCRIPT_EXPANDED, SCRIPT_COMPACT };

enum script_chaining { /* tag 83 in a command script; 0: none */
                       SCRIPT_CHAIN_NONE = 0x00,
                       SCRIPT_CHAIN_FIRST = 0x01,
                       SCRIPT_CHAIN_SUBSEQUENT = 0x02,
                       SCRIPT_CHAIN_LAST = 0x03,
                       SCRIPT_CHAIN_FIRST_KEPT = 0x11, /* survives a card reset */
};

/* A short-form command of case 1 to 4: ERR_SHORT, ERR_LENGTH when Lc and the octets disagree. */
MUST_CHECK enum err c_apdu_check(struct span c_apdu);

/* Octets that script_expanded_write makes. */
size_t script_expanded_len(const struct span *c_apdus, size_t count);

/* Appends a definite expanded script. ERR_RANGE in the writer above 65535 octets. */
void script_expanded_write(struct writer *out, const struct span *c_apdus, size_t count);

/* Appends the indefinite form (HTTPS). */
void script_indefinite_write(struct writer *out, const struct span *c_apdus, size_t count);

/* Appends a compact script. ERR_LENGTH in the writer for a C-APDU that would not be delimited: a
 * case 4 command, or a case 1 command of four octets (P3 is always there in this format). */
void script_compact_write(struct writer *out, const struct span *c_apdus, size_t count);

struct script {
    bool indefinite;
    uint8_t chaining;   /* enum script_chaining */
    uint32_t tlv_count; /* command TLVs of all kinds: what the executed count counts */
    size_t count;       /* C-APDUs */
    struct span c_apdus[SCRIPT_COMMANDS_MAX];
    bool has_immediate;
    bool has_error_action;
    struct span immediate;    /* 81 */
    struct span error_action; /* 82; may be empty */
};

/* ERR_SHORT, ERR_TRAILING, ERR_LENGTH, ERR_MALFORMED (unknown or misplaced TLV, an indefinite form
 * without its end), ERR_FULL (more than SCRIPT_COMMANDS_MAX). On an error `*at`, when given, is the
 * offset of the octet that failed. */
MUST_CHECK enum err script_expanded_read(struct span in, struct script *out, size_t *at);
MUST_CHECK enum err script_compact_read(struct span in, struct script *out, size_t *at);

struct r_apdu {
    struct span data; /* borrowed */
    uint16_t sw;
};

struct script_response {
    bool indefinite;
    bool has_executed;   /* never in the indefinite form */
    uint32_t executed;   /* command TLVs run, the failing one included */
    size_t r_apdu_count; /* in command order; compact: at most one, that of the last command run */
    struct r_apdu r_apdus[SCRIPT_COMMANDS_MAX];
    uint8_t bad_format; /* 90: 01 unknown tag, 02 wrong length, 03 length not found; 0: none */
    uint8_t chaining;   /* 83: 01 no previous script, 02 not supported, 03 unable; 0: none */
    bool has_immediate;
    struct span immediate; /* 81 */
};

/* Empty `in` is an answer too: nothing executed is told, no R-APDU (for example of a trigger).
 * Unknown response TLVs are skipped. Errors as above. */
MUST_CHECK enum err script_expanded_response_read(struct span in, struct script_response *out,
                                                  size_t *at);
MUST_CHECK enum err script_compact_response_read(struct span in, struct script_response *out,
                                                 size_t *at);

/* Appends the definite form (simulation, tests). */
void script_expanded_response_write(struct writer *out, const struct script_response *response);

/* How many of the `sent` C-APDUs provably ran, the failing one included: from the count where it is
 * given (it counts the `other` TLVs of the script too, which come first), else from the R-APDUs. */
size_t script_ran(const struct script_response *response, size_t sent, size_t other);

/* What a target takes that nobody described: B000xx, file management, the compact format, all others
 * the expanded one (TS 101 220 annex D, TS 102 226 §5). */
bool script_tar_is_compact(const uint8_t tar[3]);

/* 9000, 91xx, and the warnings 62xx and 63xx save 62F1, after which the card stops. */
bool sw_continues(uint16_t sw);

/* The command did what it was asked for: 9000, 91xx, 62xx, 63xx. */
bool sw_is_success(uint16_t sw);

#endif
