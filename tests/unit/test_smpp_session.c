/* An SMPP session in virtual time: framing, window, timers, deliveries, unbinding. */
#include "base/prng.h"
#include "io/smpp/smpp_status.h"
#include "tests/support/smpp_bed.h"

#include <stdio.h>

#define SECOND 1000000000ull
#define SUBMIT_RESP (SMPP_SUBMIT_SM | SMPP_RESP)
#define ENQUIRE_RESP (SMPP_ENQUIRE_LINK | SMPP_RESP)
#define DELIVER                                                                                    \
    "00000000 00000005 00000000 000000%02x 00 010100 010100 400000 0000 0000f600 03 027100"

static struct smpp_bed bed;

static uint64_t counted(const char *name)
{
    const struct smpp_session_counters *counters = smpp_session_counters(bed.session);
#define VALUE(field, text)                                                                         \
    if (strcmp(name, #field) == 0)                                                                 \
        return counter_read(&counters->field);
    SMPP_SESSION_COUNTERS(VALUE)
#undef VALUE
    fail_msg("no counter %s", name);
    return 0;
}

static void bind_carries_the_configured_fields(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_session_start(bed.session, &bed.out, bed.now_ns);
    struct smpp_pdu pdu;
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.id, SMPP_BIND_TRANSCEIVER);
    assert_int_equal(pdu.header.sequence, 1);
    check_bytes("system_id", pdu.bind.system_id, span_text("SMPS"));
    check_bytes("password", pdu.bind.password, span_text("secret"));
    check_bytes("system_type", pdu.bind.system_type, span_text("OTA"));
    assert_int_equal(pdu.bind.interface_version, 0x34);
    assert_false(smpp_bed_sent(&bed, &pdu));
    smpp_bed_feed(&bed, "00000000 80000009 00000000 00000001 00"); /* no TLV: legal */
    assert_int_equal(bed.bound, 1);
    smpp_bed_fini(&bed);
}

static void octets_may_come_in_any_pieces(void **state)
{
    (void)state;
    struct span stream = guarded_hex(
        "00000010 00000015 00000000 00000007"
        "00000025 00000005 00000000 00000008 00 010100 010100 400000 0000 0000f600 04 02710011"
        "00000010 80000004 00000058 00000002"
        "00000010 00000015 00000000 00000009");
    for (size_t piece = 1; piece <= stream.len; piece++) {
        smpp_bed_init(&bed, NULL);
        smpp_bed_bind(&bed);
        check_err("submit", smpp_bed_submit(&bed, 5, 20), ERR_OK);
        bed.out = writer_over(bed.buf, sizeof bed.buf);
        for (size_t at = 0; at < stream.len; at += piece) {
            struct span part = span_first(span_after(stream, at), piece);
            assert_int_equal(smpp_session_input(bed.session, part, &bed.out, bed.now_ns), part.len);
        }
        assert_int_equal(bed.delivered, 1);
        assert_int_equal(bed.deliver_sequence, 8);
        assert_int_equal(bed.done_count, 1);
        assert_int_equal(bed.done[0].status, SMPP_RTHROTTLED);
        struct smpp_pdu pdu;
        assert_true(smpp_bed_sent(&bed, &pdu) && pdu.header.sequence == 7);
        assert_true(smpp_bed_sent(&bed, &pdu) && pdu.header.sequence == 9);
        smpp_bed_fini(&bed);
    }
}

static void input_stops_while_out_has_no_room(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    static uint8_t stream[16 * 20];
    struct writer w = writer_over(stream, sizeof stream);
    for (uint32_t i = 1; i <= 20; i++)
        smpp_header_write(&w, SMPP_ENQUIRE_LINK, 0, i);
    size_t taken = 0;
    size_t answers = 0;
    while (taken < sizeof stream) {
        uint8_t small[SMPP_ANSWER_ROOM + 20];
        struct writer out = writer_over(small, sizeof small);
        size_t now = smpp_session_input(bed.session, span_after(written(&w), taken), &out, 0);
        assert_int_equal(out.err, ERR_OK);
        assert_true(now > 0);
        taken += now;
        answers += writer_len(&out) / SMPP_HEADER_LEN;
        uint8_t none[SMPP_ANSWER_ROOM - 1];
        out = writer_over(none, sizeof none);
        assert_int_equal(smpp_session_input(bed.session, span_after(written(&w), taken), &out, 0),
                         0);
    }
    assert_int_equal(answers, 20);
    smpp_bed_fini(&bed);
}

static void window_bounds_what_is_open_and_refuses_without_a_trace(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(smpp_session_room(bed.session), 4 - i);
        check_err("submit", smpp_bed_submit(&bed, i, 10), ERR_OK);
    }
    size_t len = writer_len(&bed.out);
    check_err("fifth", smpp_bed_submit(&bed, 5, 10), ERR_FULL);
    assert_int_equal(writer_len(&bed.out), len);
    smpp_bed_answer(&bed, SUBMIT_RESP, 0, 4); /* out of order */
    assert_int_equal(bed.done[0].cookie, 2);
    check_err("again", smpp_bed_submit(&bed, 5, 10), ERR_OK);

    smpp_session_set_window(bed.session, 2);
    assert_int_equal(smpp_session_room(bed.session), 0);
    smpp_session_set_window(bed.session, 100);
    assert_int_equal(smpp_session_room(bed.session), 0);
    smpp_bed_answer(&bed, SUBMIT_RESP, 0, 2);
    assert_int_equal(smpp_session_room(bed.session), 1);
    smpp_bed_fini(&bed);
}

static void submit_that_does_not_fit_leaves_nothing_behind(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    bed.out.end = bed.buf + 60;
    check_err("no room", smpp_bed_submit(&bed, 1, 100), ERR_FULL);
    assert_int_equal(writer_len(&bed.out), 0);
    assert_int_equal(bed.out.err, ERR_OK);
    assert_int_equal(smpp_session_open(bed.session), 0);
    bed.out.end = bed.buf + sizeof bed.buf;
    struct smpp_message message = { .validity = span_text("soon") };
    check_err("a field that cannot be carried",
              smpp_session_submit(bed.session, &message, 1, &bed.out, 0), ERR_RANGE);
    assert_int_equal(writer_len(&bed.out), 0);
    assert_int_equal(smpp_session_open(bed.session), 0);
    smpp_bed_fini(&bed);
}

static void sequence_numbers_are_never_given_twice_while_open(void **state)
{
    (void)state;
    static const struct smpp_session_config config = { .window = 8, .response_ms = 60000 };
    struct prng prng;
    prng_init(&prng, 3);
    smpp_bed_init(&bed, &config);
    smpp_bed_bind(&bed);
    check_err("kept open", smpp_bed_submit(&bed, 99, 1), ERR_OK); /* sequence 2 */
    uint32_t open[8] = { 2 };
    for (size_t i = 0; i < 1000; i++) {
        size_t slot = 1 + prng_below(&prng, 7);
        if (open[slot] != 0) {
            smpp_bed_answer(&bed, SUBMIT_RESP, 0, open[slot]);
            open[slot] = 0;
        }
        bed.out = writer_over(bed.buf, sizeof bed.buf);
        check_err("submit", smpp_bed_submit(&bed, i, 1), ERR_OK);
        struct smpp_pdu pdu;
        assert_true(smpp_bed_sent(&bed, &pdu));
        for (size_t j = 0; j < COUNT(open); j++)
            assert_int_not_equal(open[j], pdu.header.sequence);
        assert_in_range(pdu.header.sequence, 1, SMPP_SEQUENCE_MAX);
        open[slot] = pdu.header.sequence;
    }
    assert_int_equal(counted("late_answers"), 0);
    smpp_bed_fini(&bed);
}

static void each_request_has_its_own_timer(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    uint64_t start = bed.now_ns;
    check_err("submit", smpp_bed_submit(&bed, 1, 1), ERR_OK);
    smpp_bed_tick(&bed, start + 20 * SECOND);
    check_err("submit", smpp_bed_submit(&bed, 2, 1), ERR_OK);
    smpp_bed_answer(&bed, ENQUIRE_RESP, 0, 50); /* other traffic extends nothing */
    assert_int_equal(smpp_session_next_ns(bed.session), start + 30 * SECOND);
    smpp_bed_tick(&bed, start + 30 * SECOND - 1);
    assert_int_equal(bed.done_count, 0);
    smpp_bed_tick(&bed, start + 30 * SECOND);
    assert_int_equal(bed.done_count, 1);
    assert_int_equal(bed.done[0].cookie, 1);
    assert_int_equal(bed.done[0].err, ERR_TIMEOUT);
    smpp_bed_answer(&bed, SUBMIT_RESP, 0, 2); /* late: counted, ignored */
    assert_int_equal(bed.done_count, 1);
    assert_int_equal(counted("late_answers"), 2);
    smpp_bed_answer(&bed, SUBMIT_RESP, 0, 3);
    assert_int_equal(bed.done[1].cookie, 2);
    assert_int_equal(smpp_session_state(bed.session), SMPP_BOUND);
    smpp_bed_fini(&bed);
}

static void bind_unanswered_ends_after_its_timer(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_session_start(bed.session, &bed.out, bed.now_ns);
    assert_int_equal(smpp_session_next_ns(bed.session), bed.now_ns + 10 * SECOND);
    smpp_bed_tick(&bed, bed.now_ns + 10 * SECOND - 1);
    assert_int_equal(bed.ended, 0);
    smpp_bed_tick(&bed, bed.now_ns + 1);
    assert_int_equal(bed.ended, 1);
    assert_int_equal(bed.ended_why, ERR_TIMEOUT);
    assert_false(bed.ended_config_fault);
    smpp_bed_fini(&bed);
}

static void silence_asks_whether_the_peer_lives(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    uint64_t start = bed.now_ns;
    struct smpp_pdu pdu;
    smpp_bed_tick(&bed, start + 30 * SECOND - 1);
    assert_false(smpp_bed_sent(&bed, &pdu));
    smpp_bed_tick(&bed, start + 30 * SECOND);
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.id, SMPP_ENQUIRE_LINK);
    smpp_bed_tick(&bed, start + 40 * SECOND);
    assert_false(smpp_bed_sent(&bed, &pdu)); /* one at a time */
    smpp_bed_answer(&bed, ENQUIRE_RESP, 0, pdu.header.sequence);
    assert_int_equal(smpp_session_next_ns(bed.session), start + 70 * SECOND);

    smpp_bed_tick(&bed, start + 70 * SECOND);
    assert_true(smpp_bed_sent(&bed, &pdu));
    char hex[160];
    snprintf(hex, sizeof hex, DELIVER, 1);
    bed.now_ns += 20 * SECOND;
    smpp_bed_feed(&bed, hex); /* a delivery is no answer to it */
    smpp_bed_tick(&bed, start + 100 * SECOND - 1);
    assert_int_equal(bed.ended, 0);
    smpp_bed_tick(&bed, start + 100 * SECOND);
    assert_int_equal(bed.ended, 1);
    assert_int_equal(bed.ended_why, ERR_TIMEOUT);
    smpp_bed_fini(&bed);
}

static void peer_that_answers_submits_but_no_enquiry_lives(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    uint64_t start = bed.now_ns;
    smpp_bed_tick(&bed, start + 30 * SECOND);
    check_err("submit", smpp_bed_submit(&bed, 1, 1), ERR_OK); /* sequence 3 */
    bed.now_ns += SECOND;
    smpp_bed_answer(&bed, SUBMIT_RESP, 0, 3);
    smpp_bed_tick(&bed, start + 60 * SECOND);
    assert_int_equal(bed.ended, 0);
    assert_int_equal(counted("enquiries_missed"), 1);
    smpp_bed_fini(&bed);
}

static void three_timeouts_in_a_row_ask_at_once(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    uint64_t start = bed.now_ns;
    for (uint64_t i = 0; i < 3; i++)
        check_err("submit", smpp_bed_submit(&bed, i, 1), ERR_OK);
    bed.out = writer_over(bed.buf, sizeof bed.buf);
    bed.now_ns = start + 29 * SECOND;
    smpp_bed_answer(&bed, ENQUIRE_RESP, 0, 70); /* traffic: silence is not the reason */
    smpp_bed_tick(&bed, start + 30 * SECOND);
    assert_int_equal(bed.done_count, 3);
    struct smpp_pdu pdu;
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.id, SMPP_ENQUIRE_LINK);
    smpp_bed_tick(&bed, start + 60 * SECOND);
    assert_int_equal(bed.ended_why, ERR_TIMEOUT);
    smpp_bed_fini(&bed);
}

static void delivery_is_answered_when_the_caller_says(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    char hex[160];
    struct smpp_pdu pdu;
    for (uint32_t sequence = 1; sequence <= 3; sequence++) {
        snprintf(hex, sizeof hex, DELIVER, sequence);
        smpp_bed_feed(&bed, hex);
    }
    smpp_bed_feed(&bed, "00000000 00000103 00000000 0000000a 00 010100 010100 40 00 f6");
    assert_int_equal(bed.delivered, 4);
    assert_int_equal(bed.deliver_sequence, 10);
    assert_false(smpp_bed_sent(&bed, &pdu));

    static const struct {
        uint32_t sequence, status, id;
    } answers[] = { { 2, 0, SMPP_DELIVER_SM | SMPP_RESP },
                    { 10, 0, SMPP_DATA_SM | SMPP_RESP },
                    { 1, SMPP_RX_T_APPN, SMPP_DELIVER_SM | SMPP_RESP },
                    { 3, 0, SMPP_DELIVER_SM | SMPP_RESP } };
    for (size_t i = 0; i < COUNT(answers); i++) {
        smpp_session_deliver_answer(bed.session, answers[i].sequence, answers[i].status, &bed.out);
        assert_true(smpp_bed_sent(&bed, &pdu));
        assert_int_equal(pdu.header.id, answers[i].id);
        assert_int_equal(pdu.header.sequence, answers[i].sequence);
        assert_int_equal(pdu.header.status, answers[i].status);
        assert_int_equal(pdu.header.length, answers[i].status == 0 ? 17 : 16);
    }
    smpp_session_deliver_answer(bed.session, 1, 0, &bed.out); /* one too many */
    assert_int_equal(counted("answers_lost"), 1);
    assert_false(smpp_bed_sent(&bed, &pdu));
    smpp_bed_fini(&bed);
}

/* A hint: which deliveries begin in what comes next. What is kept of one that began before is not
 * theirs; of less than a header nothing is known. */
static void senders_are_told_before_their_deliveries_are_taken(void **state)
{
    (void)state;
    static const struct {
        size_t cut;
        size_t count;
    } cases[] = { { 0, 2 }, { 10, 0 }, { 20, 1 }, { 38, 1 }, { 45, 0 }, { 54, 1 }, { 93, 0 } };
    struct span stream = guarded_hex(
        "00000026 00000005 00000000 00000008 00 01013100 010100 400000 0000 0000f600 04 02710011"
        "00000010 00000015 00000000 00000009"
        "00000027 00000005 00000000 0000000a 00 0101323200 010100 400000 0000 0000f600 04 "
        "02710011");
    assert_int_equal(stream.len, 93);
    for (size_t i = 0; i < COUNT(cases); i++) {
        smpp_bed_init(&bed, NULL);
        smpp_bed_bind(&bed);
        smpp_session_input(bed.session, span_first(stream, cases[i].cut), &bed.out, bed.now_ns);
        struct span rest = span_after(stream, cases[i].cut);
        uint64_t told[4];
        assert_int_equal(smpp_session_senders(bed.session, rest, told, COUNT(told)),
                         cases[i].count);
        if (cases[i].count > 0)
            assert_int_equal(told[cases[i].count - 1], sms_msisdn_of(span_text("22")));
        if (cases[i].count == 2)
            assert_int_equal(told[0], sms_msisdn_of(span_text("1")));
        assert_int_equal(smpp_session_senders(bed.session, rest, told, 0), 0);
        smpp_session_input(bed.session, rest, &bed.out, bed.now_ns);
        assert_int_equal(bed.delivered, 2);
        smpp_bed_fini(&bed);
    }
}

static void delivery_without_room_is_refused_to_be_tried_later(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    bed.deliver_refuse = true;
    char hex[160];
    snprintf(hex, sizeof hex, DELIVER, 4);
    smpp_bed_feed(&bed, hex);
    struct smpp_pdu pdu;
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.status, SMPP_RX_T_APPN);
    assert_int_equal(pdu.header.sequence, 4);
    assert_int_equal(counted("delivers_refused"), 1);

    bed.deliver_refuse = false;
    for (uint32_t i = 0; i < SMPP_INBOUND_DATA_MAX; i++)
        smpp_bed_feed(&bed, "00000000 00000103 00000000 0000000a 00 010100 010100 40 00 f6");
    assert_int_equal(bed.delivered, SMPP_INBOUND_DATA_MAX);
    assert_false(smpp_bed_sent(&bed, &pdu));
    smpp_bed_feed(&bed, "00000000 00000103 00000000 0000000b 00 010100 010100 40 00 f6");
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.status, SMPP_RX_T_APPN);
    smpp_bed_fini(&bed);
}

static void unbind_waits_for_open_answers(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    check_err("submit", smpp_bed_submit(&bed, 1, 1), ERR_OK);
    check_err("submit", smpp_bed_submit(&bed, 2, 1), ERR_OK);
    bed.out = writer_over(bed.buf, sizeof bed.buf);
    uint64_t start = bed.now_ns;
    struct smpp_pdu pdu;
    smpp_session_unbind(bed.session, &bed.out, bed.now_ns);
    assert_false(smpp_bed_sent(&bed, &pdu));
    smpp_bed_answer(&bed, SUBMIT_RESP, 0, 2);
    assert_false(smpp_bed_sent(&bed, &pdu));
    smpp_bed_tick(&bed, start + 30 * SECOND); /* the other never comes */
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.id, SMPP_UNBIND);
    assert_int_equal(smpp_session_state(bed.session), SMPP_UNBINDING);
    smpp_bed_answer(&bed, SMPP_UNBIND | SMPP_RESP, 0, pdu.header.sequence);
    assert_int_equal(bed.ended, 1);
    assert_int_equal(bed.ended_why, ERR_OK);
    smpp_bed_fini(&bed);
}

static void unbind_unanswered_ends_too(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    smpp_session_unbind(bed.session, &bed.out, bed.now_ns);
    smpp_bed_tick(&bed, smpp_session_next_ns(bed.session));
    assert_int_equal(bed.ended_why, ERR_TIMEOUT);
    smpp_bed_fini(&bed);
}

static void inactivity_unbinds_when_configured(void **state)
{
    (void)state;
    static const struct smpp_session_config config = { .window = 4, .inactivity_ms = 5000 };
    smpp_bed_init(&bed, &config);
    smpp_bed_bind(&bed);
    assert_int_equal(smpp_session_next_ns(bed.session), bed.now_ns + 5 * SECOND);
    smpp_bed_tick(&bed, bed.now_ns + 5 * SECOND);
    struct smpp_pdu pdu;
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.id, SMPP_UNBIND);
    smpp_bed_fini(&bed);
}

static void good_answer_with_an_unreadable_id_is_still_good(void **state)
{
    (void)state;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    check_err("submit", smpp_bed_submit(&bed, 1, 1), ERR_OK);
    check_err("submit", smpp_bed_submit(&bed, 2, 1), ERR_OK);
    smpp_bed_feed(&bed, "00000000 80000004 00000000 00000002");
    smpp_bed_feed(&bed, "00000000 80000004 00000000 00000003 00");
    assert_int_equal(bed.done_count, 2);
    assert_int_equal(bed.done[0].err, ERR_OK);
    assert_string_equal(bed.done[0].message_id, "");
    assert_int_equal(bed.done[1].err, ERR_OK);
    assert_int_equal(counted("malformed"), 1);
    smpp_bed_fini(&bed);
}

static void throttled_account_pauses_all_its_binds(void **state)
{
    (void)state;
    struct smpp_rate rate;
    smpp_rate_init(&rate, 0, SECOND);
    struct smpp_session_config config = { .window = 4, .rate = &rate };
    smpp_bed_init(&bed, &config);
    smpp_bed_bind(&bed);
    check_err("submit", smpp_bed_submit(&bed, 1, 1), ERR_OK);
    smpp_bed_answer(&bed, SUBMIT_RESP, SMPP_RTHROTTLED, 2);
    assert_int_equal(bed.done[0].status, SMPP_RTHROTTLED);
    check_err("paused", smpp_bed_submit(&bed, 2, 1), ERR_THROTTLED);
    assert_int_equal(smpp_session_open(bed.session), 0);
    bed.now_ns = smpp_rate_next_ns(&rate, bed.now_ns);
    check_err("after the pause", smpp_bed_submit(&bed, 2, 1), ERR_OK);
    smpp_bed_fini(&bed);
}

static void counters_balance_under_random_traffic(void **state)
{
    (void)state;
    static const struct smpp_session_config config = { .window = 64, .response_ms = 500 };
    struct prng prng;
    prng_init(&prng, 34);
    smpp_bed_init(&bed, &config);
    smpp_bed_bind(&bed);
    size_t accepted = 0;
    uint32_t sequences[3000];
    for (size_t i = 0; i < 3000; i++) {
        if (smpp_bed_submit(&bed, accepted, 30) == ERR_OK)
            accepted++;
        struct smpp_pdu pdu;
        size_t at = accepted;
        while (smpp_bed_sent(&bed, &pdu)) {
            if (pdu.header.id == SMPP_ENQUIRE_LINK)
                smpp_bed_answer(&bed, ENQUIRE_RESP, 0, pdu.header.sequence);
            else
                sequences[at - 1] = pdu.header.sequence;
        }
        size_t back = prng_below(&prng, accepted < 80 ? accepted : 80);
        if (prng_below(&prng, 3) > 0) /* also late ones, and some twice */
            smpp_bed_answer(&bed, SUBMIT_RESP, prng_below(&prng, 5) == 0 ? 0x14 : 0,
                            sequences[accepted - 1 - back]);
        smpp_bed_tick(&bed, bed.now_ns + prng_below(&prng, 20) * 1000000);
    }
    smpp_session_closed(bed.session);
    assert_int_equal(bed.done_count, accepted);
    static bool seen[SMPP_BED_DONE_MAX];
    for (size_t i = 0; i < accepted; i++) {
        assert_false(seen[bed.done[i].cookie]);
        seen[bed.done[i].cookie] = true;
    }
    assert_int_equal(counted("submits"), counted("submits_ok") + counted("submits_retry") +
                                             counted("submits_timeout") + counted("submits_lost"));
    assert_true(counted("submits_timeout") > 50 && counted("submits_ok") > 500);
    smpp_bed_fini(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bind_carries_the_configured_fields),
        cmocka_unit_test(octets_may_come_in_any_pieces),
        cmocka_unit_test(input_stops_while_out_has_no_room),
        cmocka_unit_test(window_bounds_what_is_open_and_refuses_without_a_trace),
        cmocka_unit_test(submit_that_does_not_fit_leaves_nothing_behind),
        cmocka_unit_test(sequence_numbers_are_never_given_twice_while_open),
        cmocka_unit_test(each_request_has_its_own_timer),
        cmocka_unit_test(bind_unanswered_ends_after_its_timer),
        cmocka_unit_test(silence_asks_whether_the_peer_lives),
        cmocka_unit_test(peer_that_answers_submits_but_no_enquiry_lives),
        cmocka_unit_test(three_timeouts_in_a_row_ask_at_once),
        cmocka_unit_test(delivery_is_answered_when_the_caller_says),
        cmocka_unit_test(senders_are_told_before_their_deliveries_are_taken),
        cmocka_unit_test(delivery_without_room_is_refused_to_be_tried_later),
        cmocka_unit_test(unbind_waits_for_open_answers),
        cmocka_unit_test(unbind_unanswered_ends_too),
        cmocka_unit_test(inactivity_unbinds_when_configured),
        cmocka_unit_test(good_answer_with_an_unreadable_id_is_still_good),
        cmocka_unit_test(throttled_account_pauses_all_its_binds),
        cmocka_unit_test(counters_balance_under_random_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
