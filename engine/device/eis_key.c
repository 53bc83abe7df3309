/* Unwrapping of one key of an EIS, and its KCV. ECB is CBC of single blocks with a zero IV, so the
 * lanes' CBC calls do, a job a block. */
#include "engine/device/eis_key.h"

#include "crypto/ct.h"

#define BLOCKS_MAX (EIS_VALUE_MAX / LANES_BLOCK)

static bool length_is_legal(enum eis_kind kind, size_t len)
{
    switch (kind) {
    case EIS_KIND_AES:
        return len == 16 || len == 24 || len == 32;
    case EIS_KIND_DES3:
        return len == 16 || len == 24;
    case EIS_KIND_DES:
        return len == 8;
    case EIS_KIND_PSK:
        return len >= 16 && len <= 64;
    case EIS_KIND_OTHER:
        return len > 0;
    }
    return false;
}

/* Whether `key` has this KCV, or its kind has no rule for one (SGP.02; GlobalPlatform B.5, B.6). */
static bool kcv_holds(const struct eis_key_request *request, struct span key)
{
    static const uint8_t aes_in[LANES_BLOCK] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    static const uint8_t des_in[LANES_DES_BLOCK];
    uint8_t out[LANES_BLOCK];
    struct lanes_cbc job = { .key = key.bytes, .out = out, .key_len = (uint32_t)key.len };
    switch (request->kind) {
    case EIS_KIND_AES:
        job.in = aes_in;
        job.len = sizeof aes_in;
        lanes_cbc_encrypt(request->lanes, &job, 1);
        break;
    case EIS_KIND_DES3:
    case EIS_KIND_DES:
        job.in = des_in;
        job.len = sizeof des_in;
        lanes_des_cbc_encrypt(request->lanes, &job);
        break;
    case EIS_KIND_PSK:
    case EIS_KIND_OTHER:
        return true;
    }
    return ct_equal(out, request->kcv, EIS_KCV_LEN);
}

static void ecb_decrypt(const struct eis_key_request *request, uint8_t *out)
{
    struct lanes_cbc jobs[BLOCKS_MAX];
    uint32_t count = 0;
    for (size_t at = 0; at < request->value.len; at += LANES_BLOCK)
        jobs[count++] = (struct lanes_cbc){
            .key = request->transport_key,
            .in = request->value.bytes + at,
            .out = out + at,
            .key_len = request->transport_key_len,
            .len = LANES_BLOCK,
        };
    lanes_cbc_decrypt(request->lanes, jobs, count);
}

/* Octets of well-formed PKCS#7 padding at the end of whole blocks; 0: none. */
static size_t padding_of(struct span clear)
{
    uint8_t n = clear.bytes[clear.len - 1];
    if (n == 0 || n > LANES_BLOCK)
        return 0;
    for (size_t i = 1; i <= n; i++)
        if (clear.bytes[clear.len - i] != n)
            return 0;
    return n;
}

/* Chooses among the readings of `clear`; leaves the key's length. */
static enum eis_key_verdict choose(const struct eis_key_request *request, struct span clear,
                                   uint32_t *len)
{
    size_t padding = request->transport_key != NULL ? padding_of(clear) : 0;
    size_t readings[] = { clear.len - padding, clear.len };
    bool any = false;
    for (size_t i = padding > 0 ? 0 : 1; i < COUNT(readings); i++) {
        if (!length_is_legal(request->kind, readings[i]))
            continue;
        any = true;
        if (request->kcv == NULL || kcv_holds(request, span_first(clear, readings[i]))) {
            *len = (uint32_t)readings[i];
            return EIS_KEY_SOUND;
        }
    }
    if (any)
        return EIS_KEY_KCV_MISMATCH;
    return padding > 0 || request->transport_key == NULL ? EIS_KEY_BAD_KEY_LENGTH
                                                         : EIS_KEY_BAD_PADDING;
}

enum eis_key_verdict eis_key_unwrap(const struct eis_key_request *request, uint8_t *out,
                                    uint32_t *len)
{
    struct span value = request->value;
    bool wrapped = request->transport_key != NULL;
    memset(out, 0, EIS_VALUE_MAX);
    *len = 0;
    if (value.len == 0 || value.len > EIS_VALUE_MAX || (wrapped && value.len % LANES_BLOCK != 0))
        return EIS_KEY_BAD_LENGTH;
    if (wrapped)
        ecb_decrypt(request, out);
    else
        memcpy(out, value.bytes, value.len);
    enum eis_key_verdict verdict = choose(request, span_of(out, value.len), len);
    wipe(out + *len, value.len - *len);
    return verdict;
}

const char *eis_key_verdict_label(enum eis_key_verdict verdict)
{
    static const char *const labels[] = {
        [EIS_KEY_SOUND] = "sound",
        [EIS_KEY_BAD_LENGTH] = "bad_length",
        [EIS_KEY_BAD_PADDING] = "bad_padding",
        [EIS_KEY_BAD_KEY_LENGTH] = "bad_key_length",
        [EIS_KEY_KCV_MISMATCH] = "kcv_mismatch",
    };
    return labels[verdict];
}

const char *eis_key_verdict_text(enum eis_key_verdict verdict)
{
    static const char *const texts[] = {
        [EIS_KEY_SOUND] = "is sound",
        [EIS_KEY_BAD_LENGTH] = "is not a whole number of 16-octet blocks",
        [EIS_KEY_BAD_PADDING] = "has no sound padding under the transport key, and is no key "
                                "without: is it the right transport key?",
        [EIS_KEY_BAD_KEY_LENGTH] = "has a length that this type of key cannot have",
        [EIS_KEY_KCV_MISMATCH] = "does not have the kcv that is given with it: is it under the "
                                 "configured transport key?",
    };
    return texts[verdict];
}

const char *eis_kind_lengths(enum eis_kind kind)
{
    static const char *const lengths[] = {
        [EIS_KIND_AES] = "16, 24 or 32 octets",
        [EIS_KIND_DES3] = "16 or 24 octets",
        [EIS_KIND_DES] = "8 octets",
        [EIS_KIND_PSK] = "16 to 64 octets",
        [EIS_KIND_OTHER] = "1 to 512 octets",
    };
    return lengths[kind];
}
