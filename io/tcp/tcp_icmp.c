/* What ICMP errors do to a connection: little, and only when they quote what is under way (RFC 5927). */
#include "io/tcp/tcp_conn.h"

#define MTU_MIN 552u /* nobody is to make us send crumbs */
#define CODE_PROTOCOL 2
#define CODE_PORT 3

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

bool tcp_too_big(struct net *net, const struct icmp_quote *quote, uint16_t mtu, uint64_t now_ns)
{
    struct tcp_conn *conn = quoted_conn(net, quote);
    uint32_t mss = (mtu < MTU_MIN ? MTU_MIN : mtu) - ip_overhead(quote->dst) - TCP_HEADER_LEN;
    if (conn == NULL || !tcp_synchronised(conn) || mss >= conn->mss)
        return false;
    conn->mss = (uint16_t)mss;
    conn->snd_nxt = conn->snd_una; /* RFC 1191 §6.4: sent again, smaller, without blame */
    conn->rtt_timing = false;
    conn->recover = conn->snd_max;
    tcp_retransmit_arm(conn, now_ns);
    tcp_conn_out(conn);
    return true;
}

/* Only a connection still to be opened is given up: later it is a passing trouble (RFC 5927 §5). */
bool tcp_unreachable(struct net *net, const struct icmp_quote *quote, uint8_t code)
{
    struct tcp_conn *conn = quoted_conn(net, quote);
    if (conn == NULL || conn->state != TCP_SYN_SENT)
        return conn != NULL;
    bool refused = code == CODE_PROTOCOL || code == CODE_PORT;
    tcp_conn_end(conn, refused ? ERR_REFUSED : ERR_UNREACHABLE);
    return true;
}
