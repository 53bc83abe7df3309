/* Hexadecimal text, both ways. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/span.h"

/* Appends the octets of `text`, an even number of digits of either case.
 * ERR_MALFORMED on another character or an odd count, ERR_FULL when `out` is. */
MUST_CHECK enum err hex_read(struct span text, struct writer *out);

/* Writes 2 × in.len lower-case digits and a NUL to `out`, which has room for them (ASSERTed). */
void hex_write(struct span in, char *out, size_t cap);

/* Value of one digit, or -1. */
int hex_digit(char digit);

#endif
