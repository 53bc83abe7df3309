/* What a hostile station on the link, or a router that lies, may try beside malformed packets: each is counted by
 * its reason and changes nothing. */
#include "io/net/neighbour.h"
#include "tests/support/ip_bed.h"

#define ALL_NODES "ff02::1"

/* An error message of one family that quotes a datagram of ours, of the same or the other. */
static void error_in(bool six, bool quote_six, uint32_t mtu)
{
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    if (quote_six) {
        struct ip6_header ip = {
            1460, IP_PROTOCOL_UDP, 64, addr_of(OURS6), addr_of(THEIRS6),
        };
        ip6_header_write(&w, &ip);
    } else {
        struct ip4_header ip = { .total_len = 1500,
                                 .protocol = IP_PROTOCOL_UDP,
                                 .src = ip_v4(addr_of(OURS)),
                                 .dst = ip_v4(addr_of(THEIRS)) };
        ip4_header_write(&w, &ip);
    }
    struct udp_header udp = { BOUND, 5353, 1460, 0 };
    udp_header_write(&w, &udp);
    struct icmp_header four = { ICMP_UNREACHABLE, ICMP_CODE_TOO_BIG, mtu };
    struct icmp_header header6 = { ICMP6_TOO_BIG, 0, mtu };
    icmp_in(six ? THEIRS6 : THEIRS, six ? OURS6 : OURS, six ? &header6 : &four, written(&w));
}

static void no_router_tells_of_the_other_family(void **state)
{
    (void)state;
    error_in(false, true, 1400);
    error_in(true, false, 1400);
    assert_int_equal(ip_bed->failed, 0);
    assert_int_equal(counted("icmp", "unbelieved"), 2);
    error_in(false, false, 1400);
    error_in(true, true, 1400);
    assert_int_equal(ip_bed->failed, 2);
}

/* Below what every link carries, or no less than what was too big. */
static void an_impossible_path_mtu_is_not_believed(void **state)
{
    (void)state;
    static const struct {
        bool six;
        uint32_t mtu;
        bool believed;
    } cases[] = {
        { false, 67, false }, { false, 68, true },   { false, 1499, true },  { false, 1500, false },
        { false, 0, true },   { true, 0, false },    { true, 1279, false },  { true, 1280, true },
        { true, 1499, true }, { true, 1500, false }, { true, 70000, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned before = ip_bed->failed;
        error_in(cases[i].six, cases[i].six, cases[i].mtu);
        if (ip_bed->failed - before != cases[i].believed)
            fail_msg("MTU %u of IPv%c", cases[i].mtu, cases[i].six ? '6' : '4');
        if (cases[i].believed)
            assert_int_equal(ip_bed->mtu, cases[i].mtu);
    }
}

/* An ICMPv6 message behind an option that is owed a parameter problem. */
static void behind_option_in(uint8_t type)
{
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    static const uint8_t options[] = { IP_PROTOCOL_ICMP6, 0, 0x80, 4, 0, 0, 0, 0 };
    writer_bytes(&w, span_of(options, sizeof options));
    writer_u8(&w, type);
    writer_bytes(&w, span_of(options, 7));
    ip_in(THEIRS6, OURS6, IP6_EXT_DESTINATION, written(&w));
}

static void no_error_about_an_error(void **state)
{
    (void)state;
    static const uint8_t errors[] = { ICMP6_UNREACHABLE, ICMP6_PROBLEM, 127, NDP_REDIRECT };
    for (size_t i = 0; i < COUNT(errors); i++)
        behind_option_in(errors[i]);
    assert_int_equal(counted("ip6", "option"), COUNT(errors));
    assert_int_equal(counted("icmp", "errors_out"), 0);
    nothing_out();
    behind_option_in(ICMP6_ECHO);
    assert_int_equal(counted("icmp", "errors_out"), 1);
    expect_solicitation(THEIRS6, NULL);
}

static void nobody_lives_at_impossible_addresses(void **state)
{
    (void)state;
    static const char *const nobody[] = { "10.99.0.255", "10.99.0.0", "0.0.0.0", "10.98.0.7" };
    static const uint8_t none[ETH_ADDR_LEN] = { 0 };
    struct eth_header eth;
    struct span out;
    for (size_t i = 0; i < COUNT(nobody); i++) {
        arp_in(ARP_REQUEST, mac_theirs, nobody[i], OURS);
        assert_false(neighbour_known(ip_bed->net, addr_of(nobody[i])));
    }
    while (frame_out(&eth, &out))
        ;
    const uint8_t *const macs[] = { none, mac_ours };
    for (size_t i = 0; i < COUNT(macs); i++) {
        uint8_t buf[ARP_LEN];
        struct writer w = writer_over(buf, sizeof buf);
        struct arp_packet packet = { .oper = ARP_REQUEST,
                                     .sender_addr = ip_v4(addr_of(THEIRS)),
                                     .target_addr = ip_v4(addr_of(OURS)) };
        memcpy(packet.sender_mac, macs[i], ETH_ADDR_LEN);
        arp_packet_write(&w, &packet);
        eth_in(mac_other, mac_ours, ETH_TYPE_ARP, written(&w));
        nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6_GROUP, OURS6, macs[i]);
        say_to("2001:db8::9", "x");
        expect_solicitation("2001:db8::9", NULL);
        nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED, "2001:db8::9", OURS6, "2001:db8::9", macs[i]);
        nothing_out();
        link_pass(4000);
        while (frame_out(&eth, &out))
            ;
    }
    assert_int_equal(counted("arp", "malformed"), 2);
    assert_int_equal(counted("nd", "malformed"), 4);
    assert_false(neighbour_known(ip_bed->net, addr_of(THEIRS)));
    assert_false(neighbour_known(ip_bed->net, addr_of(THEIRS6)));
}

/* Each claim makes us ask the station that we know; it answers at once; the next claim comes. */
static void lies_do_not_make_us_ask_without_end(void **state)
{
    (void)state;
    say_to(THEIRS6, "one");
    expect_solicitation(THEIRS6, NULL);
    nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED, THEIRS6, OURS6, THEIRS6, mac_theirs);
    expect_text(THEIRS6, mac_theirs, "one");
    unsigned asked = 0;
    struct eth_header eth;
    struct span out;
    for (unsigned i = 0; i < 200; i++) {
        nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, THEIRS6, ALL_NODES, THEIRS6, mac_other);
        while (frame_out(&eth, &out)) {
            asked++;
            nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED, THEIRS6, OURS6, THEIRS6, mac_theirs);
        }
        link_pass(10);
    }
    assert_in_range(asked, 3, 5); /* in two seconds */
    assert_int_equal(counted("neighbour", "contradicted"), 200);
    say_to(THEIRS6, "two");
    expect_text(THEIRS6, mac_theirs, "two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LINK(no_router_tells_of_the_other_family),
        ON_LINK(an_impossible_path_mtu_is_not_believed),
        ON_LINK(no_error_about_an_error),
        ON_LINK(nobody_lives_at_impossible_addresses),
        ON_LINK(lies_do_not_make_us_ask_without_end),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
