/* Key schedules by AES-NI, four keys in turn, so that each hides the others' latency; the tricks
 * are those of lanes_vaes_round.h. IPsec-MB expands one key at a time: half the cost of a short
 * message under fresh keys. */
#include "crypto/lanes_keys.h"

#include "crypto/lanes_vaes_round.h"

#define AESNI __attribute__((target("aes,ssse3")))
#define AESNI_INLINE AESNI __attribute__((always_inline)) static inline
#define SIDE 4

/* One round key of each of four schedules. */
struct four {
    __m128i k[SIDE];
};

bool lanes_keys_aesni_supported(void)
{
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("ssse3");
}

AESNI_INLINE __m128i load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

AESNI_INLINE void store(uint8_t *at, __m128i x)
{
    _mm_storeu_si128((__m128i *)(void *)at, x);
}

AESNI_INLINE __m128i chain(__m128i k, __m128i t)
{
    k = _mm_xor_si128(k, _mm_slli_si128(k, 4));
    k = _mm_xor_si128(k, _mm_slli_si128(k, 8));
    return _mm_xor_si128(k, t);
}

/* SubWord(RotWord(word)) + Rcon in all columns; `rotate` picks and rotates the word. */
AESNI_INLINE __m128i sub_word(__m128i k, int rotate, uint32_t rcon)
{
    return _mm_aesenclast_si128(_mm_shuffle_epi8(k, _mm_set1_epi32(rotate)),
                                _mm_set1_epi32((int)rcon));
}

#define ROT_WORD_1 0x04070605
#define ROT_WORD_3 0x0C0F0E0D
#define WORD_3 0x0F0E0D0C

AESNI_INLINE void put(struct lanes_schedule *out, size_t round, const struct four *four)
{
#pragma GCC unroll 4
    for (size_t i = 0; i < SIDE; i++)
        store(out[i].encrypt[round], four->k[i]);
}

AESNI_INLINE void expand_128(const uint8_t *const key[SIDE], struct lanes_schedule *out)
{
    struct four a;
    for (size_t i = 0; i < SIDE; i++)
        a.k[i] = load(key[i]);
    put(out, 0, &a);
    for (size_t round = 0; round < 10; round++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < SIDE; i++)
            a.k[i] = chain(a.k[i], sub_word(a.k[i], ROT_WORD_3, aes_rcon[round]));
        put(out, round + 1, &a);
    }
}

AESNI_INLINE void expand_192(const uint8_t *const key[SIDE], struct lanes_schedule *out)
{
    struct four a, b;
    for (size_t i = 0; i < SIDE; i++) {
        a.k[i] = load(key[i]);
        b.k[i] = _mm_loadl_epi64((const __m128i *)(const void *)(key[i] + 16));
    }
    put(out, 0, &a);
    for (size_t turn = 0; turn < 8; turn++) {
        struct four first, second;
#pragma GCC unroll 4
        for (size_t i = 0; i < SIDE; i++) {
            __m128i a2 = chain(a.k[i], sub_word(b.k[i], ROT_WORD_1, aes_rcon[turn]));
            __m128i b2 = _mm_xor_si128(b.k[i], _mm_slli_si128(b.k[i], 4));
            b2 = _mm_xor_si128(b2, _mm_shuffle_epi32(a2, 0xFF));
            first.k[i] = turn % 2 == 0 ? _mm_unpacklo_epi64(b.k[i], a2) : a2;
            second.k[i] = _mm_alignr_epi8(b2, a2, 8);
            a.k[i] = a2;
            b.k[i] = b2;
        }
        if (turn % 2 == 0) {
            put(out, turn / 2 * 3 + 1, &first);
            put(out, turn / 2 * 3 + 2, &second);
        } else {
            put(out, turn / 2 * 3 + 3, &first);
        }
    }
}

AESNI_INLINE void expand_256(const uint8_t *const key[SIDE], struct lanes_schedule *out)
{
    struct four a, b;
    for (size_t i = 0; i < SIDE; i++) {
        a.k[i] = load(key[i]);
        b.k[i] = load(key[i] + 16);
    }
    put(out, 0, &a);
    put(out, 1, &b);
    for (size_t turn = 0; turn < 7; turn++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < SIDE; i++)
            a.k[i] = chain(a.k[i], sub_word(b.k[i], ROT_WORD_3, aes_rcon[turn]));
        put(out, 2 * turn + 2, &a);
        if (turn == 6)
            break;
#pragma GCC unroll 4
        for (size_t i = 0; i < SIDE; i++)
            b.k[i] = chain(b.k[i], sub_word(a.k[i], WORD_3, 0));
        put(out, 2 * turn + 3, &b);
    }
}

AESNI_INLINE void invert(struct lanes_schedule *out, size_t rounds)
{
    for (size_t round = 0; round <= rounds; round++)
#pragma GCC unroll 4
        for (size_t i = 0; i < SIDE; i++) {
            __m128i k = load(out[i].encrypt[rounds - round]);
            store(out[i].decrypt[round], round == 0 || round == rounds ? k : _mm_aesimc_si128(k));
        }
}

/* The block times x in GF(2^128) (SP 800-38B §6.1). */
AESNI_INLINE __m128i times_x(__m128i block)
{
    const __m128i swap = _mm_set_epi32(0x00010203, 0x04050607, 0x08090A0B, 0x0C0D0E0F);
    __m128i x = _mm_shuffle_epi8(block, swap);
    __m128i carry = _mm_srli_epi64(x, 63);
    __m128i overflow = _mm_sub_epi64(_mm_setzero_si128(), _mm_srli_si128(carry, 8));
    __m128i reduce = _mm_and_si128(overflow, _mm_set_epi32(0, 0, 0, 0x87));
    x = _mm_or_si128(_mm_add_epi64(x, x), _mm_slli_si128(carry, 8));
    return _mm_shuffle_epi8(_mm_xor_si128(x, reduce), swap);
}

AESNI_INLINE void subkeys(struct lanes_schedule *out, size_t rounds)
{
    struct four x;
    for (size_t i = 0; i < SIDE; i++)
        x.k[i] = load(out[i].encrypt[0]); /* the cipher of zero begins with the key itself */
    for (size_t round = 1; round < rounds; round++)
#pragma GCC unroll 4
        for (size_t i = 0; i < SIDE; i++)
            x.k[i] = _mm_aesenc_si128(x.k[i], load(out[i].encrypt[round]));
    for (size_t i = 0; i < SIDE; i++) {
        __m128i k1 = times_x(_mm_aesenclast_si128(x.k[i], load(out[i].encrypt[rounds])));
        store(out[i].k1, k1);
        store(out[i].k2, times_x(k1));
    }
}

AESNI static void four_by_aesni(const uint8_t *const key[SIDE], uint32_t key_len,
                                enum lanes_keys_use use, struct lanes_schedule *out)
{
    if (key_len == 16)
        expand_128(key, out);
    else if (key_len == 24)
        expand_192(key, out);
    else
        expand_256(key, out);
    if (use == LANES_KEYS_DECRYPT)
        invert(out, key_len / 4 + 6);
    else if (use == LANES_KEYS_CMAC)
        subkeys(out, key_len / 4 + 6);
}

VAES static void four_by_vaes(const uint8_t *const key[SIDE], uint32_t key_len,
                              enum lanes_keys_use use, struct lanes_schedule *out)
{
    __m512i rk[AES_ROUND_KEYS_MAX];
    uint32_t rounds = key_len / 4 + 6;
    vaes_expand(key, key_len, rk, 1, 1);
    for (uint32_t r = 0; r <= rounds; r++) {
        uint8_t *const at[SIDE] = { out[0].encrypt[r], out[1].encrypt[r], out[2].encrypt[r],
                                    out[3].encrypt[r] };
        vaes_store4(at, 0, rk[r]);
    }
    for (uint32_t r = 0; use == LANES_KEYS_DECRYPT && r <= rounds; r++) {
        uint8_t *const at[SIDE] = { out[0].decrypt[r], out[1].decrypt[r], out[2].decrypt[r],
                                    out[3].decrypt[r] };
        __m512i k = rk[rounds - r];
        vaes_store4(at, 0, r == 0 || r == rounds ? k : vaes_inv_mix(k));
    }
    if (use == LANES_KEYS_CMAC) {
        __m512i x = rk[0];
        for (uint32_t r = 1; r < rounds; r++)
            x = _mm512_aesenc_epi128(x, rk[r]);
        __m512i k1 = vaes_times_x(_mm512_aesenclast_epi128(x, rk[rounds]));
        uint8_t *const at1[SIDE] = { out[0].k1, out[1].k1, out[2].k1, out[3].k1 };
        uint8_t *const at2[SIDE] = { out[0].k2, out[1].k2, out[2].k2, out[3].k2 };
        vaes_store4(at1, 0, k1);
        vaes_store4(at2, 0, vaes_times_x(k1));
    }
}

/* Fours; `out` has room for the last four even when the keys end before: they repeat. */
typedef void expand_four(const uint8_t *const key[SIDE], uint32_t key_len, enum lanes_keys_use use,
                         struct lanes_schedule *out);

static void by_fours(expand_four *expand, const uint8_t *const *keys, uint32_t count,
                     uint32_t key_len, enum lanes_keys_use use, struct lanes_schedule *out)
{
    for (uint32_t first = 0; first < count; first += SIDE) {
        const uint8_t *four[SIDE];
        for (uint32_t i = 0; i < SIDE; i++)
            four[i] = keys[first + i < count ? first + i : count - 1];
        expand(four, key_len, use, out + first);
    }
}

void lanes_keys_aesni(const uint8_t *const *keys, uint32_t count, uint32_t key_len,
                      enum lanes_keys_use use, struct lanes_schedule *out)
{
    by_fours(four_by_aesni, keys, count, key_len, use, out);
}

void lanes_keys_vaes(const uint8_t *const *keys, uint32_t count, uint32_t key_len,
                     enum lanes_keys_use use, struct lanes_schedule *out)
{
    by_fours(four_by_vaes, keys, count, key_len, use, out);
}
