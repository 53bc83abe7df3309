/* `starling packet seal`: a command vector's fields to its secured packet and its short messages. */
#include "base/hex.h"
#include "engine/cli/packet_line.h"
#include "io/sms/sms_concat.h"

#include <stdlib.h>

/* Concatenation, where the packet may need it. */
static bool concat_read(struct packet_line *line)
{
    json_int_t bits = 0, ref = 0;
    if (json_object_get(line->object, "concat_ref_bits") != NULL &&
        !packet_number(line, line->object, "concat_ref_bits", 16, &bits))
        return false;
    if (bits != 0 && bits != 8 && bits != 16) {
        fault_set(&line->fault, "concat_ref_bits is not acceptable; accepted: 0, 8 or 16");
        return false;
    }
    const json_t *given = json_object_get(line->object, "concat_ref");
    if (given != NULL && !json_is_null(given) &&
        !packet_number(line, line->object, "concat_ref", bits == 16 ? 0xFFFF : 0xFF, &ref))
        return false;
    line->ref = (uint16_t)ref;
    line->ref_bits = (unsigned)bits;
    return true;
}

/* A cc_len that SPI, KID and key would not make is a line that contradicts itself. */
static bool cc_len_check(struct packet_line *line, const struct scp80_security *security)
{
    const json_t *given = json_object_get(line->object, "cc_len");
    json_int_t wanted;
    if (given == NULL || json_is_null(given))
        return true;
    if (!packet_number(line, line->object, "cc_len", SCP80_CC_MAX, &wanted))
        return false;
    uint32_t bare = scp80_command_len(security, line->keys.cc_len, 0);
    struct scp80_security plain = *security;
    plain.spi = (uint16_t)(plain.spi & ~(SCP80_SPI_INTEGRITY | SCP80_SPI_CIPHERED));
    struct scp80_security clear = *security;
    clear.spi = (uint16_t)(clear.spi & ~SCP80_SPI_CIPHERED);
    uint32_t with = scp80_command_len(&clear, line->keys.cc_len, 0);
    uint32_t without = scp80_command_len(&plain, line->keys.cc_len, 0);
    if (bare == 0 || with == 0 || (json_int_t)(with - without) == wanted)
        return true; /* 0: not supported, which sealing says better */
    fault_set(&line->fault, "cc_len is not what spi and kid make; accepted: %u", with - without);
    return false;
}

void packet_seal_read(struct packet_line *line)
{
    struct scp80_seal *seal = &line->seal;
    if (!packet_security(line, line->object, &seal->security) || !packet_keys(line) ||
        !concat_read(line) || !cc_len_check(line, &seal->security) ||
        !packet_long(line, "plaintext", &line->octets, &line->octets_len))
        return;
    uint32_t len =
        scp80_command_len(&seal->security, line->keys.cc_len, (uint32_t)line->octets_len);
    line->buf_cap = len > 0 ? len : PACKET_OCTETS_MAX;
    line->buf = malloc(line->buf_cap);
    ASSERT(line->buf != NULL);
    seal->keys = &line->keys;
    seal->data = span_of(line->octets, line->octets_len);
    seal->packet = line->buf;
    seal->packet_cap = (uint32_t)line->buf_cap;
}

void packet_seal_run(struct lanes *lanes, struct packet_line *lines, uint32_t count)
{
    struct scp80_seal jobs[PACKET_BATCH];
    uint32_t index[PACKET_BATCH], ready = 0;
    for (uint32_t i = 0; i < count; i++)
        if (lines[i].fault.text[0] == '\0') {
            index[ready] = i;
            jobs[ready++] = lines[i].seal;
        }
    scp80_seal_run(lanes, jobs, ready);
    for (uint32_t i = 0; i < ready; i++)
        lines[index[i]].seal = jobs[i];
}

static void print_segments(struct packet_line *line, json_t *out)
{
    struct span packet = span_of(line->seal.packet, line->seal.packet_len);
    unsigned bits = line->ref_bits == 16 ? 16 : 8;
    size_t count = sms_segment_count(packet.len, bits);
    if (count == 0) {
        fault_set(&line->fault, "the packet needs more than 255 short messages");
        return;
    }
    if (count > 1 && (line->ref_bits == 0 || json_object_get(line->object, "concat_ref") == NULL)) {
        fault_set(&line->fault,
                  "the packet needs %zu short messages: concat_ref and concat_ref_bits (8 or 16) "
                  "are missing",
                  count);
        return;
    }
    json_t *segments = json_array();
    for (size_t i = 0; i < count; i++) {
        uint8_t tp_ud[SMS_PART_MAX];
        char text[2 * SMS_PART_MAX + 1];
        struct writer ud = writer_over(tp_ud, sizeof tp_ud);
        sms_segment_write(&ud, packet, i, count, line->ref, bits);
        ASSERT(ud.err == ERR_OK);
        hex_write(written(&ud), text, sizeof text);
        json_array_append_new(segments, json_string(text));
    }
    json_object_set_new(out, "tp_ud_segments", segments);
}

void packet_seal_print(struct packet_line *line, json_t *out)
{
    const struct scp80_seal *seal = &line->seal;
    if (seal->err != ERR_OK) {
        fault_set(&line->fault, "cannot be sealed: %s", err_text(seal->err));
        return;
    }
    packet_put_hex(out, "secured_packet", span_of(seal->packet, seal->packet_len));
    json_object_set_new(out, "pcntr", json_integer(seal->pcntr));
    if (seal->security.transport == SCP80_SMS_PP)
        print_segments(line, out);
}
