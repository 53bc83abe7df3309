/* Devices for tests and benches, made from a number. */
#ifndef TESTS_SUPPORT_DEVICES_H
#define TESTS_SUPPORT_DEVICES_H

#include "engine/device/directory.h"

/* EID 8900…, check digits right. */
struct eid device_eid(uint64_t number);
/* MSISDN of 12 digits, as sms_msisdn_of() would have it. */
uint64_t device_msisdn(uint64_t number);
/* `keysets` AES-128 SCP80 sets (the second and further ones AES-256) whose every octet follows from
 * number and version, so that device_is_whole() can tell a mixture. */
void device_make(uint64_t number, uint32_t version, uint8_t keysets, struct device *out);
/* Whether all of it is of one number and one version. */
bool device_is_whole(const struct device *device, uint64_t number);

#endif
