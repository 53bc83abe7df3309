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
    uint8_t differs = 0;
    for (size_t i = 0; i < len; i++)
        differs = (uint8_t)(differs | (x[i] ^ y[i]));
    __asm__ volatile("" : "+r"(differs)); /* keeps the compiler from leaving the loop early */
    return differs == 0;
}

static inline void wipe(void *secret, size_t len)
{
    explicit_bzero(secret, len);
}

#endif
