/* Sixteen messages side by side: AES-CMAC and AES-CBC by AVX-512 and VAES, each message under its
 * own key. Schedules are made in place, between the loads. */
#ifndef CRYPTO_LANES_VAES_H
#define CRYPTO_LANES_VAES_H

#include "crypto/lanes.h"
#include "crypto/lanes_order.h"

/* Scratch of one owner, in secret memory: schedules of sixteen messages, and where finished ones
 * read and write. 64-byte aligned. */
#define LANES_VAES_SIDE 16
struct lanes_vaes {
    _Alignas(64) uint8_t schedule[15][4][64]; /* round, four messages, block of each */
    _Alignas(64) uint8_t zeros[LANES_BLOCK];
    uint8_t sink[LANES_BLOCK];
};

/* This CPU, and the operating system, have what it takes. */
bool lanes_vaes_supported(void);

/* Jobs of one chunk in their order by size, key length the same for the whole order. */
void lanes_vaes_cmac(struct lanes_vaes *vaes, struct lanes_cmac *jobs, const struct lanes_run *run);
void lanes_vaes_cbc_encrypt(struct lanes_vaes *vaes, const struct lanes_cbc *jobs,
                            const struct lanes_run *run);
void lanes_vaes_cbc_decrypt(struct lanes_vaes *vaes, const struct lanes_cbc *jobs,
                            const struct lanes_run *run);

#endif
