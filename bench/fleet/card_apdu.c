/* The ISD-R's commands (SGP.02 §4.1.1, GlobalPlatform §11): what each does to the card's profiles.
 */
#include "bench/fleet/card.h"

#include "base/ber.h"

#define AID_LEN 16u

enum {
    SW_OK = 0x9000,
    SW_LENGTH = 0x6700,
    SW_CONDITIONS = 0x6985,
    SW_POL1 = 0x69E1,
    SW_DATA = 0x6A80,
    SW_MEMORY = 0x6A84,
    SW_P1P2 = 0x6A86,
    SW_NOT_FOUND = 0x6A88,
    SW_INS = 0x6D00,
    SW_CLA = 0x6E00,
};

struct c_apdu {
    uint8_t cla;
    uint8_t ins;
    uint8_t p1;
    uint8_t p2;
    struct span data;
    bool has_le;
    size_t le; /* 256 for 00 */
};

/* Short form, cases 1 to 4 (ISO 7816-3 §12.1). */
static bool read_c_apdu(struct span in, struct c_apdu *out)
{
    struct reader r = reader_over(in);
    *out = (struct c_apdu){ .cla = reader_u8(&r) };
    out->ins = reader_u8(&r);
    out->p1 = reader_u8(&r);
    out->p2 = reader_u8(&r);
    size_t left = reader_left(&r);
    if (left > 1) {
        uint8_t lc = reader_u8(&r);
        out->data = reader_bytes(&r, lc);
        left = reader_left(&r);
    }
    if (left == 1) {
        out->has_le = true;
        out->le = reader_u8(&r);
        out->le = out->le == 0 ? 256 : out->le;
    }
    return reader_end(&r) == ERR_OK;
}

static void write_isdp_aid(struct writer *out, uint16_t number)
{
    static const uint8_t prefix[] = { 0xA0, 0x00, 0x00, 0x05, 0x59, 0x10, 0x10,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0x89, 0x00 };
    writer_bytes(out, span_of(prefix, sizeof prefix));
    writer_u16(out, number);
    writer_u8(out, 0);
}

/* The profile whose AID stands in `aid`; NULL when there is none. */
static struct card_profile *find(struct card *card, struct span aid)
{
    if (aid.len != AID_LEN)
        return NULL;
    for (size_t i = 0; i < CARD_PROFILES; i++) {
        uint8_t own[AID_LEN];
        struct writer w = writer_over(own, sizeof own);
        write_isdp_aid(&w, card->profile[i].number);
        if (card->profile[i].state != ISDP_NONE && span_equal(aid, written(&w)))
            return &card->profile[i];
    }
    return NULL;
}

static struct card_profile *enabled(struct card *card)
{
    for (size_t i = 0; i < CARD_PROFILES; i++)
        if (card->profile[i].state == ISDP_ENABLED)
            return &card->profile[i];
    return NULL;
}

/* The value of a 4F TLV that fills `in`. */
static bool read_aid(struct span in, struct span *aid)
{
    if (in.len == 0)
        return false;
    struct reader r = reader_over(in);
    uint8_t tag = reader_u8(&r);
    size_t len = reader_ber_len(&r);
    *aid = reader_bytes(&r, len);
    return tag == 0x4F && reader_end(&r) == ERR_OK;
}

/* eUICCCapabilityAudit: FF21 resources, BF30 certificate store of the ECASD. */
static uint16_t get_data(struct card *card, uint32_t index, const struct c_apdu *c,
                         struct writer *out)
{
    uint16_t object = (uint16_t)(c->p1 << 8 | c->p2);
    if (object == 0xFF21) {
        uint32_t count = 0;
        for (size_t i = 0; i < CARD_PROFILES; i++)
            count += card->profile[i].state != ISDP_NONE;
        writer_u16(out, 0xFF21);
        writer_u8(out, 15);
        writer_u16(out, 0x8101);
        writer_u8(out, (uint8_t)count);
        writer_u16(out, 0x8204);
        writer_u32(out, 0x00080000u - count * 0x10000u + index % 256);
        writer_u16(out, 0x8304);
        writer_u32(out, 0x00002000u);
        return SW_OK;
    }
    if (object != 0xBF30)
        return SW_NOT_FOUND;
    struct reader r = reader_over(c->data);
    uint8_t list = reader_u8(&r);
    struct span wanted = reader_bytes(&r, reader_u8(&r));
    if (list != 0x5C || reader_end(&r) != ERR_OK)
        return SW_DATA;
    /* Filler of the sizes met in the field: nobody checks a certificate over SMS. */
    size_t len = span_equal(wanted, span_of("\x66", 1))       ? 24
                 : span_equal(wanted, span_of("\x7F\x21", 2)) ? 220
                                                              : 0;
    if (len == 0)
        return SW_NOT_FOUND;
    writer_u16(out, 0xBF30);
    writer_ber_len(out, wanted.len + ber_len_size(len) + len);
    writer_bytes(out, wanted);
    writer_ber_len(out, len);
    for (size_t i = 0; i < len; i++)
        writer_u8(out, (uint8_t)(index + i));
    return SW_OK;
}

static void write_status(const struct card *card, const struct card_profile *profile,
                         struct writer *out)
{
    writer_u8(out, 0xE3);
    writer_u8(out, 2 + AID_LEN + 4 + 3);
    writer_u16(out, 0x4F10);
    write_isdp_aid(out, profile->number);
    writer_u24(out, 0x9F7001);
    writer_u8(out, profile->state);
    writer_u16(out, 0x5301);
    writer_u8(out, profile == &card->profile[card->fallback]);
}

static uint16_t get_status(struct card *card, const struct c_apdu *c, struct writer *out)
{
    struct span aid;
    if (c->p1 != 0x40 || c->p2 != 0x02)
        return SW_P1P2;
    if (!read_aid(c->data, &aid))
        return SW_DATA;
    if (aid.len > 0) {
        struct card_profile *profile = find(card, aid);
        if (profile == NULL)
            return SW_NOT_FOUND;
        write_status(card, profile, out);
        return SW_OK;
    }
    for (size_t i = 0; i < CARD_PROFILES; i++)
        if (card->profile[i].state != ISDP_NONE)
            write_status(card, &card->profile[i], out);
    return SW_OK;
}

static uint16_t delete_profile(struct card *card, uint32_t index, const struct c_apdu *c,
                               struct writer *out)
{
    struct span aid;
    if (c->p1 != 0x00 || c->p2 != 0x40)
        return SW_P1P2;
    if (!read_aid(c->data, &aid))
        return SW_DATA;
    struct card_profile *profile = find(card, aid);
    if (profile == NULL)
        return SW_NOT_FOUND;
    if (profile->state == ISDP_ENABLED || profile == &card->profile[card->fallback])
        return SW_CONDITIONS;
    if (profile->pol1_no_delete)
        return SW_POL1;
    *profile = (struct card_profile){ 0 };
    if (index % 2 == 0) /* fielded cards differ: "00 9000" and "9000" */
        writer_u8(out, 0x00);
    return SW_OK;
}

/* CreateISDP: INSTALL for install and make selectable; of its fields only the AID matters here. */
static uint16_t create_isdp(struct card *card, const struct c_apdu *c, struct writer *out)
{
    struct reader r = reader_over(c->data);
    reader_bytes(&r, reader_u8(&r)); /* load file */
    reader_bytes(&r, reader_u8(&r)); /* module */
    struct span aid = reader_bytes(&r, reader_u8(&r));
    if (r.err != ERR_OK || aid.len != AID_LEN)
        return SW_DATA;
    uint16_t number = (uint16_t)(aid.bytes[13] << 8 | aid.bytes[14]);
    uint8_t own[AID_LEN];
    struct writer w = writer_over(own, sizeof own);
    write_isdp_aid(&w, number);
    if (!span_equal(aid, written(&w)) || number < 0x10)
        return SW_DATA;
    if (find(card, aid) != NULL)
        return SW_CONDITIONS;
    for (size_t i = 0; i < CARD_PROFILES; i++) {
        if (card->profile[i].state != ISDP_NONE)
            continue;
        card->profile[i] = (struct card_profile){ .number = number, .state = ISDP_SELECTABLE };
        writer_u8(out, 0x00);
        return SW_OK;
    }
    return SW_MEMORY;
}

static uint16_t enable_profile(struct card *card, struct card_profile *profile)
{
    if (profile->state != ISDP_DISABLED)
        return SW_CONDITIONS;
    struct card_profile *old = enabled(card);
    if (old != NULL)
        old->state = ISDP_DISABLED;
    profile->state = ISDP_ENABLED;
    return SW_OK;
}

/* The fall-back profile takes over, so it cannot itself be disabled. */
static uint16_t disable_profile(struct card *card, struct card_profile *profile)
{
    if (profile->state != ISDP_ENABLED || profile == &card->profile[card->fallback])
        return SW_CONDITIONS;
    profile->state = ISDP_DISABLED;
    card->profile[card->fallback].state = ISDP_ENABLED;
    return SW_OK;
}

static uint16_t set_fallback(struct card *card, struct card_profile *profile)
{
    if (profile->state != ISDP_DISABLED && profile->state != ISDP_ENABLED)
        return SW_CONDITIONS;
    card->fallback = (uint8_t)(profile - card->profile);
    return SW_OK;
}

/* STORE DATA in DGI form: tag (2), length (1, or FF and 2), value. */
static uint16_t store_data(struct card *card, const struct c_apdu *c, struct writer *out)
{
    if ((c->p1 & 0x88) != 0x88 || c->p2 != 0)
        return SW_P1P2; /* only last blocks in DGI format */
    struct reader r = reader_over(c->data);
    uint16_t dgi = reader_u16(&r);
    size_t len = reader_u8(&r);
    if (len == 0xFF)
        len = reader_u16(&r);
    struct span value = reader_bytes(&r, len);
    if (reader_end(&r) != ERR_OK)
        return SW_DATA;
    if (dgi == 0x3A07) /* addressing parameters: kept nowhere, taken everywhere */
        return value.len > 0 && value.bytes[0] >= 0xA3 ? SW_OK : SW_DATA;
    if (dgi == 0x3A08) { /* notification confirmation: nothing was deleted because of it */
        writer_u16(out, 0x8000);
        return SW_OK;
    }
    if (dgi < 0x3A03 || dgi > 0x3A05)
        return SW_DATA;
    /* 12 4F 10 AID: the DGI's length is that of a 4F TLV (SGP.02 §4.1.1.2). */
    struct span aid;
    if (!read_aid(value, &aid))
        return SW_DATA;
    struct card_profile *profile = find(card, aid);
    if (profile == NULL)
        return SW_NOT_FOUND;
    return dgi == 0x3A03   ? enable_profile(card, profile)
           : dgi == 0x3A04 ? disable_profile(card, profile)
                           : set_fallback(card, profile);
}

uint16_t card_apdu_run(struct card *card, uint32_t index, struct span apdu, struct writer *out)
{
    struct c_apdu c;
    if (!read_c_apdu(apdu, &c))
        return SW_LENGTH;
    if (c.cla != 0x80)
        return SW_CLA;
    uint8_t data[512];
    struct writer answer = writer_over(data, sizeof data);
    uint16_t sw;
    switch (c.ins) {
    case 0xCA:
        sw = get_data(card, index, &c, &answer);
        break;
    case 0xF2:
        sw = get_status(card, &c, &answer);
        break;
    case 0xE4:
        sw = delete_profile(card, index, &c, &answer);
        break;
    case 0xE6:
        sw = create_isdp(card, &c, &answer);
        break;
    case 0xE2:
        sw = store_data(card, &c, &answer);
        break;
    case 0xEC: /* push: there is no bearer to open, but it is understood */
        sw = c.p1 == 0x01 ? SW_OK : SW_P1P2;
        break;
    default:
        sw = SW_INS;
    }
    /* Case 1 and 3 bring no data back, save what cards send unasked after DELETE and INSTALL. */
    bool unasked = c.ins == 0xE4 || c.ins == 0xE6;
    struct span body = written(&answer);
    if (sw != SW_OK || (!c.has_le && !unasked))
        body.len = 0;
    if (!unasked && body.len > c.le)
        body.len = c.le;
    writer_bytes(out, body);
    return sw;
}
