/* Joining concatenated messages under a memory bound.
 *
 * Parts lie in fixed blocks taken from one pool, chained to their set. Sets of one device share a
 * hash chain, so its own bound is found while looking. The age list is in order of the first part:
 * its head is both the next to expire and the one to go when room is wanted. */
#include "io/sms/sms_concat.h"

#define NONE UINT32_MAX
#define ALIGNMENT 16u

struct block {
    uint64_t tag;
    uint32_t next; /* of the set, or of the free list */
    uint8_t index; /* 1..total */
    uint8_t len;
    uint8_t octets[SMS_PART_MAX];
};

struct set {
    uint64_t origin;
    uint64_t ours;
    uint64_t started_ns;
    uint32_t account;
    uint32_t chain; /* next in the bucket, or of the free list */
    uint32_t older;
    uint32_t newer;
    uint32_t first_block;
    uint16_t ref;
    uint8_t ref_bits;
    uint8_t total;
    uint8_t count;      /* parts here */
    uint8_t identifier; /* of the part with index 1 */
    uint8_t udhl;       /* likewise */
    bool headerless;
};

struct sms_concat {
    struct sms_concat_config config;
    sms_concat_left *left;
    void *ctx;
    struct sms_concat_counters counters;
    uint32_t bucket_mask;
    uint32_t set_count;
    uint32_t free_set;
    uint32_t free_block;
    uint32_t oldest;
    uint32_t newest;
    uint32_t *buckets;
    struct set *sets;
    struct block *blocks;
    uint64_t *tags;
    uint8_t *packet;
    size_t packet_cap;
};

static size_t aligned(size_t len)
{
    return (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint32_t bucket_count(const struct sms_concat_config *config)
{
    uint32_t count = 1;
    while (count < config->sets)
        count *= 2;
    return count;
}

size_t sms_concat_size(const struct sms_concat_config *config)
{
    return aligned(sizeof(struct sms_concat)) + aligned(bucket_count(config) * sizeof(uint32_t)) +
           aligned(config->sets * sizeof(struct set)) +
           aligned(config->parts * sizeof(struct block)) +
           aligned(config->parts_per_set * sizeof(uint64_t)) +
           aligned((size_t)config->parts_per_set * SMS_PART_MAX);
}

static void *carve(uint8_t **at, size_t len)
{
    void *out = *at;
    *at += aligned(len);
    return out;
}

struct sms_concat *sms_concat_init(void *memory, const struct sms_concat_config *config,
                                   sms_concat_left *left, void *ctx)
{
    ASSERT(config->sets > 0 && config->parts >= config->parts_per_set);
    ASSERT(config->parts_per_set > 0 && config->sets_per_origin > 0);

    uint8_t *at = memory;
    struct sms_concat *concat = carve(&at, sizeof *concat);
    *concat = (struct sms_concat){
        .config = *config,
        .left = left,
        .ctx = ctx,
        .bucket_mask = bucket_count(config) - 1,
        .oldest = NONE,
        .newest = NONE,
        .packet_cap = (size_t)config->parts_per_set * SMS_PART_MAX,
    };
    concat->buckets = carve(&at, bucket_count(config) * sizeof(uint32_t));
    concat->sets = carve(&at, config->sets * sizeof(struct set));
    concat->blocks = carve(&at, config->parts * sizeof(struct block));
    concat->tags = carve(&at, config->parts_per_set * sizeof(uint64_t));
    concat->packet = carve(&at, concat->packet_cap);

    for (uint32_t i = 0; i <= concat->bucket_mask; i++)
        concat->buckets[i] = NONE;
    for (uint32_t i = 0; i < config->sets; i++)
        concat->sets[i].chain = i + 1 < config->sets ? i + 1 : NONE;
    for (uint32_t i = 0; i < config->parts; i++)
        concat->blocks[i].next = i + 1 < config->parts ? i + 1 : NONE;
    return concat;
}

/* One bucket holds all sets of a device, whatever their references. */
static uint32_t *bucket_of(const struct sms_concat *concat, uint32_t account, uint64_t origin)
{
    uint64_t hash = (origin ^ (uint64_t)account << 40) * 0x9E3779B97F4A7C15ull;
    return &concat->buckets[(uint32_t)(hash >> 32) & concat->bucket_mask];
}

static bool is_same_device(const struct set *set, const struct sms_part *part)
{
    return set->account == part->account && set->origin == part->origin;
}

static bool is_same_key(const struct set *set, const struct sms_part *part)
{
    return is_same_device(set, part) && set->ours == part->ours &&
           set->ref_bits == part->udh.ref_bits && set->ref == part->udh.ref;
}

static uint32_t set_find(const struct sms_concat *concat, const struct sms_part *part)
{
    uint32_t at = *bucket_of(concat, part->account, part->origin);
    while (at != NONE && !is_same_key(&concat->sets[at], part))
        at = concat->sets[at].chain;
    return at;
}

static struct block *block_find(const struct sms_concat *concat, const struct set *set,
                                uint8_t index)
{
    for (uint32_t at = set->first_block; at != NONE; at = concat->blocks[at].next) {
        if (concat->blocks[at].index == index)
            return &concat->blocks[at];
    }
    return NULL;
}

static void set_unlink(struct sms_concat *concat, uint32_t at)
{
    struct set *set = &concat->sets[at];
    uint32_t *link = bucket_of(concat, set->account, set->origin);
    while (*link != at)
        link = &concat->sets[*link].chain;
    *link = set->chain;

    if (set->older != NONE)
        concat->sets[set->older].newer = set->newer;
    else
        concat->oldest = set->newer;
    if (set->newer != NONE)
        concat->sets[set->newer].older = set->older;
    else
        concat->newest = set->older;
}

/* Gives back the block that came last. */
static void block_free(struct sms_concat *concat, struct set *set)
{
    uint32_t at = set->first_block;
    set->first_block = concat->blocks[at].next;
    concat->blocks[at].next = concat->free_block;
    concat->free_block = at;
}

/* Gives set and blocks back. */
static void set_free(struct sms_concat *concat, uint32_t at)
{
    struct set *set = &concat->sets[at];
    set_unlink(concat, at);
    while (set->first_block != NONE)
        block_free(concat, set);
    set->chain = concat->free_set;
    concat->free_set = at;
    concat->set_count--;
}

/* The set ends unjoined; its owner learns which tags go with it. */
static void set_drop(struct sms_concat *concat, uint32_t at, enum err why, struct counter *counter)
{
    struct set *set = &concat->sets[at];
    size_t count = 0;
    for (uint32_t b = set->first_block; b != NONE; b = concat->blocks[b].next)
        concat->tags[count++] = concat->blocks[b].tag;
    set_free(concat, at);
    counter_add(counter, 1);
    if (concat->left != NULL && count > 0)
        concat->left(concat->ctx, concat->tags, count, why);
}

static void evict(struct sms_concat *concat, uint32_t at)
{
    set_drop(concat, at, ERR_FULL, &concat->counters.evicted);
}

/* A device at its bound loses its own oldest set, nobody else's. */
static void origin_make_room(struct sms_concat *concat, const struct sms_part *part)
{
    uint32_t count = 0;
    uint32_t oldest = NONE;
    uint32_t at = *bucket_of(concat, part->account, part->origin);
    for (; at != NONE; at = concat->sets[at].chain) {
        if (!is_same_device(&concat->sets[at], part))
            continue;
        count++;
        oldest = at; /* new ones go to the front of the chain */
    }
    if (count >= concat->config.sets_per_origin)
        evict(concat, oldest);
}

static uint32_t set_new(struct sms_concat *concat, const struct sms_part *part, uint64_t now_ns)
{
    origin_make_room(concat, part);
    if (concat->free_set == NONE)
        evict(concat, concat->oldest);

    uint32_t at = concat->free_set;
    struct set *set = &concat->sets[at];
    concat->free_set = set->chain;
    uint32_t *bucket = bucket_of(concat, part->account, part->origin);
    *set = (struct set){
        .origin = part->origin,
        .ours = part->ours,
        .started_ns = now_ns,
        .account = part->account,
        .chain = *bucket,
        .older = concat->newest,
        .newer = NONE,
        .first_block = NONE,
        .ref = part->udh.ref,
        .ref_bits = part->udh.ref_bits,
        .total = part->udh.total,
    };
    *bucket = at;
    if (concat->newest != NONE)
        concat->sets[concat->newest].newer = at;
    else
        concat->oldest = at;
    concat->newest = at;
    concat->set_count++;
    return at;
}

static void block_add(struct sms_concat *concat, struct set *set, const struct sms_part *part)
{
    uint32_t at = concat->free_block;
    struct block *block = &concat->blocks[at];
    concat->free_block = block->next;
    block->tag = part->tag;
    block->index = part->udh.index;
    block->len = (uint8_t)part->octets.len;
    struct reader r = reader_over(part->octets);
    reader_copy(&r, block->octets, part->octets.len);
    block->next = set->first_block;
    set->first_block = at;
    set->count++;
}

/* Joined to nothing: the part just given is the caller's to forget, the others leave. */
static enum sms_concat_outcome join_refused(struct sms_concat *concat, uint32_t at, enum err why,
                                            struct counter *counter)
{
    block_free(concat, &concat->sets[at]);
    set_drop(concat, at, why, counter);
    return SMS_CONCAT_DROPPED;
}

/* All parts are there: the packet by index, judged by its own length field. */
static enum sms_concat_outcome set_join(struct sms_concat *concat, uint32_t at,
                                        struct sms_whole *whole)
{
    struct set *set = &concat->sets[at];
    struct writer w = writer_over(concat->packet, concat->packet_cap);
    for (unsigned index = 1; index <= set->total; index++) {
        const struct block *block = block_find(concat, set, (uint8_t)index);
        ASSERT(block != NULL);
        writer_bytes(&w, span_of(block->octets, block->len));
    }
    ASSERT(w.err == ERR_OK);

    struct span packet = written(&w);
    struct reader r = reader_over(packet);
    uint16_t announced = reader_u16(&r);
    if (set->headerless)
        set->identifier = (uint8_t)sms_packet_identifier(packet);
    if (r.err != ERR_OK || (!set->headerless && announced != packet.len - 2))
        return join_refused(concat, at, ERR_LENGTH, &concat->counters.length);
    if (set->identifier == SMS_NO_IDENTIFIER)
        return join_refused(concat, at, ERR_IDENTIFIER, &concat->counters.not_ours);
    for (unsigned index = 1; index <= set->total; index++)
        concat->tags[index - 1] = block_find(concat, set, (uint8_t)index)->tag;
    *whole = (struct sms_whole){
        .identifier = set->identifier,
        .udhl = set->udhl,
        .packet = packet,
        .tags = concat->tags,
        .tag_count = set->total,
    };
    set_free(concat, at);
    counter_add(&concat->counters.wholes, 1);
    return SMS_CONCAT_WHOLE;
}

/* What can be said of a part alone (TS 31.115 §4.2: 70 or 71 in the first and only there). */
static bool part_refused(struct sms_concat *concat, const struct sms_part *part)
{
    const struct sms_udh *udh = &part->udh;
    if (udh->index == 0 || udh->index > udh->total || udh->ref_bits == 0)
        counter_add(&concat->counters.index, 1);
    else if (udh->identifier != SMS_NO_IDENTIFIER && udh->index != 1)
        counter_add(&concat->counters.misplaced, 1);
    else if (part->octets.len > SMS_PART_MAX || udh->total > concat->config.parts_per_set)
        counter_add(&concat->counters.oversized, 1);
    else
        return false;
    return true;
}

/* The live set of this part, or NONE; one with another total is dead. */
static uint32_t set_lookup(struct sms_concat *concat, const struct sms_part *part)
{
    uint32_t at = set_find(concat, part);
    if (at == NONE || concat->sets[at].total == part->udh.total)
        return at;
    set_drop(concat, at, ERR_STALE, &concat->counters.superseded);
    return NONE;
}

enum sms_concat_outcome sms_concat_add(struct sms_concat *concat, const struct sms_part *part,
                                       uint64_t now_ns, struct sms_whole *whole)
{
    counter_add(&concat->counters.parts, 1);
    if (part_refused(concat, part))
        return SMS_CONCAT_DROPPED;
    sms_concat_tick(concat, now_ns);

    uint32_t at = set_lookup(concat, part);
    if (at != NONE) {
        const struct block *had = block_find(concat, &concat->sets[at], part->udh.index);
        if (had != NULL) {
            bool same = span_equal(span_of(had->octets, had->len), part->octets);
            counter_add(same ? &concat->counters.repeated : &concat->counters.conflicting, 1);
            return same ? SMS_CONCAT_REPEATED : SMS_CONCAT_DROPPED;
        }
    }
    if (part->udh.index == 1 && part->udh.identifier == SMS_NO_IDENTIFIER && !part->headerless) {
        if (at != NONE)
            set_drop(concat, at, ERR_IDENTIFIER, &concat->counters.not_ours);
        else
            counter_add(&concat->counters.not_ours, 1);
        return SMS_CONCAT_DROPPED;
    }
    while (concat->free_block == NONE) {
        if (concat->oldest == at)
            at = NONE; /* it is the oldest itself: start again with this part */
        evict(concat, concat->oldest);
    }
    if (at == NONE)
        at = set_new(concat, part, now_ns);

    struct set *set = &concat->sets[at];
    block_add(concat, set, part);
    if (part->udh.index == 1) {
        set->identifier = part->udh.identifier;
        set->udhl = part->udh.udhl;
        set->headerless = part->headerless && part->udh.identifier == SMS_NO_IDENTIFIER;
    }
    return set->count == set->total ? set_join(concat, at, whole) : SMS_CONCAT_WAITING;
}

void sms_concat_tick(struct sms_concat *concat, uint64_t now_ns)
{
    while (concat->oldest != NONE &&
           now_ns - concat->sets[concat->oldest].started_ns >= concat->config.age_ns)
        set_drop(concat, concat->oldest, ERR_EXPIRED, &concat->counters.expired);
}

uint64_t sms_concat_next_ns(const struct sms_concat *concat)
{
    if (concat->oldest == NONE)
        return UINT64_MAX;
    return concat->sets[concat->oldest].started_ns + concat->config.age_ns;
}

const struct sms_concat_counters *sms_concat_counters(const struct sms_concat *concat)
{
    return &concat->counters;
}

uint32_t sms_concat_sets(const struct sms_concat *concat)
{
    return concat->set_count;
}
