/* AES on four blocks under four different keys at a time: the pieces of lanes_keys.c and
 * lanes_vaes.c. A 512-bit register holds one block of each of four messages, and round key
 * registers hold the four round keys in the same places, so nothing is ever shuffled between
 * messages.
 *
 * Key expansion (FIPS 197 §5.2) has no 512-bit instruction of its own: AESENCLAST over a column
 * copied four times is SubWord, since ShiftRows then changes nothing; the round key operand adds
 * Rcon. */
#ifndef CRYPTO_LANES_VAES_ROUND_H
#define CRYPTO_LANES_VAES_ROUND_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VAES __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,vaes,aes")))
#define VAES_INLINE VAES __attribute__((always_inline)) static inline

#define AES_ROUND_KEYS_MAX 15

/* Rcon (FIPS 197 §5.2); AES-128 uses all ten. */
static const uint32_t aes_rcon[10] = { 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1B, 0x36 };

VAES_INLINE __m128i vaes_load1(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

VAES_INLINE __m512i vaes_join(__m128i a, __m128i b, __m128i c, __m128i d)
{
    __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
    __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* The 16 octets at `offset` from each of four places. */
VAES_INLINE __m512i vaes_load4(const uint8_t *const at[4], size_t offset)
{
    return vaes_join(vaes_load1(at[0] + offset), vaes_load1(at[1] + offset),
                     vaes_load1(at[2] + offset), vaes_load1(at[3] + offset));
}

VAES_INLINE void vaes_store1(uint8_t *at, __m128i x)
{
    _mm_storeu_si128((__m128i *)(void *)at, x);
}

VAES_INLINE void vaes_store4(uint8_t *const at[4], size_t offset, __m512i x)
{
    vaes_store1(at[0] + offset, _mm512_castsi512_si128(x));
    vaes_store1(at[1] + offset, _mm512_extracti32x4_epi32(x, 1));
    vaes_store1(at[2] + offset, _mm512_extracti32x4_epi32(x, 2));
    vaes_store1(at[3] + offset, _mm512_extracti32x4_epi32(x, 3));
}

/* Four blocks of each of four messages, a message a register, turned into one block of each a
 * register; and back. */
VAES_INLINE void vaes_turn(__m512i x[4])
{
    __m512i low01 = _mm512_shuffle_i32x4(x[0], x[1], 0x44);
    __m512i high01 = _mm512_shuffle_i32x4(x[0], x[1], 0xEE);
    __m512i low23 = _mm512_shuffle_i32x4(x[2], x[3], 0x44);
    __m512i high23 = _mm512_shuffle_i32x4(x[2], x[3], 0xEE);
    x[0] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    x[1] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
    x[2] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    x[3] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
}

/* The next 64 octets of each of four messages, turned. */
VAES_INLINE void vaes_load16(const uint8_t *const at[4], size_t offset, __m512i x[4])
{
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        x[i] = _mm512_loadu_si512((const void *)(at[i] + offset));
    vaes_turn(x);
}

VAES_INLINE void vaes_store16(uint8_t *const at[4], size_t offset, __m512i x[4])
{
    vaes_turn(x);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        _mm512_storeu_si512((void *)(at[i] + offset), x[i]);
}

/* Word 3 of each block, rotated, in all four columns; and word 1. */
VAES_INLINE __m512i vaes_rot_word3(__m512i k)
{
    return _mm512_shuffle_epi8(k, _mm512_set1_epi32(0x0C0F0E0D));
}

VAES_INLINE __m512i vaes_rot_word1(__m512i k)
{
    return _mm512_shuffle_epi8(k, _mm512_set1_epi32(0x04070605));
}

/* k with each word replaced by the sum of it and those before it, plus t. */
VAES_INLINE __m512i vaes_chain(__m512i k, __m512i t)
{
    __m512i two = _mm512_xor_si512(k, _mm512_bslli_epi128(k, 4));
    return _mm512_ternarylogic_epi64(two, _mm512_bslli_epi128(two, 8), t, 0x96);
}

/* Schedules of `wide` registers of four keys, side by side: round keys go to rk[g],
 * rk[step + g], rk[2 * step + g] ... `wide` is a constant where it is called. */
VAES_INLINE void vaes_expand_128(const uint8_t *const *key, __m512i *rk, uint32_t wide, size_t step)
{
    __m512i k[4];
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        rk[g] = k[g] = vaes_load4(key + (size_t)4 * g, 0);
#pragma GCC unroll 10
    for (size_t i = 0; i < 10; i++) {
        __m512i rcon = _mm512_set1_epi32((int)aes_rcon[i]);
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++) {
            k[g] = vaes_chain(k[g], _mm512_aesenclast_epi128(vaes_rot_word3(k[g]), rcon));
            rk[(i + 1) * step + g] = k[g];
        }
    }
}

/* Six words a turn: `a` holds four, the low half of `b` two. */
VAES_INLINE void vaes_expand_192(const uint8_t *const *key, __m512i *rk, size_t step)
{
    __m128i b4[4];
    for (size_t i = 0; i < 4; i++)
        b4[i] = _mm_loadl_epi64((const __m128i *)(const void *)(key[i] + 16));
    __m512i a = vaes_load4(key, 0);
    __m512i b = vaes_join(b4[0], b4[1], b4[2], b4[3]);
    rk[0] = a;
    for (size_t i = 0; i < 8; i++) {
        __m512i rcon = _mm512_set1_epi32((int)aes_rcon[i]);
        __m512i a2 = vaes_chain(a, _mm512_aesenclast_epi128(vaes_rot_word1(b), rcon));
        __m512i b2 = _mm512_ternarylogic_epi64(b, _mm512_bslli_epi128(b, 4),
                                               _mm512_shuffle_epi32(a2, _MM_PERM_DDDD), 0x96);
        if (i % 2 == 0) {
            rk[(i / 2 * 3 + 1) * step] = _mm512_unpacklo_epi64(b, a2);
            rk[(i / 2 * 3 + 2) * step] = _mm512_alignr_epi8(b2, a2, 8);
        } else {
            rk[(i / 2 * 3 + 3) * step] = a2;
        }
        a = a2;
        b = b2;
    }
}

VAES_INLINE void vaes_expand_256(const uint8_t *const *key, __m512i *rk, uint32_t wide, size_t step)
{
    __m512i a[4], b[4];
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++) {
        rk[g] = a[g] = vaes_load4(key + (size_t)4 * g, 0);
        rk[step + g] = b[g] = vaes_load4(key + (size_t)4 * g, 16);
    }
    for (size_t i = 0; i < 7; i++) {
        __m512i rcon = _mm512_set1_epi32((int)aes_rcon[i]);
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++) {
            a[g] = vaes_chain(a[g], _mm512_aesenclast_epi128(vaes_rot_word3(b[g]), rcon));
            rk[(2 * i + 2) * step + g] = a[g];
        }
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide && i < 6; g++) {
            __m512i last = _mm512_shuffle_epi32(a[g], _MM_PERM_DDDD);
            b[g] = vaes_chain(b[g], _mm512_aesenclast_epi128(last, _mm512_setzero_si512()));
            rk[(2 * i + 3) * step + g] = b[g];
        }
    }
}

VAES_INLINE void vaes_expand(const uint8_t *const *key, uint32_t key_len, __m512i *rk,
                             uint32_t wide, size_t step)
{
    if (key_len == 16)
        vaes_expand_128(key, rk, wide, step);
    else if (key_len == 32)
        vaes_expand_256(key, rk, wide, step);
    else
        for (uint32_t g = 0; g < wide; g++)
            vaes_expand_192(key + (size_t)4 * g, rk + g, step);
}

/* InvMixColumns, for the equivalent inverse cipher (FIPS 197 §5.3.5): the substitutions cancel. */
VAES_INLINE __m512i vaes_inv_mix(__m512i k)
{
    __m512i zero = _mm512_setzero_si512();
    return _mm512_aesdec_epi128(_mm512_aesenclast_epi128(k, zero), zero);
}

/* The next CMAC subkey: the block times x in GF(2^128) (SP 800-38B §6.1). */
VAES_INLINE __m512i vaes_times_x(__m512i block)
{
    const __m512i swap = _mm512_set4_epi32(0x00010203, 0x04050607, 0x08090A0B, 0x0C0D0E0F);
    __m512i x = _mm512_shuffle_epi8(block, swap);
    __m512i carry = _mm512_srli_epi64(x, 63);
    __m512i into_high = _mm512_bslli_epi128(carry, 8);
    __m512i out_of_high = _mm512_bsrli_epi128(carry, 8);
    __m512i reduce = _mm512_and_si512(_mm512_sub_epi64(_mm512_setzero_si512(), out_of_high),
                                      _mm512_set4_epi32(0, 0, 0, 0x87));
    x = _mm512_ternarylogic_epi64(_mm512_add_epi64(x, x), into_high, reduce, 0x96);
    return _mm512_shuffle_epi8(x, swap);
}

#endif
