/* One family or the other. */
#include "io/net/ip_route.h"

#include "io/net/ip4.h"
#include "io/net/net_state.h"

struct ip_addr ip_source(const struct net *net, struct ip_addr peer)
{
    return ip_is_v4(peer) ? net->config.addr4 : (struct ip_addr){ { 0 } };
}

bool ip_routed(const struct net *net, struct ip_addr dst)
{
    return ip_is_v4(dst) && ip4_routed(net, ip_v4(dst));
}

bool ip_next_hop_known(const struct net *net, struct ip_addr dst)
{
    return ip_is_v4(dst) && ip4_next_hop_known(net, ip_v4(dst));
}

void ip_doubt(struct net *net, struct ip_addr dst)
{
    if (ip_is_v4(dst))
        ip4_doubt(net, ip_v4(dst));
}

bool ip_martian(const struct net *net, struct ip_addr addr)
{
    return !ip_is_v4(addr) || ip4_martian(net, ip_v4(addr));
}

uint8_t ip_overhead(struct ip_addr dst)
{
    (void)dst;
    return IP4_HEADER_LEN;
}

void ip_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, struct ip_addr dst,
             uint64_t now_ns)
{
    if (ip_is_v4(dst))
        ip4_send(net, frame, protocol, ip_v4(dst), now_ns);
    else
        net_drop(net, frame, NET_IP4_NO_ROUTE);
}
