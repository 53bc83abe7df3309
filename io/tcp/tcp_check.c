/* Invariants, one function an idea. */
#include "io/tcp/tcp_check.h"

#include "io/tcp/tcp_conn.h"

static const char *sending_check(const struct tcp_conn *conn)
{
    const struct tcp_queue *queue = &conn->queue;
    uint32_t sendable = tcp_fin_at(conn) + conn->fin_queued;
    if (!seq_le(conn->snd_una, conn->snd_nxt) || !seq_le(conn->snd_nxt, conn->snd_max))
        return "snd_una <= snd_nxt <= snd_max";
    if (!seq_le(conn->snd_max, sendable))
        return "snd_max is within what was queued";
    if (tcp_synchronised(conn) && queue->seq != conn->snd_una && conn->snd_una != sendable)
        return "the queue begins at snd_una";
    if (queue->len > conn->net->config.send_len_max)
        return "the send queue is within send_len_max";
    uint32_t len = 0;
    bool cursor = queue->cursor == NULL;
    for (const struct tcp_ref *ref = queue->head; ref != NULL; ref = ref->next) {
        len += ref->len;
        cursor = cursor || ref == queue->cursor;
        if (ref->len == 0 || ref->chunk->refs == 0)
            return "each reference is of something";
        if (ref->next == NULL && ref != queue->tail)
            return "the queue's tail is its last";
    }
    if (len != queue->len || !cursor)
        return "the queue's length and cursor";
    return tcp_synchronised(conn) && (conn->mss == 0 || conn->cwnd == 0) ? "MSS and cwnd" : NULL;
}

static const char *receiving_check(const struct tcp_conn *conn)
{
    if (conn->state == TCP_SYN_SENT)
        return NULL;
    if (!seq_le(conn->rcv_read, conn->rcv_nxt) || !seq_le(conn->rcv_nxt, conn->rcv_edge + 1))
        return "rcv_read <= rcv_nxt <= rcv_edge";
    if (conn->rcv_nxt - conn->rcv_read > conn->net->config.recv_len_max)
        return "what is unread is within recv_len_max";
    if (seq_lt(conn->rcv_read, conn->rcv_edge) &&
        conn->rcv_edge - conn->rcv_read > conn->net->config.recv_len_max)
        return "no more is offered than there is room";
    const struct tcp_held *head = conn->held.head;
    if (conn->rcv_read != conn->rcv_nxt && (head == NULL || head->seq != conn->rcv_read))
        return "what was received and not read is held";
    if (conn->fin_held && !conn->fin_taken && seq_lt(conn->fin_seq, conn->rcv_nxt))
        return "nothing is received beyond the FIN";
    if (!seq_le(conn->rcv_acked, conn->rcv_nxt))
        return "rcv_acked <= rcv_nxt";
    uint32_t count = 0;
    uint32_t seq = conn->rcv_read;
    for (const struct tcp_held *held = conn->held.head; held != NULL; held = held->next) {
        if (seq_lt(held->seq, seq) || held->frame->data_len == 0)
            return "held frames lie in order, apart, and are not empty";
        seq = held->seq + held->frame->data_len;
        count++;
        if (held->next == NULL && held != conn->held.tail)
            return "the held list's tail is its last";
    }
    if (count != conn->held.count || count > conn->net->tcp.held_pool.each_max)
        return "count of held frames";
    if (!seq_le(seq, conn->rcv_edge))
        return "held frames lie within the window";
    return NULL;
}

static const char *loss_check(const struct tcp_conn *conn)
{
    const struct tcp_board *board = &conn->board;
    uint32_t count = 0;
    uint32_t len = 0;
    uint32_t after = conn->snd_una - 1;
    for (const struct tcp_range *range = board->head; range != NULL; range = range->next) {
        if (!seq_lt(after, range->start) || !seq_lt(range->start, range->end))
            return "scoreboard ranges lie in order and do not touch";
        after = range->end;
        len += range->end - range->start;
        count++;
    }
    if (count != board->count || count > TCP_BOARD_RANGES_MAX || len != board->sacked_len)
        return "count and length of scoreboard ranges";
    if (board->head != NULL && (!conn->sack_ok || seq_lt(conn->snd_max, after)))
        return "the scoreboard is of what was sent";
    if (conn->loss > TCP_LOSS_RTO)
        return "loss is one of three";
    if (conn->loss == TCP_LOSS_FAST &&
        (!seq_lt(conn->snd_una, conn->recover) || !seq_le(conn->lost_end, conn->snd_nxt)))
        return "fast recovery is of what is outstanding";
    return NULL;
}

/* Timers are armed iff something waits for them, unless the next flush will look anyway. */
static const char *timers_check(const struct tcp_conn *conn)
{
    bool again = conn->on_out || timer_armed(&conn->ack_timer);
    bool retransmit = timer_armed(&conn->retransmit_timer);
    bool life = timer_armed(&conn->life_timer);
    bool sends = conn->state >= TCP_ESTABLISHED && conn->state <= TCP_LAST_ACK;
    if (tcp_outstanding(conn) && !retransmit && !again)
        return "what is outstanding has a timer";
    if (sends && conn->queue.len > 0 && !retransmit && !again)
        return "what is queued has a timer";
    if (!sends && tcp_synchronised(conn) && retransmit)
        return "a connection that sends no more has no retransmission timer";
    if (conn->unacked_len > 0 && !again)
        return "what is not acknowledged has a timer";
    if (conn->state != TCP_ESTABLISHED && conn->state != TCP_CLOSE_WAIT && !life && !again &&
        !retransmit)
        return "what is not open will end";
    return NULL;
}

const char *tcp_conn_check(const struct tcp_conn *conn)
{
    if (conn->state == TCP_CLOSED)
        return conn->on_out ? NULL : "a closed connection is to be freed";
    const char *wrong = sending_check(conn);
    if (wrong == NULL)
        wrong = receiving_check(conn);
    if (wrong == NULL)
        wrong = loss_check(conn);
    return wrong != NULL ? wrong : timers_check(conn);
}

const char *tcp_check(const struct net *net)
{
    const struct tcp_table *tcp = &net->tcp;
    uint32_t conns = 0, half_open = 0, time_wait = 0;
    for (uint32_t i = 0; i < net->config.conn_cap; i++) {
        const struct tcp_conn *conn = &tcp->conns[i];
        if (conn->net == NULL)
            continue; /* free */
        const char *wrong = tcp_conn_check(conn);
        if (wrong != NULL)
            return wrong;
        if (conn->state == TCP_CLOSED)
            continue;
        conns++;
        half_open += conn->state == TCP_SYN_RECEIVED && conn->passive;
        time_wait += conn->state == TCP_TIME_WAIT;
        if (tcp_conn_find(net, conn->hash, conn->peer_addr, conn->peer_port, conn->local_port) !=
            conn)
            return "the table finds each connection";
    }
    if (conns != tcp->conn_count || half_open != tcp->half_open_count ||
        time_wait != tcp->time_wait_count)
        return "counts of connections";
    if (half_open > net->config.half_open_cap)
        return "half-open connections are bounded";
    return NULL;
}
