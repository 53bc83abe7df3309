/* BER lengths as the card world uses them: one octet to 7F, then 81 xx, 82 xx xx (TS 101 220
 * §7.1.2). */
#ifndef BASE_BER_H
#define BASE_BER_H

#include "base/span.h"

#define BER_LEN_MAX 0xFFFFu

/* ERR_MALFORMED for the indefinite form and for lengths of three octets and more; longer forms than
 * needed are taken, since fielded cards send them. */
static inline size_t reader_ber_len(struct reader *r)
{
    uint8_t first = reader_u8(r);
    if (first < 0x80)
        return first;
    if (first == 0x81)
        return reader_u8(r);
    if (first == 0x82)
        return reader_u16(r);
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

/* How many octets the shortest form of `len` takes. */
static inline size_t ber_len_size(size_t len)
{
    return len < 0x80 ? 1 : len < 0x100 ? 2 : 3;
}

static inline void writer_ber_len(struct writer *w, size_t len)
{
    if (len < 0x80) {
        writer_u8(w, (uint8_t)len);
    } else if (len < 0x100) {
        writer_u8(w, 0x81);
        writer_u8(w, (uint8_t)len);
    } else {
        writer_u8(w, 0x82);
        writer_uint(w, len, 2);
    }
}

#endif
