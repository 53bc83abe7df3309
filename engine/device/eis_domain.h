/* One security domain of an EIS: its TARs and key sets, unwrapped and checked. */
#ifndef ENGINE_DEVICE_EIS_DOMAIN_H
#define ENGINE_DEVICE_EIS_DOMAIN_H

#include "engine/device/eis.h"
#include "engine/device/eis_field.h"

struct eis_build {
    struct eis_field field;
    const struct eis_options *options;
    struct eis *out;
    uint8_t cc_len; /* of AES key sets: options.ccLength */
};

/* Adds the domain `name` of the EIS to what is built. */
void eis_domain_read(struct eis_build *build, json_t *eis, const char *name, enum domain_role role,
                     enum eis_need need);

#endif
