/* TIME-WAIT at a bounded cost: many short connections fill the table with it, and none that comes is refused for
 * that; and its ports, which either side may use again when the peer can tell the two connections apart (RFC 6191).
 */
#include "io/net/net_state.h"
#include "tests/support/tcp_bed.h"

#define SHORT_CONNS 500u
#define TABLE 64u
#define PEER_TS 100u
#define EDGES 128u /* of 28,232 ports each edge has some 220 */

static void bed_of(void **state, const struct net_config *config)
{
    bed_close(state);
    bed_open_with(state, config);
}

static struct tcp_header next_out(uint8_t flags)
{
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    assert_int_equal(header.flags, flags);
    return header;
}

/* The peer's segment in answer to `last`, `seq` octets and flags after its ISN. */
static struct tcp_header answer_to(const struct tcp_header *last, uint8_t flags, uint32_t seq,
                                   bool ts)
{
    return (struct tcp_header){ .dst_port = last->src_port,
                                .seq = PEER_ISN + seq,
                                .ack = last->seq + 1,
                                .flags = flags,
                                .window = 8000,
                                .has_ts = ts,
                                .ts_value = PEER_TS,
                                .ts_echo = last->ts_value };
}

/* We close first, and the peer then. */
static void closed_by_us(uint16_t peer_port, bool ts)
{
    unsigned closed = bed->closed;
    tcp_close(bed->conn, bed->now_ns);
    turn();
    struct tcp_header fin = next_out(TCP_FIN | TCP_ACK);
    struct tcp_header answer = answer_to(&fin, TCP_FIN | TCP_ACK, 1, ts);
    segment_from(peer_port, &answer, span_text(""));
    assert_int_equal(bed->closed, closed + 1);
    next_out(TCP_ACK);
    nothing_out();
}

static void short_one_in(uint16_t peer_port, bool ts)
{
    struct tcp_header syn = {
        .seq = PEER_ISN, .flags = TCP_SYN, .window = 8000, .has_ts = ts, .ts_value = PEER_TS
    };
    segment_from(peer_port, &syn, span_text(""));
    struct tcp_header header = next_out(TCP_SYN | TCP_ACK);
    struct tcp_header ack = answer_to(&header, TCP_ACK, 1, ts);
    segment_from(peer_port, &ack, span_text(""));
    closed_by_us(peer_port, ts);
}

/* Our SYN; false when there is no port or no place for it. */
static bool dial(uint16_t peer_port, struct tcp_header *syn)
{
    const struct tcp_endpoint peer = { ip_addr_v4(THEIRS), peer_port };
    bed->conn = tcp_connect(bed->net, peer, &bed_app, bed, bed->now_ns);
    if (bed->conn == NULL)
        return false;
    turn();
    *syn = next_out(TCP_SYN);
    return true;
}

static bool short_one_out(uint16_t peer_port, bool ts, struct tcp_header *syn)
{
    if (!dial(peer_port, syn))
        return false;
    struct tcp_header answer = answer_to(syn, TCP_SYN | TCP_ACK, 0, ts);
    segment_from(peer_port, &answer, span_text(""));
    next_out(TCP_ACK);
    closed_by_us(peer_port, ts);
    return true;
}

static bool begins_anew(uint32_t seq, bool ts, uint32_t ts_value)
{
    struct tcp_header syn = {
        .seq = seq, .flags = TCP_SYN, .window = 8000, .has_ts = ts, .ts_value = ts_value
    };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    return segment_out(&header, &data) && header.flags == (TCP_SYN | TCP_ACK);
}

static void it_ends_for_a_later_timestamp(void **state)
{
    (void)state;
    short_one_in(PEER_PORT, true); /* RFC 6191 §2 */
    uint32_t next = PEER_ISN + 2;
    assert_false(begins_anew(next + 1000, true, PEER_TS - 1));
    assert_false(begins_anew(next - 1000, true, PEER_TS));
    assert_true(begins_anew(next - 1000, true, PEER_TS + 1)); /* whatever its number */
}

static void it_ends_for_a_higher_number(void **state)
{
    (void)state;
    short_one_in(PEER_PORT, true);
    uint32_t next = PEER_ISN + 2;
    assert_false(begins_anew(next - 1, false, 0));
    assert_true(begins_anew(next + 1, false, 0));
}

/* Whether the connection from that port is still in TIME-WAIT: its FIN, again, gets its ACK, or a reset. */
static bool is_kept(uint16_t peer_port)
{
    struct tcp_header fin = {
        .seq = PEER_ISN + 1, .ack = 1, .flags = TCP_FIN | TCP_ACK, .window = 8000
    };
    segment_from(peer_port, &fin, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    return (header.flags & TCP_RST) == 0;
}

static void who_comes_takes_the_oldest_place(void **state)
{
    const struct net_config config = { .conn_cap = TABLE };
    bed_of(state, &config);
    for (uint16_t i = 0; i < SHORT_CONNS; i++)
        short_one_in((uint16_t)(2000 + i), false);
    assert_int_equal(value_of("tcp", "accepts"), SHORT_CONNS);
    assert_int_equal(value_of("tcp", "time_wait_evicted"), SHORT_CONNS - TABLE);
    assert_int_equal(value_of("tcp", "conn_full"), 0);
    for (uint16_t i = 0; i < SHORT_CONNS; i++)
        assert_true(is_kept((uint16_t)(2000 + i)) == (i >= SHORT_CONNS - TABLE));
    struct tcp_header syn;
    for (uint16_t i = 0; i < SHORT_CONNS; i++)
        assert_true(short_one_out((uint16_t)(3000 + i), false, &syn));
    assert_int_equal(value_of("tcp", "time_wait_evicted"), 2 * SHORT_CONNS - TABLE);
}

static void they_are_no_more_than_configured(void **state)
{
    const struct net_config config = { .conn_cap = TABLE, .time_wait_cap = 10 };
    bed_of(state, &config);
    struct tcp_header syn;
    for (uint16_t i = 0; i < TABLE; i++) {
        if (i % 2 == 0)
            short_one_in((uint16_t)(2000 + i), false);
        else
            assert_true(short_one_out((uint16_t)(2000 + i), false, &syn));
        assert_in_range(bed->net->tcp.time_wait_count, 1, 10);
    }
    assert_int_equal(value_of("tcp", "time_wait_evicted"), TABLE - 10);
    pass(1);
    bed->now_ns += 60000 * MS;
    pass(1);
    assert_int_equal(bed->net->tcp.conn_count, 0);
}

static size_t take_all(void *ctx, struct tcp_conn *conn, struct span in)
{
    (void)ctx;
    (void)conn;
    return in.len;
}

static void nothing(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static struct tcp_conn *follower;

static void connect_again(void *ctx, struct tcp_conn *conn, enum err why);

static const struct tcp_app again_app = { nothing, take_all, nothing, nothing, connect_again };

static void connect_again(void *ctx, struct tcp_conn *conn, enum err why)
{
    (void)conn;
    (void)why;
    const struct tcp_endpoint peer = { ip_addr_v4(THEIRS), PORT };
    bed->closed++;
    follower = tcp_connect(bed->net, peer, &again_app, ctx, bed->now_ns);
}

/* The application connects anew from within closed(): the connection that is just ending is not taken for it under
 * the stack's hands, so its last ACK still leaves. */
static void one_in_use_is_not_taken(void **state)
{
    const struct net_config config = { .conn_cap = 1 };
    bed_of(state, &config);
    const struct tcp_endpoint peer = { ip_addr_v4(THEIRS), PORT };
    bed->conn = tcp_connect(bed->net, peer, &again_app, bed, bed->now_ns);
    turn();
    struct tcp_header syn = next_out(TCP_SYN);
    struct tcp_header answer = answer_to(&syn, TCP_SYN | TCP_ACK, 0, false);
    segment_from(PORT, &answer, span_text(""));
    next_out(TCP_ACK);
    closed_by_us(PORT, false);
    assert_null(follower);
    assert_int_equal(value_of("tcp", "conn_full"), 1);
    assert_true(dial(PORT, &syn)); /* later it may */
}

/* All the ports this edge has towards one peer, each just closed. Returns how many; `oldest` is the first. */
static uint32_t ports_use_up(void **state, bool ts, struct tcp_header *oldest)
{
    const struct net_config config = { .conn_cap = TABLE * 8,
                                       .edge_index = 5,
                                       .edge_count = EDGES };
    bed_of(state, &config);
    struct tcp_header syn;
    uint32_t count = 0;
    while (short_one_out(PORT, ts, count == 0 ? oldest : &syn))
        count++;
    assert_in_range(count, 100, 400);
    assert_int_equal(value_of("tcp", "conn_full"), 1);
    return count;
}

static void a_port_is_used_again_by_timestamps(void **state)
{
    struct tcp_header oldest, syn;
    uint32_t count = ports_use_up(state, true, &oldest);
    bed->now_ns += 999 * MS;
    assert_false(short_one_out(PORT, true, &syn));
    bed->now_ns += MS;
    for (uint32_t i = 0; i < count; i++) {
        struct tcp_header *again = i == 0 ? &oldest : &syn;
        uint16_t port = oldest.src_port;
        uint32_t ts = oldest.ts_value;
        assert_true(short_one_out(PORT, true, again));
        if (i > 0)
            continue;
        assert_int_equal(again->src_port, port);
        assert_int_equal(again->ts_value - ts, 1000); /* the peer's PAWS lets it pass */
    }
    assert_int_equal(value_of("tcp", "time_wait_reused"), count);
    assert_false(short_one_out(PORT, true, &syn)); /* these have not rested */
}

static void without_timestamps_it_rests(void **state)
{
    struct tcp_header oldest, syn;
    ports_use_up(state, false, &oldest);
    bed->now_ns += 59000 * MS;
    assert_false(short_one_out(PORT, false, &syn));
    bed->now_ns += 1000 * MS;
    turn();
    assert_true(short_one_out(PORT, false, &syn));
    assert_int_equal(value_of("tcp", "time_wait_reused"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(it_ends_for_a_later_timestamp),    SCRIPT(it_ends_for_a_higher_number),
        SCRIPT(who_comes_takes_the_oldest_place), SCRIPT(they_are_no_more_than_configured),
        SCRIPT(one_in_use_is_not_taken),          SCRIPT(a_port_is_used_again_by_timestamps),
        SCRIPT(without_timestamps_it_rests),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
