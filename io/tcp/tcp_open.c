/* How connections begin: SYNs to a listener, our own, both at once (RFC 9293 §3.10.7.2 to
 * §3.10.7.4). */
#include "io/tcp/tcp_cookie.h"
#include "io/tcp/tcp_segment.h"

#define PRESSED_LIFE_DIVISOR 4u

/* What the peer's SYN says. */
static void syn_take(struct tcp_conn *conn, const struct tcp_header *header, uint64_t now_ns)
{
    tcp_options_take(conn, header, now_ns);
    conn->irs = header->seq;
    conn->rcv_nxt = header->seq + 1;
    conn->rcv_read = conn->rcv_nxt;
    conn->rcv_edge = conn->rcv_nxt;
    conn->rcv_acked = conn->rcv_nxt;
    conn->quick_acks = TCP_QUICK_ACKS;
    conn->snd_wnd = header->window; /* never scaled in a SYN */
    conn->snd_wnd_max = header->window;
    conn->snd_wl1 = header->seq;
    conn->snd_wl2 = header->ack;
}

static struct tcp_cookie_of cookie_of(const struct net *net, const struct tcp_segment *segment,
                                      uint32_t peer_isn)
{
    return (struct tcp_cookie_of){ .local = ip_source(net, segment->src),
                                   .peer = segment->src,
                                   .local_port = segment->header.dst_port,
                                   .peer_port = segment->header.src_port,
                                   .peer_isn = peer_isn };
}

/* Apart from the keys of ISNs and ports. */
static void cookie_key(const struct net *net, uint64_t key[2])
{
    key[0] = ~net->config.seed[0];
    key[1] = ~net->config.seed[1];
}

/* Answers a SYN and keeps nothing. */
static void cookie_send(struct net *net, const struct tcp_segment *segment, uint64_t now_ns)
{
    const struct tcp_header *syn = &segment->header;
    struct tcp_conn like = { .net = net,
                             .peer_addr = segment->src,
                             .peer_port = syn->src_port,
                             .local_port = syn->dst_port,
                             .rcv_wscale = net->tcp.wscale };
    tcp_conn_secret_take(&like);
    tcp_options_take(&like, syn, now_ns);
    if (!like.ts_ok) { /* nothing would bring them back */
        like.sack_ok = false;
        like.wscale_agreed = false;
    }
    uint64_t key[2];
    cookie_key(net, key);
    struct tcp_cookie_of of = cookie_of(net, segment, syn->seq);
    struct tcp_header header = { .src_port = syn->dst_port,
                                 .dst_port = syn->src_port,
                                 .flags = TCP_SYN | TCP_ACK,
                                 .ack = syn->seq + 1,
                                 .window = tcp_first_window(net) };
    header.seq = tcp_cookie_make(key, &of, syn->has_mss ? syn->mss : TCP_MSS_DEFAULT, now_ns);
    tcp_options_put(&like, &header, now_ns);
    if (header.has_ts)
        header.ts_value = tcp_cookie_ts(header.ts_value, syn);
    net->tcp.cookie_ns = now_ns;
    net_count(net, NET_TCP_COOKIES_OUT);
    tcp_send_bare(net, segment->src, &header, now_ns);
}

/* A SYN for a listener. */
static void syn_accept(struct net *net, const struct tcp_segment *segment, uint64_t now_ns)
{
    uint32_t cap = net->config.half_open_cap;
    if (net->tcp.half_open_count >= cap) {
        cookie_send(net, segment, now_ns);
        return;
    }
    const struct tcp_header *header = &segment->header;
    struct tcp_endpoint peer = { segment->src, header->src_port };
    struct tcp_conn *conn = tcp_conn_take(net, peer, header->dst_port, false, now_ns);
    if (conn == NULL)
        return;
    conn->passive = true;
    tcp_conn_begin(conn, now_ns);
    syn_take(conn, header, now_ns);
    tcp_conn_set_state(conn, TCP_SYN_RECEIVED);
    if (net->tcp.half_open_count > cap / 2) /* pressed: who does not answer soon makes room */
        tcp_life_arm(conn, net->config.connect_ms / PRESSED_LIFE_DIVISOR, now_ns);
}

struct tcp_conn *tcp_cookie_rx(struct net *net, const struct tcp_segment *segment, uint64_t now_ns)
{
    const struct tcp_header *header = &segment->header;
    bool looked_for = net->tcp.cookie_ns != 0 && now_ns - net->tcp.cookie_ns < TCP_COOKIE_LIFE_NS;
    if (!looked_for || (header->flags & (TCP_SYN | TCP_RST | TCP_ACK)) != TCP_ACK ||
        tcp_listener_find(net, header->dst_port) == NULL)
        return NULL;
    uint64_t key[2];
    cookie_key(net, key);
    struct tcp_cookie_of of = cookie_of(net, segment, header->seq - 1);
    struct tcp_header syn = { .flags = TCP_SYN,
                              .seq = header->seq - 1,
                              .ack = header->ack,
                              .window = header->window,
                              .has_mss = true,
                              .has_ts = header->has_ts,
                              .ts_value = header->ts_value };
    if (!tcp_cookie_good(key, &of, header->ack - 1, now_ns, &syn.mss)) {
        net_count(net, NET_TCP_COOKIES_BAD);
        return NULL;
    }
    if (header->has_ts)
        tcp_cookie_ts_read(header->ts_echo, &syn);
    struct tcp_endpoint peer = { segment->src, header->src_port };
    struct tcp_conn *conn = tcp_conn_take(net, peer, header->dst_port, true, now_ns);
    if (conn == NULL)
        return NULL;
    net_count(net, NET_TCP_COOKIES_IN);
    conn->passive = true;
    tcp_conn_begin(conn, now_ns);
    tcp_conn_number(conn, header->ack - 1);
    syn_take(conn, &syn, now_ns);
    conn->snd_nxt = conn->iss + 1; /* the SYN|ACK is out */
    conn->snd_max = conn->snd_nxt;
    conn->rcv_edge = conn->rcv_nxt + tcp_first_window(net);
    tcp_conn_set_state(conn, TCP_SYN_RECEIVED);
    return conn;
}

/* Octets in a SYN will be sent again. */
static void syn_give(struct net *net, struct tcp_segment *segment)
{
    if (segment->len > 0)
        net_count(net, NET_TCP_SYN_TEXT);
    frame_give(segment->frame);
}

void tcp_open_rx(struct net *net, struct tcp_segment *segment, uint64_t now_ns)
{
    if (segment_has(segment, TCP_RST)) {
        segment_drop(net, segment, NET_TCP_UNEXPECTED);
        return;
    }
    if (segment_has(segment, TCP_SYN) && !segment_has(segment, TCP_ACK) &&
        tcp_listener_find(net, segment->header.dst_port) != NULL) {
        syn_accept(net, segment, now_ns);
        syn_give(net, segment);
        return;
    }
    tcp_refuse(net, segment->src, &segment->header, segment->seq_len, now_ns);
    segment_drop(net, segment, NET_TCP_NO_CONN);
}

/* Our SYN is acknowledged. Calls the application, which may abort. */
static void establish(struct tcp_conn *conn, uint64_t now_ns)
{
    struct net *net = conn->net;
    conn->snd_una = conn->iss + 1;
    conn->snd_nxt = conn->snd_una;
    conn->backoff = 0;
    conn->progress_ns = now_ns;
    conn->used_ns = now_ns;
    if (conn->syn_resent)
        conn->rto_ms = TCP_RTO_MS_AFTER_SYN;
    else if (conn->rtt_timing)
        tcp_rtt_sample(conn, now_ns - conn->rtt_ns);
    conn->rtt_timing = false;
    tcp_cc_init(conn);
    tcp_retransmit_disarm(conn);
    tcp_open_life_arm(conn, now_ns);
    tcp_conn_set_state(conn, conn->fin_queued ? TCP_FIN_WAIT_1 : TCP_ESTABLISHED);
    tcp_conn_out(conn);
    if (conn->passive) {
        const struct tcp_listener *listener = tcp_listener_find(net, conn->local_port);
        void *ctx = listener != NULL ? listener->accepted(listener->ctx, conn) : NULL;
        if (conn->state == TCP_CLOSED)
            return;
        if (ctx == NULL) {
            net_count(net, NET_TCP_REFUSED);
            tcp_abort(conn, now_ns);
            return;
        }
        conn->ctx = ctx;
        conn->app = listener->app;
        net_count(net, NET_TCP_ACCEPTS);
    }
    conn->app->opened(conn->ctx, conn);
}

/* RFC 9293 §3.10.7.3. */
void tcp_syn_sent_rx(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    struct net *net = conn->net;
    const struct tcp_header *header = &segment->header;
    bool ack_good = seq_lt(conn->iss, header->ack) && seq_le(header->ack, conn->snd_max);
    if (segment_has(segment, TCP_ACK) && !ack_good) {
        if (!segment_has(segment, TCP_RST))
            tcp_refuse(net, segment->src, header, segment->seq_len, now_ns);
        segment_drop(net, segment, NET_TCP_ACK_BLIND);
        return;
    }
    if (segment_has(segment, TCP_RST)) {
        if (segment_has(segment, TCP_ACK))
            tcp_conn_end(conn, ERR_REFUSED);
        segment_drop(net, segment,
                     segment_has(segment, TCP_ACK) ? NET_TCP_RESETS_IN : NET_TCP_RST_BLIND);
        return;
    }
    if (!segment_has(segment, TCP_SYN)) {
        segment_drop(net, segment, NET_TCP_UNEXPECTED);
        return;
    }
    syn_take(conn, header, now_ns);
    conn->rcv_edge = conn->rcv_nxt + tcp_first_window(net); /* our SYN has offered it */
    conn->heard_ns = now_ns;
    tcp_ack_at_once(conn);
    syn_give(net, segment);
    if (segment_has(segment, TCP_ACK)) {
        establish(conn, now_ns);
        return;
    }
    conn->snd_nxt = conn->iss; /* simultaneous open: now a SYN|ACK */
    tcp_conn_set_state(conn, TCP_SYN_RECEIVED);
}

bool tcp_syn_again(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    if (conn->state == TCP_SYN_RECEIVED && segment->header.seq == conn->irs) {
        if (segment_has(segment, TCP_ACK)) { /* of a simultaneous open: its ACK counts */
            segment->header.flags &= (uint8_t)~TCP_SYN;
            segment->header.seq++;
            segment->seq_len--;
            return true;
        }
        conn->snd_nxt = conn->iss; /* our SYN|ACK was lost */
        tcp_conn_out(conn);
        segment_drop(conn->net, segment, NET_TCP_DUPLICATE);
        return false;
    }
    tcp_challenge(conn, now_ns); /* RFC 5961 §4 */
    segment_drop(conn->net, segment, NET_TCP_SYN_BLIND);
    return false;
}

bool tcp_syn_received_rx(struct tcp_conn *conn, struct tcp_segment *segment, uint64_t now_ns)
{
    const struct tcp_header *header = &segment->header;
    if (!seq_lt(conn->snd_una, header->ack) || seq_lt(conn->snd_max, header->ack)) {
        tcp_refuse(conn->net, segment->src, header, segment->seq_len, now_ns);
        segment_drop(conn->net, segment, NET_TCP_ACK_BLIND);
        return false;
    }
    establish(conn, now_ns);
    if (conn->state != TCP_CLOSED)
        return true;
    frame_give(segment->frame);
    return false;
}
