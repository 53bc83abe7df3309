/* Every state of an SMPP session against every PDU that may come in. */
#include "io/smpp/smpp_status.h"
#include "tests/support/smpp_bed.h"

#define SAME SMPP_SESSION_STATES

/* What must come of it: the next state, the PDU sent (0: none) with its status. */
struct outcome {
    enum smpp_session_state next;
    uint32_t sent;
    uint32_t status;
};

/* In BINDING 1 is our bind's number; in BOUND and DRAINING 2 is an open submit's; in UNBINDING 2 is our
 * unbind's. */
/* clang-format off */
static const struct {
    const char *name, *hex;
    struct outcome binding, bound, draining, unbinding;
} events[] = {
    { "enquire_link", "00000000 00000015 00000000 00000009",
      { SAME, 0x80000015, 0 }, { SAME, 0x80000015, 0 }, { SAME, 0x80000015, 0 }, { SAME, 0x80000015, 0 } },
    { "deliver_sm", "00000000 00000005 00000000 00000009 00 010100 010100 000000 0000 00000000 00",
      { SAME, 0x80000005, SMPP_RINVBNDSTS }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0x80000005, SMPP_RX_T_APPN } },
    { "data_sm", "00000000 00000103 00000000 00000009 00 010100 010100 000000",
      { SAME, 0x80000103, SMPP_RINVBNDSTS }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0x80000103, SMPP_RX_T_APPN } },
    { "deliver_sm, malformed", "00000000 00000005 00000000 00000009 00",
      { SAME, 0x80000005, SMPP_RINVBNDSTS }, { SAME, 0x80000005, SMPP_RX_P_APPN },
      { SAME, 0x80000005, SMPP_RX_P_APPN }, { SAME, 0x80000005, SMPP_RX_P_APPN } },
    { "unbind", "00000000 00000006 00000000 00000009",
      { SMPP_CLOSED, 0x80000006, 0 }, { SMPP_CLOSED, 0x80000006, 0 }, { SMPP_CLOSED, 0x80000006, 0 },
      { SMPP_CLOSED, 0x80000006, 0 } },
    { "alert_notification", "00000000 00000102 00000000 00000009 010100 010100",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "outbind", "00000000 0000000b 00000000 00000009 0000",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "submit_sm of theirs", "00000000 00000004 00000000 00000009",
      { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID }, { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID },
      { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID }, { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID } },
    { "unknown command", "00000000 00000777 00000000 00000009 0102",
      { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID }, { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID },
      { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID }, { SAME, SMPP_GENERIC_NACK, SMPP_RINVCMDID } },
    { "bind_transceiver_resp", "00000000 80000009 00000000 00000001 00",
      { SMPP_BOUND, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "bind_transceiver_resp, refused", "00000000 80000009 0000000e 00000001",
      { SMPP_CLOSED, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "bind_transceiver_resp, other number", "00000000 80000009 00000000 00000005 00",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "submit_sm_resp", "00000000 80000004 00000000 00000002 6100",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SMPP_UNBINDING, 0x00000006, 0 }, { SAME, 0, 0 } },
    { "submit_sm_resp, bind state lost", "00000000 80000004 00000004 00000002",
      { SAME, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SAME, 0, 0 } },
    { "submit_sm_resp, other number", "00000000 80000004 00000000 00000007 6100",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "submit_sm_resp, number 0", "00000000 80000004 00000000 00000000 6100",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "enquire_link_resp unasked", "00000000 80000015 00000000 00000007",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "generic_nack of the first request", "00000000 80000000 00000003 00000001",
      { SMPP_CLOSED, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "generic_nack of the second request", "00000000 80000000 00000003 00000002",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SMPP_UNBINDING, 0x00000006, 0 }, { SMPP_CLOSED, 0, 0 } },
    { "generic_nack, length, no number", "00000000 80000000 00000002 00000000",
      { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 } },
    { "unbind_resp", "00000000 80000006 00000000 00000002",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SMPP_CLOSED, 0, 0 } },
    { "deliver_sm_resp", "00000000 80000005 00000000 00000002 00",
      { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 }, { SAME, 0, 0 } },
    { "length of 15", "0000000f 00000015 00000000 00000009",
      { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 } },
    { "length of 128 KiB", "00020000 00000015 00000000 00000009",
      { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 }, { SMPP_CLOSED, 0, 0 } },
};
/* clang-format on */

static void bring_to(struct smpp_bed *bed, enum smpp_session_state state)
{
    smpp_bed_init(bed, NULL);
    if (state == SMPP_BINDING) {
        smpp_session_start(bed->session, &bed->out, bed->now_ns);
    } else if (state != SMPP_CLOSED) {
        smpp_bed_bind(bed);
        if (state != SMPP_UNBINDING)
            check_err("submit", smpp_bed_submit(bed, 77, 10), ERR_OK);
        if (state != SMPP_BOUND)
            smpp_session_unbind(bed->session, &bed->out, bed->now_ns);
    }
    assert_int_equal(smpp_session_state(bed->session), state);
    bed->out = writer_over(bed->buf, sizeof bed->buf);
}

static void check_cell(enum smpp_session_state state, const char *name, const char *hex,
                       const struct outcome *wanted)
{
    static struct smpp_bed bed;
    bring_to(&bed, state);
    smpp_bed_feed(&bed, hex);
    enum smpp_session_state next = wanted->next == SAME ? state : wanted->next;
    if (smpp_session_state(bed.session) != next)
        fail_msg("%s in state %d: went to %d", name, state, smpp_session_state(bed.session));
    struct smpp_pdu pdu = { .header = { 0 } };
    smpp_bed_sent(&bed, &pdu);
    if (pdu.header.id != wanted->sent || pdu.header.status != wanted->status)
        fail_msg("%s in state %d: sent %08x with status %x", name, state, pdu.header.id,
                 pdu.header.status);
    assert_int_equal(writer_len(&bed.out), 0);
    assert_int_equal(bed.ended, next == SMPP_CLOSED ? 1 : 0);
    if (next == SMPP_CLOSED) /* exactly one end for the open submit */
        assert_int_equal(bed.done_count, state == SMPP_BOUND || state == SMPP_DRAINING ? 1 : 0);
    smpp_bed_fini(&bed);
}

static void every_pdu_in_every_state_does_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(events); i++) {
        check_cell(SMPP_BINDING, events[i].name, events[i].hex, &events[i].binding);
        check_cell(SMPP_BOUND, events[i].name, events[i].hex, &events[i].bound);
        check_cell(SMPP_DRAINING, events[i].name, events[i].hex, &events[i].draining);
        check_cell(SMPP_UNBINDING, events[i].name, events[i].hex, &events[i].unbinding);
    }
}

static void closed_session_takes_and_sends_nothing(void **state)
{
    (void)state;
    static struct smpp_bed bed;
    bring_to(&bed, SMPP_CLOSED);
    for (size_t i = 0; i < COUNT(events); i++)
        assert_int_equal(smpp_session_input(bed.session, guarded_hex(events[i].hex), &bed.out, 0),
                         0);
    smpp_bed_tick(&bed, UINT64_MAX / 2);
    smpp_session_unbind(bed.session, &bed.out, 0);
    check_err("submit", smpp_bed_submit(&bed, 1, 1), ERR_UNEXPECTED);
    smpp_session_deliver_answer(bed.session, 1, 0, &bed.out);
    assert_int_equal(counter_read(&smpp_session_counters(bed.session)->answers_lost), 1);
    assert_int_equal(writer_len(&bed.out), 0);
    assert_int_equal(smpp_session_next_ns(bed.session), UINT64_MAX);
    assert_int_equal(smpp_session_room(bed.session), 0);
    smpp_bed_fini(&bed);
}

static void submit_is_refused_in_every_state_but_bound(void **state)
{
    (void)state;
    for (int s = SMPP_CLOSED; s < SMPP_SESSION_STATES; s++) {
        static struct smpp_bed bed;
        bring_to(&bed, (enum smpp_session_state)s);
        check_err("submit", smpp_bed_submit(&bed, 1, 1), s == SMPP_BOUND ? ERR_OK : ERR_UNEXPECTED);
        smpp_bed_fini(&bed);
    }
}

static void bind_refusals_tell_faults_that_do_not_mend_themselves(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        bool config_fault;
    } cases[] = { { SMPP_RINVPASWD, true }, { SMPP_RINVSYSID, true },  { 0x53, true },
                  { SMPP_RINVCMDID, true }, { SMPP_RALYBND, false },   { SMPP_RBINDFAIL, false },
                  { SMPP_RSYSERR, false },  { SMPP_RTHROTTLED, false } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        static struct smpp_bed bed;
        bring_to(&bed, SMPP_BINDING);
        smpp_bed_answer(&bed, SMPP_BIND_TRANSCEIVER | SMPP_RESP, cases[i].status, 1);
        assert_int_equal(bed.ended, 1);
        assert_int_equal(bed.ended_why, ERR_REFUSED);
        assert_int_equal(bed.ended_config_fault, cases[i].config_fault);
        assert_int_equal(smpp_session_refusal(bed.session), cases[i].status);
        smpp_bed_fini(&bed);
    }
}

static void every_submit_ends_once_when_the_session_dies(void **state)
{
    (void)state;
    static struct smpp_bed bed;
    smpp_bed_init(&bed, NULL);
    smpp_bed_bind(&bed);
    for (uint64_t cookie = 1; cookie <= 3; cookie++)
        check_err("submit", smpp_bed_submit(&bed, cookie, 10), ERR_OK);
    smpp_bed_answer(&bed, SMPP_SUBMIT_SM | SMPP_RESP, 0, 3);
    smpp_session_closed(bed.session);
    assert_int_equal(bed.ended, 0);
    assert_int_equal(bed.done_count, 3);
    assert_int_equal(bed.done[0].cookie, 2);
    assert_int_equal(bed.done[0].err, ERR_OK);
    assert_string_equal(bed.done[0].message_id, "5d2f9a01");
    assert_int_equal(bed.done[1].cookie, 1);
    assert_int_equal(bed.done[1].err, ERR_CLOSED);
    assert_int_equal(bed.done[2].cookie, 3);
    assert_int_equal(bed.done[2].err, ERR_CLOSED);
    assert_int_equal(counter_read(&smpp_session_counters(bed.session)->submits_lost), 2);

    smpp_bed_bind(&bed); /* the same session again: numbers start anew, nothing is left */
    assert_int_equal(smpp_session_open(bed.session), 0);
    check_err("submit", smpp_bed_submit(&bed, 9, 10), ERR_OK);
    struct smpp_pdu pdu;
    assert_true(smpp_bed_sent(&bed, &pdu));
    assert_int_equal(pdu.header.sequence, 2);
    smpp_bed_fini(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pdu_in_every_state_does_what_the_table_says),
        cmocka_unit_test(closed_session_takes_and_sends_nothing),
        cmocka_unit_test(submit_is_refused_in_every_state_but_bound),
        cmocka_unit_test(bind_refusals_tell_faults_that_do_not_mend_themselves),
        cmocka_unit_test(every_submit_ends_once_when_the_session_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
