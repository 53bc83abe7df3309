/* The script's side of the bed. */
#include "tests/support/ip_bed.h"

#include "io/net/checksum.h"
#include "io/port_mem.h"
#include "tests/support/alloc_trap.h"

#include <stdlib.h>

#define FRAMES 1023

const uint8_t mac_ours[ETH_ADDR_LEN] = { 2, 0, 0, 0, 0, 1 };
const uint8_t mac_theirs[ETH_ADDR_LEN] = { 2, 0, 0, 0, 0, 2 };
const uint8_t mac_other[ETH_ADDR_LEN] = { 2, 0, 0, 0, 0, 9 };
struct ip_bed *ip_bed;
static struct rte_mempool *frames;

struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr;
    if (!ip_read(text, &addr))
        fail_msg("%s is no address", text);
    return addr;
}

static void on_received(void *ctx, struct udp_port *port, struct udp_endpoint peer, struct span in,
                        uint64_t now_ns)
{
    (void)port;
    (void)now_ns;
    struct ip_bed *bed = ctx;
    assert_true(in.len <= sizeof bed->got);
    memcpy(bed->got, in.bytes, in.len);
    bed->got_len = in.len;
    bed->peer = peer;
    bed->received++;
}

static void on_failed(void *ctx, struct udp_port *port, struct udp_endpoint peer, enum err why,
                      uint16_t mtu)
{
    (void)port;
    struct ip_bed *bed = ctx;
    bed->peer = peer;
    bed->why = why;
    bed->mtu = mtu;
    bed->failed++;
}

static const struct udp_app app = { on_received, on_failed };

int ip_bed_open_with(void **state, const struct net_config *given)
{
    struct fault fault = { "" };
    if (frames == NULL)
        frames = frame_pool_create("link", FRAMES, SOCKET_ID_ANY, &fault);
    assert_non_null(frames);
    ip_bed = calloc(1, sizeof *ip_bed);
    assert_non_null(ip_bed);
    *state = ip_bed;
    alloc_trap_system_calls();
    ip_bed->now_ns = 1000000 * MS;
    struct port_mem_config port = { .frames = { frames, frames }, .depth = 512 };
    assert_true(port_mem_open(&port, ip_bed->ends, &fault));
    ip_bed->net = net_create(ip_bed->ends[0], given, ip_bed->now_ns, &fault);
    if (ip_bed->net == NULL)
        fail_msg("%s", fault.text);
    assert_int_equal(udp_bind(ip_bed->net, BOUND, &app, ip_bed, &ip_bed->port), ERR_OK);
    return 0;
}

struct net_config ip_bed_config(void)
{
    return (struct net_config){ .addr4 = addr_of(OURS),
                                .prefix4 = 24,
                                .gateway4 = addr_of(GATEWAY),
                                .addr6 = addr_of(OURS6),
                                .prefix6 = 64,
                                .gateway6 = addr_of(GATEWAY6),
                                .seed = { 1, 2 },
                                .numa_node = SOCKET_ID_ANY,
                                .conn_cap = 4,
                                .neighbour_cap = 8 };
}

int ip_bed_open(void **state)
{
    const struct net_config config = ip_bed_config();
    return ip_bed_open_with(state, &config);
}

int ip_bed_close(void **state)
{
    (void)state;
    net_destroy(ip_bed->net);
    port_close(ip_bed->ends[0]);
    port_close(ip_bed->ends[1]);
    assert_int_equal(rte_mempool_avail_count(frames), FRAMES);
    free(ip_bed);
    ip_bed = NULL;
    return 0;
}

struct wanted {
    const char *layer, *reason;
    uint64_t value;
    bool found;
};

static void find(void *ctx, const char *layer, const char *reason, uint64_t value)
{
    struct wanted *wanted = ctx;
    if (strcmp(layer, wanted->layer) != 0 || strcmp(reason, wanted->reason) != 0)
        return;
    wanted->value = value;
    wanted->found = true;
}

uint64_t counted(const char *layer, const char *reason)
{
    struct wanted wanted = { layer, reason, 0, false };
    net_counters(ip_bed->net, find, &wanted);
    if (!wanted.found)
        fail_msg("no counter %s.%s", layer, reason);
    return wanted.value;
}

void link_turn(void)
{
    alloc_trap_arm();
    while (net_rx(ip_bed->net, ip_bed->now_ns) > 0)
        ;
    net_timers(ip_bed->net, ip_bed->now_ns);
    net_flush(ip_bed->net, ip_bed->now_ns);
    alloc_trap_disarm();
}

void link_pass(uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i += 10) {
        ip_bed->now_ns += 10 * MS;
        link_turn();
    }
}

void frame_in(struct span octets)
{
    struct rte_mbuf *frame = frame_take(frames);
    assert_non_null(frame);
    struct writer w = frame_append(frame, (uint16_t)octets.len);
    writer_bytes(&w, octets);
    assert_int_equal(w.err, ERR_OK);
    port_tx(ip_bed->ends[1], &frame, 1);
    link_turn();
}

void eth_in(const uint8_t *src, const uint8_t *dst, uint16_t type, struct span payload)
{
    uint8_t buf[2000];
    struct writer w = writer_over(buf, sizeof buf);
    struct eth_header eth = { .type = type };
    memcpy(eth.src, src, ETH_ADDR_LEN);
    memcpy(eth.dst, dst, ETH_ADDR_LEN);
    eth_header_write(&w, &eth);
    writer_bytes(&w, payload);
    frame_in(written(&w));
}

static void packet4_in(struct ip_addr src, struct ip_addr dst, uint8_t protocol, uint8_t ttl,
                       struct span payload)
{
    uint8_t buf[2000];
    struct writer w = writer_over(buf, sizeof buf);
    struct ip4_header ip = { .total_len = (uint16_t)(IP4_HEADER_LEN + payload.len),
                             .ttl = ttl,
                             .protocol = protocol,
                             .src = ip_v4(src),
                             .dst = ip_v4(dst) };
    ip4_header_write(&w, &ip);
    writer_bytes(&w, payload);
    eth_in(mac_theirs, mac_ours, ETH_TYPE_IP4, written(&w));
}

static void packet6_in(struct ip_addr src, struct ip_addr dst, uint8_t protocol, uint8_t hop_limit,
                       struct span payload)
{
    uint8_t buf[2000];
    struct writer w = writer_over(buf, sizeof buf);
    struct ip6_header ip = { .payload_len = (uint16_t)payload.len,
                             .next = protocol,
                             .hop_limit = hop_limit,
                             .src = src,
                             .dst = dst };
    ip6_header_write(&w, &ip);
    writer_bytes(&w, payload);
    const uint8_t group[ETH_ADDR_LEN] = { 0x33,           0x33,           dst.octets[12],
                                          dst.octets[13], dst.octets[14], dst.octets[15] };
    eth_in(mac_theirs, ip6_is_group(dst) ? group : mac_ours, ETH_TYPE_IP6, written(&w));
}

void ip_in_with(const char *src, const char *dst, uint8_t protocol, uint8_t hop_limit,
                struct span payload)
{
    struct ip_addr from = addr_of(src);
    if (ip_is_v4(from))
        packet4_in(from, addr_of(dst), protocol, hop_limit, payload);
    else
        packet6_in(from, addr_of(dst), protocol, hop_limit, payload);
}

void ip_in(const char *src, const char *dst, uint8_t protocol, struct span payload)
{
    ip_in_with(src, dst, protocol, 64, payload);
}

void arp_in(uint16_t oper, const uint8_t *mac, const char *sender, const char *target)
{
    struct arp_packet packet = { .oper = oper,
                                 .sender_addr = ip_v4(addr_of(sender)),
                                 .target_addr = ip_v4(addr_of(target)) };
    memcpy(packet.sender_mac, mac, ETH_ADDR_LEN);
    uint8_t buf[ARP_LEN];
    struct writer w = writer_over(buf, sizeof buf);
    arp_packet_write(&w, &packet);
    eth_in(mac, eth_broadcast, ETH_TYPE_ARP, written(&w));
}

static void icmp_in_with(const char *src, const char *dst, const struct icmp_header *header,
                         struct span data, uint8_t hop_limit)
{
    struct ip_addr from = addr_of(src), to = addr_of(dst);
    bool four = ip_is_v4(from);
    uint8_t buf[2000];
    struct writer w = writer_over(buf, sizeof buf);
    uint16_t len = (uint16_t)(ICMP_HEADER_LEN + data.len);
    icmp_header_write(&w, header, data,
                      four ? 0 : checksum_pseudo(from, to, IP_PROTOCOL_ICMP6, len));
    writer_bytes(&w, data);
    ip_in_with(src, dst, four ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMP6, hop_limit, written(&w));
}

void icmp_in(const char *src, const char *dst, const struct icmp_header *header, struct span data)
{
    icmp_in_with(src, dst, header, data, 64);
}

void nd_in_with(uint8_t type, uint32_t flags, const char *src, const char *dst, const char *target,
                const uint8_t *mac, uint8_t hop_limit)
{
    struct ndp_message message = { .type = type,
                                   .target = addr_of(target),
                                   .has_mac = mac != NULL };
    if (mac != NULL)
        memcpy(message.mac, mac, ETH_ADDR_LEN);
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    ndp_message_write(&w, &message);
    struct icmp_header header = { .type = type, .rest = flags };
    icmp_in_with(src, dst, &header, written(&w), hop_limit);
}

void nd_in(uint8_t type, uint32_t flags, const char *src, const char *dst, const char *target,
           const uint8_t *mac)
{
    nd_in_with(type, flags, src, dst, target, mac, 255);
}

void udp_in(const char *src, const char *dst, uint16_t src_port, uint16_t dst_port,
            const char *text)
{
    uint8_t buf[2000];
    struct writer w = writer_over(buf, sizeof buf);
    struct udp_header header = { .src_port = src_port,
                                 .dst_port = dst_port,
                                 .len = (uint16_t)(UDP_HEADER_LEN + strlen(text)) };
    udp_header_write(&w, &header);
    writer_bytes(&w, span_text(text));
    uint64_t sum = checksum_pseudo(addr_of(src), addr_of(dst), IP_PROTOCOL_UDP, header.len);
    uint16_t checksum = checksum_of(checksum_add(sum, written(&w)));
    writer_patch(&w, 6, checksum != 0 ? checksum : 0xffff, 2);
    ip_in(src, dst, IP_PROTOCOL_UDP, written(&w));
}

enum err say_to(const char *peer, const char *text)
{
    struct udp_endpoint to = { addr_of(peer), 5353 };
    enum err err = udp_send(ip_bed->port, to, span_text(text), ip_bed->now_ns);
    link_turn();
    return err;
}

bool frame_out(struct eth_header *eth, struct span *payload)
{
    static uint8_t kept[2000];
    struct rte_mbuf *frame;
    if (port_rx(ip_bed->ends[1], &frame, 1) == 0)
        return false;
    struct writer w = writer_over(kept, sizeof kept);
    writer_bytes(&w, frame_bytes(frame));
    frame_give(frame);
    assert_int_equal(eth_header_read(written(&w), eth), ERR_OK);
    assert_true(eth_equal(eth->src, mac_ours));
    *payload = span_after(written(&w), eth->len);
    return true;
}

void nothing_out(void)
{
    struct eth_header eth;
    struct span payload;
    if (frame_out(&eth, &payload))
        fail_msg("unexpected frame of type %04x, %zu octets", eth.type, payload.len);
}

void expect_arp_request(const char *target, const uint8_t *mac)
{
    struct eth_header eth;
    struct span payload;
    struct arp_packet packet;
    assert_true(frame_out(&eth, &payload));
    assert_int_equal(eth.type, ETH_TYPE_ARP);
    assert_true(eth_equal(eth.dst, mac != NULL ? mac : eth_broadcast));
    assert_int_equal(arp_packet_read(payload, &packet), ERR_OK);
    assert_int_equal(packet.oper, ARP_REQUEST);
    assert_true(ip_equal(ip_addr_v4(packet.target_addr), addr_of(target)));
    assert_true(ip_equal(ip_addr_v4(packet.sender_addr), addr_of(OURS)));
}

struct span expect_packet(const char *dst, const uint8_t *mac, uint8_t protocol)
{
    struct eth_header eth;
    struct span payload;
    assert_true(frame_out(&eth, &payload));
    assert_true(eth_equal(eth.dst, mac));
    if (ip_is_v4(addr_of(dst))) {
        struct ip4_header ip;
        assert_int_equal(eth.type, ETH_TYPE_IP4);
        assert_int_equal(ip4_header_read(payload, &ip), ERR_OK);
        assert_int_equal(ip.protocol, protocol);
        assert_int_equal(ip.fragment, IP4_DF);
        assert_true(ip_equal(ip_addr_v4(ip.dst), addr_of(dst)));
        return span_after(span_first(payload, ip.total_len), ip.header_len);
    }
    struct ip6_header ip;
    assert_int_equal(eth.type, ETH_TYPE_IP6);
    assert_int_equal(ip6_header_read(payload, &ip), ERR_OK);
    assert_int_equal(ip.next, protocol);
    assert_true(ip_equal(ip.dst, addr_of(dst)));
    assert_int_equal(payload.len, IP6_HEADER_LEN + ip.payload_len);
    payload = span_after(payload, IP6_HEADER_LEN);
    uint64_t sum = checksum_pseudo(ip.src, ip.dst, protocol, ip.payload_len);
    assert_true(checksum_right(checksum_add(sum, payload)));
    return payload;
}

void expect_solicitation(const char *target, const uint8_t *mac)
{
    char text[IP_TEXT_CAP];
    struct ip_addr group = ip6_solicited(addr_of(target));
    const uint8_t group_mac[ETH_ADDR_LEN] = {
        0x33, 0x33, 0xff, group.octets[13], group.octets[14], group.octets[15]
    };
    struct span in = expect_packet(mac != NULL ? target : ip_write(group, text),
                                   mac != NULL ? mac : group_mac, IP_PROTOCOL_ICMP6);
    struct ndp_message message;
    assert_int_equal(in.bytes[0], NDP_SOLICITATION);
    assert_int_equal(
        ndp_message_read(span_after(in, ICMP_HEADER_LEN), NDP_SOLICITATION, 0, &message), ERR_OK);
    assert_true(ip_equal(message.target, addr_of(target)));
    assert_true(message.has_mac && eth_equal(message.mac, mac_ours));
}

void expect_text(const char *dst, const uint8_t *mac, const char *text)
{
    struct span in = expect_packet(dst, mac, IP_PROTOCOL_UDP);
    struct udp_header header;
    assert_int_equal(udp_header_read(in, &header), ERR_OK);
    assert_int_equal(header.src_port, BOUND);
    assert_int_equal(header.len, in.len);
    check_bytes("datagram", span_after(in, UDP_HEADER_LEN), span_text(text));
}
