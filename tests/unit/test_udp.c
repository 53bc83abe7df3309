/* UDP by both families: demultiplexer, checksums, errors told, path. */
#include "io/net/checksum.h"
#include "tests/support/ip_bed.h"

static const struct {
    const char *theirs, *ours;
} pairs[] = { { THEIRS, OURS }, { THEIRS6, OURS6 }, { THEIRS_LOCAL, OURS_LOCAL } };

static void datagrams_come_and_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        udp_in(pairs[i].theirs, pairs[i].ours, 5353, BOUND, "question");
        assert_int_equal(ip_bed->received, i + 1);
        check_bytes("datagram", span_of(ip_bed->got, ip_bed->got_len), span_text("question"));
        assert_true(ip_equal(ip_bed->peer.addr, addr_of(pairs[i].theirs)));
        assert_int_equal(ip_bed->peer.port, 5353);
    }
    nothing_out();
    assert_int_equal(counted("udp", "received"), 3);
    udp_in(THEIRS6, OURS6, 5353, BOUND, "");
    assert_int_equal(ip_bed->got_len, 0);
}

static void nobody_there_is_told(void **state)
{
    (void)state;
    arp_in(ARP_REQUEST, mac_theirs, THEIRS, OURS);
    nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6_GROUP, OURS6, mac_theirs);
    struct eth_header eth;
    struct span in;
    while (frame_out(&eth, &in))
        ;
    udp_in(THEIRS, OURS, 5353, 99, "hello");
    expect_arp_request(THEIRS, mac_theirs);
    in = expect_packet(THEIRS, mac_theirs, IP_PROTOCOL_ICMP);
    struct icmp_header header;
    assert_int_equal(icmp_header_read(in, 0, &header), ERR_OK);
    assert_int_equal(header.type, ICMP_UNREACHABLE);
    assert_int_equal(header.code, ICMP_CODE_PORT);
    struct icmp_quote quote;
    assert_int_equal(icmp_quote_read(span_after(in, ICMP_HEADER_LEN), &quote), ERR_OK);
    assert_true(ip_equal(quote.src, addr_of(THEIRS)) && quote.dst_port == 99);
    udp_in(THEIRS6, OURS6, 5353, 99, "hello");
    expect_solicitation(THEIRS6, mac_theirs);
    in = expect_packet(THEIRS6, mac_theirs, IP_PROTOCOL_ICMP6);
    assert_int_equal(in.bytes[0], ICMP6_UNREACHABLE);
    assert_int_equal(in.bytes[1], ICMP6_CODE_PORT);
    assert_int_equal(icmp_quote_read(span_after(in, ICMP_HEADER_LEN), &quote), ERR_OK);
    assert_true(ip_equal(quote.dst, addr_of(OURS6)));
    assert_int_equal(counted("udp", "no_port"), 2);
    assert_int_equal(counted("icmp", "errors_out"), 2);
    for (int i = 0; i < 200; i++) {
        udp_in(THEIRS6, OURS6, 5353, 99, "flood");
        while (frame_out(&eth, &in))
            ;
    }
    assert_int_equal(counted("icmp", "errors_out"), ICMP_ERRORS_PER_S);
    assert_int_equal(counted("icmp", "throttled"), 202 - ICMP_ERRORS_PER_S);
    link_pass(1000);
    udp_in(THEIRS6, OURS6, 5353, 99, "later");
    assert_int_equal(counted("icmp", "errors_out"), ICMP_ERRORS_PER_S + 1);
}

/* A datagram with the checksum field as it is. */
static void raw_in(const char *src, const char *dst, uint16_t src_port, uint16_t len,
                   uint16_t checksum)
{
    uint8_t buf[16];
    struct writer w = writer_over(buf, sizeof buf);
    struct udp_header header = { src_port, BOUND, len, checksum };
    udp_header_write(&w, &header);
    writer_bytes(&w, span_text("abcd"));
    ip_in(src, dst, IP_PROTOCOL_UDP, written(&w));
}

static void malformed_datagrams_are_counted_by_reason(void **state)
{
    (void)state;
    raw_in(THEIRS, OURS, 5353, 12, 0); /* IPv4: none was made, none is wrong */
    assert_int_equal(ip_bed->received, 1);
    raw_in(THEIRS6, OURS6, 5353, 12, 0);
    assert_int_equal(counted("udp", "no_checksum"), 1);
    raw_in(THEIRS, OURS, 5353, 12, 0xdead);
    raw_in(THEIRS6, OURS6, 5353, 12, 0xdead);
    assert_int_equal(counted("udp", "checksum"), 2);
    raw_in(THEIRS6, OURS6, 5353, 13, 0xdead);
    raw_in(THEIRS, OURS, 5353, 7, 0);
    assert_int_equal(counted("udp", "length"), 2);
    raw_in(THEIRS, OURS, 0, 12, 0);
    assert_int_equal(counted("udp", "source_port"), 1);
    ip_in(THEIRS6, OURS6, IP_PROTOCOL_UDP, span_text("abcdefg"));
    assert_int_equal(counted("udp", "short"), 1);
    udp_in(THEIRS_LOCAL, OURS6, 5353, BOUND, "question");
    udp_in(THEIRS6, OURS_LOCAL, 5353, BOUND, "question");
    udp_in(THEIRS6, "ff02::1", 5353, BOUND, "question");
    assert_int_equal(counted("ip6", "scope"), 3);
    assert_int_equal(ip_bed->received, 1);
    nothing_out();
}

static void what_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    static const char *const nobody[] = {
        "0.0.0.0",     "127.0.0.1", "224.0.0.1", OURS, OURS6,
        "10.99.0.255", "::1",       "ff02::1",   "::", OURS_LOCAL
    };
    for (size_t i = 0; i < COUNT(nobody); i++)
        assert_int_equal(say_to(nobody[i], "x"), ERR_UNREACHABLE);
    nothing_out();
    static char text[1500];
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(udp_len_max(ip_bed->port, addr_of(THEIRS)), 1472);
    assert_int_equal(udp_len_max(ip_bed->port, addr_of(THEIRS6)), 1452);
    assert_int_equal(say_to(THEIRS, text), ERR_RANGE);
    text[1452] = '\0';
    assert_int_equal(say_to(THEIRS6, text), ERR_OK);
    text[1452] = 'x';
    text[1453] = '\0';
    assert_int_equal(say_to(THEIRS6, text), ERR_RANGE);
    struct udp_endpoint nowhere = { addr_of(THEIRS), 0 };
    assert_int_equal(udp_send(ip_bed->port, nowhere, span_text("x"), ip_bed->now_ns),
                     ERR_UNREACHABLE);
}

/* Sixteen bits of text can make the sum come out as 0, which would mean that there is none. */
static void a_checksum_of_zero_is_sent_as_ones(void **state)
{
    (void)state;
    say_to(THEIRS6, "find the station");
    expect_solicitation(THEIRS6, NULL);
    nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED, THEIRS6, OURS6, THEIRS6, mac_theirs);
    expect_text(THEIRS6, mac_theirs, "find the station");
    uint8_t octets[2] = { 0 };
    struct udp_endpoint peer = { addr_of(THEIRS6), 5353 };
    struct udp_header header = { BOUND, 5353, UDP_HEADER_LEN + sizeof octets, 0 };
    uint8_t buf[UDP_HEADER_LEN];
    struct writer w = writer_over(buf, sizeof buf);
    udp_header_write(&w, &header);
    uint64_t sum = checksum_pseudo(addr_of(OURS6), peer.addr, IP_PROTOCOL_UDP, header.len);
    w = writer_over(octets, sizeof octets);
    writer_u16(&w, checksum_of(checksum_add(sum, span_of(buf, sizeof buf))));
    assert_int_equal(udp_send(ip_bed->port, peer, written(&w), ip_bed->now_ns), ERR_OK);
    link_turn();
    struct span in = expect_packet(THEIRS6, mac_theirs, IP_PROTOCOL_UDP);
    assert_int_equal(udp_header_read(in, &header), ERR_OK);
    assert_int_equal(header.checksum, 0xffff);
}

static void ports_are_bound_once_and_given_back(void **state)
{
    (void)state;
    static const struct udp_app app = { NULL, NULL };
    struct udp_port *ports[8], *more;
    assert_int_equal(udp_bind(ip_bed->net, BOUND, &app, NULL, &more), ERR_DUPLICATE);
    for (uint16_t i = 0; i < 7; i++)
        assert_int_equal(udp_bind(ip_bed->net, (uint16_t)(1000 + i), &app, NULL, &ports[i]),
                         ERR_OK);
    assert_int_equal(udp_bind(ip_bed->net, 2000, &app, NULL, &more), ERR_FULL);
    udp_unbind(ip_bed->port);
    assert_int_equal(udp_bind(ip_bed->net, 2000, &app, NULL, &more), ERR_OK);
    udp_in(THEIRS, OURS, 5353, BOUND, "question");
    assert_int_equal(counted("udp", "no_port"), 1);
}

/* An error of either family about a datagram from `src_port`. */
static void error_in(size_t pair, const struct icmp_header *header, uint16_t src_port)
{
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    struct ip_addr src = addr_of(pairs[pair].ours), dst = addr_of(pairs[pair].theirs);
    if (ip_is_v4(src)) {
        struct ip4_header ip = {
            .total_len = 1500, .protocol = IP_PROTOCOL_UDP, .src = ip_v4(src), .dst = ip_v4(dst)
        };
        ip4_header_write(&w, &ip);
    } else {
        struct ip6_header ip = {
            .payload_len = 1460, .next = IP_PROTOCOL_UDP, .src = src, .dst = dst
        };
        ip6_header_write(&w, &ip);
    }
    struct udp_header udp = { src_port, 5353, 1460, 0 };
    udp_header_write(&w, &udp);
    icmp_in(pairs[pair].theirs, pairs[pair].ours, header, written(&w));
}

static void errors_are_told_to_who_has_the_port(void **state)
{
    (void)state;
    static const struct {
        size_t pair;
        struct icmp_header header;
        enum err why;
        uint16_t mtu;
    } cases[] = {
        { 0, { ICMP_UNREACHABLE, ICMP_CODE_PORT, 0 }, ERR_REFUSED, 0 },
        { 0, { ICMP_UNREACHABLE, 1, 0 }, ERR_UNREACHABLE, 0 },
        { 0, { ICMP_TIME_EXCEEDED, 0, 0 }, ERR_UNREACHABLE, 0 },
        { 0, { ICMP_UNREACHABLE, ICMP_CODE_TOO_BIG, 1400 }, ERR_LENGTH, 1400 },
        { 1, { ICMP6_UNREACHABLE, ICMP6_CODE_PORT, 0 }, ERR_REFUSED, 0 },
        { 1, { ICMP6_UNREACHABLE, 0, 0 }, ERR_UNREACHABLE, 0 },
        { 1, { ICMP6_PROBLEM, IP6_PROBLEM_NEXT, 6 }, ERR_REFUSED, 0 },
        { 1, { ICMP6_TOO_BIG, 0, 1280 }, ERR_LENGTH, 1280 },
        { 2, { ICMP6_TIME_EXCEEDED, 0, 0 }, ERR_UNREACHABLE, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        error_in(cases[i].pair, &cases[i].header, BOUND);
        assert_int_equal(ip_bed->failed, i + 1);
        assert_int_equal(ip_bed->why, cases[i].why);
        assert_int_equal(ip_bed->mtu, cases[i].mtu);
        assert_true(ip_equal(ip_bed->peer.addr, addr_of(pairs[cases[i].pair].theirs)));
        assert_int_equal(ip_bed->peer.port, 5353);
    }
    error_in(1, &cases[4].header, 99);
    static const struct icmp_header grows = { ICMP6_TOO_BIG, 0, 9000 };
    error_in(1, &grows, BOUND);
    assert_int_equal(counted("icmp", "unbelieved"), 2);
    assert_int_equal(ip_bed->failed, COUNT(cases));
    nothing_out(); /* never an error about an error */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LINK(datagrams_come_and_go),
        ON_LINK(nobody_there_is_told),
        ON_LINK(malformed_datagrams_are_counted_by_reason),
        ON_LINK(what_cannot_be_sent_is_refused),
        ON_LINK(a_checksum_of_zero_is_sent_as_ones),
        ON_LINK(ports_are_bound_once_and_given_back),
        ON_LINK(errors_are_told_to_who_has_the_port),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
