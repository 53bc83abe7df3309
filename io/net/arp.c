/* ARP and the table of neighbours: buckets of a few entries, the least used giving way. */
#include "io/net/arp.h"

#include "io/net/net_state.h"
#include "io/net/siphash.h"

#include <rte_malloc.h>

#define ARP_HTYPE_ETHERNET 1

enum err arp_packet_read(struct span in, struct arp_packet *out)
{
    struct reader r = reader_over(in);
    uint16_t htype = reader_u16(&r);
    uint16_t ptype = reader_u16(&r);
    uint8_t hlen = reader_u8(&r);
    uint8_t plen = reader_u8(&r);
    out->oper = reader_u16(&r);
    reader_copy(&r, out->sender_mac, ETH_ADDR_LEN);
    out->sender_addr = reader_u32(&r);
    reader_copy(&r, out->target_mac, ETH_ADDR_LEN);
    out->target_addr = reader_u32(&r);
    if (r.err != ERR_OK)
        return r.err;
    if (htype != ARP_HTYPE_ETHERNET || ptype != ETH_TYPE_IP4 || hlen != ETH_ADDR_LEN || plen != 4)
        return ERR_UNSUPPORTED;
    return out->oper == ARP_REQUEST || out->oper == ARP_REPLY ? ERR_OK : ERR_UNSUPPORTED;
}

void arp_packet_write(struct writer *out, const struct arp_packet *packet)
{
    writer_u16(out, ARP_HTYPE_ETHERNET);
    writer_u16(out, ETH_TYPE_IP4);
    writer_u8(out, ETH_ADDR_LEN);
    writer_u8(out, 4);
    writer_u16(out, packet->oper);
    writer_bytes(out, span_of(packet->sender_mac, ETH_ADDR_LEN));
    writer_u32(out, packet->sender_addr);
    writer_bytes(out, span_of(packet->target_mac, ETH_ADDR_LEN));
    writer_u32(out, packet->target_addr);
}

bool arp_init(struct net *net)
{
    struct arp_table *table = &net->arp;
    table->bucket_count = 1;
    while (table->bucket_count * ARP_WAYS < net->config.neighbour_cap)
        table->bucket_count *= 2;
    table->neighbours =
        rte_zmalloc_socket("neighbours", table->bucket_count * ARP_WAYS * sizeof(struct neighbour),
                           CACHE_LINE, net->config.numa_node);
    return table->neighbours != NULL;
}

/* Frees an entry and what waited for it. */
static void neighbour_clear(struct net *net, struct neighbour *neighbour, enum net_counter which)
{
    for (uint32_t i = 0; i < neighbour->queue_count; i++)
        net_drop(net, neighbour->queue[i], which);
    wheel_disarm(&net->wheel, &neighbour->timer);
    *neighbour = (struct neighbour){ .state = NEIGHBOUR_FREE };
}

void arp_fini(struct net *net)
{
    if (net->arp.neighbours == NULL)
        return;
    for (uint32_t i = 0; i < net->arp.bucket_count * ARP_WAYS; i++)
        neighbour_clear(net, &net->arp.neighbours[i], NET_ARP_UNRESOLVED);
    rte_free(net->arp.neighbours);
}

static struct neighbour *bucket_of(const struct net *net, uint32_t addr)
{
    const uint64_t word = addr;
    uint64_t hash = siphash_words(net->config.seed, &word, 1, 1, 3);
    return &net->arp.neighbours[(hash & (net->arp.bucket_count - 1)) * ARP_WAYS];
}

static struct neighbour *neighbour_find(const struct net *net, uint32_t addr)
{
    struct neighbour *bucket = bucket_of(net, addr);
    for (uint32_t i = 0; i < ARP_WAYS; i++)
        if (bucket[i].state != NEIGHBOUR_FREE && bucket[i].addr == addr)
            return &bucket[i];
    return NULL;
}

/* A free entry, or the one longest unused that nothing waits for; NULL when all are waited for. */
static struct neighbour *neighbour_take(struct net *net, uint32_t addr, uint64_t now_ns)
{
    struct neighbour *bucket = bucket_of(net, addr);
    struct neighbour *best = NULL;
    for (uint32_t i = 0; i < ARP_WAYS; i++) {
        if (bucket[i].state == NEIGHBOUR_ASKED)
            continue;
        if (best == NULL || bucket[i].state == NEIGHBOUR_FREE ||
            (best->state != NEIGHBOUR_FREE && bucket[i].used_ns < best->used_ns))
            best = &bucket[i];
    }
    if (best == NULL)
        return NULL;
    neighbour_clear(net, best, NET_ARP_UNRESOLVED);
    best->addr = addr;
    best->used_ns = now_ns;
    best->timer.kind = NET_TIMER_NEIGHBOUR;
    return best;
}

static void frame_address(struct net *net, struct rte_mbuf *frame, const uint8_t *mac,
                          uint16_t type)
{
    struct eth_header header = { .type = type };
    memcpy(header.dst, mac, ETH_ADDR_LEN);
    memcpy(header.src, net->port->mac, ETH_ADDR_LEN);
    struct writer w = frame_prepend(frame, ETH_HEADER_LEN);
    eth_header_write(&w, &header);
    net_tx(net, frame);
}

static void packet_send(struct net *net, const struct arp_packet *packet, const uint8_t *mac)
{
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame == NULL)
        return;
    struct writer w = frame_append(frame, ARP_LEN);
    arp_packet_write(&w, packet);
    frame_address(net, frame, mac, ETH_TYPE_ARP);
}

/* Asks for a neighbour, and again in a second. */
static void neighbour_ask(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    struct arp_packet packet = { .oper = ARP_REQUEST,
                                 .sender_addr = ip_v4(net->config.addr4),
                                 .target_addr = neighbour->addr };
    memcpy(packet.sender_mac, net->port->mac, ETH_ADDR_LEN);
    packet_send(net, &packet, eth_broadcast);
    net_count(net, NET_ARP_REQUESTS_OUT);
    neighbour->tries++;
    wheel_arm(&net->wheel, &neighbour->timer, now_ns + ARP_RETRY_NS);
}

static void neighbour_learn(struct net *net, struct neighbour *neighbour, const uint8_t *mac,
                            uint64_t now_ns)
{
    memcpy(neighbour->mac, mac, ETH_ADDR_LEN);
    neighbour->state = NEIGHBOUR_KNOWN;
    neighbour->tries = 0;
    wheel_arm(&net->wheel, &neighbour->timer, now_ns + ARP_KNOWN_NS);
    for (uint32_t i = 0; i < neighbour->queue_count; i++)
        frame_address(net, neighbour->queue[i], mac, ETH_TYPE_IP4);
    neighbour->queue_count = 0;
}

static void arp_answer(struct net *net, const struct arp_packet *request)
{
    struct arp_packet reply = { .oper = ARP_REPLY,
                                .sender_addr = ip_v4(net->config.addr4),
                                .target_addr = request->sender_addr };
    memcpy(reply.sender_mac, net->port->mac, ETH_ADDR_LEN);
    memcpy(reply.target_mac, request->sender_mac, ETH_ADDR_LEN);
    packet_send(net, &reply, request->sender_mac);
}

/* What the packet is counted as. */
static enum net_counter arp_step(struct net *net, const struct arp_packet *packet, uint64_t now_ns)
{
    if (eth_is_group(packet->sender_mac))
        return NET_ARP_MALFORMED;
    if (packet->sender_addr == ip_v4(net->config.addr4))
        return NET_ARP_CONFLICT;
    bool to_us = packet->target_addr == ip_v4(net->config.addr4);
    bool request = packet->oper == ARP_REQUEST;

    /* RFC 826: whoever is known is updated by any packet; only who asks for us is added. */
    struct neighbour *neighbour = NULL;
    if (packet->sender_addr != 0) /* 0: a probe (RFC 5227), to be answered, not learned */
        neighbour = neighbour_find(net, packet->sender_addr);
    if (neighbour != NULL)
        neighbour_learn(net, neighbour, packet->sender_mac, now_ns);
    if (!to_us)
        return NET_ARP_FOREIGN;
    if (!request)
        return neighbour != NULL ? NET_ARP_REPLIES_IN : NET_ARP_UNASKED;
    if (neighbour == NULL && packet->sender_addr != 0) {
        neighbour = neighbour_take(net, packet->sender_addr, now_ns);
        if (neighbour != NULL)
            neighbour_learn(net, neighbour, packet->sender_mac, now_ns);
    }
    arp_answer(net, packet);
    return NET_ARP_REQUESTS_IN;
}

void arp_rx(struct net *net, struct rte_mbuf *frame, uint64_t now_ns)
{
    struct arp_packet packet;
    if (arp_packet_read(frame_bytes(frame), &packet) != ERR_OK) {
        net_drop(net, frame, NET_ARP_MALFORMED);
        return;
    }
    net_drop(net, frame, arp_step(net, &packet, now_ns));
}

static void neighbour_enqueue(struct net *net, struct neighbour *neighbour, struct rte_mbuf *frame)
{
    if (neighbour->queue_count == ARP_QUEUE) {
        net_drop(net, neighbour->queue[0], NET_ARP_QUEUE_FULL);
        memmove(&neighbour->queue[0], &neighbour->queue[1],
                (ARP_QUEUE - 1) * sizeof neighbour->queue[0]);
        neighbour->queue_count--;
    }
    neighbour->queue[neighbour->queue_count++] = frame;
}

void arp_send(struct net *net, struct rte_mbuf *frame, uint32_t addr, uint64_t now_ns)
{
    struct neighbour *neighbour = neighbour_find(net, addr);
    if (neighbour == NULL) {
        neighbour = neighbour_take(net, addr, now_ns);
        if (neighbour == NULL) {
            net_drop(net, frame, NET_ARP_FULL);
            return;
        }
        neighbour->state = NEIGHBOUR_ASKED;
        neighbour_ask(net, neighbour, now_ns);
    }
    neighbour->used_ns = now_ns;
    if (neighbour->state == NEIGHBOUR_ASKED) {
        neighbour_enqueue(net, neighbour, frame);
        return;
    }
    if (neighbour->state == NEIGHBOUR_STALE) {
        neighbour->state = NEIGHBOUR_PROBED;
        neighbour_ask(net, neighbour, now_ns);
    }
    frame_address(net, frame, neighbour->mac, ETH_TYPE_IP4);
}

bool arp_known(const struct net *net, uint32_t addr)
{
    const struct neighbour *neighbour = neighbour_find(net, addr);
    return neighbour != NULL && neighbour->state != NEIGHBOUR_ASKED;
}

void arp_doubt(struct net *net, uint32_t addr)
{
    struct neighbour *neighbour = neighbour_find(net, addr);
    if (neighbour == NULL || neighbour->state != NEIGHBOUR_KNOWN)
        return;
    neighbour->state = NEIGHBOUR_STALE;
    wheel_disarm(&net->wheel, &neighbour->timer);
}

void arp_timer(struct net *net, struct timer *timer, uint64_t now_ns)
{
    struct neighbour *neighbour = CONTAINER_OF(timer, struct neighbour, timer);
    if (neighbour->state == NEIGHBOUR_KNOWN)
        neighbour->state = NEIGHBOUR_STALE;
    else if (neighbour->tries < ARP_TRIES)
        neighbour_ask(net, neighbour, now_ns);
    else
        neighbour_clear(net, neighbour, NET_ARP_UNRESOLVED);
}
