/* Frames made and read with the codecs of io. */
#include "tests/support/wire.h"

#include "io/net/arp.h"
#include "io/net/checksum.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/ndp.h"

#define OFFSET_AT 12

static void eth_put(struct rte_mbuf *frame, const uint8_t *src, const uint8_t *dst, uint16_t type)
{
    struct eth_header eth = { .type = type };
    memcpy(eth.src, src, ETH_ADDR_LEN);
    memcpy(eth.dst, dst, ETH_ADDR_LEN);
    struct writer w = frame_prepend(frame, ETH_HEADER_LEN);
    eth_header_write(&w, &eth);
}

static struct rte_mbuf *frame_with(struct rte_mempool *frames, struct span octets)
{
    struct rte_mbuf *frame = frame_take(frames);
    ASSERT(frame != NULL);
    struct writer w = frame_append(frame, (uint16_t)octets.len);
    writer_bytes(&w, octets);
    ASSERT(w.err == ERR_OK);
    return frame;
}

static uint16_t ip_put(struct rte_mbuf *frame, struct ip_addr src, struct ip_addr dst,
                       uint8_t protocol, uint8_t hop_limit)
{
    if (ip_is_v4(dst)) {
        struct ip4_header ip = { .total_len = (uint16_t)(frame->data_len + IP4_HEADER_LEN),
                                 .fragment = IP4_DF,
                                 .ttl = hop_limit,
                                 .protocol = protocol,
                                 .src = ip_v4(src),
                                 .dst = ip_v4(dst) };
        struct writer w = frame_prepend(frame, IP4_HEADER_LEN);
        ip4_header_write(&w, &ip);
        return ETH_TYPE_IP4;
    }
    struct ip6_header ip = { .payload_len = frame->data_len,
                             .next = protocol,
                             .hop_limit = hop_limit,
                             .src = src,
                             .dst = dst };
    struct writer w = frame_prepend(frame, IP6_HEADER_LEN);
    ip6_header_write(&w, &ip);
    return ETH_TYPE_IP6;
}

struct rte_mbuf *wire_packet(struct rte_mempool *frames, const struct wire_end *from,
                             const struct wire_end *to, uint8_t protocol, struct span payload)
{
    struct rte_mbuf *frame = frame_with(frames, payload);
    eth_put(frame, from->mac, to->mac, ip_put(frame, from->addr, to->addr, protocol, 64));
    return frame;
}

struct rte_mbuf *wire_segment(struct rte_mempool *frames, const struct wire_end *from,
                              const struct wire_end *to, const struct tcp_header *header,
                              struct span options, struct span data)
{
    uint8_t octets[2000];
    struct writer w = writer_over(octets, sizeof octets);
    tcp_header_write(&w, header);
    writer_bytes(&w, options);
    while (writer_len(&w) % 4 != 0)
        writer_u8(&w, 0);
    ASSERT(w.err == ERR_OK && writer_len(&w) <= TCP_HEADER_LEN + TCP_OPTIONS_MAX);
    writer_patch(&w, OFFSET_AT, writer_len(&w) / 4 << 4, 1);
    writer_bytes(&w, data);
    uint64_t sum = checksum_pseudo(from->addr, to->addr, IP_PROTOCOL_TCP, (uint16_t)writer_len(&w));
    writer_patch(&w, TCP_CHECKSUM_AT, checksum_of(checksum_add(sum, written(&w))), 2);
    return wire_packet(frames, from, to, IP_PROTOCOL_TCP, written(&w));
}

static struct rte_mbuf *nd_make(struct rte_mempool *frames, const struct wire_end *from,
                                const struct wire_end *to, bool answer)
{
    uint8_t type = answer ? NDP_ADVERTISEMENT : NDP_SOLICITATION;
    struct ndp_message message = { .type = type,
                                   .target = answer ? from->addr : to->addr,
                                   .has_mac = true };
    memcpy(message.mac, from->mac, ETH_ADDR_LEN);
    uint8_t body[64], octets[64];
    struct writer b = writer_over(body, sizeof body);
    ndp_message_write(&b, &message);
    struct icmp_header header = { .type = type, .rest = answer ? NDP_SOLICITED | NDP_OVERRIDE : 0 };
    uint64_t pseudo = checksum_pseudo(from->addr, to->addr, IP_PROTOCOL_ICMP6,
                                      (uint16_t)(ICMP_HEADER_LEN + writer_len(&b)));
    struct writer w = writer_over(octets, sizeof octets);
    icmp_header_write(&w, &header, written(&b), pseudo);
    writer_bytes(&w, written(&b));
    struct rte_mbuf *frame = frame_with(frames, written(&w));
    eth_put(frame, from->mac, to->mac, ip_put(frame, from->addr, to->addr, IP_PROTOCOL_ICMP6, 255));
    return frame;
}

static struct rte_mbuf *arp_make(struct rte_mempool *frames, const struct wire_end *from,
                                 const struct wire_end *to, bool answer)
{
    struct arp_packet packet = { .oper = answer ? ARP_REPLY : ARP_REQUEST,
                                 .sender_addr = ip_v4(from->addr),
                                 .target_addr = ip_v4(to->addr) };
    memcpy(packet.sender_mac, from->mac, ETH_ADDR_LEN);
    if (answer)
        memcpy(packet.target_mac, to->mac, ETH_ADDR_LEN);
    uint8_t octets[ARP_LEN];
    struct writer w = writer_over(octets, sizeof octets);
    arp_packet_write(&w, &packet);
    struct rte_mbuf *frame = frame_with(frames, written(&w));
    eth_put(frame, from->mac, answer ? to->mac : eth_broadcast, ETH_TYPE_ARP);
    return frame;
}

struct rte_mbuf *wire_hello(struct rte_mempool *frames, const struct wire_end *from,
                            const struct wire_end *to)
{
    return ip_is_v4(to->addr) ? arp_make(frames, from, to, false)
                              : nd_make(frames, from, to, false);
}

struct rte_mbuf *wire_answer(struct rte_mempool *frames, const struct wire_end *from,
                             const struct wire_end *to)
{
    return ip_is_v4(to->addr) ? arp_make(frames, from, to, true) : nd_make(frames, from, to, true);
}

/* The payload of a TCP packet; false for any other. */
static bool packet_read(struct span packet, uint16_t type, struct wire_in *out,
                        struct span *payload)
{
    if (type == ETH_TYPE_IP4) {
        struct ip4_header ip;
        ASSERT(ip4_header_read(packet, &ip) == ERR_OK);
        out->from.addr = ip_addr_v4(ip.src);
        out->to.addr = ip_addr_v4(ip.dst);
        *payload = span_after(span_first(packet, ip.total_len), ip.header_len);
        return ip.protocol == IP_PROTOCOL_TCP;
    }
    if (type != ETH_TYPE_IP6)
        return false;
    struct ip6_header ip;
    ASSERT(ip6_header_read(packet, &ip) == ERR_OK);
    out->from.addr = ip.src;
    out->to.addr = ip.dst;
    *payload = span_first(span_after(packet, IP6_HEADER_LEN), ip.payload_len);
    return ip.next == IP_PROTOCOL_TCP;
}

bool wire_read(struct span frame, struct wire_in *out)
{
    struct eth_header eth;
    struct span payload;
    ASSERT(eth_header_read(frame, &eth) == ERR_OK);
    memcpy(out->from.mac, eth.src, ETH_ADDR_LEN);
    memcpy(out->to.mac, eth.dst, ETH_ADDR_LEN);
    if (!packet_read(span_after(frame, eth.len), eth.type, out, &payload))
        return false;
    uint64_t sum =
        checksum_pseudo(out->from.addr, out->to.addr, IP_PROTOCOL_TCP, (uint16_t)payload.len);
    ASSERT(checksum_right(checksum_add(sum, payload)));
    ASSERT(tcp_header_read(payload, &out->header) == ERR_OK);
    out->data = span_after(payload, out->header.header_len);
    return true;
}
