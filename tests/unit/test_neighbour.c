/* Who is on the link: ARP and neighbour discovery over one table, and those who lie about it. */
#include "tests/support/ip_bed.h"

/* Each story is told in both families. */
struct family {
    const char *theirs, *other, *ours;
    void (*expect_ask)(const char *target, const uint8_t *mac);
};

static const struct family families[] = {
    { THEIRS, "10.99.0.9", OURS, expect_arp_request },
    { THEIRS6, "2001:db8::9", OURS6, expect_solicitation },
};

static void answer_in(const struct family *family, const uint8_t *mac)
{
    if (family == &families[0])
        arp_in(ARP_REPLY, mac, family->theirs, family->ours);
    else
        nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED | NDP_OVERRIDE, family->theirs, family->ours,
              family->theirs, mac);
}

/* To all, in nobody's answer. */
static void announce_in(const struct family *family, const uint8_t *mac)
{
    if (family == &families[0])
        arp_in(ARP_REQUEST, mac, family->theirs, family->theirs);
    else
        nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, family->theirs, "ff02::1", family->theirs, mac);
}

/* `who` asks for us. */
static void request_in(const struct family *family, const char *who, const uint8_t *mac)
{
    if (family == &families[0])
        arp_in(ARP_REQUEST, mac, who, family->ours);
    else
        nd_in(NDP_SOLICITATION, 0, who, OURS6_GROUP, family->ours, mac);
}

/* Our answer to request_in. */
static void expect_answer(void)
{
    struct eth_header eth;
    struct span payload;
    assert_true(frame_out(&eth, &payload));
}

static void frames_wait_for_the_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        assert_int_equal(say_to(family->theirs, "one"), ERR_OK);
        assert_int_equal(say_to(family->theirs, "two"), ERR_OK);
        family->expect_ask(family->theirs, NULL);
        nothing_out();
        answer_in(family, mac_theirs);
        expect_text(family->theirs, mac_theirs, "one");
        expect_text(family->theirs, mac_theirs, "two");
        say_to(family->theirs, "three");
        expect_text(family->theirs, mac_theirs, "three");
        nothing_out();
    }
}

static void who_is_silent_is_given_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        uint64_t before = counted("neighbour", "unresolved");
        say_to(family->theirs, "one");
        for (int second = 0; second < 3; second++) {
            family->expect_ask(family->theirs, NULL);
            nothing_out();
            link_pass(1010);
        }
        nothing_out();
        assert_int_equal(counted("neighbour", "unresolved"), before + 1);
        say_to(family->theirs, "two"); /* asked anew */
        family->expect_ask(family->theirs, NULL);
        answer_in(family, mac_theirs);
        expect_text(family->theirs, mac_theirs, "two");
    }
}

static void only_so_many_frames_wait(void **state)
{
    (void)state;
    const struct family *family = &families[1];
    char text[8];
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d", i);
        say_to(family->theirs, text);
    }
    assert_int_equal(counted("neighbour", "queue_full"), 4);
    family->expect_ask(family->theirs, NULL);
    answer_in(family, mac_theirs);
    for (int i = 4; i < 20; i++) { /* the newest, in order */
        snprintf(text, sizeof text, "%d", i);
        expect_text(family->theirs, mac_theirs, text);
    }
}

static void a_known_station_is_asked_again_in_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        say_to(family->theirs, "one");
        family->expect_ask(family->theirs, NULL);
        answer_in(family, mac_theirs);
        expect_text(family->theirs, mac_theirs, "one");
        link_pass(29000);
        say_to(family->theirs, "two");
        expect_text(family->theirs, mac_theirs, "two");
        nothing_out();
        link_pass(2000);
        say_to(family->theirs, "three"); /* stale: used, and the station itself asked */
        family->expect_ask(family->theirs, mac_theirs);
        expect_text(family->theirs, mac_theirs, "three");
        answer_in(family, mac_theirs);
        link_pass(3000);
        nothing_out();
    }
}

/* Gone from where it was: the probes are not answered, all are asked, it is found elsewhere. */
static void a_moved_station_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        say_to(family->theirs, "one");
        family->expect_ask(family->theirs, NULL);
        answer_in(family, mac_theirs);
        expect_text(family->theirs, mac_theirs, "one");
        announce_in(family, mac_other);
        for (int probe = 0; probe < 3; probe++) {
            family->expect_ask(family->theirs, mac_theirs);
            nothing_out();
            link_pass(510);
        }
        family->expect_ask(family->theirs, NULL);
        answer_in(family, mac_other);
        say_to(family->theirs, "two");
        expect_text(family->theirs, mac_other, "two");
        nothing_out();
    }
}

static void nobody_is_moved_by_a_stranger(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        uint64_t before = counted("neighbour", "contradicted");
        say_to(family->theirs, "one");
        family->expect_ask(family->theirs, NULL);
        answer_in(family, mac_theirs);
        expect_text(family->theirs, mac_theirs, "one");
        announce_in(family, mac_other);
        answer_in(family, mac_other);
        request_in(family, family->theirs, mac_other);
        family->expect_ask(family->theirs, mac_theirs); /* once, not for each lie */
        expect_answer();
        nothing_out();
        say_to(family->theirs, "two");
        expect_text(family->theirs, mac_theirs, "two");
        answer_in(family, mac_theirs); /* the true one answers */
        link_pass(5000);
        say_to(family->theirs, "three");
        expect_text(family->theirs, mac_theirs, "three");
        nothing_out();
        assert_int_equal(counted("neighbour", "contradicted"), before + 3);
    }
}

static void what_nobody_asked_makes_no_entry(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        answer_in(family, mac_other);
        announce_in(family, mac_other);
        say_to(family->theirs, "one");
        family->expect_ask(family->theirs, NULL);
        nothing_out();
    }
    assert_int_equal(counted("nd", "unasked"), 2);
    assert_int_equal(counted("arp", "unasked"), 1);
}

/* Who asks for us is known, but asked itself before it is relied on. */
static void who_asks_is_answered_and_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(families); i++) {
        const struct family *family = &families[i];
        request_in(family, family->theirs, mac_theirs);
        struct eth_header eth;
        struct span payload;
        assert_true(frame_out(&eth, &payload));
        assert_true(eth_equal(eth.dst, mac_theirs));
        nothing_out();
        say_to(family->theirs, "one");
        family->expect_ask(family->theirs, mac_theirs);
        expect_text(family->theirs, mac_theirs, "one");
    }
}

/* The table of the bed is one bucket of eight: a gateway in use stays, whoever else asks for us, and whomever
 * we are made to ask. */
static void a_flood_does_not_push_out_who_is_used(void **state)
{
    (void)state;
    say_to("192.0.2.1", "one");
    expect_arp_request(GATEWAY, NULL);
    arp_in(ARP_REPLY, mac_theirs, GATEWAY, OURS);
    expect_text("192.0.2.1", mac_theirs, "one");
    char text[IP_TEXT_CAP];
    for (unsigned i = 0; i < 100; i++) {
        request_in(&families[0], ip_write(ip_addr_v4(0x0a630010 + i), text), mac_other);
        expect_answer();
        say_to(ip_write(ip_addr_v4(0x0a630090 + i % 100), text), "lost");
    }
    assert_true(counted("neighbour", "full") > 0);
    struct eth_header eth;
    struct span payload;
    while (frame_out(&eth, &payload))
        ;
    say_to("192.0.2.1", "two");
    expect_text("192.0.2.1", mac_theirs, "two");
    nothing_out();
}

static void beyond_the_link_goes_to_the_gateway(void **state)
{
    (void)state;
    say_to("2001:db8:1::1", "one");
    expect_solicitation(GATEWAY6, NULL);
    nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED, GATEWAY6, OURS_LOCAL, GATEWAY6, mac_other);
    expect_text("2001:db8:1::1", mac_other, "one");
    say_to("2001:db8::1:2", "two"); /* within the prefix of 64 */
    expect_solicitation("2001:db8::1:2", NULL);
    say_to("fe80::7", "three"); /* link-local: always on the link, from our link-local address */
    expect_solicitation("fe80::7", NULL);
    nothing_out();
}

static void a_probe_for_our_address_is_answered_to_all(void **state)
{
    (void)state;
    static const uint8_t all_nodes[ETH_ADDR_LEN] = { 0x33, 0x33, 0, 0, 0, 1 };
    nd_in(NDP_SOLICITATION, 0, "::", OURS6_GROUP, OURS6, NULL);
    struct span in = expect_packet("ff02::1", all_nodes, IP_PROTOCOL_ICMP6);
    struct ndp_message message;
    assert_int_equal(in.bytes[0], NDP_ADVERTISEMENT);
    assert_int_equal(in.bytes[4], NDP_OVERRIDE >> 24); /* not solicited: RFC 4861 §7.2.4 */
    assert_int_equal(
        ndp_message_read(span_after(in, ICMP_HEADER_LEN), NDP_ADVERTISEMENT, 0, &message), ERR_OK);
    assert_true(ip_equal(message.target, addr_of(OURS6)));
    nd_in(NDP_SOLICITATION, 0, "::", OURS6, OURS6, NULL); /* §7.1.1: to the group only */
    nd_in(NDP_SOLICITATION, 0, "::", OURS6_GROUP, OURS6, mac_other);
    assert_int_equal(counted("ip6", "martian"), 1);
    assert_int_equal(counted("nd", "malformed"), 1);
    nothing_out();
}

static void what_is_not_for_us_is_counted_by_reason(void **state)
{
    (void)state;
    nd_in_with(NDP_SOLICITATION, 0, THEIRS6, OURS6_GROUP, OURS6, mac_theirs, 254);
    assert_int_equal(counted("nd", "hop_limit"), 1);
    nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6_GROUP, "2001:db8::7:0:1", mac_theirs);
    nd_in(NDP_SOLICITATION, 0, "2001:db8:1::2", OURS6_GROUP, OURS6, mac_theirs); /* off the link */
    assert_int_equal(counted("nd", "foreign"), 2);
    nd_in(NDP_ADVERTISEMENT, NDP_SOLICITED, THEIRS6, "ff02::1", THEIRS6, mac_theirs);
    nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6, "ff02::1", mac_theirs);
    nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6, OURS6, eth_broadcast);
    assert_int_equal(counted("nd", "malformed"), 3);
    nd_in(NDP_ADVERTISEMENT, NDP_OVERRIDE, THEIRS6, "ff02::1", OURS6, mac_other);
    assert_int_equal(counted("nd", "conflict"), 1);
    nd_in(NDP_ROUTER_ADVERTISEMENT, 0, GATEWAY6, "ff02::1", THEIRS6, NULL);
    nd_in(NDP_REDIRECT, 0, GATEWAY6, OURS6, THEIRS6, NULL);
    assert_int_equal(counted("nd", "router"), 1);
    assert_int_equal(counted("nd", "redirect"), 1);
    nd_in(NDP_SOLICITATION, 0, THEIRS6, OURS6, OURS6, NULL); /* where to is not known */
    assert_int_equal(counted("nd", "unasked"), 1);
    arp_in(ARP_REQUEST, mac_theirs, OURS, THEIRS);
    assert_int_equal(counted("arp", "conflict"), 1);
    arp_in(ARP_REQUEST, eth_broadcast, THEIRS, OURS);
    nothing_out();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LINK(frames_wait_for_the_answer),
        ON_LINK(who_is_silent_is_given_up),
        ON_LINK(only_so_many_frames_wait),
        ON_LINK(a_known_station_is_asked_again_in_time),
        ON_LINK(a_moved_station_is_found),
        ON_LINK(nobody_is_moved_by_a_stranger),
        ON_LINK(what_nobody_asked_makes_no_entry),
        ON_LINK(who_asks_is_answered_and_known),
        ON_LINK(a_flood_does_not_push_out_who_is_used),
        ON_LINK(beyond_the_link_goes_to_the_gateway),
        ON_LINK(a_probe_for_our_address_is_answered_to_all),
        ON_LINK(what_is_not_for_us_is_counted_by_reason),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
