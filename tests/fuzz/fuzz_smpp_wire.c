/* One PDU and what may be made of it: written back it reads the same; a message goes on to receipts and
 * user data. */
#include "tests/fuzz/fuzz.h"

#include "io/smpp/smpp_receipt.h"
#include "io/smpp/smpp_status.h"

static uint8_t first[SMPP_PDU_MAX];
static uint8_t again[SMPP_PDU_MAX];

static void check_message(const struct smpp_message *message)
{
    struct smpp_receipt receipt;
    enum err err = smpp_receipt_read(message, &receipt);
    if (err == ERR_OK) {
        ASSERT(receipt.message_id.len > 0 && receipt.state != SMPP_STATE_NONE);
        ASSERT(smpp_id_key(receipt.message_id) != 0);
        for (int form = 0; form < SMPP_ID_FORMS; form++)
            (void)smpp_id_key_in(receipt.message_id, (enum smpp_id_form)form);
    }
    struct sms_ud_source source = smpp_message_ud(message);
    struct sms_ud ud;
    if (sms_ud_classify(&source, &ud) == ERR_OK && ud.kind != SMS_UD_NOT_OURS)
        ASSERT(ud.octets.len <= message->text.len);
    (void)sms_msisdn(&message->source);
    (void)sms_msisdn(&message->destination);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct smpp_pdu pdu;
    size_t at;
    enum err err = smpp_pdu_read(in, &pdu, &at);
    ASSERT(at <= size);
    if (err != ERR_OK)
        return 0;
    struct smpp_status_info info = smpp_status_info(pdu.header.status);
    ASSERT(info.name != NULL && smpp_id_name(pdu.header.id) != NULL);
    uint32_t id = pdu.header.id;
    if (id == SMPP_SUBMIT_SM || id == SMPP_DELIVER_SM || id == SMPP_DATA_SM)
        check_message(&pdu.message);

    struct writer w = writer_over(first, sizeof first);
    smpp_pdu_write(&w, &pdu);
    ASSERT(w.err == ERR_OK && writer_len(&w) <= size + 1); /* +1: an id without its NUL */
    struct smpp_pdu same;
    ASSERT(smpp_pdu_read(written(&w), &same, NULL) == ERR_OK);
    struct writer w2 = writer_over(again, sizeof again);
    smpp_pdu_write(&w2, &same);
    ASSERT(span_equal(written(&w), written(&w2)));
    return 0;
}
