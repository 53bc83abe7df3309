/* Loss: found by SACK (RFC 6675) or by duplicate ACKs (RFC 5681, RFC 6582), at the tail by a probe
 * (RFC 8985 §7), at last by a time-out. Without SACK each duplicate ACK stands for a segment that
 * has arrived somewhere, so one count of what is in the network serves both. How much may be sent
 * while recovering is PRR's (RFC 6937). */
#include "io/tcp/tcp_conn.h"

static uint32_t edge_min(uint32_t a, uint32_t b)
{
    return seq_lt(a, b) ? a : b;
}

/* The first block tells a duplicate when it is of what is acknowledged, or lies within the second
 * (RFC 2883 §4). */
static bool tells_duplicate(const struct tcp_header *header)
{
    const struct tcp_sack *first = &header->sacks[0];
    const struct tcp_sack *second = &header->sacks[1];
    if (seq_le(first->right, header->ack))
        return true;
    return header->sack_count > 1 && seq_le(second->left, first->left) &&
           seq_le(first->right, second->right);
}

uint32_t tcp_recovery_sacks(struct tcp_conn *conn, const struct tcp_header *header, bool *dsack)
{
    struct net *net = conn->net;
    uint32_t marked = 0;
    bool full = false;
    *dsack = false;
    if (!conn->sack_ok)
        return 0;
    for (uint32_t i = 0; i < header->sack_count; i++) {
        struct tcp_sack sack = header->sacks[i];
        if (!seq_lt(sack.left, sack.right) || seq_lt(conn->snd_max, sack.right)) {
            net_count(net, NET_TCP_SACK_BLIND);
            continue;
        }
        if (i == 0 && tells_duplicate(header)) {
            net_count(net, NET_TCP_DSACKS);
            *dsack = true;
            tcp_undo_by_dsack(conn, &sack);
            continue;
        }
        sack.left = seq_max(sack.left, header->ack);
        if (seq_lt(sack.left, sack.right))
            marked +=
                tcp_board_put(&conn->board, &net->tcp.range_pool, sack.left, sack.right, &full);
    }
    if (full)
        net_count(net, NET_TCP_BOARD_FULL);
    return marked;
}

/* Up to where, by now, all that is not marked counts as lost. */
static uint32_t lost_edge(const struct tcp_conn *conn)
{
    const struct tcp_range *last = tcp_board_last(&conn->board);
    if (last == NULL)
        return conn->snd_una;
    /* The tail's probe came back before what was sent before it (RFC 8985 §7.4). */
    if (conn->tail_sent && seq_le(conn->tail_end, last->end))
        return last->start;
    return tcp_board_lost_edge(&conn->board, conn->snd_una, conn->mss);
}

uint32_t tcp_recovery_pipe(const struct tcp_conn *conn)
{
    const struct tcp_board *board = &conn->board;
    uint32_t una = conn->snd_una;
    if (!seq_lt(una, conn->snd_nxt))
        return 0;
    uint32_t pipe = tcp_board_unmarked(board, una, conn->snd_nxt);
    if (conn->loss == TCP_LOSS_FAST) {
        pipe -= tcp_board_unmarked(board, una, edge_min(conn->lost_end, conn->snd_nxt));
        pipe += tcp_board_unmarked(board, una, edge_min(conn->sent_end, conn->snd_nxt));
    }
    if (conn->sack_ok)
        return pipe;
    uint32_t arrived = (uint32_t)conn->dup_acks * conn->mss;
    return pipe > arrived ? pipe - arrived : 0;
}

/* Proportional rate reduction (RFC 6937 §3.1, slow start reduction bound): the window for what
 * this ACK lets out. */
static void reduce(struct tcp_conn *conn, uint32_t delivered, bool progress)
{
    if (delivered == 0)
        return;
    conn->prr.delivered += delivered;
    uint32_t pipe = tcp_recovery_pipe(conn);
    uint32_t out = conn->prr.out;
    uint32_t send;
    if (pipe > conn->ssthresh) {
        uint64_t share = (uint64_t)conn->prr.delivered * conn->ssthresh;
        uint32_t quota = (uint32_t)((share + conn->prr.flight - 1) / conn->prr.flight);
        send = quota > out ? quota - out : 0;
    } else {
        uint32_t limit = conn->prr.delivered > out ? conn->prr.delivered - out : 0;
        limit = max_u32(limit, delivered) + (progress ? conn->mss : 0);
        send = min_u32(conn->ssthresh - pipe, limit);
    }
    if (out == 0) /* the fast retransmit itself leaves at once */
        send = max_u32(send, conn->mss);
    conn->cwnd = pipe + send;
}

static void fast_begin(struct tcp_conn *conn, uint32_t delivered)
{
    uint32_t una = conn->snd_una;
    tcp_undo_begin(conn);
    tcp_cc_lost(conn);
    conn->prr.delivered = 0;
    conn->prr.out = 0;
    conn->prr.flight = conn->snd_max - una;
    conn->loss = TCP_LOSS_FAST;
    conn->recover = conn->snd_max;
    conn->lost_end = edge_min(seq_max(lost_edge(conn), una + conn->mss), conn->snd_nxt);
    conn->sent_end = una;
    conn->rescued = false;
    conn->tail_sent = false;
    conn->rtt_timing = false; /* Karn */
    net_count(conn->net, NET_TCP_RECOVERIES);
    reduce(conn, max_u32(delivered, 1), false);
}

static void loss_end(struct tcp_conn *conn)
{
    conn->loss = TCP_LOSS_NONE;
    conn->dup_acks = 0;
    conn->tail_sent = false;
}

/* Everything up to `recover` arrived. No burst: what the window leaves is taken in slow start. */
static void fast_end(struct tcp_conn *conn, uint32_t len)
{
    loss_end(conn);
    if (!tcp_undo_at_end(conn, len))
        conn->cwnd = min_u32(conn->ssthresh, tcp_recovery_pipe(conn) + tcp_cc_initial(conn));
}

/* Without SACK: `len` octets are acknowledged, the first segment of them by what was sent again,
 * the others had come before and each made a duplicate ACK. Returns what that leaves as news. */
static uint32_t dup_acks_settle(struct tcp_conn *conn, uint32_t len)
{
    uint32_t earlier = (len + conn->mss - 1) / conn->mss - 1;
    earlier = min_u32(earlier, conn->dup_acks);
    conn->dup_acks = (uint16_t)(conn->dup_acks - earlier);
    return len - min_u32(len, earlier * conn->mss);
}

static void fast_advance(struct tcp_conn *conn, const struct tcp_header *header, uint32_t len,
                         uint32_t delivered)
{
    uint32_t una = conn->snd_una;
    if (tcp_undo_by_echo(conn, header, len)) {
        loss_end(conn);
        return;
    }
    if (seq_le(conn->recover, una)) {
        fast_end(conn, len);
        return;
    }
    uint32_t was = conn->lost_end;
    if (conn->sack_ok) {
        conn->lost_end = seq_max(seq_max(was, lost_edge(conn)), una);
        conn->sent_end = seq_max(conn->sent_end, una);
    } else { /* a partial ACK: the next segment is lost too (RFC 6582 §3.2 step 3) */
        delivered = dup_acks_settle(conn, len);
        conn->lost_end = edge_min(una + conn->mss, conn->snd_nxt);
        conn->sent_end = una;
    }
    reduce(conn, delivered, seq_le(conn->lost_end, was));
}

/* The segment that timed out had arrived, only its ACK came late (RFC 3522, RFC 4015). */
static void timeout_undo(struct tcp_conn *conn, uint32_t len)
{
    net_count(conn->net, NET_TCP_RTO_SPURIOUS);
    conn->snd_nxt = conn->snd_max;
    tcp_cc_undo(conn, conn->rto.flight, len);
    loss_end(conn);
}

void tcp_recovery_advance(struct tcp_conn *conn, const struct tcp_header *header, uint32_t len,
                          uint32_t marked, uint64_t now_ns)
{
    uint32_t known = tcp_board_advance(&conn->board, &conn->net->tcp.range_pool, conn->snd_una);
    uint32_t delivered = len - min_u32(len, known) + marked;
    switch ((enum tcp_loss)conn->loss) {
    case TCP_LOSS_NONE:
        conn->dup_acks = 0;
        if (seq_lt(conn->snd_una, lost_edge(conn)))
            fast_begin(conn, delivered);
        else
            tcp_cc_grow(conn, len, now_ns);
        return;
    case TCP_LOSS_FAST:
        fast_advance(conn, header, len, delivered);
        return;
    case TCP_LOSS_RTO:
        if (conn->eifel && header->has_ts && seq_lt(header->ts_echo, conn->rto.ts)) {
            timeout_undo(conn, len);
            return;
        }
        conn->eifel = false;
        tcp_cc_grow(conn, len, now_ns);
        if (seq_le(conn->recover, conn->snd_una))
            loss_end(conn);
        return;
    }
}

void tcp_recovery_dup(struct tcp_conn *conn, uint32_t marked)
{
    if (conn->loss == TCP_LOSS_RTO)
        return; /* all is being sent anew */
    if (conn->dup_acks < UINT16_MAX)
        conn->dup_acks++;
    uint32_t edge = lost_edge(conn);
    uint32_t delivered = conn->sack_ok ? marked : conn->mss;
    if (conn->loss == TCP_LOSS_FAST) {
        uint32_t was = conn->lost_end;
        if (conn->sack_ok)
            conn->lost_end = seq_max(was, edge);
        reduce(conn, delivered, false);
        return;
    }
    /* Duplicate ACKs at `recover` may be of what was sent again in vain (RFC 6582 §3.2 step 1). */
    if (!conn->sack_ok && conn->snd_una == conn->recover)
        return;
    if (conn->dup_acks >= TCP_DUP_THRESH || seq_lt(conn->snd_una, edge))
        fast_begin(conn, delivered);
}

/* TLP_process_ack() of RFC 8985 §7.4.2. */
void tcp_recovery_tail(struct tcp_conn *conn, const struct tcp_header *header, bool dsack, bool dup)
{
    if (!conn->tail_sent || seq_lt(header->ack, conn->tail_end))
        return;
    bool beyond = seq_lt(conn->tail_end, header->ack);
    bool in_vain = !conn->tail_again || dsack;
    if (!in_vain && !beyond && !(dup && header->sack_count == 0))
        return; /* of the segment or of its copy: not yet known */
    conn->tail_sent = false;
    if (in_vain || !beyond || conn->loss != TCP_LOSS_NONE)
        return;
    tcp_cc_lost(conn); /* the probe mended a loss */
    conn->cwnd = min_u32(conn->cwnd, conn->ssthresh);
}

void tcp_recovery_restart(struct tcp_conn *conn)
{
    conn->snd_nxt = conn->snd_una;
    conn->loss = TCP_LOSS_RTO;
    conn->recover = conn->snd_max;
    conn->dup_acks = 0;
    conn->eifel = false;
    conn->undo = false;
    conn->tail_sent = false;
    conn->tail_probe = false;
    conn->rtt_timing = false;
}

void tcp_recovery_timeout(struct tcp_conn *conn, uint64_t now_ns)
{
    bool first = conn->loss != TCP_LOSS_RTO;
    bool eifel = conn->eifel;
    if (first) {
        conn->rto.ts = tcp_ts_now(conn, now_ns);
        conn->rto.flight = max_u32(conn->snd_max - conn->snd_una, conn->ssthresh);
        eifel = conn->ts_ok;
    }
    conn->loss = TCP_LOSS_RTO;
    if (!conn->timed_out) /* RFC 5681 §3.1: once a loss, not once a repetition */
        tcp_cc_lost(conn);
    conn->cwnd = conn->mss;
    tcp_board_clear(&conn->board, &conn->net->tcp.range_pool); /* RFC 2018 §8: it may renege */
    tcp_recovery_restart(conn);
    conn->eifel = eifel;
}

/* The first hole from sent_end up to `limit`, a segment of it. */
static bool hole(const struct tcp_conn *conn, uint32_t limit, uint32_t *seq, uint32_t *len)
{
    uint32_t from = seq_max(conn->sent_end, conn->snd_una);
    uint32_t window = conn->snd_una + conn->snd_wnd;
    uint32_t end;
    limit = edge_min(edge_min(limit, conn->snd_nxt), window);
    *seq = tcp_board_hole(&conn->board, from, limit, &end);
    if (!seq_lt(*seq, limit))
        return false;
    *len = min_u32(end - *seq, tcp_options_mss(conn));
    return true;
}

bool tcp_recovery_lost(const struct tcp_conn *conn, uint32_t *seq, uint32_t *len)
{
    return hole(conn, conn->lost_end, seq, len);
}

bool tcp_recovery_spare(struct tcp_conn *conn, uint32_t *seq, uint32_t *len)
{
    const struct tcp_range *last = tcp_board_last(&conn->board);
    if (last == NULL)
        return false;
    if (hole(conn, last->end, seq, len)) /* rule 3 */
        return true;
    if (conn->rescued) /* rule 4: once a recovery */
        return false;
    conn->rescued = true;
    uint32_t from = seq_max(conn->sent_end, last->end);
    uint32_t mss = tcp_options_mss(conn);
    *seq = conn->snd_nxt - from > mss ? conn->snd_nxt - mss : from;
    *len = conn->snd_nxt - *seq;
    return seq_lt(from, conn->snd_nxt) && seq_le(conn->snd_nxt, conn->snd_una + conn->snd_wnd);
}
