/* The fleet behind our TCP. */
#include "bench/fleet/fleet_net.h"

static void peer_free(struct fleet_net_peer *peer)
{
    peer->tcp = NULL;
    peer->owner->connections--;
    fleet_conn_closed(peer->owner->fleet, peer->conn, peer->owner->now_ns);
}

static void *on_accepted(void *ctx, struct tcp_conn *tcp)
{
    struct fleet_net *owner = ctx;
    for (uint32_t i = 0; i < FLEET_NET_PEERS; i++) {
        struct fleet_net_peer *peer = &owner->peer[i];
        if (peer->tcp != NULL)
            continue;
        uint32_t conn = fleet_conn_open(owner->fleet, owner->now_ns);
        if (conn == FLEET_CONN_NONE)
            return NULL;
        *peer = (struct fleet_net_peer){ .owner = owner, .tcp = tcp, .conn = conn };
        owner->connections++;
        return peer;
    }
    return NULL;
}

static void on_opened(void *ctx, struct tcp_conn *tcp)
{
    (void)ctx;
    (void)tcp;
}

static size_t on_received(void *ctx, struct tcp_conn *tcp, struct span in)
{
    struct fleet_net_peer *peer = ctx;
    (void)tcp;
    if (peer->closing)
        return in.len;
    size_t taken = fleet_conn_input(peer->owner->fleet, peer->conn, in, peer->owner->now_ns);
    peer->full = taken < in.len;
    return taken;
}

static void on_writable(void *ctx, struct tcp_conn *tcp)
{
    (void)ctx; /* every turn tries */
    (void)tcp;
}

static void on_peer_closed(void *ctx, struct tcp_conn *tcp)
{
    struct fleet_net_peer *peer = ctx;
    if (!peer->closing)
        tcp_close(tcp, peer->owner->now_ns);
    peer->closing = true;
}

static void on_closed(void *ctx, struct tcp_conn *tcp, enum err why)
{
    (void)tcp;
    (void)why;
    peer_free(ctx);
}

static const struct tcp_app app = {
    .opened = on_opened,
    .received = on_received,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

/* Copies what the fleet has to say into chunks, as far as TCP takes them. */
static void send_output(struct fleet_net *owner, struct fleet_net_peer *peer)
{
    for (;;) {
        struct span out = fleet_conn_output(owner->fleet, peer->conn);
        uint32_t room = tcp_send_room(peer->tcp);
        size_t len = out.len < room ? out.len : room;
        len = len < FLEET_NET_CHUNK_LEN ? len : FLEET_NET_CHUNK_LEN;
        struct chunk *chunk = len > 0 ? chunk_take(owner->chunks) : NULL;
        if (chunk == NULL)
            return;
        struct writer w = chunk_writer(chunk);
        writer_bytes(&w, span_first(out, len));
        chunk_commit(chunk, &w);
        enum err err = tcp_send(peer->tcp, chunk, 0, (uint32_t)len, owner->now_ns);
        chunk_give(chunk);
        if (err != ERR_OK)
            return;
        fleet_conn_sent(owner->fleet, peer->conn, len);
    }
}

static void transmit(struct fleet_net *owner, struct fleet_net_peer *peer)
{
    struct fleet *fleet = owner->fleet;
    if (peer->closing)
        return;
    if (fleet_conn_wish(fleet, peer->conn) == FLEET_CONN_DROP) {
        tcp_abort(peer->tcp, owner->now_ns);
        peer_free(peer);
        return;
    }
    send_output(owner, peer);
    if (peer->full && fleet_conn_output(fleet, peer->conn).len == 0) {
        peer->full = false;
        tcp_resume(peer->tcp, owner->now_ns);
    }
    if (fleet_conn_wish(fleet, peer->conn) == FLEET_CONN_CLOSE &&
        fleet_conn_output(fleet, peer->conn).len == 0) {
        tcp_close(peer->tcp, owner->now_ns);
        peer->closing = true;
    }
}

bool fleet_net_open(struct fleet_net *owner, struct fleet *fleet, struct net *net,
                    struct chunk_pool *chunks, uint16_t port, struct fault *fault)
{
    *owner = (struct fleet_net){ .fleet = fleet, .net = net, .chunks = chunks };
    enum err err = tcp_listen(net, port, &app, on_accepted, owner);
    if (err != ERR_OK)
        fault_set(fault, "TCP port %u: %s", port, err_text(err));
    return err == ERR_OK;
}

uint32_t fleet_net_turn(struct fleet_net *owner, uint64_t now_ns)
{
    owner->now_ns = now_ns;
    uint32_t count = net_rx(owner->net, now_ns);
    net_timers(owner->net, now_ns);
    if (count > 0 || fleet_next_ns(owner->fleet) <= now_ns)
        fleet_tick(owner->fleet, now_ns);
    for (uint32_t i = 0; i < FLEET_NET_PEERS; i++)
        if (owner->peer[i].tcp != NULL)
            transmit(owner, &owner->peer[i]);
    net_flush(owner->net, now_ns);
    return count;
}

void fleet_net_cut(struct fleet_net *owner, uint64_t now_ns)
{
    for (uint32_t i = 0; i < FLEET_NET_PEERS; i++) {
        struct fleet_net_peer *peer = &owner->peer[i];
        if (peer->tcp == NULL)
            continue;
        tcp_abort(peer->tcp, now_ns);
        owner->now_ns = now_ns;
        peer_free(peer);
    }
}
