/* Instants as text: "2026-11-22T14:05:09.250Z" (RFC 3339 §5.6), ms since 1970. */
#ifndef ENGINE_JOB_RFC3339_H
#define ENGINE_JOB_RFC3339_H

#include "base/span.h"

#define RFC3339_LEN 24

/* Any offset, any fraction (cut to ms); a leap second counts as the second after. ERR_MALFORMED, or
 * ERR_RANGE before 1970. */
MUST_CHECK enum err rfc3339_read(struct span text, uint64_t *ms);

/* In UTC with milliseconds, and a NUL. ms before the year 10000. */
void rfc3339_write(uint64_t ms, char out[RFC3339_LEN + 1]);

#endif
