/* `starling decode`: one reader a kind, from octets to JSON; within the command only. */
#ifndef ENGINE_CLI_DECODE_JSON_H
#define ENGINE_CLI_DECODE_JSON_H

#include "base/span.h"
#include "io/sms/sms_address.h"

#include <jansson.h>

/* Fill `out` with the fields of `in`, or say which octet made no sense. */
enum err decode_scp80(struct span in, json_t *out, size_t *at);
enum err decode_tpdu(struct span in, json_t *out, size_t *at);
enum err decode_smpp(struct span in, json_t *out, size_t *at);
enum err decode_script(struct span in, json_t *out, size_t *at);

/* Members of `out`: octets and numbers of a fixed width as lower-case hex, text as text (octets outside ASCII
 * as their hex). */
void decode_set_hex(json_t *out, const char *name, struct span octets);
void decode_set_hex_uint(json_t *out, const char *name, uint64_t value, size_t len);
void decode_set_number(json_t *out, const char *name, uint64_t value);
void decode_set_bool(json_t *out, const char *name, bool value);
void decode_set_name(json_t *out, const char *name, const char *text);
void decode_set_text(json_t *out, const char *name, struct span text);
void decode_set_address(json_t *out, const char *name, const struct sms_address *address);

/* The user data header's members, when it reads. */
void decode_set_udh(json_t *out, struct span ud);

#endif
