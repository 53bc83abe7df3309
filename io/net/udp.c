/* UDP: datagrams to whom has their port, and out. */
#include "io/net/udp.h"

#include "io/net/checksum.h"
#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/net_state.h"
#include "io/net/siphash.h"
#include "io/net/source_port.h"

#include <rte_malloc.h>

#define CHECKSUM_AT 6

struct udp_port {
    struct net *net; /* NULL: free */
    const struct udp_app *app;
    void *ctx;
    uint16_t number;
    struct udp_endpoint peer; /* of udp_connect; port 0: all */
};

enum err udp_header_read(struct span in, struct udp_header *out)
{
    struct reader r = reader_over(in);
    out->src_port = reader_u16(&r);
    out->dst_port = reader_u16(&r);
    out->len = reader_u16(&r);
    out->checksum = reader_u16(&r);
    if (r.err != ERR_OK)
        return r.err;
    return out->len >= UDP_HEADER_LEN && out->len <= in.len ? ERR_OK : ERR_LENGTH;
}

void udp_header_write(struct writer *out, const struct udp_header *header)
{
    writer_u16(out, header->src_port);
    writer_u16(out, header->dst_port);
    writer_u16(out, header->len);
    writer_u16(out, header->checksum);
}

bool udp_init(struct net *net)
{
    net->udp_ports =
        rte_zmalloc_socket("udp_ports", net->config.udp_port_cap * sizeof(struct udp_port),
                           CACHE_LINE, net->config.numa_node);
    return net->udp_ports != NULL;
}

void udp_fini(struct net *net)
{
    rte_free(net->udp_ports);
}

/* A net has a handful of ports: looking through them costs less than any table. */
static struct udp_port *port_find(const struct net *net, uint16_t number)
{
    for (uint32_t i = 0; i < net->config.udp_port_cap; i++)
        if (net->udp_ports[i].net != NULL && net->udp_ports[i].number == number)
            return &net->udp_ports[i];
    return NULL;
}

static bool is_peer(const struct udp_port *port, struct udp_endpoint peer)
{
    return port->peer.port == 0 ||
           (port->peer.port == peer.port && ip_equal(port->peer.addr, peer.addr));
}

static struct udp_port *port_of(const struct net *net, uint16_t number, struct udp_endpoint peer)
{
    struct udp_port *port = port_find(net, number);
    return port != NULL && is_peer(port, peer) ? port : NULL;
}

enum err udp_bind(struct net *net, uint16_t local_port, const struct udp_app *app, void *ctx,
                  struct udp_port **out)
{
    ASSERT(local_port != 0);
    if (port_find(net, local_port) != NULL)
        return ERR_DUPLICATE;
    for (uint32_t i = 0; i < net->config.udp_port_cap; i++)
        if (net->udp_ports[i].net == NULL) {
            *out = &net->udp_ports[i];
            **out = (struct udp_port){ .net = net, .app = app, .ctx = ctx, .number = local_port };
            return ERR_OK;
        }
    return ERR_FULL;
}

static bool is_reachable(const struct net *net, struct udp_endpoint peer)
{
    return peer.port != 0 && !ip_martian(net, peer.addr) && ip_routed(net, peer.addr);
}

enum err udp_connect(struct net *net, struct udp_endpoint peer, const struct udp_app *app,
                     void *ctx, struct udp_port **out)
{
    const uint64_t key[2] = { net->config.seed[1], ~net->config.seed[0] };
    const uint64_t words[4] = { ip_word(peer.addr, 0), ip_word(peer.addr, 1), peer.port,
                                net->udp_connects++ };
    uint64_t start = siphash_words(key, words, COUNT(words), 2, 4);
    if (!is_reachable(net, peer))
        return ERR_UNREACHABLE;
    for (uint32_t i = 0; i < SOURCE_PORT_COUNT; i++) {
        uint16_t number = source_port_at(start, i);
        if (!source_port_is_home(net, peer.addr, peer.port, number))
            continue;
        enum err err = udp_bind(net, number, app, ctx, out);
        if (err == ERR_DUPLICATE)
            continue;
        if (err == ERR_OK)
            (*out)->peer = peer;
        return err;
    }
    return ERR_FULL;
}

uint16_t udp_number(const struct udp_port *port)
{
    return port->number;
}

void udp_unbind(struct udp_port *port)
{
    *port = (struct udp_port){ .net = NULL };
}

static bool checksum_good(const struct net *net, const struct rte_mbuf *frame,
                          const struct ip_in *in, uint16_t len)
{
    uint64_t verdict = frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if ((net->port->offloads & PORT_RX_UDP_CHECKSUM) != 0 && verdict == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
        return true;
    uint64_t sum = checksum_pseudo(in->src, in->dst, IP_PROTOCOL_UDP, len);
    return checksum_right(checksum_add(sum, span_first(frame_bytes(frame), len)));
}

/* What a datagram that nobody is to see is dropped as; NET_COUNTER_COUNT when it is sound. */
static enum net_counter refusal_of(const struct net *net, const struct rte_mbuf *frame,
                                   const struct udp_header *header, const struct ip_in *in)
{
    if (header->checksum == 0 && !ip_is_v4(in->src))
        return NET_UDP_NO_CHECKSUM; /* RFC 8200 §8.1 */
    if (header->checksum != 0 && !checksum_good(net, frame, in, header->len))
        return NET_UDP_CHECKSUM;
    if (header->src_port == 0)
        return NET_UDP_SOURCE_PORT; /* nothing could be answered */
    return NET_COUNTER_COUNT;
}

void udp_rx(struct net *net, struct rte_mbuf *frame, const struct ip_in *in, uint64_t now_ns)
{
    struct udp_header header;
    enum err err = udp_header_read(frame_bytes(frame), &header);
    if (err != ERR_OK) {
        net_drop(net, frame, err == ERR_LENGTH ? NET_UDP_LENGTH : NET_UDP_SHORT);
        return;
    }
    enum net_counter refusal = refusal_of(net, frame, &header, in);
    if (refusal != NET_COUNTER_COUNT) {
        net_drop(net, frame, refusal);
        return;
    }
    struct udp_endpoint peer = { in->src, header.src_port };
    struct udp_port *port = port_of(net, header.dst_port, peer);
    if (port == NULL) {
        icmp_refuse(net, in, true, now_ns);
        net_drop(net, frame, NET_UDP_NO_PORT);
        return;
    }
    net_count(net, NET_UDP_RECEIVED);
    struct span data = span_after(span_first(frame_bytes(frame), header.len), UDP_HEADER_LEN);
    port->app->received(port->ctx, port, peer, data, now_ns);
    frame_give(frame);
}

uint16_t udp_len_max(const struct udp_port *port, struct ip_addr peer)
{
    return (uint16_t)(port->net->config.mtu - ip_overhead(peer) - UDP_HEADER_LEN);
}

/* Fills the checksum in, or leaves the pseudo-header's sum for the port to go on with. */
static void checksum_fill(struct net *net, struct rte_mbuf *frame, struct ip_addr peer)
{
    uint64_t sum = checksum_pseudo(ip_source(net, peer), peer, IP_PROTOCOL_UDP, frame->data_len);
    uint16_t field;
    if ((net->port->offloads & PORT_TX_UDP_CHECKSUM) != 0) {
        net_offload(net, frame, peer, RTE_MBUF_F_TX_UDP_CKSUM, UDP_HEADER_LEN);
        field = checksum_fold(sum);
    } else {
        field = checksum_of(checksum_add(sum, frame_bytes(frame)));
        field = field != 0 ? field : UINT16_MAX; /* 0 would say that there is none */
    }
    struct writer w =
        writer_over(rte_pktmbuf_mtod_offset(frame, uint8_t *, CHECKSUM_AT), sizeof field);
    writer_u16(&w, field);
}

enum err udp_send(struct udp_port *port, struct udp_endpoint peer, struct span data,
                  uint64_t now_ns)
{
    struct net *net = port->net;
    if (!is_reachable(net, peer) || !is_peer(port, peer))
        return ERR_UNREACHABLE;
    if (data.len > udp_len_max(port, peer.addr))
        return ERR_RANGE;
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame == NULL)
        return ERR_FULL;
    struct udp_header header = { .src_port = port->number,
                                 .dst_port = peer.port,
                                 .len = (uint16_t)(UDP_HEADER_LEN + data.len) };
    struct writer w = frame_append(frame, header.len);
    udp_header_write(&w, &header);
    writer_bytes(&w, data);
    ASSERT(w.err == ERR_OK);
    checksum_fill(net, frame, peer.addr);
    net_count(net, NET_UDP_SENT);
    ip_send(net, frame, IP_PROTOCOL_UDP, peer.addr, now_ns);
    return ERR_OK;
}

/* RFC 1191 §4, RFC 8201 §4: a router that was not too old to say told of less than we sent, and of no
 * less than every link has. */
static bool mtu_plausible(const struct net *net, const struct icmp_quote *quote, uint32_t mtu)
{
    bool four = ip_is_v4(quote->dst);
    if (four && mtu == 0)
        return true;
    return mtu >= (four ? IP4_LEN_MIN : IP6_LEN_MIN) && mtu < quote->total_len &&
           mtu < net->config.mtu;
}

bool udp_fate(struct net *net, const struct icmp_quote *quote, enum icmp_fate fate, uint32_t mtu)
{
    struct udp_endpoint peer = { quote->dst, quote->dst_port };
    struct udp_port *port = port_of(net, quote->src_port, peer);
    if (port == NULL || quote->dst_port == 0)
        return false;
    enum err why = fate == ICMP_FATE_REFUSED   ? ERR_REFUSED
                   : fate == ICMP_FATE_TOO_BIG ? ERR_LENGTH
                                               : ERR_UNREACHABLE;
    if (fate == ICMP_FATE_TOO_BIG && !mtu_plausible(net, quote, mtu))
        return false;
    port->app->failed(port->ctx, port, peer, why, (uint16_t)mtu);
    return true;
}
