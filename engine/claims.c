/* Address conflicts, in plain words. */
#include "engine/claims.h"

#include "base/log.h"
#include "engine/topology.h"

#include <inttypes.h>

/* By all edges of a port, and the MAC that one of them heard last. */
static uint64_t port_claims(const struct topology *topology, uint32_t p, uint64_t *mac)
{
    uint64_t count = 0;
    for (uint32_t e = 0; e < topology->edge_count; e++)
        for (uint32_t i = 0; i < topology->edges[e]->port_count; i++) {
            const struct edge_port *port = &topology->edges[e]->ports[i];
            uint64_t heard, here = port->config == p ? net_claims(port->net, &heard) : 0;
            if (here > 0)
                *mac = heard;
            count += here;
        }
    return count;
}

static void port_tell(const struct config_port *port, uint64_t count, uint64_t mac)
{
    char four[IP_TEXT_CAP], six[IP_TEXT_CAP];
    bool both = !ip_is_none(port->address) && !ip_is_none(port->address6);
    log_warning("net",
                "port %s: address conflict: station %02x:%02x:%02x:%02x:%02x:%02x claims %s%s%s, "
                "%" PRIu64 " times since the last such line; we keep the address, but traffic may "
                "reach that station instead: give it or this port another one",
                port->name, (unsigned)(mac >> 40 & 0xff), (unsigned)(mac >> 32 & 0xff),
                (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff),
                (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff),
                ip_is_none(port->address) ? "" : ip_write(port->address, four), both ? " or " : "",
                ip_is_none(port->address6) ? "" : ip_write(port->address6, six), count);
}

void claims_tell(struct claims *claims, const struct topology *topology, uint64_t now_ms)
{
    if (now_ms - claims->looked_ms < CLAIMS_PERIOD_MS)
        return;
    claims->looked_ms = now_ms;
    for (uint32_t p = 0; p < topology->config->port_count; p++) {
        uint64_t mac = 0, count = port_claims(topology, p, &mac);
        if (count > claims->counts[p])
            port_tell(&topology->config->ports[p], count - claims->counts[p], mac);
        claims->counts[p] = count;
    }
}
