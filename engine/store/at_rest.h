/* Command records as they lie in the table: a packet whose SPI does not cipher is clear text, so it
 * is wrapped under the KEK, bound to the command's id.
 *
 *   00 | command record                               the SPI ciphers
 *   01 | length (2) | record with no packet | wrapped packet */
#ifndef ENGINE_STORE_AT_REST_H
#define ENGINE_STORE_AT_REST_H

#include "engine/store/record.h"

struct kek;
struct lanes;

#define AT_REST_CAP (RECORD_CAP + 64)

/* ERR_KEY when there is no KEK and one is needed; ERR_IO. */
MUST_CHECK enum err at_rest_write(struct writer *out, const struct record_command *command,
                                  struct kek *kek, struct lanes *lanes);

/* The packet is borrowed from `in` or from `clear`. ERR_KEY: all but the packet was read. ERR_CORRUPT, or the codec's errors. */
MUST_CHECK enum err at_rest_read(struct span in, struct kek *kek, struct lanes *lanes,
                                 uint8_t clear[RECORD_PACKET_MAX], struct record_command *out);

#endif
