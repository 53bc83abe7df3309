/* Strangers. */
#include "tests/support/stranger.h"

#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/udp.h"

#define CLOSED_PORT 9
#define GARBAGE_MAX 200u

const char *const stranger_names[STRANGER_COUNT] = {
    [STRANGER_SYN] = "SYN",
    [STRANGER_ACK] = "ACK",
    [STRANGER_RST] = "RST",
    [STRANGER_CLOSED] = "SYN to a closed port",
    [STRANGER_FRAGMENT] = "fragment",
    [STRANGER_UDP] = "UDP to a closed port",
    [STRANGER_ECHO] = "echo",
    [STRANGER_ARP] = "ARP request",
    [STRANGER_ARP_REPLY] = "ARP reply",
    [STRANGER_ND] = "neighbour solicitation",
    [STRANGER_GARBAGE] = "garbage",
};

/* Anywhere that is not on the link and can be somebody's. */
static struct ip_addr addr_random(struct prng *prng)
{
    return ip_addr_v4(0x20000000u + (uint32_t)prng_below(prng, 0x5f000000));
}

static struct rte_mbuf *segment(enum stranger kind, struct prng *prng, struct rte_mempool *frames,
                                const struct wire_end *from, const struct wire_end *to,
                                uint16_t port)
{
    static const uint8_t flags[] = { TCP_SYN, TCP_ACK, TCP_RST, TCP_SYN };
    struct tcp_header header = { .src_port = (uint16_t)(1 + prng_below(prng, 65535)),
                                 .dst_port = kind == STRANGER_CLOSED ? CLOSED_PORT : port,
                                 .seq = (uint32_t)prng_next(prng),
                                 .ack = (uint32_t)prng_next(prng),
                                 .flags = flags[kind],
                                 .window = 8000 };
    if (kind == STRANGER_SYN) {
        header.has_mss = true;
        header.mss = 1460;
        header.has_ts = prng_below(prng, 2) == 0;
        header.ts_value = (uint32_t)prng_next(prng);
    }
    return wire_segment(frames, from, to, &header, span_of(NULL, 0), span_of(NULL, 0));
}

/* The middle of a packet that will never be whole. */
static struct rte_mbuf *fragment(struct prng *prng, struct rte_mempool *frames,
                                 const struct wire_end *from, const struct wire_end *to)
{
    static const uint8_t octets[64];
    struct rte_mbuf *frame =
        wire_packet(frames, from, to, IP_PROTOCOL_TCP, span_of(octets, sizeof octets));
    struct ip4_header ip = { .total_len = IP4_HEADER_LEN + sizeof octets,
                             .id = (uint16_t)prng_next(prng),
                             .fragment = (uint16_t)(0x2000 | prng_below(prng, 0x1fff)),
                             .ttl = 64,
                             .protocol = IP_PROTOCOL_TCP,
                             .src = ip_v4(from->addr),
                             .dst = ip_v4(to->addr) };
    struct writer w =
        writer_over(rte_pktmbuf_mtod_offset(frame, uint8_t *, ETH_HEADER_LEN), IP4_HEADER_LEN);
    ip4_header_write(&w, &ip);
    return frame;
}

static struct rte_mbuf *datagram(struct prng *prng, struct rte_mempool *frames,
                                 const struct wire_end *from, const struct wire_end *to)
{
    uint8_t octets[UDP_HEADER_LEN];
    struct udp_header header = { .src_port = (uint16_t)(1 + prng_below(prng, 65535)),
                                 .dst_port = CLOSED_PORT,
                                 .len = UDP_HEADER_LEN };
    struct writer w = writer_over(octets, sizeof octets);
    udp_header_write(&w, &header); /* no checksum: IPv4 allows it */
    return wire_packet(frames, from, to, IP_PROTOCOL_UDP, written(&w));
}

static struct rte_mbuf *echo(struct prng *prng, struct rte_mempool *frames,
                             const struct wire_end *from, const struct wire_end *to)
{
    uint8_t octets[ICMP_HEADER_LEN];
    struct icmp_header header = { .type = ICMP_ECHO, .rest = (uint32_t)prng_next(prng) };
    struct writer w = writer_over(octets, sizeof octets);
    icmp_header_write(&w, &header, span_of(NULL, 0), 0);
    return wire_packet(frames, from, to, IP_PROTOCOL_ICMP, written(&w));
}

/* Another station on the link each time. */
static struct rte_mbuf *neighbour(enum stranger kind, struct prng *prng, struct rte_mempool *frames,
                                  const struct wire_end *to)
{
    struct wire_end from = { .addr = to->addr, .mac = { 6 } };
    uint32_t number = (uint32_t)prng_next(prng);
    memcpy(from.mac + 2, &number, sizeof number);
    from.addr.octets[15] = (uint8_t)(10 + prng_below(prng, 200));
    if (kind == STRANGER_ND)
        memcpy(from.addr.octets + 8, &number, sizeof number);
    return kind == STRANGER_ARP_REPLY ? wire_answer(frames, &from, to)
                                      : wire_hello(frames, &from, to);
}

static struct rte_mbuf *garbage(struct prng *prng, struct rte_mempool *frames,
                                const struct wire_end *from, const struct wire_end *to)
{
    static const uint16_t types[] = { ETH_TYPE_IP4, ETH_TYPE_IP6, ETH_TYPE_ARP, 0x1234 };
    struct rte_mbuf *frame = frame_take(frames);
    ASSERT(frame != NULL);
    uint16_t len = (uint16_t)prng_below(prng, GARBAGE_MAX);
    struct writer w = frame_append(frame, len);
    for (uint16_t i = 0; i < len; i++)
        writer_u8(&w, (uint8_t)prng_next(prng));
    struct eth_header eth = { .type = types[prng_below(prng, COUNT(types))] };
    memcpy(eth.src, from->mac, ETH_ADDR_LEN);
    memcpy(eth.dst, to->mac, ETH_ADDR_LEN);
    w = frame_prepend(frame, ETH_HEADER_LEN);
    eth_header_write(&w, &eth);
    return frame;
}

struct rte_mbuf *stranger_frame(enum stranger kind, struct prng *prng, struct rte_mempool *frames,
                                const struct wire_end *to, const struct wire_end *to6,
                                const struct wire_end *via, uint16_t port)
{
    struct wire_end from = *via;
    from.addr = addr_random(prng);
    switch (kind) {
    case STRANGER_SYN:
    case STRANGER_ACK:
    case STRANGER_RST:
    case STRANGER_CLOSED:
        return segment(kind, prng, frames, &from, to, port);
    case STRANGER_FRAGMENT:
        return fragment(prng, frames, &from, to);
    case STRANGER_UDP:
        return datagram(prng, frames, &from, to);
    case STRANGER_ECHO:
        return echo(prng, frames, &from, to);
    case STRANGER_ARP:
    case STRANGER_ARP_REPLY:
        return neighbour(kind, prng, frames, to);
    case STRANGER_ND:
        return neighbour(kind, prng, frames, to6);
    case STRANGER_GARBAGE:
    case STRANGER_COUNT:
        break;
    }
    return garbage(prng, frames, &from, to);
}
