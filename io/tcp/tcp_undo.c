/* A fast recovery for nothing: segments were late, not lost. Told by the echo of a timestamp from
 * before they were sent again (Eifel, RFC 3522), or by DSACKs of all that was (RFC 3708); what it
 * took is then given back as RFC 4015 §3 has it. */
#include "io/tcp/tcp_conn.h"

/* The peer's DSACKs are believed for one window after the recovery. */
static bool is_recent(const struct tcp_conn *conn)
{
    return conn->snd_una - conn->recover <= conn->snd_wnd_max ||
           seq_lt(conn->snd_una, conn->recover);
}

void tcp_undo_begin(struct tcp_conn *conn)
{
    conn->undo = true;
    conn->eifel = conn->ts_ok;
    conn->resent = 0;
    conn->undo_ssthresh = max_u32(conn->snd_max - conn->snd_una, conn->ssthresh); /* pipe_prev */
}

void tcp_undo_resent(struct tcp_conn *conn, uint64_t now_ns)
{
    if (conn->resent == 0)
        conn->resent_ts = tcp_ts_now(conn, now_ns);
    if (conn->resent < UINT16_MAX)
        conn->resent++;
}

static void take_back(struct tcp_conn *conn, uint32_t len)
{
    net_count(conn->net, NET_TCP_RECOVERIES_SPURIOUS);
    conn->undo = false;
    tcp_cc_undo(conn, conn->undo_ssthresh, len);
}

bool tcp_undo_by_echo(struct tcp_conn *conn, const struct tcp_header *header, uint32_t len)
{
    bool asked = conn->undo && conn->eifel && conn->resent > 0;
    if (!asked)
        return false;
    conn->eifel = false; /* only the first ACK of something new tells */
    if (!header->has_ts || !seq_lt(header->ts_echo, conn->resent_ts))
        return false;
    take_back(conn, len);
    return true;
}

bool tcp_undo_at_end(struct tcp_conn *conn, uint32_t len)
{
    if (!conn->undo || conn->resent > 0)
        return false;
    take_back(conn, len);
    return true;
}

void tcp_undo_by_dsack(struct tcp_conn *conn, const struct tcp_sack *sack)
{
    if (!conn->undo || conn->resent == 0 || !seq_lt(sack->left, conn->recover))
        return;
    if (!is_recent(conn)) {
        conn->undo = false;
        return;
    }
    uint32_t segments = (sack->right - sack->left + conn->mss - 1) / conn->mss;
    conn->resent = (uint16_t)(conn->resent - min_u32(segments, conn->resent));
    if (conn->loss == TCP_LOSS_NONE)
        tcp_undo_at_end(conn, 0);
}
