/* Segments out: made at the flush, from references to chunks, as few as hold what is due. */
#include "io/net/checksum.h"
#include "io/net/eth.h"
#include "io/tcp/tcp_conn.h"

#define RST_PER_S 1000u
#define CUT_OCTETS_MAX (UINT16_MAX - 128u) /* with headers of any kind, what an IP length holds */
#define NO_FRAME_RETRY_NS TCP_NS_PER_MS
#define BEGIN_AT_ONCE 256u

/* Octets from rcv_nxt on that the peer may send. The right edge never moves left (RFC 9293
 * SHLD-14), and moves right in steps worth a segment (§3.8.6.2.2). */
uint32_t tcp_window(const struct tcp_conn *conn)
{
    const struct net_config *config = &conn->net->config;
    uint32_t unread = conn->rcv_nxt - conn->rcv_read;
    uint32_t room = unread < config->recv_len_max ? config->recv_len_max - unread : 0;
    uint32_t offered = seq_lt(conn->rcv_nxt, conn->rcv_edge) ? conn->rcv_edge - conn->rcv_nxt : 0;
    uint32_t step = min_u32(config->recv_len_max / 2, conn->mss);
    return room < offered + step ? offered : room;
}

/* The window field, rounded up so that the edge does not move left by rounding; but down where it
 * would move right beyond what we have room for, as it otherwise could for each few octets, as far
 * as the peer likes (RFC 7323 §2.4: senders bear that). Sets the edge. */
static uint16_t window_field(struct tcp_conn *conn, bool syn)
{
    uint8_t scale = syn ? 0 : conn->rcv_wscale;
    uint32_t window = tcp_window(conn);
    uint32_t unread = conn->rcv_nxt - conn->rcv_read;
    uint32_t field = (window + (1u << scale) - 1) >> scale;
    if (unread + (field << scale) > conn->net->config.recv_len_max)
        field = window >> scale;
    field = min_u32(field, UINT16_MAX);
    conn->rcv_edge = seq_max(conn->rcv_edge, conn->rcv_nxt + (field << scale));
    return (uint16_t)field;
}

/* Fills the checksum in, or leaves the pseudo-header's sum for the port to go on with: without a
 * length when it is to cut segments of `mss` octets off. */
static void checksum_fill(struct net *net, struct rte_mbuf *frame, struct ip_addr dst,
                          uint8_t header_len, uint32_t mss)
{
    bool cut = frame->nb_segs > 1;
    uint16_t len = cut ? 0 : frame->data_len;
    uint64_t sum = checksum_pseudo(ip_source(net, dst), dst, IP_PROTOCOL_TCP, len);
    uint16_t field;
    if (cut) {
        uint64_t ip = ip_is_v4(dst) ? RTE_MBUF_F_TX_IP_CKSUM : 0;
        net_offload(net, frame, dst, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG | ip,
                    header_len);
        frame->tso_segsz = (uint16_t)mss;
        field = checksum_fold(sum);
    } else if ((net->port->offloads & PORT_TX_TCP_CHECKSUM) != 0) {
        net_offload(net, frame, dst, RTE_MBUF_F_TX_TCP_CKSUM, header_len);
        field = checksum_fold(sum);
    } else {
        field = checksum_of(checksum_add(sum, frame_bytes(frame)));
    }
    struct writer w =
        writer_over(rte_pktmbuf_mtod_offset(frame, uint8_t *, TCP_CHECKSUM_AT), sizeof field);
    writer_u16(&w, field);
}

/* Sends a frame that holds the payload. */
static void header_send(struct net *net, struct rte_mbuf *frame, const struct tcp_header *header,
                        struct ip_addr dst, uint32_t mss, uint64_t now_ns)
{
    uint8_t header_len = tcp_header_len(header);
    struct writer w = frame_prepend(frame, header_len);
    tcp_header_write(&w, header);
    checksum_fill(net, frame, dst, header_len, mss);
    ip_send(net, frame, IP_PROTOCOL_TCP, dst, now_ns);
}

static struct tcp_header header_of(struct tcp_conn *conn, uint32_t seq, uint8_t flags,
                                   uint64_t now_ns)
{
    struct tcp_header header = {
        .src_port = conn->local_port, .dst_port = conn->peer_port, .seq = seq, .flags = flags
    };
    tcp_options_put(conn, &header, now_ns);
    if ((flags & TCP_ACK) != 0) {
        header.ack = conn->rcv_nxt;
        header.window = window_field(conn, (flags & TCP_SYN) != 0);
        conn->rcv_acked = conn->rcv_nxt;
        conn->ack_now = false;
        conn->unacked_len = 0;
        wheel_disarm(&conn->net->wheel, &conn->ack_timer);
    } else {
        header.window = tcp_first_window(conn->net);
    }
    return header;
}

/* Queued octets into as many buffers as it takes. False when there were not enough. */
static bool payload_fill(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t seq, uint32_t len)
{
    while (len > 0) {
        uint32_t room = rte_pktmbuf_tailroom(rte_pktmbuf_lastseg(frame));
        if (room == 0) {
            struct rte_mbuf *more = net_frame_take(conn->net);
            if (more == NULL)
                return false;
            ASSERT(rte_pktmbuf_chain(frame, more) == 0);
            continue;
        }
        uint32_t part = min_u32(len, room);
        struct writer w = frame_append(frame, (uint16_t)part);
        tcp_queue_copy(&conn->queue, seq, part, &w);
        ASSERT(w.err == ERR_OK);
        seq += part;
        len -= part;
    }
    return true;
}

/* One segment, or as many as the port cuts, with `len` queued octets from `seq` on. False when there was no frame for it: then a
 * timer looks at the connection again. */
static bool segment_send(struct tcp_conn *conn, uint32_t seq, uint32_t len, uint8_t flags,
                         uint64_t now_ns)
{
    struct net *net = conn->net;
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame == NULL) {
        wheel_arm(&net->wheel, &conn->ack_timer, now_ns + NO_FRAME_RETRY_NS);
        return false;
    }
    uint32_t mss = tcp_options_mss(conn);
    if (!payload_fill(conn, frame, seq, len)) {
        frame_give(frame);
        wheel_arm(&net->wheel, &conn->ack_timer, now_ns + NO_FRAME_RETRY_NS);
        return false;
    }
    struct tcp_header header = header_of(conn, seq, flags, now_ns);
    header_send(net, frame, &header, conn->peer_addr, mss, now_ns);
    uint32_t seq_len = len + ((flags & (TCP_SYN | TCP_FIN)) != 0);
    if (seq_len == 0)
        return true;

    if (conn->loss == TCP_LOSS_FAST)
        conn->prr.out += seq_len;
    bool again = seq_lt(seq, conn->snd_max);
    if (again) {
        net_count(net, NET_TCP_RETRANSMITS);
        conn->rtt_timing = false; /* Karn: its acknowledgment would be ambiguous */
    } else if (!conn->rtt_timing) {
        conn->rtt_timing = true;
        conn->rtt_seq = seq + seq_len;
        conn->rtt_ns = now_ns;
    }
    conn->snd_max = seq_max(conn->snd_max, seq + seq_len);
    conn->sent_ns = now_ns;
    if (len > 0 && !again)
        conn->used_ns = now_ns;
    return true;
}

/* Whether to send `len` octets now, or wait for more window (RFC 9293 §3.8.6.2.1, without Nagle).
 */
static bool worth_sending(const struct tcp_conn *conn, uint32_t len, uint32_t queued)
{
    return len > 0 &&
           (len >= tcp_options_mss(conn) || len == queued || len >= conn->snd_wnd_max / 2 ||
            seq_lt(conn->snd_nxt, conn->snd_max) || conn->probe);
}

static bool fin_due(const struct tcp_conn *conn, uint32_t at)
{
    return conn->fin_queued && at == tcp_fin_at(conn);
}

/* Where a segment without octets stands: what was sent, but not beyond the peer's window, where a probe's
 * octet may be. There the peer would refuse the ACK with the segment, and two closed windows that wait for
 * each other's ACKs would stay closed. */
static uint32_t empty_seq(const struct tcp_conn *conn)
{
    uint32_t edge = conn->snd_una + conn->snd_wnd;
    return seq_lt(edge, conn->snd_max) ? edge : conn->snd_max;
}

/* After a time-out, what the peer has told to have meanwhile is not sent anew. Returns the octets
 * before the next of that, at most `mss`. */
static uint32_t marked_skip(struct tcp_conn *conn, uint32_t mss)
{
    if (conn->board.head == NULL || !seq_lt(conn->snd_nxt, conn->snd_max))
        return mss;
    uint32_t end;
    conn->snd_nxt = tcp_board_hole(&conn->board, conn->snd_nxt, conn->snd_max, &end);
    return seq_lt(conn->snd_nxt, end) ? min_u32(mss, end - conn->snd_nxt) : mss;
}

/* Octets that may go to the port in one frame: whole segments, when it cuts them. */
static uint32_t together(const struct tcp_conn *conn, uint32_t mss)
{
    if ((conn->net->port->offloads & PORT_TX_TCP_SEGMENT) == 0 ||
        seq_lt(conn->snd_nxt, conn->snd_max))
        return mss;
    return CUT_OCTETS_MAX - CUT_OCTETS_MAX % mss;
}

/* The next segment from snd_nxt on, `pipe` octets being in the network. False when there is none to
 * send. */
static bool next_send(struct tcp_conn *conn, uint32_t *pipe, uint64_t now_ns)
{
    uint32_t mss = marked_skip(conn, tcp_options_mss(conn));
    uint32_t fin_at = tcp_fin_at(conn);
    if (seq_lt(fin_at, conn->snd_nxt))
        return false; /* the FIN is out */
    uint32_t queued = fin_at - conn->snd_nxt;
    uint32_t flight = conn->snd_nxt - conn->snd_una;
    uint32_t window = conn->snd_wnd > flight ? conn->snd_wnd - flight : 0;
    uint32_t room = min_u32(window, conn->cwnd > *pipe ? conn->cwnd - *pipe : 0);
    uint32_t len = min_u32(queued, room);
    if (len > mss)
        len = min_u32(len < queued ? len - len % mss : len, together(conn, mss));
    if (queued > len && conn->cwnd < *pipe + conn->mss)
        conn->cwnd_limited = true;
    bool fin = fin_due(conn, conn->snd_nxt + len);
    if (!fin && !worth_sending(conn, len, queued))
        return false;
    uint8_t flags = TCP_ACK;
    if (len > 0 && len == queued)
        flags |= TCP_PSH;
    if (fin)
        flags |= TCP_FIN;
    if (!segment_send(conn, conn->snd_nxt, len, flags, now_ns))
        return false;
    conn->snd_nxt += len + fin;
    *pipe += len + fin;
    conn->probe = false;
    if (conn->persisting || !timer_armed(&conn->retransmit_timer)) {
        if (conn->persisting)
            conn->backoff = 0;
        tcp_retransmit_arm(conn, now_ns);
    }
    return true;
}

/* Something sent before, beside the stream. False when there was no frame. */
static bool resend(struct tcp_conn *conn, uint32_t seq, uint32_t len, uint64_t now_ns)
{
    uint32_t data = min_u32(len, tcp_fin_at(conn) - seq);
    uint8_t flags = data < len ? TCP_ACK | TCP_FIN : TCP_ACK;
    return segment_send(conn, seq, data, flags, now_ns);
}

/* NextSeg() of RFC 6675 §4, rule 1: what is lost, as far as the window goes. */
static void lost_resend(struct tcp_conn *conn, uint32_t *pipe, uint64_t now_ns)
{
    uint32_t seq, len;
    while (tcp_recovery_lost(conn, &seq, &len) && *pipe + len <= conn->cwnd &&
           resend(conn, seq, len, now_ns)) {
        net_count(conn->net, NET_TCP_FAST_RETRANSMITS);
        tcp_undo_resent(conn, now_ns);
        conn->sent_end = seq + len;
        *pipe += len;
    }
}

/* Rules 3 and 4: rather than leave the window unused, what may be lost. */
static void spare_resend(struct tcp_conn *conn, uint32_t pipe, uint64_t now_ns)
{
    uint32_t seq, len;
    if (pipe + conn->mss > conn->cwnd || !tcp_recovery_spare(conn, &seq, &len))
        return;
    net_count(conn->net, NET_TCP_FAST_RETRANSMITS);
    tcp_undo_resent(conn, now_ns);
    if (resend(conn, seq, len, now_ns) && !conn->rescued)
        conn->sent_end = seq + len;
}

/* The probe of RFC 8985 §7.3: something new, though the window has no room, or the last segment
 * again. */
static void tail_probe_send(struct tcp_conn *conn, uint64_t now_ns)
{
    conn->tail_probe = false;
    if (!conn->tail_sent || !tcp_outstanding(conn) || seq_lt(conn->snd_nxt, conn->snd_max))
        return;
    uint32_t mss = tcp_options_mss(conn);
    uint32_t pipe = 0;
    uint32_t cwnd = conn->cwnd;
    conn->cwnd = mss; /* for this one */
    conn->tail_again = !next_send(conn, &pipe, now_ns);
    conn->cwnd = cwnd;
    conn->tail_end = conn->snd_nxt;
    net_count(conn->net, NET_TCP_TAIL_PROBES);
    if (!conn->tail_again)
        return;
    uint32_t len = min_u32(mss, conn->snd_nxt - conn->snd_una);
    resend(conn, conn->snd_nxt - len, len, now_ns);
}

/* One octet beyond a closed window, so that the peer says whether it is open again (RFC 9293
 * §3.8.6.1). */
static void window_probe(struct tcp_conn *conn, uint64_t now_ns)
{
    conn->probe = false;
    if (conn->snd_nxt != conn->snd_una || conn->queue.len == 0)
        return;
    net_count(conn->net, NET_TCP_PROBES);
    segment_send(conn, conn->snd_una, 1, TCP_ACK, now_ns);
}

static void stream_send(struct tcp_conn *conn, uint64_t now_ns)
{
    if (conn->mss_lowered)
        tcp_mss_settle(conn, now_ns);
    conn->cwnd_limited = false;
    if (!tcp_outstanding(conn))
        tcp_cc_idle(conn, now_ns);
    uint32_t pipe = tcp_recovery_pipe(conn);
    bool fast = conn->loss == TCP_LOSS_FAST;
    if (fast)
        lost_resend(conn, &pipe, now_ns);
    uint32_t was = pipe;
    while (next_send(conn, &pipe, now_ns))
        ;
    if (fast && pipe == was)
        spare_resend(conn, pipe, now_ns);
    if (pipe > was && !conn->persisting)
        tcp_retransmit_hasten(conn);
    if (conn->tail_probe)
        tail_probe_send(conn, now_ns);
    if (conn->probe)
        window_probe(conn, now_ns);
    bool waiting = conn->snd_nxt == conn->snd_una && conn->queue.len > 0;
    if (waiting && !(conn->persisting && timer_armed(&conn->retransmit_timer)))
        tcp_persist_arm(conn, now_ns);
}

static void conn_output(struct tcp_conn *conn, uint64_t now_ns)
{
    bool begins = conn->state == TCP_SYN_SENT && conn->snd_nxt == conn->iss;
    if (begins && tcp_conn_await_hop(conn, now_ns))
        return;
    switch ((enum tcp_state)conn->state) {
    case TCP_CLOSED:
        tcp_conn_reap(conn);
        return;
    case TCP_SYN_SENT:
    case TCP_SYN_RECEIVED:
        if (conn->snd_nxt == conn->iss) {
            uint8_t flags = conn->state == TCP_SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK;
            if (segment_send(conn, conn->iss, 0, flags, now_ns))
                conn->snd_nxt = conn->iss + 1;
            if (!timer_armed(&conn->retransmit_timer))
                tcp_retransmit_arm(conn, now_ns);
        }
        break;
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_1:
    case TCP_FIN_WAIT_2:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
        stream_send(conn, now_ns);
        break;
    case TCP_TIME_WAIT:
        break;
    }
    if (conn->ack_now && conn->state != TCP_SYN_SENT)
        segment_send(conn, empty_seq(conn), 0, TCP_ACK, now_ns);
}

/* Connections whose next hop has answered, as many as a port takes SYNs of at once. */
static void answered_out(struct net *net)
{
    struct neighbour_waiting *waiting;
    for (uint32_t i = 0; i < BEGIN_AT_ONCE; i++) {
        waiting = neighbour_answered(net);
        if (waiting == NULL)
            return;
        tcp_conn_out(LIST_FIRST(waiting));
    }
}

/* Those that are on the list now; who comes on it meanwhile waits for the next flush. */
void tcp_flush(struct net *net, uint64_t now_ns)
{
    struct tcp_conn_list *out = &net->tcp.out;
    answered_out(net);
    const struct tcp_conn *last = TAILQ_LAST(out, tcp_conn_list);
    bool more = last != NULL;
    while (more) {
        struct tcp_conn *conn = TAILQ_FIRST(out);
        more = conn != last;
        TAILQ_REMOVE(out, conn, out_link);
        conn->on_out = false;
        conn_output(conn, now_ns);
    }
}

bool tcp_busy(const struct net *net)
{
    const struct tcp_table *tcp = &net->tcp;
    bool feed = !TAILQ_EMPTY(&tcp->starved) && tcp->ref_pool.free != NULL;
    bool answered = !LIST_EMPTY(&net->neighbours.answered);
    return answered || !TAILQ_EMPTY(&tcp->out) || !TAILQ_EMPTY(&tcp->resume) || feed;
}

void tcp_ack_later(struct tcp_conn *conn, uint64_t now_ns)
{
    if (!timer_armed(&conn->ack_timer))
        wheel_arm(&conn->net->wheel, &conn->ack_timer,
                  now_ns + conn->net->config.ack_delay_ms * TCP_NS_PER_MS);
}

void tcp_send_keep_alive(struct tcp_conn *conn, uint64_t now_ns)
{
    net_count(conn->net, NET_TCP_KEEP_ALIVES);
    segment_send(conn, conn->snd_una - 1, 0, TCP_ACK, now_ns);
}

void tcp_send_rst(struct tcp_conn *conn, uint64_t now_ns)
{
    net_count(conn->net, NET_TCP_RESETS_OUT);
    segment_send(conn, empty_seq(conn), 0, TCP_RST | TCP_ACK, now_ns);
}

void tcp_send_bare(struct net *net, struct ip_addr dst, const struct tcp_header *header,
                   uint64_t now_ns)
{
    struct rte_mbuf *frame = net_frame_take(net);
    if (frame != NULL)
        header_send(net, frame, header, dst, 0, now_ns);
}

void tcp_refuse(struct net *net, struct ip_addr dst, const struct tcp_header *in, uint32_t in_len,
                uint64_t now_ns)
{
    if (!net_budget_take(&net->rst_budget, RST_PER_S, now_ns)) {
        net_count(net, NET_TCP_THROTTLED);
        return;
    }
    struct tcp_header header = { .src_port = in->dst_port,
                                 .dst_port = in->src_port,
                                 .flags = TCP_RST };
    if ((in->flags & TCP_ACK) != 0) {
        header.seq = in->ack;
    } else {
        header.flags |= TCP_ACK;
        header.ack = in->seq + in_len;
    }
    net_count(net, NET_TCP_RESETS_OUT);
    tcp_send_bare(net, dst, &header, now_ns);
}
