/* ICMP: echo and the errors that matter to TCP. */
#include "io/net/icmp.h"

#include "io/net/checksum.h"
#include "io/net/ip4.h"
#include "io/net/net_state.h"
#include "io/tcp/tcp_conn.h"

enum err icmp_header_read(struct span in, struct icmp_header *out)
{
    struct reader r = reader_over(in);
    out->type = reader_u8(&r);
    out->code = reader_u8(&r);
    reader_u16(&r); /* checksum */
    out->rest = reader_u32(&r);
    if (r.err != ERR_OK)
        return r.err;
    return checksum_right(checksum_add(0, in)) ? ERR_OK : ERR_CHECKSUM;
}

void icmp_header_write(struct writer *out, const struct icmp_header *header, struct span data)
{
    size_t start = writer_mark(out);
    writer_u8(out, header->type);
    writer_u8(out, header->code);
    size_t checksum = writer_mark(out);
    writer_u16(out, 0);
    writer_u32(out, header->rest);
    uint64_t sum = checksum_add(0, span_after(written(out), start));
    writer_patch(out, checksum, checksum_of(checksum_add(sum, data)), 2);
}

/* The quoted header's total_len tells of the datagram, of which at least eight octets follow (RFC
 * 792), and its checksum may have been spoilt on the way: only what names the segment is read. */
enum err icmp_quote_read(struct span in, uint32_t src, struct icmp_quote *out)
{
    struct reader r = reader_over(in);
    uint8_t first = reader_u8(&r);
    reader_bytes(&r, 5);
    uint16_t fragment = reader_u16(&r);
    reader_u8(&r); /* time to live */
    uint8_t protocol = reader_u8(&r);
    reader_u16(&r); /* checksum */
    uint32_t quoted_src = reader_u32(&r);
    out->dst = ip_addr_v4(reader_u32(&r));
    size_t header_len = (first & 0xfu) * 4;
    if (r.err == ERR_OK && (first >> 4 != 4 || header_len < IP4_HEADER_LEN))
        return ERR_MALFORMED;
    reader_bytes(&r, r.err == ERR_OK ? header_len - IP4_HEADER_LEN : 0);
    out->src_port = reader_u16(&r);
    out->dst_port = reader_u16(&r);
    out->seq = reader_u32(&r);
    if (r.err != ERR_OK)
        return r.err;
    bool ours = quoted_src == src && protocol == IP_PROTOCOL_TCP && (fragment & 0x1fff) == 0;
    return ours ? ERR_OK : ERR_UNSUPPORTED;
}

static void echo_answer(struct net *net, struct rte_mbuf *frame, const struct icmp_header *echo,
                        uint32_t src, uint64_t now_ns)
{
    if (!net_budget_take(&net->echo_budget, ICMP_ECHOES_PER_S, now_ns)) {
        net_drop(net, frame, NET_ICMP_THROTTLED);
        return;
    }
    struct rte_mbuf *answer = net_frame_take(net);
    if (answer != NULL) {
        struct span data = span_after(frame_bytes(frame), ICMP_HEADER_LEN);
        struct icmp_header header = { .type = ICMP_ECHO_REPLY, .rest = echo->rest };
        struct writer w = frame_append(answer, (uint16_t)(ICMP_HEADER_LEN + data.len));
        icmp_header_write(&w, &header, data);
        writer_bytes(&w, data);
        if (w.err == ERR_OK)
            ip4_send(net, answer, IP_PROTOCOL_ICMP, src, now_ns);
        else
            net_drop(net, answer, NET_ICMP_MALFORMED);
    }
    net_drop(net, frame, NET_ICMP_ECHOES);
}

static enum net_counter unreachable_step(struct net *net, const struct icmp_header *header,
                                         struct span data, uint64_t now_ns)
{
    struct icmp_quote quote;
    enum err err = icmp_quote_read(data, ip_v4(net->config.addr4), &quote);
    if (err != ERR_OK)
        return err == ERR_UNSUPPORTED ? NET_ICMP_UNBELIEVED : NET_ICMP_MALFORMED;
    if (header->code == ICMP_CODE_TOO_BIG) {
        uint16_t mtu = (uint16_t)header->rest; /* RFC 1191 §4 */
        return tcp_too_big(net, &quote, mtu, now_ns) ? NET_ICMP_TOO_BIG : NET_ICMP_UNBELIEVED;
    }
    return tcp_unreachable(net, &quote, header->code) ? NET_ICMP_UNREACHABLE : NET_ICMP_UNBELIEVED;
}

void icmp_rx(struct net *net, struct rte_mbuf *frame, uint32_t src, uint64_t now_ns)
{
    struct icmp_header header;
    enum err err = icmp_header_read(frame_bytes(frame), &header);
    if (err != ERR_OK) {
        net_drop(net, frame, err == ERR_CHECKSUM ? NET_ICMP_CHECKSUM : NET_ICMP_MALFORMED);
        return;
    }
    if (header.type == ICMP_ECHO && header.code == 0) {
        echo_answer(net, frame, &header, src, now_ns);
        return;
    }
    enum net_counter which = NET_ICMP_TYPE;
    if (header.type == ICMP_UNREACHABLE)
        which =
            unreachable_step(net, &header, span_after(frame_bytes(frame), ICMP_HEADER_LEN), now_ns);
    net_drop(net, frame, which);
}
