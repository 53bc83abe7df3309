/* ICMP: the message's layout, which ICMPv6 shares, and IPv4's messages in. */
#include "io/net/icmp.h"

#include "io/net/checksum.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/net_state.h"

enum err icmp_header_read(struct span in, uint64_t pseudo, struct icmp_header *out)
{
    struct reader r = reader_over(in);
    out->type = reader_u8(&r);
    out->code = reader_u8(&r);
    reader_u16(&r); /* checksum */
    out->rest = reader_u32(&r);
    if (r.err != ERR_OK)
        return r.err;
    return checksum_right(checksum_add(pseudo, in)) ? ERR_OK : ERR_CHECKSUM;
}

void icmp_header_write(struct writer *out, const struct icmp_header *header, struct span data,
                       uint64_t pseudo)
{
    size_t start = writer_mark(out);
    writer_u8(out, header->type);
    writer_u8(out, header->code);
    size_t checksum = writer_mark(out);
    writer_u16(out, 0);
    writer_u32(out, header->rest);
    uint64_t sum = checksum_add(pseudo, span_after(written(out), start));
    writer_patch(out, checksum, checksum_of(checksum_add(sum, data)), 2);
}

/* The header's checksum may have been spoilt on the way, and its length tells of the packet, of
 * which only the first octets follow: no more is asked of it than that it names the segment. */
static enum err quote4_read(struct reader *r, struct icmp_quote *out)
{
    uint8_t first = reader_u8(r);
    reader_u8(r); /* type of service */
    out->total_len = reader_u16(r);
    reader_u16(r); /* identification */
    uint16_t fragment = reader_u16(r);
    reader_u8(r); /* time to live */
    out->protocol = reader_u8(r);
    reader_u16(r); /* checksum */
    out->src = ip_addr_v4(reader_u32(r));
    out->dst = ip_addr_v4(reader_u32(r));
    size_t header_len = (first & 0xfu) * 4;
    if (r->err == ERR_OK && header_len < IP4_HEADER_LEN)
        return ERR_MALFORMED;
    reader_bytes(r, r->err == ERR_OK ? header_len - IP4_HEADER_LEN : 0);
    return (fragment & 0x1fff) == 0 ? ERR_OK : ERR_UNSUPPORTED;
}

/* Ours have no extension headers: what has some was not ours. */
static enum err quote6_read(struct reader *r, struct icmp_quote *out)
{
    reader_u32(r);
    out->total_len = (uint16_t)(reader_u16(r) + IP6_HEADER_LEN);
    out->protocol = reader_u8(r);
    reader_u8(r); /* hop limit */
    reader_copy(r, out->src.octets, IP_ADDR_LEN);
    reader_copy(r, out->dst.octets, IP_ADDR_LEN);
    /* An IPv4-mapped address would name a connection of the other family. */
    return ip_is_v4(out->src) || ip_is_v4(out->dst) ? ERR_MALFORMED : ERR_OK;
}

enum err icmp_quote_read(struct span in, struct icmp_quote *out)
{
    struct reader r = reader_over(in);
    uint8_t version = in.len > 0 ? in.bytes[0] >> 4 : 4;
    if (version != 4 && version != 6)
        return ERR_MALFORMED;
    enum err err = version == 4 ? quote4_read(&r, out) : quote6_read(&r, out);
    out->src_port = reader_u16(&r);
    out->dst_port = reader_u16(&r);
    out->seq = reader_u32(&r);
    return r.err != ERR_OK ? r.err : err;
}

void icmp_echo(struct net *net, const struct icmp_header *echo, uint8_t type, struct span data,
               const struct ip_in *in, uint64_t now_ns)
{
    struct rte_mbuf *answer = net_frame_take(net);
    if (answer == NULL)
        return;
    bool four = ip_is_v4(in->src);
    struct ip_addr src = in->group ? ip_source(net, in->src) : in->dst;
    uint16_t len = (uint16_t)(ICMP_HEADER_LEN + data.len);
    uint64_t pseudo = four ? 0 : checksum_pseudo(src, in->src, IP_PROTOCOL_ICMP6, len);
    struct icmp_header header = { .type = type, .rest = echo->rest };
    struct writer w = frame_append(answer, len);
    icmp_header_write(&w, &header, data, pseudo);
    writer_bytes(&w, data);
    if (w.err != ERR_OK)
        net_drop(net, answer, NET_ICMP_MALFORMED);
    else if (four)
        ip4_send(net, answer, IP_PROTOCOL_ICMP, ip_v4(in->src), now_ns);
    else
        ip6_send(net, answer, IP_PROTOCOL_ICMP6, src, in->src, now_ns);
}

static enum net_counter icmp_step(struct net *net, const struct icmp_header *header,
                                  struct span data, const struct ip_in *in, uint64_t now_ns)
{
    switch (header->type) {
    case ICMP_ECHO:
        if (header->code != 0)
            return NET_ICMP_TYPE;
        if (!net_budget_take(&net->echo_budget, ICMP_ECHOES_PER_S, now_ns))
            return NET_ICMP_THROTTLED;
        icmp_echo(net, header, ICMP_ECHO_REPLY, data, in, now_ns);
        return NET_ICMP_ECHOES;
    case ICMP_UNREACHABLE:
        if (header->code == ICMP_CODE_TOO_BIG) /* RFC 1191 §4 */
            return icmp_fate_tell(net, in, data, ICMP_FATE_TOO_BIG, header->rest & 0xffff, now_ns);
        return icmp_fate_tell(net, in, data,
                              header->code == ICMP_CODE_PROTOCOL || header->code == ICMP_CODE_PORT
                                  ? ICMP_FATE_REFUSED
                                  : ICMP_FATE_UNREACHABLE,
                              0, now_ns);
    case ICMP_TIME_EXCEEDED:
    case ICMP_PROBLEM:
        return icmp_fate_tell(net, in, data, ICMP_FATE_UNREACHABLE, 0, now_ns);
    case ICMP_REDIRECT: /* the gateway is the operator's */
        return NET_ICMP_REDIRECT;
    default:
        return NET_ICMP_TYPE;
    }
}

void icmp_rx(struct net *net, struct rte_mbuf *frame, const struct ip_in *in, uint64_t now_ns)
{
    struct icmp_header header;
    struct span message = frame_bytes(frame);
    enum err err = icmp_header_read(message, 0, &header);
    enum net_counter which = err == ERR_CHECKSUM ? NET_ICMP_CHECKSUM : NET_ICMP_MALFORMED;
    if (err == ERR_OK)
        which = icmp_step(net, &header, span_after(message, ICMP_HEADER_LEN), in, now_ns);
    net_drop(net, frame, which);
}
