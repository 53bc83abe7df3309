/* CRC-32C (Castagnoli), for slots and stored records: by DPDK, with the CPU's instruction. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/span.h"

#include <rte_hash_crc.h>

/* Standard form: initial value and final complement all ones ("123456789" gives E3069283). */
static inline uint32_t crc32c(struct span in)
{
    return ~rte_hash_crc(in.bytes, (uint32_t)in.len, 0xFFFFFFFFu);
}

#endif
