/* One EIS, as a line of JSON with the names of SGP.02 (ES1.RegisterEIS): what the directory needs,
 * what is kept for later, what the API may show.
 *
 *   { "eid", "isd-r": SD, "mno-sd": SD?, "profiles": [ … ], "capabilities"?, "options"?,
 *     "additionalProperties"?, … }
 *   SD: { "aid", "tar": [ … ], "format"?, "keySets": [ { "version", "type", "cntr"?, "keys": [
 *         { "index", "kcv"?, "keyComponents": [ { "type", "value" } ] } ] } ] }
 *
 * Key values lie under the transport key when there is one, else in clear. Unknown members are
 * kept as they are. Control thread; needs no EAL. */
#ifndef ENGINE_DEVICE_EIS_H
#define ENGINE_DEVICE_EIS_H

#include "base/fault.h"
#include "crypto/lanes.h"
#include "engine/device/directory.h"

#include <jansson.h>

#define EIS_LINE_MAX 16384u /* octets of one line */
#define EIS_KEPT_MAX 2816u  /* octets of what GET /v1/devices shows */
#define EIS_OTHER_MAX 768u

struct eis_options {
    struct lanes *lanes;          /* deciphers keys, computes KCVs */
    const uint8_t *transport_key; /* NULL: key values are in clear */
    uint32_t transport_key_len;   /* 16, 24 or 32 */
    bool allow_bad_luhn;          /* ICCIDs of operators that have no check digit */
};

/* Keys that the directory has no place for: SCP81, SCP03, DEKs, others. Opaque until needed:
 * (role 1, KVN 1, index 1, component type 1, length 2, octets)*. Secret. */
struct eis_other {
    uint32_t len;
    uint8_t octets[EIS_OTHER_MAX];
};

struct eis {
    struct device device; /* holds keys */
    struct eis_other other;
    json_t *kept; /* the object without key values; KCVs stay */
};

/* Reads and checks one line (spec: SGP.02 §4.1.1.1 and annexes; our import checks). On failure
 * ERR_MALFORMED, *out untouched, and a fault that names line (0: left out), field, what is wrong
 * and what is accepted, never a key. Give *out to eis_drop. */
MUST_CHECK enum err eis_line_read(struct span text, uint32_t line_no,
                                  const struct eis_options *options, struct eis *out,
                                  struct fault *fault);

/* Wipes the keys, gives the JSON back. */
void eis_drop(struct eis *eis);

/* Reads the file named by config.transport_key_file: 16, 24 or 32 octets as hex digits, at most one
 * newline, readable by its owner only. ERR_IO, ERR_DENIED or ERR_MALFORMED with `fault` set. */
MUST_CHECK enum err eis_transport_key_load(const char *path, uint8_t out[32], uint32_t *len,
                                           struct fault *fault);

#endif
