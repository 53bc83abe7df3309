/* Addresses of short messages and their E.164 numbers. */
#include "io/sms/sms_address.h"

#define COUNT_SHIFT 56 /* of the digit count in a msisdn word */

static_assert(SMS_MSISDN_DIGITS < 17, "999... of so many digits stays below the count octet");

uint64_t sms_msisdn_of(struct span text)
{
    struct span digits = text;
    if (text.len > 0 && text.bytes[0] == '+')
        digits = span_after(text, 1);
    else if (text.len > 2 && text.bytes[0] == '0' && text.bytes[1] == '0')
        digits = span_after(text, 2);
    if (digits.len == 0 || digits.len > SMS_MSISDN_DIGITS)
        return 0;

    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.bytes[i] < '0' || digits.bytes[i] > '9')
            return 0;
        value = value * 10 + (uint64_t)(digits.bytes[i] - '0');
    }
    return (uint64_t)digits.len << COUNT_SHIFT | value;
}

uint64_t sms_msisdn(const struct sms_address *address)
{
    ASSERT(address->len <= SMS_DIGITS_MAX);
    if (address->ton == SMS_TON_ALPHANUMERIC)
        return 0;
    return sms_msisdn_of(span_of(address->digits, address->len));
}

struct sms_address sms_address_of(uint64_t msisdn)
{
    struct sms_address out = { .ton = SMS_TON_INTERNATIONAL, .npi = SMS_NPI_E164 };
    uint64_t value = msisdn & ((1ull << COUNT_SHIFT) - 1);
    out.len = (uint8_t)(msisdn >> COUNT_SHIFT);
    ASSERT(out.len <= SMS_MSISDN_DIGITS);
    for (size_t i = out.len; i-- > 0; value /= 10)
        out.digits[i] = (char)('0' + value % 10);
    return out;
}

enum err sms_address_set(struct sms_address *address, uint8_t ton, uint8_t npi, struct span text)
{
    *address = (struct sms_address){ .ton = ton, .npi = npi };
    if (text.len > SMS_DIGITS_MAX)
        return ERR_RANGE;
    struct reader r = reader_over(text);
    reader_copy(&r, address->digits, text.len);
    address->len = (uint8_t)text.len;
    return ERR_OK;
}

bool sms_msisdn_suffix_equal(uint64_t a, uint64_t b, unsigned digits)
{
    if (a >> COUNT_SHIFT < digits || b >> COUNT_SHIFT < digits)
        return false;
    uint64_t mask = (1ull << COUNT_SHIFT) - 1;
    uint64_t modulus = 1;
    for (unsigned i = 0; i < digits; i++)
        modulus *= 10;
    return (a & mask) % modulus == (b & mask) % modulus;
}
