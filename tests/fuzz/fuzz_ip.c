/* Frames into a stack of both families with a bound UDP port that answers, each `kind len octets`. kind: 0 as it is,
 * 1 a payload behind an IP header (pair, protocol, hop limit first), 2 an ICMP message of either family, checksum put
 * in (pair, hop limit, to a group), 3 a datagram, likewise (pair, local port), 4 a datagram of ours (peer), 5 time
 * goes on, 6 a message as 2 behind a router alert. What comes out is sound, and what was taken comes back. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzzed_port.h"

#include "io/net/arp.h"
#include "io/net/checksum.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/mld.h"
#include "io/net/ndp.h"
#include "io/net/net.h"
#include "io/net/udp.h"
#include "tests/support/alloc_trap.h"

#define STEPS_MAX 64
#define BOUND 53

enum kind { RAW, PAYLOAD, MESSAGE, DATAGRAM, SEND, TIME, ALERTED, KIND_COUNT };

static const struct {
    const char *theirs, *ours;
} pairs[] = {
    { "10.99.0.2", "10.99.0.1" },       { "10.99.0.254", "10.99.0.1" },
    { "2001:db8::2", "2001:db8::1" },   { "fe80::2", "fe80::63ad:c815:b60f:3f6e" },
    { "2001:db8:1::2", "2001:db8::1" }, { "fe80::2", "2001:db8::1" },
    { "::", "ff02::1:ff00:1" },         { "2001:db8::2", "ff02::1" },
    { "fe80::2", "ff02::1" },           { "fe80::2", "ff02::1:ff00:1" },
};

static struct ip_addr addrs[COUNT(pairs)][2];

static void look4(struct span packet)
{
    struct ip4_header ip;
    ASSERT(ip4_header_read(packet, &ip) == ERR_OK && ip.total_len == packet.len);
    ASSERT(ip.fragment == IP4_DF && ip.ttl > 0 && ip.header_len == IP4_HEADER_LEN);
    struct span payload = span_after(packet, IP4_HEADER_LEN);
    uint64_t pseudo = ip.protocol == IP_PROTOCOL_ICMP
                          ? 0
                          : checksum_pseudo(ip_addr_v4(ip.src), ip_addr_v4(ip.dst), ip.protocol,
                                            (uint16_t)payload.len);
    ASSERT(checksum_right(checksum_add(pseudo, payload)));
}

/* A report about groups, as every message of multicast listener discovery: a hop limit of 1, a router alert. */
static void look_report(const struct ip6_header *ip, struct span payload)
{
    struct ip6_ext ext;
    ASSERT(ip->hop_limit == 1 && ip6_is_group(ip->dst) && ip6_is_link_local(ip->src));
    ASSERT(ip6_ext_read(payload, ip->next, &ext) == IP6_EXT_SOUND && ext.router_alert);
    struct span message = span_after(payload, ext.len);
    uint64_t pseudo = checksum_pseudo(ip->src, ip->dst, IP_PROTOCOL_ICMP6, (uint16_t)message.len);
    ASSERT(checksum_right(checksum_add(pseudo, message)));
    ASSERT(message.bytes[0] == MLD_REPORT || message.bytes[0] == MLD_REPORT_1);
}

static void look6(struct span packet)
{
    struct ip6_header ip;
    ASSERT(ip6_header_read(packet, &ip) == ERR_OK);
    struct span payload = span_after(packet, IP6_HEADER_LEN);
    ASSERT(payload.len == ip.payload_len && ip6_is_host(ip.src));
    if (ip.next == IP6_EXT_HOP_BY_HOP) {
        look_report(&ip, payload);
        return;
    }
    uint64_t pseudo = checksum_pseudo(ip.src, ip.dst, ip.next, ip.payload_len);
    ASSERT(checksum_right(checksum_add(pseudo, payload)));
    /* Else only neighbour discovery is sent to groups, and with a hop limit of 255. */
    ASSERT(!ip6_is_group(ip.dst) ||
           (ip.next == IP_PROTOCOL_ICMP6 && ip.hop_limit == 255 &&
            (payload.bytes[0] == NDP_SOLICITATION || payload.bytes[0] == NDP_ADVERTISEMENT)));
}

static void look(struct fuzzed_port *fuzz, struct span frame)
{
    struct eth_header eth;
    struct arp_packet arp;
    ASSERT(eth_header_read(frame, &eth) == ERR_OK && eth_equal(eth.src, fuzz->port.mac));
    struct span payload = span_after(frame, ETH_HEADER_LEN);
    ASSERT(payload.len <= fuzz->port.mtu);
    if (eth.type == ETH_TYPE_IP4)
        look4(payload);
    else if (eth.type == ETH_TYPE_IP6)
        look6(payload);
    else
        ASSERT(eth.type == ETH_TYPE_ARP && arp_packet_read(payload, &arp) == ERR_OK);
}

/* Answers, as a resolver would. */
static void on_received(void *ctx, struct udp_port *port, struct udp_endpoint peer, struct span in,
                        uint64_t now_ns)
{
    (void)ctx;
    ASSERT(peer.port != 0);
    enum err err = udp_send(port, peer, in, now_ns);
    ASSERT(err == ERR_OK || err == ERR_UNREACHABLE || err == ERR_FULL);
}

static void on_failed(void *ctx, struct udp_port *port, struct udp_endpoint peer, enum err why,
                      uint16_t mtu)
{
    (void)ctx;
    (void)peer;
    ASSERT(why == ERR_REFUSED || why == ERR_UNREACHABLE || why == ERR_LENGTH);
    ASSERT(mtu < udp_len_max(port, addrs[0][0]) + 28);
}

static const struct udp_app app = { on_received, on_failed };

static void addrs_read(void)
{
    for (size_t i = 0; i < COUNT(pairs); i++)
        ASSERT(ip_read(pairs[i].theirs, &addrs[i][0]) && ip_read(pairs[i].ours, &addrs[i][1]));
}

static void packet_write(struct writer *out, const struct ip_addr pair[2], uint8_t protocol,
                         uint8_t hop_limit, struct span payload)
{
    bool group = !ip_is_v4(pair[1]) && ip6_is_group(pair[1]);
    struct eth_header eth = { .dst = { 2 }, .src = { 2, 1 }, .type = ETH_TYPE_IP6 };
    const uint8_t group_mac[ETH_ADDR_LEN] = { 0x33, 0x33, 0xff, 0, 0, 1 };
    if (group)
        memcpy(eth.dst, group_mac, ETH_ADDR_LEN);
    if (ip_is_v4(pair[0]))
        eth.type = ETH_TYPE_IP4;
    eth_header_write(out, &eth);
    if (ip_is_v4(pair[0])) {
        struct ip4_header ip = { .total_len = (uint16_t)(IP4_HEADER_LEN + payload.len),
                                 .ttl = hop_limit,
                                 .protocol = protocol,
                                 .src = ip_v4(pair[0]),
                                 .dst = ip_v4(pair[1]) };
        uint8_t buf[IP4_HEADER_LEN];
        struct writer header = writer_over(buf, sizeof buf);
        ip4_header_write(&header, &ip);
        writer_bytes(out, written(&header));
    } else {
        struct ip6_header ip = { (uint16_t)payload.len, protocol, hop_limit, pair[0], pair[1] };
        ip6_header_write(out, &ip);
    }
    writer_bytes(out, payload);
}

static void message_write(struct reader *in, const struct ip_addr pair[2], bool alerted,
                          struct writer *out)
{
    static const uint8_t alert[] = { IP_PROTOCOL_ICMP6, 0, IP6_OPTION_ROUTER_ALERT, 2, 0, 0, 1, 0 };
    bool four = ip_is_v4(pair[0]);
    uint8_t hop_limit = reader_u8(in);
    uint8_t protocol = four ? IP_PROTOCOL_ICMP : alerted ? IP6_EXT_HOP_BY_HOP : IP_PROTOCOL_ICMP6;
    uint8_t buf[300];
    struct writer w = writer_over(buf, sizeof buf);
    if (protocol == IP6_EXT_HOP_BY_HOP)
        writer_bytes(&w, span_of(alert, sizeof alert));
    struct icmp_header header = { .type = reader_u8(in), .code = reader_u8(in) };
    header.rest = reader_u32(in);
    struct span data = reader_rest(in);
    uint16_t len = (uint16_t)(ICMP_HEADER_LEN + data.len);
    uint64_t pseudo = four ? 0 : checksum_pseudo(pair[0], pair[1], IP_PROTOCOL_ICMP6, len);
    icmp_header_write(&w, &header, data, pseudo);
    writer_bytes(&w, data);
    packet_write(out, pair, protocol, hop_limit, written(&w));
}

static void datagram_write(struct reader *in, const struct ip_addr pair[2], struct writer *out)
{
    uint8_t buf[300];
    struct writer w = writer_over(buf, sizeof buf);
    struct udp_header header = { .src_port = 5353, .dst_port = reader_u8(in) };
    struct span data = reader_rest(in);
    header.len = (uint16_t)(UDP_HEADER_LEN + data.len);
    udp_header_write(&w, &header);
    writer_bytes(&w, data);
    uint64_t sum = checksum_pseudo(pair[0], pair[1], IP_PROTOCOL_UDP, header.len);
    writer_patch(&w, 6, checksum_of(checksum_add(sum, written(&w))), 2);
    packet_write(out, pair, IP_PROTOCOL_UDP, 64, written(&w));
}

static struct rte_mbuf *frame_make(struct reader *in, enum kind kind)
{
    uint8_t buf[600];
    struct writer w = writer_over(buf, sizeof buf);
    const struct ip_addr *pair = addrs[kind == RAW ? 0 : reader_u8(in) % COUNT(pairs)];
    if (kind == RAW) {
        writer_bytes(&w, reader_rest(in));
    } else if (kind == PAYLOAD) {
        uint8_t protocol = reader_u8(in);
        uint8_t hop_limit = reader_u8(in);
        packet_write(&w, pair, protocol, hop_limit, reader_rest(in));
    } else if (kind == MESSAGE || kind == ALERTED) {
        message_write(in, pair, kind == ALERTED, &w);
    } else {
        datagram_write(in, pair, &w);
    }
    ASSERT(w.err == ERR_OK);
    return fuzz_frame(written(&w));
}

static void step(struct reader *r, struct fuzzed_port *fuzz, struct net *net, struct udp_port *port,
                 uint64_t *now_ns)
{
    enum kind kind = reader_u8(r) % KIND_COUNT;
    struct reader in = reader_sub(r, reader_u8(r));
    if (kind == TIME)
        *now_ns += reader_u24(&in) * 1000000ull;
    else if (kind != SEND)
        fuzz->in = frame_make(&in, kind);
    if (kind == SEND) {
        struct udp_endpoint peer = { addrs[reader_u8(&in) % COUNT(pairs)][0], 5353 };
        alloc_trap_arm();
        enum err err = udp_send(port, peer, reader_rest(&in), *now_ns);
        alloc_trap_disarm();
        ASSERT(err == ERR_OK || err == ERR_UNREACHABLE || err == ERR_FULL);
    }
    fuzz_turn(fuzz, net, *now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = { "" };
    struct fuzzed_port fuzz;
    fuzzed_port_open(&fuzz, look);
    addrs_read();
    const struct net_config config = { .addr4 = addrs[0][1],
                                       .prefix4 = 24,
                                       .gateway4 = addrs[1][0],
                                       .addr6 = addrs[2][1],
                                       .prefix6 = 64,
                                       .gateway6 = addrs[3][0],
                                       .seed = { 1, 2 },
                                       .numa_node = SOCKET_ID_ANY,
                                       .announce = true,
                                       .conn_cap = 4,
                                       .held_cap = 32,
                                       .pmtu_cap = 8,
                                       .neighbour_cap = 8 };
    uint64_t now_ns = 1000000000;
    struct net *net = net_create(&fuzz.port, &config, now_ns, &fault);
    struct udp_port *port;
    ASSERT(net != NULL && udp_bind(net, BOUND, &app, NULL, &port) == ERR_OK);
    struct reader r = reader_over(span_of(data, size));
    for (int i = 0; i < STEPS_MAX && reader_more(&r); i++)
        step(&r, &fuzz, net, port, &now_ns);
    net_destroy(net);
    fuzzed_port_close(&fuzz);
    return 0;
}
