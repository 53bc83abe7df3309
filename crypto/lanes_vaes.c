/* AES-CMAC and AES-CBC, up to sixteen messages side by side in four registers: as many independent
 * chains as hide the latency of one AES instruction, so that a step of sixteen blocks costs little
 * more than a step of one. Messages of one group differ little in length (lanes_order.h); the steps
 * that not all of them take go a slower way. */
#include "crypto/lanes_vaes.h"

#include "crypto/lanes_vaes_round.h"

#include <cpuid.h>

#define CPUID_7_ECX_VAES (1u << 9)

/* One group: up to `wide` registers of four messages. Lanes past the last message repeat it: they
 * read what it reads and write what it writes. */
struct group {
    const uint8_t *key[LANES_VAES_SIDE];
    const uint8_t *in[LANES_VAES_SIDE];
    uint8_t *out[LANES_VAES_SIDE];
    uint32_t blocks[LANES_VAES_SIDE];
    uint32_t least, most; /* of blocks */
    uint32_t rounds;
};

/* The pieces at `step`, for lanes that may not have begun or may have ended. */
struct detour {
    const uint8_t *in[LANES_VAES_SIDE];
    uint8_t *out[LANES_VAES_SIDE];
    __mmask8 active[LANES_VAES_SIDE / 4]; /* two bits a lane, as 64-bit elements */
};

bool lanes_vaes_supported(void)
{
    unsigned eax, ebx, ecx, edx; /* clang 14 has no name for VAES */
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || (ecx & CPUID_7_ECX_VAES) == 0)
        return false;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("aes");
}

static void group_close(struct group *group, uint32_t wide, uint32_t key_len)
{
    group->least = group->most = group->blocks[0];
    for (uint32_t i = 1; i < 4 * wide; i++) {
        group->least = group->blocks[i] < group->least ? group->blocks[i] : group->least;
        group->most = group->blocks[i] > group->most ? group->blocks[i] : group->most;
    }
    group->rounds = key_len / 4 + 6;
}

VAES_INLINE __m512i *schedule_of(struct lanes_vaes *vaes)
{
    return (__m512i *)(void *)vaes->schedule;
}

/* All of x[0..wide) through the cipher; rk[4 * round + g]. */
VAES_INLINE void encrypt(__m512i x[4], const __m512i *rk, uint32_t wide, uint32_t rounds)
{
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        x[g] = _mm512_xor_si512(x[g], rk[g]);
#pragma GCC unroll 3
    for (uint32_t r = 1; r < rounds; r++) {
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++)
            x[g] = _mm512_aesenc_epi128(x[g], rk[4 * r + g]);
    }
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        x[g] = _mm512_aesenclast_epi128(x[g], rk[4 * rounds + g]);
}

/* Round keys of the equivalent inverse cipher, still in the order of encryption. */
VAES_INLINE void invert(__m512i *rk, uint32_t wide, uint32_t rounds)
{
    for (uint32_t r = 1; r < rounds; r++) {
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++)
            rk[4 * r + g] = vaes_inv_mix(rk[4 * r + g]);
    }
}

VAES_INLINE void decrypt(__m512i x[4], const __m512i *rk, uint32_t wide, uint32_t rounds)
{
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        x[g] = _mm512_xor_si512(x[g], rk[4 * rounds + g]);
#pragma GCC unroll 3
    for (uint32_t r = rounds - 1; r > 0; r--) {
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++)
            x[g] = _mm512_aesdec_epi128(x[g], rk[4 * r + g]);
    }
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        x[g] = _mm512_aesdeclast_epi128(x[g], rk[g]);
}

/* Two blocks of each message under one load of each round key: no block waits for another. */
VAES_INLINE void decrypt_two(__m512i x[4], __m512i y[4], const __m512i *rk, uint32_t wide,
                             uint32_t rounds)
{
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++) {
        x[g] = _mm512_xor_si512(x[g], rk[4 * rounds + g]);
        y[g] = _mm512_xor_si512(y[g], rk[4 * rounds + g]);
    }
    for (uint32_t r = rounds - 1; r > 0; r--) {
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++) {
            __m512i k = rk[4 * r + g];
            x[g] = _mm512_aesdec_epi128(x[g], k);
            y[g] = _mm512_aesdec_epi128(y[g], k);
        }
    }
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++) {
        x[g] = _mm512_aesdeclast_epi128(x[g], rk[g]);
        y[g] = _mm512_aesdeclast_epi128(y[g], rk[g]);
    }
}

/* Lane i takes part when `begin[i]` <= step < `end[i]`; `in` and `out` are at block step - begin.
 */
static void detour_make(struct detour *detour, struct lanes_vaes *vaes, const struct group *group,
                        uint32_t lanes, uint32_t step, bool right_aligned)
{
    memset(detour->active, 0, sizeof detour->active);
    for (uint32_t i = 0; i < lanes; i++) {
        uint32_t begin = right_aligned ? group->most - group->blocks[i] : 0;
        bool active = step >= begin && step < begin + group->blocks[i];
        size_t at = active ? (size_t)LANES_BLOCK * (step - begin) : 0;
        detour->in[i] = active ? group->in[i] + at : vaes->zeros;
        detour->out[i] = active && !right_aligned ? group->out[i] + at : vaes->sink;
        if (active)
            detour->active[i / 4] = (__mmask8)(detour->active[i / 4] | 3u << (i % 4 * 2));
    }
}

/* The last block of each message, padded if need be, plus the subkey it takes (SP 800-38B §6.2). */
VAES_INLINE __m512i last_blocks(const struct group *group, const struct lanes_cmac *const *jobs,
                                uint32_t g, __m512i k1, __m512i k2)
{
    __m128i block[4];
    __mmask8 whole = 0;
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i++) {
        const struct lanes_cmac *job = jobs[4 * g + i];
        uint32_t rest = job->len - LANES_BLOCK * (group->blocks[4 * g + i] - 1);
        const uint8_t *at = job->in + (job->len - rest);
        block[i] = _mm_or_si128(_mm_maskz_loadu_epi8((__mmask16)((1u << rest) - 1), at),
                                _mm_maskz_set1_epi8((__mmask16)(1u << rest), (char)0x80));
        whole = (__mmask8)(whole | (rest == LANES_BLOCK ? 3u : 0u) << (2 * i));
    }
    return _mm512_xor_si512(vaes_join(block[0], block[1], block[2], block[3]),
                            _mm512_mask_blend_epi64(whole, k2, k1));
}

VAES_INLINE void cmac_group(struct lanes_vaes *vaes, struct lanes_cmac *jobs,
                            const struct lanes_run *run, uint32_t first, uint32_t count,
                            uint32_t wide, uint32_t key_len)
{
    struct group group;
    struct lanes_cmac *lane[LANES_VAES_SIDE];
    for (uint32_t i = 0; i < 4 * wide; i++) {
        lane[i] = &jobs[run->index[first + (i < count ? i : count - 1)]];
        group.key[i] = lane[i]->key;
        group.in[i] = lane[i]->in;
        group.blocks[i] = lane[i]->len == 0 ? 1 : (lane[i]->len - 1) / LANES_BLOCK + 1;
    }
    group_close(&group, wide, key_len);

    __m512i *rk = schedule_of(vaes);
    vaes_expand(group.key, key_len, rk, wide, 4);
    __m512i x[4], last[4];
    for (uint32_t g = 0; g < wide; g++)
        x[g] = _mm512_setzero_si512();
    encrypt(x, rk, wide, group.rounds);
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++) {
        __m512i k1 = vaes_times_x(x[g]), k2 = vaes_times_x(k1);
        last[g] = last_blocks(&group, (const struct lanes_cmac *const *)lane, g, k1, k2);
        x[g] = _mm512_setzero_si512();
    }

    /* All end together: shorter ones begin later, at the zero they are masked to until then. */
    uint32_t step = 0;
    for (; step < group.most - group.least; step++) {
        struct detour detour;
        detour_make(&detour, vaes, &group, 4 * wide, step, true);
        for (uint32_t g = 0; g < wide; g++)
            x[g] = _mm512_xor_si512(x[g], vaes_load4(detour.in + (size_t)4 * g, 0));
        encrypt(x, rk, wide, group.rounds);
        for (uint32_t g = 0; g < wide; g++)
            x[g] = _mm512_maskz_mov_epi64(detour.active[g], x[g]);
    }
    for (uint32_t i = 0; i < 4 * wide; i++)
        group.in[i] += (size_t)LANES_BLOCK * (group.blocks[i] - group.least);
    for (size_t at = 0; step + 1 < group.most; step++, at += LANES_BLOCK) {
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++)
            x[g] = _mm512_xor_si512(x[g], vaes_load4(group.in + (size_t)4 * g, at));
        encrypt(x, rk, wide, group.rounds);
    }
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        x[g] = _mm512_xor_si512(x[g], last[g]);
    encrypt(x, rk, wide, group.rounds);
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++) {
        uint8_t *const mac[4] = { lane[4 * g]->mac, lane[4 * g + 1]->mac, lane[4 * g + 2]->mac,
                                  lane[4 * g + 3]->mac };
        vaes_store4(mac, 0, x[g]);
    }
}

VAES_INLINE void cbc_gather(struct group *group, const struct lanes_cbc *jobs,
                            const struct lanes_run *run, uint32_t first, uint32_t count,
                            uint32_t wide, uint32_t key_len)
{
    for (uint32_t i = 0; i < 4 * wide; i++) {
        const struct lanes_cbc *job = &jobs[run->index[first + (i < count ? i : count - 1)]];
        group->key[i] = job->key;
        group->in[i] = job->in;
        group->out[i] = job->out;
        group->blocks[i] = job->len / LANES_BLOCK;
    }
    group_close(group, wide, key_len);
}

/* One step of all lanes; every load comes before any store, so that repeated lanes may work in
 * place. `chain` is the last ciphertext. */
VAES_INLINE void encrypt_step(const uint8_t *const *in, uint8_t *const *out, size_t at,
                              __m512i chain[4], const __m512i *rk, uint32_t wide, uint32_t rounds)
{
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        chain[g] = _mm512_xor_si512(chain[g], vaes_load4(in + (size_t)4 * g, at));
    encrypt(chain, rk, wide, rounds);
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        vaes_store4(out + (size_t)4 * g, at, chain[g]);
}

VAES_INLINE void decrypt_step(const uint8_t *const *in, uint8_t *const *out, size_t at,
                              __m512i chain[4], const __m512i *rk, uint32_t wide, uint32_t rounds)
{
    __m512i cipher[4], x[4];
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        x[g] = cipher[g] = vaes_load4(in + (size_t)4 * g, at);
    decrypt(x, rk, wide, rounds);
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++) {
        vaes_store4(out + (size_t)4 * g, at, _mm512_xor_si512(x[g], chain[g]));
        chain[g] = cipher[g];
    }
}

/* Four steps at once: moving 64 octets of a message and turning them among registers is a third of
 * the loads and stores of single blocks. (For CMAC, which only loads, it gains nothing.) */
VAES_INLINE void encrypt_four(const struct group *group, size_t at, __m512i chain[4],
                              const __m512i *rk, uint32_t wide)
{
    __m512i four[4][4];
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        vaes_load16(group->in + (size_t)4 * g, at, four[g]);
#pragma GCC unroll 4
    for (uint32_t s = 0; s < 4; s++) {
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++)
            chain[g] = _mm512_xor_si512(chain[g], four[g][s]);
        encrypt(chain, rk, wide, group->rounds);
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++)
            four[g][s] = chain[g];
    }
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        vaes_store16(group->out + (size_t)4 * g, at, four[g]);
}

VAES_INLINE void decrypt_four(const struct group *group, size_t at, __m512i chain[4],
                              const __m512i *rk, uint32_t wide)
{
    __m512i four[4][4];
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        vaes_load16(group->in + (size_t)4 * g, at, four[g]);
#pragma GCC unroll 2
    for (uint32_t s = 0; s < 4; s += 2) {
        __m512i x[4], y[4];
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++) {
            x[g] = four[g][s];
            y[g] = four[g][s + 1];
        }
        decrypt_two(x, y, rk, wide, group->rounds);
#pragma GCC unroll 4
        for (uint32_t g = 0; g < wide; g++) {
            x[g] = _mm512_xor_si512(x[g], chain[g]);
            y[g] = _mm512_xor_si512(y[g], four[g][s]);
            chain[g] = four[g][s + 1];
            four[g][s] = x[g];
            four[g][s + 1] = y[g];
        }
    }
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        vaes_store16(group->out + (size_t)4 * g, at, four[g]);
}

VAES_INLINE void cbc_group(struct lanes_vaes *vaes, const struct group *group, uint32_t wide,
                           uint32_t key_len, bool decrypting)
{
    __m512i *rk = schedule_of(vaes);
    vaes_expand(group->key, key_len, rk, wide, 4);
    if (decrypting)
        invert(rk, wide, group->rounds);
    __m512i chain[4];
#pragma GCC unroll 4
    for (uint32_t g = 0; g < wide; g++)
        chain[g] = _mm512_setzero_si512();

    uint32_t step = 0;
    size_t at = 0;
    for (; step + 4 <= group->least; step += 4, at += 4 * LANES_BLOCK) {
        if (decrypting)
            decrypt_four(group, at, chain, rk, wide);
        else
            encrypt_four(group, at, chain, rk, wide);
    }
    for (; step < group->least; step++, at += LANES_BLOCK) {
        if (decrypting)
            decrypt_step(group->in, group->out, at, chain, rk, wide, group->rounds);
        else
            encrypt_step(group->in, group->out, at, chain, rk, wide, group->rounds);
    }
    for (; step < group->most; step++) {
        struct detour detour;
        detour_make(&detour, vaes, group, 4 * wide, step, false);
        if (decrypting)
            decrypt_step(detour.in, detour.out, 0, chain, rk, wide, group->rounds);
        else
            encrypt_step(detour.in, detour.out, 0, chain, rk, wide, group->rounds);
    }
}

/* How many registers `left` messages fill: one, two or four. */
static uint32_t width(uint32_t left)
{
    return left > 8 ? 4 : left > 4 ? 2 : 1;
}

/* The same code for each width and the usual key length, constants folded in. */
VAES static void cmac_wide(struct lanes_vaes *vaes, struct lanes_cmac *jobs,
                           const struct lanes_run *run, uint32_t first, uint32_t count)
{
    if (run->key_len == 16 && width(count) == 4)
        cmac_group(vaes, jobs, run, first, count, 4, 16);
    else if (width(count) == 4)
        cmac_group(vaes, jobs, run, first, count, 4, run->key_len);
    else if (width(count) == 2)
        cmac_group(vaes, jobs, run, first, count, 2, run->key_len);
    else
        cmac_group(vaes, jobs, run, first, count, 1, run->key_len);
}

VAES static void cbc_wide(struct lanes_vaes *vaes, const struct group *group, uint32_t wide,
                          uint32_t key_len, bool decrypting)
{
    if (key_len == 16 && wide == 4) {
        if (decrypting)
            cbc_group(vaes, group, 4, 16, true);
        else
            cbc_group(vaes, group, 4, 16, false);
    } else if (wide == 4) {
        cbc_group(vaes, group, 4, key_len, decrypting);
    } else if (wide == 2) {
        cbc_group(vaes, group, 2, key_len, decrypting);
    } else {
        cbc_group(vaes, group, 1, key_len, decrypting);
    }
}

VAES static void cbc_run(struct lanes_vaes *vaes, const struct lanes_cbc *jobs,
                         const struct lanes_run *run, bool decrypting)
{
    for (uint32_t first = 0; first < run->count; first += LANES_VAES_SIDE) {
        uint32_t left = run->count - first;
        uint32_t count = left < LANES_VAES_SIDE ? left : LANES_VAES_SIDE;
        struct group group;
        cbc_gather(&group, jobs, run, first, count, width(count), run->key_len);
        cbc_wide(vaes, &group, width(count), run->key_len, decrypting);
    }
}

void lanes_vaes_cmac(struct lanes_vaes *vaes, struct lanes_cmac *jobs, const struct lanes_run *run)
{
    for (uint32_t first = 0; first < run->count; first += LANES_VAES_SIDE) {
        uint32_t left = run->count - first;
        cmac_wide(vaes, jobs, run, first, left < LANES_VAES_SIDE ? left : LANES_VAES_SIDE);
    }
}

void lanes_vaes_cbc_encrypt(struct lanes_vaes *vaes, const struct lanes_cbc *jobs,
                            const struct lanes_run *run)
{
    cbc_run(vaes, jobs, run, false);
}

void lanes_vaes_cbc_decrypt(struct lanes_vaes *vaes, const struct lanes_cbc *jobs,
                            const struct lanes_run *run)
{
    cbc_run(vaes, jobs, run, true);
}
