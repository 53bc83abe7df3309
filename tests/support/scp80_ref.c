/* The reference packet maker: plain arrays, one message. */
#include "tests/support/scp80_ref.h"

#include "tests/support/lanes_ref.h"

/* Octets being put together. */
struct text {
    uint8_t bytes[SCP80_REF_CAP];
    size_t len;
};

static void put(struct text *text, const void *bytes, size_t len)
{
    ASSERT(text->len + len <= sizeof text->bytes);
    if (len > 0)
        memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

static void put_uint(struct text *text, uint64_t value, unsigned len)
{
    while (len-- > 0) {
        uint8_t octet = (uint8_t)(value >> 8 * len);
        put(text, &octet, 1);
    }
}

static void put_length(struct text *text, bool sms, size_t len, unsigned sms_octets)
{
    if (sms)
        put_uint(text, len, sms_octets);
    else if (len < 128)
        put_uint(text, len, 1);
    else if (len < 256)
        put_uint(text, 0x8100 | len, 2);
    else
        put_uint(text, 0x820000 | len, 3);
}

/* Most significant bit first over reflected octets: the other way to write the same CRC. */
static uint64_t crc(const struct text *in, unsigned bits, uint64_t poly)
{
    uint64_t all = (1ull << bits) - 1, value = all, out = 0;
    for (size_t i = 0; i < 8 * in->len; i++) {
        uint64_t bit = in->bytes[i / 8] >> (i % 8) & 1u;
        uint64_t top = value >> (bits - 1) & 1;
        value = (value << 1 & all) ^ (top != bit ? poly : 0);
    }
    for (unsigned i = 0; i < bits; i++)
        out |= (value >> i & 1) << (bits - 1 - i);
    return out ^ all;
}

enum kind { NONE, CRC16, CRC32, DES_MAC, CMAC, REFUSED };

static enum kind check_kind(unsigned integrity, uint8_t kid)
{
    unsigned low = kid & 15u;
    if (integrity == 0)
        return NONE;
    if (integrity == 1)
        return low == 1 ? CRC16 : low == 5 ? CRC32 : REFUSED;
    if (integrity == 2)
        return low == 2 ? CMAC : low == 1 || low == 5 || low == 9 ? DES_MAC : REFUSED;
    return REFUSED;
}

static size_t check_len(enum kind kind, const struct scp80_keys *keys)
{
    switch (kind) {
    case CRC16:
        return 2;
    case CRC32:
        return 4;
    case DES_MAC:
        return 8;
    case CMAC:
        return keys->cc_len == 4 ? 4 : 8;
    case NONE:
    case REFUSED:
        return 0;
    }
    return 0;
}

static void check(enum kind kind, const struct scp80_keys *keys, const struct text *in,
                  struct text *out)
{
    struct lanes_cmac cmac = {
        .key = keys->kid, .key_len = keys->kid_len, .in = in->bytes, .len = (uint32_t)in->len
    };
    uint8_t mac[LANES_DES_BLOCK];
    switch (kind) {
    case CRC16:
        put_uint(out, crc(in, 16, 0x1021), 2);
        return;
    case CRC32:
        put_uint(out, crc(in, 32, 0x04C11DB7), 4);
        return;
    case DES_MAC:
        lanes_ref_des_mac(keys->kid, keys->kid_len, span_of(in->bytes, in->len), mac);
        put(out, mac, sizeof mac);
        return;
    case CMAC:
        lanes_ref_cmac_run(&cmac, 1);
        put(out, cmac.mac, check_len(CMAC, keys));
        return;
    case NONE:
    case REFUSED:
        return;
    }
}

/* head (in clear) | fixed | CC | data | zeros, the part after the head ciphered. */
static size_t finish(bool ciphered, uint8_t kic, enum kind kind, const struct scp80_keys *keys,
                     struct span prefix, const struct text *head, const struct text *fixed,
                     struct span data, size_t padding, uint8_t *out)
{
    static const uint8_t zeros[16];
    struct text covered = { .len = 0 }, body = { .len = 0 };
    put(&covered, prefix.bytes, prefix.len);
    put(&covered, head->bytes, head->len);
    put(&covered, fixed->bytes, fixed->len);
    put(&covered, data.bytes, data.len);
    put(&covered, zeros, padding);
    put(&body, fixed->bytes, fixed->len);
    check(kind, keys, &covered, &body);
    put(&body, data.bytes, data.len);
    put(&body, zeros, padding);
    struct lanes_cbc job = { .key = keys->kic,
                             .key_len = keys->kic_len,
                             .in = body.bytes,
                             .out = body.bytes,
                             .len = (uint32_t)body.len };
    if (ciphered && (kic & 15) == 2)
        lanes_ref_cbc_encrypt(&job, 1);
    else if (ciphered)
        lanes_ref_des_cbc_encrypt(&job);
    memcpy(out, head->bytes, head->len);
    memcpy(out + head->len, body.bytes, body.len);
    return head->len + body.len;
}

static size_t padding_of(bool ciphered, uint8_t kic, size_t len)
{
    size_t block = !ciphered ? 1 : (kic & 15) == 2 ? 16 : 8;
    return (block - len % block) % block;
}

size_t scp80_ref_command(const struct scp80_security *security, const struct scp80_keys *keys,
                         struct span data, uint8_t out[SCP80_REF_CAP])
{
    bool sms = security->transport == SCP80_SMS_PP;
    bool ciphered = (security->spi >> 8 & 4) != 0;
    enum kind kind = check_kind(security->spi >> 8 & 3u, security->kid);
    unsigned low = security->kic & 15u;
    if (kind == REFUSED || (ciphered && low != 1 && low != 2 && low != 5 && low != 9))
        return 0;
    size_t cc_len = check_len(kind, keys);
    size_t padding = padding_of(ciphered, security->kic, 6 + cc_len + data.len);
    struct text head = { .len = 0 }, fixed = { .len = 0 };
    if (!sms)
        put_uint(&head, 1, 1);
    put_length(&head, sms, 1 + 13 + cc_len + data.len + padding, 2);
    put_length(&head, sms, 13 + cc_len, 1);
    put_uint(&head, security->spi, 2);
    put_uint(&head, security->kic, 1);
    put_uint(&head, security->kid, 1);
    put(&head, security->tar, 3);
    put_uint(&fixed, security->cntr, 5);
    put_uint(&fixed, padding, 1);
    return finish(ciphered, security->kic, kind, keys, span_of(NULL, 0), &head, &fixed, data,
                  padding, out);
}

size_t scp80_ref_response(const struct scp80_security *command, const struct scp80_keys *keys,
                          uint8_t status, struct span data, uint8_t udhl,
                          uint8_t out[SCP80_REF_CAP])
{
    bool sms = command->transport == SCP80_SMS_PP;
    bool ciphered = (command->spi & 0x10) != 0;
    enum kind kind = check_kind(command->spi >> 2 & 3u, command->kid);
    unsigned low = command->kic & 15u;
    if (kind == REFUSED || (ciphered && low != 1 && low != 2 && low != 5 && low != 9))
        return 0;
    size_t cc_len = check_len(kind, keys);
    size_t padding = padding_of(ciphered, command->kic, 7 + cc_len + data.len);
    uint8_t prefix[3] = { udhl, 0x71, 0x00 };
    struct text head = { .len = 0 }, fixed = { .len = 0 };
    if (!sms)
        put_uint(&head, 2, 1);
    put_length(&head, sms, 1 + 10 + cc_len + data.len + padding, 2);
    put_length(&head, sms, 10 + cc_len, 1);
    put(&head, command->tar, 3);
    put_uint(&fixed, command->cntr, 5);
    put_uint(&fixed, padding, 1);
    put_uint(&fixed, status, 1);
    return finish(ciphered, command->kic, kind, keys, span_of(prefix, sms ? 3 : 0), &head, &fixed,
                  data, padding, out);
}
