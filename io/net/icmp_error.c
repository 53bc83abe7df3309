/* ICMP errors of both families: those that came, told to whom they are about; those we owe. */
#include "io/net/checksum.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/net_state.h"
#include "io/net/udp.h"
#include "io/tcp/tcp_conn.h"

/* A quotation fills what every link carries (RFC 1812 §4.3.2.3, RFC 4443 §2.4 (c)). */
#define QUOTE4_MAX (576u - IP4_HEADER_LEN - ICMP_HEADER_LEN)
#define QUOTE6_MAX (IP6_LEN_MIN - IP6_HEADER_LEN - ICMP_HEADER_LEN)

static bool believed(struct net *net, const struct icmp_quote *quote, enum icmp_fate fate,
                     uint32_t mtu, uint64_t now_ns)
{
    if (quote->protocol == IP_PROTOCOL_UDP)
        return udp_fate(net, quote, fate, mtu);
    if (quote->protocol != IP_PROTOCOL_TCP)
        return false;
    if (fate == ICMP_FATE_TOO_BIG)
        return tcp_too_big(net, quote, mtu, now_ns);
    return tcp_unreachable(net, quote, fate == ICMP_FATE_REFUSED);
}

uint32_t icmp_fate_tell(struct net *net, const struct ip_in *in, struct span data,
                        enum icmp_fate fate, uint32_t mtu, uint64_t now_ns)
{
    struct icmp_quote quote;
    enum err err = icmp_quote_read(data, &quote);
    if (err != ERR_OK)
        return err == ERR_UNSUPPORTED ? NET_ICMP_UNBELIEVED : NET_ICMP_MALFORMED;
    bool ours = !ip_is_none(quote.src) && ip_equal(quote.src, ip_source(net, quote.dst));
    bool foreign =
        ip_is_v4(quote.src) != ip_is_v4(in->src); /* no router tells so of the other family */
    if (!ours || foreign || !believed(net, &quote, fate, mtu, now_ns))
        return NET_ICMP_UNBELIEVED;
    return fate == ICMP_FATE_TOO_BIG ? NET_ICMP_TOO_BIG : NET_ICMP_UNREACHABLE;
}

static void error_send(struct net *net, const struct ip_in *in, const struct icmp_header *header,
                       uint64_t now_ns)
{
    if (!net_budget_take(&net->error_budget, ICMP_ERRORS_PER_S, now_ns)) {
        net_count(net, NET_ICMP_THROTTLED);
        return;
    }
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame == NULL)
        return;
    bool four = ip_is_v4(in->src);
    struct ip_addr src = in->group ? ip_source(net, in->src) : in->dst;
    struct span quote = span_first(in->packet, four ? QUOTE4_MAX : QUOTE6_MAX);
    uint16_t len = (uint16_t)(ICMP_HEADER_LEN + quote.len);
    uint64_t pseudo = four ? 0 : checksum_pseudo(src, in->src, IP_PROTOCOL_ICMP6, len);
    struct writer w = frame_append(frame, len);
    icmp_header_write(&w, header, quote, pseudo);
    writer_bytes(&w, quote);
    ASSERT(w.err == ERR_OK);
    net_count(net, NET_ICMP_ERRORS_OUT);
    if (four)
        ip4_send(net, frame, IP_PROTOCOL_ICMP, ip_v4(in->src), now_ns);
    else
        ip6_send(net, frame, IP_PROTOCOL_ICMP6, src, in->src, now_ns);
}

void icmp_refuse(struct net *net, const struct ip_in *in, bool port, uint64_t now_ns)
{
    static const struct icmp_header port6 = { ICMP6_UNREACHABLE, ICMP6_CODE_PORT, 0 };
    static const struct icmp_header port4 = { ICMP_UNREACHABLE, ICMP_CODE_PORT, 0 };
    static const struct icmp_header protocol4 = { ICMP_UNREACHABLE, ICMP_CODE_PROTOCOL, 0 };
    if (in->group)
        return;
    if (ip_is_v4(in->src))
        error_send(net, in, port ? &port4 : &protocol4, now_ns);
    else if (port)
        error_send(net, in, &port6, now_ns);
}

void icmp_problem(struct net *net, const struct ip_in *in, enum ip6_problem problem,
                  uint16_t pointer, bool to_group, uint64_t now_ns)
{
    struct icmp_header header = { ICMP6_PROBLEM, (uint8_t)problem, pointer };
    if (problem != IP6_PROBLEM_NONE && !ip_is_none(in->src) && (to_group || !in->group))
        error_send(net, in, &header, now_ns);
}
