/* From a port of the configuration to a port that is open, with who is shed and who never. */
#include "engine/ports.h"

#include "base/log.h"
#include "io/net/ip6.h"
#include "io/port_dpdk.h"
#include "io/xdp/steer_list.h"

#include <stdio.h>
#include <string.h>

#define ADDRESSES_MAX 3
#define SECOND_MS 1000u
#define PEERS_MAX (CONFIG_PEERS_MAX + CONFIG_ACCOUNTS_MAX)

static_assert(PEERS_MAX <= STEER_PEERS_MAX, "the program's map holds them all");

static bool is_within(struct ip_addr addr, const struct config_peer *peer)
{
    struct steer_prefix at, within;
    return ip_is_v4(addr) == ip_is_v4(peer->prefix) &&
           steer_prefix_of(addr, peer->prefix_len, &at) &&
           steer_prefix_of(peer->prefix, peer->prefix_len, &within) &&
           memcmp(&at, &within, sizeof at) == 0;
}

/* An SMSC speaks for all devices: a peer without limit, unless a configured peer holds it. */
static bool needs_peer(const struct config *config, const struct config_account *account)
{
    for (uint32_t i = 0; i < config->peer_count; i++)
        if (is_within(account->address, &config->peers[i]))
            return false;
    for (const struct config_account *other = config->accounts; other < account; other++)
        if (ip_equal(other->address, account->address))
            return false;
    return true;
}

static uint32_t peers_of(const struct config *config, struct steer_peer peers[PEERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->peer_count; i++) {
        const struct config_peer *peer = &config->peers[i];
        peers[count++] = (struct steer_peer){ .name = peer->name,
                                              .prefix = peer->prefix,
                                              .prefix_len = peer->prefix_len,
                                              .rate = peer->rate,
                                              .burst = peer->burst };
    }
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_account *account = &config->accounts[i];
        if (needs_peer(config, account))
            peers[count++] =
                (struct steer_peer){ .name = account->name,
                                     .prefix = account->address,
                                     .prefix_len = ip_is_v4(account->address) ? 32 : 128 };
    }
    return count;
}

/* Ours of both families: to these the kernel's stack is not to answer. */
static uint32_t addresses_of(const struct config_port *port,
                             struct ip_addr addresses[ADDRESSES_MAX])
{
    const struct ip_addr all[ADDRESSES_MAX] = { port->address, port->address6,
                                                ip6_link_local(port->address6) };
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT(all); i++)
        if (!ip_is_none(all[i]))
            addresses[count++] = all[i];
    return count;
}

static bool open_xsk(struct ports *ports, uint32_t index, const char *interface,
                     struct rte_mempool *const *frames, struct port **queues, struct fault *fault)
{
    const struct config_port *port = &ports->config->ports[index];
    struct steer_peer peers[PEERS_MAX];
    struct ip_addr addresses[ADDRESSES_MAX];
    const struct steer_config steer = {
        .interface = interface,
        .addresses = addresses,
        .address_count = addresses_of(port, addresses),
        .vlan = port->vlan,
        .queue_count = port->edge_count,
        .source_rate = port->source_rate,
        .source_burst = port->source_burst,
        .peers = peers,
        .peer_count = peers_of(ports->config, peers),
    };
    ports->devices[index] = xsk_device_open(&steer, fault);
    if (ports->devices[index] == NULL)
        return false;
    const struct port_xsk_config config = { .mtu = port->mtu };
    if (!port_xsk_open_queues(ports->devices[index], &config, frames, queues, fault))
        return false;
    for (uint32_t q = 0; q < port->edge_count; q++)
        ports->sockets[index][q] = queues[q];
    return true;
}

/* What an IPv6 station hears beside its own frames. */
static uint32_t groups_of(const struct config_port *port, struct ip_addr groups[ADDRESSES_MAX])
{
    if (ip_is_none(port->address6))
        return 0;
    groups[0] = ip6_solicited(port->address6);
    groups[1] = ip6_solicited(ip6_link_local(port->address6));
    groups[2] = ip6_all_nodes;
    return 3;
}

bool ports_open_queues(void *ctx, uint32_t index, struct rte_mempool *const *frames,
                       struct port **queues, struct fault *fault)
{
    struct ports *ports = ctx;
    const struct config_port *port = &ports->config->ports[index];
    struct ip_addr groups[ADDRESSES_MAX];
    const struct port_dpdk_config dpdk = { .device = port->device,
                                           .mtu = port->mtu,
                                           .groups = groups,
                                           .group_count = groups_of(port, groups) };
    char interface[IF_NAMESIZE];
    if (xsk_interface(port->device, interface))
        return open_xsk(ports, index, interface, frames, queues, fault);
    return port_dpdk_open_queues(&dpdk, port->edge_count, frames, queues, fault);
}

void ports_off(struct ports *ports)
{
    for (uint32_t i = 0; i < CONFIG_PORTS_MAX; i++) {
        xsk_device_close(ports->devices[i]);
        ports->devices[i] = NULL;
    }
}

static void tell_link(const struct ports *ports, uint32_t index)
{
    const char *port = ports->config->ports[index].name;
    const char *interface = xsk_device_view(ports->devices[index])->interface;
    switch (ports->links[index]) {
    case XSK_LINK_UP:
        log_info("port", "%s: interface %s is up again", port, interface);
        return;
    case XSK_LINK_DOWN:
        log_warning("port", "%s: interface %s is down: until it is up nothing comes or goes", port,
                    interface);
        return;
    case XSK_LINK_GONE:
        log_error(
            "port",
            "%s: interface %s is gone, and our sockets with it: restart the engine when it is "
            "back",
            port, interface);
        return;
    }
}

void ports_watch(struct ports *ports, uint64_t wall_ms)
{
    if (wall_ms / SECOND_MS == ports->watched_s)
        return;
    ports->watched_s = wall_ms / SECOND_MS;
    for (uint32_t i = 0; i < ports->config->port_count; i++) {
        enum xsk_link is =
            ports->devices[i] != NULL ? xsk_device_link(ports->devices[i]) : XSK_LINK_UP;
        bool changes = is != ports->links[i];
        ports->links[i] = is;
        if (changes)
            tell_link(ports, i);
    }
}

/* ---- Metrics ----------------------------------------------------------------------------------- */

struct out {
    api_metric_emit *emit;
    void *arg;
    const char *name, *help, *type;
    const char *port;
    uint32_t queue;
};

static void emit_sample(const struct out *out, const char *labels, uint64_t value)
{
    const struct api_metric metric = { .name = out->name,
                                       .help = out->help,
                                       .type = out->type,
                                       .labels = labels,
                                       .value = (double)value,
                                       .suffix = "" };
    out->emit(out->arg, &metric);
}

/* By prefix too: an account may be called as another peer is. */
static void emit_peer(void *ctx, const struct steer_row *row)
{
    const struct out *out = ctx;
    char labels[192], prefix[IP_TEXT_CAP];
    ip_write(row->addr, prefix);
    int len = snprintf(labels, sizeof labels,
                       "port=\"%s\",peer=\"%s\",prefix=\"%s/%u\",event=", out->port, row->name,
                       prefix, row->prefix_len);
    snprintf(labels + len, sizeof labels - (size_t)len, "\"passed\"");
    emit_sample(out, labels, row->passed);
    snprintf(labels + len, sizeof labels - (size_t)len, "\"shed\"");
    emit_sample(out, labels, row->shed);
}

static void emit_socket(void *ctx, const char *event, uint64_t value)
{
    const struct out *out = ctx;
    char labels[96];
    snprintf(labels, sizeof labels, "port=\"%s\",queue=\"%u\",event=\"%s\"", out->port, out->queue,
             event);
    emit_sample(out, labels, value);
}

/* The samples of one name, of all ports. */
static void emit_all(struct ports *ports, struct out *out,
                     void (*each)(struct ports *ports, uint32_t index, struct out *out))
{
    for (uint32_t i = 0; i < ports->config->port_count; i++) {
        out->port = ports->config->ports[i].name;
        if (ports->devices[i] != NULL)
            each(ports, i, out);
    }
}

static void up(struct ports *ports, uint32_t index, struct out *out)
{
    char labels[96];
    snprintf(labels, sizeof labels, "port=\"%s\"", out->port);
    emit_sample(out, labels, xsk_device_link(ports->devices[index]) == XSK_LINK_UP);
}

static void steered(struct ports *ports, uint32_t index, struct out *out)
{
    char labels[96];
    for (uint32_t c = 0; c < STEER_COUNTER_COUNT; c++) {
        snprintf(labels, sizeof labels, "port=\"%s\",event=\"%s\"", out->port,
                 steer_counter_label(c));
        emit_sample(out, labels, steer_view_counter(xsk_device_view(ports->devices[index]), c));
    }
}

static void peers(struct ports *ports, uint32_t index, struct out *out)
{
    steer_view_peers(xsk_device_view(ports->devices[index]), emit_peer, out);
}

static void sockets(struct ports *ports, uint32_t index, struct out *out)
{
    for (out->queue = 0; out->queue < ports->config->ports[index].edge_count; out->queue++)
        if (ports->sockets[index][out->queue] != NULL)
            port_xsk_figures(ports->sockets[index][out->queue], emit_socket, out);
}

void ports_emit(struct ports *ports, api_metric_emit *emit, void *arg)
{
    struct out out = { .emit = emit, .arg = arg, .type = "gauge" };
    out.name = "starling_interface_up";
    out.help = "Whether the interface of an AF_XDP port is there and up.";
    emit_all(ports, &out, up);
    out.type = "counter";
    out.name = "starling_xdp_total";
    out.help = "Frames by what the XDP program did with them; starling xdp status explains each.";
    emit_all(ports, &out, steered);
    out.name = "starling_xdp_peer_total";
    out.help = "Frames of each peer, passed on or beyond its own rate.";
    emit_all(ports, &out, peers);
    out.name = "starling_xsk_total";
    out.help =
        "AF_XDP sockets: system calls (wakeups), frames copied, and what was lost for want of "
        "frames or of room in a ring, by us and by the kernel.";
    emit_all(ports, &out, sockets);
}
