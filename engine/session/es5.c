/* ES5 operations as C-APDUs, and what their answers say (SGP.02 §4.1.1, es5 audit and deletion). */
#include "engine/session/es5.h"

#include "base/ber.h"
#include "base/hex.h"

#define ISDP_FIRST 0x0010 /* xxxx of the AID: below are ISD-R, ECASD and reserved ones */
#define TAR_LEN 3u
#define TAG_RESOURCES 0xFF21
#define TAG_APPLICATION 0xE3
#define TAG_STATE 0x9F70
#define SW_MORE 0x6310

static const uint8_t isdp_prefix[] = { 0xA0, 0x00, 0x00, 0x05, 0x59, 0x10, 0x10,
                                       0xFF, 0xFF, 0xFF, 0xFF, 0x89, 0x00 };

static void begin(struct es5_commands *out, struct writer *w)
{
    out->count = 0;
    *w = writer_over(out->octets, sizeof out->octets);
}

static void add(struct es5_commands *out, struct writer *w, size_t start)
{
    ASSERT(w->err == ERR_OK && out->count < ES5_COMMANDS_MAX);
    out->c_apdus[out->count++] = span_after(written(w), start);
}

void es5_audit(struct es5_commands *out)
{
    static const uint8_t resources[] = { 0x80, 0xCA, 0xFF, 0x21, 0x00 };
    /* an empty 4F matches all; P2 02: answers as E3 templates */
    static const uint8_t profiles[] = { 0x80, 0xF2, 0x40, 0x02, 0x02, 0x4F, 0x00, 0x00 };
    struct writer w;
    begin(out, &w);
    writer_bytes(&w, span_of(resources, sizeof resources));
    add(out, &w, 0);
    writer_bytes(&w, span_of(profiles, sizeof profiles));
    add(out, &w, sizeof resources);
}

enum err es5_isdp_check(const uint8_t aid[ES5_AID_LEN])
{
    struct reader r = reader_over(span_of(aid, ES5_AID_LEN));
    struct span prefix = reader_bytes(&r, sizeof isdp_prefix);
    if (!span_equal(prefix, span_of(isdp_prefix, sizeof isdp_prefix)))
        return ERR_MALFORMED;
    uint16_t number = reader_u16(&r);
    return number >= ISDP_FIRST && reader_u8(&r) == 0 ? ERR_OK : ERR_MALFORMED;
}

enum err es5_delete_profile(const uint8_t aid[ES5_AID_LEN], struct es5_commands *out)
{
    static const uint8_t head[] = { 0x80, 0xE4, 0x00, 0x40, 0x12, 0x4F, ES5_AID_LEN };
    enum err err = es5_isdp_check(aid);
    if (err != ERR_OK)
        return err;
    struct writer w;
    begin(out, &w);
    writer_bytes(&w, span_of(head, sizeof head));
    writer_bytes(&w, span_of(aid, ES5_AID_LEN));
    add(out, &w, 0);
    return ERR_OK;
}

enum err es5_isdp_from_text(struct span text, uint8_t aid[ES5_AID_LEN], struct fault *fault)
{
    struct writer w = writer_over(aid, ES5_AID_LEN);
    bool is_tar = text.len == TAR_LEN * 2;
    if (!is_tar && text.len != ES5_AID_LEN * 2) {
        fault_set(fault, "has %zu characters", text.len);
        return ERR_LENGTH;
    }
    if (is_tar) /* TAR 00 xx xx: octets 13 to 15 of the AID */
        writer_bytes(&w, span_of(isdp_prefix, sizeof isdp_prefix - 1));
    enum err err = hex_read(text, &w);
    if (err != ERR_OK) {
        fault_set(fault, "holds a character that is no hexadecimal digit");
        return err;
    }
    if (is_tar)
        writer_u8(&w, 0);
    ASSERT(w.err == ERR_OK && writer_len(&w) == ES5_AID_LEN);
    err = es5_isdp_check(aid);
    if (err != ERR_OK)
        fault_set(fault, "%.*s is no ISD-P's: %s", (int)text.len, (const char *)text.bytes,
                  is_tar ? "their TARs are 000010 to 00FFFF"
                         : "their AIDs are A0000005591010FFFFFFFF8900xxxx00 with xxxx from 0010");
    return err;
}

static const char *const kind_names[ES5_KINDS] = {
    [ES5_AUDIT] = "audit",
    [ES5_DELETE_PROFILE] = "delete-profile",
};

enum err es5_kind_from_text(struct span text, enum es5_kind *out)
{
    for (int kind = 0; kind < ES5_KINDS; kind++) {
        if (span_equal(text, span_text(kind_names[kind]))) {
            *out = (enum es5_kind)kind;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

const char *es5_kind_name(enum es5_kind kind)
{
    ASSERT(kind < ES5_KINDS);
    return kind_names[kind];
}

const char *es5_state_name(uint8_t state)
{
    switch (state) {
    case ES5_INSTALLED:
        return "installed";
    case ES5_SELECTABLE:
        return "selectable";
    case ES5_PERSONALISED:
        return "personalised";
    case ES5_DISABLED:
        return "disabled";
    case ES5_ENABLED:
        return "enabled";
    default:
        return "unknown";
    }
}

/* One or two tag octets, as the card world has them. */
static uint16_t tag_read(struct reader *r)
{
    uint8_t first = reader_u8(r);
    if ((first & 0x1F) != 0x1F)
        return first;
    return (uint16_t)(first << 8 | reader_u8(r));
}

static uint16_t tlv_next(struct reader *r, struct reader *value)
{
    uint16_t tag = tag_read(r);
    size_t len = reader_ber_len(r);
    *value = reader_sub(r, len);
    return tag;
}

/* A number of one to four octets. */
static uint32_t number_read(struct reader *r, struct reader *value)
{
    size_t len = reader_left(value);
    if (len == 0 || len > 4) {
        reader_fail(r, ERR_MALFORMED);
        return 0;
    }
    return (uint32_t)reader_uint(value, len);
}

static enum err resources_read(struct span data, struct es5_audit *out)
{
    struct reader r = reader_over(data);
    struct reader body;
    if (tlv_next(&r, &body) != TAG_RESOURCES)
        reader_fail(&r, ERR_MALFORMED);
    while (r.err == ERR_OK && reader_more(&body)) {
        struct reader value;
        switch (tlv_next(&body, &value)) {
        case 0x81:
            out->applications = number_read(&body, &value);
            break;
        case 0x82:
            out->free_non_volatile = number_read(&body, &value);
            break;
        case 0x83:
            out->free_volatile = number_read(&body, &value);
            break;
        default:
            break;
        }
    }
    reader_fail(&r, body.err);
    out->has_resources = r.err == ERR_OK;
    return reader_end(&r);
}

static void profile_read(struct reader *r, struct es5_profile *out)
{
    *out = (struct es5_profile){ .state = 0 };
    while (reader_more(r)) {
        struct reader value;
        switch (tlv_next(r, &value)) {
        case 0x4F:
            out->aid = reader_rest(&value);
            break;
        case TAG_STATE:
            out->state = (uint8_t)number_read(r, &value);
            break;
        case 0x53:
            out->fallback = number_read(r, &value) == 1;
            break;
        case 0x8F:
            out->memory = number_read(r, &value);
            out->has_memory = r->err == ERR_OK;
            break;
        default:
            break;
        }
    }
    if (r->err == ERR_OK && out->aid.len == 0)
        reader_fail(r, ERR_MALFORMED);
}

static enum err profiles_read(struct span data, struct es5_audit *out)
{
    struct reader r = reader_over(data);
    while (reader_more(&r)) {
        struct reader body;
        if (tlv_next(&r, &body) != TAG_APPLICATION)
            continue;
        struct es5_profile profile;
        profile_read(&body, &profile);
        if (r.err == ERR_OK)
            reader_fail(&r, body.err);
        if (r.err != ERR_OK)
            break;
        if (out->profile_count == ES5_PROFILES_MAX)
            out->more = true;
        else
            out->profiles[out->profile_count++] = profile;
    }
    return r.err;
}

enum err es5_audit_read(const struct script_response *response, struct es5_audit *out)
{
    *out = (struct es5_audit){ .profile_count = 0 };
    if (response->r_apdu_count < 1)
        return ERR_UNEXPECTED;
    enum err verdict = response->r_apdu_count < 2 ? ERR_UNEXPECTED : ERR_OK;
    const struct r_apdu *resources = &response->r_apdus[0];
    if (sw_is_success(resources->sw)) {
        enum err err = resources_read(resources->data, out);
        if (err != ERR_OK)
            return err;
    } else {
        verdict = ERR_UNEXPECTED;
    }
    if (response->r_apdu_count < 2)
        return verdict;
    const struct r_apdu *profiles = &response->r_apdus[1];
    if (!sw_is_success(profiles->sw))
        return ERR_UNEXPECTED;
    out->more = profiles->sw == SW_MORE;
    enum err err = profiles_read(profiles->data, out);
    return err != ERR_OK ? err : verdict;
}
