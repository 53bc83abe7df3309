/* Source ports by the edge that owns their flow. */
#include "io/net/source_port.h"

#include "io/flow.h"
#include "io/net/ip_route.h"
#include "io/net/net_state.h"

bool source_port_is_home(const struct net *net, struct ip_addr peer, uint16_t peer_port,
                         uint16_t port)
{
    if (net->config.edge_count <= 1)
        return true;
    const struct flow flow = { { ip_source(net, peer), peer }, { port, peer_port } };
    return flow_edge(&flow, net->config.edge_count) == net->config.edge_index;
}
