/* What strangers can do: SYN floods and cookies (RFC 4987), challenge ACKs of all connections (RFC
 * 5961 §7); and what connections cost that do nothing: idleness. */
#include "base/prng.h"
#include "io/tcp/tcp_cookie.h"
#include "tests/support/tcp_bed.h"

#include <stdlib.h>

#define FLOOD_QUICK 50000u
#define FLOOD_FULL 1000000u
#define GOOD 20u

static const uint64_t key[2] = { 3, 4 };

static void a_cookie_is_good_for_what_it_was_made_of(void **state)
{
    (void)state;
    const struct tcp_cookie_of of = { ip_addr_v4(OURS), ip_addr_v4(THEIRS), 80, 40000, 12345 };
    static const uint16_t offered[] = { 0, 64, 535, 536, 1400, 1459, 1460, 1500, 9000, 65535 };
    static const uint16_t kept[] = { 64, 64, 64, 536, 1400, 1440, 1460, 1460, 8940, 8940 };
    uint16_t mss;
    for (uint64_t minute = 0; minute < 20; minute++) {
        uint64_t now = minute * 60 * 1000 * MS;
        for (size_t i = 0; i < COUNT(offered); i++) {
            uint32_t cookie = tcp_cookie_make(key, &of, offered[i], now);
            assert_true(tcp_cookie_good(key, &of, cookie, now, &mss));
            assert_int_equal(mss, kept[i]);
            assert_true(tcp_cookie_good(key, &of, cookie, now + TCP_COOKIE_PERIOD_NS, &mss));
            assert_false(tcp_cookie_good(key, &of, cookie, now + TCP_COOKIE_LIFE_NS, &mss));
            assert_false(tcp_cookie_good(key, &of, cookie + 1, now, &mss));
            for (int what = 0; what < 5; what++) {
                struct tcp_cookie_of other = of;
                other.local.octets[15] ^= what == 0;
                other.peer.octets[0] ^= what == 1;
                other.local_port ^= what == 2;
                other.peer_port ^= what == 3;
                other.peer_isn ^= what == 4;
                assert_false(tcp_cookie_good(key, &other, cookie, now, &mss));
            }
            const uint64_t other[2] = { 3, 5 };
            assert_false(tcp_cookie_good(other, &of, cookie, now, &mss));
        }
    }
}

static void a_timestamp_holds_the_other_options(void **state)
{
    (void)state;
    for (uint32_t ts = 0xffffffc0u; ts != 0x40; ts++)
        for (uint8_t set = 0; set < 32; set++) {
            struct tcp_header syn = { .sack_permitted = (set & 16) != 0,
                                      .has_wscale = (set & 15) != 15,
                                      .wscale = (set & 15) == 15 ? 0 : set & 15 };
            uint32_t told = tcp_cookie_ts(ts, &syn);
            assert_true(ts - told < 32); /* never ahead of the clock (RFC 7323 §5.4) */
            struct tcp_header back = { 0 };
            tcp_cookie_ts_read(told, &back);
            assert_int_equal(back.sack_permitted, syn.sack_permitted);
            assert_int_equal(back.has_wscale, syn.has_wscale);
            assert_int_equal(back.wscale, syn.wscale);
        }
}

static void small_bed(void **state, uint32_t conn_cap, uint32_t half_open_cap)
{
    bed_close(state);
    const struct net_config config = { .conn_cap = conn_cap,
                                       .half_open_cap = half_open_cap,
                                       .gateway4 = ip_addr_v4(THEIRS) };
    bed_open_with(state, &config);
}

static void drain(void)
{
    struct tcp_header header;
    struct span data;
    while (segment_out(&header, &data)) /* a gateway that is asked for answers */
        ;
}

static void syn_from_anywhere(struct prng *prng)
{
    bed->from = 0x0b000000u + (uint32_t)prng_below(prng, 0x10000000);
    struct tcp_header syn = { .seq = (uint32_t)prng_next(prng), .flags = TCP_SYN, .window = 1000 };
    segment_from((uint16_t)(1 + prng_below(prng, 65535)), &syn, span_text(""));
    bed->from = THEIRS;
}

/* A handshake with every option; returns the SYN|ACK. */
static struct tcp_header full_syn(uint16_t port, bool ts)
{
    struct tcp_header syn = { .seq = PEER_ISN,
                              .flags = TCP_SYN,
                              .window = 8000,
                              .has_mss = true,
                              .mss = 1460,
                              .sack_permitted = true,
                              .has_wscale = true,
                              .wscale = 3,
                              .has_ts = ts,
                              .ts_value = 77 };
    segment_from(port, &syn, span_text(""));
    struct tcp_header answer;
    struct span data;
    assert_true(segment_out(&answer, &data));
    assert_int_equal(answer.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(answer.ack, PEER_ISN + 1);
    return answer;
}

static void full_ack(uint16_t port, const struct tcp_header *answer, uint32_t ack, const char *text)
{
    struct tcp_header header = { .seq = PEER_ISN + 1,
                                 .ack = ack,
                                 .flags = TCP_ACK,
                                 .window = 8000,
                                 .has_ts = answer->has_ts,
                                 .ts_value = 78,
                                 .ts_echo = answer->ts_value };
    segment_from(port, &header, span_text(text));
}

static void a_cookie_becomes_a_connection_with_its_options(void **state)
{
    small_bed(state, 8, 1);
    struct prng prng;
    prng_init(&prng, 1);
    syn_from_anywhere(&prng); /* the one that is kept */
    drain();
    struct tcp_header answer = full_syn(1000, true);
    assert_int_equal(value_of("tcp", "cookies_out"), 1);
    assert_int_equal(net_conn_count(bed->net), 1);
    assert_true(answer.has_ts && answer.has_wscale && answer.sack_permitted && answer.has_mss);
    full_ack(1000, &answer, answer.seq + 1, "hello"); /* the first octets come with the ACK */
    assert_int_equal(bed->opened, 1);
    got("hello");
    assert_int_equal(value_of("tcp", "cookies_in"), 1);
    pass(30);
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data) && header.has_ts);
    assert_int_equal(header.ack, PEER_ISN + 6);
    for (int i = 0; i < 3; i++)
        big_say(10000);
    turn(); /* the window of 8,000 means 64,000, and segments are full */
    for (uint32_t i = 0; i < 10; i++) {
        assert_true(segment_out(&header, &data));
        assert_int_equal(data.len, 1460 - TCP_TS_OPTION_LEN);
        assert_int_equal(header.seq, answer.seq + 1 + i * data.len);
    }
    nothing_out();
}

static void without_timestamps_only_the_mss_is_kept(void **state)
{
    small_bed(state, 8, 1);
    struct prng prng;
    prng_init(&prng, 1);
    syn_from_anywhere(&prng);
    drain();
    struct tcp_header answer = full_syn(1000, false);
    assert_true(answer.has_mss);
    assert_false(answer.has_wscale || answer.sack_permitted || answer.has_ts);
    full_ack(1000, &answer, answer.seq + 1, "hello");
    got("hello");
}

static void a_guessed_cookie_is_refused(void **state)
{
    small_bed(state, 8, 1);
    struct prng prng;
    prng_init(&prng, 1);
    struct tcp_header none = { 0 };
    full_ack(999, &none, 1, ""); /* none was sent yet: nothing is looked for */
    expect(TCP_RST, 1, 0, "");
    assert_int_equal(value_of("tcp", "cookies_bad"), 0);
    syn_from_anywhere(&prng);
    drain();
    struct tcp_header answer = full_syn(1000, true);
    full_ack(1000, &answer, answer.seq + 2, "evil");
    expect(TCP_RST, answer.seq + 2, 0, "");
    full_ack(1001, &answer, answer.seq + 1, "evil"); /* another's */
    expect(TCP_RST, answer.seq + 1, 0, "");
    assert_int_equal(value_of("tcp", "cookies_bad"), 2);
    bed->now_ns += TCP_COOKIE_LIFE_NS;
    full_ack(1000, &answer, answer.seq + 1, "late");
    assert_int_equal(bed->opened + bed->got_len, 0);
}

/* The table is full of what never answered: who did gets a place. */
static void one_that_is_proven_takes_the_place_of_one_that_is_not(void **state)
{
    small_bed(state, 3, 3);
    struct prng prng;
    prng_init(&prng, 1);
    for (int i = 0; i < 3; i++)
        syn_from_anywhere(&prng);
    drain();
    struct tcp_header answer = full_syn(1000, true);
    full_ack(1000, &answer, answer.seq + 1, "in");
    got("in");
    assert_int_equal(value_of("tcp", "half_open_evicted"), 1);
    assert_int_equal(net_conn_count(bed->net), 3);
}

/* Good connections go on and new ones come in, while SYNs from everywhere cost what was set aside
 * for them and no more. */
static void a_flood_stalls_nobody(void **state)
{
    small_bed(state, 256, 64);
    struct prng prng;
    prng_init(&prng, 7);
    uint32_t next[GOOD];
    uint32_t acks[GOOD];
    for (uint32_t i = 0; i < GOOD; i++) {
        struct tcp_header answer = full_syn((uint16_t)(2000 + i), false);
        full_ack((uint16_t)(2000 + i), &answer, answer.seq + 1, "");
        next[i] = PEER_ISN + 1;
        acks[i] = answer.seq + 1;
    }
    assert_int_equal(bed->opened, GOOD);
    uint32_t count = getenv("STARLING_FULL") != NULL ? FLOOD_FULL : FLOOD_QUICK;
    uint32_t late = 0;
    for (uint32_t n = 0; n < count; n++) {
        syn_from_anywhere(&prng);
        drain();
        if (n % 100 != 99)
            continue;
        bed->now_ns += MS;
        uint32_t i = n / 100 % GOOD;
        struct tcp_header octets = {
            .seq = next[i]++, .ack = acks[i], .flags = TCP_ACK, .window = 8000
        };
        size_t before = bed->got_len;
        segment_from((uint16_t)(2000 + i), &octets, span_text("."));
        assert_int_equal(bed->got_len, before + 1);
        if (bed->got_len == sizeof bed->got)
            bed->got_len = 0;
        if (n % 10000 == 9999 && late < 100) { /* somebody who was not there before */
            drain();
            struct tcp_header answer = full_syn((uint16_t)(3000 + late), true);
            full_ack((uint16_t)(3000 + late), &answer, answer.seq + 1, "");
            late++;
            assert_int_equal(bed->opened, GOOD + late);
        }
        assert_true(net_conn_count(bed->net) <= GOOD + late + 64);
    }
    assert_true(value_of("tcp", "cookies_out") >= count - count / 10);
    pass(40000);
    drain();
    assert_int_equal(net_conn_count(bed->net), GOOD + late);
}

static void challenges_of_all_connections_are_limited(void **state)
{
    small_bed(state, 256, 64);
    for (uint16_t i = 0; i < 200; i++) {
        struct tcp_header answer = full_syn((uint16_t)(2000 + i), false);
        full_ack((uint16_t)(2000 + i), &answer, answer.seq + 1, "");
    }
    bed->now_ns = 5000 * MS;
    for (int round = 0; round < 10; round++)
        for (uint16_t i = 0; i < 200; i++) {
            struct tcp_header syn = { .seq = 1, .flags = TCP_SYN };
            segment_from((uint16_t)(2000 + i), &syn, span_text(""));
            drain();
        }
    uint64_t answered = value_of("tcp", "challenges");
    assert_in_range(answered, 500, 1500);
    assert_int_equal(value_of("tcp", "throttled"), 2000 - answered);
}

/* A peer that hears nothing in answer to its keep-alives gives the connection up: so all are
 * answered, however many connections there are. */
static void keep_alives_of_all_connections_are_answered(void **state)
{
    small_bed(state, 256, 64);
    uint32_t acks[200];
    for (uint16_t i = 0; i < 200; i++) {
        struct tcp_header answer = full_syn((uint16_t)(2000 + i), false);
        acks[i] = answer.seq + 1;
        full_ack((uint16_t)(2000 + i), &answer, acks[i], "");
    }
    bed->now_ns = 5000 * MS;
    for (int round = 0; round < 10; round++)
        for (uint16_t i = 0; i < 200; i++) {
            struct tcp_header alive = {
                .seq = PEER_ISN, .ack = acks[i], .flags = TCP_ACK, .window = 8000
            };
            segment_from((uint16_t)(2000 + i), &alive, span_text(""));
            expect(TCP_ACK, acks[i], PEER_ISN + 1, "");
        }
    assert_int_equal(value_of("tcp", "throttled"), 0);
}

static void who_says_nothing_is_reset(void **state)
{
    bed_close(state);
    const struct net_config config = { .conn_cap = 4, .idle_ms = 30000, .keep_alive_ms = 5000 };
    bed_open_with(state, &config);
    establish();
    struct tcp_header header;
    struct span data;
    for (int second = 0; second < 25; second++) {
        pass(1000);
        while (segment_out(&header, &data)) /* keep-alive is answered, and is no use */
            segment_in(TCP_ACK, bed->seq, bed->ack, "");
    }
    data_in("octets are");
    for (int second = 0; second < 29; second++) {
        pass(1000);
        while (segment_out(&header, &data))
            segment_in(TCP_ACK, bed->seq, bed->ack, "");
        assert_int_equal(bed->closed, 0);
    }
    pass(2000);
    bool reset = false;
    while (segment_out(&header, &data))
        reset = reset || (header.flags & TCP_RST) != 0;
    assert_true(reset);
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_TIMEOUT);
    assert_int_equal(value_of("tcp", "idle"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_is_good_for_what_it_was_made_of),
        cmocka_unit_test(a_timestamp_holds_the_other_options),
        SCRIPT(a_cookie_becomes_a_connection_with_its_options),
        SCRIPT(without_timestamps_only_the_mss_is_kept),
        SCRIPT(a_guessed_cookie_is_refused),
        SCRIPT(one_that_is_proven_takes_the_place_of_one_that_is_not),
        SCRIPT(a_flood_stalls_nobody),
        SCRIPT(challenges_of_all_connections_are_limited),
        SCRIPT(keep_alives_of_all_connections_are_answered),
        SCRIPT(who_says_nothing_is_reset),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
