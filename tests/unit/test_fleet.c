/* SMSC, network and cards together, in virtual time: an ESME of a few lines drives them. */
#include "bench/fleet/card_keys.h"
#include "bench/fleet/card_packet.h"
#include "bench/fleet/fleet.h"
#include "bench/fleet/smsc_pdu.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)
#define SERVICE "882390000012345"
#define HEARD_MAX 512

/* What the ESME got, oldest first. */
struct heard {
    uint32_t id;
    uint32_t status;
    uint32_t sequence;
    uint64_t at_ns;
    struct pdu_message message; /* of a deliver_sm: borrowed from `bytes` */
    uint8_t bytes[512];
};

struct esme {
    struct fleet *fleet;
    struct card_crypto *crypto;
    uint64_t now_ns;
    uint32_t conn;
    uint32_t sequence;
    uint32_t answer; /* command_status of deliver_sm_resp */
    bool mute;       /* deliver_sm are not answered */
    uint32_t count;
    struct heard heard[HEARD_MAX];
    uint32_t entry_count;
    struct fleet_entry entry[HEARD_MAX];
};

static void keep_entry(void *context, const struct fleet_entry *entry)
{
    struct esme *esme = context;
    assert_true(esme->entry_count < HEARD_MAX);
    esme->entry[esme->entry_count++] = *entry;
}

static void give(struct esme *esme, struct span bytes)
{
    assert_int_equal(fleet_conn_input(esme->fleet, esme->conn, bytes, esme->now_ns), bytes.len);
}

static void hear(struct esme *esme, struct span pdu)
{
    struct pdu_header header;
    assert_true(esme->count < HEARD_MAX && pdu.len <= sizeof esme->heard[0].bytes);
    struct heard *heard = &esme->heard[esme->count++];
    check_err("header", pdu_header_read(pdu, &header), ERR_OK);
    memcpy(heard->bytes, pdu.bytes, pdu.len);
    heard->id = header.id;
    heard->status = header.status;
    heard->sequence = header.sequence;
    heard->at_ns = esme->now_ns;
    if (header.id != PDU_DELIVER_SM)
        return;
    check_err("deliver_sm",
              pdu_submit_read(span_of(heard->bytes + 16, pdu.len - 16), &heard->message), ERR_OK);
    if (esme->mute)
        return;
    uint8_t buf[32];
    struct writer w = writer_over(buf, sizeof buf);
    writer_u32(&w, 17);
    writer_u32(&w, PDU_DELIVER_SM | PDU_RESP);
    writer_u32(&w, esme->answer);
    writer_u32(&w, header.sequence);
    writer_u8(&w, 0);
    give(esme, written(&w));
}

/* Takes all output; the SMSC's answers to our answers as well. */
static void drain(struct esme *esme)
{
    for (;;) {
        struct span out = fleet_conn_output(esme->fleet, esme->conn);
        if (out.len == 0 || fleet_conn_wish(esme->fleet, esme->conn) == FLEET_CONN_DROP)
            return;
        struct pdu_header header;
        check_err("framing", pdu_header_read(out, &header), ERR_OK);
        assert_true(header.length <= out.len);
        uint8_t pdu[PDU_MAX];
        memcpy(pdu, out.bytes, header.length);
        fleet_conn_sent(esme->fleet, esme->conn, header.length);
        hear(esme, span_of(pdu, header.length));
    }
}

static void run_until(struct esme *esme, uint64_t until_ns)
{
    for (;;) {
        fleet_tick(esme->fleet, esme->now_ns);
        drain(esme);
        uint64_t next = fleet_next_ns(esme->fleet);
        if (next > until_ns)
            break;
        esme->now_ns = next > esme->now_ns ? next : esme->now_ns;
    }
    esme->now_ns = until_ns;
}

static void run_for(struct esme *esme, uint64_t ms)
{
    run_until(esme, esme->now_ns + ms * MS);
}

static void bind_as(struct esme *esme, uint32_t id, const char *system_id, const char *password)
{
    uint8_t buf[128];
    struct writer w = writer_over(buf, sizeof buf);
    size_t mark = writer_mark(&w);
    pdu_header_write(&w, id, 0, ++esme->sequence);
    writer_bytes(&w, span_of(system_id, strlen(system_id) + 1));
    writer_bytes(&w, span_of(password, strlen(password) + 1));
    writer_u8(&w, 0);
    writer_u8(&w, 0x34);
    writer_zeros(&w, 3);
    writer_patch(&w, mark, writer_len(&w), 4);
    give(esme, written(&w));
    drain(esme);
}

static struct esme *esme_unbound(struct fleet_config config)
{
    struct fault fault = { "" };
    struct esme *esme = calloc(1, sizeof *esme);
    assert_non_null(esme);
    config.on_packet = keep_entry;
    config.context = esme;
    esme->crypto = card_crypto_create();
    esme->fleet = fleet_create(&config, 0, &fault);
    assert_string_equal(fault.text, "");
    esme->conn = fleet_conn_open(esme->fleet, 0);
    return esme;
}

static struct esme *esme_bound(struct fleet_config config)
{
    struct esme *esme = esme_unbound(config);
    bind_as(esme, PDU_BIND_TRANSCEIVER, "starling", "secret");
    assert_int_equal(esme->count, 1);
    assert_int_equal(esme->heard[0].status, ESME_ROK);
    esme->count = 0;
    return esme;
}

static void esme_free(struct esme *esme)
{
    fleet_free(esme->fleet);
    card_crypto_free(esme->crypto);
    free(esme);
}

static void submit(struct esme *esme, uint32_t device, struct span ud, const char *validity,
                   uint8_t registered)
{
    char number[FLEET_MSISDN_CAP];
    uint8_t buf[512];
    struct writer w = writer_over(buf, sizeof buf);
    fleet_msisdn(device, 0, number);
    struct pdu_message message = {
        .source = { 1, 1, span_text(SERVICE) },
        .destination = { 1, 1, span_text(number) },
        .esm_class = 0x40,
        .protocol_id = 0x7F,
        .data_coding = 0xF6,
        .text = ud,
    };
    pdu_deliver_write(&w, ++esme->sequence, &message); /* the same body, but for two fields */
    size_t len = writer_len(&w);
    writer_patch(&w, 4, PDU_SUBMIT_SM, 4);
    size_t fixed = 16 + 1 + 2 + strlen(SERVICE) + 1 + 2 + strlen(number) + 1 + 3;
    assert_int_equal(buf[fixed], 0); /* schedule_delivery_time */
    memmove(buf + fixed + 2 + strlen(validity), buf + fixed + 2, len - fixed - 2);
    memcpy(buf + fixed + 1, validity, strlen(validity) + 1);
    len += strlen(validity);
    buf[fixed + 2 + strlen(validity)] = registered;
    w = writer_over(buf, sizeof buf);
    writer_uint(&w, len, 4);
    give(esme, span_of(buf, len));
    drain(esme);
}

/* A GET DATA FF21, or `script`, for a device; SPI 1639. */
static void command(struct esme *esme, uint32_t device, uint64_t cntr, struct span script,
                    uint8_t reference)
{
    struct card_keys keys;
    struct card_command c = { .spi1 = 0x16,
                              .spi2 = 0x39,
                              .kic = 0x12,
                              .kid = 0x12,
                              .tar = { 0, 0, 1 },
                              .cntr = cntr,
                              .data = script };
    uint8_t packet[1024];
    struct writer w = writer_over(packet, sizeof packet);
    if (script.len == 0)
        c.data = guarded_hex("aa07 2205 80caff2100");
    card_keys_derive(1, device, 1, &keys);
    check_err("seal", card_command_seal(esme->crypto, &keys, &c, &w), ERR_OK);
    for (uint32_t i = 0; i < (writer_len(&w) <= 137 ? 1u : 2u); i++) {
        uint8_t ud[140];
        struct writer u = writer_over(ud, sizeof ud);
        struct span rest = written(&w);
        if (rest.len <= 137) {
            writer_u24(&u, 0x027000);
        } else if (i == 0) {
            writer_u24(&u, 0x077000);
            writer_u16(&u, 3);
            writer_u8(&u, reference);
            writer_u16(&u, 0x0201);
            rest = span_first(rest, 132);
        } else {
            writer_u24(&u, 0x050003);
            writer_u8(&u, reference);
            writer_u16(&u, 0x0202);
            rest = span_after(rest, 132);
        }
        writer_bytes(&u, rest);
        assert_int_equal(u.err, ERR_OK);
        submit(esme, device, written(&u), "", 1);
    }
}

static uint32_t count_of(const struct esme *esme, uint32_t id, uint32_t status)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < esme->count; i++)
        count += esme->heard[i].id == id && esme->heard[i].status == status;
    return count;
}

static const struct heard *nth_deliver(const struct esme *esme, uint8_t esm_class, uint32_t nth)
{
    for (uint32_t i = 0; i < esme->count; i++)
        if (esme->heard[i].id == PDU_DELIVER_SM && esme->heard[i].message.esm_class == esm_class &&
            nth-- == 0)
            return &esme->heard[i];
    fail_msg("no such deliver_sm");
    return NULL;
}

static uint32_t delivers_of(const struct esme *esme, uint8_t esm_class)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < esme->count; i++)
        count +=
            esme->heard[i].id == PDU_DELIVER_SM && esme->heard[i].message.esm_class == esm_class;
    return count;
}

static void binds_are_checked(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.account[1] = (struct fleet_account){ .system_id = "second", .password = "other" };
    static const struct {
        const char *system_id, *password;
        uint32_t status;
    } cases[] = {
        { "starling", "wrong", ESME_RINVPASWD },
        { "nobody", "secret", ESME_RINVSYSID },
        { "", "", ESME_RINVSYSID },
        { "second", "secret", ESME_RINVPASWD },
        { "second", "other", ESME_ROK },
        { "second", "other", ESME_RALYBND },
    };
    struct esme *esme = esme_unbound(config);
    submit(esme, 0, guarded_hex("027000"), "", 0);
    assert_int_equal(esme->heard[0].status, ESME_RINVBNDSTS);
    for (size_t i = 0; i < COUNT(cases); i++) {
        bind_as(esme, PDU_BIND_TRANSCEIVER, cases[i].system_id, cases[i].password);
        assert_int_equal(esme->heard[esme->count - 1].id, PDU_BIND_TRANSCEIVER | PDU_RESP);
        assert_int_equal(esme->heard[esme->count - 1].status, cases[i].status);
    }
    esme_free(esme);
}

static void command_runs_and_its_por_and_receipt_come_back(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.device_count = 3;
    config.delay_ms = 40;
    struct esme *esme = esme_bound(config);
    command(esme, 2, 7, span_of(NULL, 0), 0);
    run_for(esme, 39);
    assert_int_equal(esme->entry_count, 0);
    run_for(esme, 100);
    assert_int_equal(esme->entry_count, 1);
    assert_true(esme->entry[0].run && esme->entry[0].authentic);
    assert_int_equal(esme->entry[0].cntr, 7);
    assert_int_equal(esme->entry[0].sw[0], 0x9000);
    assert_int_equal(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_ROK), 1);

    const struct heard *receipt = nth_deliver(esme, 0x04, 0);
    const char *text = (const char *)receipt->message.text.bytes;
    assert_memory_equal(text, "id:5d2f9a01 sub:001 dlvrd:001 submit date:2605", 46);
    const struct heard *por = nth_deliver(esme, 0x40, 0);
    assert_int_equal(por->at_ns, 80 * MS);
    assert_memory_equal(por->message.source.digits.bytes, "99900000000002", 14);
    assert_memory_equal(por->message.destination.digits.bytes, SERVICE, 15);

    struct card_keys keys; /* the PoR is what the card's keys say it must be */
    struct card_command c = {
        .spi2 = 0x39, .kic = 0x12, .kid = 0x12, .tar = { 0, 0, 1 }, .cntr = 7
    };
    uint8_t buf[256];
    struct writer w = writer_over(buf, sizeof buf);
    card_keys_derive(1, 2, 1, &keys);
    writer_u24(&w, 0x027100);
    check_err("seal",
              card_response_seal(esme->crypto, &keys, &c, 0x39, 0,
                                 guarded_hex("ab19 800101 2314 ff210f8101038204000500028304"
                                             "00002000 9000"),
                                 &w),
              ERR_OK);
    check_bytes("PoR", por->message.text, written(&w));
    assert_int_equal(fleet_under_way(esme->fleet), 0);
    esme_free(esme);
}

static void replayed_low_and_forged_commands_do_not_run(void **state)
{
    (void)state;
    struct esme *esme = esme_bound(fleet_config_default());
    command(esme, 0, 7, span_of(NULL, 0), 0);
    command(esme, 0, 7, span_of(NULL, 0), 0);
    command(esme, 0, 6, span_of(NULL, 0), 0);
    run_for(esme, 10);
    assert_int_equal(esme->entry_count, 3);
    assert_true(esme->entry[0].run);
    for (size_t i = 1; i < 3; i++) {
        assert_false(esme->entry[i].run);
        assert_int_equal(esme->entry[i].status, 2);
    }
    assert_int_equal(delivers_of(esme, 0x40), 3);
    submit(esme, 0,
           guarded_hex("027000 0028 15 1639 12 12 000001 00000000000000000000000000000000"
                       "00000000000000000000000000000000"),
           "", 0);
    submit(esme, 0, guarded_hex("027000 0028 15 1639 12 12 000001 00"), "", 0);
    run_for(esme, 10);
    assert_int_equal(fleet_stats(esme->fleet)->dropped, 2);
    assert_int_equal(delivers_of(esme, 0x40), 3); /* in silence */
    esme_free(esme);
}

static void long_commands_are_reassembled_in_any_order(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.reorder_per_mille = 500;
    config.duplicate_per_mille = 300;
    config.seed = 1;
    uint8_t script[2 + 9 * 7 * 3];
    struct writer w = writer_over(script, sizeof script);
    writer_u16(&w, 0xAA81);
    writer_u8(&w, 7 * 20);
    for (int i = 0; i < 20; i++) {
        writer_u16(&w, 0x2205);
        writer_bytes(&w, guarded_hex("80caff2100"));
    }
    struct esme *esme = esme_bound(config);
    for (uint8_t i = 1; i <= 20; i++) {
        command(esme, 0, i, written(&w), i);
        run_for(esme, 5000);
    }
    uint32_t runs = 0;
    for (uint32_t i = 0; i < esme->entry_count; i++)
        runs += esme->entry[i].run && esme->entry[i].command_count == 20;
    assert_int_equal(runs, 20);
    assert_true(fleet_stats(esme->fleet)->duplicated > 0);
    /* The answers are long as well: 20 R-APDUs of 22 octets in four messages. */
    assert_true(delivers_of(esme, 0x40) >= 80);
    esme_free(esme);
}

static void throttling_and_refusals_come_at_their_rates(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.account[0].throttle_every = 2;
    struct esme *esme = esme_bound(config);
    for (int i = 0; i < 10; i++)
        submit(esme, 0, guarded_hex("027000"), "", 0);
    assert_int_equal(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_RTHROTTLED), 5);
    esme_free(esme);

    config = fleet_config_default();
    config.account[0].rate = 3;
    esme = esme_bound(config);
    for (int second = 0; second < 2; second++) {
        for (int i = 0; i < 5; i++)
            submit(esme, 0, guarded_hex("027000"), "", 0);
        run_for(esme, 1000);
    }
    assert_int_equal(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_RTHROTTLED), 4);
    assert_int_equal(fleet_stats(esme->fleet)->submits, 6);
    esme_free(esme);

    config = fleet_config_default();
    config.queue_full_per_mille = config.system_error_per_mille = config.refuse_per_mille = 300;
    esme = esme_bound(config);
    for (int i = 0; i < 200; i++)
        submit(esme, 0, guarded_hex("027000"), "", 0);
    assert_in_range(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_RMSGQFUL), 40, 80);
    assert_in_range(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_RSYSERR), 20, 60);
    assert_in_range(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_RINVDSTADR), 10, 50);
    assert_in_range(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_ROK), 40, 100);
    esme_free(esme);
}

static void lost_messages_expire_with_their_validity(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.device_count = 2;
    config.silent_count = 1;
    struct esme *esme = esme_bound(config);
    submit(esme, 0, guarded_hex("027000"), "000000000010000R", 1); /* ten seconds; switched off */
    run_for(esme, 9999);
    assert_int_equal(delivers_of(esme, 0x04), 0);
    run_for(esme, 2);
    const struct heard *receipt = nth_deliver(esme, 0x04, 0);
    assert_non_null(strstr((const char *)receipt->message.text.bytes, "stat:EXPIRED"));

    fleet_settings(esme->fleet)->lose_per_mille = 1000;
    submit(esme, 1, guarded_hex("027000"), "000000000010000R", 2);
    submit(esme, 1, guarded_hex("027000"), "000000000010000R", 0);
    run_for(esme, 20000);
    assert_int_equal(delivers_of(esme, 0x04), 2); /* on failure, and none */
    fleet_settings(esme->fleet)->lose_silently = true;
    submit(esme, 1, guarded_hex("027000"), "000000000010000R", 1);
    submit(esme, 7, guarded_hex("027000"), "", 1); /* nobody's number */
    run_for(esme, 20000);
    assert_int_equal(delivers_of(esme, 0x04), 3);
    assert_non_null(
        strstr((const char *)nth_deliver(esme, 0x04, 2)->message.text.bytes, "stat:UNDELIV"));
    assert_int_equal(fleet_under_way(esme->fleet), 0);
    esme_free(esme);
}

static void smsc_tries_again_within_validity_and_never_after(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.silent_count = 1;
    struct esme *esme = esme_bound(config);
    command(esme, 0, 1, span_of(NULL, 0), 0);
    run_for(esme, 7000);
    fleet_set_silent(esme->fleet, 0, false);
    assert_int_equal(esme->entry_count, 0);
    run_for(esme, 3001);
    assert_int_equal(esme->entry_count, 1);
    assert_int_equal(delivers_of(esme, 0x40), 1);
    assert_int_equal(fleet_stats(esme->fleet)->unreachable, 1);

    fleet_settings(esme->fleet)->delay_ms = 10000; /* longer under way than it is valid */
    submit(esme, 0, guarded_hex("027000"), "000000000010000R", 1);
    run_for(esme, 20000);
    assert_int_equal(fleet_stats(esme->fleet)->delivered, 1);
    assert_int_equal(fleet_stats(esme->fleet)->expired, 1);
    assert_non_null(
        strstr((const char *)nth_deliver(esme, 0x04, 1)->message.text.bytes, "stat:EXPIRED"));
    assert_int_equal(fleet_under_way(esme->fleet), 0);
    esme_free(esme);
}

static void unanswered_and_refused_delivers_are_repeated(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.deliver_window = 2;
    struct esme *esme = esme_bound(config);
    esme->answer = ESME_RX_T_APPN;
    command(esme, 0, 1, span_of(NULL, 0), 0);
    run_for(esme, 900);
    assert_int_equal(esme->count, 3); /* submit_sm_resp, receipt, PoR */
    run_for(esme, 200);
    assert_int_equal(esme->count, 5); /* again after a second, then after two */
    esme->answer = ESME_ROK;
    run_for(esme, 2000);
    assert_int_equal(esme->count, 7);
    assert_int_equal(fleet_under_way(esme->fleet), 0);

    esme->mute = true;
    for (uint64_t i = 2; i < 5; i++)
        command(esme, 0, i, span_of(NULL, 0), 0);
    esme->count = 0;
    run_for(esme, 1000);
    assert_int_equal(esme->count, 2); /* the window */
    run_for(esme, 30000);
    assert_int_equal(esme->count, 4);
    fleet_conn_closed(esme->fleet, esme->conn, esme->now_ns);
    esme->conn = fleet_conn_open(esme->fleet, esme->now_ns);
    esme->mute = false;
    esme->count = 0;
    bind_as(esme, PDU_BIND_TRANSCEIVER, "starling", "secret");
    run_for(esme, 10000); /* what was open comes again on the new bind */
    assert_int_equal(delivers_of(esme, 0x04), 3);
    assert_int_equal(delivers_of(esme, 0x40), 3);
    assert_int_equal(fleet_under_way(esme->fleet), 0);
    esme_free(esme);
}

static void por_in_the_delivery_report_goes_where_the_smsc_sends_it(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.por = FLEET_POR_REPORT;
    config.report = FLEET_REPORT_DELIVER;
    struct esme *esme = esme_bound(config);
    command(esme, 0, 1, span_of(NULL, 0), 0);
    run_for(esme, 10);
    assert_int_equal(delivers_of(esme, 0x08), 1);
    assert_int_equal(delivers_of(esme, 0x40), 0);
    fleet_settings(esme->fleet)->report = FLEET_REPORT_RECEIPT;
    command(esme, 0, 2, span_of(NULL, 0), 0);
    run_for(esme, 10);
    const struct heard *receipt = nth_deliver(esme, 0x04, 1);
    static const uint8_t tlv[] = { 0x14, 0x00, 0x00 };
    assert_non_null(memmem(receipt->bytes, sizeof receipt->bytes, tlv, sizeof tlv));
    fleet_settings(esme->fleet)->por = FLEET_POR_SUBMIT;
    fleet_settings(esme->fleet)->announce = true;
    fleet_settings(esme->fleet)->report = FLEET_REPORT_DELIVER;
    esme->count = 0;
    command(esme, 0, 3, span_of(NULL, 0), 0);
    run_for(esme, 10);
    assert_int_equal(delivers_of(esme, 0x08), 1); /* 0B first */
    assert_int_equal(delivers_of(esme, 0x40), 1);
    esme_free(esme);
}

static void error_statuses_come_instead_of_running(void **state)
{
    (void)state;
    for (uint8_t status = 1; status <= 0x0B; status++) {
        struct fleet_config config = fleet_config_default();
        config.status_per_mille[status] = 1000;
        struct esme *esme = esme_bound(config);
        command(esme, 0, 1, span_of(NULL, 0), 0);
        run_for(esme, 5000);
        bool runs = status == 0x08 || status == 0x0B; /* the answer follows */
        assert_int_equal(esme->entry_count, 1);
        assert_int_equal(esme->entry[0].run, runs);
        assert_int_equal(esme->entry[0].status, runs ? 0 : status);
        assert_int_equal(delivers_of(esme, 0x40), runs ? 2 : 1);
        esme_free(esme);
    }
}

static void hostile_answers_come_beside_the_true_one(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.forge_per_mille = config.alter_per_mille = 1000;
    config.replay_per_mille = config.cross_per_mille = 1000;
    struct esme *esme = esme_bound(config);
    command(esme, 0, 1, span_of(NULL, 0), 0);
    command(esme, 0, 2, span_of(NULL, 0), 0);
    run_for(esme, 500);
    assert_int_equal(delivers_of(esme, 0x40), 2 + 2 + 2 + 1);
    run_for(esme, 1000);
    assert_int_equal(delivers_of(esme, 0x40), 2 + 2 + 2 + 1 + 2);
    assert_int_equal(fleet_stats(esme->fleet)->hostile, 7);
    esme_free(esme);
}

static void connection_is_dropped_after_so_many_submits(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.drop_connection_after = 3;
    struct esme *esme = esme_bound(config);
    for (int i = 0; i < 2; i++) {
        submit(esme, 0, guarded_hex("027000"), "", 0);
        assert_int_equal(fleet_conn_wish(esme->fleet, esme->conn), FLEET_CONN_KEEP);
    }
    submit(esme, 0, guarded_hex("027000"), "", 0);
    assert_int_equal(fleet_conn_wish(esme->fleet, esme->conn), FLEET_CONN_DROP);
    esme_free(esme);
}

static void late_and_lost_responses(void **state)
{
    (void)state;
    struct fleet_config config = fleet_config_default();
    config.late_response_per_mille = 1000;
    struct esme *esme = esme_bound(config);
    submit(esme, 0, guarded_hex("027000"), "", 0);
    run_for(esme, 4999);
    assert_int_equal(esme->count, 0);
    run_for(esme, 2);
    assert_int_equal(count_of(esme, PDU_SUBMIT_SM | PDU_RESP, ESME_ROK), 1);
    fleet_settings(esme->fleet)->lose_response_per_mille = 1000;
    submit(esme, 0, guarded_hex("027000"), "", 0);
    run_for(esme, 60000);
    assert_int_equal(esme->count, 1);
    esme_free(esme);
}

static void nonsense_is_nacked_or_closes_the_connection(void **state)
{
    (void)state;
    struct esme *esme = esme_bound(fleet_config_default());
    give(esme, guarded_hex("00000010 00000021 00000000 00000009"));
    drain(esme);
    assert_int_equal(esme->heard[0].id, PDU_RESP);
    assert_int_equal(esme->heard[0].status, ESME_RINVCMDID);
    assert_int_equal(esme->heard[0].sequence, 9);
    give(esme, guarded_hex("00000010 00000015 00000000 0000000a"));
    drain(esme);
    assert_int_equal(esme->heard[1].id, PDU_ENQUIRE_LINK | PDU_RESP);
    give(esme, guarded_hex("0000000f 00000015 00000000 0000000b"));
    assert_int_equal(fleet_conn_wish(esme->fleet, esme->conn), FLEET_CONN_CLOSE);
    esme_free(esme);
}

static void message_for_people_never_reaches_the_card(void **state)
{
    (void)state;
    struct esme *esme = esme_bound(fleet_config_default());
    submit(esme, 0, guarded_hex("050003 01 02 03"), "", 0); /* index above total */
    submit(esme, 0, guarded_hex("00"), "", 0);              /* no 70 */
    submit(esme, 0, guarded_hex("ff"), "", 0);
    run_for(esme, 1);
    assert_int_equal(fleet_stats(esme->fleet)->misdirected, 3);
    esme_free(esme);
}

static void same_seed_gives_the_same_octets(void **state)
{
    (void)state;
    static uint8_t first[HEARD_MAX * 512];
    size_t first_len = 0;
    for (int turn = 0; turn < 2; turn++) {
        struct fleet_config config = fleet_config_default();
        config.device_count = 10;
        config.jitter_ms = 500;
        config.lose_per_mille = config.duplicate_per_mille = config.mo_lose_per_mille = 200;
        config.alter_per_mille = config.status_per_mille[1] = 200;
        struct esme *esme = esme_bound(config);
        for (uint32_t i = 0; i < 100; i++) {
            command(esme, i % 10, i + 1, span_of(NULL, 0), 0);
            run_for(esme, 20);
        }
        run_for(esme, 5000);
        size_t len = 0;
        for (uint32_t i = 0; i < esme->count; i++, len += 512)
            if (turn == 0)
                memcpy(first + len, esme->heard[i].bytes, 512);
            else
                assert_memory_equal(first + len, esme->heard[i].bytes, 512);
        assert_true(turn == 0 || len == first_len);
        first_len = len;
        esme_free(esme);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_are_checked),
        cmocka_unit_test(command_runs_and_its_por_and_receipt_come_back),
        cmocka_unit_test(replayed_low_and_forged_commands_do_not_run),
        cmocka_unit_test(long_commands_are_reassembled_in_any_order),
        cmocka_unit_test(throttling_and_refusals_come_at_their_rates),
        cmocka_unit_test(lost_messages_expire_with_their_validity),
        cmocka_unit_test(smsc_tries_again_within_validity_and_never_after),
        cmocka_unit_test(unanswered_and_refused_delivers_are_repeated),
        cmocka_unit_test(por_in_the_delivery_report_goes_where_the_smsc_sends_it),
        cmocka_unit_test(error_statuses_come_instead_of_running),
        cmocka_unit_test(hostile_answers_come_beside_the_true_one),
        cmocka_unit_test(connection_is_dropped_after_so_many_submits),
        cmocka_unit_test(late_and_lost_responses),
        cmocka_unit_test(nonsense_is_nacked_or_closes_the_connection),
        cmocka_unit_test(message_for_people_never_reaches_the_card),
        cmocka_unit_test(same_seed_gives_the_same_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
