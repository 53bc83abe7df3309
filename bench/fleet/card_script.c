/* Command scripts at the card: compact and expanded (TS 102 226 §5.1, §5.2). */
#include "bench/fleet/card.h"

#include "base/ber.h"

#define R_APDU_OVERHEAD                                                                            \
    4u /* tag, length of up to two octets, and room for the template to grow                       \
        */

/* BAD_FORMAT causes of the response script, tag 90. */
enum bad_format { BAD_TAG = 1, BAD_LENGTH = 2, BAD_NO_LENGTH = 3 };

static bool sw_is_success(uint16_t sw)
{
    uint16_t sw1 = sw >> 8;
    return sw == 0x9000 || sw1 == 0x91 || ((sw1 == 0x62 || sw1 == 0x63) && sw != 0x62F1);
}

static void tally_sw(struct card_tally *tally, uint16_t sw)
{
    if (tally->sw_count < COUNT(tally->sw))
        tally->sw[tally->sw_count++] = sw;
}

/* Length of the first compact C-APDU; 0 when it does not end within the script. */
static size_t compact_apdu_len(struct span script)
{
    if (script.len < 4)
        return 0;
    if (script.len == 4)
        return 4;
    switch (script.bytes[1]) {
    case 0xCA: /* GET DATA, GET RESPONSE, READ: P3 is Le */
    case 0xC0:
    case 0xB0:
    case 0xB2:
        return 5;
    default:
        return 5u + script.bytes[4] <= script.len ? 5u + script.bytes[4] : 0;
    }
}

/* P3 is Lc and no Le follows, but a case 4 command has its data fetched by GET RESPONSE. */
static uint16_t run_compact_apdu(struct card *card, uint32_t index, struct span apdu,
                                 struct writer *out)
{
    uint8_t whole[5 + 255 + 1];
    struct writer w = writer_over(whole, sizeof whole);
    writer_bytes(&w, apdu);
    if (apdu.len > 5 && apdu.bytes[1] == 0xF2)
        writer_u8(&w, 0x00);
    return card_apdu_run(card, index, written(&w), out);
}

/* Compact: only the last command may return data; case 4 answers 61xx and GET RESPONSE brings it.
 */
static void run_compact(struct card *card, uint32_t index, struct span script, struct writer *out,
                        struct card_tally *tally)
{
    uint8_t data[256];
    struct writer answer = writer_over(data, sizeof data);
    struct span waiting = span_of(NULL, 0);
    uint16_t sw = 0x9000;
    while (script.len > 0) {
        size_t len = compact_apdu_len(script);
        struct span apdu = span_first(script, len);
        tally->command_count++;
        if (len == 0) {
            sw = 0x6700;
            answer = writer_over(data, 0);
        } else if (apdu.bytes[1] == 0xC0) {
            answer.at = answer.start + waiting.len;
            sw = waiting.len > 0 ? 0x9000 : 0x6985;
        } else {
            answer = writer_over(data, sizeof data);
            sw = run_compact_apdu(card, index, apdu, &answer);
            waiting = written(&answer);
            if (waiting.len > 0 && apdu.bytes[1] != 0xCA) {
                sw = (uint16_t)(0x6100 | (waiting.len & 0xFF));
                answer.at = answer.start;
            }
        }
        tally_sw(tally, sw);
        if (len == 0 || (!sw_is_success(sw) && sw >> 8 != 0x61))
            break;
        script = span_after(script, len);
    }
    writer_u8(out, tally->command_count);
    writer_u16(out, sw);
    writer_bytes(out, written(&answer));
}

/* Script chaining (TS 102 226 §5.4.1.4): 00 to go on, else the value of tag 83 in the answer. */
static uint8_t chain_step(struct card *card, struct span value)
{
    if (value.len != 1)
        return 3;
    switch (value.bytes[0]) {
    case 0x01:
    case 0x11:
        card->chain_open = true;
        return 0;
    case 0x02:
        return card->chain_open ? 0 : 1;
    case 0x03:
        if (!card->chain_open)
            return 1;
        card->chain_open = false;
        return 0;
    default:
        return 3;
    }
}

/* One 22 TLV: its R-APDU, cut with 62F1 when it does not fit. False stops the script. */
static bool run_c_apdu(struct card *card, uint32_t index, struct span apdu, struct writer *out,
                       struct card_tally *tally)
{
    uint8_t data[256];
    struct writer answer = writer_over(data, sizeof data);
    uint16_t sw = card_apdu_run(card, index, apdu, &answer);
    struct span body = written(&answer);
    size_t room = writer_room(out);
    size_t most = room > R_APDU_OVERHEAD + 2 ? room - R_APDU_OVERHEAD - 2 : 0;
    if (body.len > most) {
        body = span_first(body, most);
        sw = 0x62F1;
    }
    writer_u8(out, 0x23);
    writer_ber_len(out, body.len + 2);
    writer_bytes(out, body);
    writer_u16(out, sw);
    tally_sw(tally, sw);
    return sw_is_success(sw);
}

static void bad_format(struct writer *out, enum bad_format cause)
{
    writer_u8(out, 0x90);
    writer_u8(out, 1);
    writer_u8(out, (uint8_t)cause);
}

/* The command TLVs of a script, until its end or the first error. */
static void run_commands(struct card *card, uint32_t index, struct reader *r, bool indefinite,
                         struct writer *out, struct card_tally *tally)
{
    bool first = true;
    bool chained = false;
    while (reader_more(r)) {
        uint8_t tag = reader_u8(r);
        if (indefinite && tag == 0x00)
            return;
        if (!reader_more(r)) {
            bad_format(out, BAD_NO_LENGTH);
            return;
        }
        size_t len = reader_ber_len(r);
        struct span value = reader_bytes(r, len);
        if (r->err != ERR_OK) {
            bad_format(out, BAD_LENGTH);
            return;
        }
        if (tag == 0x83 && first) {
            uint8_t refused = chain_step(card, value);
            chained = true;
            if (refused != 0) {
                writer_u8(out, 0x83);
                writer_u8(out, 1);
                writer_u8(out, refused);
                return;
            }
        } else if (tag != 0x22 && tag != 0x81 && tag != 0x82) {
            bad_format(out, BAD_TAG);
            return;
        }
        if (first && !chained)
            card->chain_open = false; /* another script abandons an open chain */
        first = false;
        tally->command_count++;
        if (tag == 0x22 && !run_c_apdu(card, index, value, out, tally))
            return;
    }
}

static void run_expanded(struct card *card, uint32_t index, struct span script, struct writer *out,
                         struct card_tally *tally)
{
    uint8_t body[CARD_PACKET_CAP];
    size_t room = writer_room(out);
    size_t frame = 1 + 3 + 3; /* template, its length, 80 01 nn */
    struct writer answers = writer_over(body, room > frame ? room - frame : 0);
    struct reader r = reader_over(script);
    uint8_t tag = reader_u8(&r);
    bool indefinite = tag == 0xAE;
    if (tag != 0xAA && tag != 0xAE) {
        bad_format(&answers, BAD_TAG);
    } else if (!reader_more(&r)) {
        bad_format(&answers, BAD_NO_LENGTH);
    } else if (indefinite) {
        if (reader_u8(&r) == 0x80)
            run_commands(card, index, &r, true, &answers, tally);
        else
            bad_format(&answers, BAD_LENGTH);
    } else {
        size_t len = reader_ber_len(&r);
        struct reader commands = reader_sub(&r, len);
        if (r.err != ERR_OK || reader_more(&r))
            bad_format(&answers, BAD_LENGTH);
        else
            run_commands(card, index, &commands, false, &answers, tally);
    }
    struct span inner = written(&answers);
    if (indefinite) {
        writer_u16(out, 0xAF80);
        writer_bytes(out, inner);
        writer_u16(out, 0);
        return;
    }
    writer_u8(out, 0xAB);
    writer_ber_len(out, 3 + inner.len);
    writer_u16(out, 0x8001);
    writer_u8(out, tally->command_count);
    writer_bytes(out, inner);
}

void card_script_run(struct card *card, uint32_t index, bool compact, struct span script,
                     struct writer *out, struct card_tally *tally)
{
    *tally = (struct card_tally){ 0 };
    if (compact)
        run_compact(card, index, script, out, tally);
    else
        run_expanded(card, index, script, out, tally);
}
