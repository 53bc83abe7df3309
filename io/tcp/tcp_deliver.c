/* Received octets, in order, to the application; what comes too early, or is not wanted yet, is
 * held. */
#include "io/tcp/tcp_conn.h"

#define ACK_EVERY 2u /* full segments (RFC 9293 §3.8.6.3) */

/* Offers octets the application has not seen; returns how many it took. What it leaves it may ask
 * for in the call already, so until it has said how much it takes it counts as leaving some. */
static uint16_t app_offer(struct tcp_conn *conn, struct span in)
{
    conn->stalled = true;
    size_t taken = conn->app->received(conn->ctx, conn, in);
    ASSERT(taken <= in.len);
    if (conn->state == TCP_CLOSED)
        return (uint16_t)in.len;
    conn->rcv_read += (uint32_t)taken;
    conn->stalled = taken < in.len;
    if (!conn->stalled && conn->on_resume) { /* asked for nothing */
        conn->on_resume = false;
        TAILQ_REMOVE(&conn->net->tcp.resume, conn, resume_link);
    }
    return (uint16_t)taken;
}

/* Offers what is held and in order. */
static void held_offer(struct tcp_conn *conn)
{
    struct tcp_held_pool *pool = &conn->net->tcp.held_pool;
    while (conn->state != TCP_CLOSED && !conn->stalled && conn->rcv_read != conn->rcv_nxt) {
        struct tcp_held *head = conn->held.head;
        uint16_t taken = app_offer(conn, frame_bytes(head->frame));
        if (conn->state == TCP_CLOSED)
            return; /* aborted in the call: nothing is held any more */
        if (taken > 0)
            tcp_held_release(&conn->held, pool, taken);
    }
}

static void fin_take(struct tcp_conn *conn, uint64_t now_ns)
{
    conn->fin_taken = true;
    conn->rcv_nxt++;
    conn->rcv_read++;
    conn->ack_now = true;
    tcp_conn_out(conn);
    enum tcp_state was = conn->state;
    if (was == TCP_ESTABLISHED)
        tcp_conn_set_state(conn, TCP_CLOSE_WAIT);
    else if (was == TCP_FIN_WAIT_1)
        tcp_conn_set_state(conn, TCP_CLOSING);
    conn->app->peer_closed(conn->ctx, conn);
    if (was == TCP_FIN_WAIT_2 && conn->state == TCP_FIN_WAIT_2)
        tcp_conn_time_wait(conn, now_ns);
}

/* The FIN counts as received once the application has read all before it, so that it can be told at
 * once and nothing it left is lost in TIME-WAIT. */
static void fin_check(struct tcp_conn *conn, uint64_t now_ns)
{
    if (conn->state != TCP_CLOSED && conn->fin_held && !conn->fin_taken &&
        conn->rcv_nxt == conn->fin_seq && conn->rcv_read == conn->fin_seq)
        fin_take(conn, now_ns);
}

static void ack_gap(struct tcp_conn *conn)
{
    conn->ack_now = true;              /* RFC 5681 §4.2: at once, also when it is filled */
    conn->quick_acks = TCP_QUICK_ACKS; /* the peer recovers: it lives by our ACKs */
}

/* In order, and nothing waits before it: straight to the application, without a place, so that what
 * came too early may take them all and the gap is filled nevertheless. */
static void straight_deliver(struct tcp_conn *conn, struct rte_mbuf *frame)
{
    struct tcp_held_pool *pool = &conn->net->tcp.held_pool;
    uint16_t len = frame->data_len;
    uint32_t seq = conn->rcv_nxt;
    if (conn->held.head != NULL)
        ack_gap(conn);
    conn->rcv_nxt += len;
    uint16_t taken = app_offer(conn, frame_bytes(frame));
    seq += taken;
    tcp_held_cut(&conn->held, pool, seq); /* came twice, the second time in order */
    if (taken == len) {
        frame_give(frame);
    } else {
        frame_strip(frame, taken);
        if (tcp_held_put(&conn->held, pool, frame, seq) == ERR_FULL)
            net_count(conn->net, NET_TCP_HELD_FULL); /* the peer will send it again */
    }
    conn->rcv_nxt = tcp_held_reach(&conn->held, seq);
    held_offer(conn);
}

/* Too early, or the application does not want any now. */
static void held_deliver(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t seq)
{
    struct net *net = conn->net;
    bool early = seq != conn->rcv_nxt;
    uint16_t len = frame->data_len;
    switch (tcp_held_put(&conn->held, &net->tcp.held_pool, frame, seq)) {
    case ERR_OK:
        if (early)
            net_count(net, NET_TCP_OUT_OF_ORDER);
        break;
    case ERR_DUPLICATE:
        net_count(net, NET_TCP_DUPLICATE);
        tcp_dsack_tell(conn, seq, seq + len);
        break;
    default:
        net_count(net, NET_TCP_HELD_FULL);
    }
    if (early)
        ack_gap(conn);
    conn->rcv_nxt = tcp_held_reach(&conn->held, conn->rcv_nxt);
}

/* Cuts the payload at `seq` to the window and to what precedes a FIN; returns its sequence number
 * now. Empty when nothing is left. */
static uint32_t trim(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t seq)
{
    uint32_t edge = conn->rcv_edge;
    if (conn->fin_held && seq_lt(conn->fin_seq, edge))
        edge = conn->fin_seq;
    uint32_t end = seq + frame->data_len;
    if (seq_lt(edge, end)) {
        net_count(conn->net, NET_TCP_BEYOND_WINDOW);
        conn->ack_now = true;
        frame_trim(frame, seq_lt(seq, edge) ? (uint16_t)(edge - seq) : 0);
        end = seq + frame->data_len;
    }
    if (!seq_lt(seq, conn->rcv_nxt))
        return seq;
    tcp_dsack_tell(conn, seq, seq_lt(end, conn->rcv_nxt) ? end : conn->rcv_nxt);
    if (seq_le(end, conn->rcv_nxt)) {
        net_count(conn->net, NET_TCP_DUPLICATE);
        conn->ack_now = true; /* our ACK may have been lost */
        frame_trim(frame, 0);
        return conn->rcv_nxt;
    }
    frame_strip(frame, (uint16_t)(conn->rcv_nxt - seq));
    return conn->rcv_nxt;
}

/* `segment_len` octets came, and `len` are in order now. */
static void ack_account(struct tcp_conn *conn, uint16_t segment_len, uint32_t len, uint64_t now_ns)
{
    if (segment_len > conn->rcv_mss)
        conn->rcv_mss = segment_len;
    conn->unacked_len += len;
    if (conn->unacked_len >= ACK_EVERY * conn->rcv_mss)
        conn->ack_now = true;
    if (conn->quick_acks > 0 && segment_len >= conn->rcv_mss) {
        conn->quick_acks--;
        conn->ack_now = true;
    }
    if (conn->ack_now)
        tcp_conn_out(conn);
    else if (conn->unacked_len > 0)
        tcp_ack_later(conn, now_ns);
}

void tcp_deliver(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t seq, uint64_t now_ns)
{
    uint32_t before = conn->rcv_nxt;
    uint16_t segment_len = frame->data_len;
    if (segment_len > 0)
        conn->used_ns = now_ns;
    if (frame->data_len > 0)
        seq = trim(conn, frame, seq);
    if (frame->data_len == 0)
        frame_give(frame);
    else if (seq == conn->rcv_nxt && !conn->stalled)
        straight_deliver(conn, frame);
    else
        held_deliver(conn, frame, seq);
    if (conn->state == TCP_CLOSED)
        return;
    ack_account(conn, segment_len, conn->rcv_nxt - before, now_ns);
    fin_check(conn, now_ns);
}

static void resume(struct tcp_conn *conn, uint64_t now_ns)
{
    conn->stalled = false;
    held_offer(conn);
    if (conn->state == TCP_CLOSED)
        return;
    uint32_t offered = conn->rcv_edge - conn->rcv_nxt;
    if (tcp_window(conn) > offered) {
        conn->ack_now = true; /* the window opens */
        tcp_conn_out(conn);
    }
    fin_check(conn, now_ns);
}

void tcp_resume_all(struct net *net, uint64_t now_ns)
{
    struct tcp_conn_list *list = &net->tcp.resume;
    const struct tcp_conn *last = TAILQ_LAST(list, tcp_conn_list);
    bool more = last != NULL;
    while (more) {
        struct tcp_conn *conn = TAILQ_FIRST(list);
        more = conn != last;
        TAILQ_REMOVE(list, conn, resume_link);
        conn->on_resume = false;
        if (conn->state != TCP_CLOSED)
            resume(conn, now_ns);
    }
}
