/* Members of a `starling packet` line. */
#include "engine/cli/packet_line.h"

#include "base/hex.h"

#include <stdlib.h>

static struct span text_of(const json_t *value)
{
    return span_of(json_string_value(value), json_string_length(value));
}

static bool packet_hex(struct packet_line *line, const json_t *object, const char *name,
                       uint8_t *out, size_t len)
{
    const json_t *value = json_object_get(object, name);
    struct writer octets = writer_over(out, len);
    if (json_is_string(value) && hex_read(text_of(value), &octets) == ERR_OK &&
        writer_len(&octets) == len)
        return true;
    fault_set(&line->fault, "%s %s; accepted: %zu hexadecimal digits", name,
              value == NULL ? "is missing" : "is not acceptable", 2 * len);
    return false;
}

static bool packet_uint(struct packet_line *line, const json_t *object, const char *name,
                        size_t octets, uint64_t *out)
{
    uint8_t bytes[8];
    if (!packet_hex(line, object, name, bytes, octets))
        return false;
    struct reader in = reader_over(span_of(bytes, octets));
    *out = reader_uint(&in, octets);
    return true;
}

bool packet_long(struct packet_line *line, const char *name, uint8_t **out, size_t *len)
{
    const json_t *value = json_object_get(line->object, name);
    size_t cap = json_is_string(value) ? json_string_length(value) / 2 : 0;
    if (json_is_string(value) && cap <= PACKET_OCTETS_MAX) {
        *out = malloc(cap + 1);
        ASSERT(*out != NULL);
        struct writer octets = writer_over(*out, cap + 1);
        *len = cap;
        if (hex_read(text_of(value), &octets) == ERR_OK)
            return true;
    }
    fault_set(&line->fault, "%s %s; accepted: hexadecimal digits of at most 65535 octets", name,
              value == NULL ? "is missing" : "is not acceptable");
    return false;
}

bool packet_number(struct packet_line *line, const json_t *object, const char *name,
                   json_int_t most, json_int_t *out)
{
    const json_t *value = json_object_get(object, name);
    *out = json_integer_value(value);
    if (json_is_integer(value) && *out >= 0 && *out <= most)
        return true;
    fault_set(&line->fault, "%s %s; accepted: a number from 0 to %lld", name,
              value == NULL ? "is missing" : "is not acceptable", (long long)most);
    return false;
}

static bool key_read(struct packet_line *line, const json_t *keys, const char *name, uint8_t *out,
                     uint8_t *len)
{
    const json_t *value = json_object_get(keys, name);
    struct writer octets = writer_over(out, 32);
    if (value == NULL || json_is_null(value))
        return true;
    if (json_is_string(value) && hex_read(text_of(value), &octets) == ERR_OK) {
        *len = (uint8_t)writer_len(&octets);
        return true;
    }
    fault_set(&line->fault, "keys.%s is not acceptable; accepted: at most 64 hexadecimal digits",
              name);
    return false;
}

/* A length of 8 or 4 is a property of an AES key; any other only repeats what SPI and KID say. */
static uint8_t key_cc_len(const json_t *object)
{
    json_int_t len = json_integer_value(json_object_get(object, "cc_len"));
    return len == 4 || len == 8 ? (uint8_t)len : 0;
}

bool packet_keys(struct packet_line *line)
{
    const json_t *keys = json_object_get(line->object, "keys");
    if (!json_is_object(keys)) {
        fault_set(&line->fault, "keys %s; accepted: an object with kic and kid",
                  keys == NULL ? "is missing" : "is not acceptable");
        return false;
    }
    line->keys.cc_len = key_cc_len(json_object_get(line->object, "request"));
    if (line->keys.cc_len == 0)
        line->keys.cc_len = key_cc_len(line->object);
    return key_read(line, keys, "kic", line->keys.kic, &line->keys.kic_len) &&
           key_read(line, keys, "kid", line->keys.kid, &line->keys.kid_len);
}

bool packet_transport(struct packet_line *line, enum scp80_transport *out)
{
    const json_t *value = json_object_get(line->object, "transport");
    *out = SCP80_SMS_PP;
    if (value == NULL ||
        (json_is_string(value) && scp80_transport_read(text_of(value), out) == ERR_OK))
        return true;
    fault_set(&line->fault, "transport is not acceptable; accepted: SMS_PP, CAT_TP, TCP_IP");
    return false;
}

bool packet_security(struct packet_line *line, const json_t *object, struct scp80_security *out)
{
    uint64_t spi;
    if (!packet_transport(line, &out->transport) || !packet_uint(line, object, "spi", 2, &spi) ||
        !packet_hex(line, object, "kic", &out->kic, 1) ||
        !packet_hex(line, object, "kid", &out->kid, 1) ||
        !packet_hex(line, object, "tar", out->tar, 3) ||
        !packet_uint(line, object, "cntr", 5, &out->cntr))
        return false;
    out->spi = (uint16_t)spi;
    return true;
}

void packet_put_hex(json_t *out, const char *name, struct span octets)
{
    char *text = malloc(2 * octets.len + 1);
    ASSERT(text != NULL);
    hex_write(octets, text, 2 * octets.len + 1);
    json_object_set_new(out, name, json_string(text));
    free(text);
}
