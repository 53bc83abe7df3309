/* IPv6: in between Ethernet and what it carries. */
#include "io/net/ip6.h"

#include "io/net/icmp.h"
#include "io/net/ip6_ext.h"
#include "io/net/net_state.h"
#include "io/net/siphash.h"
#include "io/net/udp.h"
#include "io/tcp/tcp_conn.h"

#define IP6_VERSION 6

const struct ip_addr ip6_all_nodes = { { 0xff, 0x02, [15] = 1 } };

enum err ip6_header_read(struct span in, struct ip6_header *out)
{
    struct reader r = reader_over(in);
    uint32_t first = reader_u32(&r);
    out->payload_len = reader_u16(&r);
    out->next = reader_u8(&r);
    out->hop_limit = reader_u8(&r);
    reader_copy(&r, out->src.octets, IP_ADDR_LEN);
    reader_copy(&r, out->dst.octets, IP_ADDR_LEN);
    if (r.err != ERR_OK)
        return r.err;
    if (first >> 28 != IP6_VERSION)
        return ERR_UNSUPPORTED;
    return out->payload_len <= reader_left(&r) ? ERR_OK : ERR_LENGTH;
}

void ip6_header_write(struct writer *out, const struct ip6_header *header)
{
    writer_u32(out, (uint32_t)IP6_VERSION << 28);
    writer_u16(out, header->payload_len);
    writer_u8(out, header->next);
    writer_u8(out, header->hop_limit);
    writer_bytes(out, span_of(header->src.octets, IP_ADDR_LEN));
    writer_bytes(out, span_of(header->dst.octets, IP_ADDR_LEN));
}

struct ip_addr ip6_link_local(struct ip_addr addr6)
{
    static const uint64_t key[2] = { 0x6c696e6b2d6c6f63u, 0x616c206f66207573u }; /* no secret */
    const uint64_t words[2] = { ip_word(addr6, 0), ip_word(addr6, 1) };
    struct ip_addr out = { { 0 } };
    struct writer w = writer_over(out.octets, sizeof out.octets);
    if (ip_is_none(addr6))
        return out;
    writer_u64(&w, 0xfe80000000000000u);
    writer_u64(&w, siphash_words(key, words, COUNT(words), 2, 4));
    return out;
}

struct ip_addr ip6_solicited(struct ip_addr addr)
{
    return (struct ip_addr){ { 0xff, 0x02, [11] = 1, 0xff, addr.octets[13], addr.octets[14],
                               addr.octets[15] } };
}

bool ip6_is_host(struct ip_addr addr)
{
    struct ip_addr low = addr; /* ::/96 and ::ffff:0:0/96 stand for IPv4 (RFC 4291 §2.5.5) */
    memset(low.octets + 12, 0, 4);
    return !ip6_is_group(addr) && !ip_is_none(low) && !ip_is_v4(addr);
}

bool ip6_is_ours(const struct net *net, struct ip_addr addr)
{
    return !ip_is_none(addr) &&
           (ip_equal(addr, net->config.addr6) || ip_equal(addr, net->link_local));
}

static bool is_our_group(const struct net *net, struct ip_addr addr)
{
    return !ip_is_none(net->config.addr6) &&
           (ip_equal(addr, ip6_all_nodes) || ip_equal(addr, ip6_solicited(net->config.addr6)) ||
            ip_equal(addr, ip6_solicited(net->link_local)));
}

bool ip6_on_link(const struct net *net, struct ip_addr addr)
{
    uint8_t bits = net->config.prefix6;
    const uint8_t *ours = net->config.addr6.octets;
    if (ip6_is_link_local(addr))
        return true;
    if (memcmp(addr.octets, ours, bits / 8) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
    return bits % 8 == 0 || ((addr.octets[bits / 8] ^ ours[bits / 8]) & mask) == 0;
}

struct ip_addr ip6_next_hop(const struct net *net, struct ip_addr dst)
{
    if (ip_is_none(net->config.addr6))
        return (struct ip_addr){ { 0 } };
    return ip6_on_link(net, dst) ? dst : net->config.gateway6;
}

/* What a sound header is dropped as; NET_COUNTER_COUNT when it is for us. */
static enum net_counter refusal_of(const struct net *net, const struct ip6_header *header,
                                   bool group)
{
    bool to_group = ip6_is_group(header->dst);
    if (to_group ? !is_our_group(net, header->dst) : group || !ip6_is_ours(net, header->dst))
        return NET_IP6_FOREIGN;
    bool probe = ip_is_none(header->src) && to_group && header->next == IP_PROTOCOL_ICMP6;
    if (!probe && (!ip6_is_host(header->src) || ip6_is_ours(net, header->src)))
        return NET_IP6_MARTIAN; /* unspecified only while an address is being probed for */
    return NET_COUNTER_COUNT;
}

static enum net_counter ext_counter(enum ip6_ext_verdict verdict)
{
    switch (verdict) {
    case IP6_EXT_ROUTED:
        return NET_IP6_SOURCE_ROUTE;
    case IP6_EXT_PART:
        return NET_IP6_FRAGMENT;
    case IP6_EXT_REFUSED:
        return NET_IP6_OPTION;
    case IP6_EXT_MALFORMED:
    case IP6_EXT_SOUND:
        break;
    }
    return NET_IP6_EXTENSION;
}

static void problem_tell(struct net *net, const struct ip_in *in, const struct ip6_ext *ext,
                         uint64_t now_ns)
{
    struct reader r = reader_over(in->packet);
    reader_bytes(&r, IP6_NEXT_AT);
    uint8_t next = reader_u8(&r);
    if (ext->problem != IP6_PROBLEM_NONE &&
        !ip6_ext_before_error(span_after(in->packet, IP6_HEADER_LEN), next))
        icmp_problem(net, in, ext->problem, ext->pointer, ext->problem_to_group, now_ns);
}

/* A frame at what the extension headers lead to. */
static void upper_rx(struct net *net, struct rte_mbuf *frame, const struct ip_in *in,
                     struct ip6_ext *ext, uint64_t now_ns)
{
    bool transport = ext->protocol == IP_PROTOCOL_TCP || ext->protocol == IP_PROTOCOL_UDP;
    if (transport && !ip_equal(in->dst, ip_source(net, in->src))) {
        net_drop(net, frame, NET_IP6_SCOPE);
        return;
    }
    switch (ext->protocol) {
    case IP_PROTOCOL_TCP:
        tcp_rx(net, frame, in->src, now_ns);
        return;
    case IP_PROTOCOL_UDP:
        udp_rx(net, frame, in, now_ns);
        return;
    case IP_PROTOCOL_ICMP6:
        icmp6_rx(net, frame, in, now_ns);
        return;
    case IP6_EXT_NONE:
        net_drop(net, frame, NET_IP6_NO_NEXT);
        return;
    default:
        ext->problem = IP6_PROBLEM_NEXT;
        ext->pointer = ext->next_at;
        problem_tell(net, in, ext, now_ns);
        net_drop(net, frame, NET_IP6_PROTOCOL);
    }
}

void ip6_rx(struct net *net, struct rte_mbuf *frame, bool group, uint64_t now_ns)
{
    struct ip6_header header;
    enum err err = ip6_header_read(frame_bytes(frame), &header);
    if (err != ERR_OK) {
        net_drop(net, frame,
                 err == ERR_UNSUPPORTED ? NET_IP6_VERSION
                 : err == ERR_LENGTH    ? NET_IP6_LENGTH
                                        : NET_IP6_SHORT);
        return;
    }
    enum net_counter refusal = refusal_of(net, &header, group);
    if (refusal != NET_COUNTER_COUNT) {
        net_drop(net, frame, refusal);
        return;
    }
    frame_trim(frame, (uint16_t)(header.payload_len + IP6_HEADER_LEN));
    struct ip_in in = { .src = header.src,
                        .dst = header.dst,
                        .packet = frame_bytes(frame),
                        .hop_limit = header.hop_limit,
                        .group = group || ip6_is_group(header.dst) };
    frame_strip(frame, IP6_HEADER_LEN);
    struct ip6_ext ext;
    enum ip6_ext_verdict verdict = ip6_ext_read(frame_bytes(frame), header.next, &ext);
    if (verdict != IP6_EXT_SOUND) {
        problem_tell(net, &in, &ext, now_ns);
        net_drop(net, frame, ext_counter(verdict));
        return;
    }
    in.fragmented = ext.fragmented;
    in.router_alert = ext.router_alert;
    frame_strip(frame, ext.len);
    upper_rx(net, frame, &in, &ext, now_ns);
}

static void header_put(struct rte_mbuf *frame, uint8_t protocol, uint8_t hop_limit,
                       struct ip_addr src, struct ip_addr dst)
{
    struct ip6_header header = { .payload_len = (uint16_t)frame->pkt_len,
                                 .next = protocol,
                                 .hop_limit = hop_limit,
                                 .src = src,
                                 .dst = dst };
    struct writer w = frame_prepend(frame, IP6_HEADER_LEN);
    ip6_header_write(&w, &header);
}

void ip6_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, struct ip_addr src,
              struct ip_addr dst, uint64_t now_ns)
{
    struct ip_addr hop = ip6_next_hop(net, dst);
    if (ip_is_none(hop)) {
        net_drop(net, frame, NET_IP6_NO_ROUTE);
        return;
    }
    header_put(frame, protocol, IP6_HOP_LIMIT, src, dst);
    neighbour_send(net, frame, hop, now_ns);
}

void ip6_group_mac(struct ip_addr group, uint8_t mac[ETH_ADDR_LEN])
{
    mac[0] = mac[1] = 0x33;
    for (uint32_t i = 2; i < ETH_ADDR_LEN; i++)
        mac[i] = group.octets[IP_ADDR_LEN - ETH_ADDR_LEN + i];
}

void ip6_send_group(struct net *net, struct rte_mbuf *frame, uint8_t next, uint8_t hop_limit,
                    struct ip_addr src, struct ip_addr dst)
{
    uint8_t mac[ETH_ADDR_LEN];
    ip6_group_mac(dst, mac);
    header_put(frame, next, hop_limit, src, dst);
    net_tx_to(net, frame, mac, ETH_TYPE_IP6);
}

void ip6_send_link(struct net *net, struct rte_mbuf *frame, struct ip_addr src, struct ip_addr dst,
                   const uint8_t *mac)
{
    if (ip6_is_group(dst)) {
        ip6_send_group(net, frame, IP_PROTOCOL_ICMP6, UINT8_MAX, src, dst);
        return;
    }
    header_put(frame, IP_PROTOCOL_ICMP6, UINT8_MAX, src, dst);
    net_tx_to(net, frame, mac, ETH_TYPE_IP6);
}
