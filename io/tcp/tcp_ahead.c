/* Looking ahead. */
#include "io/tcp/tcp_ahead.h"

#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/tcp/tcp_conn.h"

#include <rte_prefetch.h>

#define IP4_FIRST 0x45u /* version 4, no options */
#define SLOTS_MAX 4u    /* of a chain in the index, which share a line mostly */

/* Each leaves the reader at the ports, and gives the source; false when these are not there. */
static bool ip4_source_read(struct reader *r, struct ip_addr *src)
{
    uint8_t first = reader_u8(r);
    reader_bytes(r, 5); /* type of service, length, identification */
    uint16_t fragment = reader_u16(r);
    reader_u8(r);
    uint8_t protocol = reader_u8(r);
    reader_u16(r);
    *src = ip_addr_v4(reader_u32(r));
    reader_u32(r);
    return first == IP4_FIRST && (fragment & IP4_FRAGMENTED) == 0 && protocol == IP_PROTOCOL_TCP;
}

static bool ip6_source_read(struct reader *r, struct ip_addr *src)
{
    reader_bytes(r, 6); /* class and label, length */
    uint8_t next = reader_u8(r);
    reader_u8(r);
    reader_copy(r, src->octets, IP_ADDR_LEN);
    reader_bytes(r, IP_ADDR_LEN);
    return next == IP_PROTOCOL_TCP;
}

struct tcp_ahead tcp_ahead_look(const struct net *net, const struct rte_mbuf *frame)
{
    const struct tcp_ahead unknown = { 0, false };
    struct reader r = reader_over(frame_bytes(frame));
    reader_bytes(&r, 2 * ETH_ADDR_LEN);
    uint16_t type = reader_u16(&r);
    if (type == ETH_TYPE_TAG) {
        reader_u16(&r);
        type = reader_u16(&r);
    }
    struct ip_addr src;
    if (type == ETH_TYPE_IP4 ? !ip4_source_read(&r, &src)
                             : type != ETH_TYPE_IP6 || !ip6_source_read(&r, &src))
        return unknown;
    uint16_t peer_port = reader_u16(&r);
    uint16_t local_port = reader_u16(&r);
    if (r.err != ERR_OK)
        return unknown;
    struct tcp_ahead ahead = { tcp_hash(net, src, peer_port, local_port), true };
    rte_prefetch0(&net->tcp.slots[ahead.hash & net->tcp.slot_mask]);
    return ahead;
}

void tcp_ahead_fetch(const struct net *net, struct tcp_ahead ahead)
{
    const struct tcp_table *tcp = &net->tcp;
    if (!ahead.known)
        return;
    for (uint32_t i = 0; i < SLOTS_MAX; i++) {
        const struct tcp_slot *slot = &tcp->slots[(ahead.hash + i) & tcp->slot_mask];
        if (slot->conn == 0)
            return;
        if (slot->hash != ahead.hash)
            continue;
        const char *conn = (const char *)&tcp->conns[slot->conn - 1];
        for (size_t at = 0; at < sizeof(struct tcp_conn); at += CACHE_LINE)
            rte_prefetch0(conn + at);
        rte_prefetch0(conn + sizeof(struct tcp_conn) - 1);
        return;
    }
}
