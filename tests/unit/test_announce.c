/* What we tell the link by ourselves: whose our addresses are, which groups we want, and that an address is ours
 * when another station claims it. */
#include "io/net/checksum.h"
#include "io/net/mld.h"
#include "tests/support/ip_bed.h"

#define QUERIER "fe80::77"
#define OURS_LOCAL_GROUP "ff02::1:ff0f:3f6e"
#define ROUTERS2 "ff02::16"
#define ALL_NODES "ff02::1"
#define IS_EXCLUDE 2
#define CHANGE_TO_EXCLUDE 4

static const uint8_t alert[] = { IP_PROTOCOL_ICMP6, 0, 5, 2, 0, 0, 1, 0 };

static struct net_config config_of(uint32_t edge)
{
    return (struct net_config){ .addr4 = addr_of(OURS),
                                .prefix4 = 24,
                                .addr6 = addr_of(OURS6),
                                .prefix6 = 64,
                                .seed = { 1, 2 },
                                .numa_node = SOCKET_ID_ANY,
                                .edge_index = edge,
                                .edge_count = 2,
                                .announce = true };
}

static int open_first(void **state)
{
    struct net_config config = config_of(0);
    return ip_bed_open_with(state, &config);
}

static int open_second(void **state)
{
    struct net_config config = config_of(1);
    return ip_bed_open_with(state, &config);
}

#define FIRST(test) cmocka_unit_test_setup_teardown(test, open_first, ip_bed_close)
#define SECOND(test) cmocka_unit_test_setup_teardown(test, open_second, ip_bed_close)

/* ---- What comes out ---------------------------------------------------------------------------- */

/* A packet to a group: its payload. */
static struct span group_out(const char *dst, struct ip6_header *ip)
{
    struct ip_addr group = addr_of(dst);
    const uint8_t mac[ETH_ADDR_LEN] = {
        0x33, 0x33, group.octets[12], group.octets[13], group.octets[14], group.octets[15]
    };
    struct eth_header eth;
    struct span in;
    assert_true(frame_out(&eth, &in));
    assert_int_equal(eth.type, ETH_TYPE_IP6);
    assert_true(eth_equal(eth.dst, mac));
    assert_int_equal(ip6_header_read(in, ip), ERR_OK);
    assert_true(ip_equal(ip->dst, group));
    assert_int_equal(in.len, IP6_HEADER_LEN + ip->payload_len);
    return span_after(in, IP6_HEADER_LEN);
}

static struct span icmp_out(struct span in, const struct ip6_header *ip, uint8_t type)
{
    struct icmp_header header;
    uint64_t sum = checksum_pseudo(ip->src, ip->dst, IP_PROTOCOL_ICMP6, (uint16_t)in.len);
    assert_int_equal(icmp_header_read(in, sum, &header), ERR_OK);
    assert_int_equal(header.type, type);
    assert_int_equal(header.code, 0);
    return span_after(in, 4); /* what was reserved, too */
}

/* With hop limit 1, from our link-local address, with the router alert (RFC 3810 §5). */
static struct span mld_out(const char *dst, uint8_t type)
{
    struct ip6_header ip;
    struct span in = group_out(dst, &ip);
    assert_int_equal(ip.hop_limit, 1);
    assert_int_equal(ip.next, 0);
    assert_true(ip_equal(ip.src, addr_of(OURS_LOCAL)));
    check_bytes("router alert", span_first(in, sizeof alert), span_of(alert, sizeof alert));
    return icmp_out(span_after(in, sizeof alert), &ip, type);
}

static void expect_report(uint8_t record)
{
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    static const char *const groups[] = { OURS6_GROUP, OURS_LOCAL_GROUP };
    writer_u16(&w, 0);
    writer_u16(&w, 2);
    for (size_t i = 0; i < 2; i++) {
        writer_u32(&w, (uint32_t)record << 24);
        writer_bytes(&w, span_of(addr_of(groups[i]).octets, IP_ADDR_LEN));
    }
    check_bytes("report", mld_out(ROUTERS2, MLD_REPORT), written(&w));
}

static void expect_old_report(const char *group)
{
    struct span in = mld_out(group, MLD_REPORT_1);
    check_bytes("no delay", span_first(in, 4), span_of((const uint8_t[4]){ 0 }, 4));
    check_bytes("group", span_after(in, 4), span_of(addr_of(group).octets, IP_ADDR_LEN));
}

static void expect_advertisement(const char *addr)
{
    struct ip6_header ip;
    struct ndp_message message;
    struct span in = icmp_out(group_out(ALL_NODES, &ip), &ip, NDP_ADVERTISEMENT);
    assert_int_equal(ip.hop_limit, 255);
    assert_true(ip_equal(ip.src, addr_of(addr)));
    assert_int_equal(in.bytes[0], NDP_OVERRIDE >> 24); /* not solicited, not a router's */
    assert_int_equal(ndp_message_read(span_after(in, 4), NDP_ADVERTISEMENT, 0, &message), ERR_OK);
    assert_true(ip_equal(message.target, addr_of(addr)));
    assert_true(message.has_mac && eth_equal(message.mac, mac_ours));
}

static void expect_announcements(void)
{
    expect_arp_request(OURS, NULL); /* by ourselves: RFC 5227 §3 */
    expect_advertisement(OURS6);
    expect_advertisement(OURS_LOCAL);
}

static void settle(void)
{
    struct eth_header eth;
    struct span in;
    link_pass(5000);
    while (frame_out(&eth, &in))
        ;
}

/* ---- At start ---------------------------------------------------------------------------------- */

static void the_link_is_told_twice(void **state)
{
    (void)state;
    for (int time = 0; time < 2; time++) {
        link_pass(10);
        expect_report(CHANGE_TO_EXCLUDE);
        expect_announcements();
        nothing_out();
        link_pass(1980);
        nothing_out();
        ip_bed->now_ns += 10 * MS;
    }
    for (int time = 0; time < 3; time++) { /* then only the groups, before a switch forgets them */
        link_pass(100000);
        expect_report(IS_EXCLUDE);
        nothing_out();
    }
    assert_int_equal(counted("arp", "announcements_out"), 2);
    assert_int_equal(counted("nd", "announcements_out"), 4);
    assert_int_equal(counted("mld", "reports_out"), 5);
}

static void one_edge_speaks_for_all(void **state)
{
    (void)state;
    link_pass(200000);
    nothing_out();
}

/* ---- Queries ----------------------------------------------------------------------------------- */

struct query {
    const char *name, *src, *dst, *group;
    uint16_t code;
    uint8_t hop_limit;
    bool old, without_alert;
    uint16_t sources; /* that it says it has, and has none of */
};

static void query_in(const struct query *query)
{
    uint8_t body[64], icmp[64], buf[128];
    struct writer w = writer_over(body, sizeof body);
    writer_bytes(&w, span_of(addr_of(query->group).octets, IP_ADDR_LEN));
    if (!query->old) {
        writer_u16(&w, 0x027d);
        writer_u16(&w, query->sources);
    }
    struct icmp_header header = { .type = MLD_QUERY, .rest = (uint32_t)query->code << 16 };
    struct writer m = writer_over(icmp, sizeof icmp);
    uint64_t sum = checksum_pseudo(addr_of(query->src), addr_of(query->dst), IP_PROTOCOL_ICMP6,
                                   (uint16_t)(ICMP_HEADER_LEN + writer_len(&w)));
    icmp_header_write(&m, &header, written(&w), sum);
    writer_bytes(&m, written(&w));
    struct writer p = writer_over(buf, sizeof buf);
    if (!query->without_alert)
        writer_bytes(&p, span_of(alert, sizeof alert));
    writer_bytes(&p, written(&m));
    ip_in_with(query->src, query->dst, query->without_alert ? IP_PROTOCOL_ICMP6 : 0,
               query->hop_limit, written(&p));
}

static void who_asks_is_answered(void **state)
{
    (void)state;
    static const struct query queries[] = {
        { "all", QUERIER, ALL_NODES, "::", 1000, 1, .sources = 0 },
        { "our group", QUERIER, OURS6_GROUP, OURS6_GROUP, 1000, 1, .sources = 0 },
        { "our other group", QUERIER, OURS_LOCAL, OURS_LOCAL_GROUP, 1000, 1, .sources = 0 },
        { "a delay of 1,024 ms", QUERIER, ALL_NODES, "::", 0x0400, 1, .sources = 0 },
    };
    settle();
    for (size_t i = 0; i < COUNT(queries); i++) {
        query_in(&queries[i]);
        query_in(&queries[i]); /* one answer for both */
        nothing_out();
        link_pass(1100);
        expect_report(IS_EXCLUDE);
        nothing_out();
        link_pass(2000);
        nothing_out();
    }
    assert_int_equal(counted("mld", "queries_in"), 2 * COUNT(queries));
}

static void a_long_delay_is_kept(void **state)
{
    (void)state;
    settle();
    uint64_t longest = 0;
    struct query query = { "", QUERIER, ALL_NODES, "::", 0x8123, 1, .sources = 0 }; /* 35.4 s */
    for (int i = 0; i < 20; i++) {
        uint64_t asked_ns = ip_bed->now_ns;
        query_in(&query);
        struct eth_header eth;
        struct span in;
        while (!frame_out(&eth, &in)) {
            link_pass(100);
            assert_true(ip_bed->now_ns - asked_ns < 35500 * MS);
        }
        uint64_t took = ip_bed->now_ns - asked_ns;
        longest = took > longest ? took : longest;
    }
    assert_true(longest > 10000 * MS); /* at random: a code read as 291 would end before */
}

static void an_old_querier_gets_old_reports(void **state)
{
    (void)state;
    settle();
    query_in(&(struct query){ "", QUERIER, ALL_NODES, "::", 500, 1, .old = true });
    link_pass(600);
    expect_old_report(OURS6_GROUP);
    expect_old_report(OURS_LOCAL_GROUP);
    nothing_out();
    link_pass(100000);
    expect_old_report(OURS6_GROUP);
    expect_old_report(OURS_LOCAL_GROUP);
    link_pass(200000);
    expect_old_report(OURS6_GROUP);
    expect_old_report(OURS_LOCAL_GROUP);
    expect_report(IS_EXCLUDE); /* it has not asked for long */
    nothing_out();
}

static void who_may_not_ask_is_not_answered(void **state)
{
    (void)state;
    static const struct query wrong[] = {
        { "not link-local", THEIRS6, ALL_NODES, "::", 10, 1, .sources = 0 },
        { "from beyond", QUERIER, ALL_NODES, "::", 10, 2, .sources = 0 },
        { "no router alert", QUERIER, ALL_NODES, "::", 10, 1, .without_alert = true },
        { "no group", QUERIER, ALL_NODES, OURS6, 10, 1, .sources = 0 },
        { "sources missing", QUERIER, OURS6_GROUP, OURS6_GROUP, 10, 1, .sources = 1 },
    };
    static const struct query foreign[] = {
        { "another group", QUERIER, OURS6, "ff02::1:ff00:2", 10, 1, .sources = 0 },
        { "all-nodes, which nobody reports", QUERIER, ALL_NODES, ALL_NODES, 10, 1, .sources = 0 },
    };
    settle();
    for (size_t i = 0; i < COUNT(wrong); i++) {
        query_in(&wrong[i]);
        if (counted("mld", "malformed") != i + 1)
            fail_msg("%s: not refused", wrong[i].name);
    }
    for (size_t i = 0; i < COUNT(foreign); i++) {
        query_in(&foreign[i]);
        if (counted("mld", "foreign") != i + 1)
            fail_msg("%s: taken", foreign[i].name);
    }
    link_pass(3000);
    nothing_out();
}

static void a_flood_of_queries_is_answered_in_measure(void **state)
{
    (void)state;
    settle();
    uint64_t before = counted("mld", "reports_out");
    for (int i = 0; i < 1000; i++) { /* in one second */
        query_in(&(struct query){ "", QUERIER, ALL_NODES, "::", 0, 1, .sources = 0 });
        ip_bed->now_ns += 1 * MS;
    }
    assert_in_range(counted("mld", "reports_out") - before, 1, 11);
    settle();
}

static void the_other_edge_leaves_queries_alone(void **state)
{
    (void)state;
    query_in(&(struct query){ "", QUERIER, ALL_NODES, "::", 0, 1, .sources = 0 });
    link_pass(1000);
    nothing_out();
    assert_int_equal(counted("mld", "foreign"), 1);
}

static void queries_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint32_t rest;
        enum err err;
        uint32_t delay_ms;
        bool old;
    } cases[] = {
        { "00000000000000000000000000000000 02 7d 0000", 0x27100000, ERR_OK, 10000, false },
        { "00000000000000000000000000000000 02 7d 0000", 0x80000000, ERR_OK, 32768, false },
        { "00000000000000000000000000000000 02 7d 0000", 0xffff0000, ERR_OK, 8387584, false },
        { "00000000000000000000000000000000", 0xffff0000, ERR_OK, 65535, true },
        { "ff0200000000000000000001ff000001 02 7d 0001 20010db8000000000000000000000002",
          0x03e80000, ERR_OK, 1000, false },
        { "ff0200000000000000000001ff000001 02 7d 0001 20010db80000000000000000000000", 0x03e80000,
          ERR_MALFORMED, 0, false },
        { "fe800000000000000000000000000001 02 7d 0000", 0x27100000, ERR_MALFORMED, 0, false },
        { "0000000000000000000000000000", 0, ERR_SHORT, 0, false },
        { "00000000000000000000000000000000 02 7d", 0, ERR_MALFORMED, 0, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mld_query query;
        struct span in = guarded_hex(cases[i].hex);
        check_err(cases[i].hex, mld_query_read(in, cases[i].rest, &query), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        assert_int_equal(query.delay_ms, cases[i].delay_ms);
        assert_int_equal(query.old, cases[i].old);
        for (size_t cut = 0; cut < in.len; cut++)
            if (cut != 16) /* a whole query of version 1 */
                assert_int_not_equal(mld_query_read(span_first(in, cut), cases[i].rest, &query),
                                     ERR_OK);
    }
}

/* ---- Who else claims it ------------------------------------------------------------------------ */

static void a_claim_is_contradicted_once_in_a_while(void **state)
{
    (void)state;
    uint64_t mac;
    settle();
    assert_int_equal(net_claims(ip_bed->net, &mac), 0);
    for (int time = 0; time < 3; time++) {
        arp_in(ARP_REQUEST, mac_other, OURS, OURS);
        expect_arp_request(OURS, NULL);
        nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, THEIRS6, ALL_NODES, OURS6, mac_other);
        expect_advertisement(OURS6);  /* each address has its turn */
        for (int i = 0; i < 9; i++) { /* within ten seconds: no war */
            arp_in(ARP_REPLY, mac_other, OURS, THEIRS);
            nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, OURS6 "9", ALL_NODES, OURS6, mac_other);
            link_pass(1000);
        }
        nothing_out();
        link_pass(1000);
    }
    assert_int_equal(counted("arp", "conflict"), 30);
    assert_int_equal(counted("nd", "conflict"), 30);
    assert_int_equal(net_claims(ip_bed->net, &mac), 60);
    assert_int_equal(mac, 0x020000000009);
    udp_in(THEIRS, OURS, 5353, BOUND, "still ours");
    assert_int_equal(ip_bed->received, 1);
}

/* A switch in trouble, or a mirror of us. */
static void our_own_words_are_no_claim(void **state)
{
    (void)state;
    uint64_t mac;
    settle();
    struct arp_packet packet = { .oper = ARP_REQUEST,
                                 .sender_addr = ip_v4(addr_of(OURS)),
                                 .target_addr = ip_v4(addr_of(OURS)) };
    memcpy(packet.sender_mac, mac_ours, ETH_ADDR_LEN);
    uint8_t buf[ARP_LEN];
    struct writer w = writer_over(buf, sizeof buf);
    arp_packet_write(&w, &packet);
    eth_in(mac_other, eth_broadcast, ETH_TYPE_ARP, written(&w));
    nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, THEIRS6, ALL_NODES, OURS6, mac_ours);
    nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, THEIRS6, ALL_NODES, OURS6, NULL);
    assert_int_equal(net_claims(ip_bed->net, &mac), 0);
    nothing_out();
}

static void another_edge_counts_and_is_silent(void **state)
{
    (void)state;
    uint64_t mac;
    arp_in(ARP_REQUEST, mac_other, OURS, OURS);
    nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, THEIRS6, ALL_NODES, OURS_LOCAL, mac_other);
    assert_int_equal(net_claims(ip_bed->net, &mac), 2);
    nothing_out();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIRST(the_link_is_told_twice),
        SECOND(one_edge_speaks_for_all),
        FIRST(who_asks_is_answered),
        FIRST(a_long_delay_is_kept),
        FIRST(an_old_querier_gets_old_reports),
        FIRST(who_may_not_ask_is_not_answered),
        FIRST(a_flood_of_queries_is_answered_in_measure),
        SECOND(the_other_edge_leaves_queries_alone),
        cmocka_unit_test(queries_are_read),
        FIRST(a_claim_is_contradicted_once_in_a_while),
        FIRST(our_own_words_are_no_claim),
        SECOND(another_edge_counts_and_is_silent),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
