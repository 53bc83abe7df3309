/* Options: what the two SYNs agree upon (RFC 9293 §3.7.1, RFC 7323, RFC 2018), timestamps and PAWS
 * (RFC 7323 §4 and §5), and the SACK blocks we send (RFC 2018 §4, RFC 2883 §4). */
#include "io/tcp/tcp_conn.h"

#define SACK_OVERHEAD 4u                    /* two NOPs, kind, length */
#define TS_RECENT_VALID_S (24u * 24 * 3600) /* RFC 7323 §5.5 */
#define SECOND_NS 1000000000u

static bool without(const struct tcp_conn *conn, uint8_t option)
{
    return (conn->net->config.without & option) != 0;
}

static uint32_t own_mss(const struct tcp_conn *conn)
{
    return conn->net->config.mtu - ip_overhead(conn->peer_addr) - TCP_HEADER_LEN;
}

void tcp_options_take(struct tcp_conn *conn, const struct tcp_header *syn, uint64_t now_ns)
{
    uint32_t mss = syn->has_mss ? syn->mss : TCP_MSS_DEFAULT;
    mss = min_u32(max_u32(mss, TCP_SEND_MSS_MIN), own_mss(conn));
    conn->ts_ok = syn->has_ts && !without(conn, TCP_WITHOUT_TIMESTAMPS);
    conn->sack_ok = syn->sack_permitted && !without(conn, TCP_WITHOUT_SACK);
    if (conn->ts_ok) {
        conn->ts_recent = syn->ts_value;
        conn->ts_recent_s = (uint32_t)(now_ns / SECOND_NS);
    }
    conn->mss_peer = (uint16_t)mss;
    tcp_mss_settle(conn, now_ns);
    conn->rcv_mss = (uint16_t)min_u32(TCP_MSS_DEFAULT, own_mss(conn));
    conn->wscale_agreed = syn->has_wscale;
    conn->snd_wscale = syn->wscale > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : syn->wscale;
    if (!conn->wscale_agreed) {
        conn->snd_wscale = 0;
        conn->rcv_wscale = 0;
    }
}

/* In a SYN|ACK only what the SYN has (RFC 7323 §2.2 and §3.2, RFC 2018 §2). */
static void syn_options_put(const struct tcp_conn *conn, struct tcp_header *out)
{
    bool answer = (out->flags & TCP_ACK) != 0;
    out->has_mss = true;
    out->mss = (uint16_t)own_mss(conn);
    out->has_wscale = !answer || conn->wscale_agreed;
    out->wscale = conn->rcv_wscale;
    out->sack_permitted = answer ? conn->sack_ok : !without(conn, TCP_WITHOUT_SACK);
    out->has_ts = answer ? conn->ts_ok : !without(conn, TCP_WITHOUT_TIMESTAMPS);
}

static bool gaps(const struct tcp_conn *conn)
{
    const struct tcp_held *tail = conn->held.tail;
    return tail != NULL && seq_lt(conn->rcv_nxt, tail->seq);
}

static uint32_t sack_cap(const struct tcp_conn *conn)
{
    return conn->ts_ok ? TCP_SACK_MAX_WITH_TS : TCP_SACK_MAX;
}

void tcp_options_put(struct tcp_conn *conn, struct tcp_header *out, uint64_t now_ns)
{
    if ((out->flags & TCP_SYN) != 0)
        syn_options_put(conn, out);
    else
        out->has_ts = conn->ts_ok;
    if (out->has_ts) {
        out->ts_value = tcp_ts_now(conn, now_ns);
        out->ts_echo = (out->flags & TCP_ACK) != 0 ? conn->ts_recent : 0;
    }
    if (!conn->sack_ok || (out->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK)
        return;
    if (conn->dsack_due) {
        out->sacks[out->sack_count++] = conn->dsack;
        conn->dsack_due = false;
    }
    if (gaps(conn))
        out->sack_count =
            (uint8_t)(out->sack_count + tcp_held_runs(&conn->held, conn->rcv_nxt,
                                                      out->sacks + out->sack_count,
                                                      sack_cap(conn) - out->sack_count));
}

uint32_t tcp_options_mss(const struct tcp_conn *conn)
{
    if (!conn->sack_ok || (!conn->dsack_due && !gaps(conn)))
        return conn->mss;
    return conn->mss - (SACK_OVERHEAD + sack_cap(conn) * (uint32_t)sizeof(struct tcp_sack));
}

uint32_t tcp_ts_now(const struct tcp_conn *conn, uint64_t now_ns)
{
    return conn->ts_offset + (uint32_t)(now_ns / TCP_NS_PER_MS);
}

static bool ts_recent_valid(const struct tcp_conn *conn, uint64_t now_ns)
{
    return (uint32_t)(now_ns / SECOND_NS) - conn->ts_recent_s < TS_RECENT_VALID_S;
}

bool tcp_ts_fresh(const struct tcp_conn *conn, const struct tcp_header *in, uint64_t now_ns)
{
    return !seq_lt(in->ts_value, conn->ts_recent) || !ts_recent_valid(conn, now_ns);
}

void tcp_ts_take(struct tcp_conn *conn, const struct tcp_header *in, uint64_t now_ns)
{
    if (!seq_le(in->seq, conn->rcv_acked))
        return;
    conn->ts_recent = in->ts_value;
    conn->ts_recent_s = (uint32_t)(now_ns / SECOND_NS);
}

void tcp_dsack_tell(struct tcp_conn *conn, uint32_t left, uint32_t right)
{
    if (!conn->sack_ok || !seq_lt(left, right))
        return;
    conn->dsack = (struct tcp_sack){ left, right };
    conn->dsack_due = true;
}
