/* One edge's stack: memory, the turn's three calls, counters. */
#include "io/net/net.h"

#include "io/net/arp.h"
#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/net_state.h"
#include "io/net/udp.h"
#include "io/tcp/tcp_ahead.h"
#include "io/tcp/tcp_conn.h"

#include <rte_malloc.h>
#include <rte_prefetch.h>

#define PREFETCH_AHEAD 4u
#define MSS_MIN_MTU 576u
#define MTU_MAX (FRAME_CAP - ETH_HEADER_LEN - ETH_TAG_LEN)
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
    default_u32(&config.time_wait_cap, config.conn_cap);
    default_u32(&config.half_open_cap, config.conn_cap / 4 + 1);
    default_u32(&config.listener_cap, 8);
    default_u32(&config.neighbour_cap, 256);
    default_u32(&config.pmtu_cap, 1024);
    default_u32(&config.udp_port_cap, 8);
    default_u32(&config.send_ref_cap, config.conn_cap * 16);
    default_u32(&config.held_cap, 4096);
    default_u32(&config.sack_range_cap, 16384);
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

static bool addr4_sound(struct ip_addr addr)
{
    uint32_t addr4 = ip_v4(addr);
    return ip_is_v4(addr) && addr4 >> 24 != 0 && addr4 >> 28 < 0xe && addr4 >> 24 != 127;
}

static bool prefix_sound(struct ip_addr addr, uint8_t len, uint8_t most)
{
    return ip_is_none(addr) || (len >= 1 && len <= most);
}

static bool config_sound(const struct net_config *config, struct fault *fault)
{
    char text[IP_TEXT_CAP];
    bool six = !ip_is_none(config->addr6);
    if (!six && ip_is_none(config->addr4))
        fault_set(fault, "no address: one of either family is needed");
    else if (!ip_is_none(config->addr4) && !addr4_sound(config->addr4))
        fault_set(fault, "address %s: not a host's address", ip_write(config->addr4, text));
    else if (six && (!ip6_is_host(config->addr6) || ip6_is_link_local(config->addr6)))
        fault_set(fault, "address6 %s: not a host's address beyond its link",
                  ip_write(config->addr6, text));
    else if (!prefix_sound(config->addr4, config->prefix4, 32))
        fault_set(fault, "prefix length %u: must be 1 to 32", config->prefix4);
    else if (!prefix_sound(config->addr6, config->prefix6, 128))
        fault_set(fault, "prefix length %u: must be 1 to 128", config->prefix6);
    else if (config->vlan > ETH_VLAN_MAX)
        fault_set(fault, "VLAN %u: must be 1 to %u, or 0 for none", config->vlan, ETH_VLAN_MAX);
    else if (six && config->mtu < IP6_LEN_MIN)
        fault_set(fault, "MTU %u: with an IPv6 address at least %u", config->mtu, IP6_LEN_MIN);
    else if (config->mtu < MSS_MIN_MTU || config->mtu > MTU_MAX)
        fault_set(fault, "MTU %u: must be %u to %u", config->mtu, MSS_MIN_MTU, MTU_MAX);
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
    net->link_local = ip6_link_local(full.addr6);
    wheel_init(&net->wheel, now_ns);
    announce_init(net, now_ns);
    if (!neighbour_init(net) || !pmtu_init(net) || !udp_init(net) || !tcp_init(net)) {
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
    udp_fini(net);
    pmtu_fini(net);
    neighbour_fini(net);
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

void net_tx_to(struct net *net, struct rte_mbuf *frame, const uint8_t *mac, uint16_t type)
{
    struct eth_header header = { .type = type, .vlan = net->config.vlan };
    memcpy(header.dst, mac, ETH_ADDR_LEN);
    memcpy(header.src, net->port->mac, ETH_ADDR_LEN);
    struct writer w = frame_prepend(frame, eth_header_len(header.vlan));
    eth_header_write(&w, &header);
    net_tx(net, frame);
}

void net_offload(const struct net *net, struct rte_mbuf *frame, struct ip_addr dst, uint64_t what,
                 uint8_t header_len)
{
    frame->ol_flags |= what | (ip_is_v4(dst) ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    frame->l2_len = net->config.vlan != 0 ? ETH_HEADER_LEN + ETH_TAG_LEN : ETH_HEADER_LEN;
    frame->l3_len = ip_overhead(dst);
    frame->l4_len = header_len;
}

/* What a frame is dropped as for its addresses or its VLAN; NET_COUNTER_COUNT when it is for us. */
static enum net_counter eth_refusal(const struct net *net, const struct rte_mbuf *frame,
                                    const struct eth_header *header)
{
    if (!eth_equal(header->dst, net->port->mac) && !eth_is_group(header->dst))
        return NET_ETH_FOREIGN;
    if (eth_is_group(header->src) || eth_equal(header->src, net->port->mac))
        return NET_ETH_SOURCE;
    bool stripped = (frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0; /* by the port */
    if (stripped && header->len != ETH_HEADER_LEN)
        return NET_ETH_VLAN; /* a tag within a tag */
    uint16_t vlan = stripped ? frame->vlan_tci & ETH_VLAN_ID : header->vlan;
    return vlan == net->config.vlan ? NET_COUNTER_COUNT : NET_ETH_VLAN;
}

/* A frame at what follows the Ethernet header. RFC 1122 §3.2.2: nothing of IPv4 that we serve comes
 * by broadcast; of IPv6, only what a group of ours gets (RFC 2464 §7). */
static void payload_rx(struct net *net, struct rte_mbuf *frame, const struct eth_header *header,
                       uint64_t now_ns)
{
    bool group = eth_is_group(header->dst);
    bool group6 = header->dst[0] == 0x33 && header->dst[1] == 0x33;
    if (header->type == ETH_TYPE_ARP)
        arp_rx(net, frame, now_ns);
    else if (header->type == ETH_TYPE_IP4 && !group)
        ip4_rx(net, frame, now_ns);
    else if (header->type == ETH_TYPE_IP6 && (!group || group6))
        ip6_rx(net, frame, group, now_ns);
    else if (header->type == ETH_TYPE_IP4 || header->type == ETH_TYPE_IP6)
        net_drop(net, frame, NET_ETH_FOREIGN);
    else
        net_drop(net, frame, NET_ETH_TYPE);
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
    enum net_counter refusal = eth_refusal(net, frame, &header);
    if (refusal != NET_COUNTER_COUNT) {
        net_drop(net, frame, refusal);
        return;
    }
    frame_strip(frame, header.len);
    payload_rx(net, frame, &header, now_ns);
}

/* A burst whose connections are in no cache: each frame's index line is fetched before the first
 * frame's turn, its connection a few frames before its own. */
static void burst_ahead_rx(struct net *net, struct rte_mbuf **frames, uint32_t count,
                           uint64_t now_ns)
{
    struct tcp_ahead ahead[FRAME_BURST];
    for (uint32_t i = 0; i < count; i++)
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], void *));
    for (uint32_t i = 0; i < count; i++)
        ahead[i] = tcp_ahead_look(net, frames[i]);
    for (uint32_t i = 0; i < count && i < PREFETCH_AHEAD; i++)
        tcp_ahead_fetch(net, ahead[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            tcp_ahead_fetch(net, ahead[i + PREFETCH_AHEAD]);
        net->tcp.ahead = ahead[i];
        eth_rx(net, frames[i], now_ns);
    }
    net->tcp.ahead.known = false;
}

uint32_t net_rx(struct net *net, uint64_t now_ns)
{
    struct rte_mbuf *frames[FRAME_BURST];
    uint32_t count = port_rx(net->port, frames, FRAME_BURST);
    if (net->tcp.conn_count >= net->tcp.ahead_conns_min) {
        burst_ahead_rx(net, frames, count, now_ns);
        return count;
    }
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
    for (uint32_t i = 0; i < NET_TIMERS_MAX && (timer = wheel_pop(&net->wheel, now_ns)) != NULL;
         i++) {
        switch ((enum net_timer)timer->kind) {
        case NET_TIMER_NEIGHBOUR:
            neighbour_timer(net, timer, now_ns);
            break;
        case NET_TIMER_ANNOUNCE:
            announce_timer(net, now_ns);
            break;
        case NET_TIMER_MLD:
            mld_timer(net, now_ns);
            break;
        case NET_TIMER_RETRANSMIT:
        case NET_TIMER_ACK:
        case NET_TIMER_LIFE:
            tcp_timer(timer, now_ns);
            break;
        }
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

uint64_t net_claims(const struct net *net, uint64_t *mac)
{
    *mac = counter_read(&net->announce.rival);
    return counter_read(&net->counters[NET_ARP_CONFLICT]) +
           counter_read(&net->counters[NET_ND_CONFLICT]);
}

void net_counters(const struct net *net, port_each *each, void *ctx)
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
    port_figures(net->port, each, ctx);
}
