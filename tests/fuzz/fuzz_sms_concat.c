/* User data after user data, each `flags len octets`, through recognition and joining. Bounds hold,
 * a whole packet is as long as its parts. flags: 1 UDHI, 2 message_payload, 4 sar, 8 time goes on,
 * 30 the device. */
#include "tests/fuzz/fuzz.h"

#include "io/sms/sms_concat.h"

#define SECOND 1000000000ull

static const struct sms_concat_config config = {
    .sets = 3, .parts = 10, .sets_per_origin = 2, .parts_per_set = 6, .age_ns = 3 * SECOND
};

static _Alignas(64) uint8_t memory[1u << 14];

static size_t tags_left;

static void left(void *ctx, const uint64_t *tags, size_t count, enum err why)
{
    (void)ctx;
    ASSERT(count > 0 && count <= config.parts_per_set && tags[0] > 0 && why != ERR_OK);
    tags_left += count;
}

static struct sms_ud_source source_read(struct reader *r, uint8_t flags)
{
    struct sms_ud_source source = { .udhi = (flags & 1) != 0,
                                    .resolved = (flags & 2) != 0,
                                    .sar = (flags & 4) != 0 };
    if (source.sar) {
        source.sar_ref = reader_u8(r);
        source.sar_total = reader_u8(r);
        source.sar_index = reader_u8(r);
    }
    source.ud = reader_bytes(r, reader_u8(r));
    return source;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ASSERT(sms_concat_size(&config) <= sizeof memory);
    struct sms_concat *concat = sms_concat_init(memory, &config, left, NULL);
    struct reader r = reader_over(span_of(data, size));
    uint64_t now_ns = 0;
    uint64_t tag = 0;
    size_t kept = 0;
    tags_left = 0;
    while (reader_more(&r)) {
        uint8_t flags = reader_u8(&r);
        struct sms_ud_source source = source_read(&r, flags);
        struct sms_ud ud;
        if (r.err != ERR_OK || sms_ud_classify(&source, &ud) != ERR_OK || ud.kind != SMS_UD_PART)
            continue;
        now_ns += (flags & 8) != 0 ? SECOND : 0;
        struct sms_part part = { .origin = flags >> 4 & 3,
                                 .udh = ud.udh,
                                 .headerless = ud.headerless,
                                 .octets = ud.octets,
                                 .tag = ++tag };
        struct sms_whole whole = { .tag_count = 0 };
        switch (sms_concat_add(concat, &part, now_ns, &whole)) {
        case SMS_CONCAT_WHOLE:
            ASSERT(whole.packet.len >= 2 && whole.tag_count <= config.parts_per_set);
            ASSERT(whole.identifier == SMS_COMMAND || whole.identifier == SMS_RESPONSE);
            kept++;
            tags_left += whole.tag_count;
            break;
        case SMS_CONCAT_WAITING:
            kept++;
            break;
        case SMS_CONCAT_REPEATED:
        case SMS_CONCAT_DROPPED:
            break;
        }
        ASSERT(sms_concat_sets(concat) <= config.sets);
    }
    sms_concat_tick(concat, UINT64_MAX / 2);
    ASSERT(sms_concat_sets(concat) == 0 && tags_left == kept);
    return 0;
}
