/* A segment being looked at, for the files that look. */
#ifndef IO_TCP_TCP_SEGMENT_H
#define IO_TCP_TCP_SEGMENT_H

#include "io/tcp/tcp_conn.h"

struct tcp_segment {
    struct tcp_header header;
    struct rte_mbuf *frame; /* its payload */
    struct ip_addr src;
    uint32_t len;     /* of the payload */
    uint32_t seq_len; /* with SYN and FIN */
};

static inline bool segment_has(const struct tcp_segment *segment, uint8_t flags)
{
    return (segment->header.flags & flags) != 0;
}

static inline void segment_drop(struct net *net, struct tcp_segment *segment,
                                enum net_counter which)
{
    net_drop(net, segment->frame, which);
}

static inline void tcp_ack_at_once(struct tcp_conn *conn)
{
    conn->ack_now = true;
    tcp_conn_out(conn);
}

/* tcp_challenge.c: an ACK that a stranger may have provoked: few a second (RFC 5961 §7). */
void tcp_challenge(struct tcp_conn *conn, uint64_t now_ns);
/* An ACK of a segment out of the window, as keep-alives are: few a second of one connection, but of
 * all as many as there are. */
void tcp_out_of_window_ack(struct tcp_conn *conn, uint64_t now_ns);

/* tcp_open.c: how connections begin. Each takes the frame, save where it says otherwise. */
/* A segment that belongs to no connection. */
void tcp_open_rx(struct net *net, struct tcp_segment *segment, uint64_t now_ns);
/* The connection whose SYN was answered by a cookie that this segment brings back, to be looked at
 * by it; NULL when it brings none. Leaves the frame. */
struct tcp_conn *tcp_cookie_rx(struct net *net, const struct tcp_segment *segment, uint64_t now_ns);
void tcp_syn_sent_rx(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns);
/* A SYN where none belongs: true when the segment goes on as something else. */
bool tcp_syn_again(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns);
/* The handshake's last ACK: true when the segment's text may be looked at, and is the caller's. */
bool tcp_syn_received_rx(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns);

#endif
