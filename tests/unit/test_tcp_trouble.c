/* Blind attacks (RFC 5961, RFC 5927), recovery, windows and keep-alive, segment by segment. */
#include "tests/support/tcp_bed.h"

static void a_blind_rst_gets_a_challenge(void **state)
{
    (void)state;
    establish();
    segment_in(TCP_RST, bed->seq + 100, 0, ""); /* §3: in the window, not at its edge */
    expect_ack();
    segment_in(TCP_RST, bed->seq + 50000, 0, "");
    segment_in(TCP_RST, bed->seq - 1, 0, "");
    nothing_out();
    assert_int_equal(value_of("tcp", "rst_blind"), 3);
    assert_int_equal(bed->closed, 0);
    segment_in(TCP_RST, bed->seq, 0, "");
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_RESET);
}

static void a_blind_syn_gets_a_challenge(void **state)
{
    (void)state;
    establish();
    segment_in(TCP_SYN, bed->seq, 0, ""); /* §4: whatever its number */
    expect_ack();
    segment_in(TCP_SYN, bed->seq + 123456, 0, "");
    expect_ack();
    segment_in(TCP_SYN | TCP_ACK, PEER_ISN, bed->ack, "");
    expect_ack();
    assert_int_equal(bed->closed, 0);
    data_in("goes on");
    got("goes on");
}

static void a_blind_ack_does_not_bring_octets_in(void **state)
{
    (void)state;
    establish();
    segment_in(TCP_ACK, bed->seq, bed->ack + 1, "evil"); /* §5: of what was never sent */
    expect_ack();
    segment_in(TCP_ACK, bed->seq, bed->ack - 100000, "evil"); /* or long ago */
    expect_ack();
    assert_int_equal(bed->got_len, 0);
    assert_int_equal(value_of("tcp", "ack_blind"), 2);
}

static void challenges_are_few_a_second(void **state)
{
    (void)state;
    establish();
    for (int i = 0; i < 100; i++)
        segment_in(TCP_SYN, bed->seq, 0, "");
    struct tcp_header header;
    struct span data;
    int answers = 0;
    while (segment_out(&header, &data))
        answers++;
    assert_int_equal(answers, 10);
    assert_int_equal(value_of("tcp", "throttled"), 90);
}

static void an_rto_doubles_and_gives_up(void **state)
{
    (void)state;
    establish();
    assert_int_equal(say("lost"), ERR_OK);
    turn();
    uint64_t last = bed->now_ns;
    expect(TCP_ACK, bed->ack, bed->seq, "lost");
    uint64_t wait = 0;
    for (int i = 0; i < 5; i++) { /* RFC 6298 (5.5) */
        struct tcp_header header;
        struct span data;
        while (!segment_out(&header, &data))
            pass(1);
        check_bytes("again", data, span_text("lost"));
        uint64_t waited = bed->now_ns - last;
        assert_true(wait == 0 ? waited >= 200 * MS : waited >= 2 * wait - 2 * MS);
        assert_true(wait == 0 || waited <= 2 * wait + 2 * MS);
        wait = waited;
        last = bed->now_ns;
    }
    struct tcp_header header;
    struct span data;
    for (int second = 0; second < 180; second++) {
        pass(1000);
        while (segment_out(&header, &data))
            check_bytes("again", data, span_text("lost"));
    }
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_TIMEOUT);
}

static void three_duplicate_acks_send_the_segment_again(void **state)
{
    (void)state;
    establish();
    ack_in(bed->ack, 60000);
    big_say(5 * 536);
    turn();
    struct tcp_header header;
    struct span data;
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(segment_out(&header, &data));
        assert_int_equal(header.seq, bed->ack + i * 536);
    }
    nothing_out();
    ack_in(bed->ack, 60000);
    ack_in(bed->ack, 60000);
    nothing_out();
    ack_in(bed->ack, 60000); /* RFC 5681 §3.2 */
    assert_true(segment_out(&header, &data));
    assert_int_equal(header.seq, bed->ack);
    assert_int_equal(data.len, 536);
    nothing_out();
    ack_in(bed->ack + 2 * 536, 60000); /* RFC 6582: partial, the next hole at once */
    assert_true(segment_out(&header, &data));
    assert_int_equal(header.seq, bed->ack + 2 * 536);
    nothing_out();
    ack_in(bed->ack + 5 * 536, 60000);
    pass(2000);
    nothing_out();
    assert_int_equal(value_of("tcp", "fast_retransmits"), 2);
    assert_int_equal(value_of("tcp", "rto"), 0);
}

static void a_zero_window_is_probed_for_ever(void **state)
{
    (void)state;
    establish();
    ack_in(bed->ack, 0);
    assert_int_equal(say("waiting"), ERR_OK);
    turn();
    nothing_out();
    unsigned probes = 0;
    for (uint64_t ms = 0; ms < 600000; ms++) { /* five times give_up_ms */
        pass(1);
        struct tcp_header header;
        struct span data;
        if (!segment_out(&header, &data))
            continue;
        probes++;
        assert_int_equal(header.seq, bed->ack);
        check_bytes("probe", data, span_text("w"));
        ack_in(bed->ack, 0);
    }
    assert_true(probes > 8 && probes < 40);
    assert_int_equal(bed->closed, 0);
    struct tcp_header closed = { .seq = bed->seq, .ack = bed->ack, .flags = TCP_ACK, .window = 0 };
    segment_from(PEER_PORT, &closed, span_text("our ACK stands within the window"));
    bed->seq += 32;
    pass(25);
    expect_ack(); /* not beyond it, where the probe's octet is */
    ack_in(bed->ack, 3);
    expect(TCP_ACK, bed->ack, bed->seq, "wai"); /* sent before: no silly window to avoid */
    ack_in(bed->ack + 3, 100);
    expect(TCP_ACK, bed->ack + 3, bed->seq, "ting");
}

static void our_window_closes_and_opens(void **state)
{
    (void)state;
    establish();
    bed->take_max = 0;
    char kilo[1001];
    memset(kilo, 'k', 1000);
    kilo[1000] = '\0';
    struct tcp_header header = { 0 };
    struct span data;
    for (int i = 0; i < 20; i++) {
        data_in(kilo);
        pass(25);
        while (segment_out(&header, &data))
            assert_int_equal(header.ack, bed->seq);
        assert_int_equal(header.window, 20000 - 1000 * (i + 1)); /* its edge stays (SHLD-14) */
    }
    segment_in(TCP_ACK, bed->seq, bed->ack, "p"); /* a probe */
    assert_int_equal(expect(TCP_ACK, bed->ack, bed->seq, "").window, 0);
    bed->take_max = 500; /* too little to tell of: §3.8.6.2.2 */
    tcp_resume(bed->conn, bed->now_ns);
    turn();
    nothing_out();
    bed->take_max = SIZE_MAX;
    tcp_resume(bed->conn, bed->now_ns);
    turn();
    assert_int_equal(expect(TCP_ACK, bed->ack, bed->seq, "").window, 20000);
    assert_int_equal(bed->got_len, 20000);
}

static void a_fin_waits_until_all_was_read(void **state)
{
    (void)state;
    establish();
    bed->take_max = 0;
    segment_in(TCP_FIN | TCP_ACK, bed->seq, bed->ack, "unread");
    expect(TCP_ACK, bed->ack, bed->seq + 6, "");
    assert_int_equal(bed->peer_closed, 0);
    bed->take_max = SIZE_MAX;
    tcp_resume(bed->conn, bed->now_ns);
    turn();
    got("unread");
    assert_int_equal(bed->peer_closed, 1);
    expect(TCP_ACK, bed->ack, bed->seq + 7, "");
}

static void a_tiny_mss_is_not_believed(void **state)
{
    (void)state;
    struct tcp_header syn = {
        .seq = PEER_ISN, .flags = TCP_SYN, .window = 8000, .has_mss = true, .mss = 1
    };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    segment_in(TCP_ACK, PEER_ISN + 1, header.seq + 1, "");
    big_say(640);
    turn();
    for (int i = 0; i < 10; i++) {
        assert_true(segment_out(&header, &data));
        assert_int_equal(data.len, 64);
    }
}

static void abort_resets_and_is_silent(void **state)
{
    (void)state;
    establish();
    assert_int_equal(say("never mind"), ERR_OK);
    tcp_abort(bed->conn, bed->now_ns);
    turn();
    expect(TCP_RST | TCP_ACK, bed->ack, bed->seq, "");
    assert_int_equal(bed->closed, 0);
    assert_int_equal(net_conn_count(bed->net), 0);
}

static void keep_alive_finds_a_dead_peer(void **state)
{
    bed_close(state);
    const struct net_config config = { .conn_cap = 4, .keep_alive_ms = 60000 };
    bed_open_with(state, &config);
    establish();
    pass(60010);
    expect(TCP_ACK, bed->ack - 1, bed->seq, "");
    segment_in(TCP_ACK, bed->seq, bed->ack, "");
    struct tcp_header header;
    struct span data;
    unsigned probes = 0, resets = 0;
    for (int second = 0; second < 120; second++) {
        pass(1000);
        while (segment_out(&header, &data)) {
            resets += (header.flags & TCP_RST) != 0;
            probes += header.flags == TCP_ACK && header.seq == bed->ack - 1;
        }
        assert_true(probes == 0 || second >= 59);
    }
    assert_int_equal(probes, 5);
    assert_int_equal(resets, 1);
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_TIMEOUT);
}

/* However short the silence that is probed, and however soon it answers: each answer begins anew. */
static void keep_alive_leaves_a_peer_that_answers(void **state)
{
    bed_close(state);
    const struct net_config config = { .conn_cap = 4, .keep_alive_ms = 1000 };
    bed_open_with(state, &config);
    establish();
    struct tcp_header header;
    struct span data;
    unsigned probes = 0;
    for (int ms = 0; ms < 20500; ms++) {
        pass(1);
        while (segment_out(&header, &data)) {
            assert_int_equal(header.flags, TCP_ACK);
            assert_int_equal(header.seq, bed->ack - 1);
            probes++;
            segment_in(TCP_ACK, bed->seq, bed->ack, "");
        }
    }
    assert_int_equal(bed->closed, 0);
    assert_in_range(probes, 19, 20); /* one for each second of silence */
}

static void icmp_in(uint8_t code, uint32_t rest, uint16_t src_port, uint16_t dst_port, uint32_t seq)
{
    uint8_t octets[64], quote[28];
    struct ip4_header ip = { .total_len = 1040,
                             .fragment = IP4_DF,
                             .ttl = 60,
                             .protocol = IP_PROTOCOL_TCP,
                             .src = OURS,
                             .dst = THEIRS };
    struct writer q = writer_over(quote, sizeof quote);
    ip4_header_write(&q, &ip);
    writer_u16(&q, src_port);
    writer_u16(&q, dst_port);
    writer_u32(&q, seq);
    struct icmp_header header = { .type = ICMP_UNREACHABLE, .code = code, .rest = rest };
    struct writer w = writer_over(octets, sizeof octets);
    icmp_header_write(&w, &header, written(&q), 0);
    writer_bytes(&w, written(&q));
    packet_in(written(&w), IP_PROTOCOL_ICMP);
    turn();
}

static void icmp_errors_must_quote_what_is_under_way(void **state)
{
    (void)state;
    establish();
    ack_in(bed->ack, 60000);
    big_say(1000);
    turn();
    struct tcp_header header;
    struct span data;
    while (segment_out(&header, &data))
        ;
    icmp_in(ICMP_CODE_TOO_BIG, 600, PORT, PEER_PORT, bed->ack + 5000);
    icmp_in(ICMP_CODE_TOO_BIG, 600, PORT, PEER_PORT + 1, bed->ack);
    assert_int_equal(value_of("icmp", "unbelieved"), 2);
    icmp_in(1, 0, PORT, PEER_PORT, bed->ack);
    icmp_in(3, 0, PORT, PEER_PORT, bed->ack);
    assert_int_equal(bed->closed, 0); /* §5: an open connection lives on */
    assert_int_equal(value_of("icmp", "unreachable"), 2);
    nothing_out();
}

static void unreachable_ends_what_is_not_yet_open(void **state)
{
    (void)state;
    bed->conn = tcp_connect(bed->net, (struct tcp_endpoint){ ip_addr_v4(THEIRS), PORT }, &bed_app,
                            bed, bed->now_ns);
    struct tcp_endpoint local = tcp_local(bed->conn);
    turn();
    struct tcp_header syn;
    struct span data;
    assert_true(segment_out(&syn, &data));
    icmp_in(3, 0, local.port, PORT, syn.seq - 1);
    assert_int_equal(bed->closed, 0);
    icmp_in(3, 0, local.port, PORT, syn.seq);
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_REFUSED);
}

static void too_big_makes_segments_smaller(void **state)
{
    (void)state;
    struct tcp_header syn = {
        .seq = PEER_ISN, .flags = TCP_SYN, .window = 8000, .has_mss = true, .mss = 1460
    };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    uint32_t first = header.seq + 1;
    segment_in(TCP_ACK, PEER_ISN + 1, first, "");
    big_say(1460);
    turn();
    assert_true(segment_out(&header, &data));
    assert_int_equal(data.len, 1460);
    icmp_in(ICMP_CODE_TOO_BIG, 1000, PORT, PEER_PORT, first); /* RFC 1191 */
    assert_true(segment_out(&header, &data));
    assert_int_equal(header.seq, first);
    assert_int_equal(data.len, 960);
    icmp_in(ICMP_CODE_TOO_BIG, 68, PORT, PEER_PORT, first); /* no crumbs */
    while (segment_out(&header, &data))
        assert_true(data.len >= 500 || header.seq + data.len == first + 1460);
}

static void a_path_is_forgotten_after_ten_minutes(void **state)
{
    (void)state;
    struct tcp_header syn = {
        .seq = PEER_ISN, .flags = TCP_SYN, .window = 60000, .has_mss = true, .mss = 1460
    };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    bed->seq = PEER_ISN + 1;
    bed->ack = header.seq + 1;
    segment_in(TCP_ACK, bed->seq, bed->ack, "");
    big_say(1460);
    turn();
    assert_true(segment_out(&header, &data));
    icmp_in(ICMP_CODE_TOO_BIG, 1040, PORT, PEER_PORT,
            header.seq); /* not smaller than what it quotes */
    assert_int_equal(value_of("icmp", "unbelieved"), 1);
    icmp_in(ICMP_CODE_TOO_BIG, 0, PORT, PEER_PORT,
            header.seq); /* RFC 1191 §5: the next lower plateau */
    assert_int_equal(value_of("icmp", "too_big"), 1);
    assert_true(segment_out(&header, &data));
    assert_int_equal(data.len, 1006 - 40);
    while (segment_out(&header, &data))
        ;
    ack_in(bed->ack + 1460, 60000);
    bed->ack += 1460;
    bed->now_ns += 599000 * MS;
    big_say(1460);
    turn();
    assert_true(segment_out(&header, &data));
    assert_int_equal(data.len, 1006 - 40);
    while (segment_out(&header, &data))
        ;
    ack_in(bed->ack + 1460, 60000);
    bed->ack += 1460;
    bed->now_ns += 2000 * MS;
    big_say(1460);
    turn();
    assert_true(segment_out(&header, &data));
    assert_int_equal(data.len, 1460);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_blind_rst_gets_a_challenge),
        SCRIPT(a_blind_syn_gets_a_challenge),
        SCRIPT(a_blind_ack_does_not_bring_octets_in),
        SCRIPT(challenges_are_few_a_second),
        SCRIPT(an_rto_doubles_and_gives_up),
        SCRIPT(three_duplicate_acks_send_the_segment_again),
        SCRIPT(a_zero_window_is_probed_for_ever),
        SCRIPT(our_window_closes_and_opens),
        SCRIPT(a_fin_waits_until_all_was_read),
        SCRIPT(a_tiny_mss_is_not_believed),
        SCRIPT(abort_resets_and_is_silent),
        SCRIPT(keep_alive_finds_a_dead_peer),
        SCRIPT(keep_alive_leaves_a_peer_that_answers),
        SCRIPT(icmp_errors_must_quote_what_is_under_way),
        SCRIPT(unreachable_ends_what_is_not_yet_open),
        SCRIPT(too_big_makes_segments_smaller),
        SCRIPT(a_path_is_forgotten_after_ten_minutes),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
