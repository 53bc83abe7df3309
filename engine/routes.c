/* Routing by number prefix: few routes, so a scan from the longest prefix down. */
#include "engine/routes.h"

#include "io/sms/sms_address.h"

#include <stdlib.h>
#include <string.h>

/* sms_msisdn's word: digit count in the top octet, value below. */
#define DIGITS(msisdn) ((unsigned)((msisdn) >> 56))
#define VALUE(msisdn) ((msisdn) & (((uint64_t)1 << 56) - 1))

static uint8_t account_named(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->account_count; i++)
        if (strcmp(config->accounts[i].name, name) == 0)
            return (uint8_t)i;
    check_failed("config_load refuses routes to unknown accounts", __FILE__, __LINE__);
}

static int longer_first(const void *left, const void *right)
{
    const struct route *a = left, *b = right;
    return (int)b->digits - (int)a->digits;
}

void routes_init(struct routes *routes, const struct config *config)
{
    memset(routes, 0, sizeof *routes);
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct route *route = &routes->routes[routes->count++];
        for (const char *c = config->routes[i].prefix; *c != '\0'; c++) {
            route->value = route->value * 10 + (uint64_t)(*c - '0');
            route->digits++;
        }
        route->account = account_named(config, config->routes[i].account);
    }
    if (routes->count == 0 && config->account_count > 0)
        routes->count = 1; /* zero digits, account 0 */
    qsort(routes->routes, routes->count, sizeof routes->routes[0], longer_first);
}

enum err routes_find(const struct routes *routes, uint64_t msisdn, uint8_t *account)
{
    static const uint64_t powers[] = { 1u,
                                       10u,
                                       100u,
                                       1000u,
                                       10000u,
                                       100000u,
                                       1000000u,
                                       10000000u,
                                       100000000u,
                                       1000000000u,
                                       10000000000u,
                                       100000000000u,
                                       1000000000000u,
                                       10000000000000u,
                                       100000000000000u,
                                       1000000000000000u };
    unsigned digits = DIGITS(msisdn);
    if (digits == 0 || digits > SMS_MSISDN_DIGITS)
        return ERR_UNREACHABLE;
    for (uint32_t i = 0; i < routes->count; i++) {
        const struct route *route = &routes->routes[i];
        if (route->digits > digits ||
            VALUE(msisdn) / powers[digits - route->digits] != route->value)
            continue;
        *account = route->account;
        return ERR_OK;
    }
    return ERR_UNREACHABLE;
}
