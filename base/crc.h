/* CRC-32C (Castagnoli), for slots and stored records: by DPDK, with the CPU's instruction. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/span.h"

#include <rte_hash_crc.h>

/* The CRC of some bytes, `crc`, carried on over what follows them. Not by rte_hash_crc(), which loads
 * words from wherever the bytes lie: undefined in C. */
static inline uint32_t crc32c_more(uint32_t crc, struct span in)
{
    crc = ~crc;
    size_t at = 0;
    for (; in.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, in.bytes + at, sizeof word);
        crc = rte_hash_crc_8byte(word, crc);
    }
    for (; at < in.len; at++)
        crc = rte_hash_crc_1byte(in.bytes[at], crc);
    return ~crc;
}

/* Standard form: initial value and final complement all ones ("123456789" gives E3069283). */
static inline uint32_t crc32c(struct span in)
{
    return crc32c_more(0, in);
}

#endif
