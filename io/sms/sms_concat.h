/* Concatenated short messages (TS 23.040 §9.2.3.24.1 and .8, TS 31.115 §4.2): cutting a secured
 * packet into TP-UDs, and joining what cards send.
 *
 *   first   07 70 00 00 03 RR TT 01 ...132   or  08 70 00 08 04 RR RR TT 01 ...131
 *   others  05 00 03 RR TT II       ...134   or  06 08 04 RR RR TT II       ...133
 *   single  02 70 00                ...137 */
#ifndef IO_SMS_CONCAT_H
#define IO_SMS_CONCAT_H

#include "base/counter.h"
#include "base/span.h"
#include "io/sms/sms_udh.h"

#define SMS_SEGMENTS_MAX 255u
#define SMS_SINGLE_MAX 137u   /* packet octets of an unsegmented message */
#define SMS_PACKET_MAX 34168u /* 132 + 254 × 134 */
#define SMS_PART_MAX 140u     /* packet octets of one received part, header or not */

/* How many messages a packet of `packet_len` octets takes; 0 when none could carry it (empty, or
 * more than 255 segments). `ref_bits` is 8 or 16. */
size_t sms_segment_count(size_t packet_len, unsigned ref_bits);

/* Packet octets of all messages when there are `count` of them: the capacity table of TS 31.115. */
size_t sms_segments_capacity(size_t count, unsigned ref_bits);

/* Appends the whole TP-UD of segment `index` (0..count-1) of a command packet; `count` is
 * sms_segment_count's answer; `ref` is not used when count is 1. A repetition with the same
 * arguments is the identical octets. */
void sms_segment_write(struct writer *out, struct span packet, size_t index, size_t count,
                       uint16_t ref, unsigned ref_bits);

/* ---- Joining --------------------------------------------------------------------------------- */

struct sms_concat; /* memory given at init, one owner */

struct sms_concat_config {
    uint32_t sets;            /* sets under way at once */
    uint32_t parts;           /* parts held in all; one part keeps up to SMS_PART_MAX octets */
    uint16_t sets_per_origin; /* of one device */
    uint8_t parts_per_set;    /* a message that announces more is dropped */
    uint64_t age_ns;          /* from the first part; spec default 300 s */
};

/* One received part. Numbers as sms_msisdn gives them, or any words that mean the same. */
struct sms_part {
    uint32_t account;   /* the SMSC group that received it */
    uint64_t origin;    /* originating address */
    uint64_t ours;      /* our address */
    struct sms_udh udh; /* as sms_ud_classify left it */
    bool headerless;    /* likewise */
    struct span octets;
    uint64_t tag; /* the caller's, such as its place in the uplink log */
};

struct sms_whole {
    uint8_t identifier;   /* enum sms_identifier: 70 or 71 */
    uint8_t udhl;         /* of the segment with index 1; 0 when headerless */
    struct span packet;   /* lives until the next call */
    const uint64_t *tags; /* of its parts, in index order; likewise */
    size_t tag_count;
};

enum sms_concat_outcome {
    SMS_CONCAT_WAITING,  /* kept, its tag with it */
    SMS_CONCAT_WHOLE,    /* `whole` is set */
    SMS_CONCAT_REPEATED, /* a copy of a part that is kept: the part's own tag is no longer needed */
    SMS_CONCAT_DROPPED,  /* counted; the part's own tag is no longer needed */
};

/* Tags of parts kept earlier that leave unjoined: the set grew old (ERR_EXPIRED), made room
 * (ERR_FULL), was superseded by one with another total (ERR_STALE), or its octets contradict its
 * length (ERR_LENGTH) or are no packet (ERR_IDENTIFIER). Never the tag of the part being added. */
typedef void sms_concat_left(void *ctx, const uint64_t *tags, size_t count, enum err why);

/* Name, what is counted. */
#define SMS_CONCAT_COUNTERS(X)                                                                     \
    X(parts, "Parts of concatenated messages received.")                                           \
    X(wholes, "Concatenated messages joined.")                                                     \
    X(repeated, "Parts received before with the same octets.")                                     \
    X(conflicting, "Parts received before with other octets: the first is kept.")                  \
    X(index, "Parts with index 0, an index over the total, or a total of 0.")                      \
    X(misplaced, "Parts other than the first with a 70 or 71 element.")                            \
    X(oversized, "Parts over the octets or parts a message may have.")                             \
    X(superseded, "Incomplete messages dropped: another total came under their reference.")        \
    X(length, "Whole messages dropped: CPL or RPL is not what follows.")                           \
    X(not_ours, "Messages dropped: no packet.")                                                    \
    X(expired, "Incomplete messages dropped: too old.")                                            \
    X(evicted, "Incomplete messages dropped: the oldest go for want of room.")

struct sms_concat_counters {
#define SMS_COUNTER(name, help) struct counter name;
    SMS_CONCAT_COUNTERS(SMS_COUNTER)
#undef SMS_COUNTER
};

/* Bytes of memory that init needs. */
size_t sms_concat_size(const struct sms_concat_config *config);

/* `memory` is aligned for any object and outlives the set. */
struct sms_concat *sms_concat_init(void *memory, const struct sms_concat_config *config,
                                   sms_concat_left *left, void *ctx);

enum sms_concat_outcome sms_concat_add(struct sms_concat *concat, const struct sms_part *part,
                                       uint64_t now_ns, struct sms_whole *whole);

/* Drops what grew old. */
void sms_concat_tick(struct sms_concat *concat, uint64_t now_ns);

/* When the next set grows old; UINT64_MAX for never. */
uint64_t sms_concat_next_ns(const struct sms_concat *concat);

const struct sms_concat_counters *sms_concat_counters(const struct sms_concat *concat);

/* Sets under way. */
uint32_t sms_concat_sets(const struct sms_concat *concat);

#endif
