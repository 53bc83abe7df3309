/* Congestion control: NewReno (RFC 5681, RFC 6582), limited transmit (RFC 3042), initial window of
 * ten segments (RFC 6928), growth by octets acknowledged (RFC 3465). */
#include "io/tcp/tcp_conn.h"

#define INITIAL_SEGMENTS 10u
#define INITIAL_OCTETS 14600u
#define DUP_ACKS 3u
#define CWND_MAX TCP_WINDOW_MAX

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t initial_window(const struct tcp_conn *conn)
{
    uint32_t mss = conn->mss;
    return min_u32(INITIAL_SEGMENTS * mss, max_u32(2 * mss, INITIAL_OCTETS));
}

void tcp_cc_init(struct tcp_conn *conn)
{
    /* A lost SYN is a sign of congestion too (RFC 5681 §3.1). */
    conn->cwnd = conn->syn_resent ? conn->mss : initial_window(conn);
    conn->ssthresh = CWND_MAX;
    conn->recover = conn->iss;
}

static void halve(struct tcp_conn *conn)
{
    conn->ssthresh = max_u32((conn->snd_max - conn->snd_una) / 2, 2u * conn->mss);
}

static void recovery_ack(struct tcp_conn *conn, uint32_t ack, uint32_t len)
{
    uint32_t mss = conn->mss;
    if (seq_lt(ack, conn->recover)) { /* partial: the next hole (RFC 6582 §3.2 step 3) */
        conn->resend_head = true;
        conn->cwnd = conn->cwnd > len + mss ? conn->cwnd - len : mss;
        if (len >= mss)
            conn->cwnd += mss;
        return;
    }
    uint32_t flight = conn->snd_max - ack;
    conn->cwnd = min_u32(conn->ssthresh, max_u32(flight, mss) + mss);
    conn->recovering = false;
    conn->dup_acks = 0;
}

void tcp_cc_acked(struct tcp_conn *conn, uint32_t ack, uint32_t len)
{
    if (conn->recovering) {
        recovery_ack(conn, ack, len);
        return;
    }
    conn->dup_acks = 0;
    if (!conn->cwnd_limited)
        return;
    uint32_t mss = conn->mss;
    bool after_timeout = seq_lt(conn->snd_una, conn->recover);
    uint32_t step = min_u32(len, after_timeout ? mss : 2 * mss);
    if (conn->cwnd >= conn->ssthresh)
        step = max_u32(1, (uint32_t)((uint64_t)mss * step / conn->cwnd));
    conn->cwnd = min_u32(conn->cwnd + step, CWND_MAX);
}

void tcp_cc_dup_ack(struct tcp_conn *conn)
{
    if (conn->recovering) {
        conn->cwnd = min_u32(conn->cwnd + conn->mss, CWND_MAX);
        return;
    }
    if (conn->dup_acks < DUP_ACKS)
        conn->dup_acks++;
    if (conn->dup_acks < DUP_ACKS || seq_lt(conn->snd_una, conn->recover))
        return;
    halve(conn);
    conn->cwnd = conn->ssthresh + DUP_ACKS * conn->mss;
    conn->recover = conn->snd_max;
    conn->recovering = true;
    conn->resend_head = true;
    conn->rtt_timing = false; /* Karn */
}

void tcp_cc_timeout(struct tcp_conn *conn)
{
    if (conn->backoff == 0) /* RFC 5681 §3.1: once a loss, not once a repetition */
        halve(conn);
    conn->cwnd = conn->mss;
    conn->recover = conn->snd_max;
    conn->recovering = false;
    conn->dup_acks = 0;
}

void tcp_cc_idle(struct tcp_conn *conn, uint64_t now_ns)
{
    if (now_ns - conn->sent_ns > conn->rto_ms * TCP_NS_PER_MS) /* RFC 5681 §4.1 */
        conn->cwnd = min_u32(conn->cwnd, initial_window(conn));
}

uint32_t tcp_cc_allowance(const struct tcp_conn *conn)
{
    if (conn->recovering || conn->dup_acks == 0)
        return conn->cwnd;
    return conn->cwnd + min_u32(conn->dup_acks, 2) * conn->mss;
}
