/* Packets that IP itself answers or drops: echo, parameter problems, fragments, martians, tags, addresses. */
#include "io/net/checksum.h"
#include "tests/support/ip_bed.h"

static void echo_is_answered(void **state)
{
    (void)state;
    arp_in(ARP_REQUEST, mac_theirs, THEIRS, OURS);
    nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6_GROUP, OURS6, mac_theirs);
    nd_in(NDP_SOLICITATION, 0, THEIRS_LOCAL, OURS6_GROUP, OURS6, mac_theirs);
    struct eth_header eth;
    struct span in;
    while (frame_out(&eth, &in))
        ;
    static const struct icmp_header echo4 = { ICMP_ECHO, 0, 0x12340001 };
    icmp_in(THEIRS, OURS, &echo4, span_text("abcde"));
    expect_arp_request(THEIRS, mac_theirs);
    in = expect_packet(THEIRS, mac_theirs, IP_PROTOCOL_ICMP);
    struct icmp_header header;
    assert_int_equal(icmp_header_read(in, 0, &header), ERR_OK);
    assert_int_equal(header.type, ICMP_ECHO_REPLY);
    assert_int_equal(header.rest, echo4.rest);
    check_bytes("echo", span_after(in, ICMP_HEADER_LEN), span_text("abcde"));
    static const struct icmp_header echo6 = { ICMP6_ECHO, 0, 0x12340001 };
    static const char *const froms[] = { THEIRS6, THEIRS_LOCAL };
    static const char *const tos[] = { OURS6, "ff02::1" };
    for (size_t i = 0; i < COUNT(froms); i++) {
        icmp_in(froms[i], tos[i], &echo6, span_text("abcde"));
        expect_solicitation(froms[i], mac_theirs);
        in = expect_packet(froms[i], mac_theirs, IP_PROTOCOL_ICMP6);
        assert_int_equal(in.bytes[0], ICMP6_ECHO_REPLY);
        check_bytes("echo", span_after(in, ICMP_HEADER_LEN), span_text("abcde"));
    }
    assert_int_equal(counted("icmp", "echoes"), 3);
}

/* `len` octets of extension headers and payload behind an IPv6 header, to us or a group. */
static void ext_in(uint8_t next, const char *dst, const char *hex)
{
    struct span in = guarded_hex(hex);
    ip_in(THEIRS6, dst, next, in);
}

static void expect_problem(uint8_t code, uint32_t pointer)
{
    struct span in = expect_packet(THEIRS6, mac_theirs, IP_PROTOCOL_ICMP6);
    struct reader r = reader_over(in);
    assert_int_equal(reader_u8(&r), ICMP6_PROBLEM);
    assert_int_equal(reader_u8(&r), code);
    reader_u16(&r);
    assert_int_equal(reader_u32(&r), pointer);
    struct span quote = reader_rest(&r);
    struct ip6_header header;
    assert_int_equal(ip6_header_read(quote, &header), ERR_OK);
    assert_true(ip_equal(header.src, addr_of(THEIRS6)));
}

static void parameter_problems_are_told(void **state)
{
    (void)state;
    nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6_GROUP, OURS6, mac_theirs);
    struct eth_header eth;
    struct span in;
    while (frame_out(&eth, &in))
        ;
    ext_in(253, OURS6, "01020304");
    expect_solicitation(THEIRS6, mac_theirs);
    expect_problem(1, 6);
    ext_in(60, OURS6, "fd00 010400000000 01020304");
    expect_problem(1, 40);
    assert_int_equal(counted("ip6", "protocol"), 2);
    ext_in(60, OURS6, "0600 9e0400000000");
    expect_problem(2, 42);
    ext_in(60, OURS6, "0600 5e0400000000");     /* silently */
    ext_in(60, "ff02::1", "0600 de0400000000"); /* silently to a group */
    nothing_out();
    ext_in(60, "ff02::1", "0600 9e0400000000"); /* RFC 4443 §2.4 (e.3), second exception */
    expect_problem(2, 42);
    assert_int_equal(counted("ip6", "option"), 4);
    ext_in(43, OURS6, "0602 00 01 00000000 20010db8000000000000000000000009");
    expect_problem(0, 42);
    assert_int_equal(counted("ip6", "source_route"), 1);
    ext_in(253, "ff02::1", "01020304");
    ext_in(59, OURS6, "01020304");
    nothing_out();
    assert_int_equal(counted("ip6", "no_next"), 1);
}

static void fragments_are_dropped_whole_ones_taken(void **state)
{
    (void)state;
    ext_in(44, OURS6, "1100 0001 00000001 1234");
    ext_in(44, OURS6, "1100 0008 00000001 1234");
    assert_int_equal(counted("ip6", "fragment"), 2);
    uint8_t buf[32]; /* an atomic fragment (RFC 6946) around a datagram */
    struct writer w = writer_over(buf, sizeof buf);
    writer_bytes(&w, guarded_hex("1100 0000 00000001"));
    size_t start = writer_mark(&w);
    struct udp_header header = { 5353, BOUND, UDP_HEADER_LEN + 2, 0 };
    udp_header_write(&w, &header);
    writer_bytes(&w, span_text("hi"));
    uint64_t sum = checksum_pseudo(addr_of(THEIRS6), addr_of(OURS6), IP_PROTOCOL_UDP, header.len);
    sum = checksum_add(sum, span_after(written(&w), start));
    writer_patch(&w, start + 6, checksum_of(sum), 2);
    ip_in(THEIRS6, OURS6, 44, written(&w));
    assert_int_equal(ip_bed->received, 1);
    assert_int_equal(counted("ip6", "fragment"), 2);
}

static void a_solicitation_with_a_fragment_header_is_dropped(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    writer_bytes(&w, guarded_hex("3a00 0000 00000001"));
    struct ndp_message message = {
        .type = NDP_SOLICITATION, .target = addr_of(OURS6), .has_mac = true, .mac = { 2, 9 }
    };
    uint8_t body[32];
    struct writer b = writer_over(body, sizeof body);
    ndp_message_write(&b, &message);
    struct icmp_header header = { .type = NDP_SOLICITATION };
    uint64_t pseudo = checksum_pseudo(addr_of(THEIRS6), addr_of(OURS6), IP_PROTOCOL_ICMP6,
                                      NDP_LEN + NDP_OPTION_LEN);
    icmp_header_write(&w, &header, written(&b), pseudo);
    writer_bytes(&w, written(&b));
    ip_in_with(THEIRS6, OURS6, 44, 255, written(&w));
    assert_int_equal(counted("nd", "malformed"), 1);
    nothing_out();
}

static void martians_are_dropped(void **state)
{
    (void)state;
    static const char *const four[] = { "0.1.2.3",     "127.0.0.1", "224.0.0.1", "240.0.0.1",
                                        "10.99.0.255", "10.99.0.0", OURS };
    for (size_t i = 0; i < COUNT(four); i++)
        udp_in(four[i], OURS, 5353, BOUND, "x");
    assert_int_equal(counted("ip4", "martian"), COUNT(four));
    static const char *const six[] = { "::", "::1", "ff02::7", "::10.99.0.2", OURS6, OURS_LOCAL };
    for (size_t i = 0; i < COUNT(six); i++)
        udp_in(six[i], OURS6, 5353, BOUND, "x");
    struct ip6_header mapped = {
        .payload_len = 0, .next = IP_PROTOCOL_UDP, .src = addr_of(THEIRS), .dst = addr_of(OURS6)
    };
    uint8_t buf[IP6_HEADER_LEN];
    struct writer w = writer_over(buf, sizeof buf);
    ip6_header_write(&w, &mapped);
    eth_in(mac_theirs, mac_ours, ETH_TYPE_IP6, written(&w));
    assert_int_equal(counted("ip6", "martian"), COUNT(six) + 1);
    udp_in(THEIRS, "10.99.0.7", 5353, BOUND, "x");
    udp_in(THEIRS, "10.99.0.255", 5353, BOUND, "x");
    udp_in(THEIRS6, "2001:db8::7", 5353, BOUND, "x");
    udp_in(THEIRS6, "ff02::2", 5353, BOUND, "x");
    assert_int_equal(counted("ip4", "foreign"), 2);
    assert_int_equal(counted("ip6", "foreign"), 2);
    assert_int_equal(ip_bed->received, 0);
    nothing_out();
}

static void malformed_headers_are_counted_by_reason(void **state)
{
    (void)state;
    static const struct {
        const char *reason, *hex;
    } cases[] = {
        { "short", "450000140000" },
        { "version", "65000014000040004006261c0a6300020a630001" },
        { "header", "44000014000040004006261c0a6300020a630001" },
        { "length", "45000015000040004006261c0a6300020a630001" },
        { "checksum", "45000014000040004006261d0a6300020a630001" },
        { "options", "46000018000040004006 8216 0a6300020a630001 a3010000" },
        { "source_route", "47000014000040004006 0000 0a6300020a630001" },
    };
    for (size_t i = 0; i + 1 < COUNT(cases); i++) {
        eth_in(mac_theirs, mac_ours, ETH_TYPE_IP4, guarded_hex(cases[i].hex));
        if (counted("ip4", cases[i].reason) != 1)
            fail_msg("not counted as ip4.%s", cases[i].reason);
    }
    eth_in(mac_theirs, mac_ours, ETH_TYPE_IP6, guarded_hex("60000000"));
    eth_in(mac_theirs, mac_ours, ETH_TYPE_IP6,
           guarded_hex("60000000 0001 11 40 20010db8000000000000000000000002"
                       "20010db8000000000000000000000001"));
    eth_in(mac_theirs, mac_ours, ETH_TYPE_IP6,
           guarded_hex("40000000 0000 11 40 20010db8000000000000000000000002"
                       "20010db8000000000000000000000001"));
    assert_int_equal(counted("ip6", "short"), 1);
    assert_int_equal(counted("ip6", "length"), 1);
    assert_int_equal(counted("ip6", "version"), 1);
    ext_in(60, OURS6, "0601 010400000000");
    assert_int_equal(counted("ip6", "extension"), 1);
    nothing_out();
}

static void groups_and_tags_that_are_not_ours_are_dropped(void **state)
{
    (void)state;
    static const uint8_t group4[ETH_ADDR_LEN] = { 1, 0, 0x5e, 0, 0, 1 };
    eth_in(mac_theirs, eth_broadcast, ETH_TYPE_IP4, guarded_hex("45"));
    eth_in(mac_theirs, group4, ETH_TYPE_IP4, guarded_hex("45"));
    eth_in(mac_theirs, group4, ETH_TYPE_IP6, guarded_hex("60"));
    eth_in(mac_theirs, mac_other, ETH_TYPE_IP4, guarded_hex("45"));
    assert_int_equal(counted("eth", "foreign"), 4);
    eth_in(eth_broadcast, mac_ours, ETH_TYPE_IP4, guarded_hex("45"));
    eth_in(mac_ours, mac_ours, ETH_TYPE_IP4, guarded_hex("45"));
    assert_int_equal(counted("eth", "source"), 2);
    eth_in(mac_theirs, mac_ours, 0x88cc, guarded_hex("45"));
    assert_int_equal(counted("eth", "type"), 1);
    frame_in(guarded_hex("020000000001 020000000002 8100 0064 0800 45"));
    assert_int_equal(counted("eth", "vlan"), 1);
    frame_in(
        guarded_hex("020000000001 020000000002 8100 e000 0800 45")); /* a priority is no VLAN */
    assert_int_equal(counted("ip4", "short"), 1);
    frame_in(guarded_hex("020000000001 020000000002 8100"));
    assert_int_equal(counted("eth", "short"), 1);
}

static int open_tagged(void **state)
{
    const struct net_config config = {
        .addr4 = addr_of(OURS), .prefix4 = 24, .vlan = 100, .seed = { 1, 2 }, .numa_node = -1
    };
    return ip_bed_open_with(state, &config);
}

/* As a port gives it that took a tag off. */
static void stripped_in(uint16_t tci, const char *hex)
{
    struct span octets = guarded_hex(hex);
    struct rte_mbuf *frame = frame_take(ip_bed->ends[1]->frames);
    assert_non_null(frame);
    struct writer w = frame_append(frame, (uint16_t)octets.len);
    writer_bytes(&w, octets);
    frame->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    frame->vlan_tci = tci;
    port_tx(ip_bed->ends[1], &frame, 1);
    link_turn();
}

static void a_tag_within_a_tag_is_another_link(void **state)
{
    (void)state;
    static const char asks[] = "020000000001 020000000002 0806 0001 0800 06 04 0001 020000000002 "
                               "0a630002 000000000000 0a630001";
    static const char inside[] = "020000000001 020000000002 8100 0007 0806 0001 0800 06 04 0001 "
                                 "020000000002 0a630002 000000000000 0a630001";
    struct eth_header eth;
    struct span out;
    stripped_in(0x0065, asks);
    stripped_in(0x0064, inside);
    frame_in(guarded_hex("020000000001 020000000002 8100 0064 8100 0064 0806"));
    nothing_out();
    assert_int_equal(counted("eth", "vlan"), 2);
    assert_int_equal(counted("eth", "type"), 1);
    stripped_in(0xe064, asks);
    assert_true(frame_out(&eth, &out));
    assert_int_equal(eth.vlan, 100);
}

static void a_port_in_a_vlan_lives_in_it(void **state)
{
    (void)state;
    say_to(THEIRS, "hello");
    struct eth_header eth;
    struct span in;
    assert_true(frame_out(&eth, &in));
    assert_int_equal(eth.vlan, 100);
    assert_int_equal(eth.type, ETH_TYPE_ARP);
    arp_in(ARP_REPLY, mac_theirs, THEIRS, OURS); /* untagged */
    frame_in(guarded_hex("020000000001 020000000002 8100 0065 0806"
                         "0001 0800 06 04 0002 020000000002 0a630002 020000000001 0a630001"));
    assert_int_equal(counted("eth", "vlan"), 2);
    nothing_out();
    frame_in(guarded_hex("020000000001 020000000002 8100 0064 0806"
                         "0001 0800 06 04 0002 020000000002 0a630002 020000000001 0a630001"));
    assert_true(frame_out(&eth, &in));
    assert_int_equal(eth.vlan, 100);
    assert_int_equal(eth.type, ETH_TYPE_IP4);
    nothing_out();
    udp_in(THEIRS6, OURS6, 5353, BOUND, "no IPv6 here");
    assert_int_equal(ip_bed->received, 0);
}

static void impossible_configurations_are_refused(void **state)
{
    (void)state;
    struct ip_addr none = { { 0 } };
    const struct {
        struct net_config config;
        const char *says;
    } cases[] = {
        { { .numa_node = -1 }, "no address" },
        { { .addr4 = addr_of("224.0.0.1"), .prefix4 = 24 }, "224.0.0.1" },
        { { .addr4 = addr_of(OURS) }, "prefix length 0: must be 1 to 32" },
        { { .addr4 = addr_of(OURS), .prefix4 = 33 }, "prefix length 33" },
        { { .addr6 = addr_of(OURS6), .prefix6 = 129 }, "prefix length 129" },
        { { .addr6 = addr_of("fe80::1"), .prefix6 = 64 }, "fe80::1" },
        { { .addr6 = addr_of("::1"), .prefix6 = 64 }, "::1" },
        { { .addr6 = addr_of(OURS6), .prefix6 = 64, .mtu = 1279 }, "at least 1280" },
        { { .addr4 = addr_of(OURS), .prefix4 = 24, .vlan = 4095 }, "VLAN 4095" },
        { { .addr4 = none, .addr6 = addr_of(OURS), .prefix6 = 24 }, "10.99.0.1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fault fault = { "" };
        assert_null(net_create(ip_bed->ends[0], &cases[i].config, 0, &fault));
        if (strstr(fault.text, cases[i].says) == NULL)
            fail_msg("case %zu: \"%s\"", i, fault.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LINK(echo_is_answered),
        ON_LINK(parameter_problems_are_told),
        ON_LINK(fragments_are_dropped_whole_ones_taken),
        ON_LINK(a_solicitation_with_a_fragment_header_is_dropped),
        ON_LINK(martians_are_dropped),
        ON_LINK(malformed_headers_are_counted_by_reason),
        ON_LINK(groups_and_tags_that_are_not_ours_are_dropped),
        cmocka_unit_test_setup_teardown(a_port_in_a_vlan_lives_in_it, open_tagged, ip_bed_close),
        cmocka_unit_test_setup_teardown(a_tag_within_a_tag_is_another_link, open_tagged,
                                        ip_bed_close),
        ON_LINK(impossible_configurations_are_refused),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
