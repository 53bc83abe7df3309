/* SMPP, TPDU, user data and script codecs, and the session round a submit_sm, in ns an item.
 *
 * On paper, a submit_sm of 143 octets: 20 fields of about 1.5 ns and 61 octets copied, some 40 ns; its
 * answer: 25 octets, 10 ns, and one line of the window's table. */
#include "bench/bench.h"

#include "base/hex.h"
#include "engine/session/es5.h"
#include "io/smpp/smpp_receipt.h"
#include "io/smpp/smpp_session.h"
#include "io/sms/sms_concat.h"
#include "io/sms/sms_tpdu.h"

#include <stdlib.h>

#define SECOND 1000000000ull
#define WINDOW 1000u
#define BATCH 64u

#define PACKET                                                                                     \
    "0038151639121200000"                                                                          \
    "14a94b145186c160cb7c59dce236dfdaac6d3f55ec9366f3373b5b330409e4d8abecd"                        \
    "43949586b6045d3f07e08b1a961b"

static uint8_t packet_octets[64];
static uint8_t text_octets[64];
static struct span packet; /* 58 octets */
static struct span text;   /* 61: with its header */
static struct smpp_message submit;

static struct span hex_into(uint8_t *buf, size_t cap, const char *hex)
{
    struct writer w = writer_over(buf, cap);
    enum err err = hex_read(span_text(hex), &w);
    ASSERT(err == ERR_OK);
    return written(&w);
}

static void rig_init(void)
{
    packet = hex_into(packet_octets, sizeof packet_octets, PACKET);
    struct writer w = writer_over(text_octets, sizeof text_octets);
    sms_segment_write(&w, packet, 0, 1, 0, 8);
    text = written(&w);
    submit = (struct smpp_message){
        .source = sms_address_of(sms_msisdn_of(span_text("447700900123"))),
        .destination = sms_address_of(sms_msisdn_of(span_text("882390000012345"))),
        .esm_class = SMPP_ESM_UDHI,
        .protocol_id = SMS_PID_USIM_DOWNLOAD,
        .validity = span_text("000001000000000R"),
        .registered_delivery = 1,
        .data_coding = SMS_DCS_CLASS2_8BIT,
        .text = text,
        .tlvs = SMPP_HAS_USER_MESSAGE_REFERENCE,
        .user_message_reference = 7,
    };
}

static void submit_write(struct bench *bench, void *arg)
{
    (void)arg;
    uint8_t buf[SMPP_SUBMIT_MAX];
    uint32_t sequence = 0;
    while (bench_more(bench)) {
        struct writer w = writer_over(buf, sizeof buf);
        smpp_message_write(&w, SMPP_SUBMIT_SM, ++sequence, &submit);
        bench_keep(buf);
    }
    bench_items(bench, 1);
}

static void deliver_read(struct bench *bench, void *arg)
{
    (void)arg;
    uint8_t buf[SMPP_SUBMIT_MAX];
    struct writer w = writer_over(buf, sizeof buf);
    smpp_message_write(&w, SMPP_DELIVER_SM, 1, &submit);
    struct smpp_pdu pdu;
    while (bench_more(bench)) {
        if (smpp_pdu_read(written(&w), &pdu, NULL) != ERR_OK) {
            bench_skip(bench, "does not read");
            return;
        }
        bench_keep(&pdu);
    }
    bench_items(bench, 1);
}

static void receipt_read(struct bench *bench, void *arg)
{
    (void)arg;
    struct smpp_message message = {
        .esm_class = SMPP_ESM_RECEIPT,
        .text = span_text("id:5d2f9a01 sub:001 dlvrd:001 submit date:2611220915 "
                          "done date:2611220916 stat:DELIVRD err:000 text:"),
    };
    struct smpp_receipt receipt;
    while (bench_more(bench)) {
        if (smpp_receipt_read(&message, &receipt) != ERR_OK) {
            bench_skip(bench, "does not read");
            return;
        }
        bench_keep(&receipt);
    }
    bench_items(bench, 1);
}

/* ---- The session: BATCH submits, then BATCH answers ------------------------------------------ */

static void bound(void *ctx)
{
    (void)ctx;
}

static void submit_done(void *ctx, uint64_t cookie, uint32_t status, struct span message_id,
                        enum err err)
{
    (void)cookie;
    (void)status;
    (void)message_id;
    (void)err;
    ++*(uint64_t *)ctx;
}

static bool deliver(void *ctx, uint32_t sequence, const struct smpp_message *message)
{
    (void)ctx;
    (void)sequence;
    (void)message;
    return true;
}

static void ended(void *ctx, enum err why, bool config_fault)
{
    (void)ctx;
    (void)why;
    (void)config_fault;
}

static const struct smpp_events events = { bound, submit_done, deliver, ended };

/* Answers to the submits that `out` holds, into `in`. */
static void answers_write(struct span out, struct writer *in)
{
    struct smpp_header header;
    while (smpp_header_read(out, &header) == ERR_OK) {
        struct smpp_pdu resp = {
            .header = { .id = SMPP_SUBMIT_SM | SMPP_RESP, .sequence = header.sequence },
            .message_id = span_text("5d2f9a01"),
        };
        smpp_pdu_write(in, &resp);
        out = span_after(out, header.length);
    }
}

static struct smpp_session *session_bound(void *memory, const struct smpp_session_config *config,
                                          uint64_t *done)
{
    uint8_t buf[512];
    struct writer w = writer_over(buf, sizeof buf);
    struct smpp_session *session = smpp_session_init(memory, config, &events, done);
    smpp_session_start(session, &w, SECOND);
    uint8_t resp[32];
    struct writer in = writer_over(resp, sizeof resp);
    struct smpp_pdu pdu = { .header = { .id = SMPP_BIND_TRANSCEIVER | SMPP_RESP, .sequence = 1 } };
    smpp_pdu_write(&in, &pdu);
    smpp_session_input(session, written(&in), &w, SECOND);
    ASSERT(smpp_session_state(session) == SMPP_BOUND);
    return session;
}

struct round {
    bool submits; /* which half is timed */
};

static void session_round(struct bench *bench, void *arg)
{
    const struct round *round = arg;
    static const struct smpp_session_config config = { .system_id = "bench", .window = WINDOW };
    static uint8_t out_buf[BATCH * SMPP_SUBMIT_MAX];
    static uint8_t in_buf[BATCH * 64];
    void *memory = aligned_alloc(64, smpp_session_size(&config));
    ASSERT(memory != NULL);
    uint64_t done = 0;
    uint64_t sent = 0;
    struct smpp_session *session = session_bound(memory, &config, &done);
    while (bench_more(bench)) {
        if (!round->submits)
            bench_pause(bench);
        struct writer out = writer_over(out_buf, sizeof out_buf);
        for (uint32_t i = 0; i < BATCH; i++, sent++) {
            enum err err = smpp_session_submit(session, &submit, sent, &out, SECOND);
            ASSERT(err == ERR_OK);
        }
        if (round->submits)
            bench_pause(bench);
        struct writer in = writer_over(in_buf, sizeof in_buf);
        answers_write(written(&out), &in);
        out = writer_over(out_buf, sizeof out_buf);
        if (!round->submits)
            bench_resume(bench);
        smpp_session_input(session, written(&in), &out, SECOND);
        if (round->submits)
            bench_resume(bench);
    }
    bench_items(bench, BATCH);
    if (done != sent)
        bench_skip(bench, "answers were lost");
    free(memory);
}

/* ---- Short messages -------------------------------------------------------------------------- */

static void tpdu_write(struct bench *bench, void *arg)
{
    (void)arg;
    struct sms_deliver tpdu = { .origin = submit.source,
                                .udhi = true,
                                .pid = 0x7F,
                                .dcs = 0xF6,
                                .udl = (uint8_t)text.len,
                                .ud = text };
    uint8_t buf[256];
    while (bench_more(bench)) {
        struct writer w = writer_over(buf, sizeof buf);
        sms_deliver_write(&w, &tpdu);
        bench_keep(buf);
    }
    bench_items(bench, 1);
}

static void tpdu_read(struct bench *bench, void *arg)
{
    (void)arg;
    struct sms_deliver tpdu = { .origin = submit.source,
                                .udhi = true,
                                .pid = 0x7F,
                                .dcs = 0xF6,
                                .udl = (uint8_t)text.len,
                                .ud = text };
    uint8_t buf[256];
    struct writer w = writer_over(buf, sizeof buf);
    sms_deliver_write(&w, &tpdu);
    while (bench_more(bench)) {
        if (sms_deliver_read(written(&w), &tpdu, NULL) != ERR_OK) {
            bench_skip(bench, "does not read");
            return;
        }
        bench_keep(&tpdu);
    }
    bench_items(bench, 1);
}

static void user_data_classify(struct bench *bench, void *arg)
{
    (void)arg;
    struct sms_ud_source source = { .ud = text, .udhi = true };
    struct sms_ud ud;
    while (bench_more(bench)) {
        if (sms_ud_classify(&source, &ud) != ERR_OK) {
            bench_skip(bench, "does not read");
            return;
        }
        bench_keep(&ud);
    }
    bench_items(bench, 1);
}

static void three_segments(struct bench *bench, void *arg)
{
    (void)arg;
    static const uint8_t long_packet[400];
    uint8_t buf[160];
    while (bench_more(bench)) {
        size_t count = sms_segment_count(sizeof long_packet, 8);
        for (size_t i = 0; i < count; i++) {
            struct writer w = writer_over(buf, sizeof buf);
            sms_segment_write(&w, span_of(long_packet, sizeof long_packet), i, count, 7, 8);
            bench_keep(buf);
        }
    }
    bench_items(bench, 3);
}

static void three_parts_join(struct bench *bench, void *arg)
{
    (void)arg;
    static const struct sms_concat_config config = {
        .sets = 1024, .parts = 4096, .sets_per_origin = 4, .parts_per_set = 8, .age_ns = SECOND
    };
    static uint8_t octets[3][134] = { { 0x01, 0x8C } }; /* 396 octets follow, the length says */
    void *memory = aligned_alloc(64, (sms_concat_size(&config) + 63) / 64 * 64);
    ASSERT(memory != NULL);
    struct sms_concat *concat = sms_concat_init(memory, &config, NULL, NULL);
    struct sms_part part = { .udh = { .ref_bits = 8, .total = 3 } };
    uint64_t wholes = 0;
    uint64_t rounds = 0;
    while (bench_more(bench)) {
        part.origin = ++rounds;
        for (uint8_t i = 0; i < 3; i++) {
            struct sms_whole whole;
            part.udh.index = i + 1;
            part.udh.identifier = i == 0 ? SMS_RESPONSE : SMS_NO_IDENTIFIER;
            part.octets = span_of(octets[i], i == 0 ? 132 : 133);
            wholes += sms_concat_add(concat, &part, 0, &whole) == SMS_CONCAT_WHOLE;
        }
    }
    bench_items(bench, 3);
    if (wholes != rounds)
        bench_skip(bench, "parts do not join");
    free(memory);
}

/* ---- Scripts --------------------------------------------------------------------------------- */

static void audit_write(struct bench *bench, void *arg)
{
    (void)arg;
    uint8_t buf[128];
    struct es5_commands commands;
    while (bench_more(bench)) {
        struct writer w = writer_over(buf, sizeof buf);
        es5_audit(&commands);
        script_expanded_write(&w, commands.c_apdus, commands.count);
        bench_keep(buf);
    }
    bench_items(bench, 1);
}

static void response_read(struct bench *bench, void *arg)
{
    (void)arg;
    uint8_t buf[64];
    struct span in = hex_into(buf, sizeof buf, "ab0d8001022302900023049f709000");
    struct script_response response;
    while (bench_more(bench)) {
        if (script_expanded_response_read(in, &response, NULL) != ERR_OK) {
            bench_skip(bench, "does not read");
            return;
        }
        bench_keep(&response);
    }
    bench_items(bench, 1);
}

int main(int argc, char **argv)
{
    static struct round submits = { .submits = true };
    static struct round answers = { .submits = false };
    rig_init();
    bench_row("smpp/submit_sm write, 143 octets", submit_write, NULL);
    bench_row("smpp/deliver_sm read, 143 octets", deliver_read, NULL);
    bench_row("smpp/receipt read, text", receipt_read, NULL);
    bench_row("smpp/session submit, window 1000, batch 64", session_round, &submits);
    bench_row("smpp/session answer, window 1000, batch 64", session_round, &answers);
    bench_row("sms/deliver write", tpdu_write, NULL);
    bench_row("sms/deliver read", tpdu_read, NULL);
    bench_row("sms/user data classify", user_data_classify, NULL);
    bench_row("sms/segment write, 3 of 400 octets", three_segments, NULL);
    bench_row("sms/part join, 3 of 398 octets", three_parts_join, NULL);
    bench_row("script/audit write", audit_write, NULL);
    bench_row("script/response read", response_read, NULL);
    return bench_main(argc, argv);
}
