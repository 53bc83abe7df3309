/* Keys of an EIS out of their transport form (SGP.02 ES1: AES-ECB, PKCS#7 "when needed").
 *
 * "When needed" is read both ways in the field: a 16-octet key arrives as one block or as two. Both
 * readings are tried, the padded one first, and the KCV decides where there is one. */
#ifndef ENGINE_DEVICE_EIS_KEY_H
#define ENGINE_DEVICE_EIS_KEY_H

#include "crypto/lanes.h"

#include <stdbool.h>

#define EIS_VALUE_MAX 512u /* octets of a component's value */
#define EIS_KCV_LEN 3

/* What a component's type (GlobalPlatform 2.3 table 11-16) means for lengths and KCV. */
enum eis_kind {
    EIS_KIND_AES,   /* 88: 16, 24, 32; KCV over 01 × 16 */
    EIS_KIND_DES3,  /* 80, 82: 16, 24; KCV over 00 × 8 */
    EIS_KIND_DES,   /* 84: 8; likewise */
    EIS_KIND_PSK,   /* 85: 16 to 64; its KCV has no rule: not verified */
    EIS_KIND_OTHER, /* any length; KCV not verified */
};

enum eis_key_verdict {
    EIS_KEY_SOUND,
    EIS_KEY_BAD_LENGTH,     /* empty, or no whole blocks under the transport key */
    EIS_KEY_BAD_PADDING,    /* neither padded nor a key as it is */
    EIS_KEY_BAD_KEY_LENGTH, /* not a length of this kind of key */
    EIS_KEY_KCV_MISMATCH,
};

struct eis_key_request {
    struct lanes *lanes;
    const uint8_t *transport_key; /* NULL: the value is the key */
    uint32_t transport_key_len;
    enum eis_kind kind;
    struct span value;
    const uint8_t *kcv; /* EIS_KCV_LEN octets, or NULL */
};

/* `out` has EIS_VALUE_MAX octets; holds the key and nothing else afterwards, zeros on failure. */
MUST_CHECK enum eis_key_verdict eis_key_unwrap(const struct eis_key_request *request, uint8_t *out,
                                               uint32_t *len);

/* "bad_length", … for tests and counters; a clause for a fault. Static. */
const char *eis_key_verdict_label(enum eis_key_verdict verdict);
const char *eis_key_verdict_text(enum eis_key_verdict verdict);

/* The lengths of a kind, for a fault. Static. */
const char *eis_kind_lengths(enum eis_kind kind);

#endif
