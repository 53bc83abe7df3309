/* What is left to the port: TCP's checksum, and cutting segments (TSO). The script looks at the
 * frames as a NIC's driver gets them. */
#include "io/net/checksum.h"
#include "io/net/eth.h"
#include "io/net/net.h"
#include "tests/support/tcp_bed.h"

#define LEN 20000u

/* The next frame out, whole, and its TCP header. */
static struct rte_mbuf *frame_out(struct ip4_header *ip, struct tcp_header *header)
{
    struct rte_mbuf *frame;
    assert_int_equal(port_rx(bed->ends[1], &frame, 1), 1);
    struct span packet = span_after(frame_bytes(frame), ETH_HEADER_LEN);
    assert_int_equal(frame->l2_len, ETH_HEADER_LEN);
    assert_int_equal(frame->l3_len, IP4_HEADER_LEN);
    *ip = (struct ip4_header){ 0 };
    struct reader r = reader_over(span_after(packet, 2));
    ip->total_len = reader_u16(&r);
    r = reader_over(span_after(packet, IP4_CHECKSUM_AT));
    ip->id = reader_u16(&r); /* its checksum, as the driver finds it */
    assert_int_equal(tcp_header_read(span_after(packet, IP4_HEADER_LEN), header), ERR_OK);
    assert_int_equal(frame->l4_len, header->header_len);
    return frame;
}

static uint16_t checksum_field(const struct rte_mbuf *frame)
{
    struct reader r = reader_over(
        span_after(frame_bytes(frame), ETH_HEADER_LEN + IP4_HEADER_LEN + TCP_CHECKSUM_AT));
    return reader_u16(&r);
}

static void pattern_say(size_t len)
{
    char text[LEN + 1];
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 23);
    text[len] = '\0';
    assert_int_equal(say(text), ERR_OK);
}

static void a_checksum_is_begun_for_the_port(void **state)
{
    (void)state;
    establish();
    bed->ends[0]->offloads = PORT_TX_TCP_CHECKSUM;
    assert_int_equal(say("abc"), ERR_OK);
    turn();
    struct ip4_header ip;
    struct tcp_header header;
    struct rte_mbuf *frame = frame_out(&ip, &header);
    assert_int_equal(frame->nb_segs, 1);
    assert_true((frame->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM) != 0);
    assert_true((frame->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM)) == 0);
    uint64_t sum =
        checksum_pseudo(ip_addr_v4(OURS), ip_addr_v4(THEIRS), IP_PROTOCOL_TCP, TCP_HEADER_LEN + 3);
    assert_int_equal(checksum_field(frame), checksum_fold(sum));
    frame_give(frame);
}

/* Many segments leave as one frame; the pseudo-header's sum has no length, for each will have its
 * own; sequence numbers and octets are those of the stream. */
static void the_port_cuts_segments(void **state)
{
    (void)state;
    establish();
    ack_in(bed->ack, 60000);
    bed->ends[0]->offloads = PORT_TX_TCP_CHECKSUM | PORT_TX_TCP_SEGMENT;
    pattern_say(4000); /* the initial window of ten segments of 536 octets has room for 5,360 */
    turn();
    struct ip4_header ip;
    struct tcp_header header;
    struct rte_mbuf *frame = frame_out(&ip, &header);
    assert_true(frame->nb_segs > 1);
    assert_int_equal(frame->tso_segsz, 536);
    uint64_t flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM |
                     RTE_MBUF_F_TX_IPV4;
    assert_true((frame->ol_flags & flags) == flags);
    assert_int_equal(ip.id, 0); /* of the IP header's checksum nothing is there */
    uint32_t whole = 4000;      /* the port's last segment is shorter */
    assert_int_equal(header.seq, bed->ack);
    assert_int_equal(ip.total_len, IP4_HEADER_LEN + TCP_HEADER_LEN + whole);
    assert_int_equal(frame->pkt_len, ETH_HEADER_LEN + ip.total_len);
    uint64_t sum = checksum_pseudo(ip_addr_v4(OURS), ip_addr_v4(THEIRS), IP_PROTOCOL_TCP, 0);
    assert_int_equal(checksum_field(frame), checksum_fold(sum));
    uint8_t octets[4000];
    const uint8_t *text =
        rte_pktmbuf_read(frame, ETH_HEADER_LEN + IP4_HEADER_LEN + TCP_HEADER_LEN, whole, octets);
    assert_non_null(text);
    for (uint32_t i = 0; i < whole; i++)
        assert_int_equal(text[i], 'a' + i % 23);
    frame_give(frame);
    nothing_out();
}

/* What is sent again goes a segment at a time. */
static void what_is_lost_is_not_sent_in_a_bunch(void **state)
{
    (void)state;
    establish();
    ack_in(bed->ack, 60000);
    bed->ends[0]->offloads = PORT_TX_TCP_CHECKSUM | PORT_TX_TCP_SEGMENT;
    pattern_say(4000);
    turn();
    struct rte_mbuf *frame;
    while (port_rx(bed->ends[1], &frame, 1) == 1)
        frame_give(frame);
    for (int i = 0; i < 3; i++)
        ack_in(bed->ack, 60000);
    struct ip4_header ip;
    struct tcp_header header;
    frame = frame_out(&ip, &header);
    assert_int_equal(frame->nb_segs, 1);
    assert_int_equal(header.seq, bed->ack);
    assert_int_equal(ip.total_len, IP4_HEADER_LEN + TCP_HEADER_LEN + 536);
    frame_give(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(a_checksum_is_begun_for_the_port),
        SCRIPT(the_port_cuts_segments),
        SCRIPT(what_is_lost_is_not_sent_in_a_bunch),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
