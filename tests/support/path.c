/* Routers and odd peers. */
#include "tests/support/path.h"

#include "io/net/checksum.h"
#include "io/net/eth.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/tcp/tcp_wire.h"

#include <rte_malloc.h>

#define WINDOW_AT 14
#define QUOTE_MAX 200 /* octets of the packet that a router sends back */

struct path {
    struct port port; /* first */
    struct path_config config;
    uint64_t dropped, clamped;
};

/* An IP packet, as far as a router reads it. */
struct packet {
    struct span octets;
    struct ip_addr src, dst;
    uint8_t protocol;
    size_t payload_at; /* in the frame */
};

static struct path *path_of(struct port *port)
{
    return CONTAINER_OF(port, struct path, port);
}

/* False for what is no IP packet, or was corrupted. */
static bool packet_read(const struct rte_mbuf *frame, struct packet *out)
{
    struct eth_header eth;
    struct ip4_header four;
    struct ip6_header six;
    if (eth_header_read(frame_bytes(frame), &eth) != ERR_OK)
        return false;
    struct span in = span_after(frame_bytes(frame), eth.len);
    if (eth.type == ETH_TYPE_IP4 && ip4_header_read(in, &four) == ERR_OK) {
        *out = (struct packet){ span_first(in, four.total_len), ip_addr_v4(four.src),
                                ip_addr_v4(four.dst), four.protocol, eth.len + four.header_len };
        return true;
    }
    if (eth.type != ETH_TYPE_IP6 || ip6_header_read(in, &six) != ERR_OK)
        return false;
    *out = (struct packet){ span_first(in, IP6_HEADER_LEN + (size_t)six.payload_len), six.src,
                            six.dst, six.next, (size_t)eth.len + IP6_HEADER_LEN };
    return true;
}

/* A router's word to the sender, from an address on the link that is nobody's. */
static void too_big_send(struct path *path, const struct rte_mbuf *about,
                         const struct packet *packet)
{
    struct rte_mbuf *frame = frame_take(path->port.frames);
    if (frame == NULL)
        return;
    bool four = ip_is_v4(packet->src);
    struct ip_addr router = packet->dst;
    router.octets[15] = 0xfe;
    uint8_t octets[ICMP_HEADER_LEN + QUOTE_MAX];
    struct span quote = span_first(packet->octets, QUOTE_MAX);
    uint16_t len = (uint16_t)(ICMP_HEADER_LEN + quote.len);
    struct icmp_header icmp = { .type = four ? ICMP_UNREACHABLE : ICMP6_TOO_BIG,
                                .code = four ? ICMP_CODE_TOO_BIG : 0,
                                .rest = path->config.mtu };
    struct writer w = writer_over(octets, sizeof octets);
    icmp_header_write(&w, &icmp, quote,
                      four ? 0 : checksum_pseudo(router, packet->src, IP_PROTOCOL_ICMP6, len));
    writer_bytes(&w, quote);
    struct writer out = frame_append(frame, len);
    writer_bytes(&out, written(&w));
    if (four) {
        struct ip4_header ip = { .total_len = (uint16_t)(IP4_HEADER_LEN + len),
                                 .ttl = 64,
                                 .protocol = IP_PROTOCOL_ICMP,
                                 .src = ip_v4(router),
                                 .dst = ip_v4(packet->src) };
        out = frame_prepend(frame, IP4_HEADER_LEN);
        ip4_header_write(&out, &ip);
    } else {
        struct ip6_header ip = { .payload_len = len,
                                 .next = IP_PROTOCOL_ICMP6,
                                 .hop_limit = 64,
                                 .src = router,
                                 .dst = packet->src };
        out = frame_prepend(frame, IP6_HEADER_LEN);
        ip6_header_write(&out, &ip);
    }
    struct eth_header eth, was;
    ASSERT(eth_header_read(frame_bytes(about), &was) == ERR_OK);
    eth = (struct eth_header){ .type = was.type };
    memcpy(eth.dst, was.src, ETH_ADDR_LEN);
    memcpy(eth.src, was.dst, ETH_ADDR_LEN);
    out = frame_prepend(frame, ETH_HEADER_LEN);
    eth_header_write(&out, &eth);
    port_tx(path->port.under, &frame, 1);
}

/* RFC 1624, so that a checksum that was wrong stays wrong. */
static void window_clamp(struct path *path, struct rte_mbuf *frame, const struct packet *packet)
{
    if (frame->data_len < packet->payload_at + TCP_HEADER_LEN)
        return;
    uint8_t *segment = rte_pktmbuf_mtod_offset(frame, uint8_t *, packet->payload_at);
    struct reader r = reader_over(span_of(segment + WINDOW_AT, 4));
    uint16_t window = reader_u16(&r);
    uint16_t checksum = reader_u16(&r);
    if (window <= path->config.window_max)
        return;
    uint32_t sum = (uint32_t)(uint16_t)~checksum + (uint16_t)~window + path->config.window_max;
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    struct writer w = writer_over(segment + WINDOW_AT, 4);
    writer_u16(&w, path->config.window_max);
    writer_u16(&w, (uint16_t)~sum);
    path->clamped++;
}

/* False when the frame was dropped. */
static bool pass(struct path *path, struct rte_mbuf *frame)
{
    struct packet packet;
    if (!packet_read(frame, &packet))
        return true;

    if (path->config.mtu != 0 && packet.octets.len > path->config.mtu) {
        path->dropped++;
        if (!path->config.silent)
            too_big_send(path, frame, &packet);
        frame_give(frame);
        return false;
    }
    if (path->config.window_clamped && packet.protocol == IP_PROTOCOL_TCP)
        window_clamp(path, frame, &packet);
    return true;
}

static uint32_t path_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct path *path = path_of(port);
    uint32_t count = port_rx(port->under, frames, cap);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (pass(path, frames[i]))
            frames[kept++] = frames[i];
    return kept;
}

static uint32_t path_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    port_tx(port->under, frames, count);
    return count;
}

static void path_close(struct port *port)
{
    port_close(port->under);
    rte_free(path_of(port));
}

static const struct port_ops path_ops = { .rx = path_rx, .tx = path_tx, .close = path_close };

struct port *path_open(struct port *under)
{
    struct path *path = rte_zmalloc("path", sizeof *path, 0);
    ASSERT(path != NULL);
    port_over(&path->port, under, &path_ops);
    return &path->port;
}

void path_set(struct port *path, const struct path_config *config)
{
    path_of(path)->config = *config;
}

static_assert(offsetof(struct path, port) == 0, "a port's address is its path's");

uint64_t path_dropped(const struct port *path)
{
    return ((const struct path *)(const void *)path)->dropped;
}

uint64_t path_clamped(const struct port *path)
{
    return ((const struct path *)(const void *)path)->clamped;
}
