/* IPv4: in between Ethernet and what it carries. */
#include "io/net/ip4.h"

#include "io/net/checksum.h"
#include "io/net/icmp.h"
#include "io/net/net_state.h"
#include "io/net/udp.h"
#include "io/tcp/tcp_conn.h"

#define IP4_VERSION 4
#define IP4_TTL 64
#define IP4_OPTION_END 0
#define IP4_OPTION_NOP 1
#define IP4_OPTION_LSRR 131
#define IP4_OPTION_SSRR 137

/* Looks for source routes only; other options mean nothing to a host. */
static enum err options_read(struct reader *r, bool *source_routed)
{
    while (reader_more(r)) {
        uint8_t kind = reader_u8(r);
        if (kind == IP4_OPTION_END)
            return ERR_OK;
        if (kind == IP4_OPTION_NOP)
            continue;
        uint8_t len = reader_u8(r);
        if (len < 2)
            return ERR_MALFORMED;
        reader_bytes(r, len - 2u);
        if (kind == IP4_OPTION_LSRR || kind == IP4_OPTION_SSRR)
            *source_routed = true;
    }
    return r->err == ERR_OK ? ERR_OK : ERR_MALFORMED;
}

enum err ip4_header_read(struct span in, struct ip4_header *out)
{
    struct reader r = reader_over(in);
    struct reader fixed = reader_sub(&r, IP4_HEADER_LEN);
    if (r.err != ERR_OK)
        return r.err;
    uint8_t first = reader_u8(&fixed);
    reader_u8(&fixed); /* type of service */
    out->total_len = reader_u16(&fixed);
    out->id = reader_u16(&fixed);
    out->fragment = reader_u16(&fixed);
    out->ttl = reader_u8(&fixed);
    out->protocol = reader_u8(&fixed);
    reader_u16(&fixed); /* checksum */
    out->src = reader_u32(&fixed);
    out->dst = reader_u32(&fixed);
    out->header_len = (uint8_t)((first & 0xf) * 4);
    out->source_routed = false;
    if (first >> 4 != IP4_VERSION)
        return ERR_UNSUPPORTED;
    if (out->header_len < IP4_HEADER_LEN)
        return ERR_RANGE;
    if (out->total_len < out->header_len || out->total_len > in.len)
        return ERR_LENGTH;
    if (!checksum_right(checksum_add(0, span_first(in, out->header_len))))
        return ERR_CHECKSUM;
    struct reader options = reader_sub(&r, (size_t)(out->header_len - IP4_HEADER_LEN));
    return options_read(&options, &out->source_routed);
}

void ip4_header_write(struct writer *out, const struct ip4_header *header)
{
    struct writer w = writer_sub(out, IP4_HEADER_LEN);
    if (w.err != ERR_OK)
        return;
    writer_u8(&w, IP4_VERSION << 4 | IP4_HEADER_LEN / 4);
    writer_u8(&w, 0);
    writer_u16(&w, header->total_len);
    writer_u16(&w, header->id);
    writer_u16(&w, header->fragment);
    writer_u8(&w, header->ttl);
    writer_u8(&w, header->protocol);
    size_t checksum = writer_mark(&w);
    writer_u16(&w, 0);
    writer_u32(&w, header->src);
    writer_u32(&w, header->dst);
    uint64_t sum = checksum_add(0, written(&w));
    writer_patch(&w, checksum, checksum_of(sum), 2);
}

static uint32_t subnet_mask(const struct net *net)
{
    return (uint32_t)(0xffffffffull << (32 - net->config.prefix4));
}

bool ip4_on_link(const struct net *net, uint32_t addr)
{
    return ((addr ^ ip_v4(net->config.addr4)) & subnet_mask(net)) == 0;
}

struct ip_addr ip4_next_hop(const struct net *net, struct ip_addr dst)
{
    if (ip_is_none(net->config.addr4))
        return (struct ip_addr){ { 0 } };
    return ip4_on_link(net, ip_v4(dst)) ? dst : net->config.gateway4;
}

bool ip4_martian(const struct net *net, uint32_t src)
{
    uint32_t net_part = src >> 24;
    if (net_part == 0 || net_part == 127 || net_part >= 224 || src == ip_v4(net->config.addr4))
        return true;
    uint32_t host_mask = ~subnet_mask(net);
    uint32_t host = src & host_mask;
    return host_mask > 1 && ip4_on_link(net, src) && (host == host_mask || host == 0);
}

/* What a sound header is dropped as; NET_COUNTER_COUNT when it is for us. */
static enum net_counter refusal_of(const struct net *net, const struct ip4_header *header)
{
    if (ip_is_none(net->config.addr4) || header->dst != ip_v4(net->config.addr4))
        return NET_IP4_FOREIGN; /* broadcasts too: we serve nothing by broadcast */
    if (ip4_martian(net, header->src))
        return NET_IP4_MARTIAN;
    if (header->source_routed)
        return NET_IP4_SOURCE_ROUTE;
    if ((header->fragment & IP4_FRAGMENTED) != 0)
        return NET_IP4_FRAGMENT;
    return NET_COUNTER_COUNT;
}

static enum net_counter unsound_counter(enum err err)
{
    switch ((int)err) {
    case ERR_UNSUPPORTED:
        return NET_IP4_VERSION;
    case ERR_RANGE:
        return NET_IP4_HEADER;
    case ERR_LENGTH:
        return NET_IP4_LENGTH;
    case ERR_CHECKSUM:
        return NET_IP4_CHECKSUM;
    case ERR_MALFORMED:
        return NET_IP4_OPTIONS;
    default:
        return NET_IP4_SHORT;
    }
}

void ip4_rx(struct net *net, struct rte_mbuf *frame, uint64_t now_ns)
{
    struct ip4_header header;
    enum err err = ip4_header_read(frame_bytes(frame), &header);
    enum net_counter refusal = err != ERR_OK ? unsound_counter(err) : refusal_of(net, &header);
    if (refusal != NET_COUNTER_COUNT) {
        net_drop(net, frame, refusal);
        return;
    }
    frame_trim(frame, header.total_len);
    struct ip_in in = { .src = ip_addr_v4(header.src),
                        .dst = ip_addr_v4(header.dst),
                        .packet = frame_bytes(frame),
                        .hop_limit = header.ttl };
    frame_strip(frame, header.header_len);
    switch (header.protocol) {
    case IP_PROTOCOL_TCP:
        tcp_rx(net, frame, in.src, now_ns);
        return;
    case IP_PROTOCOL_UDP:
        udp_rx(net, frame, &in, now_ns);
        return;
    case IP_PROTOCOL_ICMP:
        icmp_rx(net, frame, &in, now_ns);
        return;
    default:
        icmp_refuse(net, &in, false, now_ns);
        net_drop(net, frame, NET_IP4_PROTOCOL);
    }
}

void ip4_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, uint32_t dst,
              uint64_t now_ns)
{
    struct ip_addr hop = ip4_next_hop(net, ip_addr_v4(dst));
    if (ip_is_none(hop)) {
        net_drop(net, frame, NET_IP4_NO_ROUTE);
        return;
    }
    /* An atomic datagram needs no identification (RFC 6864 §4.1). */
    struct ip4_header header = { .total_len = (uint16_t)(frame->pkt_len + IP4_HEADER_LEN),
                                 .fragment = IP4_DF,
                                 .ttl = IP4_TTL,
                                 .protocol = protocol,
                                 .src = ip_v4(net->config.addr4),
                                 .dst = dst };
    struct writer w = frame_prepend(frame, IP4_HEADER_LEN);
    ip4_header_write(&w, &header);
    if ((frame->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0)
        writer_patch(&w, IP4_CHECKSUM_AT, 0, 2); /* the port makes one for each segment */
    neighbour_send(net, frame, hop, now_ns);
}
