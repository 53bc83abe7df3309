/* The XDP program by BPF_PROG_TEST_RUN: every way a frame can be steered, cut, malformed or shed,
 * against the verdict and the counter that must move. Needs the right to load BPF: skipped without.
 */
#include "io/xdp/steer.h"
#include "tests/support/support.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 128
#define HOUR_NS 3600000000000u
#define KERNEL STEER_COUNT_KERNEL
#define ARP_SPACE "0001 0800 06 04 "

#define MAC "020000000001 020000000002 "
#define OUR4 "0a000002"    /* 10.0.0.2 */
#define KERNEL4 "0a000001" /* 10.0.0.1 */
#define PEER4 "0a0000fe"
#define OUR6 "20010db8000000000000000000000002"
#define KERNEL6 "20010db8000000000000000000000001"
#define PEER6 "20010db80000000000000000000000fe"
#define OUR_GROUP "ff0200000000000000000001ff000002"
#define KERNEL_GROUP "ff0200000000000000000001ff000001"
#define TWIN6 "20010db8000000000000000001000002" /* not ours, but in the same group */
#define ALL_NODES "ff020000000000000000000000000001"

#define ARP(op, from, to) MAC "0806 " ARP_SPACE op " 020000000002 " from " 000000000000 " to
#define IP4(head, fragment, from, to)                                                              \
    MAC "0800 " head " 00 0014 0000 " fragment " 40 06 0000 " from " " to
#define IP6(next, from, to) MAC "86dd 60000000 0020 " next " ff " from " " to
#define ND(type, target) " " type " 00 0000 00000000 " target
#define VLAN(tci, frame_after_mac) MAC "8100 " tci " " frame_after_mac

static struct steer steer;

static struct span hex(const char *text, uint8_t out[FRAME_MAX])
{
    struct span in = guarded_hex(text);
    assert_true(in.len <= FRAME_MAX);
    memcpy(out, in.bytes, in.len);
    return span_of(out, in.len);
}

static uint32_t run(struct span frame)
{
    struct bpf_test_run_opts opts = {
        .sz = sizeof opts, .data_in = frame.bytes, .data_size_in = (uint32_t)frame.len, .repeat = 1
    };
    assert_int_equal(bpf_prog_test_run_opts(steer.program_fd, &opts), 0);
    return opts.retval;
}

/* The frame does just this: the counter moves by one, and no other (fragments count beside). */
static void steers(const char *name, struct span frame, uint32_t verdict, enum steer_counter which)
{
    uint64_t before[STEER_COUNTER_COUNT];
    for (uint32_t i = 0; i < STEER_COUNTER_COUNT; i++)
        before[i] = steer_view_counter(&steer.view, i);
    uint32_t is = run(frame);
    if (is != verdict)
        fail_msg("%s, %zu octets: verdict %u, not %u", name, frame.len, is, verdict);
    for (uint32_t i = 0; i < STEER_COUNTER_COUNT; i++) {
        uint64_t moved = steer_view_counter(&steer.view, i) - before[i];
        if (i != STEER_COUNT_FRAGMENT && moved != (i == which))
            fail_msg("%s, %zu octets: %s moved by %lu", name, frame.len, steer_counter_label(i),
                     (unsigned long)moved);
    }
}

static void steers_hex(const char *name, const char *text, uint32_t verdict,
                       enum steer_counter which)
{
    uint8_t octets[FRAME_MAX];
    steers(name, hex(text, octets), verdict, which);
}

static const struct ip_addr no_addr;

static struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr = no_addr;
    assert_true(ip_read(text, &addr));
    return addr;
}

static int socket_open(void)
{
    int fd = socket(AF_XDP, SOCK_RAW, 0), len = 64;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_XDP, XDP_RX_RING, &len, sizeof len), 0);
    return fd;
}

static int xsk = -1;

static void open_with(uint16_t vlan, const struct steer_peer *peers, uint32_t peer_count)
{
    const struct ip_addr ours[] = { addr_of("10.0.0.2"), addr_of("2001:db8::2") };
    const struct steer_config config = {
        .addresses = ours,
        .address_count = COUNT(ours),
        .vlan = vlan,
        .queue_count = 1,
        .peers = peers,
        .peer_count = peer_count,
    };
    struct fault fault = { "" };
    uint32_t queue = 0;
    if (!steer_open(&steer, &config, &fault))
        fail_msg("%s", fault.text);
    xsk = socket_open();
    assert_int_equal(bpf_map_update_elem(steer.xsks_fd, &queue, &xsk, BPF_ANY), 0);
}

/* No token comes back while a test runs. */
static void limit(uint32_t burst)
{
    uint32_t zero = 0;
    steer.settings.source_gap_ns = HOUR_NS;
    steer.settings.source_burst_ns = (burst - 1) * HOUR_NS;
    assert_int_equal(
        bpf_map_update_elem(steer.view.maps[STEER_MAP_SETTINGS], &zero, &steer.settings, BPF_ANY),
        0);
}

static int close_all(void **state)
{
    (void)state;
    steer_close(&steer);
    close(xsk);
    return 0;
}

static const struct {
    const char *name, *frame;
    uint32_t verdict;
    enum steer_counter which;
    uint32_t least; /* octets without which it cannot be ours */
} cases[] = {
    { "ARP request for us", ARP("0001", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_ARP, 42 },
    { "ARP reply to us", ARP("0002", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_ARP, 42 },
    { "ARP request for the kernel", ARP("0001", PEER4, KERNEL4), XDP_PASS, KERNEL, 0 },
    { "ARP reply to the kernel", ARP("0002", PEER4, KERNEL4), XDP_PASS, KERNEL, 0 },
    { "gratuitous ARP", ARP("0001", PEER4, PEER4), XDP_PASS, KERNEL, 0 },
    { "ARP from us for the kernel", ARP("0001", OUR4, KERNEL4), XDP_PASS, KERNEL, 0 },
    { "ARP of other hardware",
      MAC "0806 0006 0800 06 04 0001 020000000002 " PEER4 " 000000000000 " OUR4, XDP_PASS, KERNEL,
      0 },
    { "ARP of other lengths",
      MAC "0806 0001 0800 08 04 0001 020000000002 " PEER4 " 000000000000 " OUR4, XDP_PASS, KERNEL,
      0 },
    { "ARP for another protocol",
      MAC "0806 0001 86dd 06 04 0001 020000000002 " PEER4 " 000000000000 " OUR4, XDP_PASS, KERNEL,
      0 },
    { "IPv4 to us", IP4("45", "0000", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_IPV4, 34 },
    { "IPv4 to the kernel", IP4("45", "0000", PEER4, KERNEL4), XDP_PASS, KERNEL, 0 },
    { "IPv4 from us to the kernel", IP4("45", "0000", OUR4, KERNEL4), XDP_PASS, KERNEL, 0 },
    { "IPv4 broadcast", IP4("45", "0000", PEER4, "ffffffff"), XDP_PASS, KERNEL, 0 },
    { "IPv4 multicast", IP4("45", "0000", PEER4, "e0000001"), XDP_PASS, KERNEL, 0 },
    { "IPv4, header too short: ours to count", IP4("41", "0000", PEER4, OUR4), XDP_REDIRECT,
      STEER_COUNT_IPV4, 34 },
    { "IPv4 with options", IP4("4f", "0000", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_IPV4, 34 },
    { "not IPv4 after all", IP4("65", "0000", PEER4, OUR4), XDP_PASS, KERNEL, 0 },
    { "IPv4 first fragment", IP4("45", "2000", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_IPV4, 34 },
    { "IPv4 later fragment", IP4("45", "00b9", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_IPV4, 34 },
    { "IPv6 to us", IP6("06", PEER6, OUR6), XDP_REDIRECT, STEER_COUNT_IPV6, 54 },
    { "IPv6 to the kernel", IP6("06", PEER6, KERNEL6), XDP_PASS, KERNEL, 0 },
    { "IPv6 to all nodes", IP6("3a", PEER6, ALL_NODES), XDP_PASS, KERNEL, 0 },
    { "not IPv6 after all", MAC "86dd 40000000 0020 06 ff " PEER6 " " OUR6, XDP_PASS, KERNEL, 0 },
    { "IPv6 fragment", IP6("2c", PEER6, OUR6), XDP_REDIRECT, STEER_COUNT_IPV6, 54 },
    { "IPv6 with extensions", IP6("00", PEER6, OUR6), XDP_REDIRECT, STEER_COUNT_IPV6, 54 },
    { "ICMPv6 echo to us", IP6("3a", PEER6, OUR6) " 80 00 0000 00010001", XDP_REDIRECT,
      STEER_COUNT_IPV6, 54 },
    { "solicitation of us, to our group", IP6("3a", PEER6, OUR_GROUP) ND("87", OUR6), XDP_REDIRECT,
      STEER_COUNT_NEIGHBOUR, 54 },
    { "solicitation of us, to ourselves", IP6("3a", PEER6, OUR6) ND("87", OUR6), XDP_REDIRECT,
      STEER_COUNT_NEIGHBOUR, 54 },
    { "solicitation of another in our group", IP6("3a", PEER6, OUR_GROUP) ND("87", TWIN6), XDP_PASS,
      KERNEL, UINT32_MAX },
    { "solicitation of the kernel", IP6("3a", PEER6, KERNEL_GROUP) ND("87", KERNEL6), XDP_PASS,
      KERNEL, 0 },
    { "advertisement to us", IP6("3a", PEER6, OUR6) ND("88", PEER6), XDP_REDIRECT,
      STEER_COUNT_NEIGHBOUR, 54 },
    { "advertisement to all nodes", IP6("3a", PEER6, ALL_NODES) ND("88", PEER6), XDP_PASS, KERNEL,
      0 },
    { "a claim to our address, to our group", IP6("3a", PEER6, OUR_GROUP) ND("88", OUR6),
      XDP_REDIRECT, STEER_COUNT_NEIGHBOUR, 54 },
    { "a claim to our address, to all nodes", IP6("3a", PEER6, ALL_NODES) ND("88", OUR6),
      XDP_REDIRECT, STEER_COUNT_NEIGHBOUR, 78 },
    { "a claim to another's, to our group", IP6("3a", PEER6, OUR_GROUP) ND("88", TWIN6), XDP_PASS,
      KERNEL, UINT32_MAX },
    { "a solicitation of us, to all nodes", IP6("3a", PEER6, ALL_NODES) ND("87", OUR6), XDP_PASS,
      KERNEL, 0 },
    { "another protocol", MAC "88cc 0207 04 000000000000", XDP_PASS, KERNEL, 0 },
    { "tagged 0: as if untagged", VLAN("e000", "0800 45 00 0014 0000 0000 40 06 0000 " PEER4 OUR4),
      XDP_REDIRECT, STEER_COUNT_IPV4, 38 },
    { "tagged, not our VLAN", VLAN("0007", "0800 45 00 0014 0000 0000 40 06 0000 " PEER4 OUR4),
      XDP_PASS, KERNEL, 0 },
};

static void each_frame_goes_where_it_belongs(void **state)
{
    (void)state;
    open_with(0, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++)
        steers_hex(cases[i].name, cases[i].frame, cases[i].verdict, cases[i].which);
    assert_int_equal(steer_view_counter(&steer.view, STEER_COUNT_FRAGMENT), 3);
}

/* Cut anywhere, a frame is the kernel's as long as its destination cannot be read, and the engine's
 * from there on. The test run gives no less than an Ethernet header. */
static void every_cut_is_the_kernels_until_it_shows_our_address(void **state)
{
    (void)state;
    uint8_t octets[FRAME_MAX];
    open_with(0, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span frame = hex(cases[i].frame, octets);
        for (size_t cut = 14; cut < frame.len && cases[i].least != UINT32_MAX; cut++) {
            bool ours = cases[i].least != 0 && cut >= cases[i].least;
            uint32_t is = run(span_first(frame, cut));
            if (is != (ours ? XDP_REDIRECT : XDP_PASS))
                fail_msg("%s, cut to %zu octets: verdict %u", cases[i].name, cut, is);
        }
    }
}

static void only_our_vlan_is_ours(void **state)
{
    (void)state;
    open_with(7, NULL, 0);
    static const char ip4[] = "0800 45 00 0014 0000 0000 40 06 0000 " PEER4 OUR4;
    char frame[200];
    snprintf(frame, sizeof frame, VLAN("0007", "%s"), ip4);
    steers_hex("our VLAN", frame, XDP_REDIRECT, STEER_COUNT_IPV4);
    snprintf(frame, sizeof frame, VLAN("f007", "%s"), ip4);
    steers_hex("our VLAN with a priority", frame, XDP_REDIRECT, STEER_COUNT_IPV4);
    snprintf(frame, sizeof frame, VLAN("0008", "%s"), ip4);
    steers_hex("another VLAN", frame, XDP_PASS, KERNEL);
    snprintf(frame, sizeof frame, VLAN("0007", "8100 0007 %s"), ip4);
    steers_hex("two tags", frame, XDP_PASS, KERNEL);
    steers_hex("untagged", IP4("45", "0000", PEER4, OUR4), XDP_PASS, KERNEL);
    steers_hex("cut in the tag", MAC "8100 0007", XDP_PASS, KERNEL);
}

static void a_queue_without_a_socket_drops_and_says_so(void **state)
{
    (void)state;
    uint32_t queue = 0;
    open_with(0, NULL, 0);
    steers_hex("with", IP4("45", "0000", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_IPV4);
    assert_int_equal(bpf_map_delete_elem(steer.xsks_fd, &queue), 0);
    steers_hex("without", IP4("45", "0000", PEER4, OUR4), XDP_DROP, STEER_COUNT_NO_SOCKET);
    steers_hex("kernel's", IP4("45", "0000", PEER4, KERNEL4), XDP_PASS, KERNEL);
    struct steer_queue tally = steer_view_queue(&steer.view, 0);
    assert_int_equal(tally.redirected, 1);
    assert_int_equal(tally.no_socket, 1);
}

static void a_source_has_its_burst_and_no_more(void **state)
{
    (void)state;
    open_with(0, NULL, 0);
    limit(5);
    for (int i = 0; i < 5; i++)
        steers_hex("within", IP4("45", "0000", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_IPV4);
    for (int i = 0; i < 3; i++)
        steers_hex("beyond", IP4("45", "0000", PEER4, OUR4), XDP_DROP, STEER_COUNT_SOURCE);
    steers_hex("another source", IP4("45", "0000", "0a0000fd", OUR4), XDP_REDIRECT,
               STEER_COUNT_IPV4);
    steers_hex("its ARP is another budget", ARP("0002", PEER4, OUR4), XDP_REDIRECT,
               STEER_COUNT_ARP);
    steers_hex("to the kernel it is no matter of ours", IP4("45", "0000", PEER4, KERNEL4), XDP_PASS,
               KERNEL);
}

static void all_of_a_slash_64_is_one_source(void **state)
{
    (void)state;
    open_with(0, NULL, 0);
    limit(2);
    steers_hex("1", IP6("06", "20010db80000000200000000000000fe", OUR6), XDP_REDIRECT,
               STEER_COUNT_IPV6);
    steers_hex("2", IP6("06", "20010db80000000200aa00000000ffff", OUR6), XDP_REDIRECT,
               STEER_COUNT_IPV6);
    steers_hex("3", IP6("06", "20010db80000000201bb00000000ffff", OUR6), XDP_DROP,
               STEER_COUNT_SOURCE);
    steers_hex("its neighbour discovery",
               IP6("3a", "20010db80000000200000000000000fe", OUR6) ND("88", PEER6), XDP_REDIRECT,
               STEER_COUNT_NEIGHBOUR);
    steers_hex("the next /64", IP6("06", "20010db80000000100000000000000fe", OUR6), XDP_REDIRECT,
               STEER_COUNT_IPV6);
}

/* One that floods costs nobody else on the link anything, whatever it speaks from. */
static void each_host_of_our_link_is_a_source(void **state)
{
    (void)state;
    static const char *const links[] = { "20010db800000000", "fe80000000000000" };
    char bad[200], good[200];
    open_with(0, NULL, 0);
    limit(2);
    for (size_t i = 0; i < COUNT(links); i++) {
        snprintf(bad, sizeof bad, IP6("3a", "%s00000000000000bb", OUR_GROUP) ND("87", OUR6),
                 links[i]);
        snprintf(good, sizeof good, IP6("3a", "%s00000000000000aa", OUR_GROUP) ND("87", OUR6),
                 links[i]);
        steers_hex(links[i], bad, XDP_REDIRECT, STEER_COUNT_NEIGHBOUR);
        steers_hex(links[i], bad, XDP_REDIRECT, STEER_COUNT_NEIGHBOUR);
        steers_hex(links[i], bad, XDP_DROP, STEER_COUNT_SOURCE);
        steers_hex(links[i], good, XDP_REDIRECT, STEER_COUNT_NEIGHBOUR);
    }
}

struct found {
    struct ip_addr wanted; /* none: all */
    uint32_t count;
    struct steer_row row;
};

static void find(void *ctx, const struct steer_row *row)
{
    struct found *found = ctx;
    if (!ip_is_none(found->wanted) && !ip_equal(found->wanted, row->addr))
        return;
    found->count++;
    found->row = *row;
}

static void shed_sources_are_told_with_their_figures(void **state)
{
    (void)state;
    struct found found = { 0 };
    open_with(0, NULL, 0);
    limit(1);
    run(guarded_hex(IP4("45", "0000", "0a0000fd", OUR4)));
    steer_view_shed(&steer.view, find, &found);
    assert_int_equal(found.count, 0);
    for (int i = 0; i < 4; i++)
        run(guarded_hex(IP4("45", "0000", PEER4, OUR4)));
    steer_view_shed(&steer.view, find, &found);
    assert_int_equal(found.count, 1);
    assert_true(ip_equal(found.row.addr, addr_of("10.0.0.254")));
    assert_int_equal(found.row.prefix_len, 32);
    assert_int_equal(found.row.passed, 1);
    assert_int_equal(found.row.shed, 3);
    static const struct {
        const char *frame, *source;
        uint8_t prefix_len;
    } sixes[] = {
        { IP6("06", PEER6, OUR6), "2001:db8::fe", 128 },
        { IP6("06", "20010db80000000200000000000000fe", OUR6), "2001:db8:0:2::", 64 },
    };
    for (size_t i = 0; i < COUNT(sixes); i++) {
        limit(1);
        run(guarded_hex(sixes[i].frame));
        run(guarded_hex(sixes[i].frame));
        found.wanted = addr_of(sixes[i].source);
        found.count = 0;
        steer_view_shed(&steer.view, find, &found);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.row.prefix_len, sixes[i].prefix_len);
    }
}

static void peers_have_budgets_of_their_own(void **state)
{
    (void)state;
    const struct steer_peer peers[] = {
        { .name = "gateway", .prefix = addr_of("10.0.0.254"), .prefix_len = 32 },
        { .name = "pool", .prefix = addr_of("10.9.1.2"), .prefix_len = 16, .rate = 1, .burst = 2 },
        { .name = "v6", .prefix = addr_of("2001:db8:5::"), .prefix_len = 48 },
    };
    open_with(0, peers, COUNT(peers));
    limit(1);
    for (int i = 0; i < 50; i++) {
        steers_hex("unlimited", IP4("45", "0000", PEER4, OUR4), XDP_REDIRECT, STEER_COUNT_IPV4);
        steers_hex("unlimited", IP6("06", "20010db8000500010000000000000001", OUR6), XDP_REDIRECT,
                   STEER_COUNT_IPV6);
    }
    struct steer_peer_bucket bucket;
    uint32_t index = 1; /* no token comes back while we look */
    assert_int_equal(bpf_map_lookup_elem(steer.view.maps[STEER_MAP_PEER_BUCKETS], &index, &bucket),
                     0);
    assert_int_equal(bucket.gap_ns, 1000000000u);
    assert_int_equal(bucket.burst_ns, 1000000000u);
    bucket.gap_ns = bucket.burst_ns = HOUR_NS;
    assert_int_equal(
        bpf_map_update_elem(steer.view.maps[STEER_MAP_PEER_BUCKETS], &index, &bucket, BPF_ANY), 0);
    steers_hex("pool 1", IP4("45", "0000", "0a090001", OUR4), XDP_REDIRECT, STEER_COUNT_IPV4);
    steers_hex("pool 2", IP4("45", "0000", "0a09ffff", OUR4), XDP_REDIRECT, STEER_COUNT_IPV4);
    steers_hex("pool 3", IP4("45", "0000", "0a090002", OUR4), XDP_DROP, STEER_COUNT_PEER);
    steers_hex("beside the pool", IP4("45", "0000", "0a0a0002", OUR4), XDP_REDIRECT,
               STEER_COUNT_IPV4);
}

static void list(const char *verb, const char *prefix, bool changes)
{
    struct ip_addr addr;
    uint8_t len;
    bool changed;
    assert_true(ip_prefix_read(prefix, &addr, &len));
    enum err err = verb[0] == 'd' ? steer_view_drop(&steer.view, addr, len, &changed)
                                  : steer_view_allow(&steer.view, addr, len, &changed);
    check_err(prefix, err, ERR_OK);
    if (changed != changes)
        fail_msg("%s %s: changed %d", verb, prefix, changed);
}

static uint32_t listed_count(void)
{
    struct found found = { 0 };
    steer_view_listed(&steer.view, find, &found);
    return found.count;
}

static void drops(const char *source)
{
    char frame[200];
    snprintf(frame, sizeof frame, IP4("45", "0000", "%s", OUR4), source);
    steers_hex(source, frame, XDP_DROP, STEER_COUNT_LISTED);
}

static void lets_in(const char *source)
{
    char frame[200];
    snprintf(frame, sizeof frame, IP4("45", "0000", "%s", OUR4), source);
    steers_hex(source, frame, XDP_REDIRECT, STEER_COUNT_IPV4);
}

/* What was said last of a prefix holds for all of it. */
static void the_drop_list_does_what_was_said_last(void **state)
{
    (void)state;
    open_with(0, NULL, 0);
    list("drop", "10.0.0.254/32", true);
    list("drop", "10.0.0.254/32", false);
    drops(PEER4);
    lets_in("0a0000fd");
    list("drop", "10.0.0.0/8", true);
    assert_int_equal(listed_count(), 1); /* the shorter says it all */
    drops("0a0000fd");
    list("allow", "10.0.0.0/24", true); /* an exception */
    lets_in(PEER4);
    drops("0a0001fe");
    list("drop", "10.0.0.253/32", true); /* and one to that */
    drops("0a0000fd");
    lets_in(PEER4);
    assert_int_equal(listed_count(), 3);
    list("allow", "10.0.0.0/24", true);
    lets_in("0a0000fd");
    list("allow", "10.0.0.0/24", false);
    list("drop", "10.0.0.0/8", true);
    assert_int_equal(listed_count(), 1);
    drops(PEER4);
    list("allow", "10.0.0.0/8", true);
    assert_int_equal(listed_count(), 0);
    lets_in(PEER4);
    list("allow", "10.0.0.0/8", false);
    list("drop", "2001:db8::/32", true);
    steers_hex("IPv6", IP6("06", PEER6, OUR6), XDP_DROP, STEER_COUNT_LISTED);
    steers_hex("neighbour", IP6("3a", PEER6, OUR_GROUP) ND("87", OUR6), XDP_DROP,
               STEER_COUNT_LISTED);
    lets_in(PEER4);
    list("drop", "10.0.0.0/9", true);
    steers_hex("ARP", ARP("0001", PEER4, OUR4), XDP_DROP, STEER_COUNT_LISTED);
    steers_hex("kernel's", IP4("45", "0000", PEER4, KERNEL4), XDP_PASS, KERNEL);
}

/* So many addresses are listed in a moment, and one more finds no room. */
static void a_full_drop_list_says_so(void **state)
{
    (void)state;
    bool changed;
    open_with(0, NULL, 0);
    for (uint32_t i = 0; i < STEER_LISTED_MAX; i++)
        check_err("one of many",
                  steer_view_drop(&steer.view, ip_addr_v4(0x14000000u + i), 32, &changed), ERR_OK);
    check_err("one too many", steer_view_drop(&steer.view, addr_of("10.0.0.254"), 32, &changed),
              ERR_FULL);
    check_err("one that is listed", steer_view_drop(&steer.view, addr_of("20.0.0.1"), 32, &changed),
              ERR_OK);
    assert_false(changed);
    lets_in(PEER4);
    check_err("their prefix", steer_view_allow(&steer.view, addr_of("20.0.0.0"), 16, &changed),
              ERR_OK);
    assert_true(changed);
    assert_int_equal(listed_count(), 0);
    check_err("room again", steer_view_drop(&steer.view, addr_of("10.0.0.254"), 32, &changed),
              ERR_OK);
    drops(PEER4);
}

/* An IPv6 prefix of zeros would hold the IPv4-mapped addresses, and so drop all of IPv4. */
static void a_prefix_over_both_families_is_refused(void **state)
{
    (void)state;
    bool changed;
    open_with(0, NULL, 0);
    check_err("::/64", steer_view_drop(&steer.view, addr_of("::1"), 64, &changed), ERR_UNSUPPORTED);
    check_err("::/1", steer_view_allow(&steer.view, addr_of("::1"), 1, &changed), ERR_UNSUPPORTED);
    check_err("::1", steer_view_drop(&steer.view, addr_of("::1"), 128, &changed), ERR_OK);
    check_err("/33", steer_view_drop(&steer.view, addr_of("10.0.0.1"), 33, &changed),
              ERR_UNSUPPORTED);
    lets_in(PEER4);
}

static bool may_load(void)
{
    const struct steer_config config = { .queue_count = 1 };
    struct fault fault = { "" };
    if (steer_open(&steer, &config, &fault)) {
        steer_close(&steer);
        return true;
    }
    if (strstr(fault.text, strerror(EPERM)) == NULL)
        fail_msg("%s", fault.text);
    return false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_frame_goes_where_it_belongs, close_all),
        cmocka_unit_test_teardown(every_cut_is_the_kernels_until_it_shows_our_address, close_all),
        cmocka_unit_test_teardown(only_our_vlan_is_ours, close_all),
        cmocka_unit_test_teardown(a_queue_without_a_socket_drops_and_says_so, close_all),
        cmocka_unit_test_teardown(a_source_has_its_burst_and_no_more, close_all),
        cmocka_unit_test_teardown(all_of_a_slash_64_is_one_source, close_all),
        cmocka_unit_test_teardown(each_host_of_our_link_is_a_source, close_all),
        cmocka_unit_test_teardown(shed_sources_are_told_with_their_figures, close_all),
        cmocka_unit_test_teardown(peers_have_budgets_of_their_own, close_all),
        cmocka_unit_test_teardown(the_drop_list_does_what_was_said_last, close_all),
        cmocka_unit_test_teardown(a_full_drop_list_says_so, close_all),
        cmocka_unit_test_teardown(a_prefix_over_both_families_is_refused, close_all),
    };
    if (!may_load()) {
        puts("skipped: no right to load BPF programs");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
