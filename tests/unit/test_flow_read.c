/* Whose a frame is, by what it carries. */
#include "io/flow_read.h"
#include "io/net/arp.h"
#include "io/net/eth.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/ip6_ext.h"
#include "io/net/mld.h"
#include "io/net/ndp.h"
#include "tests/support/frames.h"

#define FOUR "192.0.2.1", "198.51.100.7"
#define SIX "2001:db8::1", "2001:db8:1::7"

static enum flow_owner owner_of(struct span frame, struct flow *flow)
{
    return flow_read(guarded_copy(frame), flow);
}

static void expect_flow(struct span frame, const char *src, const char *dst, uint16_t src_port,
                        uint16_t dst_port)
{
    struct flow flow;
    assert_int_equal(owner_of(frame, &flow), FLOW_EDGE);
    assert_true(ip_equal(flow.addr[0], addr_read(src)));
    assert_true(ip_equal(flow.addr[1], addr_read(dst)));
    assert_int_equal(flow.port[0], src_port);
    assert_int_equal(flow.port[1], dst_port);
}

static void expect_owner(enum flow_owner wanted, uint16_t type, struct span packet)
{
    struct frame_text text;
    struct flow flow;
    assert_int_equal(owner_of(frame_eth(&text, type, 0, packet), &flow), wanted);
}

static void segments_have_their_ports(void **state)
{
    (void)state;
    static const uint8_t protocols[] = { IP_PROTOCOL_TCP, IP_PROTOCOL_UDP };
    struct frame_text s, p, f;
    for (size_t i = 0; i < COUNT(protocols); i++)
        for (uint16_t vlan = 0; vlan < 2; vlan++) {
            struct span segment = segment_of(&s, 40000, 2775, 16);
            expect_flow(frame_eth(&f, ETH_TYPE_IP4, vlan,
                                  packet_ip(&p, FOUR, protocols[i], IP4_DF, segment)),
                        FOUR, 40000, 2775);
            expect_flow(
                frame_eth(&f, ETH_TYPE_IP6, vlan, packet_ip(&p, SIX, protocols[i], 0, segment)),
                SIX, 40000, 2775);
        }
}

static void an_ipv4_mapped_address_is_nobodys(void **state)
{
    (void)state;
    expect_owner(FLOW_FINDER, ETH_TYPE_IP6,
                 guarded_hex("60000000 0008 11 40 20010db8000000000000000000000001"
                             "00000000000000000000 ffff 0a620001 9c40 0ad7 0008 0000"));
}

static void fragments_go_by_their_addresses(void **state)
{
    (void)state;
    struct frame_text s, p, f, e;
    struct span segment = segment_of(&s, 40000, 2775, 16);
    expect_flow(frame_eth(&f, ETH_TYPE_IP4, 0,
                          packet_ip(&p, FOUR, IP_PROTOCOL_UDP, 0x2000, segment)), /* the first */
                FOUR, 0, 0);
    expect_flow(
        frame_eth(&f, ETH_TYPE_IP4, 0, packet_ip(&p, FOUR, IP_PROTOCOL_UDP, 0x0003, segment)), FOUR,
        0, 0);
    struct writer w = writer_over(e.octets, sizeof e.octets);
    writer_bytes(&w, guarded_hex("1100 0009 01020304")); /* offset 1, more to come */
    writer_bytes(&w, segment);
    expect_flow(
        frame_eth(&f, ETH_TYPE_IP6, 0, packet_ip(&p, SIX, IP6_EXT_FRAGMENT, 0, written(&w))), SIX,
        0, 0);
    w = writer_over(e.octets, sizeof e.octets);
    writer_bytes(&w, guarded_hex("1100 0000 01020304")); /* atomic (RFC 6946): whole */
    writer_bytes(&w, segment);
    expect_flow(
        frame_eth(&f, ETH_TYPE_IP6, 0, packet_ip(&p, SIX, IP6_EXT_FRAGMENT, 0, written(&w))), SIX,
        40000, 2775);
}

/* A router's word about our segment comes to the edge that sent it. */
static void icmp_errors_follow_what_they_quote(void **state)
{
    (void)state;
    struct frame_text s, q, e, p, f;
    struct span segment = segment_of(&s, 2775, 40000, 16);
    struct writer w = writer_over(e.octets, sizeof e.octets);
    writer_bytes(&w, guarded_hex("0304 0000 00000500"));
    writer_bytes(&w, span_first(packet_ip(&q, FOUR, IP_PROTOCOL_TCP, IP4_DF, segment), 28));
    expect_flow(
        frame_eth(&f, ETH_TYPE_IP4, 0,
                  packet_ip(&p, "203.0.113.9", "192.0.2.1", IP_PROTOCOL_ICMP, 0, written(&w))),
        FOUR, 2775, 40000);
    w = writer_over(e.octets, sizeof e.octets);
    writer_bytes(&w, guarded_hex("0200 0000 00000500"));
    writer_bytes(&w, packet_ip(&q, SIX, IP_PROTOCOL_TCP, 0, segment));
    expect_flow(
        frame_eth(&f, ETH_TYPE_IP6, 0,
                  packet_ip(&p, "2001:db8::9", "2001:db8::1", IP_PROTOCOL_ICMP6, 0, written(&w))),
        SIX, 2775, 40000);
}

static void answers_about_neighbours_are_for_all(void **state)
{
    (void)state;
    struct frame_text p;
    expect_owner(FLOW_FINDER, ETH_TYPE_ARP, packet_arp(&p, ARP_REQUEST, FOUR));
    expect_owner(FLOW_ALL, ETH_TYPE_ARP, packet_arp(&p, ARP_REPLY, FOUR));
    expect_owner(FLOW_ALL, ETH_TYPE_ARP,
                 packet_arp(&p, ARP_REQUEST, "192.0.2.1", "192.0.2.1")); /* RFC 5227 §3 */
    static const struct {
        uint8_t type;
        enum flow_owner owner;
    } cases[] = { { NDP_SOLICITATION, FLOW_FINDER },
                  { NDP_ADVERTISEMENT, FLOW_ALL },
                  { MLD_QUERY,
                    FLOW_ALL }, /* the edge that answers may not be the one that got it */
                  { NDP_ROUTER_ADVERTISEMENT, FLOW_FINDER },
                  { ICMP6_ECHO, FLOW_FINDER } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t message[24] = { cases[i].type };
        expect_owner(cases[i].owner, ETH_TYPE_IP6,
                     packet_ip(&p, SIX, IP_PROTOCOL_ICMP6, 0, span_of(message, sizeof message)));
    }
}

/* Nobody's flow; filters still see the addresses. */
static void the_rest_stays_where_it_came(void **state)
{
    (void)state;
    struct frame_text s, p, f;
    struct flow flow;
    struct span segment = segment_of(&s, 0x0800, 0, 16); /* an echo request */
    struct span frame =
        frame_eth(&f, ETH_TYPE_IP4, 0, packet_ip(&p, FOUR, IP_PROTOCOL_ICMP, 0, segment));
    assert_int_equal(owner_of(frame, &flow), FLOW_FINDER);
    assert_true(ip_equal(flow.addr[1], addr_read("198.51.100.7")));
    expect_owner(FLOW_FINDER, ETH_TYPE_IP4, packet_ip(&p, FOUR, 47, 0, segment));
    expect_owner(FLOW_FINDER, ETH_TYPE_IP4, packet_ip(&p, FOUR, IP_PROTOCOL_ICMP6, 0, segment));
    expect_owner(FLOW_FINDER, ETH_TYPE_IP6, packet_ip(&p, SIX, IP_PROTOCOL_ICMP, 0, segment));
    expect_owner(FLOW_FINDER, 0x88cc, segment);
}

static void a_cut_frame_is_nobody_s(void **state)
{
    (void)state;
    struct frame_text f;
    struct flow flow;
    struct span four = frame_segment(&f, FOUR, 1, 2, 16);
    for (size_t cut = 0; cut < four.len; cut++)
        assert_int_equal(owner_of(span_first(four, cut), &flow), FLOW_FINDER);
    struct span six = frame_segment(&f, SIX, 1, 2, 16);
    for (size_t cut = 0; cut < six.len; cut++)
        assert_int_equal(owner_of(span_first(six, cut), &flow), FLOW_FINDER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_have_their_ports),
        cmocka_unit_test(an_ipv4_mapped_address_is_nobodys),
        cmocka_unit_test(fragments_go_by_their_addresses),
        cmocka_unit_test(icmp_errors_follow_what_they_quote),
        cmocka_unit_test(answers_about_neighbours_are_for_all),
        cmocka_unit_test(the_rest_stays_where_it_came),
        cmocka_unit_test(a_cut_frame_is_nobody_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
