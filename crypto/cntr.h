/* The 40-bit counter of a key set (TS 102 225 §5.1.4).
 *
 * Receiving: the card's decision, in the order of the clause. Sending: counters are composed, not
 * kept: base of the key set + (block << 20 | sequence), the block a durable lease of a slot, so
 * that no device has counter state and a block is never used twice. */
#ifndef CRYPTO_CNTR_H
#define CRYPTO_CNTR_H

#include "crypto/scp80_wire.h"

#define CNTR_SEQUENCE_BITS 20
#define CNTR_BLOCK_BITS 20

/* What the receiver that holds `*stored` answers to `received`: SCP80_STATUS_OK, _CNTR_LOW,
 * _CNTR_HIGH or _CNTR_BLOCKED. Moves `*stored` when it accepts in the checked modes; a counter that
 * is not checked leaves it (cards differ there). Ask only after the RC or CC verified. */
enum scp80_status cntr_receive(uint64_t *stored, uint64_t received, uint16_t spi);

/* ERR_RANGE when block or sequence is over its 20 bits; ERR_EXHAUSTED when the sum is over 40 bits:
 * the key set is used up. */
MUST_CHECK enum err cntr_compose(uint64_t base, uint32_t block, uint32_t sequence, uint64_t *out);

#endif
