/* SCP80 packets made one at a time, straight from the spec's tables, by OpenSSL: shares no code
 * with crypto/, so that it can disagree. */
#ifndef TESTS_SUPPORT_SCP80_REF_H
#define TESTS_SUPPORT_SCP80_REF_H

#include "crypto/scp80_batch.h"

#define SCP80_REF_CAP 2048

/* Length of the command packet written to `out`; 0 for what the spec does not allow. */
size_t scp80_ref_command(const struct scp80_security *security, const struct scp80_keys *keys,
                         struct span data, uint8_t out[SCP80_REF_CAP]);

/* The response packet of a card: `udhl` of the CC's prefix is 2 as a rule. */
size_t scp80_ref_response(const struct scp80_security *command, const struct scp80_keys *keys,
                          uint8_t status, struct span data, uint8_t udhl,
                          uint8_t out[SCP80_REF_CAP]);

#endif
