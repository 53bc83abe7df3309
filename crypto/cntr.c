/* Counter rules, both sides. */
#include "crypto/cntr.h"

enum scp80_status cntr_receive(uint64_t *stored, uint64_t received, uint16_t spi)
{
    enum scp80_counter_mode mode =
        (enum scp80_counter_mode)((spi & SCP80_SPI_COUNTER) >> SCP80_SPI_COUNTER_SHIFT);
    if (mode == SCP80_COUNTER_NONE || mode == SCP80_COUNTER_UNCHECKED)
        return SCP80_STATUS_OK;
    if (*stored >= SCP80_CNTR_MAX)
        return SCP80_STATUS_CNTR_BLOCKED;
    if (received <= *stored)
        return SCP80_STATUS_CNTR_LOW;
    if (mode == SCP80_COUNTER_NEXT && received != *stored + 1)
        return SCP80_STATUS_CNTR_HIGH;
    *stored = received;
    return SCP80_STATUS_OK;
}

enum err cntr_compose(uint64_t base, uint32_t block, uint32_t sequence, uint64_t *out)
{
    if (block >> CNTR_BLOCK_BITS != 0 || sequence >> CNTR_SEQUENCE_BITS != 0)
        return ERR_RANGE;
    uint64_t offset = (uint64_t)block << CNTR_SEQUENCE_BITS | sequence;
    if (base > SCP80_CNTR_MAX || offset > SCP80_CNTR_MAX - base)
        return ERR_EXHAUSTED;
    *out = base + offset;
    return ERR_OK;
}
