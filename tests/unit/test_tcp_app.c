/* What applications do in their callbacks, and what a connection does when there is no more of something: room,
 * frames, places in a table. */
#include "tests/support/tcp_bed.h"

#define LARGE 200000u /* a window of it is scaled by 4 */

static int large_open(void **state)
{
    const struct net_config config = { .conn_cap = 4, .recv_len_max = LARGE };
    return bed_open_with(state, &config);
}

/* Opens with a window scale; returns ours. */
static uint8_t scaled_establish(void)
{
    struct tcp_header syn = {
        .seq = PEER_ISN, .flags = TCP_SYN, .window = 8000, .has_wscale = true, .wscale = 2
    };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data) && header.has_wscale);
    bed->seq = PEER_ISN + 1;
    bed->ack = header.seq + 1;
    segment_in(TCP_ACK, bed->seq, bed->ack, "");
    return header.wscale;
}

/* The window has whole units only; rounding is not to hand out what is not there, again with each octet. */
static void a_scaled_window_is_no_larger_than_the_room(void **state)
{
    (void)state;
    bed->take_max = 0;
    uint8_t scale = scaled_establish();
    assert_int_equal(scale, 2);
    uint32_t first = bed->seq;
    for (int i = 0; i < 100; i++) {
        data_in("abc");
        pass(25);
        struct tcp_header header;
        struct span data;
        assert_true(segment_out(&header, &data));
        uint32_t edge = header.ack + ((uint32_t)header.window << scale);
        assert_true(edge - first <= LARGE);
        assert_true(edge - first > LARGE - (1u << scale));
    }
}

static int largest_open(void **state)
{
    const struct net_config config = { .conn_cap = 4, .recv_len_max = 65535u << 14 };
    return bed_open_with(state, &config);
}

static void the_largest_window_has_the_largest_scale(void **state)
{
    (void)state;
    assert_int_equal(scaled_establish(), TCP_WSCALE_MAX);
    struct fault fault = { "" };
    struct net_config config = { .addr4 = ip_addr_v4(OURS),
                                 .prefix4 = 24,
                                 .recv_len_max = 1u << 30 };
    assert_null(net_create(bed->ends[0], &config, bed->now_ns, &fault));
}

/* A segment from a port of the script's to one of ours; sequence numbers of either side count from its ISN. */
static uint32_t our_isn;

static void from_to(uint16_t from, uint16_t to, uint8_t flags, uint32_t seq, uint32_t ack,
                    const char *text)
{
    struct tcp_header header = {
        .dst_port = to, .seq = PEER_ISN + seq, .ack = our_isn + ack, .flags = flags, .window = 8000
    };
    segment_from(from, &header, span_text(text));
}

/* Up to our SYN|ACK; false when none comes. */
static bool half_open_from_to(uint16_t from, uint16_t to)
{
    struct tcp_header header;
    struct span data;
    while (segment_out(&header, &data)) /* to others */
        ;
    from_to(from, to, TCP_SYN, 0, 0, "");
    bool answered = segment_out(&header, &data) && header.flags == (TCP_SYN | TCP_ACK);
    if (answered)
        our_isn = header.seq;
    return answered;
}

static void open_from_to(uint16_t from, uint16_t to)
{
    assert_true(half_open_from_to(from, to));
    from_to(from, to, TCP_ACK, 1, 1, "");
}

static enum err send_on(struct tcp_conn *conn, uint32_t len)
{
    struct chunk *chunk = chunk_take(bed->chunks);
    assert_non_null(chunk);
    assert_true(len <= chunk->cap);
    memset(chunk->bytes, 'x', len);
    chunk->len = len;
    enum err err = tcp_send(conn, chunk, 0, len, bed->now_ns);
    chunk_give(chunk);
    return err;
}

/* ---- Aborts in a callback ---- */

enum call { OPENED, RECEIVED, WRITABLE, PEER_CLOSED };

static struct {
    enum call in;
    unsigned skip; /* so many calls of it before */
    size_t take_max;
    bool aborted;
    struct tcp_conn *conn;
} quitter;

static bool quits(enum call call, struct tcp_conn *conn)
{
    assert_false(quitter.aborted);
    quitter.conn = conn;
    if (call != quitter.in || quitter.skip-- > 0)
        return false;
    tcp_abort(conn, bed->now_ns);
    quitter.aborted = true;
    return true;
}

static void quitter_opened(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    quits(OPENED, conn);
}

static size_t quitter_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    (void)ctx;
    if (quits(RECEIVED, conn))
        return 0;
    return in.len < quitter.take_max ? in.len : quitter.take_max;
}

static void quitter_writable(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    quits(WRITABLE, conn);
}

static void quitter_peer_closed(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    quits(PEER_CLOSED, conn);
}

static void quitter_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    (void)ctx;
    (void)conn;
    fail_msg("closed() after tcp_abort: %s", err_text(why));
}

static const struct tcp_app quitter_app = { quitter_opened, quitter_received, quitter_writable,
                                            quitter_peer_closed, quitter_closed };

static void *quitter_accepted(void *ctx, struct tcp_conn *conn)
{
    quitter.conn = conn;
    return ctx;
}

#define QUITTER_PORT 9

static void quitter_open(enum call in, unsigned skip, size_t take_max)
{
    memset(&quitter, 0, sizeof quitter);
    quitter.in = in;
    quitter.skip = skip;
    quitter.take_max = take_max;
    open_from_to(PEER_PORT, QUITTER_PORT);
}

/* Its RST is out, and nothing of it is left. */
static void quitter_check(void)
{
    assert_true(quitter.aborted);
    struct tcp_header header;
    struct span data;
    bool reset = false;
    while (segment_out(&header, &data))
        reset = reset || (header.flags & TCP_RST) != 0;
    assert_true(reset);
    assert_int_equal(net_conn_count(bed->net), 0);
    assert_int_equal(chunk_pool_free_count(bed->chunks), 8);
}

static void a_connection_may_be_aborted_in_any_call(void **state)
{
    (void)state;
    assert_int_equal(tcp_listen(bed->net, QUITTER_PORT, &quitter_app, quitter_accepted, &quitter),
                     ERR_OK);
    quitter_open(OPENED, 0, 0);
    quitter_check();
    quitter_open(RECEIVED, 0, 0);
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK | TCP_FIN, 1, 1, "abc");
    quitter_check();
    quitter_open(RECEIVED, 2, SIZE_MAX); /* the last of three that came turned round */
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK | TCP_FIN, 13, 1, "ghi");
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK, 7, 1, "def");
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK, 1, 1, "abcabc");
    assert_false(quitter.aborted);
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK, 10, 1, "fgh");
    quitter_check();
    quitter_open(RECEIVED, 1, 0); /* offered again */
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK | TCP_FIN, 1, 1, "abc");
    tcp_resume(quitter.conn, bed->now_ns);
    turn();
    quitter_check();
    quitter_open(PEER_CLOSED, 0, 0);
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK | TCP_FIN, 1, 1, "");
    quitter_check();
    quitter_open(PEER_CLOSED, 0, SIZE_MAX); /* in FIN-WAIT-2, on the way into TIME-WAIT */
    tcp_close(quitter.conn, bed->now_ns);
    turn();
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK, 1, 2, "");
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK | TCP_FIN, 1, 2, "abc");
    quitter_check();
}

/* The ACK that makes room acknowledges our FIN, too. */
static void writable_may_abort(void **state)
{
    (void)state;
    assert_int_equal(tcp_listen(bed->net, QUITTER_PORT, &quitter_app, quitter_accepted, &quitter),
                     ERR_OK);
    quitter_open(WRITABLE, 0, 0);
    assert_int_equal(send_on(quitter.conn, 5000), ERR_RANGE);
    assert_int_equal(send_on(quitter.conn, 1900), ERR_OK);
    assert_int_equal(send_on(quitter.conn, 1900), ERR_FULL);
    assert_int_equal(tcp_send_queued(quitter.conn), 1900);
    tcp_close(quitter.conn, bed->now_ns);
    turn();
    from_to(PEER_PORT, QUITTER_PORT, TCP_ACK | TCP_FIN, 1, 1902, "");
    quitter_check();
}

static int narrow_open(void **state)
{
    const struct net_config config = { .conn_cap = 4, .send_len_max = 2000 };
    return bed_open_with(state, &config);
}

/* ---- Full ---- */

static void a_full_table_takes_none(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 4; i++)
        open_from_to((uint16_t)(PEER_PORT + i), PORT);
    assert_int_equal(net_conn_count(bed->net), 4);
    assert_false(half_open_from_to(PEER_PORT + 4, PORT));
    assert_int_equal(value_of("tcp", "conn_full"), 1);
    struct tcp_endpoint peer = { ip_addr_v4(THEIRS), PORT };
    assert_null(tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns));
    assert_int_equal(value_of("tcp", "conn_full"), 2);
    nothing_out();
    tcp_abort(bed->conn, bed->now_ns);
    turn();
    struct tcp_conn *conn = tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns);
    assert_non_null(conn);
    assert_true(ip_equal(tcp_peer(conn).addr, peer.addr) && tcp_peer(conn).port == PORT);
}

#define EPHEMERAL 28232u

static int crowded_open(void **state)
{
    const struct net_config config = { .conn_cap = EPHEMERAL + 2 };
    return bed_open_with(state, &config);
}

static void source_ports_run_out_for_one_peer(void **state)
{
    (void)state;
    struct tcp_endpoint peer = { ip_addr_v4(THEIRS), PORT };
    for (uint32_t i = 0; i < EPHEMERAL; i++)
        assert_non_null(tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns));
    assert_null(tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns));
    assert_int_equal(value_of("tcp", "conn_full"), 1);
    peer.port++;
    assert_non_null(tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns));
}

static void listeners_come_and_go(void **state)
{
    (void)state;
    for (uint16_t port = 1; port < 8; port++) /* one is the bed's */
        assert_int_equal(tcp_listen(bed->net, port, &bed_app, quitter_accepted, bed), ERR_OK);
    assert_int_equal(tcp_listen(bed->net, 8, &bed_app, quitter_accepted, bed), ERR_FULL);
    open_from_to(PEER_PORT, 3);
    uint32_t isn = our_isn;
    assert_true(half_open_from_to(PEER_PORT + 1, 3));
    tcp_unlisten(bed->net, 3);
    tcp_unlisten(bed->net, 99);
    turn();
    assert_int_equal(net_conn_count(bed->net), 1);
    from_to(PEER_PORT + 1, 3, TCP_ACK, 1, 1, "");
    expect(TCP_RST, our_isn + 1, 0, "");
    from_to(PEER_PORT + 2, 3, TCP_SYN, 0, 0, "");
    expect(TCP_RST | TCP_ACK, 0, PEER_ISN + 1, "");
    our_isn = isn;
    from_to(PEER_PORT, 3, TCP_ACK, 1, 1, "still there");
    got("still there");
    assert_int_equal(tcp_listen(bed->net, 8, &bed_app, quitter_accepted, bed), ERR_OK);
}

static void resets_are_few_a_second(void **state)
{
    (void)state;
    struct tcp_header header;
    struct span data;
    for (uint32_t i = 0; i < 1010; i++) {
        from_to(PEER_PORT, 99, TCP_ACK, i, 0, "");
        while (segment_out(&header, &data))
            assert_int_equal(header.flags, TCP_RST);
    }
    assert_int_equal(value_of("tcp", "resets_out"), 1000);
    assert_int_equal(value_of("tcp", "throttled"), 10);
}

static int few_held_open(void **state)
{
    const struct net_config config = { .conn_cap = 12, .held_cap = 2 };
    return bed_open_with(state, &config);
}

/* No place for what the application left: the peer still has it. */
static void what_cannot_be_held_is_not_received(void **state)
{
    (void)state;
    bed->take_max = 0;
    for (uint16_t i = 0; i < 3; i++) {
        open_from_to((uint16_t)(PEER_PORT + i), PORT);
        from_to((uint16_t)(PEER_PORT + i), PORT, TCP_ACK, 1, 1, i == 2 ? "hello" : "held");
    }
    assert_int_equal(value_of("tcp", "held_full"), 1);
    from_to(PEER_PORT + 2, PORT, TCP_ACK, 6, 1, " world"); /* and nothing in order either */
    assert_int_equal(value_of("tcp", "held_full"), 2);
    pass(30);
    struct tcp_header header;
    struct span data;
    while (segment_out(&header, &data))
        assert_true(header.dst_port != PEER_PORT + 2 || header.ack == PEER_ISN + 1);
    bed->take_max = SIZE_MAX;
    from_to(PEER_PORT + 2, PORT, TCP_ACK, 1, 1, "hello");
    got(""); /* not before it asks */
    tcp_resume(bed->conn, bed->now_ns);
    turn();
    from_to(PEER_PORT + 2, PORT, TCP_ACK, 1, 1, "hello");
    from_to(PEER_PORT + 2, PORT, TCP_ACK, 6, 1, " world");
    got("hello world");
}

/* All places are taken by what came too early, here and elsewhere: what closes the gap needs none. */
static void a_gap_is_filled_though_nothing_more_can_be_held(void **state)
{
    (void)state;
    open_from_to(PEER_PORT, PORT);
    from_to(PEER_PORT, PORT, TCP_ACK, 11, 1, "elsewhere");
    open_from_to(PEER_PORT + 1, PORT);
    from_to(PEER_PORT + 1, PORT, TCP_ACK, 4, 1, "def");
    from_to(PEER_PORT + 1, PORT, TCP_ACK, 9, 1, "ij");
    assert_int_equal(value_of("tcp", "held_full"), 1);
    bed->take_max = 2;
    from_to(PEER_PORT + 1, PORT, TCP_ACK, 1, 1,
            "abcde"); /* of which cde, too, is no more than left */
    got("ab");
    bed->take_max = SIZE_MAX;
    tcp_resume(bed->conn, bed->now_ns);
    turn();
    from_to(PEER_PORT + 1, PORT, TCP_ACK, 3, 1, "cde");
    from_to(PEER_PORT + 1, PORT, TCP_ACK, 7, 1, "gh");
    from_to(PEER_PORT + 1, PORT, TCP_ACK, 9, 1, "ij");
    got("abcdefghij");
}

/* ---- No frames ---- */

static struct rte_mbuf *hoard[1024];
static uint32_t hoarded;

static void frames_hoard(void)
{
    hoarded = 0;
    while ((hoard[hoarded] = frame_take(bed->ends[0]->frames)) != NULL)
        hoarded++;
}

static void frames_return(void)
{
    while (hoarded > 0)
        frame_give(hoard[--hoarded]);
}

static void whatever_finds_no_frame_is_sent_a_little_later(void **state)
{
    (void)state;
    establish();
    frames_hoard();
    assert_int_equal(say("one"), ERR_OK);
    pass(5);
    frames_return();
    pass(2);
    expect(TCP_ACK, bed->ack, bed->seq, "one");
    frames_hoard();
    pass(250); /* a time-out finds none either */
    frames_return();
    pass(2);
    expect(TCP_ACK, bed->ack, bed->seq, "one");
    bed->ack += 3;
    ack_in(bed->ack, 8000);
    assert_int_equal(value_of("tcp", "rto"), 1);
    frames_hoard();
    tcp_close(bed->conn, bed->now_ns);
    pass(5);
    frames_return();
    pass(2);
    expect(TCP_FIN | TCP_ACK, bed->ack, bed->seq, "");
    assert_true(value_of("eth", "no_frame") > 0);
    frames_hoard();
    tcp_abort(bed->conn, bed->now_ns); /* its RST is lost, as any may be */
    turn();
    frames_return();
    pass(5);
    nothing_out();
    bed->conn = tcp_connect(bed->net, (struct tcp_endpoint){ ip_addr_v4(THEIRS), PORT }, &bed_app,
                            bed, bed->now_ns);
    frames_hoard();
    pass(5);
    frames_return();
    pass(2);
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data) && header.flags == TCP_SYN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scaled_window_is_no_larger_than_the_room, large_open,
                                        bed_close),
        SCRIPT(a_connection_may_be_aborted_in_any_call),
        cmocka_unit_test_setup_teardown(writable_may_abort, narrow_open, bed_close),
        SCRIPT(a_full_table_takes_none),
        cmocka_unit_test_setup_teardown(source_ports_run_out_for_one_peer, crowded_open, bed_close),
        SCRIPT(listeners_come_and_go),
        SCRIPT(resets_are_few_a_second),
        cmocka_unit_test_setup_teardown(what_cannot_be_held_is_not_received, few_held_open,
                                        bed_close),
        cmocka_unit_test_setup_teardown(a_gap_is_filled_though_nothing_more_can_be_held,
                                        few_held_open, bed_close),
        SCRIPT(whatever_finds_no_frame_is_sent_a_little_later),
        cmocka_unit_test_setup_teardown(the_largest_window_has_the_largest_scale, largest_open,
                                        bed_close),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
