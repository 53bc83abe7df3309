/* Segments in: RFC 9293 §3.10.7, with the checks of RFC 5961. */
#include "io/net/checksum.h"
#include "io/tcp/tcp_conn.h"

#define CHALLENGES_PER_S 10u
#define SECOND_NS 1000000000u

/* A segment being looked at; `frame` holds its payload. */
struct segment {
    struct tcp_header header;
    struct rte_mbuf *frame;
    struct ip_addr src;
    uint32_t len;     /* of the payload */
    uint32_t seq_len; /* with SYN and FIN */
};

static bool has(const struct segment *segment, uint8_t flags)
{
    return (segment->header.flags & flags) != 0;
}

static void drop(struct net *net, struct segment *segment, enum net_counter which)
{
    net_drop(net, segment->frame, which);
}

static void ack_at_once(struct tcp_conn *conn)
{
    conn->ack_now = true;
    tcp_conn_out(conn);
}

/* An ACK that a stranger may have provoked: few a second (RFC 5961 §7). */
static void challenge(struct tcp_conn *conn, uint64_t now_ns)
{
    uint16_t second = (uint16_t)(now_ns / SECOND_NS);
    if (conn->challenge_second != second)
        conn->challenges = 0;
    conn->challenge_second = second;
    if (conn->challenges >= CHALLENGES_PER_S) {
        net_count(conn->net, NET_TCP_THROTTLED);
        return;
    }
    conn->challenges++;
    net_count(conn->net, NET_TCP_CHALLENGES);
    ack_at_once(conn);
}

/* What the peer's SYN says. */
static void syn_take(struct tcp_conn *conn, const struct tcp_header *header, uint64_t now_ns)
{
    uint32_t mss = header->has_mss ? header->mss : TCP_MSS_DEFAULT;
    uint32_t overhead = ip_overhead(conn->peer_addr) + TCP_HEADER_LEN;
    uint32_t mss_max = conn->net->config.mtu - overhead;
    mss = mss < TCP_SEND_MSS_MIN ? TCP_SEND_MSS_MIN : mss;
    conn->mss_peer = (uint16_t)(mss > mss_max ? mss_max : mss);
    tcp_mss_settle(conn, now_ns);
    conn->wscale_agreed = header->has_wscale;
    conn->snd_wscale = header->wscale > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : header->wscale;
    if (!conn->wscale_agreed) {
        conn->snd_wscale = 0;
        conn->rcv_wscale = 0;
    }
    conn->irs = header->seq;
    conn->rcv_nxt = header->seq + 1;
    conn->rcv_read = conn->rcv_nxt;
    conn->rcv_edge = conn->rcv_nxt;
    conn->snd_wnd = header->window; /* never scaled in a SYN */
    conn->snd_wnd_max = header->window;
    conn->snd_wl1 = header->seq;
    conn->snd_wl2 = header->ack;
}

/* A SYN for a listener. */
static void syn_accept(struct net *net, const struct segment *segment, uint64_t now_ns)
{
    if (net->tcp.half_open_count >= net->config.half_open_cap) {
        net_count(net, NET_TCP_HALF_OPEN_FULL);
        return;
    }
    const struct tcp_header *header = &segment->header;
    struct tcp_conn *conn =
        tcp_conn_take(net, segment->src, header->src_port, header->dst_port, now_ns);
    if (conn == NULL)
        return;
    conn->passive = true;
    tcp_conn_begin(conn, now_ns);
    syn_take(conn, header, now_ns);
    tcp_conn_set_state(conn, TCP_SYN_RECEIVED);
}

static void no_conn(struct net *net, struct segment *segment, uint64_t now_ns)
{
    if (has(segment, TCP_RST)) {
        drop(net, segment, NET_TCP_UNEXPECTED);
        return;
    }
    if (has(segment, TCP_SYN) && !has(segment, TCP_ACK) &&
        tcp_listener_find(net, segment->header.dst_port) != NULL) {
        syn_accept(net, segment, now_ns);
        frame_give(segment->frame); /* octets in a SYN will be sent again */
        return;
    }
    tcp_refuse(net, segment->src, &segment->header, segment->seq_len, now_ns);
    drop(net, segment, NET_TCP_NO_CONN);
}

/* Our SYN is acknowledged. Calls the application, which may abort. */
static void establish(struct tcp_conn *conn, uint64_t now_ns)
{
    struct net *net = conn->net;
    conn->snd_una = conn->iss + 1;
    conn->snd_nxt = conn->snd_una;
    conn->backoff = 0;
    conn->progress_ns = now_ns;
    if (conn->syn_resent)
        conn->rto_ms = TCP_RTO_MS_AFTER_SYN;
    else if (conn->rtt_timing)
        tcp_rtt_sample(conn, now_ns - conn->rtt_ns);
    conn->rtt_timing = false;
    tcp_cc_init(conn);
    tcp_retransmit_disarm(conn);
    tcp_keep_alive_arm(conn, now_ns);
    tcp_conn_set_state(conn, conn->fin_queued ? TCP_FIN_WAIT_1 : TCP_ESTABLISHED);
    tcp_conn_out(conn);
    if (conn->passive) {
        const struct tcp_listener *listener = tcp_listener_find(net, conn->local_port);
        void *ctx = listener != NULL ? listener->accepted(listener->ctx, conn) : NULL;
        if (conn->state == TCP_CLOSED)
            return;
        if (ctx == NULL) {
            net_count(net, NET_TCP_REFUSED);
            tcp_abort(conn, now_ns);
            return;
        }
        conn->ctx = ctx;
        conn->app = listener->app;
        net_count(net, NET_TCP_ACCEPTS);
    }
    conn->app->opened(conn->ctx, conn);
}

/* RFC 9293 §3.10.7.3. */
static void in_syn_sent(struct tcp_conn *conn, struct segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    const struct tcp_header *header = &segment->header;
    bool ack_good = seq_lt(conn->iss, header->ack) && seq_le(header->ack, conn->snd_max);
    if (has(segment, TCP_ACK) && !ack_good) {
        if (!has(segment, TCP_RST))
            tcp_refuse(net, segment->src, header, segment->seq_len, now_ns);
        drop(net, segment, NET_TCP_ACK_BLIND);
        return;
    }
    if (has(segment, TCP_RST)) {
        if (has(segment, TCP_ACK))
            tcp_conn_end(conn, ERR_REFUSED);
        drop(net, segment, has(segment, TCP_ACK) ? NET_TCP_RESETS_IN : NET_TCP_RST_BLIND);
        return;
    }
    if (!has(segment, TCP_SYN)) {
        drop(net, segment, NET_TCP_UNEXPECTED);
        return;
    }
    syn_take(conn, header, now_ns);
    conn->heard_ns = now_ns;
    ack_at_once(conn);
    frame_give(segment->frame); /* octets in a SYN will be sent again */
    if (has(segment, TCP_ACK)) {
        establish(conn, now_ns);
        return;
    }
    conn->snd_nxt = conn->iss; /* simultaneous open: now a SYN|ACK */
    tcp_conn_set_state(conn, TCP_SYN_RECEIVED);
}

/* RFC 5961 §3. True when the connection is over. */
static void in_rst(struct tcp_conn *conn, struct segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    uint32_t seq = segment->header.seq;
    if (seq == conn->rcv_nxt) {
        drop(net, segment, NET_TCP_RESETS_IN);
        tcp_conn_end(conn, ERR_RESET);
        return;
    }
    if (seq_lt(conn->rcv_nxt, seq) && seq_lt(seq, conn->rcv_edge))
        challenge(conn, now_ns);
    drop(net, segment, NET_TCP_RST_BLIND);
}

/* Sequence numbers the window, or its left edge, allows; a little more lenient than the letter,
 * so that ACKs count while our window is closed, also from a peer that counts its probe's octet as sent. */
static bool acceptable(const struct tcp_conn *conn, const struct segment *segment)
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
static bool is_dup_ack(const struct tcp_conn *conn, const struct segment *segment, uint32_t window)
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

/* An ACK of something new: releases it, moves timers and windows. May call the application. */
static void ack_advance(struct tcp_conn *conn, uint32_t ack, uint64_t now_ns)
{
    if (conn->rtt_timing && seq_le(conn->rtt_seq, ack)) {
        conn->rtt_timing = false;
        tcp_rtt_sample(conn, now_ns - conn->rtt_ns);
    }
    tcp_cc_acked(conn, ack, ack - conn->snd_una);
    uint32_t octets = ack - conn->queue.seq;
    bool fin = octets > conn->queue.len;
    tcp_queue_release(&conn->queue, &conn->net->tcp.ref_pool, fin ? conn->queue.len : octets);
    conn->snd_una = ack;
    conn->snd_nxt = seq_max(conn->snd_nxt, ack);
    conn->progress_ns = now_ns;
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
static bool in_ack(struct tcp_conn *conn, const struct segment *segment, uint64_t now_ns)
{
    const struct tcp_header *header = &segment->header;
    uint32_t ack = header->ack;
    if (seq_lt(conn->snd_max, ack) || seq_lt(ack, conn->snd_una - conn->snd_wnd_max)) {
        net_count(conn->net, NET_TCP_ACK_BLIND);
        challenge(conn, now_ns);
        return false;
    }
    if (seq_lt(ack, conn->snd_una))
        return true; /* old, but its octets may be new */
    bool dup = is_dup_ack(conn, segment, (uint32_t)header->window << conn->snd_wscale);
    window_take(conn, header);
    if (conn->snd_wnd == 0)
        conn->progress_ns = now_ns; /* it answers, and may stay closed as long as it likes */
    if (seq_lt(conn->snd_una, ack)) {
        ack_advance(conn, ack, now_ns);
    } else if (dup) {
        tcp_cc_dup_ack(conn);
        tcp_conn_out(conn);
    }
    return conn->state != TCP_CLOSED;
}

/* Octets and FIN of a segment whose ACK was good. Takes the frame. */
static void in_text(struct tcp_conn *conn, struct segment *segment, uint64_t now_ns)
{
    uint32_t seq = segment->header.seq;
    bool open = conn->state == TCP_ESTABLISHED || conn->state == TCP_FIN_WAIT_1 ||
                conn->state == TCP_FIN_WAIT_2;
    if (!open) {
        if (segment->seq_len > 0)
            ack_at_once(conn); /* a FIN or octets again */
        frame_give(segment->frame);
        return;
    }
    uint32_t fin_seq = seq + segment->len;
    if (has(segment, TCP_FIN) && !conn->fin_held && seq_le(conn->rcv_nxt, fin_seq) &&
        seq_le(fin_seq, conn->rcv_edge)) {
        conn->fin_held = true;
        conn->fin_seq = fin_seq;
    }
    if (has(segment, TCP_FIN))
        conn->ack_now = true;
    tcp_deliver(conn, segment->frame, seq, now_ns);
}

/* A SYN where none belongs. True when the segment goes on as something else. */
static bool in_syn(struct tcp_conn *conn, struct segment *segment, uint64_t now_ns)
{
    if (conn->state == TCP_SYN_RECEIVED && segment->header.seq == conn->irs) {
        if (has(segment, TCP_ACK)) { /* of a simultaneous open: its ACK counts */
            segment->header.flags &= (uint8_t)~TCP_SYN;
            segment->header.seq++;
            segment->seq_len--;
            return true;
        }
        conn->snd_nxt = conn->iss; /* our SYN|ACK was lost */
        tcp_conn_out(conn);
        drop(conn->net, segment, NET_TCP_DUPLICATE);
        return false;
    }
    challenge(conn, now_ns); /* RFC 5961 §4 */
    drop(conn->net, segment, NET_TCP_SYN_BLIND);
    return false;
}

/* The handshake's last ACK. True when the segment's text may be looked at. */
static bool in_syn_received(struct tcp_conn *conn, struct segment *segment, uint64_t now_ns)
{
    const struct tcp_header *header = &segment->header;
    if (!seq_lt(conn->snd_una, header->ack) || seq_lt(conn->snd_max, header->ack)) {
        tcp_refuse(conn->net, segment->src, header, segment->seq_len, now_ns);
        drop(conn->net, segment, NET_TCP_ACK_BLIND);
        return false;
    }
    establish(conn, now_ns);
    if (conn->state != TCP_CLOSED)
        return true;
    frame_give(segment->frame);
    return false;
}

/* RFC 9293 §3.10.7.4: all states with a peer. */
static void in_synchronised(struct tcp_conn *conn, struct segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    if (has(segment, TCP_RST)) {
        in_rst(conn, segment, now_ns);
        return;
    }
    if (has(segment, TCP_SYN) && !in_syn(conn, segment, now_ns))
        return;
    if (!acceptable(conn, segment)) {
        if (segment->len > 0)
            ack_at_once(conn);
        else
            challenge(conn, now_ns);
        drop(net, segment, NET_TCP_OUT_OF_WINDOW);
        return;
    }
    if (!has(segment, TCP_ACK)) {
        drop(net, segment, NET_TCP_NO_ACK);
        return;
    }
    conn->heard_ns = now_ns;
    if (conn->state == TCP_SYN_RECEIVED && !in_syn_received(conn, segment, now_ns))
        return;
    if (!in_ack(conn, segment, now_ns)) {
        frame_give(segment->frame);
        return;
    }
    in_text(conn, segment, now_ns);
}

/* The peer may not have our last ACK, or may begin anew (RFC 9293 §3.10.7.4, RFC 1122 §4.2.2.13).
 */
static void in_time_wait(struct tcp_conn *conn, struct segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    bool syn = has(segment, TCP_SYN) && !has(segment, TCP_ACK | TCP_RST);
    if (syn && seq_lt(conn->rcv_nxt, segment->header.seq) &&
        tcp_listener_find(net, conn->local_port) != NULL) {
        net_count(net, NET_TCP_TIME_WAIT_REUSED);
        tcp_conn_forget(conn);
        no_conn(net, segment, now_ns);
        return;
    }
    if (has(segment, TCP_FIN) && segment->header.seq + segment->len == conn->fin_seq) {
        ack_at_once(conn);
        tcp_life_arm(conn, net->config.time_wait_ms, now_ns);
    } else if (segment->seq_len > 0) {
        challenge(conn, now_ns);
    }
    drop(net, segment, NET_TCP_UNEXPECTED); /* RST too (RFC 1337) */
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
    struct segment segment = { .frame = frame, .src = src };
    struct tcp_header *header = &segment.header;
    if (frame->data_len >= TCP_HEADER_LEN && !checksum_good(net, frame, src)) {
        drop(net, &segment, NET_TCP_CHECKSUM);
        return;
    }
    enum err err = tcp_header_read(frame_bytes(frame), header);
    if (err != ERR_OK || header->src_port == 0 || header->dst_port == 0) {
        drop(net, &segment, err == ERR_MALFORMED ? NET_TCP_OPTIONS : NET_TCP_MALFORMED);
        return;
    }
    if (!flags_sound(header->flags)) {
        drop(net, &segment, NET_TCP_FLAGS);
        return;
    }
    frame_strip(frame, header->header_len);
    segment.len = frame->data_len;
    segment.seq_len = segment.len + has(&segment, TCP_SYN) + has(&segment, TCP_FIN);
    uint32_t hash = tcp_hash(net, src, header->src_port, header->dst_port);
    struct tcp_conn *conn = tcp_conn_find(net, hash, src, header->src_port, header->dst_port);
    if (conn == NULL)
        no_conn(net, &segment, now_ns);
    else if (conn->state == TCP_SYN_SENT)
        in_syn_sent(conn, &segment, now_ns);
    else if (conn->state == TCP_TIME_WAIT)
        in_time_wait(conn, &segment, now_ns);
    else
        in_synchronised(conn, &segment, now_ns);
}
