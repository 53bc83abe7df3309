/* One edge's stack: memory, the turn's three calls, counters. */
#include "io/net/net.h"

#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/net/net_state.h"
#include "io/tcp/tcp_conn.h"

#include <rte_malloc.h>
#include <rte_prefetch.h>

#define PREFETCH_AHEAD 4u
#define MSS_MIN_MTU 576u
#define SECOND_NS 1000000000u

static void default_u32(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static struct net_config with_defaults(const struct net_config *given, const struct port *port)
{
    struct net_config config = *given;
    if (config.mtu == 0 || config.mtu > port->mtu)
        config.mtu = port->mtu;
    default_u32(&config.conn_cap, 1024);
    default_u32(&config.half_open_cap, config.conn_cap / 4 + 1);
    default_u32(&config.listener_cap, 8);
    default_u32(&config.neighbour_cap, 256);
    default_u32(&config.send_ref_cap, config.conn_cap * 16);
    default_u32(&config.held_cap, 4096);
    default_u32(&config.send_len_max, 262144);
    default_u32(&config.recv_len_max, 262144);
    default_u32(&config.rto_ms_min, 200);
    default_u32(&config.rto_ms_max, 60000);
    default_u32(&config.ack_delay_ms, 20);
    default_u32(&config.connect_ms, 30000);
    default_u32(&config.give_up_ms, 120000);
    default_u32(&config.fin_wait_ms, 60000);
    default_u32(&config.time_wait_ms, 60000);
    default_u32(&config.keep_alive_count, 5);
    return config;
}

static bool config_sound(const struct net_config *config, struct fault *fault)
{
    uint32_t addr4 = ip_v4(config->addr4);
    char text[IP_TEXT_CAP];
    if (!ip_is_v4(config->addr4) || addr4 == 0 || addr4 >> 28 >= 0xe || addr4 >> 24 == 127)
        fault_set(fault, "address %s: not a host's address", ip_write(config->addr4, text));
    else if (config->prefix4 < 1 || config->prefix4 > 32)
        fault_set(fault, "prefix length %u: must be 1 to 32", config->prefix4);
    else if (config->mtu < MSS_MIN_MTU || config->mtu > FRAME_CAP - ETH_HEADER_LEN)
        fault_set(fault, "MTU %u: must be %u to %u", config->mtu, MSS_MIN_MTU,
                  FRAME_CAP - ETH_HEADER_LEN);
    else if (config->recv_len_max < config->mtu || config->recv_len_max > TCP_WINDOW_MAX ||
             config->send_len_max < config->mtu || config->send_len_max > TCP_WINDOW_MAX)
        fault_set(fault, "send and receive lengths: must be between the MTU and %u octets",
                  TCP_WINDOW_MAX);
    else if (config->conn_cap > TCP_CONN_CAP_MAX)
        fault_set(fault, "%u connections: at most %u", config->conn_cap, TCP_CONN_CAP_MAX);
    else
        return true;
    return false;
}

struct net *net_create(struct port *port, const struct net_config *config, uint64_t now_ns,
                       struct fault *fault)
{
    struct net_config full = with_defaults(config, port);
    if (!config_sound(&full, fault))
        return NULL;
    struct net *net = rte_zmalloc_socket("net", sizeof *net, CACHE_LINE, full.numa_node);
    if (net == NULL) {
        fault_set(fault, "network stack: no memory: give the EAL more");
        return NULL;
    }
    net->port = port;
    net->config = full;
    wheel_init(&net->wheel, now_ns);
    if (!arp_init(net) || !tcp_init(net)) {
        fault_set(fault, "network stack: no memory for %u connections: give the EAL more",
                  full.conn_cap);
        net_destroy(net);
        return NULL;
    }
    return net;
}

void net_destroy(struct net *net)
{
    if (net == NULL)
        return;
    tcp_fini(net);
    arp_fini(net);
    for (uint32_t i = 0; i < net->tx_count; i++)
        frame_give(net->tx[i]);
    rte_free(net);
}

struct rte_mbuf *net_frame_take(struct net *net)
{
    struct rte_mbuf *frame = frame_take(net->port->frames);
    if (frame == NULL)
        net_count(net, NET_ETH_NO_FRAME);
    return frame;
}

static void burst_send(struct net *net)
{
    port_tx(net->port, net->tx, net->tx_count);
    net->tx_count = 0;
}

void net_tx(struct net *net, struct rte_mbuf *frame)
{
    net->tx[net->tx_count++] = frame;
    if (net->tx_count == FRAME_BURST)
        burst_send(net);
}

bool net_budget_take(struct net_budget *budget, uint32_t per_s, uint64_t now_ns)
{
    uint64_t second = now_ns / SECOND_NS;
    if (budget->second != second)
        *budget = (struct net_budget){ .second = second };
    if (budget->used >= per_s)
        return false;
    budget->used++;
    return true;
}

static void eth_rx(struct net *net, struct rte_mbuf *frame, uint64_t now_ns)
{
    struct eth_header header;
    if (frame->nb_segs != 1) {
        net_drop(net, frame, NET_ETH_CHAINED);
        return;
    }
    if (eth_header_read(frame_bytes(frame), &header) != ERR_OK) {
        net_drop(net, frame, NET_ETH_SHORT);
        return;
    }
    bool to_us = eth_equal(header.dst, net->port->mac);
    if (!to_us && !eth_is_group(header.dst)) {
        net_drop(net, frame, NET_ETH_FOREIGN);
        return;
    }
    if (eth_is_group(header.src) || eth_equal(header.src, net->port->mac)) {
        net_drop(net, frame, NET_ETH_SOURCE);
        return;
    }
    frame_strip(frame, ETH_HEADER_LEN);
    if (header.type == ETH_TYPE_ARP)
        arp_rx(net, frame, now_ns);
    else if (header.type == ETH_TYPE_IP4 &&
             to_us) /* RFC 1122 §3.2.2: no TCP or ICMP by broadcast */
        ip4_rx(net, frame, now_ns);
    else
        net_drop(net, frame, header.type == ETH_TYPE_IP4 ? NET_ETH_FOREIGN : NET_ETH_TYPE);
}

uint32_t net_rx(struct net *net, uint64_t now_ns)
{
    struct rte_mbuf *frames[FRAME_BURST];
    uint32_t count = port_rx(net->port, frames, FRAME_BURST);
    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + PREFETCH_AHEAD], void *));
        eth_rx(net, frames[i], now_ns);
    }
    return count;
}

void net_timers(struct net *net, uint64_t now_ns)
{
    tcp_resume_all(net, now_ns);
    tcp_feed_starved(net);
    struct timer *timer;
    while ((timer = wheel_pop(&net->wheel, now_ns)) != NULL) {
        if (timer->kind == NET_TIMER_NEIGHBOUR)
            arp_timer(net, timer, now_ns);
        else
            tcp_timer(timer, now_ns);
    }
}

void net_flush(struct net *net, uint64_t now_ns)
{
    tcp_flush(net, now_ns);
    if (net->tx_count > 0)
        burst_send(net);
}

uint64_t net_next_ns(const struct net *net)
{
    if (net->tx_count > 0 || tcp_busy(net))
        return 0;
    return wheel_next_ns(&net->wheel);
}

uint32_t net_conn_count(const struct net *net)
{
    return net->tcp.conn_count - net->tcp.time_wait_count;
}

void net_counters(const struct net *net,
                  void (*each)(void *ctx, const char *layer, const char *reason, uint64_t value),
                  void *ctx)
{
    static const struct {
        const char *layer, *reason;
    } names[NET_COUNTER_COUNT] = {
#define NET_COUNTER(name, layer, reason) [NET_##name] = { layer, reason },
#include "io/net/net_counter.def"
#undef NET_COUNTER
    };
    for (size_t i = 0; i < NET_COUNTER_COUNT; i++)
        each(ctx, names[i].layer, names[i].reason, counter_read(&net->counters[i]));
    const struct port_counters *port = &net->port->counters;
    each(ctx, "port", "rx_frames", counter_read(&port->rx_frames));
    each(ctx, "port", "rx_octets", counter_read(&port->rx_octets));
    each(ctx, "port", "tx_frames", counter_read(&port->tx_frames));
    each(ctx, "port", "tx_octets", counter_read(&port->tx_octets));
    each(ctx, "port", "tx_full", counter_read(&port->tx_full));
    each(ctx, "port", "rx_no_frame", counter_read(&port->rx_no_frame));
}
