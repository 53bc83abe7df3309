/* Addresses of short messages, as SMPP and TPDUs carry them, and E.164 numbers as one word.
 *
 * Networks rewrite addresses: `+` or `00` in front, TON missing (a field that says "unknown" while
 * the digits are international). So numbers are compared by their digits alone. */
#ifndef IO_SMS_ADDRESS_H
#define IO_SMS_ADDRESS_H

#include "base/span.h"

#define SMS_DIGITS_MAX 20     /* TS 23.040 §9.1.2.5 */
#define SMS_MSISDN_DIGITS 15u /* E.164 */

enum sms_ton { SMS_TON_UNKNOWN, SMS_TON_INTERNATIONAL, SMS_TON_NATIONAL, SMS_TON_ALPHANUMERIC = 5 };
enum sms_npi { SMS_NPI_UNKNOWN, SMS_NPI_E164 };

struct sms_address {
    uint8_t ton;
    uint8_t npi;
    uint8_t len;                     /* characters */
    char digits[SMS_DIGITS_MAX + 1]; /* NUL after the last; letters when alphanumeric */
};

/* The number as one word, comparable and usable as a key: digit count in the top octet, value below
 * (so that 0123 and 123 differ). A leading `+` or `00` is stripped. 0: not an E.164 number (empty,
 * alphanumeric, a character that is no digit, more than 15 digits). */
uint64_t sms_msisdn(const struct sms_address *address);

/* The same from text without TON and NPI, such as a configured or an API number. */
uint64_t sms_msisdn_of(struct span text);

/* International E.164 address of a number made by sms_msisdn. */
struct sms_address sms_address_of(uint64_t msisdn);

/* From text; TON and NPI as given. ERR_RANGE when longer than SMS_DIGITS_MAX. */
MUST_CHECK enum err sms_address_set(struct sms_address *address, uint8_t ton, uint8_t npi,
                                    struct span text);

/* Whether the last `digits` digits of both agree; false when either has fewer. */
bool sms_msisdn_suffix_equal(uint64_t a, uint64_t b, unsigned digits);

#endif
