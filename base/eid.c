/* EID text, check digits and slot. */
#include "base/eid.h"

#include "base/crc.h"
#include "base/hex.h"

unsigned eid_mod97(const struct eid *eid)
{
    unsigned rest = 0; /* digit by digit: the number needs 107 bits */
    for (size_t i = 0; i < EID_LEN; i++) {
        rest = (rest * 10 + (eid->bytes[i] >> 4)) % 97;
        rest = (rest * 10 + (eid->bytes[i] & 0xF)) % 97;
    }
    return rest;
}

enum err eid_read(struct span text, struct eid *out)
{
    if (text.len != EID_DIGITS)
        return ERR_LENGTH;
    for (size_t i = 0; i < text.len; i++)
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return ERR_MALFORMED;
    struct writer w = writer_over(out->bytes, sizeof out->bytes);
    enum err err = hex_read(text, &w);
    if (err != ERR_OK)
        return err;
    return eid_mod97(out) == 1 ? ERR_OK : ERR_CHECKSUM;
}

void eid_write(const struct eid *eid, char out[EID_DIGITS + 1])
{
    hex_write(span_of(eid->bytes, sizeof eid->bytes), out, EID_DIGITS + 1);
}

uint32_t eid_slot(const struct eid *eid)
{
    return crc32c(span_of(eid->bytes, sizeof eid->bytes)) % SLOT_COUNT;
}
