/* An established connection, and everything that may happen to it: segments whose numbers, windows,
 * timestamps and SACK blocks lie about the connection's own, time, and what its application does.
 * After each step what tcp_check() says holds; octets come and go as the streams have them. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzzed_port.h"

#include "io/net/arp.h"
#include "io/net/checksum.h"
#include "io/net/eth.h"
#include "io/net/ip4.h"
#include "io/net/net_state.h"
#include "io/tcp/tcp.h"
#include "io/tcp/tcp_check.h"
#include "io/tcp/tcp_wire.h"

#define CHUNKS 16
#define CHUNK_LEN 2048
#define LISTEN_PORT 7
#define PEER_PORT 9
#define PEER_ISN 0xfffffc00u /* wraps soon */
#define STEPS_MAX 200
#define PAYLOAD_MAX 1400u

enum step { SEGMENT, TIME, SEND, READ, CLOSE, ABORT, STEP_COUNT };

static struct chunk_pool *chunks;

struct fuzz {
    struct fuzzed_port wire;
    struct net *net;
    struct tcp_conn *conn;
    uint64_t now_ns;
    uint32_t our_isn; /* as the peer knows it */
    uint32_t our_seq; /* the next after the last segment that came out */
    uint32_t our_ack;
    uint32_t our_ts;
    uint32_t peer_ts;
    uint32_t received; /* octets */
    uint32_t sent;
    uint32_t take_max; /* of one received() */
    bool ts_on, accepted;
};

static const struct ip_addr ours = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 } };
static const struct ip_addr theirs = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2 } };

static uint8_t octet_at(uint32_t at)
{
    return (uint8_t)(at * 7 + (at >> 8));
}

/* What comes out is whole, and its octets are the stream's. */
static void look(struct fuzzed_port *wire, struct span in)
{
    struct fuzz *fuzz = CONTAINER_OF(wire, struct fuzz, wire);
    struct eth_header eth;
    struct ip4_header ip;
    struct tcp_header tcp;
    ASSERT(eth_header_read(in, &eth) == ERR_OK);
    if (eth.type != ETH_TYPE_IP4)
        return;
    struct span packet = span_after(in, ETH_HEADER_LEN);
    ASSERT(ip4_header_read(packet, &ip) == ERR_OK && ip.total_len == packet.len);
    struct span segment = span_after(packet, ip.header_len);
    uint64_t sum = checksum_pseudo(ours, theirs, IP_PROTOCOL_TCP, (uint16_t)segment.len);
    ASSERT(checksum_right(checksum_add(sum, segment)));
    ASSERT(tcp_header_read(segment, &tcp) == ERR_OK);
    if ((tcp.flags & TCP_SYN) != 0)
        fuzz->our_isn = tcp.seq;
    struct span text = span_after(segment, tcp.header_len);
    for (size_t i = 0; i < text.len; i++)
        ASSERT(text.bytes[i] == octet_at(tcp.seq - fuzz->our_isn - 1 + (uint32_t)i));
    uint32_t end = tcp.seq + (uint32_t)text.len + ((tcp.flags & (TCP_SYN | TCP_FIN)) != 0);
    if ((int32_t)(end - fuzz->our_seq) > 0 || (tcp.flags & TCP_SYN) != 0)
        fuzz->our_seq = end;
    if ((tcp.flags & TCP_ACK) != 0)
        fuzz->our_ack = tcp.ack;
    if (tcp.has_ts)
        fuzz->our_ts = tcp.ts_value;
}

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    struct fuzz *fuzz = ctx;
    fuzz->conn = conn;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct fuzz *fuzz = ctx;
    for (size_t i = 0; i < in.len; i++)
        ASSERT(in.bytes[i] == octet_at(fuzz->received + (uint32_t)i));
    size_t taken = in.len < fuzz->take_max ? in.len : fuzz->take_max;
    fuzz->received += (uint32_t)taken;
    if (fuzz->take_max % 2 != 0)
        tcp_resume(conn, fuzz->now_ns);
    return taken;
}

static void on_nothing(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    struct fuzz *fuzz = ctx;
    (void)conn;
    ASSERT(why == ERR_OK || why == ERR_RESET || why == ERR_TIMEOUT);
    fuzz->conn = NULL;
}

static const struct tcp_app app = { on_opened, on_received, on_nothing, on_nothing, on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    struct fuzz *fuzz = ctx;
    (void)conn;
    bool first = !fuzz->accepted; /* another would have another stream */
    fuzz->accepted = true;
    return first ? ctx : NULL;
}

static void turn(struct fuzz *fuzz)
{
    fuzz_turn(&fuzz->wire, fuzz->net, fuzz->now_ns);
    const char *wrong = tcp_check(fuzz->net);
    if (wrong != NULL)
        check_failed(wrong, __FILE__, __LINE__);
}

/* Where the peer is, so that our answers need not wait. */
static void arp_put(struct fuzz *fuzz)
{
    struct arp_packet packet = { .oper = ARP_REQUEST,
                                 .sender_mac = { 2, 1 },
                                 .sender_addr = ip_v4(theirs),
                                 .target_addr = ip_v4(ours) };
    struct eth_header eth = { .src = { 2, 1 }, .type = ETH_TYPE_ARP };
    memcpy(eth.dst, eth_broadcast, ETH_ADDR_LEN);
    uint8_t octets[ETH_HEADER_LEN + ARP_LEN];
    struct writer w = writer_over(octets, sizeof octets);
    eth_header_write(&w, &eth);
    arp_packet_write(&w, &packet);
    ASSERT(w.err == ERR_OK);
    fuzz->wire.in = fuzz_frame(written(&w));
    turn(fuzz);
}

/* A segment with `len` octets of the peer's stream, put in. */
static void segment_put(struct fuzz *fuzz, struct tcp_header *header, uint16_t len)
{
    header->src_port = PEER_PORT;
    header->dst_port = LISTEN_PORT;
    uint8_t octets[TCP_HEADER_LEN + TCP_OPTIONS_MAX + PAYLOAD_MAX];
    struct writer w = writer_over(octets, sizeof octets);
    tcp_header_write(&w, header);
    uint32_t at = header->seq - PEER_ISN - 1 + ((header->flags & TCP_SYN) != 0);
    for (uint32_t i = 0; i < len; i++)
        writer_u8(&w, octet_at(at + i));
    ASSERT(w.err == ERR_OK);
    uint64_t sum = checksum_pseudo(theirs, ours, IP_PROTOCOL_TCP, (uint16_t)writer_len(&w));
    writer_patch(&w, TCP_CHECKSUM_AT, checksum_of(checksum_add(sum, written(&w))), 2);
    fuzz->wire.in = fuzz_frame(written(&w));
    fuzz_wrap4(fuzz->wire.in, IP_PROTOCOL_TCP, ip_v4(theirs), ip_v4(ours));
    turn(fuzz);
}

/* Options by the bits of `how`: timestamps, SACK, window scale. */
static void handshake(struct fuzz *fuzz, uint8_t how)
{
    fuzz->ts_on = (how & 1) != 0;
    struct tcp_header syn = { .seq = PEER_ISN,
                              .flags = TCP_SYN,
                              .window = 20000,
                              .has_mss = true,
                              .mss = (how & 8) != 0 ? 1460 : 200,
                              .has_ts = fuzz->ts_on,
                              .ts_value = fuzz->peer_ts,
                              .sack_permitted = (how & 2) != 0,
                              .has_wscale = (how & 4) != 0,
                              .wscale = 2 };
    segment_put(fuzz, &syn, 0);
    struct tcp_header ack = { .seq = PEER_ISN + 1,
                              .ack = fuzz->our_seq,
                              .flags = TCP_ACK,
                              .window = 20000,
                              .has_ts = fuzz->ts_on,
                              .ts_value = fuzz->peer_ts,
                              .ts_echo = fuzz->our_ts };
    segment_put(fuzz, &ack, 0);
}

/* flags, what else is odd, seq and ack as signed offsets, window, length; then SACK blocks. */
static void segment_step(struct fuzz *fuzz, struct reader *in)
{
    struct tcp_header header = { .flags = reader_u8(in) & 0x3f };
    uint8_t odd = reader_u8(in);
    header.seq = fuzz->our_ack + (uint32_t)(int16_t)reader_u16(in);
    header.ack = fuzz->our_seq + (uint32_t)(int16_t)reader_u16(in);
    header.window = reader_u16(in);
    uint16_t len = reader_u16(in) % (PAYLOAD_MAX + 1);
    header.has_ts = fuzz->ts_on != ((odd & 1) != 0);
    fuzz->peer_ts += (odd & 2) != 0;
    header.ts_value = fuzz->peer_ts - ((odd & 4) != 0 ? 100 : 0);
    header.ts_echo = fuzz->our_ts - ((odd & 8) != 0 ? reader_u8(in) : 0);
    header.sack_count = (uint8_t)((odd >> 4) % (header.has_ts ? 4 : 5));
    if ((header.flags & TCP_SYN) != 0)
        header.sack_count = 0;
    for (uint32_t i = 0; i < header.sack_count; i++) {
        header.sacks[i].left = fuzz->our_seq - reader_u16(in);
        header.sacks[i].right = header.sacks[i].left + reader_u16(in);
    }
    segment_put(fuzz, &header, len);
}

static void send_step(struct fuzz *fuzz, struct reader *in)
{
    uint16_t len = (uint16_t)(reader_u16(in) % CHUNK_LEN + 1);
    struct chunk *chunk = fuzz->conn != NULL ? chunk_take(chunks) : NULL;
    if (chunk == NULL)
        return;
    struct writer w = chunk_writer(chunk);
    for (uint32_t i = 0; i < len; i++)
        writer_u8(&w, octet_at(fuzz->sent + i));
    chunk_commit(chunk, &w);
    enum err err = tcp_send(fuzz->conn, chunk, 0, len, fuzz->now_ns);
    ASSERT(err == ERR_OK || err == ERR_FULL || err == ERR_CLOSED || err == ERR_RANGE);
    chunk_give(chunk);
    if (err == ERR_OK)
        fuzz->sent += len;
    turn(fuzz);
}

static void app_step(struct fuzz *fuzz, enum step what, struct reader *in)
{
    if (fuzz->conn == NULL)
        return;
    if (what == READ) {
        fuzz->take_max = reader_u16(in);
        tcp_resume(fuzz->conn, fuzz->now_ns);
    } else if (what == CLOSE) {
        tcp_close(fuzz->conn, fuzz->now_ns);
    } else {
        tcp_abort(fuzz->conn, fuzz->now_ns);
        fuzz->conn = NULL;
    }
    turn(fuzz);
}

static void step(struct fuzz *fuzz, struct reader *in)
{
    uint8_t what = reader_u8(in) % STEP_COUNT;
    if (what == SEGMENT) {
        segment_step(fuzz, in);
    } else if (what == TIME) {
        fuzz->now_ns += reader_u16(in) * 1000000ull;
        turn(fuzz);
    } else if (what == SEND) {
        send_step(fuzz, in);
    } else {
        app_step(fuzz, (enum step)what, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = { "" };
    struct reader r = reader_over(span_of(data, size));
    uint8_t how = reader_u8(&r);
    struct fuzz fuzz = { .now_ns = 1000000000, .peer_ts = 0xffffff00u, .take_max = UINT16_MAX };
    fuzzed_port_open(&fuzz.wire, look);
    if (chunks == NULL)
        chunks = chunk_pool_create(CHUNKS, CHUNK_LEN, SOCKET_ID_ANY);
    ASSERT(chunks != NULL);
    const struct net_config config = { .addr4 = ours,
                                       .prefix4 = 24,
                                       .seed = { 1, 2 },
                                       .numa_node = SOCKET_ID_ANY,
                                       .conn_cap = 3,
                                       .half_open_cap = 1,
                                       .held_cap = 64,
                                       .sack_range_cap = 16,
                                       .neighbour_cap = 8,
                                       .congestion = (how & 16) != 0 ? TCP_NEWRENO : TCP_CUBIC,
                                       .keep_alive_ms = (how & 32) != 0 ? 5000 : 0,
                                       .idle_ms = (how & 64) != 0 ? 60000 : 0,
                                       .recv_len_max = 30000,
                                       .send_len_max = 30000 };
    fuzz.net = net_create(&fuzz.wire.port, &config, fuzz.now_ns, &fault);
    ASSERT(fuzz.net != NULL);
    fuzz.net->tcp.ahead_conns_min = 0;
    ASSERT(tcp_listen(fuzz.net, LISTEN_PORT, &app, on_accepted, &fuzz) == ERR_OK);
    arp_put(&fuzz);
    handshake(&fuzz, how);
    ASSERT(fuzz.conn != NULL);
    for (int i = 0; i < STEPS_MAX && reader_more(&r); i++)
        step(&fuzz, &r);
    net_destroy(fuzz.net);
    fuzzed_port_close(&fuzz.wire);
    ASSERT(chunk_pool_free_count(chunks) == CHUNKS);
    return 0;
}
