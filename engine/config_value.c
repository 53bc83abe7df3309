/* One setting's text to its field, and what it accepts in words. */
#include "engine/config_schema.h"

#include "io/xdp/steer_list.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS 1000u
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * (uint64_t)HOUR_MS)

/* Digits only, at least one, below 2^53; what follows them in *rest. */
static bool number_read(const char *text, uint64_t *value, const char **rest)
{
    uint64_t sum = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        sum = sum * 10 + (uint64_t)(*at - '0');
        if (sum >> 53 != 0)
            return false;
    }
    *value = sum;
    *rest = at;
    return at != text;
}

static bool duration_read(const char *text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {
        { "ms", 1 }, { "s", SECOND_MS }, { "m", MINUTE_MS }, { "h", HOUR_MS }, { "d", DAY_MS },
    };
    uint64_t value;
    const char *unit;
    if (!number_read(text, &value, &unit) || value > UINT32_MAX)
        return false;
    for (size_t i = 0; i < COUNT(units); i++)
        if (strcmp(unit, units[i].unit) == 0) {
            *ms = value * units[i].ms;
            return true;
        }
    return false;
}

static bool size_read(const char *text, uint64_t *mb)
{
    uint64_t value;
    const char *unit;
    if (!number_read(text, &value, &unit) || value > UINT32_MAX)
        return false;
    *mb = strcmp(unit, "G") == 0 ? value * 1024 : value;
    return strcmp(unit, "G") == 0 || strcmp(unit, "M") == 0;
}

static bool store_number(const struct setting *setting, uint64_t value, void *base)
{
    if (value < setting->least || value > setting->most)
        return false;
    void *field = (char *)base + setting->offset;
    switch (setting->width) {
    case 1:
        *(uint8_t *)field = (uint8_t)value;
        return true;
    case 2:
        *(uint16_t *)field = (uint16_t)value;
        return true;
    default:
        ASSERT(setting->width == 4);
        *(uint32_t *)field = (uint32_t)value;
        return true;
    }
}

static void store_text(const struct setting *setting, const char *text, void *base)
{
    char **field = (char **)(void *)((char *)base + setting->offset);
    free(*field);
    *field = strdup(text);
    ASSERT(*field != NULL);
}

static bool text_fits(const struct setting *setting, const char *text)
{
    size_t len = strlen(text);
    if (setting->kind == SETTING_PATH)
        return len < 4096 && text[0] == '/';
    if (len < setting->least || len > setting->most)
        return false;
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        bool fits = setting->kind == SETTING_DIGITS ? isdigit(c) != 0
                    : setting->kind == SETTING_NAME
                        ? islower(c) || isdigit(c) || c == '-' || c == '_'
                        : c >= 0x20 && c < 0x7F;
        if (!fits)
            return false;
    }
    return true;
}

static bool ip_fits(const struct setting *setting, struct ip_addr addr)
{
    bool four = ip_is_v4(addr);
    if (four ? ip_v4(addr) == 0 : ip_is_none(addr))
        return false;
    if (setting->kind == SETTING_IP4 || setting->kind == SETTING_IP4_NET)
        return four;
    return setting->kind == SETTING_IP || !four;
}

static bool ip_setting_read(const struct setting *setting, const char *text, void *base)
{
    struct ip_addr addr = { { 0 } };
    uint8_t prefix_len = 0;
    bool net = setting->kind == SETTING_IP4_NET || setting->kind == SETTING_IP6_NET;
    bool none = setting->kind != SETTING_IP && strcmp(text, "none") == 0;
    bool read = net ? ip_prefix_read(text, &addr, &prefix_len) : ip_read(text, &addr);
    if (!none && (!read || !ip_fits(setting, addr)))
        return false;
    *(struct ip_addr *)(void *)((char *)base + setting->offset) = addr;
    if (net)
        *((uint8_t *)base + setting->second) = prefix_len;
    return true;
}

static bool prefix_read(const struct setting *setting, const char *text, void *base)
{
    struct ip_addr addr;
    struct steer_prefix prefix;
    uint8_t prefix_len;
    if (ip_read(text, &addr))
        prefix_len = ip_is_v4(addr) ? 32 : 128;
    else if (!ip_prefix_read(text, &addr, &prefix_len))
        return false;
    if (!steer_prefix_of(addr, prefix_len, &prefix))
        return false;
    *(struct ip_addr *)(void *)((char *)base + setting->offset) = addr;
    *((uint8_t *)base + setting->second) = prefix_len;
    return true;
}

static bool choice_read(const struct setting *setting, const char *text, void *base)
{
    for (int i = 0; setting->choices[i] != NULL; i++)
        if (strcmp(text, setting->choices[i]) == 0) {
            *(int *)(void *)((char *)base + setting->offset) = i;
            return true;
        }
    return false;
}

static bool bool_read(const struct setting *setting, const char *text, void *base)
{
    bool yes = strcmp(text, "true") == 0;
    *((bool *)base + setting->offset) = yes;
    return yes || strcmp(text, "false") == 0;
}

bool setting_read(const struct setting *setting, const char *text, void *base)
{
    uint64_t value;
    const char *rest;
    switch (setting->kind) {
    case SETTING_NAME:
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_DIGITS:
        if (!text_fits(setting, text))
            return false;
        store_text(setting, text, base);
        return true;
    case SETTING_HOST: {
        struct in6_addr address;
        if (inet_pton(AF_INET, text, &address) != 1 && inet_pton(AF_INET6, text, &address) != 1)
            return false;
        store_text(setting, text, base);
        return true;
    }
    case SETTING_UINT:
        return number_read(text, &value, &rest) && *rest == '\0' &&
               store_number(setting, value, base);
    case SETTING_SECONDS:
        return duration_read(text, &value) && value % SECOND_MS == 0 &&
               store_number(setting, value / SECOND_MS, base);
    case SETTING_MILLIS:
        return duration_read(text, &value) && store_number(setting, value, base);
    case SETTING_MEGA:
        return size_read(text, &value) && store_number(setting, value, base);
    case SETTING_IP:
    case SETTING_IP4:
    case SETTING_IP6:
    case SETTING_IP4_NET:
    case SETTING_IP6_NET:
        return ip_setting_read(setting, text, base);
    case SETTING_PREFIX:
        return prefix_read(setting, text, base);
    case SETTING_BOOL:
        return bool_read(setting, text, base);
    case SETTING_CHOICE:
        return choice_read(setting, text, base);
    case SETTING_AUTO:
        if (strcmp(text, "auto") != 0)
            return number_read(text, &value, &rest) && *rest == '\0' &&
                   store_number(setting, value, base);
        *(uint32_t *)(void *)((char *)base + setting->offset) = CONFIG_AUTO;
        return true;
    case SETTING_CPU_LIST:
    case SETTING_LIST:
        return false; /* a sequence, never one scalar */
    }
    return false;
}

/* 90061000 ms: "25h1m" would not be accepted, so the largest unit that divides it: "90061s". */
static void duration_write(uint64_t ms, char *out, size_t cap)
{
    if (ms % DAY_MS == 0)
        snprintf(out, cap, "%" PRIu64 "d", ms / DAY_MS);
    else if (ms % HOUR_MS == 0)
        snprintf(out, cap, "%" PRIu64 "h", ms / HOUR_MS);
    else if (ms % MINUTE_MS == 0)
        snprintf(out, cap, "%" PRIu64 "m", ms / MINUTE_MS);
    else if (ms % SECOND_MS == 0)
        snprintf(out, cap, "%" PRIu64 "s", ms / SECOND_MS);
    else
        snprintf(out, cap, "%" PRIu64 "ms", ms);
}

static void duration_accepts(const struct setting *setting, uint64_t scale, char *out, size_t cap)
{
    char least[24], most[24];
    duration_write(setting->least * scale, least, sizeof least);
    duration_write(setting->most * scale, most, sizeof most);
    snprintf(out, cap, "a duration from %s to %s, with its unit (%ss, m, h, d)", least, most,
             scale == 1 ? "ms, " : "");
}

static void choice_accepts(const struct setting *setting, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (int i = 0; setting->choices[i] != NULL && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s",
                                i > 0 ? ", " : "one of: ", setting->choices[i]);
}

/* Of the kinds that accept the same in all rows. */
static const char *const phrases[] = {
    [SETTING_PATH] = "an absolute path",
    [SETTING_IP] = "an IPv4 or IPv6 address",
    [SETTING_IP4] = "an IPv4 address, or none",
    [SETTING_IP6] = "an IPv6 address, or none",
    [SETTING_IP4_NET] = "an IPv4 address with its prefix length, such as 192.0.2.2/24, or none",
    [SETTING_IP6_NET] = "an IPv6 address with its prefix length, such as 2001:db8::2/64, or none",
    [SETTING_PREFIX] = ("an IPv4 or IPv6 address or prefix, such as 192.0.2.0/24 or "
                        "2001:db8::/32; no IPv6 prefix of zeros"),
    [SETTING_HOST] = "an IPv4 or IPv6 address",
    [SETTING_BOOL] = "true or false",
};

void setting_accepts(const struct setting *setting, char *out, size_t cap)
{
    switch (setting->kind) {
    case SETTING_NAME:
        snprintf(out, cap, "1 to %" PRIu64 " lower-case letters, digits, - or _", setting->most);
        return;
    case SETTING_TEXT:
        snprintf(out, cap, "%" PRIu64 " to %" PRIu64 " printable ASCII characters", setting->least,
                 setting->most);
        return;
    case SETTING_DIGITS:
        snprintf(out, cap, "%" PRIu64 " to %" PRIu64 " digits, in quotes", setting->least,
                 setting->most);
        return;
    case SETTING_UINT:
        snprintf(out, cap, "a number from %" PRIu64 " to %" PRIu64, setting->least, setting->most);
        return;
    case SETTING_SECONDS:
        duration_accepts(setting, SECOND_MS, out, cap);
        return;
    case SETTING_MILLIS:
        duration_accepts(setting, 1, out, cap);
        return;
    case SETTING_MEGA:
        snprintf(out, cap, "a size from %" PRIu64 "M to %" PRIu64 "G, with its unit (M, G)",
                 setting->least, setting->most / 1024);
        return;
    case SETTING_PATH:
    case SETTING_IP:
    case SETTING_IP4:
    case SETTING_IP6:
    case SETTING_IP4_NET:
    case SETTING_IP6_NET:
    case SETTING_PREFIX:
    case SETTING_HOST:
    case SETTING_BOOL:
        snprintf(out, cap, "%s", phrases[setting->kind]);
        return;
    case SETTING_CHOICE:
        choice_accepts(setting, out, cap);
        return;
    case SETTING_AUTO:
        snprintf(out, cap, "auto, or a number from %" PRIu64 " to %" PRIu64, setting->least,
                 setting->most);
        return;
    case SETTING_LIST:
        snprintf(out, cap, "a list of 1 to %" PRIu64 " different numbers from 0, such as [0, 1]",
                 setting->most);
        return;
    case SETTING_CPU_LIST:
        snprintf(out, cap, "a list of 1 to %" PRIu64 " different CPU numbers, such as [1, 2]",
                 setting->most);
        return;
    }
}
