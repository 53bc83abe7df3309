/* Congestion window: CUBIC (RFC 9438) or Reno (RFC 5681), initial window of ten segments (RFC
 * 6928), growth by octets acknowledged (RFC 3465) and only while the window is what holds us back
 * (RFC 9438 §5.8). */
#include "io/tcp/tcp_conn.h"

#define INITIAL_SEGMENTS 10u
#define INITIAL_OCTETS 14600u
#define CWND_MAX TCP_WINDOW_MAX

uint32_t tcp_cc_initial(const struct tcp_conn *conn)
{
    uint32_t mss = conn->mss;
    return min_u32(INITIAL_SEGMENTS * mss, max_u32(2 * mss, INITIAL_OCTETS));
}

void tcp_cc_init(struct tcp_conn *conn)
{
    /* A lost SYN is a sign of congestion too (RFC 5681 §3.1). */
    conn->cwnd = conn->syn_resent ? conn->mss : tcp_cc_initial(conn);
    conn->ssthresh = CWND_MAX;
    conn->recover = conn->iss;
}

static bool cubic(const struct tcp_conn *conn)
{
    return conn->net->config.congestion == TCP_CUBIC;
}

void tcp_cc_grow(struct tcp_conn *conn, uint32_t len, uint64_t now_ns)
{
    tcp_cubic_clock(&conn->cubic, (uint32_t)(now_ns / TCP_NS_PER_MS), conn->cwnd_limited);
    if (!conn->cwnd_limited)
        return;
    uint32_t mss = conn->mss;
    uint32_t cwnd = conn->cwnd;
    if (cwnd < conn->ssthresh) /* after a time-out ACKs may be of more than left: RFC 3465 §2.3 */
        cwnd += min_u32(len, conn->loss == TCP_LOSS_RTO ? mss : 2 * mss);
    else if (cubic(conn))
        cwnd = tcp_cubic_grow(&conn->cubic, cwnd, len, mss, conn->srtt_us / 1000,
                              (uint32_t)(now_ns / TCP_NS_PER_MS));
    else
        cwnd += max_u32(1, (uint32_t)((uint64_t)mss * min_u32(len, 2 * mss) / cwnd));
    conn->cwnd = min_u32(cwnd, CWND_MAX);
}

void tcp_cc_lost(struct tcp_conn *conn)
{
    uint32_t flight = conn->snd_max - conn->snd_una;
    uint32_t kept = flight / 2;
    if (cubic(conn)) {
        kept = (uint32_t)((uint64_t)flight * 7 / 10); /* β (§4.6) */
        tcp_cubic_lost(&conn->cubic, conn->cwnd, conn->loss == TCP_LOSS_RTO);
    }
    conn->ssthresh = max_u32(kept, 2u * conn->mss);
}

/* RFC 4015 §3 step 7: no burst, what was taken is reached again in slow start. RFC 9438 §4.9. */
void tcp_cc_undo(struct tcp_conn *conn, uint32_t ssthresh, uint32_t len)
{
    uint32_t flight = conn->snd_max - conn->snd_una;
    conn->ssthresh = max_u32(conn->ssthresh, ssthresh);
    conn->cwnd = max_u32(conn->cwnd, flight + min_u32(len, tcp_cc_initial(conn)));
    tcp_cubic_undo(&conn->cubic);
}

void tcp_cc_idle(struct tcp_conn *conn, uint64_t now_ns)
{
    if (now_ns - conn->sent_ns <= conn->rto_ms * TCP_NS_PER_MS)
        return;
    conn->cwnd = min_u32(conn->cwnd, tcp_cc_initial(conn)); /* RFC 5681 §4.1 */
    conn->cubic.in_epoch = false; /* the curve is no clock for who did not send */
}
