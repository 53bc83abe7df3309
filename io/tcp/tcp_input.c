/* Segments in: RFC 9293 §3.10.7, with the checks of RFC 5961. */
#include "io/net/checksum.h"
#include "io/tcp/tcp_segment.h"

#define ISN_GAP 65536u

/* RFC 5961 §3. True when the connection is over. */
static void in_rst(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    uint32_t seq = segment->header.seq;
    if (seq == conn->rcv_nxt) {
        segment_drop(net, segment, NET_TCP_RESETS_IN);
        tcp_conn_end(conn, ERR_RESET);
        return;
    }
    if (seq_lt(conn->rcv_nxt, seq) && seq_lt(seq, conn->rcv_edge))
        tcp_challenge(conn, now_ns);
    segment_drop(net, segment, NET_TCP_RST_BLIND);
}

/* Sequence numbers the window, or its left edge, allows; a little more lenient than the letter,
 * so that ACKs count while our window is closed, also from a peer that counts its probe's octet as sent. */
static bool acceptable(const struct tcp_conn *conn, const struct tcp_segment *segment)
{
    uint32_t seq = segment->header.seq;
    return seq_le(conn->rcv_nxt, seq + segment->seq_len) && seq_le(seq, conn->rcv_edge + 1);
}

static void window_take(struct tcp_conn *conn, const struct tcp_header *header)
{
    bool newer = seq_lt(conn->snd_wl1, header->seq) ||
                 (conn->snd_wl1 == header->seq && seq_le(conn->snd_wl2, header->ack));
    if (!newer)
        return;
    uint32_t window = (uint32_t)header->window << conn->snd_wscale;
    if (window != conn->snd_wnd)
        tcp_conn_out(conn);
    conn->snd_wnd = window;
    if (window > conn->snd_wnd_max)
        conn->snd_wnd_max = window;
    conn->snd_wl1 = header->seq;
    conn->snd_wl2 = header->ack;
}

/* RFC 5681 §2's five conditions; while we probe a window every answer looks like one. */
static bool is_dup_ack(const struct tcp_conn *conn, const struct tcp_segment *segment,
                       uint32_t window)
{
    return segment->header.ack == conn->snd_una && tcp_outstanding(conn) && segment->seq_len == 0 &&
           window == conn->snd_wnd && window > 0 && !conn->persisting;
}

/* Our FIN was acknowledged. */
static void fin_acked(struct tcp_conn *conn, uint64_t now_ns)
{
    switch ((enum tcp_state)conn->state) {
    case TCP_FIN_WAIT_1:
        tcp_conn_set_state(conn, TCP_FIN_WAIT_2);
        tcp_life_arm(conn, conn->net->config.fin_wait_ms, now_ns);
        return;
    case TCP_CLOSING:
        tcp_conn_time_wait(conn, now_ns);
        return;
    case TCP_LAST_ACK:
        tcp_conn_end(conn, ERR_OK);
        return;
    case TCP_CLOSED:
    case TCP_SYN_SENT:
    case TCP_SYN_RECEIVED:
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_2:
    case TCP_CLOSE_WAIT:
    case TCP_TIME_WAIT:
        return;
    }
}

/* By our clock, once a round trip; by what the peer echoes when that would be ambiguous (RFC 7323
 * §4.1): timestamps have whole milliseconds only. */
static void rtt_take(struct tcp_conn *conn, const struct tcp_header *header, uint64_t now_ns)
{
    if (conn->rtt_timing) {
        if (seq_lt(header->ack, conn->rtt_seq))
            return;
        conn->rtt_timing = false;
        tcp_rtt_sample(conn, now_ns - conn->rtt_ns);
        return;
    }
    uint32_t rtt_ms = tcp_ts_now(conn, now_ns) - header->ts_echo;
    if (conn->ts_ok && header->ts_echo != 0 && rtt_ms <= conn->net->config.rto_ms_max)
        tcp_rtt_sample(conn, rtt_ms * TCP_NS_PER_MS);
}

/* An ACK of something new: releases it, moves timers and windows. May call the application. */
static void ack_advance(struct tcp_conn *conn, const struct tcp_header *header, uint32_t marked,
                        uint64_t now_ns)
{
    uint32_t ack = header->ack;
    uint32_t len = ack - conn->snd_una;
    rtt_take(conn, header, now_ns);
    uint32_t octets = ack - conn->queue.seq;
    bool fin = octets > conn->queue.len;
    tcp_queue_release(&conn->queue, &conn->net->tcp.ref_pool, fin ? conn->queue.len : octets);
    conn->snd_una = ack;
    conn->snd_nxt = seq_max(conn->snd_nxt, ack);
    tcp_recovery_advance(conn, header, len, marked, now_ns);
    conn->progress_ns = now_ns;
    conn->timed_out = false;
    if (conn->persisting)
        conn->backoff = 0;
    if (!tcp_outstanding(conn))
        tcp_retransmit_disarm(conn);
    else /* also after a partial ACK: RFC 6582 §4, slow but steady */
        tcp_retransmit_arm(conn, now_ns);
    tcp_conn_out(conn);
    if (conn->want_room && tcp_send_room(conn) >= conn->net->config.send_len_max / 4) {
        conn->want_room = false;
        conn->app->writable(conn->ctx, conn);
    }
    if (fin)
        fin_acked(conn, now_ns);
}

/* RFC 9293 §3.10.7.4, fifth; RFC 5961 §5. False when the segment is not to be used. */
static bool in_ack(struct tcp_conn *conn, const struct tcp_segment *segment, uint64_t now_ns)
{
    const struct tcp_header *header = &segment->header;
    uint32_t ack = header->ack;
    if (seq_lt(conn->snd_max, ack) || seq_lt(ack, conn->snd_una - conn->snd_wnd_max)) {
        net_count(conn->net, NET_TCP_ACK_BLIND);
        tcp_challenge(conn, now_ns);
        return false;
    }
    if (seq_lt(ack, conn->snd_una))
        return true; /* old, but its octets may be new */
    bool dup = is_dup_ack(conn, segment, (uint32_t)header->window << conn->snd_wscale);
    bool dsack;
    uint32_t marked = tcp_recovery_sacks(conn, header, &dsack);
    window_take(conn, header);
    if (conn->snd_wnd == 0 && !conn->fin_queued)
        conn->progress_ns = now_ns; /* it answers, and may stay closed while anybody is waiting */
    tcp_recovery_tail(conn, header, dsack, dup);
    if (seq_lt(conn->snd_una, ack)) {
        ack_advance(conn, header, marked, now_ns);
    } else if (conn->sack_ok ? marked > 0 : dup) {
        tcp_recovery_dup(conn, marked);
        tcp_conn_out(conn);
    }
    return conn->state != TCP_CLOSED;
}

/* Octets and FIN of a segment whose ACK was good. Takes the frame. */
static void in_text(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    uint32_t seq = segment->header.seq;
    bool open = conn->state == TCP_ESTABLISHED || conn->state == TCP_FIN_WAIT_1 ||
                conn->state == TCP_FIN_WAIT_2;
    if (!open) {
        if (segment->seq_len > 0)
            tcp_ack_at_once(conn); /* a FIN or octets again */
        if (segment->len > 0)
            net_count(conn->net,
                      seq_lt(seq, conn->rcv_nxt) ? NET_TCP_DUPLICATE : NET_TCP_UNEXPECTED);
        frame_give(segment->frame);
        return;
    }
    uint32_t fin_seq = seq + segment->len;
    if (segment_has(segment, TCP_FIN) && !conn->fin_held && seq_le(conn->rcv_nxt, fin_seq) &&
        seq_le(fin_seq, conn->rcv_edge) && !tcp_held_beyond(&conn->held, fin_seq)) {
        conn->fin_held = true;
        conn->fin_seq = fin_seq;
    }
    if (segment_has(segment, TCP_FIN))
        conn->ack_now = true;
    tcp_deliver(conn, segment->frame, seq, now_ns);
}

/* RFC 7323 §3.2 and §5.3 R1, for a connection with timestamps. False when the segment was dropped. */
static bool timestamp_good(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    if (!segment->header.has_ts) {
        segment_drop(conn->net, segment, NET_TCP_NO_TIMESTAMP);
        return false;
    }
    if (tcp_ts_fresh(conn, &segment->header, now_ns))
        return true;
    if (segment->len > 0)
        tcp_ack_at_once(conn);
    else
        tcp_out_of_window_ack(conn, now_ns);
    segment_drop(conn->net, segment, NET_TCP_PAWS);
    return false;
}

/* Whether a segment that is not acceptable, as it stands before what we have, tells of octets of ours that arrived.
 * When both windows have shrunk, each side's ACKs stand at the edge it knows, which the other has passed: were
 * they dropped, neither would ever hear of the other's window again. */
static bool tells_of_more(const struct tcp_conn *conn, const struct tcp_segment *segment)
{
    const struct tcp_header *header = &segment->header;
    return tcp_synchronised(conn) && segment_has(segment, TCP_ACK) &&
           seq_lt(header->seq, conn->rcv_nxt) &&
           conn->rcv_nxt - header->seq <= conn->net->config.recv_len_max &&
           seq_lt(conn->snd_una, header->ack) && seq_le(header->ack, conn->snd_max);
}

/* RFC 9293 §3.10.7.4: an ACK, and nothing of it is used; see above for what is. Takes the frame. */
static void in_unacceptable(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    if (segment->len > 0)
        tcp_ack_at_once(conn);
    else
        tcp_out_of_window_ack(conn, now_ns);
    if (tells_of_more(conn, segment))
        in_ack(conn, segment, now_ns);
    segment_drop(net, segment, NET_TCP_OUT_OF_WINDOW);
}

/* RFC 9293 §3.10.7.4: all states with a peer. */
static void in_synchronised(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    if (segment_has(segment, TCP_RST)) {
        in_rst(conn, segment, now_ns);
        return;
    }
    if (segment_has(segment, TCP_SYN) && !tcp_syn_again(conn, segment, now_ns))
        return;
    if (conn->ts_ok && !timestamp_good(conn, segment, now_ns))
        return;
    if (!acceptable(conn, segment)) {
        in_unacceptable(conn, segment, now_ns);
        return;
    }
    conn->heard_ns = now_ns; /* from here on each has ACK: flags_sound has seen to it */
    conn->keep_tries = 0;
    if (conn->ts_ok && segment->header.has_ts)
        tcp_ts_take(conn, &segment->header, now_ns);
    if (conn->state == TCP_SYN_RECEIVED && !tcp_syn_received_rx(conn, segment, now_ns))
        return;
    if (!in_ack(conn, segment, now_ns)) {
        frame_give(segment->frame);
        return;
    }
    in_text(conn, segment, now_ns);
}

/* By its timestamp when both have one, else by its number (RFC 6191 §2). */
static bool syn_newer(const struct tcp_conn *conn, const struct tcp_header *syn)
{
    if (conn->ts_ok && syn->has_ts && syn->ts_value != conn->ts_recent)
        return seq_lt(conn->ts_recent, syn->ts_value);
    return seq_lt(conn->rcv_nxt, syn->seq);
}

/* The next incarnation of a connection in TIME-WAIT. Its sequence numbers are above all that the last one used (RFC
 * 1122 §4.2.2.13 (a)): faster than 250,000 octets a second, that one may have overtaken the clock of ISNs. */
static void reincarnate(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    const struct tcp_header *header = &segment->header;
    uint32_t hash = conn->hash;
    uint32_t least = conn->snd_max + ISN_GAP;
    net_count(net, NET_TCP_TIME_WAIT_REUSED);
    tcp_conn_forget(conn);
    tcp_open_rx(net, segment, now_ns);
    conn = tcp_conn_find(net, hash, segment->src, header->src_port, header->dst_port);
    if (conn != NULL && seq_lt(conn->iss, least))
        tcp_conn_number(conn, least);
}

/* The peer may not have our last ACK, or may begin anew (RFC 9293 §3.10.7.4, RFC 1122 §4.2.2.13).
 */
static void in_time_wait(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    bool syn = segment_has(segment, TCP_SYN) && !segment_has(segment, TCP_ACK | TCP_RST);
    if (syn && syn_newer(conn, &segment->header) &&
        tcp_listener_find(net, conn->local_port) != NULL) {
        reincarnate(conn, segment, now_ns);
        return;
    }
    if (segment_has(segment, TCP_FIN) && segment->header.seq + segment->len == conn->fin_seq) {
        tcp_ack_at_once(conn);
        tcp_life_arm(conn, net->config.time_wait_ms, now_ns);
    } else if (segment->seq_len > 0) {
        tcp_challenge(conn, now_ns);
    }
    segment_drop(net, segment, NET_TCP_UNEXPECTED); /* RST too (RFC 1337) */
}

/* Sets no state allows. */
static bool flags_sound(uint8_t flags)
{
    if ((flags & TCP_SYN) != 0 && (flags & (TCP_FIN | TCP_RST)) != 0)
        return false;
    return (flags & (TCP_SYN | TCP_RST | TCP_ACK)) != 0;
}

static bool checksum_good(const struct net *net, const struct rte_mbuf *frame, struct ip_addr src)
{
    if ((net->port->offloads & PORT_RX_TCP_CHECKSUM) != 0) {
        uint64_t verdict = frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
        if (verdict == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
            return true;
    }
    uint64_t sum = checksum_pseudo(src, ip_source(net, src), IP_PROTOCOL_TCP, frame->data_len);
    return checksum_right(checksum_add(sum, frame_bytes(frame)));
}

void tcp_rx(struct net *net, struct rte_mbuf *frame, struct ip_addr src, uint64_t now_ns)
{
    struct tcp_segment segment = { .frame = frame, .src = src };
    struct tcp_header *header = &segment.header;
    if (frame->data_len >= TCP_HEADER_LEN && !checksum_good(net, frame, src)) {
        segment_drop(net, &segment, NET_TCP_CHECKSUM);
        return;
    }
    enum err err = tcp_header_read(frame_bytes(frame), header);
    if (err != ERR_OK || header->src_port == 0 || header->dst_port == 0) {
        segment_drop(net, &segment, err == ERR_MALFORMED ? NET_TCP_OPTIONS : NET_TCP_MALFORMED);
        return;
    }
    if (!flags_sound(header->flags)) {
        segment_drop(net, &segment, NET_TCP_FLAGS);
        return;
    }
    frame_strip(frame, header->header_len);
    segment.len = frame->data_len;
    segment.seq_len = segment.len + segment_has(&segment, TCP_SYN) + segment_has(&segment, TCP_FIN);
    uint32_t hash = net->tcp.ahead.known ? net->tcp.ahead.hash
                                         : tcp_hash(net, src, header->src_port, header->dst_port);
    struct tcp_conn *conn = tcp_conn_find(net, hash, src, header->src_port, header->dst_port);
    if (conn == NULL)
        conn = tcp_cookie_rx(net, &segment, now_ns);
    if (conn == NULL)
        tcp_open_rx(net, &segment, now_ns);
    else if (conn->state == TCP_SYN_SENT)
        tcp_syn_sent_rx(conn, &segment, now_ns);
    else if (conn->state == TCP_TIME_WAIT)
        in_time_wait(conn, &segment, now_ns);
    else
        in_synchronised(conn, &segment, now_ns);
}
