/* Ports for exchanges that we begin: whose answers they are, on which edge they arrive, who else is heard. */
#include "io/flow.h"
#include "tests/support/ip_bed.h"

#define EDGES 3u
#define PORTS 200u

static unsigned heard, failed;
static struct udp_endpoint from;

static void on_received(void *ctx, struct udp_port *port, struct udp_endpoint peer, struct span in,
                        uint64_t now_ns)
{
    (void)ctx;
    (void)port;
    (void)in;
    (void)now_ns;
    heard++;
    from = peer;
}

static void on_failed(void *ctx, struct udp_port *port, struct udp_endpoint peer, enum err why,
                      uint16_t mtu)
{
    (void)ctx;
    (void)port;
    (void)peer;
    (void)why;
    (void)mtu;
    failed++;
}

static const struct udp_app app = { on_received, on_failed };

static int open_edge(void **state, uint32_t edge)
{
    const struct net_config config = { .addr4 = addr_of(OURS),
                                       .prefix4 = 24,
                                       .gateway4 = addr_of(GATEWAY),
                                       .addr6 = addr_of(OURS6),
                                       .prefix6 = 64,
                                       .seed = { 1, 2 },
                                       .numa_node = SOCKET_ID_ANY,
                                       .edge_index = edge,
                                       .edge_count = EDGES,
                                       .udp_port_cap = PORTS + 1 };
    heard = failed = 0;
    return ip_bed_open_with(state, &config);
}

static struct udp_port *connect_to(const char *addr, uint16_t number)
{
    struct udp_port *port;
    struct udp_endpoint peer = { addr_of(addr), number };
    assert_int_equal(udp_connect(ip_bed->net, peer, &app, NULL, &port), ERR_OK);
    return port;
}

/* What comes back is found by the edge that asked, whichever queue it came to. */
static void answers_come_home(void **state)
{
    static const char *const peers[] = { THEIRS, "192.0.2.53", THEIRS6, THEIRS_LOCAL };
    for (uint32_t edge = 0; edge < EDGES; edge++) {
        open_edge(state, edge);
        for (uint32_t i = 0; i < PORTS; i++) {
            struct ip_addr peer = addr_of(peers[i % COUNT(peers)]);
            const char *ours = ip_is_v4(peer) ? OURS : i % COUNT(peers) == 3 ? OURS_LOCAL : OURS6;
            uint16_t number = udp_number(connect_to(peers[i % COUNT(peers)], 53));
            const struct flow back = { { peer, addr_of(ours) }, { 53, number } };
            assert_int_equal(flow_edge(&back, EDGES), edge);
            assert_in_range(number, 32768, 60999);
        }
        ip_bed_close(state);
    }
}

/* Each a number of its own, and none that follows from the last. */
static void nobody_guesses_them(void **state)
{
    uint16_t numbers[PORTS];
    unsigned near = 0;
    open_edge(state, 0);
    for (uint32_t i = 0; i < PORTS; i++) {
        numbers[i] = udp_number(connect_to(THEIRS, 53));
        for (uint32_t n = 0; n < i; n++)
            assert_int_not_equal(numbers[n], numbers[i]);
        int step = i > 0 ? numbers[i] - numbers[i - 1] : INT16_MAX;
        near += step > -256 && step < 256;
    }
    assert_true(near < 20); /* 4 by chance */
    struct udp_port *more;
    struct udp_endpoint peer = { addr_of(THEIRS), 53 };
    assert_int_equal(udp_connect(ip_bed->net, peer, &app, NULL, &more), ERR_FULL);
    ip_bed_close(state);
}

static void only_the_peer_is_heard(void **state)
{
    open_edge(state, 0);
    struct udp_port *port = connect_to(THEIRS, 5353);
    udp_in(THEIRS, OURS, 5353, udp_number(port), "answer");
    assert_int_equal(heard, 1);
    assert_true(ip_equal(from.addr, addr_of(THEIRS)) && from.port == 5353);
    udp_in(THEIRS, OURS, 5354, udp_number(port), "another port");
    udp_in("10.99.0.3", OURS, 5353, udp_number(port), "another address");
    udp_in(THEIRS6, OURS6, 5353, udp_number(port), "another family");
    assert_int_equal(heard, 1);
    assert_int_equal(counted("udp", "no_port"), 3);
    struct eth_header eth;
    struct span out;
    while (frame_out(&eth, &out))
        ;
    assert_int_equal(udp_send(port, (struct udp_endpoint){ addr_of(THEIRS), 5354 }, span_text("x"),
                              ip_bed->now_ns),
                     ERR_UNREACHABLE);
    assert_int_equal(udp_send(port, (struct udp_endpoint){ addr_of(THEIRS), 5353 }, span_text("x"),
                              ip_bed->now_ns),
                     ERR_OK);
    assert_int_equal(counted("udp", "sent"), 1);
    uint16_t number = udp_number(port);
    udp_unbind(port);
    udp_in(THEIRS, OURS, 5353, number, "too late");
    assert_int_equal(heard, 1);
    ip_bed_close(state);
}

/* An ICMP error that quotes a datagram to somebody else was not about ours. */
static void errors_of_others_are_not_believed(void **state)
{
    open_edge(state, 0);
    struct udp_port *port = connect_to(THEIRS, 5353);
    for (uint16_t peer_port = 5352; peer_port <= 5353; peer_port++) {
        uint8_t buf[64];
        struct writer w = writer_over(buf, sizeof buf);
        struct ip4_header ip = { .total_len = 100,
                                 .protocol = IP_PROTOCOL_UDP,
                                 .src = ip_v4(addr_of(OURS)),
                                 .dst = ip_v4(addr_of(THEIRS)) };
        struct udp_header udp = { udp_number(port), peer_port, 80, 0 };
        static const struct icmp_header refused = { ICMP_UNREACHABLE, ICMP_CODE_PORT, 0 };
        ip4_header_write(&w, &ip);
        udp_header_write(&w, &udp);
        icmp_in(THEIRS, OURS, &refused, written(&w));
        assert_int_equal(failed, peer_port == 5353);
    }
    assert_int_equal(counted("icmp", "unbelieved"), 1);
    ip_bed_close(state);
}

static void who_cannot_be_reached_gets_no_port(void **state)
{
    static const struct {
        const char *addr;
        uint16_t port;
    } nobody[] = { { THEIRS, 0 },       { OURS, 53 },      { "127.0.0.1", 53 },
                   { "224.0.0.1", 53 }, { "ff02::1", 53 }, { "2001:db8:1::1", 53 } };
    open_edge(state, 0);
    for (size_t i = 0; i < COUNT(nobody); i++) {
        struct udp_port *port;
        struct udp_endpoint peer = { addr_of(nobody[i].addr), nobody[i].port };
        assert_int_equal(udp_connect(ip_bed->net, peer, &app, NULL, &port), ERR_UNREACHABLE);
    }
    ip_bed_close(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_home),
        cmocka_unit_test(nobody_guesses_them),
        cmocka_unit_test(only_the_peer_is_heard),
        cmocka_unit_test(errors_of_others_are_not_believed),
        cmocka_unit_test(who_cannot_be_reached_gets_no_port),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
