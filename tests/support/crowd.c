/* The stack and its peers. */
#include "tests/support/crowd.h"

#include "io/tcp/tcp.h"

#include <rte_malloc.h>
#include <stdlib.h>

#define FIRST_PORT 1024u
#define PORTS_EACH 16u
#define FIRST_ADDR 0x14000000u /* 20.0.0.0 */
#define FRAMES 4095
#define DEPTH 1024
#define CHUNKS 512
#define PEER_ISN 1000u
#define SHARED 4096u /* references, frames held, ranges: of all connections, whatever their count */
#define CONNECT_BATCH 256u
#define KEEP_ALIVE_MS 7200000

static void on_event(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct crowd *crowd = ctx;
    struct chunk *chunk = chunk_take(crowd->chunks);
    ASSERT(chunk != NULL && in.len <= chunk_room(chunk));
    struct writer w = chunk_writer(chunk);
    writer_bytes(&w, in);
    chunk_commit(chunk, &w);
    ASSERT(tcp_send(conn, chunk, 0, chunk->len, crowd->now_ns) == ERR_OK);
    chunk_give(chunk);
    return in.len;
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    (void)ctx;
    (void)conn;
    (void)why;
}

static const struct tcp_app app = { on_event, on_received, on_event, on_event, on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    struct crowd *crowd = ctx;
    (void)conn;
    crowd->open_count++;
    return crowd;
}

static uint64_t heap_octets(void)
{
    uint64_t octets = 0;
    for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
        struct rte_malloc_socket_stats stats;
        if (rte_malloc_get_socket_stats(socket, &stats) == 0)
            octets += stats.heap_allocsz_bytes;
    }
    return octets;
}

static bool stack_make(struct crowd *crowd, uint32_t more, struct fault *fault)
{
    crowd->ours.addr = ip_addr_v4(0x0a630001);
    crowd->gateway.addr = ip_addr_v4(0x0a6300fe);
    crowd->ours6.addr = (struct ip_addr){ { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
    struct net_config config = { .addr4 = crowd->ours.addr,
                                 .prefix4 = 24,
                                 .gateway4 = crowd->gateway.addr,
                                 .addr6 = crowd->ours6.addr,
                                 .prefix6 = 64,
                                 .seed = { 1, 2 },
                                 .numa_node = SOCKET_ID_ANY,
                                 .conn_cap = crowd->count + more,
                                 .half_open_cap = more / 2,
                                 .send_ref_cap = SHARED,
                                 .held_cap = SHARED,
                                 .sack_range_cap = SHARED,
                                 .keep_alive_ms = KEEP_ALIVE_MS };
    uint64_t before = heap_octets();
    crowd->net = net_create(crowd->ends[0], &config, crowd->now_ns, fault);
    crowd->octets = heap_octets() - before;
    return crowd->net != NULL;
}

bool crowd_open(struct crowd *crowd, uint32_t count, uint32_t more, struct fault *fault)
{
    *crowd = (struct crowd){ .now_ns = 1000000000, .count = count };
    crowd->frames = frame_pool_create("crowd", FRAMES, SOCKET_ID_ANY, fault);
    if (crowd->frames == NULL)
        return false;
    struct port_mem_config wire = { .frames = { crowd->frames, crowd->frames }, .depth = DEPTH };
    crowd->peers = calloc(count, sizeof crowd->peers[0]);
    crowd->chunks = chunk_pool_create(CHUNKS, 2048, SOCKET_ID_ANY);
    if (crowd->peers == NULL || crowd->chunks == NULL || !port_mem_open(&wire, crowd->ends, fault))
        return false;
    if (!stack_make(crowd, more, fault))
        return false;
    memcpy(crowd->ours.mac, crowd->ends[0]->mac, ETH_ADDR_LEN);
    memcpy(crowd->ours6.mac, crowd->ends[0]->mac, ETH_ADDR_LEN);
    memcpy(crowd->gateway.mac, crowd->ends[1]->mac, ETH_ADDR_LEN);
    ASSERT(tcp_listen(crowd->net, CROWD_PORT, &app, on_accepted, crowd) == ERR_OK);
    crowd_put(crowd, wire_hello(crowd->frames, &crowd->gateway, &crowd->ours));
    crowd_turn(crowd);
    crowd_listen(crowd);
    return true;
}

void crowd_close(struct crowd *crowd)
{
    net_destroy(crowd->net);
    port_close(crowd->ends[0]);
    port_close(crowd->ends[1]);
    chunk_pool_destroy(crowd->chunks);
    ASSERT(rte_mempool_avail_count(crowd->frames) == FRAMES);
    rte_mempool_free(crowd->frames);
    free(crowd->peers);
}

void crowd_turn(struct crowd *crowd)
{
    while (net_rx(crowd->net, crowd->now_ns) > 0)
        ;
    net_timers(crowd->net, crowd->now_ns);
    net_flush(crowd->net, crowd->now_ns);
}

void crowd_put(struct crowd *crowd, struct rte_mbuf *frame)
{
    port_tx(crowd->ends[1], &frame, 1);
}

static void segment_put(struct crowd *crowd, uint32_t index, uint8_t flags, struct span data)
{
    struct crowd_peer *peer = &crowd->peers[index];
    struct wire_end from = crowd->gateway;
    from.addr = ip_addr_v4(FIRST_ADDR + index / PORTS_EACH);
    struct tcp_header header = { .src_port = (uint16_t)(FIRST_PORT + index % PORTS_EACH),
                                 .dst_port = CROWD_PORT,
                                 .seq = peer->seq,
                                 .ack = peer->ack,
                                 .flags = flags,
                                 .window = 30000,
                                 .has_mss = (flags & TCP_SYN) != 0,
                                 .mss = 1460 };
    crowd_put(crowd,
              wire_segment(crowd->frames, &from, &crowd->ours, &header, span_of(NULL, 0), data));
    peer->seq += (uint32_t)data.len + ((flags & TCP_SYN) != 0);
}

void crowd_ask(struct crowd *crowd, uint32_t index)
{
    static const uint8_t request[CROWD_REQUEST_LEN] = "which?";
    segment_put(crowd, index, TCP_ACK | TCP_PSH, span_of(request, sizeof request));
}

/* A segment to one of the peers; to anybody else it is no matter of ours. */
static void segment_take(struct crowd *crowd, const struct wire_in *in)
{
    uint32_t addr = ip_v4(in->to.addr);
    uint32_t index = (addr - FIRST_ADDR) * PORTS_EACH + in->header.dst_port - FIRST_PORT;
    if (addr < FIRST_ADDR || index >= crowd->count ||
        (uint32_t)(in->header.dst_port - FIRST_PORT) >= PORTS_EACH)
        return;
    struct crowd_peer *peer = &crowd->peers[index];
    bool syn = (in->header.flags & TCP_SYN) != 0;
    bool keep_alive = in->header.seq + 1 == peer->ack;
    if (syn || in->data.len > 0)
        peer->ack = in->header.seq + (uint32_t)in->data.len + syn;
    if (syn || in->data.len > 0 || keep_alive)
        segment_put(crowd, index, TCP_ACK, span_of(NULL, 0));
    crowd->answers += in->data.len == CROWD_REQUEST_LEN;
}

void crowd_listen(struct crowd *crowd)
{
    struct rte_mbuf *frame;
    while (port_rx(crowd->ends[1], &frame, 1) == 1) {
        struct wire_in in;
        if (wire_read(frame_bytes(frame), &in))
            segment_take(crowd, &in);
        else
            crowd_put(crowd, wire_answer(crowd->frames, &crowd->gateway, &crowd->ours));
        frame_give(frame);
    }
}

void crowd_dial(struct crowd *crowd, uint32_t index)
{
    crowd->peers[index].seq = PEER_ISN;
    segment_put(crowd, index, TCP_SYN, span_of(NULL, 0));
}

void crowd_connect(struct crowd *crowd)
{
    for (uint32_t index = 0; index < crowd->count;) {
        for (uint32_t i = 0; i < CONNECT_BATCH && index < crowd->count; i++, index++)
            crowd_dial(crowd, index);
        crowd_turn(crowd);
        crowd_listen(crowd);
        crowd_turn(crowd);
        crowd->now_ns += 1000000;
    }
}
