/* RFC 9293 by clause, segment by segment: handshake, order, ends. */
#include "io/flow.h"
#include "tests/support/tcp_bed.h"

static void small_segments_are_acknowledged_late_and_together(void **state)
{
    (void)state;
    establish();
    data_in("one ");
    data_in("two");
    nothing_out(); /* §3.8.6.3: less than two full segments */
    pass(25);
    expect_ack();
    got("one two");
}

static void an_answer_carries_the_ack(void **state)
{
    (void)state;
    establish();
    data_in("ping");
    assert_int_equal(say("po"), ERR_OK);
    assert_int_equal(say("ng"), ERR_OK);
    turn();
    expect(TCP_ACK, bed->ack, bed->seq, "pong"); /* two sends, one segment */
    pass(100);
    nothing_out();
}

static void segments_out_of_order_wait_for_the_gap(void **state)
{
    (void)state;
    establish();
    segment_in(TCP_ACK, bed->seq + 3, bed->ack, "def");
    expect_ack(); /* RFC 5681 §4.2: at once */
    segment_in(TCP_ACK, bed->seq + 9, bed->ack, "jkl");
    expect_ack();
    segment_in(TCP_ACK, bed->seq + 1, bed->ack, "bcdefgh"); /* overlaps both ways */
    expect_ack();
    segment_in(TCP_ACK, bed->seq, bed->ack, "abc");
    bed->seq += 8;
    expect_ack();
    got("abcdefgh");
    segment_in(TCP_ACK, bed->seq - 2, bed->ack, "ghijk");
    bed->seq += 4;
    expect_ack();
    got("abcdefghijkl");
}

static void old_duplicates_are_acknowledged_and_dropped(void **state)
{
    (void)state;
    establish();
    data_in("abc");
    segment_in(TCP_ACK, bed->seq - 3, bed->ack, "abc");
    expect_ack();
    segment_in(TCP_ACK, bed->seq - 4, bed->ack, "?"); /* a keep-alive with an octet */
    expect_ack();
    segment_in(TCP_ACK, bed->seq - 1, bed->ack, ""); /* and without */
    expect_ack();
    got("abc");
}

static void octets_beyond_the_window_are_cut(void **state)
{
    (void)state;
    establish();
    segment_in(TCP_ACK, bed->seq + 19998, bed->ack, "xyz");
    expect_ack();
    assert_int_equal(value_of("tcp", "beyond_window"), 1);
    segment_in(TCP_ACK, bed->seq + 30000, bed->ack, "xyz");
    expect_ack();
    assert_int_equal(value_of("tcp", "out_of_window"), 1);
}

static void sets_of_flags_no_state_allows_are_dropped(void **state)
{
    (void)state;
    establish();
    static const uint8_t bad[] = { 0,
                                   TCP_FIN,
                                   TCP_PSH,
                                   TCP_URG,
                                   TCP_FIN | TCP_PSH | TCP_URG,
                                   TCP_SYN | TCP_FIN,
                                   TCP_SYN | TCP_RST,
                                   TCP_SYN | TCP_FIN | TCP_ACK,
                                   0x3f };
    for (size_t i = 0; i < COUNT(bad); i++) {
        segment_in(bad[i], bed->seq, bed->ack, "evil");
        nothing_out();
        assert_int_equal(value_of("tcp", "flags"), i + 1);
    }
    assert_int_equal(bed->got_len, 0);
    data_in("good");
    got("good");
}

static void an_illegal_option_length_drops_the_segment(void **state)
{
    (void)state;
    establish();
    uint8_t octets[24];
    struct tcp_header header = { .src_port = PEER_PORT,
                                 .dst_port = PORT,
                                 .seq = bed->seq,
                                 .ack = bed->ack,
                                 .flags = TCP_ACK,
                                 .has_mss = true };
    struct writer w = writer_over(octets, sizeof octets);
    tcp_header_write(&w, &header);
    for (uint8_t len = 0; len < 2; len++) {
        octets[TCP_HEADER_LEN] = 254;
        octets[TCP_HEADER_LEN + 1] = len;
        raw_in(octets, sizeof octets);
        turn();
        assert_int_equal(value_of("tcp", "options"), len + 1);
    }
    nothing_out();
    octets[TCP_CHECKSUM_AT] ^= 1;
    packet_in(span_of(octets, sizeof octets), IP_PROTOCOL_TCP);
    turn();
    assert_int_equal(value_of("tcp", "checksum"), 1);
}

static void a_closed_port_answers_with_rst(void **state)
{
    (void)state;
    struct tcp_header syn = { .dst_port = 9, .seq = 100, .flags = TCP_SYN };
    segment_from(PEER_PORT, &syn, span_text("ab"));
    expect(TCP_RST | TCP_ACK, 0, 103, ""); /* §3.10.7.1 */
    struct tcp_header ack = { .dst_port = 9, .seq = 100, .ack = 777, .flags = TCP_ACK };
    segment_from(PEER_PORT, &ack, span_text(""));
    expect(TCP_RST, 777, 0, "");
    struct tcp_header rst = { .dst_port = 9, .seq = 100, .flags = TCP_RST };
    segment_from(PEER_PORT, &rst, span_text(""));
    nothing_out();
}

static void the_handshake_survives_loss_and_nonsense(void **state)
{
    (void)state;
    segment_in(TCP_SYN, PEER_ISN, 0, "");
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    uint32_t isn = header.seq;
    segment_in(TCP_SYN, PEER_ISN, 0, ""); /* our answer was lost */
    expect(TCP_SYN | TCP_ACK, isn, PEER_ISN + 1, "");
    pass(1100); /* RFC 6298 (2.1): one second */
    expect(TCP_SYN | TCP_ACK, isn, PEER_ISN + 1, "");
    segment_in(TCP_ACK, PEER_ISN + 1, isn + 99, ""); /* of what was never sent */
    expect(TCP_RST, isn + 99, 0, "");
    assert_int_equal(bed->opened, 0);
    segment_in(TCP_ACK, PEER_ISN + 1, isn + 1, "hello"); /* with data */
    assert_int_equal(bed->opened, 1);
    got("hello");
}

static void half_open_connections_are_bounded_and_end(void **state)
{
    (void)state;
    struct tcp_header syn = { .seq = 1, .flags = TCP_SYN };
    for (uint16_t port = 1; port <= 5; port++)
        segment_from(port, &syn, span_text(""));
    assert_int_equal(value_of("tcp", "cookies_out"), 3); /* conn_cap / 4 + 1 are kept */
    assert_int_equal(net_conn_count(bed->net), 2);
    pass(31000);
    assert_int_equal(net_conn_count(bed->net), 0);
    assert_int_equal(bed->opened + bed->closed, 0);
    struct tcp_header header;
    struct span data;
    while (segment_out(&header, &data))
        assert_int_equal(header.flags, TCP_SYN | TCP_ACK);
}

static void accepted_may_refuse(void **state)
{
    (void)state;
    bed->refuse = true;
    segment_in(TCP_SYN, PEER_ISN, 0, "");
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    segment_in(TCP_ACK, PEER_ISN + 1, header.seq + 1, "");
    expect(TCP_RST | TCP_ACK, header.seq + 1, PEER_ISN + 1, "");
    assert_int_equal(bed->opened + bed->closed, 0);
    assert_int_equal(net_conn_count(bed->net), 0);
}

static void we_close_first(void **state)
{
    (void)state;
    establish();
    assert_int_equal(say("bye"), ERR_OK);
    tcp_close(bed->conn, bed->now_ns);
    assert_int_equal(say("more"), ERR_CLOSED);
    turn();
    expect(TCP_FIN | TCP_ACK, bed->ack, bed->seq, "bye");
    bed->ack += 4;
    data_in("still here"); /* FIN-WAIT-1 and 2 still receive */
    got("still here");
    segment_in(TCP_FIN | TCP_ACK, bed->seq, bed->ack, "");
    bed->seq++;
    assert_int_equal(bed->peer_closed, 1);
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_OK);
    expect_ack();
    segment_in(TCP_FIN | TCP_ACK, bed->seq - 1, bed->ack, ""); /* TIME-WAIT: our ACK was lost */
    expect_ack();
    segment_in(TCP_RST, bed->seq, 0, ""); /* RFC 1337 */
    segment_in(TCP_FIN | TCP_ACK, bed->seq - 1, bed->ack, "");
    expect_ack();
    assert_int_equal(net_conn_count(bed->net), 0);
}

static void the_peer_closes_first(void **state)
{
    (void)state;
    establish();
    segment_in(TCP_FIN | TCP_ACK, bed->seq, bed->ack, "last");
    bed->seq += 5;
    expect_ack();
    got("last");
    assert_int_equal(bed->peer_closed, 1);
    assert_int_equal(say("and mine"), ERR_OK); /* CLOSE-WAIT still sends */
    tcp_close(bed->conn, bed->now_ns);
    turn();
    expect(TCP_FIN | TCP_ACK, bed->ack, bed->seq, "and mine");
    segment_in(TCP_ACK, bed->seq, bed->ack + 9, "");
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_OK);
    nothing_out();
}

static void both_close_at_once(void **state)
{
    (void)state;
    establish();
    tcp_close(bed->conn, bed->now_ns);
    turn();
    expect(TCP_FIN | TCP_ACK, bed->ack, bed->seq, "");
    segment_in(TCP_FIN | TCP_ACK, bed->seq, bed->ack, ""); /* crossed ours: CLOSING */
    bed->seq++;
    expect(TCP_ACK, bed->ack + 1, bed->seq, "");
    assert_int_equal(bed->closed, 0);
    segment_in(TCP_ACK, bed->seq, bed->ack + 1, "");
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_OK);
}

static void a_new_syn_may_end_time_wait(void **state)
{
    (void)state;
    we_close_first(state);
    segment_in(TCP_SYN, bed->seq - 100, 0, ""); /* an old one may not */
    expect_ack();
    segment_in(TCP_SYN, bed->seq + 1000, 0, ""); /* RFC 1122 §4.2.2.13 */
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    assert_int_equal(header.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(value_of("tcp", "time_wait_reused"), 1);
}

static void we_connect_and_are_refused(void **state)
{
    (void)state;
    struct tcp_endpoint peer = { ip_addr_v4(THEIRS), PORT };
    bed->conn = tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns);
    assert_non_null(bed->conn);
    struct tcp_endpoint local = tcp_local(bed->conn);
    turn();
    struct tcp_header syn;
    struct span data;
    assert_true(segment_out(&syn, &data));
    assert_int_equal(syn.flags, TCP_SYN);
    assert_true(syn.has_mss && syn.has_wscale);
    struct tcp_header rst = { .dst_port = local.port, .flags = TCP_RST | TCP_ACK };
    rst.ack = syn.seq; /* blind: not of our SYN (§3.10.7.3) */
    segment_from(PORT, &rst, span_text(""));
    assert_int_equal(bed->closed, 0);
    rst.ack = syn.seq + 1;
    segment_from(PORT, &rst, span_text(""));
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_REFUSED);
}

static void both_open_at_once(void **state)
{
    (void)state;
    bed->conn = tcp_connect(bed->net, (struct tcp_endpoint){ ip_addr_v4(THEIRS), PORT }, &bed_app,
                            bed, bed->now_ns);
    struct tcp_endpoint local = tcp_local(bed->conn);
    turn();
    struct tcp_header ours;
    struct span data;
    assert_true(segment_out(&ours, &data));
    struct tcp_header syn = { .dst_port = local.port, .seq = 5000, .flags = TCP_SYN };
    segment_from(PORT, &syn, span_text(""));
    expect(TCP_SYN | TCP_ACK, ours.seq, 5001, "");
    struct tcp_header both = { .dst_port = local.port,
                               .seq = 5000,
                               .ack = ours.seq + 1,
                               .flags = TCP_SYN | TCP_ACK,
                               .window = 1000 };
    segment_from(PORT, &both, span_text(""));
    assert_int_equal(bed->opened, 1);
}

static void nobody_answers_our_syn(void **state)
{
    (void)state;
    bed->conn = tcp_connect(bed->net, (struct tcp_endpoint){ ip_addr_v4(THEIRS), PORT }, &bed_app,
                            bed, bed->now_ns);
    struct tcp_header header;
    struct span data;
    for (int second = 0; second < 31; second++) {
        pass(1000);
        while (segment_out(&header, &data))
            assert_int_equal(header.flags, TCP_SYN);
    }
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_TIMEOUT);
    bed->conn = tcp_connect(bed->net, (struct tcp_endpoint){ ip_addr_v4(THEIRS + 7), PORT },
                            &bed_app, bed, bed->now_ns);
    pass(30100); /* ARP has no answer either */
    assert_int_equal(bed->why, ERR_UNREACHABLE);
    bed->conn = tcp_connect(bed->net, (struct tcp_endpoint){ ip_addr_v4(0x08080808), PORT },
                            &bed_app, bed, bed->now_ns);
    pass(2); /* no gateway: known at once */
    assert_int_equal(bed->closed, 3);
    assert_int_equal(bed->why, ERR_UNREACHABLE);
}

/* Several edges share our address: what comes back to the port must be this one's. */
static void source_ports_hash_home(void **state)
{
    for (uint32_t edge = 0; edge < 3; edge++) {
        struct net_config config = { .edge_index = edge, .edge_count = 3 };
        bed_open_with(state, &config);
        for (uint32_t i = 0; i < 60; i++) {
            struct tcp_endpoint peer = { ip_addr_v4(THEIRS + i % 5), PORT };
            bed->conn = tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns);
            assert_non_null(bed->conn);
            struct tcp_endpoint local = tcp_local(bed->conn);
            struct flow back = { { peer.addr, local.addr }, { peer.port, local.port } };
            assert_int_equal(flow_edge(&back, 3), edge);
        }
        bed_close(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_ports_hash_home),
        SCRIPT(small_segments_are_acknowledged_late_and_together),
        SCRIPT(an_answer_carries_the_ack),
        SCRIPT(segments_out_of_order_wait_for_the_gap),
        SCRIPT(old_duplicates_are_acknowledged_and_dropped),
        SCRIPT(octets_beyond_the_window_are_cut),
        SCRIPT(sets_of_flags_no_state_allows_are_dropped),
        SCRIPT(an_illegal_option_length_drops_the_segment),
        SCRIPT(a_closed_port_answers_with_rst),
        SCRIPT(the_handshake_survives_loss_and_nonsense),
        SCRIPT(half_open_connections_are_bounded_and_end),
        SCRIPT(accepted_may_refuse),
        SCRIPT(we_close_first),
        SCRIPT(the_peer_closes_first),
        SCRIPT(both_close_at_once),
        SCRIPT(a_new_syn_may_end_time_wait),
        SCRIPT(we_connect_and_are_refused),
        SCRIPT(both_open_at_once),
        SCRIPT(nobody_answers_our_syn),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
