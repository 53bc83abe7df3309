/* Delivery receipts as SMSCs really write them. */
#include "io/smpp/smpp_receipt.h"
#include "tests/support/support.h"

#define DATES "submit date:2611220915 done date:2611220916 "

static const struct {
    const char *name;
    uint8_t esm_class;
    const char *text;
    enum err err;
    const char *id;
    enum smpp_state state;
    int network_code; /* -1: none */
} texts[] = {
    { "as the appendix has it", 0x04,
      "id:0123456789 sub:001 dlvrd:001 " DATES "stat:DELIVRD err:000 text:hello", ERR_OK,
      "0123456789", SMPP_DELIVERED, 0 },
    { "names in other case", 0x04,
      "ID:a1 Sub:001 Dlvrd:001 Submit Date:2611220915 Done Date:2611220915 Stat:UNDELIV Err:027 "
      "Text:",
      ERR_OK, "a1", SMPP_UNDELIVERABLE, 27 },
    { "no sub, no dlvrd", 0x04, "id:77 " DATES "stat:EXPIRED err:1", ERR_OK, "77", SMPP_EXPIRED,
      1 },
    { "dates with seconds", 0x04,
      "id:77 submit date:261122091501 done date:261122091602 stat:REJECTD err:5 text:", ERR_OK,
      "77", SMPP_REJECTED, 5 },
    { "error in hex", 0x04, "id:77 stat:UNDELIV err:0x1B", ERR_OK, "77", SMPP_UNDELIVERABLE, -1 },
    { "long error", 0x04, "id:77 stat:UNDELIV err:100027", ERR_OK, "77", SMPP_UNDELIVERABLE, -1 },
    { "id with letters and dashes", 0x04, "id:6f1c-22ab-9 stat:ACCEPTD err:000", ERR_OK,
      "6f1c-22ab-9", SMPP_ACCEPTED, 0 },
    { "spelled out", 0x04, "id:1 stat:DELIVERED", ERR_OK, "1", SMPP_DELIVERED, -1 },
    { "on its way", 0x20, "id:1 stat:ENROUTE", ERR_OK, "1", SMPP_ENROUTE, -1 },
    { "unknown is a state", 0x04, "id:1 stat:UNKNOWN", ERR_OK, "1", SMPP_UNKNOWN, -1 },
    { "deleted", 0x04, "id:1 stat:DELETED", ERR_OK, "1", SMPP_DELETED, -1 },
    { "blank after the colon", 0x04, "id: 1 stat: DELIVRD err: 2", ERR_OK, "1", SMPP_DELIVERED, 2 },
    { "fields of the text do not count", 0x04, "id:1 stat:UNDELIV err:1 text:id:2 stat:DELIVRD",
      ERR_OK, "1", SMPP_UNDELIVERABLE, 1 },
    { "text before the fields it hides", 0x04, "text:id:2 stat:DELIVRD", ERR_MALFORMED, "",
      SMPP_STATE_NONE, -1 },
    { "type 0, but a receipt in full", 0x00,
      "id:9 sub:001 dlvrd:001 " DATES "stat:DELIVRD err:000 text:", ERR_OK, "9", SMPP_DELIVERED,
      0 },
    { "type 0, mode bits set", 0x03, "id:9 " DATES "stat:DELIVRD err:000 text:", ERR_OK, "9",
      SMPP_DELIVERED, 0 },
    { "a message that says id:", 0x00, "id:9 please", ERR_UNKNOWN, NULL, 0, -1 },
    { "a message that quotes a receipt", 0x00, "fwd id:9 " DATES "stat:DELIVRD", ERR_UNKNOWN, NULL,
      0, -1 },
    { "type 0, no known state", 0x00, "id:9 " DATES "stat:GREAT", ERR_UNKNOWN, NULL, 0, -1 },
    { "UDHI: a PoR, whatever it holds", 0x44, "id:9 " DATES "stat:DELIVRD", ERR_UNKNOWN, NULL, 0,
      -1 },
    { "an SME acknowledgement", 0x08, "id:9 " DATES "stat:DELIVRD", ERR_UNKNOWN, NULL, 0, -1 },
    { "announced, no id", 0x04, "stat:DELIVRD", ERR_MALFORMED, "", SMPP_DELIVERED, -1 },
    { "announced, no state", 0x04, "id:9", ERR_MALFORMED, "9", SMPP_STATE_NONE, -1 },
    { "announced, empty", 0x04, "", ERR_MALFORMED, "", SMPP_STATE_NONE, -1 },
};

static void check(const char *name, const struct smpp_message *message, size_t i)
{
    struct smpp_receipt receipt;
    check_err(name, smpp_receipt_read(message, &receipt), texts[i].err);
    if (texts[i].err == ERR_UNKNOWN)
        return;
    check_bytes(name, receipt.message_id, span_text(texts[i].id));
    if (receipt.state != texts[i].state ||
        (receipt.has_network_code ? receipt.network_code : -1) != texts[i].network_code)
        fail_msg("%s: state %s", name, smpp_state_name(receipt.state));
}

static void text_receipts_read_with_their_quirks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct smpp_message message = { .esm_class = texts[i].esm_class };
        message.text = guarded_copy(span_text(texts[i].text));
        check(texts[i].name, &message, i);
        /* in message_payload, under data_coding F6, with a NUL at the end */
        message.tlvs = SMPP_HAS_PAYLOAD;
        message.data_coding = 0xF6;
        message.text = guarded_copy(span_of(texts[i].text, strlen(texts[i].text) + 1));
        check(texts[i].name, &message, i);
    }
}

static void tlvs_come_before_the_text(void **state)
{
    (void)state;
    struct smpp_message message = {
        .esm_class = 0x04,
        .text = span_text("id:2 stat:UNDELIV err:009"),
        .tlvs = SMPP_HAS_RECEIPTED_ID | SMPP_HAS_MESSAGE_STATE | SMPP_HAS_NETWORK_ERROR,
        .receipted_id = span_text("1"),
        .message_state = SMPP_DELIVERED,
        .network_error_type = 3,
        .network_error = 21,
    };
    struct smpp_receipt receipt;
    check_err("both", smpp_receipt_read(&message, &receipt), ERR_OK);
    check_bytes("id", receipt.message_id, span_text("1"));
    assert_int_equal(receipt.state, SMPP_DELIVERED);
    assert_int_equal(receipt.network_code, 21);

    message.text = span_of(NULL, 0);
    check_err("TLVs alone", smpp_receipt_read(&message, &receipt), ERR_OK);
    message.message_state = 99; /* nonsense: the text must tell */
    check_err("no state", smpp_receipt_read(&message, &receipt), ERR_MALFORMED);
    message.text = span_text("id:2 stat:UNDELIV");
    check_err("state of the text", smpp_receipt_read(&message, &receipt), ERR_OK);
    assert_int_equal(receipt.state, SMPP_UNDELIVERABLE);
}

static void only_some_states_are_final(void **state)
{
    (void)state;
    static const bool final[SMPP_STATES] = {
        [SMPP_DELIVERED] = true,     [SMPP_EXPIRED] = true,  [SMPP_DELETED] = true,
        [SMPP_UNDELIVERABLE] = true, [SMPP_REJECTED] = true,
    };
    for (int s = 0; s < SMPP_STATES; s++)
        assert_int_equal(smpp_state_is_final((enum smpp_state)s), final[s]);
}

static void ids_match_in_the_form_the_smsc_uses(void **state)
{
    (void)state;
    uint64_t hex = smpp_id_key(span_text("5d2f9a01"));
    uint64_t dec = smpp_id_key(span_text("1563400705"));
    assert_int_equal(smpp_id_key(span_text("5D2F9A01")), hex);
    assert_int_equal(smpp_id_key(span_text("005d2f9a01")), hex);
    assert_int_equal(smpp_id_key_in(span_text("1563400705"), SMPP_ID_DEC_OF_HEX), hex);
    assert_int_equal(smpp_id_key_in(span_text("0001563400705"), SMPP_ID_DEC_OF_HEX), hex);
    assert_int_equal(smpp_id_key_in(span_text("5d2f9a01"), SMPP_ID_HEX_OF_DEC), dec);
    assert_int_equal(smpp_id_key_in(span_text("5D2F9A01"), SMPP_ID_AS_IS), hex);
    assert_int_not_equal(hex, dec);

    assert_int_equal(smpp_id_key(span_text("")), 0);
    assert_int_equal(smpp_id_key_in(span_text("6f1c-22"), SMPP_ID_DEC_OF_HEX), 0);
    assert_int_equal(smpp_id_key_in(span_text("6f1c-22"), SMPP_ID_HEX_OF_DEC), 0);
    assert_int_equal(smpp_id_key_in(span_text("18446744073709551616"), SMPP_ID_DEC_OF_HEX), 0);
    assert_int_not_equal(smpp_id_key_in(span_text("18446744073709551615"), SMPP_ID_DEC_OF_HEX), 0);
    assert_int_equal(smpp_id_key_in(span_text("12345678901234567"), SMPP_ID_HEX_OF_DEC), 0);
    assert_int_not_equal(smpp_id_key(span_text("0")), 0);
    assert_int_equal(smpp_id_key(span_text("000")), smpp_id_key(span_text("0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_receipts_read_with_their_quirks),
        cmocka_unit_test(tlvs_come_before_the_text),
        cmocka_unit_test(only_some_states_are_final),
        cmocka_unit_test(ids_match_in_the_form_the_smsc_uses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
