/* EIS lines for tests: one that has everything, and a way to change a member of it. */
#ifndef TESTS_SUPPORT_EIS_LINES_H
#define TESTS_SUPPORT_EIS_LINES_H

#include <jansson.h>

/* Keys in clear: KVN 01 of the ISD-R (AES-128, KCVs, DEK), 02 (AES-256), 40 (PSK), 30; MNO-SD with
 * two-key 3DES, compact; an Enabled and a Disabled profile. */
extern const char eis_line_full[];

/* The keys of it as hex, ended by NULL: what may never be told. */
extern const char *const eis_line_secrets[];

/* eis_line_full with the member at `path` ("isd-r.keySets.0.version") set to the JSON `value`, or
 * removed when that is NULL. free() it. */
char *eis_line_with(const char *path, const char *value);

#endif
