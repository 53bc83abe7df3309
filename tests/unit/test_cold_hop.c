/* Connections to stations that nobody has asked for yet: however many begin at once, all SYNs leave with the
 * answer, and strangers take neither the place nor the frames of the gateway. */
#include "io/net/neighbour.h"
#include "io/tcp/tcp.h"
#include "io/tcp/tcp_wire.h"
#include "tests/support/ip_bed.h"

#define CONNS 5000u

static unsigned closed;
static enum err why;

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    (void)ctx;
    (void)conn;
    return in.len;
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err err)
{
    (void)ctx;
    (void)conn;
    closed++;
    why = err;
}

static const struct tcp_app app = { on_opened, on_received, on_opened, on_opened, on_closed };

/* Each in both families: by the gateway, and on the link. */
static const struct hop {
    const char *peer, *hop, *ours;
} hops[] = {
    { "192.0.2.7", GATEWAY, OURS },
    { THEIRS, THEIRS, OURS },
    { "2001:db8:7::7", GATEWAY6, OURS_LOCAL },
    { THEIRS6, THEIRS6, OURS6 },
};

static int open_wide(void **state)
{
    struct net_config config = ip_bed_config();
    config.prefix4 = 16;
    config.conn_cap = 4 * CONNS;
    config.neighbour_cap = 64;
    closed = 0;
    return ip_bed_open_with(state, &config);
}

#define WIDE(test) cmocka_unit_test_setup_teardown(test, open_wide, ip_bed_close)

static struct tcp_conn *dial(const char *peer)
{
    struct tcp_endpoint to = { addr_of(peer), 2775 };
    struct tcp_conn *conn = tcp_connect(ip_bed->net, to, &app, NULL, ip_bed->now_ns);
    assert_non_null(conn);
    return conn;
}

static void expect_ask(const char *target)
{
    if (ip_is_v4(addr_of(target)))
        expect_arp_request(target, NULL);
    else
        expect_solicitation(target, NULL);
}

static void answer_in(const struct hop *hop)
{
    if (ip_is_v4(addr_of(hop->hop)))
        arp_in(ARP_REPLY, mac_theirs, hop->hop, hop->ours);
    else
        nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED | NDP_OVERRIDE, hop->hop, hop->ours, hop->hop,
              mac_theirs);
}

static bool is_syn(struct span payload, uint16_t type)
{
    struct span segment = span_after(payload, type == ETH_TYPE_IP4 ? IP4_HEADER_LEN : 40);
    struct tcp_header header;
    return tcp_header_read(segment, &header) == ERR_OK && header.flags == TCP_SYN;
}

/* SYNs that leave while no time passes, turn by turn. */
static unsigned syns_now(void)
{
    unsigned count = 0;
    struct eth_header eth;
    struct span payload;
    do {
        link_turn();
        while (frame_out(&eth, &payload)) {
            assert_true(eth_equal(eth.dst, mac_theirs));
            assert_true(is_syn(payload, eth.type));
            count++;
        }
    } while (net_next_ns(ip_bed->net) == 0);
    return count;
}

static void frames_out_forget(void)
{
    struct eth_header eth;
    struct span payload;
    while (frame_out(&eth, &payload))
        ;
}

static void all_begin_with_the_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hops); i++) {
        for (unsigned n = 0; n < CONNS; n++)
            dial(hops[i].peer);
        link_turn();
        expect_ask(hops[i].hop);
        nothing_out();
        assert_true(net_next_ns(ip_bed->net) > ip_bed->now_ns); /* a cold hop is nothing to do */
        link_pass(200);
        nothing_out();
        answer_in(&hops[i]);
        assert_int_equal(syns_now(), CONNS);
    }
    assert_int_equal(counted("neighbour", "queue_full"), 0);
    assert_int_equal(counted("port", "tx_full"), 0);
    assert_int_equal(counted("tcp", "retransmits"), 0);
    assert_int_equal(closed, 0);
}

/* As long as somebody waits; then nobody is asked for any more. */
static void a_silent_hop_is_asked_for_until_all_have_given_up(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3; n++)
        dial(hops[0].peer);
    unsigned asked = 0;
    struct eth_header eth;
    struct span payload;
    for (unsigned second = 0; second < 40; second++) {
        link_pass(1000);
        while (frame_out(&eth, &payload)) {
            assert_int_equal(eth.type, ETH_TYPE_ARP);
            asked++;
        }
    }
    assert_in_range(asked, 28, 33);
    assert_int_equal(closed, 3);
    assert_int_equal(why, ERR_UNREACHABLE);
    assert_int_equal(counted("tcp", "retransmits"), 0);
    dial(hops[0].peer);
    link_turn();
    expect_ask(hops[0].hop);
    answer_in(&hops[0]);
    assert_int_equal(syns_now(), 1);
}

/* A connection may end, or be given something to send, while it waits; its neighbours on the list do not mind. */
static void who_leaves_is_not_missed(void **state)
{
    (void)state;
    struct tcp_conn *conns[5];
    for (unsigned n = 0; n < 5; n++)
        conns[n] = dial(hops[0].peer);
    link_turn();
    expect_ask(hops[0].hop);
    tcp_abort(conns[4], ip_bed->now_ns); /* the list's ends, and its middle */
    tcp_abort(conns[0], ip_bed->now_ns);
    tcp_abort(conns[2], ip_bed->now_ns);
    tcp_close(conns[1], ip_bed->now_ns);
    link_turn();
    nothing_out();
    answer_in(&hops[0]);
    assert_int_equal(syns_now(), 2);
    dial(THEIRS);
    link_turn();
    expect_ask(THEIRS); /* and is destroyed while it waits */
}

/* Whom strangers make us answer: each needs a station that is not there. */
static void strangers_in(unsigned count)
{
    char text[IP_TEXT_CAP];
    for (unsigned i = 0; i < count; i++) {
        udp_in(ip_write(ip_addr_v4(0x0a630100 + i), text), OURS, 5353, 99, "flood");
        frames_out_forget();
        ip_bed->now_ns += 10 * MS; /* errors have a budget */
    }
}

static void strangers_leave_room_for_our_own(void **state)
{
    (void)state;
    strangers_in(150);
    assert_true(counted("neighbour", "full") > 0); /* every bucket has its share of them */
    for (unsigned i = 0; i < 20; i++)
        say_to("192.0.2.1", "by the gateway");
    expect_ask(GATEWAY);
    nothing_out();
    for (unsigned i = 0; i < 8; i++) {
        char text[IP_TEXT_CAP];
        dial(ip_write(ip_addr_v4(0x0a630010 + i), text));
        link_turn();
        expect_ask(text);
        nothing_out();
    }
    arp_in(ARP_REPLY, mac_theirs, GATEWAY, OURS);
    for (unsigned i = 0; i < NEIGHBOUR_QUEUE; i++)
        expect_text("192.0.2.1", mac_theirs, "by the gateway");
    nothing_out();
}

/* Frames for stations that are not there fill what all share; the gateways' part of it is kept. */
static void frames_wait_for_the_gateway_whoever_else_waits(void **state)
{
    (void)state;
    char text[IP_TEXT_CAP];
    for (unsigned i = 0; i < 32; i++)
        for (unsigned n = 0; n < NEIGHBOUR_QUEUE; n++)
            say_to(ip_write(ip_addr_v4(0x0a630100 + i), text), "lost");
    assert_true(counted("neighbour", "queue_full") > 0);
    frames_out_forget();
    for (unsigned n = 0; n < NEIGHBOUR_QUEUE; n++)
        say_to("192.0.2.1", "kept");
    expect_ask(GATEWAY);
    arp_in(ARP_REPLY, mac_theirs, GATEWAY, OURS);
    for (unsigned n = 0; n < NEIGHBOUR_QUEUE; n++)
        expect_text("192.0.2.1", mac_theirs, "kept");
    link_pass(5000);
    uint64_t dropped = counted("neighbour", "unresolved") + counted("neighbour", "queue_full") +
                       counted("neighbour", "full");
    assert_int_equal(dropped, 32 * NEIGHBOUR_QUEUE);
    frames_out_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIDE(all_begin_with_the_answer),
        WIDE(a_silent_hop_is_asked_for_until_all_have_given_up),
        WIDE(who_leaves_is_not_missed),
        WIDE(strangers_leave_room_for_our_own),
        WIDE(frames_wait_for_the_gateway_whoever_else_waits),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
