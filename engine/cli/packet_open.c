/* `starling packet open`: what a receiver makes of a packet, from short messages in the order in
 * which they arrived, joined as the engine joins them, or from the packet itself. */
#include "base/hex.h"
#include "engine/cli/packet_line.h"
#include "io/sms/sms_concat.h"

#include <stdlib.h>

static void note_left(void *ctx, const uint64_t *tags, size_t count, enum err why)
{
    struct packet_line *line = ctx;
    (void)tags;
    (void)count;
    line->verdict = why == ERR_IDENTIFIER ? ERR_IDENTIFIER : ERR_LENGTH;
}

static void keep_packet(struct packet_line *line, uint8_t identifier, uint8_t udhl,
                        struct span packet)
{
    if (identifier != (line->is_response ? SMS_RESPONSE : SMS_COMMAND)) {
        line->verdict = ERR_IDENTIFIER;
        return;
    }
    if (line->octets != NULL)
        return; /* a copy that came after the whole */
    line->octets = malloc(packet.len + 1);
    ASSERT(line->octets != NULL);
    memcpy(line->octets, packet.bytes, packet.len);
    line->octets_len = packet.len;
    line->response.udhl = udhl;
    line->verdict = ERR_OK;
}

/* One short message as it came. False: not hexadecimal. */
static bool arrive(struct packet_line *line, struct sms_concat *concat, const json_t *segment)
{
    uint8_t octets[SMS_PART_MAX];
    struct writer ud = writer_over(octets, sizeof octets);
    struct span text = span_of(json_string_value(segment), json_string_length(segment));
    if (!json_is_string(segment) || hex_read(text, &ud) != ERR_OK)
        return false;
    struct sms_ud_source source = { .ud = written(&ud), .udhi = true };
    struct sms_ud part;
    if (sms_ud_classify(&source, &part) != ERR_OK || part.kind == SMS_UD_NOT_OURS) {
        line->verdict = ERR_IDENTIFIER;
        return true;
    }
    if (part.kind == SMS_UD_WHOLE) {
        keep_packet(line, part.udh.identifier, part.udh.udhl, part.octets);
        return true;
    }
    struct sms_part add = { .origin = 1,
                            .ours = 2,
                            .udh = part.udh,
                            .headerless = part.headerless,
                            .octets = part.octets };
    struct sms_whole whole;
    if (sms_concat_add(concat, &add, 0, &whole) == SMS_CONCAT_WHOLE)
        keep_packet(line, whole.identifier, whole.udhl, whole.packet);
    return true;
}

static bool refuse_segments(struct packet_line *line, const char *name)
{
    fault_set(&line->fault,
              "%s is not acceptable; accepted: tp_ud_segments, 1 to 255 hexadecimal strings of at "
              "most 140 octets, and arrival_order, their numbers from 1",
              name);
    return false;
}

static bool join(struct packet_line *line, const json_t *segments)
{
    const json_t *order = json_object_get(line->object, "arrival_order");
    size_t count = json_array_size(segments);
    size_t arrivals = order != NULL ? json_array_size(order) : count;
    const struct sms_concat_config config = { .sets = 2,
                                              .parts = 2 * PACKET_SEGMENTS_MAX,
                                              .sets_per_origin = 2,
                                              .parts_per_set = PACKET_SEGMENTS_MAX,
                                              .age_ns = UINT64_MAX / 2 };
    if (count == 0 || count > PACKET_SEGMENTS_MAX)
        return refuse_segments(line, "tp_ud_segments");
    if (order != NULL && (arrivals == 0 || arrivals > 2 * PACKET_SEGMENTS_MAX))
        return refuse_segments(line, "arrival_order");
    void *memory = malloc(sms_concat_size(&config));
    ASSERT(memory != NULL);
    struct sms_concat *concat = sms_concat_init(memory, &config, note_left, line);
    bool sound = true;
    line->verdict = ERR_LENGTH; /* until the last segment is here */
    for (size_t i = 0; i < arrivals && sound; i++) {
        json_int_t number =
            order != NULL ? json_integer_value(json_array_get(order, i)) : (json_int_t)i + 1;
        if (number < 1 || (size_t)number > count)
            sound = refuse_segments(line, "arrival_order");
        else if (!arrive(line, concat, json_array_get(segments, (size_t)number - 1)))
            sound = refuse_segments(line, "tp_ud_segments");
    }
    free(memory);
    return sound;
}

void packet_open_read(struct packet_line *line)
{
    const json_t *request = json_object_get(line->object, "request");
    const json_t *segments = json_object_get(line->object, "tp_ud_segments");
    enum scp80_transport transport;
    line->is_response = json_is_object(request);
    if (!packet_transport(line, &transport) || !packet_keys(line))
        return;
    if (line->is_response && !packet_security(line, request, &line->response.command))
        return;
    if (segments != NULL && transport == SCP80_SMS_PP) {
        if (!join(line, segments) || line->verdict != ERR_OK)
            return;
    } else if (!packet_long(line, "secured_packet", &line->octets, &line->octets_len)) {
        return;
    }
    struct span packet = span_of(line->octets, line->octets_len);
    line->buf_cap = line->octets_len + SCP80_OPEN_SLACK;
    line->buf = malloc(line->buf_cap);
    ASSERT(line->buf != NULL);
    line->response.packet = line->command.packet = packet;
    line->response.keys = line->command.keys = &line->keys;
    line->response.buf = line->command.buf = line->buf;
    line->response.buf_cap = line->command.buf_cap = (uint32_t)line->buf_cap;
    line->command.transport = transport;
}

void packet_open_run(struct lanes *lanes, struct packet_line *lines, uint32_t count)
{
    struct scp80_open_response responses[PACKET_BATCH];
    struct scp80_open_command commands[PACKET_BATCH];
    uint32_t response_at[PACKET_BATCH], command_at[PACKET_BATCH];
    uint32_t response_count = 0, command_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (lines[i].fault.text[0] != '\0' || lines[i].verdict != ERR_OK)
            continue;
        if (lines[i].is_response) {
            response_at[response_count] = i;
            responses[response_count++] = lines[i].response;
        } else {
            command_at[command_count] = i;
            commands[command_count++] = lines[i].command;
        }
    }
    scp80_open_response_run(lanes, responses, response_count);
    scp80_open_command_run(lanes, commands, command_count);
    for (uint32_t i = 0; i < response_count; i++)
        lines[response_at[i]].response = responses[i];
    for (uint32_t i = 0; i < command_count; i++)
        lines[command_at[i]].command = commands[i];
}

/* As the vectors name the test that failed; NULL: the line itself is at fault. */
static const char *check_name(enum err err)
{
    switch ((int)err) {
    case ERR_CC:
        return "cc";
    case ERR_SHORT:
    case ERR_MALFORMED:
    case ERR_LENGTH:
        return "length";
    case ERR_CIPHER_LENGTH:
        return "cipher length";
    case ERR_HEADER_LENGTH:
        return "header length";
    case ERR_IDENTIFIER:
        return "identifier";
    case ERR_TAR:
        return "tar";
    case ERR_CNTR:
        return "cntr";
    case ERR_PCNTR:
        return "pcntr";
    default:
        return NULL;
    }
}

static void put_uint(json_t *out, const char *name, uint64_t value, size_t octets)
{
    uint8_t bytes[8];
    struct writer field = writer_over(bytes, sizeof bytes);
    writer_uint(&field, value, octets);
    packet_put_hex(out, name, written(&field));
}

static void print_response(const struct scp80_open_response *response, json_t *out)
{
    put_uint(out, "response_status", response->status, 1);
    packet_put_hex(out, "plaintext", response->data);
    put_uint(out, "cntr", response->cntr, 5);
    json_object_set_new(out, "pcntr", json_integer(response->pcntr));
}

static void print_command(const struct scp80_open_command *command, json_t *out)
{
    packet_put_hex(out, "plaintext", command->data);
    put_uint(out, "cntr", command->security.cntr, 5);
    json_object_set_new(out, "pcntr", json_integer(command->pcntr));
    put_uint(out, "spi", command->security.spi, 2);
    put_uint(out, "kic", command->security.kic, 1);
    put_uint(out, "kid", command->security.kid, 1);
    packet_put_hex(out, "tar", span_of(command->security.tar, 3));
}

void packet_open_print(struct packet_line *line, json_t *out)
{
    enum err err = line->verdict != ERR_OK ? line->verdict
                   : line->is_response     ? line->response.err
                                           : line->command.err;
    const char *verdict = err == ERR_OK ? "ok" : err == ERR_UNTRUSTED ? "untrusted" : "reject";
    if (err != ERR_OK && err != ERR_UNTRUSTED && check_name(err) == NULL) {
        fault_set(&line->fault, "cannot be opened: %s", err_text(err));
        return;
    }
    json_object_set_new(out, "verdict", json_string(verdict));
    if (err != ERR_OK && err != ERR_UNTRUSTED)
        json_object_set_new(out, "failed_check", json_string(check_name(err)));
    else if (line->is_response)
        print_response(&line->response, out);
    else
        print_command(&line->command, out);
}
