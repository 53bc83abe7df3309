/* Challenge ACKs (RFC 5961): limited for each connection, so that no stranger makes one chatter, and
 * for the net, so that many do not either. The net's limit changes from second to second under a
 * key: one that is known can be counted down by an attacker to learn of other connections
 * (CVE-2016-5696). */
#include "io/net/siphash.h"
#include "io/tcp/tcp_segment.h"

#define CONN_PER_S 10u
#define NET_PER_S_MIN 500u
#define NET_PER_S_SPREAD 1000u
#define SECOND_NS 1000000000u

static uint32_t net_limit(const struct net *net, uint64_t now_ns)
{
    uint64_t second = now_ns / SECOND_NS;
    return NET_PER_S_MIN +
           (uint32_t)(siphash_words(net->config.seed, &second, 1, 2, 4) % NET_PER_S_SPREAD);
}

static bool conn_budget_take(struct tcp_conn *conn, uint64_t now_ns)
{
    uint16_t second = (uint16_t)(now_ns / SECOND_NS);
    if (conn->challenge_second != second)
        conn->challenges = 0;
    conn->challenge_second = second;
    if (conn->challenges >= CONN_PER_S)
        return false;
    conn->challenges++;
    return true;
}

void tcp_challenge(struct tcp_conn *conn, uint64_t now_ns)
{
    struct net *net = conn->net;
    if (!conn_budget_take(conn, now_ns) ||
        !net_budget_take(&net->challenge_budget, net_limit(net, now_ns), now_ns)) {
        net_count(net, NET_TCP_THROTTLED);
        return;
    }
    net_count(net, NET_TCP_CHALLENGES);
    tcp_ack_at_once(conn);
}

void tcp_out_of_window_ack(struct tcp_conn *conn, uint64_t now_ns)
{
    if (conn_budget_take(conn, now_ns))
        tcp_ack_at_once(conn);
    else
        net_count(conn->net, NET_TCP_THROTTLED);
}
