/* The calls of io/tcp/tcp.h. */
#include "io/tcp/tcp.h"

#include "io/net/siphash.h"
#include "io/net/source_port.h"
#include "io/tcp/tcp_conn.h"

#define PORTS_TRIED 64u            /* for a free one, before one in TIME-WAIT is used again */
#define PORT_REST_NS 1000000000ull /* in TIME-WAIT */
#define ISN_TICK_NS 4000u

/* A keyed function of the addresses and ports: the same for each reincarnation, so that ISNs, which
 * a clock moves on (RFC 6528 §3), and timestamps (RFC 7323 §7.1) grow from one to the next. */
uint32_t tcp_conn_secret_take(struct tcp_conn *conn)
{
    const struct net *net = conn->net;
    struct ip_addr local = ip_source(net, conn->peer_addr);
    const uint64_t words[5] = { ip_word(local, 0), ip_word(local, 1), ip_word(conn->peer_addr, 0),
                                ip_word(conn->peer_addr, 1),
                                (uint64_t)conn->peer_port << 16 | conn->local_port };
    const uint64_t key[2] = { net->config.seed[1], net->config.seed[0] ^ UINT64_MAX };
    uint64_t secret = siphash_words(key, words, COUNT(words), 2, 4);
    conn->ts_offset = (uint32_t)(secret >> 32);
    return (uint32_t)secret;
}

void tcp_conn_number(struct tcp_conn *conn, uint32_t iss)
{
    conn->iss = iss;
    conn->snd_una = iss;
    conn->snd_nxt = iss;
    conn->snd_max = iss;
    conn->queue.seq = iss + 1;
    conn->queue.cursor_seq = iss + 1;
}

void tcp_conn_begin(struct tcp_conn *conn, uint64_t now_ns)
{
    struct net *net = conn->net;
    tcp_conn_number(conn, tcp_conn_secret_take(conn) + (uint32_t)(now_ns / ISN_TICK_NS));
    conn->mss = TCP_MSS_DEFAULT;
    conn->rcv_wscale = net->tcp.wscale;
    tcp_life_arm(conn, net->config.connect_ms, now_ns);
    tcp_conn_out(conn);
}

/* Whether a connection in TIME-WAIT may give its ports to one of ours: the peer tells the two apart by timestamps,
 * which by now are later than any of the old one's (RFC 6191 §2, appendix A). */
static bool port_reusable(const struct tcp_conn *conn, uint64_t now_ns)
{
    return conn->state == TCP_TIME_WAIT && conn->ts_ok && !conn->on_out &&
           now_ns - conn->heard_ns >= PORT_REST_NS;
}

/* A local port towards the peer, from a place of its own per peer (RFC 6056 §3.3.3); 0 when there is
 * none. A free one, unless the next few are all taken: then the first that may be used again, which is the one that has
 * rested longest. */
static uint16_t port_choose(struct net *net, struct tcp_endpoint peer, uint64_t now_ns)
{
    const uint64_t words[3] = { ip_word(peer.addr, 0), ip_word(peer.addr, 1), peer.port };
    uint64_t start =
        siphash_words(net->config.seed, words, COUNT(words), 2, 4) + net->tcp.port_next;
    struct tcp_conn *reusable = NULL;
    uint32_t taken = 0, steps = 0;
    for (uint32_t i = 0; i < SOURCE_PORT_COUNT && (reusable == NULL || taken < PORTS_TRIED); i++) {
        uint16_t port = source_port_at(start, i);
        if (tcp_listener_find(net, port) != NULL ||
            !source_port_is_home(net, peer.addr, peer.port, port))
            continue;
        struct tcp_conn *conn = tcp_conn_find(net, tcp_hash(net, peer.addr, peer.port, port),
                                              peer.addr, peer.port, port);
        taken++;
        if (conn != NULL && (reusable != NULL || !port_reusable(conn, now_ns)))
            continue;
        steps = i + 1;
        reusable = conn;
        if (conn == NULL)
            break;
    }
    if (steps == 0)
        return 0;
    uint16_t port = source_port_at(start, steps - 1);
    net->tcp.port_next = (uint16_t)((net->tcp.port_next + steps) % SOURCE_PORT_COUNT);
    if (reusable != NULL)
        tcp_conn_evict(reusable, NET_TCP_TIME_WAIT_REUSED);
    return port;
}

struct tcp_conn *tcp_connect(struct net *net, struct tcp_endpoint peer, const struct tcp_app *app,
                             void *ctx, uint64_t now_ns)
{
    uint16_t port = port_choose(net, peer, now_ns);
    if (port == 0) {
        net_count(net, NET_TCP_CONN_FULL);
        return NULL;
    }
    struct tcp_conn *conn = tcp_conn_take(net, peer, port, true, now_ns);
    if (conn == NULL)
        return NULL;
    conn->app = app;
    conn->ctx = ctx;
    tcp_conn_begin(conn, now_ns);
    tcp_conn_set_state(conn, TCP_SYN_SENT);
    net_count(net, NET_TCP_CONNECTS);
    if (!ip_routed(net, peer.addr) || ip_martian(net, peer.addr))
        tcp_life_arm(conn, 0, now_ns); /* the next turn says that it is unreachable */
    return conn;
}

enum err tcp_listen(struct net *net, uint16_t port, const struct tcp_app *app,
                    void *(*accepted)(void *listener_ctx, struct tcp_conn *conn),
                    void *listener_ctx)
{
    ASSERT(port != 0);
    if (tcp_listener_find(net, port) != NULL)
        return ERR_DUPLICATE;
    struct tcp_listener *listener = tcp_listener_find(net, 0);
    if (listener == NULL)
        return ERR_FULL;
    *listener = (struct tcp_listener){
        .app = app, .accepted = accepted, .ctx = listener_ctx, .port = port
    };
    return ERR_OK;
}

void tcp_unlisten(struct net *net, uint16_t port)
{
    struct tcp_listener *listener = tcp_listener_find(net, port);
    if (port == 0 || listener == NULL)
        return;
    *listener = (struct tcp_listener){ 0 };
    for (uint32_t i = 0; i < net->config.conn_cap; i++) {
        struct tcp_conn *conn = &net->tcp.conns[i];
        if (conn->state == TCP_SYN_RECEIVED && conn->passive && conn->local_port == port)
            tcp_conn_forget(conn);
    }
}

enum err tcp_send(struct tcp_conn *conn, struct chunk *chunk, uint32_t offset, uint32_t len,
                  uint64_t now_ns)
{
    ASSERT(len > 0 && offset <= chunk->len && len <= chunk->len - offset);
    if (conn->fin_queued || conn->state == TCP_CLOSED || conn->state == TCP_TIME_WAIT)
        return ERR_CLOSED;
    if (len > conn->net->config.send_len_max)
        return ERR_RANGE;
    if (len > tcp_send_room(conn)) {
        conn->want_room = true;
        return ERR_FULL;
    }
    if (tcp_queue_push(&conn->queue, &conn->net->tcp.ref_pool, chunk, offset, len) != ERR_OK) {
        net_count(conn->net, NET_TCP_SEND_REF_FULL);
        tcp_conn_starve(conn);
        return ERR_FULL;
    }
    if (!tcp_outstanding(conn))
        conn->progress_ns = now_ns; /* giving up counts from here */
    tcp_conn_out(conn);
    return ERR_OK;
}

uint32_t tcp_send_room(const struct tcp_conn *conn)
{
    uint32_t max = conn->net->config.send_len_max;
    return conn->queue.len < max ? max - conn->queue.len : 0;
}

uint32_t tcp_send_queued(const struct tcp_conn *conn)
{
    return conn->queue.len;
}

void tcp_resume(struct tcp_conn *conn, uint64_t now_ns)
{
    (void)now_ns;
    if (!conn->stalled || conn->on_resume)
        return;
    conn->on_resume = true;
    TAILQ_INSERT_TAIL(&conn->net->tcp.resume, conn, resume_link);
}

void tcp_close(struct tcp_conn *conn, uint64_t now_ns)
{
    if (conn->fin_queued || conn->state == TCP_CLOSED)
        return;
    conn->progress_ns = now_ns;
    conn->fin_queued = true;
    if (conn->state == TCP_ESTABLISHED)
        tcp_conn_set_state(conn, TCP_FIN_WAIT_1);
    else if (conn->state == TCP_CLOSE_WAIT)
        tcp_conn_set_state(conn, TCP_LAST_ACK);
    tcp_conn_out(conn);
}

void tcp_abort(struct tcp_conn *conn, uint64_t now_ns)
{
    if (conn->state == TCP_CLOSED)
        return;
    if (conn->state != TCP_SYN_SENT)
        tcp_send_rst(conn, now_ns);
    tcp_conn_forget(conn);
}

struct tcp_endpoint tcp_peer(const struct tcp_conn *conn)
{
    return (struct tcp_endpoint){ .addr = conn->peer_addr, .port = conn->peer_port };
}

struct tcp_endpoint tcp_local(const struct tcp_conn *conn)
{
    return (struct tcp_endpoint){ .addr = ip_source(conn->net, conn->peer_addr),
                                  .port = conn->local_port };
}
