/* ICMPv6: messages in. Neighbour discovery goes on to ndp.c. */
#include "io/net/checksum.h"
#include "io/net/icmp.h"
#include "io/net/mld.h"
#include "io/net/ndp.h"
#include "io/net/net_state.h"

static enum net_counter error_step(struct net *net, const struct icmp_header *header,
                                   struct span data, const struct ip_in *in, uint64_t now_ns)
{
    enum icmp_fate fate = ICMP_FATE_UNREACHABLE;
    if (header->type == ICMP6_TOO_BIG)
        fate = ICMP_FATE_TOO_BIG;
    else if ((header->type == ICMP6_UNREACHABLE && header->code == ICMP6_CODE_PORT) ||
             (header->type == ICMP6_PROBLEM && header->code == IP6_PROBLEM_NEXT))
        fate = ICMP_FATE_REFUSED;
    uint32_t mtu = fate == ICMP_FATE_TOO_BIG ? header->rest : 0;
    return icmp_fate_tell(net, in, data, fate, mtu, now_ns);
}

static enum net_counter icmp6_step(struct net *net, const struct icmp_header *header,
                                   struct span data, const struct ip_in *in, uint64_t now_ns)
{
    if (ip_is_none(in->src))
        return NET_ICMP_MALFORMED; /* nobody to answer; only ndp.c knows what to do with it */
    if (header->type >= ICMP6_UNREACHABLE && header->type <= ICMP6_PROBLEM)
        return error_step(net, header, data, in, now_ns);
    if (header->type != ICMP6_ECHO || header->code != 0)
        return NET_ICMP_TYPE;
    if (!net_budget_take(&net->echo_budget, ICMP_ECHOES_PER_S, now_ns))
        return NET_ICMP_THROTTLED;
    icmp_echo(net, header, ICMP6_ECHO_REPLY, data, in, now_ns);
    return NET_ICMP_ECHOES;
}

void icmp6_rx(struct net *net, struct rte_mbuf *frame, const struct ip_in *in, uint64_t now_ns)
{
    struct icmp_header header;
    struct span message = frame_bytes(frame);
    uint64_t pseudo = checksum_pseudo(in->src, in->dst, IP_PROTOCOL_ICMP6, (uint16_t)message.len);
    enum err err = icmp_header_read(message, pseudo, &header);
    if (err == ERR_OK && header.type >= NDP_ROUTER_SOLICITATION && header.type <= NDP_REDIRECT) {
        ndp_rx(net, frame, &header, in, now_ns);
        return;
    }
    if (err == ERR_OK &&
        ((header.type >= MLD_QUERY && header.type <= MLD_DONE_1) || header.type == MLD_REPORT)) {
        mld_rx(net, frame, &header, in, now_ns);
        return;
    }
    enum net_counter which = err == ERR_CHECKSUM ? NET_ICMP_CHECKSUM : NET_ICMP_MALFORMED;
    if (err == ERR_OK)
        which = icmp6_step(net, &header, span_after(message, ICMP_HEADER_LEN), in, now_ns);
    net_drop(net, frame, which);
}
