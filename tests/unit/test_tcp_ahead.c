/* Looking ahead in a burst changes when memory is fetched and nothing else. */
#include "io/tcp/tcp_ahead.h"

#include "base/prng.h"
#include "io/net/ip4.h"
#include "io/tcp/tcp_conn.h"
#include "tests/support/crowd.h"
#include "tests/support/stranger.h"
#include "tests/support/support.h"

#define CONNS 600u
#define BURSTS 300u
#define PEER_PORT 40000

static struct crowd crowd;

static void crowd_of(uint32_t ahead_conns_min)
{
    struct fault fault = { "" };
    if (!crowd_open(&crowd, CONNS, CONNS, &fault))
        fail_msg("%s", fault.text);
    crowd.net->tcp.ahead_conns_min = ahead_conns_min;
    crowd_connect(&crowd);
    assert_int_equal(crowd.open_count, CONNS);
}

static struct rte_mbuf *segment(struct ip_addr from_addr, struct ip_addr to_addr)
{
    struct wire_end from = crowd.gateway, to = crowd.ours;
    from.addr = from_addr;
    to.addr = to_addr;
    const struct tcp_header header = { .src_port = PEER_PORT,
                                       .dst_port = CROWD_PORT,
                                       .flags = TCP_ACK };
    return wire_segment(crowd.frames, &from, &to, &header, span_of(NULL, 0), span_text("x"));
}

/* Looks at the frame with one octet changed, and gives it back. */
static struct tcp_ahead look_changed(struct rte_mbuf *frame, uint16_t at, uint8_t value)
{
    rte_pktmbuf_mtod(frame, uint8_t *)[at] = value;
    struct tcp_ahead ahead = tcp_ahead_look(crowd.net, frame);
    frame_give(frame);
    return ahead;
}

static struct rte_mbuf *tagged(struct rte_mbuf *frame)
{
    uint8_t *old = rte_pktmbuf_mtod(frame, uint8_t *);
    uint8_t *front = (uint8_t *)rte_pktmbuf_prepend(frame, ETH_TAG_LEN);
    assert_non_null(front);
    memmove(front, old, 2 * (size_t)ETH_ADDR_LEN);
    struct writer w = writer_over(front + 2 * (size_t)ETH_ADDR_LEN, ETH_TAG_LEN);
    writer_u16(&w, ETH_TYPE_TAG);
    writer_u16(&w, 7);
    return frame;
}

static void what_is_plain_is_known(void **state)
{
    (void)state;
    crowd_of(0);
    struct ip_addr peer4 = ip_addr_v4(0x14000005), peer6 = crowd.ours6.addr;
    peer6.octets[15] = 9;
    uint32_t hash4 = tcp_hash(crowd.net, peer4, PEER_PORT, CROWD_PORT);
    uint32_t hash6 = tcp_hash(crowd.net, peer6, PEER_PORT, CROWD_PORT);
    struct tcp_ahead plain4 = look_changed(segment(peer4, crowd.ours.addr), 0, 0);
    struct tcp_ahead plain6 = look_changed(segment(peer6, crowd.ours6.addr), 0, 0);
    struct tcp_ahead tagged4 = look_changed(tagged(segment(peer4, crowd.ours.addr)), 0, 0);
    assert_true(plain4.known && plain4.hash == hash4);
    assert_true(plain6.known && plain6.hash == hash6);
    assert_true(tagged4.known && tagged4.hash == hash4);
    crowd_close(&crowd);
}

static void what_is_not_is_left_to_the_layers(void **state)
{
    (void)state;
    crowd_of(0);
    struct ip_addr peer4 = ip_addr_v4(0x14000005), peer6 = crowd.ours6.addr;
    static const struct {
        uint16_t at;
        uint8_t value;
    } changes4[] = { { 13, 6 }, { 14, 0x46 }, { 20, 0x20 }, { 21, 1 }, { 23, IP_PROTOCOL_UDP } };
    for (size_t i = 0; i < COUNT(changes4); i++)
        assert_false(
            look_changed(segment(peer4, crowd.ours.addr), changes4[i].at, changes4[i].value).known);
    peer6.octets[15] = 9;
    assert_false(look_changed(segment(peer6, crowd.ours6.addr), 20, 0).known); /* hop by hop */
    for (uint32_t len = 0; len < ETH_HEADER_LEN + IP4_HEADER_LEN + 4; len++) {
        struct rte_mbuf *frame = segment(peer4, crowd.ours.addr);
        frame_trim(frame, (uint16_t)len);
        assert_false(tcp_ahead_look(crowd.net, frame).known);
        frame_give(frame);
    }
    crowd_close(&crowd);
}

/* Bursts of requests, several of one peer among them, and of whatever strangers send. Gives every counter. */
static void weather(uint32_t ahead_conns_min, uint64_t counters[NET_COUNTER_COUNT])
{
    struct prng prng;
    prng_init(&prng, 7);
    crowd_of(ahead_conns_min);
    crowd.answers = 0;
    uint32_t asked = 0;
    for (uint32_t i = 0; i < BURSTS; i++) {
        for (uint32_t n = 0; n < FRAME_BURST; n++) {
            if (prng_below(&prng, 3) > 0) {
                crowd_ask(&crowd, (uint32_t)prng_below(&prng, i % 2 == 0 ? CONNS : 4));
                asked++;
                continue;
            }
            enum stranger kind = (enum stranger)prng_below(&prng, STRANGER_COUNT);
            crowd_put(&crowd, stranger_frame(kind, &prng, crowd.frames, &crowd.ours, &crowd.ours6,
                                             &crowd.gateway, CROWD_PORT));
        }
        crowd_turn(&crowd);
        crowd_listen(&crowd);
        crowd_turn(&crowd);
        crowd_listen(&crowd);
        crowd.now_ns += 1000000;
    }
    for (size_t i = 0; i < NET_COUNTER_COUNT; i++)
        counters[i] = counter_read(&crowd.net->counters[i]);
    assert_int_equal(counters[NET_TCP_OUT_OF_ORDER], 0);
    assert_true(crowd.answers > 0 && crowd.answers <= asked);
    assert_false(crowd.net->tcp.ahead.known);
    crowd_close(&crowd);
}

static void it_changes_nothing(void **state)
{
    (void)state;
    uint64_t with[NET_COUNTER_COUNT], without[NET_COUNTER_COUNT];
    weather(0, with);
    weather(UINT32_MAX, without);
    for (size_t i = 0; i < NET_COUNTER_COUNT; i++)
        assert_int_equal(with[i], without[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain_is_known),
        cmocka_unit_test(what_is_not_is_left_to_the_layers),
        cmocka_unit_test(it_changes_nothing),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
