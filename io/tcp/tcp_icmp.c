/* What ICMP errors do to a connection: little, and only when they quote what is under way (RFC 5927). */
#include "io/tcp/tcp_conn.h"

/* The connection an ICMP error quotes, if the sequence number is one we have under way (RFC 5927
 * §4). */
static struct tcp_conn *quoted_conn(const struct net *net, const struct icmp_quote *quote)
{
    uint32_t hash = tcp_hash(net, quote->dst, quote->dst_port, quote->src_port);
    struct tcp_conn *conn = tcp_conn_find(net, hash, quote->dst, quote->dst_port, quote->src_port);
    if (conn == NULL || seq_lt(quote->seq, conn->snd_una) || !seq_lt(quote->seq, conn->snd_max))
        return NULL;
    return conn;
}

void tcp_mss_settle(struct tcp_conn *conn, uint64_t now_ns)
{
    uint32_t overhead = ip_overhead(conn->peer_addr) + TCP_HEADER_LEN;
    uint32_t path = pmtu_of(conn->net, conn->peer_addr, now_ns) - overhead;
    conn->mss_lowered = path < conn->mss_peer;
    uint32_t options = conn->ts_ok ? TCP_TS_OPTION_LEN : 0; /* RFC 6691 */
    conn->mss = (uint16_t)(min_u32(path, conn->mss_peer) - options);
}

bool tcp_too_big(struct net *net, const struct icmp_quote *quote, uint32_t mtu, uint64_t now_ns)
{
    struct tcp_conn *conn = quoted_conn(net, quote);
    if (conn == NULL || !tcp_synchronised(conn) || quote->total_len <= mtu)
        return false;
    uint16_t before = conn->mss;
    pmtu_lower(net, quote->dst, mtu, quote->total_len, now_ns);
    tcp_mss_settle(conn, now_ns);
    if (conn->mss >= before)
        return false;
    tcp_recovery_restart(conn); /* RFC 1191 §6.4: sent again, smaller, without blame */
    tcp_retransmit_arm(conn, now_ns);
    tcp_conn_out(conn);
    return true;
}

/* Only a connection still to be opened is given up: later it is a passing trouble (RFC 5927 §5). */
bool tcp_unreachable(struct net *net, const struct icmp_quote *quote, bool refused)
{
    struct tcp_conn *conn = quoted_conn(net, quote);
    if (conn == NULL || conn->state != TCP_SYN_SENT)
        return conn != NULL;
    tcp_conn_end(conn, refused ? ERR_REFUSED : ERR_UNREACHABLE);
    return true;
}
