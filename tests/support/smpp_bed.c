/* The far end of one SMPP session. */
#include "tests/support/smpp_bed.h"

#include "base/hex.h"

#include <stdlib.h>
#include <string.h>

static void note_bound(void *ctx)
{
    ((struct smpp_bed *)ctx)->bound++;
}

static void note_done(void *ctx, uint64_t cookie, uint32_t status, struct span message_id,
                      enum err err)
{
    struct smpp_bed *bed = ctx;
    assert_true(bed->done_count < SMPP_BED_DONE_MAX);
    size_t at = bed->done_count++;
    bed->done[at].cookie = cookie;
    bed->done[at].status = status;
    bed->done[at].err = err;
    struct reader r = reader_over(message_id);
    memset(bed->done[at].message_id, 0, sizeof bed->done[at].message_id);
    assert_true(message_id.len < sizeof bed->done[at].message_id);
    reader_copy(&r, bed->done[at].message_id, message_id.len);
}

static bool note_deliver(void *ctx, uint32_t sequence, const struct smpp_message *message)
{
    struct smpp_bed *bed = ctx;
    if (bed->deliver_refuse)
        return false;
    bed->delivered++;
    bed->deliver_sequence = sequence;
    bed->deliver_first = message->text.len > 0 ? message->text.bytes[0] : 0;
    return true;
}

static void note_ended(void *ctx, enum err why, bool config_fault)
{
    struct smpp_bed *bed = ctx;
    bed->ended++;
    bed->ended_why = why;
    bed->ended_config_fault = config_fault;
}

static const struct smpp_events events = {
    .bound = note_bound,
    .submit_done = note_done,
    .deliver = note_deliver,
    .ended = note_ended,
};

void smpp_bed_init(struct smpp_bed *bed, const struct smpp_session_config *config)
{
    static const struct smpp_session_config usual = {
        .system_id = "SMPS", .password = "secret", .system_type = "OTA", .window = 4
    };
    const struct smpp_session_config *chosen = config != NULL ? config : &usual;
    memset(bed, 0, sizeof *bed);
    bed->memory = aligned_alloc(64, smpp_session_size(chosen));
    assert_non_null(bed->memory);
    bed->session = smpp_session_init(bed->memory, chosen, &events, bed);
    bed->out = writer_over(bed->buf, sizeof bed->buf);
    bed->now_ns = 1000000000;
}

void smpp_bed_fini(struct smpp_bed *bed)
{
    free(bed->memory);
}

void smpp_bed_bind(struct smpp_bed *bed)
{
    smpp_session_start(bed->session, &bed->out, bed->now_ns);
    smpp_bed_feed(bed, "00000000 80000009 00000000 00000001 534d534300");
    assert_int_equal(smpp_session_state(bed->session), SMPP_BOUND);
    bed->out = writer_over(bed->buf, sizeof bed->buf);
}

enum err smpp_bed_submit(struct smpp_bed *bed, uint64_t cookie, size_t len)
{
    static const uint8_t text[SMPP_SHORT_MESSAGE_MAX];
    struct smpp_message message = { .esm_class = SMPP_ESM_UDHI,
                                    .data_coding = 0xF6,
                                    .text = span_of(text, len) };
    return smpp_session_submit(bed->session, &message, cookie, &bed->out, bed->now_ns);
}

static void feed(struct smpp_bed *bed, struct span in)
{
    size_t taken = smpp_session_input(bed->session, guarded_copy(in), &bed->out, bed->now_ns);
    if (smpp_session_state(bed->session) != SMPP_CLOSED)
        assert_int_equal(taken, in.len);
}

void smpp_bed_feed(struct smpp_bed *bed, const char *hex)
{
    uint8_t buf[1024];
    struct writer w = writer_over(buf, sizeof buf);
    writer_bytes(&w, guarded_hex(hex));
    struct reader r = reader_over(written(&w));
    if (reader_u32(&r) == 0)
        writer_patch(&w, 0, writer_len(&w), 4);
    feed(bed, written(&w));
}

void smpp_bed_answer(struct smpp_bed *bed, uint32_t id, uint32_t status, uint32_t sequence)
{
    uint8_t buf[128];
    struct writer w = writer_over(buf, sizeof buf);
    struct smpp_pdu pdu = { .header = { .id = id, .status = status, .sequence = sequence } };
    if (id == (SMPP_SUBMIT_SM | SMPP_RESP)) {
        pdu.message_id = span_text("5d2f9a01");
        smpp_pdu_write(&w, &pdu);
    } else {
        smpp_header_write(&w, id, status, sequence);
    }
    feed(bed, written(&w));
}

void smpp_bed_tick(struct smpp_bed *bed, uint64_t now_ns)
{
    bed->now_ns = now_ns;
    smpp_session_tick(bed->session, &bed->out, now_ns);
}

bool smpp_bed_sent(struct smpp_bed *bed, struct smpp_pdu *pdu)
{
    static uint8_t copy[1024];
    struct span sent = written(&bed->out);
    struct smpp_header header;
    if (sent.len == 0)
        return false;
    check_err("header sent", smpp_header_read(sent, &header), ERR_OK);
    struct writer w = writer_over(copy, sizeof copy);
    writer_bytes(&w, span_first(sent, header.length));
    check_err("PDU sent", smpp_pdu_read(written(&w), pdu, NULL), ERR_OK);
    struct span rest = span_after(sent, header.length);
    memmove(bed->buf, rest.bytes, rest.len);
    bed->out.at = bed->buf + rest.len;
    return true;
}
