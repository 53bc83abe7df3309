/* The script's side of the bed. */
#include "tests/support/tcp_bed.h"

#include "io/net/arp.h"
#include "io/net/checksum.h"
#include "io/net/eth.h"
#include "io/port_mem.h"
#include "io/tcp/tcp_check.h"
#include "tests/support/alloc_trap.h"

#include <stdlib.h>

#define FRAMES 512

static const uint8_t peer_mac[ETH_ADDR_LEN] = { 2, 0, 0, 0, 0, 2 };
static struct rte_mempool *frames;

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    bed->conn = conn;
    bed->opened++;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    (void)ctx;
    (void)conn;
    size_t take = in.len < bed->take_max ? in.len : bed->take_max;
    assert_true(bed->got_len + take <= sizeof bed->got);
    memcpy(bed->got + bed->got_len, in.bytes, take);
    bed->got_len += take;
    return take;
}

static void on_writable(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
    bed->writable++;
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
    bed->peer_closed++;
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    (void)ctx;
    (void)conn;
    bed->closed++;
    bed->why = why;
    bed->conn = NULL;
}

const struct tcp_app bed_app = { on_opened, on_received, on_writable, on_peer_closed, on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    bed->conn = conn;
    return bed->refuse ? NULL : bed;
}

static void find(void *ctx, const char *layer, const char *reason, uint64_t value)
{
    struct {
        const char *layer, *reason;
        uint64_t value;
        bool found;
    } *wanted = ctx;
    if (strcmp(layer, wanted->layer) != 0 || strcmp(reason, wanted->reason) != 0)
        return;
    wanted->value = value;
    wanted->found = true;
}

struct bed *bed;

uint64_t value_of(const char *layer, const char *reason)
{
    struct {
        const char *layer, *reason;
        uint64_t value;
        bool found;
    } wanted = { layer, reason, 0, false };
    net_counters(bed->net, find, &wanted);
    if (!wanted.found)
        fail_msg("no counter %s.%s", layer, reason);
    return wanted.value;
}

void turn(void)
{
    alloc_trap_arm();
    while (net_rx(bed->net, bed->now_ns) > 0)
        ;
    net_timers(bed->net, bed->now_ns);
    net_flush(bed->net, bed->now_ns);
    alloc_trap_disarm();
    const char *wrong = tcp_check(bed->net);
    if (wrong != NULL)
        fail_msg("not so: %s", wrong);
}

void pass(uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        bed->now_ns += MS;
        turn();
    }
}

/* A frame from the script, IPv4 and Ethernet headers put on. */
void packet_in(struct span payload, uint8_t protocol)
{
    struct rte_mbuf *frame = frame_take(frames);
    assert_non_null(frame);
    struct writer w = frame_append(frame, (uint16_t)payload.len);
    writer_bytes(&w, payload);
    struct ip4_header ip = { .total_len = (uint16_t)(payload.len + IP4_HEADER_LEN),
                             .ttl = 64,
                             .protocol = protocol,
                             .src = bed->from,
                             .dst = OURS };
    w = frame_prepend(frame, IP4_HEADER_LEN);
    ip4_header_write(&w, &ip);
    struct eth_header eth = { .type = ETH_TYPE_IP4 };
    memcpy(eth.src, peer_mac, ETH_ADDR_LEN);
    memcpy(eth.dst, bed->ends[0]->mac, ETH_ADDR_LEN);
    w = frame_prepend(frame, ETH_HEADER_LEN);
    eth_header_write(&w, &eth);
    port_tx(bed->ends[1], &frame, 1);
}

/* A segment whose header is `octets`, checksum put in. */
void raw_in(uint8_t *octets, size_t len)
{
    struct writer w = writer_over(octets + TCP_CHECKSUM_AT, 2);
    writer_u16(&w, 0);
    uint64_t sum =
        checksum_pseudo(ip_addr_v4(bed->from), ip_addr_v4(OURS), IP_PROTOCOL_TCP, (uint16_t)len);
    w = writer_over(octets + TCP_CHECKSUM_AT, 2);
    writer_u16(&w, checksum_of(checksum_add(sum, span_of(octets, len))));
    packet_in(span_of(octets, len), IP_PROTOCOL_TCP);
}

void segment_from(uint16_t port, const struct tcp_header *header, struct span data)
{
    uint8_t octets[2000];
    struct tcp_header full = *header;
    full.src_port = port;
    full.dst_port = full.dst_port != 0 ? full.dst_port : PORT;
    struct writer w = writer_over(octets, sizeof octets);
    tcp_header_write(&w, &full);
    writer_bytes(&w, data);
    assert_int_equal(w.err, ERR_OK);
    raw_in(octets, writer_len(&w));
    turn();
}

void segment_in(uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
    struct tcp_header header = { .seq = seq, .ack = ack, .flags = flags, .window = 8000 };
    segment_from(PEER_PORT, &header, span_text(text));
}

/* The script's station says where it is, as a request for us or an answer to ours. */
static void arp_in(uint16_t oper)
{
    struct rte_mbuf *frame = frame_take(frames);
    assert_non_null(frame);
    struct arp_packet packet = { .oper = oper, .sender_addr = THEIRS, .target_addr = OURS };
    memcpy(packet.sender_mac, peer_mac, ETH_ADDR_LEN);
    struct eth_header eth = { .type = ETH_TYPE_ARP };
    memcpy(eth.src, peer_mac, ETH_ADDR_LEN);
    memcpy(eth.dst, eth_broadcast, ETH_ADDR_LEN);
    struct writer w = frame_append(frame, ETH_HEADER_LEN + ARP_LEN);
    eth_header_write(&w, &eth);
    arp_packet_write(&w, &packet);
    port_tx(bed->ends[1], &frame, 1);
    turn();
}

static void arp_answer(struct span in)
{
    struct arp_packet packet;
    assert_int_equal(arp_packet_read(in, &packet), ERR_OK);
    if (packet.oper == ARP_REQUEST && packet.target_addr == THEIRS)
        arp_in(ARP_REPLY);
}

/* The next TCP segment that came out; ARP is answered on the way. False when there is none. */
bool segment_out(struct tcp_header *header, struct span *data)
{
    static uint8_t kept[2000];
    struct rte_mbuf *frame;
    while (port_rx(bed->ends[1], &frame, 1) == 1) {
        struct eth_header eth;
        assert_int_equal(eth_header_read(frame_bytes(frame), &eth), ERR_OK);
        struct span payload = span_after(frame_bytes(frame), ETH_HEADER_LEN);
        if (eth.type == ETH_TYPE_ARP) {
            arp_answer(payload);
            frame_give(frame);
            continue;
        }
        struct ip4_header ip;
        assert_int_equal(ip4_header_read(payload, &ip), ERR_OK);
        payload = span_after(span_first(payload, ip.total_len), ip.header_len);
        uint64_t sum = checksum_pseudo(ip_addr_v4(OURS), ip_addr_v4(ip.dst), IP_PROTOCOL_TCP,
                                       (uint16_t)payload.len);
        assert_true(checksum_right(checksum_add(sum, payload)));
        struct writer w = writer_over(kept, sizeof kept);
        writer_bytes(&w, payload);
        frame_give(frame);
        assert_int_equal(tcp_header_read(written(&w), header), ERR_OK);
        *data = span_after(written(&w), header->header_len);
        return true;
    }
    return false;
}

void nothing_out(void)
{
    struct tcp_header header;
    struct span data;
    if (segment_out(&header, &data))
        fail_msg("unexpected segment: flags %02x seq %u ack %u len %zu", header.flags, header.seq,
                 header.ack, data.len);
}

/* The next segment out has these flags, numbers and text. */
struct tcp_header expect(uint8_t flags, uint32_t seq, uint32_t ack, const char *text)
{
    struct tcp_header header;
    struct span data;
    if (!segment_out(&header, &data))
        fail_msg("nothing came out, wanted flags %02x", flags);
    assert_int_equal(header.flags & (uint8_t)~TCP_PSH, flags);
    assert_int_equal(header.seq, seq);
    if ((flags & TCP_ACK) != 0)
        assert_int_equal(header.ack, ack);
    check_bytes("data", data, span_text(text));
    return header;
}

void expect_ack(void)
{
    expect(TCP_ACK, bed->ack, bed->seq, "");
    nothing_out();
}

int bed_open_with(void **state, const struct net_config *given)
{
    struct fault fault = { "" };
    alloc_trap_system_calls();
    if (frames == NULL)
        frames = frame_pool_create("script", FRAMES, SOCKET_ID_ANY, &fault);
    assert_non_null(frames);
    bed = calloc(1, sizeof *bed);
    assert_non_null(bed);
    *state = bed;
    bed->now_ns = 1000 * MS;
    bed->take_max = SIZE_MAX;
    bed->from = THEIRS;
    struct port_mem_config port = { .frames = { frames, frames }, .depth = 256 };
    assert_true(port_mem_open(&port, bed->ends, &fault));
    struct net_config config = *given;
    config.addr4 = ip_addr_v4(OURS);
    config.prefix4 = 24;
    config.seed[0] = 1;
    config.seed[1] = 2;
    config.numa_node = SOCKET_ID_ANY;
    bed->net = net_create(bed->ends[0], &config, bed->now_ns, &fault);
    assert_non_null(bed->net);
    bed->chunks = chunk_pool_create(8, 16384, SOCKET_ID_ANY);
    assert_non_null(bed->chunks);
    assert_int_equal(tcp_listen(bed->net, PORT, &bed_app, on_accepted, bed), ERR_OK);
    assert_int_equal(tcp_listen(bed->net, PORT, &bed_app, on_accepted, bed), ERR_DUPLICATE);
    arp_in(ARP_REQUEST); /* so that our answers need not wait */
    nothing_out();
    return 0;
}

int bed_open(void **state)
{
    const struct net_config config = { .conn_cap = 4, .recv_len_max = 20000 };
    return bed_open_with(state, &config);
}

int bed_close(void **state)
{
    (void)state;
    net_destroy(bed->net);
    assert_int_equal(chunk_pool_free_count(bed->chunks), 8);
    chunk_pool_destroy(bed->chunks);
    port_close(bed->ends[0]);
    port_close(bed->ends[1]);
    assert_int_equal(rte_mempool_avail_count(frames), FRAMES);
    free(bed);
    bed = NULL;
    return 0;
}

/* A connection from the script's side, established. */
void establish(void)
{
    segment_in(TCP_SYN, PEER_ISN, 0, "");
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    assert_int_equal(header.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(header.ack, PEER_ISN + 1);
    assert_int_equal(header.mss, 1460);
    assert_false(header.has_wscale); /* not offered, not answered (RFC 7323 §2.2) */
    bed->seq = PEER_ISN + 1;
    bed->ack = header.seq + 1;
    assert_int_equal(bed->opened, 0);
    segment_in(TCP_ACK, bed->seq, bed->ack, "");
    assert_int_equal(bed->opened, 1);
    nothing_out();
}

void data_in(const char *text)
{
    segment_in(TCP_ACK | TCP_PSH, bed->seq, bed->ack, text);
    bed->seq += (uint32_t)strlen(text);
}

enum err say(const char *text)
{
    struct chunk *chunk = chunk_take(bed->chunks);
    assert_non_null(chunk);
    struct writer w = chunk_writer(chunk);
    writer_bytes(&w, span_text(text));
    chunk_commit(chunk, &w);
    alloc_trap_arm();
    enum err err = tcp_send(bed->conn, chunk, 0, chunk->len, bed->now_ns);
    alloc_trap_disarm();
    chunk_give(chunk);
    return err;
}

void got(const char *text)
{
    check_bytes("received", span_of(bed->got, bed->got_len), span_text(text));
}

void ack_in(uint32_t ack, uint16_t window)
{
    struct tcp_header header = { .seq = bed->seq, .ack = ack, .flags = TCP_ACK, .window = window };
    segment_from(PEER_PORT, &header, span_text(""));
}

void big_say(size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    assert_int_equal(say(text), ERR_OK);
    free(text);
}
