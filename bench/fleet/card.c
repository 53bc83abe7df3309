/* A card takes a short message: reassembly, verification, counter, script, answer. */
#include "bench/fleet/card.h"

#include "bench/fleet/card_keys.h"

#define PART_AGE_NS 300000000000u /* a set older than this is given up */
#define SCRIPT_ANSWER_MAX 640u    /* five short messages */
#define MORE_TIME_MS 2000u        /* from status 08 to the answer */
#define UD_CAP 140u
#define UD_FIRST (UD_CAP - 8) /* of the packet, in the first of several segments */
#define UD_OTHER (UD_CAP - 6)

#define IEI_CONCAT_8 0x00
#define IEI_CONCAT_16 0x08
#define IEI_COMMAND 0x70

enum card_status {
    STATUS_OK = 0x00,
    STATUS_CNTR_LOW = 0x02,
    STATUS_CNTR_HIGH = 0x03,
    STATUS_CNTR_BLOCKED = 0x04,
    STATUS_SECURITY = 0x06,
    STATUS_MEMORY = 0x07,
    STATUS_MORE_TIME = 0x08,
    STATUS_TAR_UNKNOWN = 0x09,
    STATUS_SECURITY_LEVEL = 0x0A,
    STATUS_BY_SUBMIT = 0x0B,
};

/* What the user data header of one segment says (TS 23.040 §9.2.3.24, TS 31.115 §4.2). */
struct segment {
    bool command; /* 70 is there */
    uint8_t width;
    uint16_t reference;
    uint8_t total;
    uint8_t index;
    struct span body;
};

void card_init(struct card *card, const struct fleet_config *config, uint32_t index)
{
    *card = (struct card){ 0 };
    for (uint16_t i = 0; i < FLEET_PROFILES; i++)
        card->profile[i] = (struct card_profile){
            .number = (uint16_t)(0x10 + i),
            .state = i == 0 ? ISDP_ENABLED : ISDP_DISABLED,
        };
    /* Spread by the index alone, so that a test knows which they are. */
    card->profile[1].pol1_no_delete = index % 1000 < config->pol1_per_mille;
}

static bool chance(struct card_desk *desk, uint32_t per_mille)
{
    return per_mille > 0 && prng_below(desk->prng, 1000) < per_mille;
}

static bool read_segment(const struct parcel *parcel, struct segment *out)
{
    struct reader r = reader_over(span_of(parcel->ud, parcel->ud_len));
    *out = (struct segment){ .total = 1, .index = 1 };
    uint8_t udhl = reader_u8(&r);
    struct reader header = reader_sub(&r, udhl);
    while (reader_more(&header)) {
        uint8_t iei = reader_u8(&header);
        size_t len = reader_u8(&header);
        struct reader element = reader_sub(&header, len);
        if (iei == IEI_COMMAND && len == 0)
            out->command = true;
        bool wide = iei == IEI_CONCAT_16 && len == 4;
        if (!wide && !(iei == IEI_CONCAT_8 && len == 3))
            continue;
        out->width = wide ? 2 : 1;
        out->reference = (uint16_t)reader_uint(&element, out->width);
        out->total = reader_u8(&element);
        out->index = reader_u8(&element);
    }
    out->body = reader_rest(&r);
    return header.err == ERR_OK && r.err == ERR_OK && out->index >= 1 && out->index <= out->total &&
           out->command == (out->index == 1);
}

/* Unlinks *link and puts it on the released list. */
static void release(struct card *card, struct parcel **link, struct parcel **released)
{
    struct parcel *parcel = *link;
    *link = parcel->next;
    parcel->next = *released;
    *released = parcel;
    card->parts_count--;
}

/* Makes room: what is too old, of another total under the same key, or the oldest when too many. */
static void clear_parts(struct card_desk *desk, struct card *card, const struct parcel *fresh,
                        const struct segment *segment, uint64_t now_ns, struct parcel **released)
{
    struct parcel **link = &card->parts;
    while (*link != NULL) {
        struct segment other;
        bool sound = read_segment(*link, &other);
        ASSERT(sound);
        bool same = other.width == segment->width && other.reference == segment->reference &&
                    strcmp((*link)->esme, fresh->esme) == 0;
        bool last = (*link)->next == NULL && card->parts_count >= CARD_SEGMENTS_HELD;
        if (last || now_ns - (*link)->submit_ns > PART_AGE_NS ||
            (same && other.total != segment->total)) {
            release(card, link, released);
            desk->incomplete++;
            continue;
        }
        link = &(*link)->next;
    }
}

/* Puts a whole packet into desk->packet; empty while segments are missing. The parcel is held or
 * released. */
static struct span assemble(struct card_desk *desk, struct card *card, struct parcel *parcel,
                            const struct segment *segment, uint64_t now_ns,
                            struct parcel **released)
{
    struct writer w = writer_over(desk->packet, sizeof desk->packet);
    if (segment->total == 1) {
        writer_bytes(&w, segment->body);
        parcel->next = *released;
        *released = parcel;
        return written(&w);
    }
    clear_parts(desk, card, parcel, segment, now_ns, released);
    parcel->submit_ns = now_ns; /* from here on: when it arrived */
    struct parcel *mine[256] = { NULL };
    mine[segment->index] = parcel;
    uint32_t found = 1;
    for (struct parcel *part = card->parts; part != NULL; part = part->next) {
        struct segment other;
        if (!read_segment(part, &other) || other.width != segment->width ||
            other.reference != segment->reference || strcmp(part->esme, parcel->esme) != 0)
            continue;
        if (other.index == segment->index) { /* again: the first one stands */
            parcel->next = *released;
            *released = parcel;
            return span_of(NULL, 0);
        }
        mine[other.index] = part;
        found++;
    }
    parcel->next = card->parts;
    card->parts = parcel;
    card->parts_count++;
    if (found < segment->total)
        return span_of(NULL, 0);
    for (uint32_t i = 1; i <= segment->total; i++) {
        struct segment part;
        if (read_segment(mine[i], &part))
            writer_bytes(&w, part.body);
    }
    for (struct parcel **link = &card->parts; *link != NULL;) {
        struct segment part;
        if (read_segment(*link, &part) && mine[part.index] == *link)
            release(card, link, released);
        else
            link = &(*link)->next;
    }
    return written(&w);
}

uint8_t card_counter_check(uint8_t stored[5], unsigned mode, uint64_t cntr)
{
    if (mode < 2) /* not checked; S stays, also in mode 01, where cards may choose */
        return STATUS_OK;
    struct reader r = reader_over(span_of(stored, 5));
    uint64_t s = reader_u40(&r);
    if (s == 0xFFFFFFFFFFu)
        return STATUS_CNTR_BLOCKED;
    if (cntr <= s)
        return STATUS_CNTR_LOW;
    if (mode == 3 && cntr > s + 1)
        return STATUS_CNTR_HIGH;
    struct writer w = writer_over(stored, 5);
    writer_u40(&w, cntr);
    return STATUS_OK;
}

/* ISD-R and ISD-Ps take expanded scripts; file management TARs compact ones (TS 101 220 annex D).
 */
static bool find_tar(const struct card *card, const uint8_t tar[3], bool *compact)
{
    *compact = tar[0] == 0xB0 && tar[1] == 0x00 && tar[2] < 0x20;
    if (*compact)
        return true;
    uint32_t value = (uint32_t)(tar[0] << 16 | tar[1] << 8 | tar[2]);
    if (value == 0x000001)
        return true;
    for (size_t i = 0; i < CARD_PROFILES; i++)
        if (card->profile[i].state != ISDP_NONE && card->profile[i].number == value)
            return true;
    return false;
}

/* The first thing that forbids running the command; moves the counter when nothing does. */
static uint8_t decide(struct card_desk *desk, struct card *card, const struct card_command *command,
                      uint32_t segment_count, bool *compact)
{
    uint8_t kvn = command->kid >> 4;
    if (command->spi1 & CARD_SPI_CIPHERED && command->kic >> 4 != kvn)
        return STATUS_SECURITY;
    if (!find_tar(card, command->tar, compact))
        return STATUS_TAR_UNKNOWN;
    if ((command->spi1 & CARD_SPI_CIPHERED) == 0 || card_counter_mode(command) < 2)
        return STATUS_SECURITY_LEVEL; /* SGP.02 §2.4.3: 16 at least */
    for (uint8_t status = 1; status < FLEET_STATUS_COUNT; status++)
        if (status != STATUS_MORE_TIME && status != STATUS_BY_SUBMIT &&
            chance(desk, desk->config->status_per_mille[status]))
            return status;
    if (segment_count > desk->config->segments_max)
        return STATUS_MEMORY;
    return card_counter_check(card->cntr[kvn - 1], card_counter_mode(command), command->cntr);
}

/* Seals one response packet and leaves it among the replies. */
static void reply(struct card_desk *desk, const struct card_keys *keys,
                  const struct card_command *command, uint8_t status, struct span data,
                  bool in_report, uint32_t delay_ms)
{
    ASSERT(desk->reply_count < CARD_REPLIES);
    struct card_reply *out = &desk->reply[desk->reply_count];
    struct writer w =
        writer_over(desk->sealed + desk->reply_count * CARD_PACKET_CAP, CARD_PACKET_CAP);
    enum err err = card_response_seal(desk->crypto, keys, command, command->spi2, status, data, &w);
    if (err != ERR_OK)
        return; /* it asked for security that these keys cannot give: no answer */
    *out = (struct card_reply){ in_report, delay_ms, written(&w) };
    desk->reply_count++;
}

/* Whether SPI2 b2 b1 ask for an answer to this. */
static bool wants_por(const struct card_command *command, uint8_t status,
                      const struct card_tally *tally)
{
    bool error = status != STATUS_OK;
    for (size_t i = 0; i < tally->sw_count; i++)
        error = error || tally->sw[i] >> 12 == 6;
    return (command->spi2 & 3) == 1 || ((command->spi2 & 3) == 2 && error);
}

static void answer(struct card_desk *desk, const struct card_keys *keys,
                   const struct card_command *command, uint8_t status, struct span data)
{
    const struct fleet_config *config = desk->config;
    bool in_report =
        config->por == FLEET_POR_REPORT ||
        (config->por == FLEET_POR_AS_ASKED && (command->spi2 & CARD_SPI2_SMS_SUBMIT) == 0);
    uint32_t delay_ms = config->por_delay_ms;
    if (in_report && 3 + 6 + 15 + 16 + data.len > CARD_REPORT_MAX) {
        reply(desk, keys, command, STATUS_BY_SUBMIT, span_of(NULL, 0), true, 0);
        in_report = false;
    } else if (!in_report && config->announce) {
        reply(desk, keys, command, STATUS_BY_SUBMIT, span_of(NULL, 0), true, 0);
    }
    if (chance(desk, config->status_per_mille[STATUS_MORE_TIME])) {
        reply(desk, keys, command, STATUS_MORE_TIME, span_of(NULL, 0), in_report, delay_ms);
        in_report = false;
        delay_ms += MORE_TIME_MS;
    } else if (chance(desk, config->status_per_mille[STATUS_BY_SUBMIT]) && !config->announce) {
        reply(desk, keys, command, STATUS_BY_SUBMIT, span_of(NULL, 0), in_report, delay_ms);
        in_report = false;
    }
    reply(desk, keys, command, status, data, in_report, delay_ms);
}

/* Opens the packet with the keys it names. On failure the card stays silent: it cannot know who
 * speaks (SGP.02 §2.4.3). */
static enum err authenticate(struct card_desk *desk, uint32_t index, struct span packet,
                             struct card_keys *keys, struct card_command *command)
{
    const struct fleet_config *config = desk->config;
    enum err err = card_command_peek(packet, command);
    if (err != ERR_OK)
        return err;
    uint8_t kvn = command->kid >> 4;
    uint8_t kic_kvn = command->kic >> 4;
    bool ciphered = (command->spi1 & CARD_SPI_CIPHERED) != 0;
    if (card_command_integrity(command) != CARD_CC)
        return ERR_UNTRUSTED;
    if (kvn < 1 || kvn > config->key_sets ||
        (ciphered && (kic_kvn < 1 || kic_kvn > config->key_sets)))
        return ERR_UNKNOWN;
    card_keys_derive(config->seed, index, kvn, keys);
    if (ciphered && kic_kvn != kvn) {
        struct card_keys other;
        card_keys_derive(config->seed, index, kic_kvn, &other);
        keys->kic = other.kic;
    }
    return card_command_open(desk->crypto, packet, keys, command);
}

static void process(struct card_desk *desk, struct card *card, uint32_t index, struct span packet,
                    uint32_t segment_count, uint64_t now_ns)
{
    static const struct span none = { NULL, 0 };
    struct card_keys keys;
    struct card_command command;
    struct card_tally tally = { 0 };
    struct fleet_entry *entry = &desk->entry;
    *entry = (struct fleet_entry){ .now_ns = now_ns, .reason = "" };
    desk->processed = true;
    fleet_eid(index, &entry->eid);
    card_sha256(desk->crypto, packet, entry->packet_hash);

    enum err err = authenticate(desk, index, packet, &keys, &command);
    entry->kvn = command.kid >> 4;
    if (err != ERR_OK) {
        entry->reason = err == ERR_UNTRUSTED ? "security" : err_label(err);
        return;
    }
    uint8_t hash[32];
    card_sha256(desk->crypto, command.data, hash);
    memcpy(entry->script_hash, hash, sizeof entry->script_hash);
    entry->authentic = true;
    entry->cntr = command.cntr;

    bool compact = false;
    struct span data = none;
    entry->status = decide(desk, card, &command, segment_count, &compact);
    entry->run = entry->status == STATUS_OK;
    if (entry->run && !(command.data.len > 0 && command.data.bytes[0] == 0x81)) {
        /* 81: an HTTPS trigger, answered without data. 80: a push, bare C-APDUs. */
        compact = compact || (command.data.len > 0 && command.data.bytes[0] == 0x80);
        struct writer w = writer_over(desk->script_answer, SCRIPT_ANSWER_MAX);
        card_script_run(card, index, compact, command.data, &w, &tally);
        data = written(&w);
    }
    entry->command_count = tally.command_count;
    entry->sw_count = tally.sw_count;
    memcpy(entry->sw, tally.sw, sizeof tally.sw);
    if (!entry->run)
        entry->reason = "status";
    if (entry->status == STATUS_CNTR_LOW && desk->config->replay_silent)
        return;
    if (wants_por(&command, entry->status, &tally))
        answer(desk, &keys, &command, entry->status, data);
}

struct parcel *card_receive(struct card_desk *desk, struct card *card, uint32_t index,
                            struct parcel *parcel, uint64_t now_ns)
{
    struct parcel *released = NULL;
    struct segment segment;
    desk->processed = false;
    desk->misdirected = false;
    desk->reply_count = 0;
    desk->incomplete = 0;
    /* SMS-PP download wants PID 7F and a class 2 8-bit coding (TS 31.115 §4.1, TS 23.040). */
    if (!parcel->udhi || parcel->pid != 0x7F || (parcel->dcs != 0xF6 && parcel->dcs != 0x16) ||
        !read_segment(parcel, &segment)) {
        desk->misdirected = true;
        parcel->next = NULL;
        return parcel;
    }
    struct span packet = assemble(desk, card, parcel, &segment, now_ns, &released);
    if (packet.len > 0)
        process(desk, card, index, packet, segment.total, now_ns);
    return released;
}

uint32_t card_segment_count(size_t packet_len)
{
    if (packet_len <= UD_CAP - 3)
        return 1;
    return (uint32_t)(1 + (packet_len - UD_FIRST + UD_OTHER - 1) / UD_OTHER);
}

void card_segment(struct span packet, uint8_t iei, uint8_t reference, bool concat_first,
                  uint32_t at, struct writer *out)
{
    uint32_t total = card_segment_count(packet.len);
    if (total == 1) {
        writer_u8(out, 2);
        writer_u8(out, iei);
        writer_u8(out, 0);
        writer_bytes(out, packet);
        return;
    }
    bool first = at == 0;
    writer_u8(out, first ? 7 : 5);
    if (first && !concat_first)
        writer_u16(out, (uint16_t)(iei << 8));
    writer_u8(out, IEI_CONCAT_8);
    writer_u8(out, 3);
    writer_u8(out, reference);
    writer_u8(out, (uint8_t)total);
    writer_u8(out, (uint8_t)(at + 1));
    if (first && concat_first)
        writer_u16(out, (uint16_t)(iei << 8));
    size_t from = first ? 0 : UD_FIRST + (at - 1) * UD_OTHER;
    writer_bytes(out, span_first(span_after(packet, from), first ? UD_FIRST : UD_OTHER));
}
