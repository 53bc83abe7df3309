/* What protocols see of TCP (RFC 9293): connections, octets in order, references out. Never
 * packets.
 *
 * All calls are for the core that owns the net. Callbacks come from net_rx and net_timers; they may
 * call anything here, but not net_rx, net_timers or net_flush. A tcp_conn is valid from tcp_connect
 * or accepted() until closed() or tcp_abort(); after that it must not be touched.
 *
 * There is no Nagle: what is queued until net_flush leaves then, in as few segments as hold it. */
#ifndef IO_TCP_TCP_H
#define IO_TCP_TCP_H

#include "base/span.h"
#include "io/chunk.h"
#include "io/net/net.h"

struct tcp_conn;

struct tcp_endpoint {
    struct ip_addr addr;
    uint16_t port; /* host order */
};

/* None may be NULL. */
struct tcp_app {
    void (*opened)(void *ctx, struct tcp_conn *conn);

    /* The next octets, in order. Returns how many it took; what is left is offered again, with what
     * came after, once tcp_resume is called, and the window closes meanwhile. */
    size_t (*received)(void *ctx, struct tcp_conn *conn, struct span in);

    /* There is room again after tcp_send said ERR_FULL. */
    void (*writable)(void *ctx, struct tcp_conn *conn);

    /* The peer will send no more. We still may, until tcp_close. */
    void (*peer_closed)(void *ctx, struct tcp_conn *conn);

    /* The last call. ERR_OK: both sides closed and all we sent was acknowledged. ERR_RESET,
     * ERR_REFUSED (in answer to our SYN), ERR_TIMEOUT, ERR_UNREACHABLE otherwise. */
    void (*closed)(void *ctx, struct tcp_conn *conn, enum err why);
};

/* Starts to connect: opened() or closed() follows. NULL when the table or the ports are full. */
struct tcp_conn *tcp_connect(struct net *net, struct tcp_endpoint peer, const struct tcp_app *app,
                             void *ctx, uint64_t now_ns);

/* Listens on a port: each connection, once established, is shown to accepted(), which returns the
 * ctx for `app`, or NULL to reset it; then comes opened(). ERR_FULL, or ERR_DUPLICATE when the port
 * is taken. */
MUST_CHECK enum err tcp_listen(struct net *net, uint16_t port, const struct tcp_app *app,
                               void *(*accepted)(void *listener_ctx, struct tcp_conn *conn),
                               void *listener_ctx);

/* Stops listening; accepted connections stay, half-open ones are forgotten. */
void tcp_unlisten(struct net *net, uint16_t port);

/* Queues chunk bytes [offset, offset + len), which must not change any more, by a reference of its
 * own, given back when they are acknowledged or the connection ends. May be called before opened().
 * All or nothing: ERR_FULL when the send queue or the net's references have no room (writable()
 * follows), ERR_CLOSED after tcp_close, ERR_RANGE
 * when len is above send_len_max. len > 0. */
MUST_CHECK enum err tcp_send(struct tcp_conn *conn, struct chunk *chunk, uint32_t offset,
                             uint32_t len, uint64_t now_ns);

/* Octets tcp_send would take now. */
uint32_t tcp_send_room(const struct tcp_conn *conn);

/* Octets queued that the peer has not acknowledged: 0 means all has arrived. */
uint32_t tcp_send_queued(const struct tcp_conn *conn);

/* Asks to be offered again what received() left: in the next net_timers. */
void tcp_resume(struct tcp_conn *conn, uint64_t now_ns);

/* FIN after what is queued. received() still comes until the peer closes too. A peer that shuts its
 * window for give_up_ms is reset then, however often it says that it is there (RFC 6429 §4). */
void tcp_close(struct tcp_conn *conn, uint64_t now_ns);

/* RST at once; closed() is not called. */
void tcp_abort(struct tcp_conn *conn, uint64_t now_ns);

struct tcp_endpoint tcp_peer(const struct tcp_conn *conn);
struct tcp_endpoint tcp_local(const struct tcp_conn *conn);

#endif
