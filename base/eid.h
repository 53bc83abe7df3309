/* EID: 32 decimal digits in 16 octets, BCD, high nibble first (SGP.02 §2.2.2; ISO 7064 mod 97-10).
 */
#ifndef BASE_EID_H
#define BASE_EID_H

#include "base/span.h"

#define EID_LEN 16
#define EID_DIGITS 32

struct eid {
    uint8_t bytes[EID_LEN];
};

/* 32 decimal digits whose check digits hold. ERR_LENGTH, ERR_MALFORMED (not a digit), ERR_CHECKSUM.
 */
MUST_CHECK enum err eid_read(struct span text, struct eid *out);

/* 32 digits and a NUL. */
void eid_write(const struct eid *eid, char out[EID_DIGITS + 1]);

/* The number modulo 97; 1 for a valid EID. */
unsigned eid_mod97(const struct eid *eid);

/* slot = CRC-32C(the 16 octets) mod 1024, for ever: which counter space and which worker. */
#define SLOT_COUNT 1024u
uint32_t eid_slot(const struct eid *eid);

#endif
