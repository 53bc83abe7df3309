/* Announcements: when, and of which addresses. */
#include "io/net/announce.h"

#include "io/net/arp.h"
#include "io/net/mld.h"
#include "io/net/ndp.h"
#include "io/net/net_state.h"

bool announce_ours(const struct net *net)
{
    return net->config.announce && net->config.edge_index == 0;
}

void announce_init(struct net *net, uint64_t now_ns)
{
    if (!announce_ours(net))
        return;
    net->announce.timer.kind = NET_TIMER_ANNOUNCE;
    wheel_arm(&net->wheel, &net->announce.timer, now_ns);
}

static void address_tell(struct net *net, struct ip_addr addr)
{
    if (ip_is_none(addr))
        return;
    if (ip_is_v4(addr))
        arp_announce(net);
    else
        ndp_announce(net, addr);
}

void announce_timer(struct net *net, uint64_t now_ns)
{
    bool six = !ip_is_none(net->config.addr6);
    if (six && net->announce.made == 0)
        mld_join(net,
                 now_ns); /* first: switches pass on nothing to a group that they know nobody of */
    else if (six)
        mld_repeat(net, now_ns);
    address_tell(net, net->config.addr4);
    address_tell(net, net->config.addr6);
    address_tell(net, net->link_local);
    net->announce.made++;
    if (net->announce.made < ANNOUNCE_COUNT)
        wheel_arm(&net->wheel, &net->announce.timer, now_ns + ANNOUNCE_INTERVAL_NS);
}

void announce_contradict(struct net *net, struct ip_addr addr, const uint8_t *mac, uint64_t now_ns)
{
    uint64_t rival = 0;
    for (size_t i = 0; i < ETH_ADDR_LEN; i++)
        rival = rival << 8 | mac[i];
    counter_set(&net->announce.rival, rival);
    size_t which = ip_is_v4(addr) ? 0 : ip_equal(addr, net->link_local) ? 2 : 1;
    uint64_t *defended_ns = &net->announce.defended_ns[which];
    bool recent = *defended_ns != 0 && now_ns - *defended_ns < ANNOUNCE_DEFEND_INTERVAL_NS;
    if (!announce_ours(net) || recent)
        return;
    *defended_ns = now_ns;
    address_tell(net, addr);
}
