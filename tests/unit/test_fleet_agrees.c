/* Two implementations of one standard must agree: the engine's SCP80 batches with the card's
 * packets over OpenSSL, and io's SMPP session with the simulated SMSC. */
#include "base/prng.h"
#include "bench/fleet/card_keys.h"
#include "bench/fleet/card_packet.h"
#include "bench/fleet/fleet.h"
#include "crypto/scp80_batch.h"
#include "io/smpp/smpp_receipt.h"
#include "io/smpp/smpp_session.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define BATCH 64
#define ROUNDS 60
#define DATA_MAX 600
#define PACKET_CAP 1024

struct pair {
    struct scp80_keys engine;
    struct card_keys card;
    struct scp80_security security;
    uint8_t data[DATA_MAX];
    size_t data_len;
    uint8_t packet[PACKET_CAP];
};

static void draw_key(struct prng *prng, uint8_t *bytes, uint8_t nibble, struct card_key *key)
{
    static const uint8_t aes[] = { 16, 24, 32 };
    key->len = (uint8_t)(nibble == 2   ? aes[prng_below(prng, COUNT(aes))]
                         : nibble == 1 ? 8
                         : nibble == 5 ? 16
                                       : 24);
    for (size_t i = 0; i < key->len; i++)
        bytes[i] = key->bytes[i] = (uint8_t)prng_next(prng);
}

/* Any algorithms, any security that either direction can ask for. */
static void draw(struct prng *prng, struct pair *pair)
{
    static const uint8_t nibbles[] = { 1, 2, 2, 2, 5, 9 };
    uint8_t kic = nibbles[prng_below(prng, COUNT(nibbles))];
    uint8_t kid = nibbles[prng_below(prng, COUNT(nibbles))];
    uint8_t kvn = (uint8_t)(1 + prng_below(prng, 15));
    *pair = (struct pair){ .card.cc_len = prng_below(prng, 4) == 0 ? 4 : 8 };
    draw_key(prng, pair->engine.kic, kic, &pair->card.kic);
    draw_key(prng, pair->engine.kid, kid, &pair->card.kid);
    pair->engine.kic_len = pair->card.kic.len;
    pair->engine.kid_len = pair->card.kid.len;
    pair->engine.cc_len = pair->card.cc_len;
    /* RC only where KID's nibble names one: 1 and 5. */
    bool rc = kid == 1 || kid == 5;
    uint16_t integrity = (uint16_t)prng_below(prng, 3);
    uint16_t por = (uint16_t)prng_below(prng, 3);
    integrity = integrity == 1 && !rc ? 2 : integrity;
    por = por == 1 && !rc ? 2 : por;
    pair->security = (struct scp80_security){
        .transport = SCP80_SMS_PP,
        .spi = (uint16_t)(prng_below(prng, 4) << 11 | prng_below(prng, 2) << 10 | integrity << 8 |
                          prng_below(prng, 2) << 5 | prng_below(prng, 2) << 4 | por << 2 | 1),
        .kic = (uint8_t)(kvn << 4 | kic),
        .kid = (uint8_t)(kvn << 4 | kid),
        .tar = { (uint8_t)prng_next(prng), 0, 1 },
        .cntr = prng_next(prng) >> 24,
    };
    pair->data_len = prng_below(prng, DATA_MAX + 1);
    for (size_t i = 0; i < pair->data_len; i++)
        pair->data[i] = (uint8_t)prng_next(prng);
}

static void card_opens_what_the_engine_seals(struct card_crypto *crypto, const struct pair *pair,
                                             const struct scp80_seal *seal,
                                             struct card_command *command)
{
    check_err("seal", seal->err, ERR_OK);
    check_err(
        "card opens",
        card_command_open(crypto, span_of(seal->packet, seal->packet_len), &pair->card, command),
        ERR_OK);
    check_bytes("data", command->data, span_of(pair->data, pair->data_len));
    assert_int_equal(command->cntr, pair->security.cntr);
    assert_int_equal(command->pcntr, seal->pcntr);
    assert_memory_equal(command->tar, pair->security.tar, 3);
}

static void engine_and_card_agree_on_packets_both_ways(void **state)
{
    (void)state;
    struct lanes *lanes = lanes_create();
    struct card_crypto *crypto = card_crypto_create();
    assert_non_null(lanes);
    assert_non_null(crypto);
    static struct pair pairs[BATCH];
    static struct scp80_seal seals[BATCH];
    static struct scp80_open_response opens[BATCH];
    static uint8_t answers[BATCH][PACKET_CAP];
    static uint8_t bufs[BATCH][PACKET_CAP + SCP80_OPEN_SLACK];
    struct prng prng;
    prng_init(&prng, 20261122);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t count = (uint32_t)(1 + prng_below(&prng, BATCH));
        for (uint32_t i = 0; i < count; i++) {
            draw(&prng, &pairs[i]);
            seals[i] = (struct scp80_seal){ .security = pairs[i].security,
                                            .keys = &pairs[i].engine,
                                            .data = span_of(pairs[i].data, pairs[i].data_len),
                                            .packet = pairs[i].packet,
                                            .packet_cap = PACKET_CAP };
        }
        scp80_seal_run(lanes, seals, count);
        for (uint32_t i = 0; i < count; i++) {
            struct pair *pair = &pairs[i];
            struct card_command command;
            card_opens_what_the_engine_seals(crypto, pair, &seals[i], &command);
            struct writer w = writer_over(answers[i], PACKET_CAP);
            uint8_t status = (uint8_t)prng_below(&prng, 12);
            check_err("card answers",
                      card_response_seal(crypto, &pair->card, &command, command.spi2, status,
                                         span_of(pair->data, pair->data_len), &w),
                      ERR_OK);
            opens[i] = (struct scp80_open_response){ .command = pair->security,
                                                     .keys = &pair->engine,
                                                     .packet = written(&w),
                                                     .udhl = 2,
                                                     .buf = bufs[i],
                                                     .buf_cap = sizeof bufs[i],
                                                     .status = status };
        }
        uint8_t statuses[BATCH];
        for (uint32_t i = 0; i < count; i++)
            statuses[i] = opens[i].status;
        scp80_open_response_run(lanes, opens, count);
        for (uint32_t i = 0; i < count; i++) {
            check_err("engine opens", opens[i].err, ERR_OK);
            assert_int_equal(opens[i].status, statuses[i]);
            check_bytes("answer", opens[i].data, span_of(pairs[i].data, pairs[i].data_len));
        }
    }
    lanes_destroy(lanes);
    card_crypto_free(crypto);
}

#define COMMANDS 500

struct esme {
    struct fleet *fleet;
    struct smpp_session *session;
    uint8_t out[65536];
    struct writer w;
    uint32_t accepted;
    uint32_t receipts;
    uint32_t pors;
    uint32_t unknown;
    uint32_t throttled;
    uint64_t ids[COMMANDS];
    bool bound;
    bool ended;
};

static void on_bound(void *ctx)
{
    ((struct esme *)ctx)->bound = true;
}

static void on_submit_done(void *ctx, uint64_t cookie, uint32_t status, struct span message_id,
                           enum err err)
{
    struct esme *esme = ctx;
    check_err("submit", err, ERR_OK);
    if (status == 0x58) {
        esme->throttled++;
        return;
    }
    assert_int_equal(status, 0);
    esme->ids[cookie] = smpp_id_key(message_id);
    esme->accepted++;
}

static bool on_deliver(void *ctx, uint32_t sequence, const struct smpp_message *message)
{
    struct esme *esme = ctx;
    struct smpp_receipt receipt;
    struct sms_ud ud;
    if (smpp_receipt_read(message, &receipt) == ERR_OK) {
        assert_int_equal(receipt.state, SMPP_DELIVERED);
        bool known = false;
        for (size_t i = 0; i < COMMANDS; i++)
            known = known || esme->ids[i] == smpp_id_key_in(receipt.message_id, SMPP_ID_DEC_OF_HEX);
        esme->receipts += known;
        esme->unknown += !known;
    } else {
        struct sms_ud_source source = smpp_message_ud(message);
        check_err("user data", sms_ud_classify(&source, &ud), ERR_OK);
        assert_int_equal(ud.kind, SMS_UD_WHOLE);
        assert_int_equal(ud.udh.identifier, SMS_RESPONSE);
        esme->pors++;
    }
    smpp_session_deliver_answer(esme->session, sequence, 0, &esme->w);
    return true;
}

static void on_ended(void *ctx, enum err why, bool config_fault)
{
    check_err("ended", why, ERR_OK);
    assert_false(config_fault);
    ((struct esme *)ctx)->ended = true;
}

/* Octets both ways, until neither has more to say. */
static void exchange(struct esme *esme, uint32_t conn, uint64_t now_ns)
{
    for (;;) {
        struct span up = written(&esme->w);
        size_t len = up.len;
        if (len > 0) {
            assert_int_equal(fleet_conn_input(esme->fleet, conn, up, now_ns), len);
            esme->w = writer_over(esme->out, sizeof esme->out);
        }
        fleet_tick(esme->fleet, now_ns);
        struct span down = fleet_conn_output(esme->fleet, conn);
        if (down.len == 0 && len == 0)
            return;
        size_t taken = smpp_session_input(esme->session, down, &esme->w, now_ns);
        fleet_conn_sent(esme->fleet, conn, taken);
        if (esme->ended)
            return;
    }
}

static void submit_one(struct esme *esme, struct card_crypto *crypto, uint32_t device,
                       uint64_t now_ns)
{
    struct card_keys keys;
    struct card_command command = { .spi1 = 0x16,
                                    .spi2 = 0x39,
                                    .kic = 0x12,
                                    .kid = 0x12,
                                    .tar = { 0, 0, 1 },
                                    .cntr = 1,
                                    .data = guarded_hex("aa07220580caff2100") };
    char number[FLEET_MSISDN_CAP];
    uint8_t ud[140];
    struct writer w = writer_over(ud, sizeof ud);
    card_keys_derive(1, device, 1, &keys);
    fleet_msisdn(device, 0, number);
    writer_u24(&w, 0x027000);
    check_err("seal", card_command_seal(crypto, &keys, &command, &w), ERR_OK);
    struct smpp_message message = { .esm_class = SMPP_ESM_UDHI,
                                    .protocol_id = 0x7F,
                                    .registered_delivery = 1,
                                    .data_coding = 0xF6,
                                    .text = written(&w),
                                    .tlvs =
                                        SMPP_HAS_USER_MESSAGE_REFERENCE | SMPP_HAS_MORE_MESSAGES };
    check_err("to", sms_address_set(&message.destination, 1, 1, span_text(number)), ERR_OK);
    check_err("from", sms_address_set(&message.source, 1, 1, span_text("882390000012345")), ERR_OK);
    check_err("submit", smpp_session_submit(esme->session, &message, device, &esme->w, now_ns),
              ERR_OK);
}

static void session_and_smsc_agree_on_smpp(void **state)
{
    (void)state;
    static const struct smpp_events events = { on_bound, on_submit_done, on_deliver, on_ended };
    struct fleet_config config = fleet_config_default();
    struct smpp_session_config session = { .system_id = "starling",
                                           .password = "secret",
                                           .window = 64 };
    struct fault fault = { "" };
    struct esme *esme = calloc(1, sizeof *esme);
    struct card_crypto *crypto = card_crypto_create();
    assert_true(esme != NULL && crypto != NULL);
    config.device_count = COMMANDS;
    config.receipt_id_decimal = true;
    config.account[0].throttle_every = 10;
    esme->fleet = fleet_create(&config, 0, &fault);
    assert_non_null(esme->fleet);
    void *memory = aligned_alloc(64, (smpp_session_size(&session) + 63) / 64 * 64);
    esme->session = smpp_session_init(memory, &session, &events, esme);
    esme->w = writer_over(esme->out, sizeof esme->out);
    uint32_t conn = fleet_conn_open(esme->fleet, 0);
    uint64_t now_ns = 0;
    smpp_session_start(esme->session, &esme->w, now_ns);
    exchange(esme, conn, now_ns);
    assert_true(esme->bound);
    for (uint32_t i = 0; i < COMMANDS; i++, now_ns += 1000000) {
        submit_one(esme, crypto, i, now_ns);
        exchange(esme, conn, now_ns);
    }
    assert_int_equal(esme->throttled, COMMANDS / 10);
    assert_int_equal(esme->accepted, COMMANDS - COMMANDS / 10);
    assert_int_equal(esme->receipts, esme->accepted);
    assert_int_equal(esme->pors, esme->accepted);
    assert_int_equal(esme->unknown, 0);
    assert_int_equal(fleet_stats(esme->fleet)->executed, esme->accepted);
    assert_int_equal(fleet_stats(esme->fleet)->protocol_errors, 0);
    assert_int_equal(fleet_under_way(esme->fleet), 0);
    smpp_session_unbind(esme->session, &esme->w, now_ns);
    exchange(esme, conn, now_ns);
    assert_true(esme->ended);
    assert_int_equal(fleet_conn_wish(esme->fleet, conn), FLEET_CONN_CLOSE);
    fleet_free(esme->fleet);
    card_crypto_free(crypto);
    free(memory);
    free(esme);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_and_card_agree_on_packets_both_ways),
        cmocka_unit_test(session_and_smsc_agree_on_smpp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
