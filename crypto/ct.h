/* What secrets need: comparing without telling where it differs, and forgetting. */
#ifndef CRYPTO_CT_H
#define CRYPTO_CT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Takes the same time whatever the octets are. */
static inline bool ct_equal(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    uint64_t differs = 0;
    for (; len >= sizeof differs; len -= sizeof differs, x += sizeof differs, y += sizeof differs) {
        uint64_t one, other;
        memcpy(&one, x, sizeof one);
        memcpy(&other, y, sizeof other);
        differs |= one ^ other;
    }
    for (; len > 0; len--)
        differs |= (uint64_t)(*x++ ^ *y++);
    __asm__ volatile("" : "+r"(differs)); /* keeps the compiler from leaving a loop early */
    return differs == 0;
}

/* No octets may be nowhere: wipe(NULL, 0) does nothing. */
static inline void wipe(void *secret, size_t len)
{
    if (len > 0)
        explicit_bzero(secret, len);
}

#endif
