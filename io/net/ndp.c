/* Neighbour solicitations and advertisements, in and out. */
#include "io/net/ndp.h"

#include "io/net/checksum.h"
#include "io/net/ip6.h"
#include "io/net/net_state.h"

#define OPTION_SOURCE_MAC 1
#define OPTION_TARGET_MAC 2
#define HOP_LIMIT 255 /* never forwarded: RFC 4861 §7.1 */

static enum err mac_read(struct span value, struct ndp_message *out)
{
    struct reader r = reader_over(value);
    if (out->has_mac)
        return ERR_MALFORMED;
    reader_copy(&r, out->mac, ETH_ADDR_LEN);
    out->has_mac = true;
    bool one_station = reader_end(&r) == ERR_OK && eth_is_station(out->mac);
    return one_station ? ERR_OK : ERR_MALFORMED;
}

static enum err options_read(struct reader *r, struct ndp_message *out)
{
    uint8_t wanted = out->type == NDP_SOLICITATION ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC;
    for (uint32_t count = 0; reader_more(r); count++) {
        uint8_t type = reader_u8(r);
        uint8_t eights = reader_u8(r);
        if (r->err == ERR_OK && (eights == 0 || count == NDP_OPTIONS_MAX))
            return ERR_MALFORMED;
        struct span value = reader_bytes(r, eights * 8u - 2u);
        if (r->err != ERR_OK)
            return ERR_MALFORMED;
        if (type == wanted && mac_read(value, out) != ERR_OK)
            return ERR_MALFORMED;
    }
    return r->err;
}

enum err ndp_message_read(struct span in, uint8_t type, uint32_t rest, struct ndp_message *out)
{
    struct reader r = reader_over(in);
    *out = (struct ndp_message){ .type = type, .flags = rest };
    reader_copy(&r, out->target.octets, IP_ADDR_LEN);
    if (r.err != ERR_OK)
        return r.err;
    return ip6_is_host(out->target) ? options_read(&r, out) : ERR_MALFORMED;
}

void ndp_message_write(struct writer *out, const struct ndp_message *message)
{
    writer_bytes(out, span_of(message->target.octets, IP_ADDR_LEN));
    if (!message->has_mac)
        return;
    writer_u8(out, message->type == NDP_SOLICITATION ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC);
    writer_u8(out, NDP_OPTION_LEN / 8);
    writer_bytes(out, span_of(message->mac, ETH_ADDR_LEN));
}

static void message_send(struct net *net, struct ndp_message *message, struct ip_addr src,
                         struct ip_addr dst, const uint8_t *mac)
{
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame == NULL)
        return;
    message->has_mac = true;
    memcpy(message->mac, net->port->mac, ETH_ADDR_LEN);
    uint8_t buf[NDP_LEN - ICMP_HEADER_LEN + NDP_OPTION_LEN];
    struct writer body = writer_over(buf, sizeof buf);
    ndp_message_write(&body, message);
    struct icmp_header header = { .type = message->type, .rest = message->flags };
    uint64_t sum = checksum_pseudo(src, dst, IP_PROTOCOL_ICMP6, NDP_LEN + NDP_OPTION_LEN);
    struct writer w = frame_append(frame, NDP_LEN + NDP_OPTION_LEN);
    icmp_header_write(&w, &header, written(&body), sum);
    writer_bytes(&w, written(&body));
    ASSERT(w.err == ERR_OK);
    ip6_send_link(net, frame, src, dst, mac);
}

void ndp_ask(struct net *net, struct ip_addr addr, const uint8_t *mac)
{
    struct ndp_message message = { .type = NDP_SOLICITATION, .target = addr };
    struct ip_addr dst = mac != NULL ? addr : ip6_solicited(addr);
    message_send(net, &message, ip_source(net, addr), dst, mac);
    net_count(net, NET_ND_SOLICITATIONS_OUT);
}

void ndp_announce(struct net *net, struct ip_addr addr)
{
    struct ndp_message message = { .type = NDP_ADVERTISEMENT,
                                   .flags = NDP_OVERRIDE,
                                   .target = addr };
    message_send(net, &message, addr, ip6_all_nodes, NULL);
    net_count(net, NET_ND_ANNOUNCEMENTS_OUT);
}

/* To who asked, at the MAC it gave, else at what is known of it; to all when it has no address yet
 * (RFC 4861 §7.2.4). */
static void answer(struct net *net, const struct ndp_message *asked, struct ip_addr asker)
{
    bool probe = ip_is_none(asker);
    struct ndp_message message = { .type = NDP_ADVERTISEMENT,
                                   .flags = NDP_OVERRIDE | (probe ? 0 : NDP_SOLICITED),
                                   .target = asked->target };
    message_send(net, &message, asked->target, probe ? ip6_all_nodes : asker, asked->mac);
}

/* Says that somebody else is at our MAC. */
static bool is_us(const struct net *net, const struct ndp_message *message)
{
    return message->has_mac && eth_equal(message->mac, net->port->mac);
}

static enum net_counter solicitation_step(struct net *net, struct ndp_message *message,
                                          const struct ip_in *in, uint64_t now_ns)
{
    bool probe = ip_is_none(in->src);
    if (is_us(net, message))
        return NET_ND_MALFORMED;
    if (probe && (message->has_mac || !ip_equal(in->dst, ip6_solicited(message->target))))
        return NET_ND_MALFORMED; /* RFC 4861 §7.1.1 */
    if (!ip6_is_ours(net, message->target))
        return NET_ND_FOREIGN;
    if (!probe && !ip6_on_link(net, in->src) && !ip_equal(in->src, net->config.gateway6))
        return NET_ND_FOREIGN; /* nobody on this link: RFC 5942 §4 */
    if (!probe && message->has_mac)
        neighbour_hear(net, in->src, message->mac, NEIGHBOUR_ASKS_US, now_ns);
    if (!probe && !message->has_mac && !neighbour_mac(net, in->src, message->mac))
        return NET_ND_UNASKED; /* where to send the answer is not known */
    answer(net, message, in->src);
    return NET_ND_SOLICITATIONS_IN;
}

static enum net_counter advertisement_step(struct net *net, const struct ndp_message *message,
                                           const struct ip_in *in, uint64_t now_ns)
{
    bool solicited = (message->flags & NDP_SOLICITED) != 0;
    if (in->group && solicited)
        return NET_ND_MALFORMED; /* RFC 4861 §7.1.2 */
    if (ip6_is_ours(net, message->target)) {
        if (!message->has_mac || is_us(net, message))
            return NET_ND_UNASKED; /* names no rival */
        announce_contradict(net, message->target, message->mac, now_ns);
        return NET_ND_CONFLICT;
    }
    if (is_us(net, message))
        return NET_ND_MALFORMED;
    enum neighbour_word word = solicited ? NEIGHBOUR_ANSWERS : NEIGHBOUR_ANNOUNCES;
    const uint8_t *mac = message->has_mac ? message->mac : NULL;
    enum neighbour_heard heard = neighbour_hear(net, message->target, mac, word, now_ns);
    return heard == NEIGHBOUR_TAKEN ? NET_ND_ADVERTISEMENTS_IN : NET_ND_UNASKED;
}

static enum net_counter ndp_step(struct net *net, struct span message,
                                 const struct icmp_header *header, const struct ip_in *in,
                                 uint64_t now_ns)
{
    struct ndp_message ndp;
    if (in->hop_limit != HOP_LIMIT)
        return NET_ND_HOP_LIMIT;
    if (header->type == NDP_ROUTER_ADVERTISEMENT || header->type == NDP_ROUTER_SOLICITATION)
        return NET_ND_ROUTER;
    if (header->type == NDP_REDIRECT)
        return NET_ND_REDIRECT;
    if (header->code != 0 || in->fragmented || /* RFC 6980 §5 */
        ndp_message_read(span_after(message, ICMP_HEADER_LEN), header->type, header->rest, &ndp) !=
            ERR_OK)
        return NET_ND_MALFORMED;
    return header->type == NDP_SOLICITATION ? solicitation_step(net, &ndp, in, now_ns)
                                            : advertisement_step(net, &ndp, in, now_ns);
}

void ndp_rx(struct net *net, struct rte_mbuf *frame, const struct icmp_header *header,
            const struct ip_in *in, uint64_t now_ns)
{
    enum net_counter which = ndp_step(net, frame_bytes(frame), header, in, now_ns);
    net_drop(net, frame, which);
}
