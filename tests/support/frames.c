/* Frames octet by octet, by the codecs of io/net. */
#include "tests/support/frames.h"

#include "io/net/arp.h"
#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/ip_route.h"

struct ip_addr addr_read(const char *text)
{
    struct ip_addr addr;
    assert_true(ip_read(text, &addr));
    return addr;
}

static struct span done(const struct writer *w)
{
    assert_int_equal(w->err, ERR_OK);
    return written(w);
}

struct span frame_eth(struct frame_text *out, uint16_t type, uint16_t vlan, struct span payload)
{
    struct writer w = writer_over(out->octets, sizeof out->octets);
    struct eth_header header = {
        .dst = { 2, 0, 0, 0, 0, 1 }, .src = { 2, 0, 0, 0, 0, 2 }, .type = type, .vlan = vlan
    };
    eth_header_write(&w, &header);
    writer_bytes(&w, payload);
    return done(&w);
}

struct span packet_ip(struct frame_text *out, const char *src, const char *dst, uint8_t protocol,
                      uint16_t fragment, struct span payload)
{
    struct writer w = writer_over(out->octets, sizeof out->octets);
    struct ip_addr from = addr_read(src), to = addr_read(dst);
    if (ip_is_v4(from)) {
        struct ip4_header header = { .total_len = (uint16_t)(IP4_HEADER_LEN + payload.len),
                                     .fragment = fragment,
                                     .ttl = 64,
                                     .protocol = protocol,
                                     .src = ip_v4(from),
                                     .dst = ip_v4(to) };
        ip4_header_write(&w, &header);
    } else {
        struct ip6_header header = { .payload_len = (uint16_t)payload.len,
                                     .next = protocol,
                                     .hop_limit = 64,
                                     .src = from,
                                     .dst = to };
        ip6_header_write(&w, &header);
    }
    writer_bytes(&w, payload);
    return done(&w);
}

struct span segment_of(struct frame_text *out, uint16_t src_port, uint16_t dst_port, size_t len)
{
    struct writer w = writer_over(out->octets, sizeof out->octets);
    writer_u16(&w, src_port);
    writer_u16(&w, dst_port);
    for (size_t i = 0; i < len; i++)
        writer_u8(&w, 0x5a);
    return done(&w);
}

struct span frame_segment(struct frame_text *out, const char *src, const char *dst,
                          uint16_t src_port, uint16_t dst_port, size_t len)
{
    struct frame_text segment, packet;
    bool four = ip_is_v4(addr_read(src));
    return frame_eth(out, four ? ETH_TYPE_IP4 : ETH_TYPE_IP6, 0,
                     packet_ip(&packet, src, dst, IP_PROTOCOL_TCP, 0,
                               segment_of(&segment, src_port, dst_port, len)));
}

struct span packet_arp(struct frame_text *out, uint16_t oper, const char *sender,
                       const char *target)
{
    struct writer w = writer_over(out->octets, sizeof out->octets);
    struct arp_packet packet = { .oper = oper,
                                 .sender_mac = { 2, 0, 0, 0, 0, 2 },
                                 .sender_addr = ip_v4(addr_read(sender)),
                                 .target_addr = ip_v4(addr_read(target)) };
    arp_packet_write(&w, &packet);
    return done(&w);
}
