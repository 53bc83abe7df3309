/* Which SMSC account reaches a number: the longest matching prefix of its digits. Read-only once
 * made. */
#ifndef ENGINE_ROUTES_H
#define ENGINE_ROUTES_H

#include "engine/config.h"

struct route {
    uint64_t value;  /* of the prefix digits */
    uint8_t digits;  /* how many; 0 matches all */
    uint8_t account; /* index into config.accounts */
};

struct routes {
    uint32_t count;
    struct route routes[CONFIG_ROUTES_MAX + 1]; /* longest first */
};

/* From a checked config. Without routes every number goes to the first account. */
void routes_init(struct routes *routes, const struct config *config);

/* `msisdn` as sms_msisdn gives it. ERR_UNREACHABLE when no route matches. */
MUST_CHECK enum err routes_find(const struct routes *routes, uint64_t msisdn, uint8_t *account);

#endif
