/* ARP packets, in and out. */
#include "io/net/arp.h"

#include "io/net/ip4.h"
#include "io/net/net_state.h"

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

static void packet_send(struct net *net, const struct arp_packet *packet, const uint8_t *mac)
{
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame == NULL)
        return;
    struct writer w = frame_append(frame, ARP_LEN);
    arp_packet_write(&w, packet);
    net_tx_to(net, frame, mac, ETH_TYPE_ARP);
}

static void request_send(struct net *net, uint32_t addr, const uint8_t *mac)
{
    struct arp_packet packet = { .oper = ARP_REQUEST,
                                 .sender_addr = ip_v4(net->config.addr4),
                                 .target_addr = addr };
    memcpy(packet.sender_mac, net->port->mac, ETH_ADDR_LEN);
    packet_send(net, &packet, mac);
}

void arp_ask(struct net *net, uint32_t addr, const uint8_t *mac)
{
    request_send(net, addr, mac != NULL ? mac : eth_broadcast);
    net_count(net, NET_ARP_REQUESTS_OUT);
}

void arp_announce(struct net *net)
{
    request_send(net, ip_v4(net->config.addr4), eth_broadcast);
    net_count(net, NET_ARP_ANNOUNCEMENTS_OUT);
}

static void answer(struct net *net, const struct arp_packet *request)
{
    struct arp_packet reply = { .oper = ARP_REPLY,
                                .sender_addr = ip_v4(net->config.addr4),
                                .target_addr = request->sender_addr };
    memcpy(reply.sender_mac, net->port->mac, ETH_ADDR_LEN);
    memcpy(reply.target_mac, request->sender_mac, ETH_ADDR_LEN);
    packet_send(net, &reply, request->sender_mac);
}

static bool is_station(const struct net *net, uint32_t addr)
{
    return !ip4_martian(net, addr) &&
           (ip4_on_link(net, addr) || ip_equal(ip_addr_v4(addr), net->config.gateway4));
}

/* What the packet is counted as. */
static enum net_counter arp_step(struct net *net, const struct arp_packet *packet, uint64_t now_ns)
{
    if (ip_is_none(net->config.addr4))
        return NET_ARP_FOREIGN;
    bool is_us = eth_equal(packet->sender_mac, net->port->mac);
    if (packet->sender_addr == ip_v4(net->config.addr4) && is_us)
        return NET_ARP_FOREIGN; /* our own words, brought by somebody else */
    if (!eth_is_station(packet->sender_mac) || is_us)
        return NET_ARP_MALFORMED;
    if (packet->sender_addr == ip_v4(net->config.addr4)) {
        announce_contradict(net, net->config.addr4, packet->sender_mac, now_ns);
        return NET_ARP_CONFLICT;
    }
    bool to_us = packet->target_addr == ip_v4(net->config.addr4);
    bool request = packet->oper == ARP_REQUEST;
    enum neighbour_word word = !to_us    ? NEIGHBOUR_ANNOUNCES
                               : request ? NEIGHBOUR_ASKS_US
                                         : NEIGHBOUR_ANSWERS;
    /* A probe (RFC 5227) says nothing of its sender; nor does one that claims to be off the link. */
    enum neighbour_heard heard = NEIGHBOUR_UNASKED;
    if (is_station(net, packet->sender_addr))
        heard =
            neighbour_hear(net, ip_addr_v4(packet->sender_addr), packet->sender_mac, word, now_ns);
    if (!to_us)
        return NET_ARP_FOREIGN;
    if (request) {
        answer(net, packet);
        return NET_ARP_REQUESTS_IN;
    }
    return heard == NEIGHBOUR_TAKEN ? NET_ARP_REPLIES_IN : NET_ARP_UNASKED;
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
