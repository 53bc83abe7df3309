/* Civil time to ms and back, by the days-from-civil algorithm; no time zone data base. */
#include "engine/job/rfc3339.h"

#include <stdio.h>

#define DAY_S 86400

/* Days since 1970-01-01 of a Gregorian date: years of 400 have the same number of days. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

static unsigned digits(struct reader *in, size_t count)
{
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t c = reader_u8(in);
        if (c < '0' || c > '9')
            reader_fail(in, ERR_MALFORMED);
        else
            value = value * 10 + (unsigned)(c - '0');
    }
    return value;
}

static void expect(struct reader *in, char upper, char lower)
{
    uint8_t c = reader_u8(in);
    if (c != (uint8_t)upper && c != (uint8_t)lower)
        reader_fail(in, ERR_MALFORMED);
}

/* ".250" when it is there; then the first octet of the offset. */
static unsigned fraction(struct reader *in, uint8_t *offset)
{
    unsigned ms = 0, scale = 100, count = 0;
    *offset = reader_u8(in);
    if (*offset != '.')
        return 0;
    for (*offset = reader_u8(in); *offset >= '0' && *offset <= '9'; *offset = reader_u8(in)) {
        ms += (unsigned)(*offset - '0') * scale;
        scale /= 10;
        count++;
    }
    if (count == 0)
        reader_fail(in, ERR_MALFORMED);
    return ms;
}

enum err rfc3339_read(struct span text, uint64_t *ms)
{
    struct reader in = reader_over(text);
    unsigned year = digits(&in, 4);
    expect(&in, '-', '-');
    unsigned month = digits(&in, 2);
    expect(&in, '-', '-');
    unsigned day = digits(&in, 2);
    expect(&in, 'T', 't');
    unsigned hour = digits(&in, 2);
    expect(&in, ':', ':');
    unsigned minute = digits(&in, 2);
    expect(&in, ':', ':');
    unsigned second = digits(&in, 2);
    uint8_t sign;
    unsigned part = fraction(&in, &sign);
    int64_t offset_s = 0;
    if (sign == '+' || sign == '-') {
        unsigned hours = digits(&in, 2);
        expect(&in, ':', ':');
        unsigned minutes = digits(&in, 2);
        if (hours > 23 || minutes > 59)
            reader_fail(&in, ERR_MALFORMED);
        offset_s = (int64_t)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    } else if (sign != 'Z' && sign != 'z') {
        reader_fail(&in, ERR_MALFORMED);
    }
    if (reader_end(&in) != ERR_OK || month < 1 || month > 12 || day < 1 ||
        day > days_in(year, month) || hour > 23 || minute > 59 || second > 60)
        return ERR_MALFORMED;
    int64_t s = days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset_s;
    if (s < 0)
        return ERR_RANGE;
    *ms = (uint64_t)s * 1000 + part;
    return ERR_OK;
}

void rfc3339_write(uint64_t ms, char out[RFC3339_LEN + 1])
{
    uint64_t s = ms / 1000, days = s / DAY_S + 719468;
    uint64_t era = days / 146097, of_era = days % 146097;
    uint64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    uint64_t shifted = (5 * of_year + 2) / 153;
    uint64_t day = of_year - (153 * shifted + 2) / 5 + 1;
    uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    uint64_t year = years + era * 400 + (month <= 2);
    ASSERT(year < 10000);
    snprintf(out, RFC3339_LEN + 1, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year % 10000,
             (unsigned)month % 100, (unsigned)day % 100, (unsigned)(s / 3600 % 24),
             (unsigned)(s / 60 % 60), (unsigned)(s % 60), (unsigned)(ms % 1000));
}
