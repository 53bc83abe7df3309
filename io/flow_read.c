/* From a frame to its flow, by the codecs that io/net goes by. */
#include "io/flow_read.h"

#include "io/net/arp.h"
#include "io/net/eth.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/mld.h"
#include "io/net/ndp.h"

#define IP4_PLAIN 0x45 /* version 4, five words of header */

/* A request is answered by whoever got it; an announcement (RFC 5227 §3) is one that asks for its
 * own sender, and news to all. */
static enum flow_owner arp_owner(struct span in, struct flow *out)
{
    struct arp_packet packet;
    if (arp_packet_read(in, &packet) != ERR_OK)
        return FLOW_FINDER;
    out->addr[0] = ip_addr_v4(packet.sender_addr);
    out->addr[1] = ip_addr_v4(packet.target_addr);
    bool asks = packet.oper == ARP_REQUEST && packet.sender_addr != packet.target_addr;
    return asks ? FLOW_FINDER : FLOW_ALL;
}

static enum flow_owner ports_owner(struct span in, struct flow *out)
{
    struct reader r = reader_over(in);
    out->port[0] = reader_u16(&r);
    out->port[1] = reader_u16(&r);
    return r.err == ERR_OK ? FLOW_EDGE : FLOW_FINDER;
}

/* The flow of what an error message quotes, which is one of ours the other way round. */
static enum flow_owner quote_owner(struct span in, struct flow *out)
{
    struct icmp_quote quote;
    if (icmp_quote_read(span_after(in, ICMP_HEADER_LEN), &quote) != ERR_OK)
        return FLOW_FINDER;
    *out = (struct flow){ { quote.src, quote.dst }, { quote.src_port, quote.dst_port } };
    return quote.protocol == IP_PROTOCOL_TCP || quote.protocol == IP_PROTOCOL_UDP ? FLOW_EDGE
                                                                                  : FLOW_FINDER;
}

static enum flow_owner icmp_owner(struct span in, struct flow *out)
{
    struct reader r = reader_over(in);
    uint8_t type = reader_u8(&r);
    if (type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PROBLEM)
        return quote_owner(in, out);
    return FLOW_FINDER;
}

static enum flow_owner icmp6_owner(struct span in, struct flow *out)
{
    struct reader r = reader_over(in);
    uint8_t type = reader_u8(&r);
    if (type == NDP_ADVERTISEMENT || type == MLD_QUERY)
        return FLOW_ALL;
    if (type >= ICMP6_UNREACHABLE && type <= ICMP6_PROBLEM)
        return quote_owner(in, out);
    return FLOW_FINDER;
}

static enum flow_owner transport_owner(struct span in, uint8_t protocol, struct flow *out)
{
    switch (protocol) {
    case IP_PROTOCOL_TCP:
    case IP_PROTOCOL_UDP:
        return ports_owner(in, out);
    case IP_PROTOCOL_ICMP:
        return icmp_owner(in, out);
    case IP_PROTOCOL_ICMP6:
        return icmp6_owner(in, out);
    default:
        return FLOW_FINDER;
    }
}

static enum flow_owner ip4_owner(struct span in, struct flow *out)
{
    struct ip4_header header;
    if (ip4_header_read(in, &header) != ERR_OK)
        return FLOW_FINDER;
    out->addr[0] = ip_addr_v4(header.src);
    out->addr[1] = ip_addr_v4(header.dst);
    if ((header.fragment & IP4_FRAGMENTED) != 0)
        return FLOW_EDGE;
    struct span payload = span_after(span_first(in, header.total_len), header.header_len);
    return header.protocol == IP_PROTOCOL_ICMP6 ? FLOW_FINDER
                                                : transport_owner(payload, header.protocol, out);
}

static enum flow_owner ip6_owner(struct span in, struct flow *out)
{
    struct ip6_header header;
    struct ip6_ext ext;
    if (ip6_header_read(in, &header) != ERR_OK || ip_is_v4(header.src) || ip_is_v4(header.dst))
        return FLOW_FINDER; /* an IPv4-mapped address is on no wire */
    out->addr[0] = header.src;
    out->addr[1] = header.dst;
    struct span payload = span_first(span_after(in, IP6_HEADER_LEN), header.payload_len);
    switch (ip6_ext_read(payload, header.next, &ext)) {
    case IP6_EXT_SOUND:
        return ext.protocol == IP_PROTOCOL_ICMP
                   ? FLOW_FINDER
                   : transport_owner(span_after(payload, ext.len), ext.protocol, out);
    case IP6_EXT_PART:
        return FLOW_EDGE;
    case IP6_EXT_MALFORMED:
    case IP6_EXT_REFUSED:
    case IP6_EXT_ROUTED:
        break;
    }
    return FLOW_FINDER;
}

/* What nearly all frames are, at its fixed places: TCP or UDP, untagged, in IPv4 without options, in
 * one piece. The header's checksum is looked at where the flow goes. False: not one of these. */
static bool plain_read(struct span frame, struct flow *out)
{
    struct reader all = reader_over(frame);
    reader_bytes(&all, 2u * ETH_ADDR_LEN);
    struct reader r = reader_sub(&all, 2 + IP4_HEADER_LEN + 4);
    if (all.err != ERR_OK || reader_u16(&r) != ETH_TYPE_IP4 || reader_u8(&r) != IP4_PLAIN)
        return false;
    reader_u8(&r); /* type of service */
    uint16_t total_len = reader_u16(&r);
    reader_u16(&r); /* identification */
    uint16_t fragment = reader_u16(&r);
    reader_u8(&r); /* time to live */
    uint8_t protocol = reader_u8(&r);
    reader_u16(&r); /* checksum */
    out->addr[0] = ip_addr_v4(reader_u32(&r));
    out->addr[1] = ip_addr_v4(reader_u32(&r));
    out->port[0] = reader_u16(&r);
    out->port[1] = reader_u16(&r);
    return (protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP) &&
           (fragment & IP4_FRAGMENTED) == 0 && total_len >= IP4_HEADER_LEN + 4 &&
           total_len <= frame.len - ETH_HEADER_LEN;
}

enum flow_owner flow_read(struct span frame, struct flow *out)
{
    struct eth_header header;
    if (plain_read(frame, out))
        return FLOW_EDGE;
    *out = (struct flow){ 0 };
    if (eth_header_read(frame, &header) != ERR_OK)
        return FLOW_FINDER;
    struct span payload = span_after(frame, header.len);
    switch (header.type) {
    case ETH_TYPE_ARP:
        return arp_owner(payload, out);
    case ETH_TYPE_IP4:
        return ip4_owner(payload, out);
    case ETH_TYPE_IP6:
        return ip6_owner(payload, out);
    default:
        return FLOW_FINDER;
    }
}
