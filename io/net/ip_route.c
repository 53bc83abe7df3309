/* One family or the other. */
#include "io/net/ip_route.h"

#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/net_state.h"

struct ip_addr ip_source(const struct net *net, struct ip_addr peer)
{
    if (ip_is_v4(peer))
        return net->config.addr4;
    return ip6_is_link_local(peer) ? net->link_local : net->config.addr6;
}

static struct ip_addr next_hop(const struct net *net, struct ip_addr dst)
{
    return ip_is_v4(dst) ? ip4_next_hop(net, dst) : ip6_next_hop(net, dst);
}

bool ip_routed(const struct net *net, struct ip_addr dst)
{
    return !ip_is_none(next_hop(net, dst));
}

struct neighbour_waiting *ip_await(struct net *net, struct ip_addr dst, uint64_t now_ns)
{
    struct ip_addr hop = next_hop(net, dst);
    return ip_is_none(hop) ? NULL : neighbour_await(net, hop, now_ns);
}

bool ip_next_hop_known(const struct net *net, struct ip_addr dst)
{
    return neighbour_known(net, next_hop(net, dst));
}

void ip_doubt(struct net *net, struct ip_addr dst)
{
    neighbour_doubt(net, next_hop(net, dst));
}

bool ip_martian(const struct net *net, struct ip_addr addr)
{
    if (ip_is_v4(addr))
        return ip4_martian(net, ip_v4(addr));
    return !ip6_is_host(addr) || ip6_is_ours(net, addr);
}

uint8_t ip_overhead(struct ip_addr dst)
{
    return ip_is_v4(dst) ? IP4_HEADER_LEN : IP6_HEADER_LEN;
}

void ip_send(struct net *net, struct rte_mbuf *frame, uint8_t protocol, struct ip_addr dst,
             uint64_t now_ns)
{
    if (ip_is_v4(dst))
        ip4_send(net, frame, protocol, ip_v4(dst), now_ns);
    else
        ip6_send(net, frame, protocol, ip_source(net, dst), dst, now_ns);
}
