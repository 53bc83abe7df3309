/* Command and response scripts, compact and expanded (TS 102 226 §5.1, §5.2). */
#include "engine/session/apdu.h"

#include "base/ber.h"

#define TAG_COMMANDS 0xAA
#define TAG_COMMANDS_INDEFINITE 0xAE
#define TAG_RESPONSES 0xAB
#define TAG_RESPONSES_INDEFINITE 0xAF
#define LEN_INDEFINITE 0x80
#define TAG_C_APDU 0x22
#define TAG_R_APDU 0x23
#define TAG_IMMEDIATE 0x81
#define TAG_ERROR_ACTION 0x82
#define TAG_CHAINING 0x83
#define TAG_EXECUTED 0x80
#define TAG_BAD_FORMAT 0x90
#define EXECUTED_LEN_MAX 4u
#define APDU_HEADER_LEN 4u

#define SW_CUT 0x62F1 /* the answer did not fit: the card stops (§5.2.1) */

enum err c_apdu_check(struct span c_apdu)
{
    if (c_apdu.len < APDU_HEADER_LEN)
        return ERR_SHORT;
    if (c_apdu.len <= APDU_HEADER_LEN + 1) /* case 1, case 2 */
        return ERR_OK;
    size_t lc = c_apdu.bytes[APDU_HEADER_LEN];
    size_t end = APDU_HEADER_LEN + 1 + lc;
    if (lc == 0 || (c_apdu.len != end && c_apdu.len != end + 1)) /* case 3, case 4 */
        return ERR_LENGTH;
    return ERR_OK;
}

static size_t commands_len(const struct span *c_apdus, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += 1 + ber_len_size(c_apdus[i].len) + c_apdus[i].len;
    return len;
}

size_t script_expanded_len(const struct span *c_apdus, size_t count)
{
    size_t len = commands_len(c_apdus, count);
    return 1 + ber_len_size(len) + len;
}

static void commands_write(struct writer *out, const struct span *c_apdus, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        writer_u8(out, TAG_C_APDU);
        writer_ber_len(out, c_apdus[i].len);
        writer_bytes(out, c_apdus[i]);
    }
}

void script_expanded_write(struct writer *out, const struct span *c_apdus, size_t count)
{
    writer_u8(out, TAG_COMMANDS);
    writer_ber_len(out, commands_len(c_apdus, count));
    commands_write(out, c_apdus, count);
}

void script_indefinite_write(struct writer *out, const struct span *c_apdus, size_t count)
{
    writer_u8(out, TAG_COMMANDS_INDEFINITE);
    writer_u8(out, LEN_INDEFINITE);
    commands_write(out, c_apdus, count);
    writer_zeros(out, 2);
}

/* P3 must be there and, where data follow, be all that tells their length. */
static enum err compact_check(struct span c_apdu)
{
    enum err err = c_apdu_check(c_apdu);
    if (err != ERR_OK)
        return err;
    if (c_apdu.len == APDU_HEADER_LEN)
        return ERR_LENGTH;
    if (c_apdu.len > APDU_HEADER_LEN + 1 &&
        c_apdu.len != APDU_HEADER_LEN + 1u + c_apdu.bytes[APDU_HEADER_LEN])
        return ERR_LENGTH;
    return ERR_OK;
}

void script_compact_write(struct writer *out, const struct span *c_apdus, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = compact_check(c_apdus[i]);
        if (err != ERR_OK)
            writer_fail(out, err);
        writer_bytes(out, c_apdus[i]);
    }
}

/* One TLV inside a template: `value` is bounded by it. */
static uint8_t tlv_next(struct reader *r, struct reader *value)
{
    uint8_t tag = reader_u8(r);
    size_t len = reader_ber_len(r);
    *value = reader_sub(r, len);
    return tag;
}

/* A verdict on an inner TLV stands where that TLV failed. */
static void tlv_fail(struct reader *r, const struct reader *value, enum err err)
{
    if (r->err == ERR_OK && value->at != NULL)
        r->at = value->at;
    reader_fail(r, err);
}

/* The template: definite with its length, or indefinite to the end-of-contents octets. The body is read in
 * place by `r`, whose end is moved to the template's end when that is known. */
static bool template_open(struct reader *r, uint8_t definite, uint8_t indefinite,
                          bool *is_indefinite)
{
    const uint8_t *start = r->at;
    uint8_t tag = reader_u8(r);
    *is_indefinite = tag == indefinite;
    if (tag == indefinite) {
        if (r->err == ERR_OK && reader_u8(r) != LEN_INDEFINITE) {
            r->at--;
            reader_fail(r, ERR_MALFORMED);
        }
        return r->err == ERR_OK;
    }
    if (r->err == ERR_OK && tag != definite) {
        r->at = start;
        reader_fail(r, ERR_MALFORMED);
    }
    size_t len = reader_ber_len(r);
    if (r->err == ERR_OK && len > reader_left(r))
        reader_fail(r, ERR_SHORT);
    if (r->err == ERR_OK && len < reader_left(r)) {
        reader_bytes(r, len);
        reader_fail(r, ERR_TRAILING);
    }
    return r->err == ERR_OK;
}

/* Whether the template goes on; takes the end-of-contents octets of the indefinite form, which must be there
 * and last. They are looked for between TLVs only: R-APDU data contain them too. */
static bool template_more(struct reader *r, bool is_indefinite)
{
    if (!is_indefinite)
        return reader_more(r);
    if (r->err != ERR_OK)
        return false;
    if (!reader_more(r)) {
        reader_fail(r, ERR_SHORT);
        return false;
    }
    struct reader ahead = *r;
    if (reader_u8(&ahead) != 0)
        return true;
    *r = ahead;
    if (reader_u8(r) != 0 && r->err == ERR_OK) {
        r->at--;
        reader_fail(r, ERR_MALFORMED);
    }
    if (reader_more(r))
        reader_fail(r, ERR_TRAILING);
    return false;
}

static enum err finish(const struct reader *r, struct span in, size_t *at)
{
    if (at != NULL)
        *at = (size_t)(r->at - in.bytes);
    return reader_end(r);
}

static void c_apdu_add(struct reader *r, struct reader *value, struct script *out)
{
    struct span c_apdu = span_of(value->at, reader_left(value));
    enum err err = c_apdu_check(c_apdu);
    if (err == ERR_OK && out->count == SCRIPT_COMMANDS_MAX)
        err = ERR_FULL;
    if (err != ERR_OK) {
        tlv_fail(r, value, err);
        return;
    }
    out->c_apdus[out->count++] = c_apdu;
}

static void command_read(struct reader *r, uint8_t tag, struct reader *value, struct script *out)
{
    switch (tag) {
    case TAG_C_APDU:
        c_apdu_add(r, value, out);
        break;
    case TAG_IMMEDIATE:
        out->has_immediate = true;
        out->immediate = reader_rest(value);
        break;
    case TAG_ERROR_ACTION:
        out->has_error_action = true;
        out->error_action = reader_rest(value);
        break;
    case TAG_CHAINING:
        out->chaining = reader_u8(value);
        if (out->tlv_count > 0 || out->chaining == SCRIPT_CHAIN_NONE || reader_end(value) != ERR_OK)
            tlv_fail(r, value, ERR_MALFORMED);
        break;
    default:
        tlv_fail(r, value, ERR_MALFORMED);
        break;
    }
}

enum err script_expanded_read(struct span in, struct script *out, size_t *at)
{
    struct reader r = reader_over(in);
    *out = (struct script){ .count = 0 };
    template_open(&r, TAG_COMMANDS, TAG_COMMANDS_INDEFINITE, &out->indefinite);
    while (template_more(&r, out->indefinite)) {
        struct reader value;
        uint8_t tag = tlv_next(&r, &value);
        if (r.err != ERR_OK)
            break;
        command_read(&r, tag, &value, out);
        out->tlv_count++;
    }
    return finish(&r, in, at);
}

/* Nothing delimits the commands but P3: with data when they are there. Which cases a command is cannot be told
 * from outside, so only the list of CLA INS P1 P2 P3 [data] that fits to the octet is taken, and a last
 * command whose P3 is followed by nothing is a case 2. */
enum err script_compact_read(struct span in, struct script *out, size_t *at)
{
    struct reader r = reader_over(in);
    *out = (struct script){ .count = 0 };
    while (reader_more(&r)) {
        const uint8_t *start = r.at;
        reader_bytes(&r, APDU_HEADER_LEN);
        uint8_t p3 = reader_u8(&r);
        if (r.err == ERR_OK && reader_more(&r))
            reader_bytes(&r, p3);
        if (r.err != ERR_OK)
            break;
        if (out->count == SCRIPT_COMMANDS_MAX) {
            r.at = start;
            reader_fail(&r, ERR_FULL);
            break;
        }
        out->c_apdus[out->count++] = span_of(start, (size_t)(r.at - start));
        out->tlv_count++;
    }
    if (r.err == ERR_OK && out->count == 0)
        reader_fail(&r, ERR_SHORT);
    return finish(&r, in, at);
}

/* Data, then SW1 SW2: at the end, unlike in the compact form. */
static void r_apdu_add(struct reader *r, struct reader *value, struct script_response *out)
{
    size_t len = reader_left(value);
    if (len < 2 || out->r_apdu_count == SCRIPT_COMMANDS_MAX) {
        tlv_fail(r, value, len < 2 ? ERR_LENGTH : ERR_FULL);
        return;
    }
    struct r_apdu *r_apdu = &out->r_apdus[out->r_apdu_count++];
    r_apdu->data = reader_bytes(value, len - 2);
    r_apdu->sw = reader_u16(value);
}

/* One octet and no more. */
static uint8_t octet_read(struct reader *r, struct reader *value)
{
    uint8_t octet = reader_u8(value);
    if (reader_end(value) != ERR_OK)
        tlv_fail(r, value, ERR_LENGTH);
    return octet;
}

static void executed_read(struct reader *r, struct reader *value, struct script_response *out)
{
    size_t len = reader_left(value);
    if (out->has_executed || len == 0 || len > EXECUTED_LEN_MAX) {
        tlv_fail(r, value, out->has_executed ? ERR_MALFORMED : ERR_LENGTH);
        return;
    }
    out->has_executed = true;
    out->executed = (uint32_t)reader_uint(value, len);
}

static void response_read(struct reader *r, uint8_t tag, struct reader *value,
                          struct script_response *out)
{
    switch (tag) {
    case TAG_EXECUTED:
        executed_read(r, value, out);
        break;
    case TAG_R_APDU:
        r_apdu_add(r, value, out);
        break;
    case TAG_BAD_FORMAT:
        out->bad_format = octet_read(r, value);
        break;
    case TAG_CHAINING:
        out->chaining = octet_read(r, value);
        break;
    case TAG_IMMEDIATE:
        out->has_immediate = true;
        out->immediate = reader_rest(value);
        break;
    default: /* unknown ones are skipped */
        break;
    }
}

enum err script_expanded_response_read(struct span in, struct script_response *out, size_t *at)
{
    struct reader r = reader_over(in);
    out->indefinite = false;
    out->has_executed = false;
    out->executed = 0;
    out->r_apdu_count = 0; /* the array itself is not cleared: this is on the path of every PoR */
    out->bad_format = 0;
    out->chaining = 0;
    out->has_immediate = false;
    out->immediate = span_of(NULL, 0);
    if (in.len == 0) {
        if (at != NULL)
            *at = 0;
        return ERR_OK;
    }
    template_open(&r, TAG_RESPONSES, TAG_RESPONSES_INDEFINITE, &out->indefinite);
    while (template_more(&r, out->indefinite)) {
        struct reader value;
        uint8_t tag = tlv_next(&r, &value);
        if (r.err != ERR_OK)
            break;
        response_read(&r, tag, &value, out);
    }
    if (r.err == ERR_OK && !out->indefinite && !out->has_executed)
        reader_fail(&r, ERR_MALFORMED); /* the count is mandatory here (§5.2.2) */
    return finish(&r, in, at);
}

enum err script_compact_response_read(struct span in, struct script_response *out, size_t *at)
{
    struct reader r = reader_over(in);
    *out = (struct script_response){ .has_executed = in.len > 0 };
    if (in.len > 0) {
        out->executed = reader_u8(&r);
        out->r_apdus[0].sw = reader_u16(&r);
        out->r_apdus[0].data = reader_rest(&r);
        out->r_apdu_count = out->executed > 0 ? 1 : 0;
    }
    return finish(&r, in, at);
}

void script_expanded_response_write(struct writer *out, const struct script_response *response)
{
    size_t count_len = response->executed > 0xFFFF ? 4 : response->executed > 0xFF ? 2 : 1;
    size_t len =
        2 + count_len + (response->chaining != 0 ? 3 : 0) + (response->bad_format != 0 ? 3 : 0);
    for (size_t i = 0; i < response->r_apdu_count; i++) {
        size_t value = response->r_apdus[i].data.len + 2;
        len += 1 + ber_len_size(value) + value;
    }
    writer_u8(out, TAG_RESPONSES);
    writer_ber_len(out, len);
    writer_u8(out, TAG_EXECUTED);
    writer_ber_len(out, count_len);
    writer_uint(out, response->executed, count_len);
    for (size_t i = 0; i < response->r_apdu_count; i++) {
        writer_u8(out, TAG_R_APDU);
        writer_ber_len(out, response->r_apdus[i].data.len + 2);
        writer_bytes(out, response->r_apdus[i].data);
        writer_u16(out, response->r_apdus[i].sw);
    }
    if (response->bad_format != 0) {
        writer_u8(out, TAG_BAD_FORMAT);
        writer_u8(out, 1);
        writer_u8(out, response->bad_format);
    }
    if (response->chaining != 0) {
        writer_u8(out, TAG_CHAINING);
        writer_u8(out, 1);
        writer_u8(out, response->chaining);
    }
}

size_t script_ran(const struct script_response *response, size_t sent, size_t other)
{
    size_t ran = response->r_apdu_count;
    if (response->has_executed)
        ran = response->executed > other ? response->executed - other : 0;
    return ran < sent ? ran : sent;
}

bool sw_is_success(uint16_t sw)
{
    uint16_t sw1 = sw >> 8;
    return sw == 0x9000 || sw1 == 0x91 || sw1 == 0x62 || sw1 == 0x63;
}

bool sw_continues(uint16_t sw)
{
    return sw_is_success(sw) && sw != SW_CUT;
}

bool script_tar_is_compact(const uint8_t tar[3])
{
    return tar[0] == 0xB0 && tar[1] == 0x00;
}
