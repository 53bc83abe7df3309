/* One device as it lies in the store's table, its keys wrapped under the KEK (design §4 "Keys").
 *
 *   version MSISDN | EID flags segments_max  domains  key sets | keys     | other    | JSON
 *      1      8    | 16    1        1         1+n×5    1+n×12  | 2 + wrap | 2 + wrap | 2 + n
 *                  |                  clear                    |   AES-256-GCM       |   clear
 *
 * What the directory needs comes first, so that loading unwraps once and reads no JSON. The AAD of a
 * wrapped part is everything from the EID to its own length: a part put under another EID, or under
 * another key set, does not open. The MSISDN is outside, so that it can go to another device. */
#ifndef ENGINE_DEVICE_DEVICE_RECORD_H
#define ENGINE_DEVICE_DEVICE_RECORD_H

#include "crypto/kek.h"
#include "engine/device/eis.h"

#define DEVICE_RECORD_MAX 4096u /* RECORD_CAP: it crosses to the store in a message */

/* Appends the record. The writer carries ERR_FULL, or ERR_IO when the system gives no nonce. */
void device_record_write(struct writer *out, struct kek *kek, struct lanes *lanes,
                         const struct eis *eis);

/* For the directory: no JSON, no other keys. ERR_SHORT, ERR_MALFORMED, ERR_UNSUPPORTED (version),
 * ERR_CORRUPT when the wrapped keys do not open: another KEK, or altered. Wipe *out after use. */
MUST_CHECK enum err device_record_read(struct span in, struct kek *kek, struct lanes *lanes,
                                       struct device *out);

/* The device has lost its MSISDN to another one (directory_put: ERR_CONFLICT): zeroes it in the
 * record, so that a restart does not bring it back. ERR_SHORT. */
MUST_CHECK enum err device_record_release_msisdn(uint8_t *record, size_t len);

/* The JSON that GET /v1/devices shows; borrowed from `in`. Opens nothing. */
MUST_CHECK enum err device_record_kept(struct span in, struct span *json);

/* The keys that the directory has no place for. As device_record_read. */
MUST_CHECK enum err device_record_other(struct span in, struct kek *kek, struct lanes *lanes,
                                        struct eis_other *out);

/* Appends the record `in` as that of `device`, which is its own but for the key sets' editions and
 * bases: these are bound to the wrapped parts. As device_record_read; the writer's error. */
MUST_CHECK enum err device_record_rewrite(struct span in, const struct device *device,
                                          struct kek *kek, struct lanes *lanes, struct writer *out);

#endif
