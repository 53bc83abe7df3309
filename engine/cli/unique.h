/* What may appear once in an import: EIDs, ICCIDs, MSISDNs; and on which line it did. */
#ifndef ENGINE_CLI_UNIQUE_H
#define ENGINE_CLI_UNIQUE_H

#include "base/fault.h"
#include "base/span.h"

struct unique;

struct unique *unique_create(void);
void unique_drop(struct unique *unique);

/* Notes what one line of EIS names. False, with `fault`, when an earlier line named the same EID, an
 * ICCID or the MSISDN of an enabled profile; nothing of the line is noted then. A line that is no
 * EIS is fine here: the engine says what is wrong with it. */
bool unique_line(struct unique *unique, struct span text, unsigned long long line,
                 struct fault *fault);

#endif
