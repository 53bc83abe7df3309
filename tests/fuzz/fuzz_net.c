/* Frames into a stack with a listener and an echoing application, each `kind len octets`. kind: 0 as it is, 1 an
 * IPv4 payload of any protocol (first octet), 2 a TCP segment whose numbers count from the connection's, with right
 * checksums so that it gets far, 3 time goes on. What was taken comes back, whatever came. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzzed_port.h"

#include "io/net/checksum.h"
#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/net/net_state.h"
#include "io/tcp/tcp.h"
#include "io/tcp/tcp_wire.h"

#define CHUNKS 8
#define OURS 0x0a630001u
#define THEIRS 0x0a630002u
#define LISTEN_PORT 7
#define STEPS_MAX 64

enum kind { RAW, PAYLOAD, SEGMENT, TIME, KIND_COUNT };

static struct chunk_pool *chunks;

struct bed {
    struct fuzzed_port wire;
    uint32_t our_seq; /* the last our side sent, to aim at */
    uint32_t our_ack;
};

static void look(struct fuzzed_port *wire, struct span in)
{
    struct bed *bed = CONTAINER_OF(wire, struct bed, wire);
    struct eth_header eth;
    struct ip4_header ip;
    struct tcp_header tcp;
    ASSERT(eth_header_read(in, &eth) == ERR_OK);
    struct span packet = span_after(in, ETH_HEADER_LEN);
    if (eth.type != ETH_TYPE_IP4)
        return;
    ASSERT(ip4_header_read(packet, &ip) == ERR_OK && ip.total_len == packet.len);
    struct span segment = span_after(packet, ip.header_len);
    if (ip.protocol != IP_PROTOCOL_TCP)
        return;
    uint64_t sum = checksum_pseudo(ip_addr_v4(ip.src), ip_addr_v4(ip.dst), IP_PROTOCOL_TCP,
                                   (uint16_t)segment.len);
    ASSERT(checksum_right(checksum_add(sum, segment)));
    ASSERT(tcp_header_read(segment, &tcp) == ERR_OK);
    bed->our_seq = tcp.seq + (uint32_t)(segment.len - tcp.header_len);
    bed->our_seq += (tcp.flags & (TCP_SYN | TCP_FIN)) != 0;
    bed->our_ack = tcp.ack;
}

static void on_nothing(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    const uint64_t *now_ns = ctx;
    struct chunk *chunk = chunk_take(chunks);
    if (chunk == NULL || in.len > chunk_room(chunk)) {
        if (chunk != NULL)
            chunk_give(chunk);
        return in.len / 2;
    }
    struct writer w = chunk_writer(chunk);
    writer_bytes(&w, in);
    chunk_commit(chunk, &w);
    enum err err = tcp_send(conn, chunk, 0, (uint32_t)in.len, *now_ns);
    ASSERT(err == ERR_OK || err == ERR_FULL || err == ERR_CLOSED);
    chunk_give(chunk);
    return in.bytes[0] == 'h' ? in.len / 2 : in.len;
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    const uint64_t *now_ns = ctx;
    tcp_close(conn, *now_ns);
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    (void)ctx;
    (void)conn;
    ASSERT(why < ERR_COUNT);
}

static const struct tcp_app app = { on_nothing, on_received, on_nothing, on_peer_closed,
                                    on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    (void)conn;
    return ctx;
}

/* flags, seq and ack as signed offsets, window, octets of options and data. */
static void segment_write(struct reader *in, const struct bed *bed, struct writer *out)
{
    struct tcp_header header = { .src_port = 9, .dst_port = LISTEN_PORT };
    header.flags = reader_u8(in) & 0x3f;
    header.seq = bed->our_ack + (uint32_t)(int16_t)reader_u16(in);
    header.ack = bed->our_seq + (uint32_t)(int16_t)reader_u16(in);
    header.window = reader_u16(in);
    uint8_t offset = reader_u8(in);
    tcp_header_write(out, &header);
    writer_bytes(out, reader_rest(in));
    writer_patch(out, 12, offset != 0 ? offset : 0x50, 1);
    uint64_t sum = checksum_pseudo(ip_addr_v4(THEIRS), ip_addr_v4(OURS), IP_PROTOCOL_TCP,
                                   (uint16_t)writer_len(out));
    sum = checksum_add(sum, written(out));
    writer_patch(out, TCP_CHECKSUM_AT, checksum_of(sum), 2);
}

static struct rte_mbuf *frame_make(struct reader *in, enum kind kind, const struct bed *bed)
{
    uint8_t buf[1500];
    struct writer payload = writer_over(buf, sizeof buf);
    uint8_t protocol = kind == PAYLOAD ? reader_u8(in) : IP_PROTOCOL_TCP;
    if (kind == SEGMENT)
        segment_write(in, bed, &payload);
    else
        writer_bytes(&payload, reader_rest(in));
    if (payload.err != ERR_OK)
        return NULL;
    struct rte_mbuf *frame = fuzz_frame(written(&payload));
    if (kind != RAW)
        fuzz_wrap4(frame, protocol, THEIRS, OURS);
    return frame;
}

static void step(struct reader *r, struct bed *bed, struct net *net, uint64_t *now_ns)
{
    enum kind kind = reader_u8(r) % KIND_COUNT;
    struct reader in = reader_sub(r, reader_u8(r));
    if (kind == TIME)
        *now_ns += reader_u24(&in) * 1000000ull;
    else
        bed->wire.in = frame_make(&in, kind, bed);
    fuzz_turn(&bed->wire, net, *now_ns);
    ASSERT(net_conn_count(net) <= 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = { "" };
    struct bed bed = { .our_seq = 0 };
    fuzzed_port_open(&bed.wire, look);
    if (chunks == NULL)
        chunks = chunk_pool_create(CHUNKS, 2048, SOCKET_ID_ANY);
    ASSERT(chunks != NULL);
    const struct net_config config = { .addr4 = ip_addr_v4(OURS),
                                       .prefix4 = 24,
                                       .seed = { 1, 2 },
                                       .numa_node = SOCKET_ID_ANY,
                                       .conn_cap = 4,
                                       .held_cap = 32,
                                       .neighbour_cap = 8,
                                       .recv_len_max = 4000,
                                       .send_len_max = 4000 };
    uint64_t now_ns = 1000000000;
    struct net *net = net_create(&bed.wire.port, &config, now_ns, &fault);
    ASSERT(net != NULL);
    net->tcp.ahead_conns_min = 0;
    ASSERT(tcp_listen(net, LISTEN_PORT, &app, on_accepted, &now_ns) == ERR_OK);
    struct reader r = reader_over(span_of(data, size));
    for (int i = 0; i < STEPS_MAX && reader_more(&r); i++)
        step(&r, &bed, net, &now_ns);
    net_destroy(net);
    fuzzed_port_close(&bed.wire);
    ASSERT(chunk_pool_free_count(chunks) == CHUNKS);
    return 0;
}
