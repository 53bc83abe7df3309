/* Devices made from a number. */
#include "tests/support/devices.h"

#include "base/prng.h"

#include <stdio.h>

struct eid device_eid(uint64_t number)
{
    char digits[EID_DIGITS + 1];
    snprintf(digits, sizeof digits, "890010120%021llu00", (unsigned long long)number);
    struct eid eid = { { 0 } };
    for (unsigned i = 0; i < EID_LEN; i++)
        eid.bytes[i] = (uint8_t)((digits[2 * i] - '0') << 4 | (digits[2 * i + 1] - '0'));
    unsigned check = 98 - eid_mod97(&eid);
    eid.bytes[EID_LEN - 1] = (uint8_t)(check / 10 << 4 | check % 10);
    return eid;
}

uint64_t device_msisdn(uint64_t number)
{
    return (uint64_t)12 << 56 | (447000000000u + number);
}

/* Version in the counter base, so that a copy says which one it is. */
void device_make(uint64_t number, uint32_t version, uint8_t keysets, struct device *out)
{
    *out = (struct device){
        .eid = device_eid(number),
        .msisdn = device_msisdn(number),
        .segments_max = (uint8_t)(version % 10),
        .domain_count = 2,
        .keyset_count = keysets,
        .domains = { { DOMAIN_ISD_R, { 0, 0, 1 }, false },
                     { DOMAIN_MNO_SD, { 0xB2, 0x01, 0x00 }, true } },
    };
    struct prng prng;
    prng_init(&prng, number << 20 ^ version);
    for (unsigned i = 0; i < keysets; i++) {
        struct device_keyset *set = &out->keysets[i];
        uint8_t len = i == 0 ? 16 : 32;
        *set = (struct device_keyset){
            .domain = i > 0,
            .kvn = (uint8_t)(i + 1),
            .kic_algorithm = 2,
            .kid_algorithm = 2,
            .kic_len = len,
            .kid_len = len,
            .cc_len = 8,
            .cntr_base = version,
        };
        for (unsigned k = 0; k < len; k++) {
            set->kic[k] = (uint8_t)prng_next(&prng);
            set->kid[k] = (uint8_t)prng_next(&prng);
        }
    }
}

bool device_is_whole(const struct device *device, uint64_t number)
{
    struct device wanted;
    if (device->keyset_count == 0 || device->keyset_count > DEVICE_KEYSETS_MAX)
        return false;
    device_make(number, (uint32_t)device->keysets[0].cntr_base, device->keyset_count, &wanted);
    wanted.msisdn = device->msisdn; /* may have gone to another device */
    return memcmp(&wanted, device, sizeof wanted) == 0;
}
