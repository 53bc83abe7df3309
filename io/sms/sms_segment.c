/* Cutting a command packet into the user data of its messages (TS 31.115 §4.2). */
#include "io/sms/sms_concat.h"

#define UD_MAX 140u
#define IDENTIFIER_LEN 2u

/* UDHL and the concatenation element. */
static size_t concat_len(unsigned ref_bits)
{
    return ref_bits == 8 ? 6 : 7;
}

static size_t first_max(unsigned ref_bits)
{
    return UD_MAX - concat_len(ref_bits) - IDENTIFIER_LEN;
}

static size_t other_max(unsigned ref_bits)
{
    return UD_MAX - concat_len(ref_bits);
}

size_t sms_segments_capacity(size_t count, unsigned ref_bits)
{
    ASSERT(ref_bits == 8 || ref_bits == 16);
    if (count <= 1)
        return count * SMS_SINGLE_MAX;
    return first_max(ref_bits) + (count - 1) * other_max(ref_bits);
}

size_t sms_segment_count(size_t packet_len, unsigned ref_bits)
{
    ASSERT(ref_bits == 8 || ref_bits == 16);
    if (packet_len == 0 || packet_len > sms_segments_capacity(SMS_SEGMENTS_MAX, ref_bits))
        return 0;
    if (packet_len <= SMS_SINGLE_MAX)
        return 1;
    size_t rest = packet_len - first_max(ref_bits);
    return 1 + (rest + other_max(ref_bits) - 1) / other_max(ref_bits);
}

void sms_segment_write(struct writer *out, struct span packet, size_t index, size_t count,
                       uint16_t ref, unsigned ref_bits)
{
    ASSERT(index < count && count <= SMS_SEGMENTS_MAX);
    struct sms_udh udh = { .identifier = index == 0 ? SMS_COMMAND : SMS_NO_IDENTIFIER };
    if (count == 1) {
        sms_udh_write(out, &udh);
        writer_bytes(out, packet);
        return;
    }
    udh.ref_bits = (uint8_t)ref_bits;
    udh.ref = ref;
    udh.total = (uint8_t)count;
    udh.index = (uint8_t)(index + 1);
    sms_udh_write(out, &udh);
    size_t start = index == 0 ? 0 : first_max(ref_bits) + (index - 1) * other_max(ref_bits);
    size_t most = index == 0 ? first_max(ref_bits) : other_max(ref_bits);
    writer_bytes(out, span_first(span_after(packet, start), most));
}
