/* Connections: memory, lookup, beginnings and ends. */
#include "io/tcp/tcp_conn.h"

#include "io/net/siphash.h"

#include <rte_malloc.h>

#define HELD_OCTETS_MIN 512u
#define HELD_EACH_MIN 64u
#define AHEAD_CONNS_MIN 256u

static void *zalloc(const struct net *net, const char *what, uint64_t count, size_t size)
{
    return rte_zmalloc_socket(what, count * size, CACHE_LINE, net->config.numa_node);
}

bool tcp_init(struct net *net)
{
    struct tcp_table *tcp = &net->tcp;
    const struct net_config *config = &net->config;
    uint32_t slot_count = 16;
    while (slot_count / TCP_SLOTS_FULL_OF * TCP_SLOTS_FULL < config->conn_cap)
        slot_count *= 2;
    tcp->slot_mask = slot_count - 1;
    tcp->ahead_conns_min = AHEAD_CONNS_MIN;
    TAILQ_INIT(&tcp->out);
    TAILQ_INIT(&tcp->resume);
    TAILQ_INIT(&tcp->time_wait);
    TAILQ_INIT(&tcp->half_open);
    TAILQ_INIT(&tcp->starved);
    while (config->recv_len_max >> tcp->wscale > UINT16_MAX)
        tcp->wscale++;
    tcp->slots = zalloc(net, "tcp_slots", slot_count, sizeof *tcp->slots);
    tcp->conns = zalloc(net, "tcp_conns", config->conn_cap, sizeof *tcp->conns);
    tcp->listeners = zalloc(net, "tcp_listeners", config->listener_cap, sizeof *tcp->listeners);
    tcp->refs = zalloc(net, "tcp_refs", config->send_ref_cap, sizeof *tcp->refs);
    tcp->held = zalloc(net, "tcp_held", config->held_cap, sizeof *tcp->held);
    tcp->ranges = zalloc(net, "tcp_ranges", config->sack_range_cap, sizeof *tcp->ranges);
    if (tcp->slots == NULL || tcp->conns == NULL || tcp->listeners == NULL || tcp->refs == NULL ||
        tcp->held == NULL || tcp->ranges == NULL)
        return false;
    for (uint32_t i = config->conn_cap; i-- > 0; tcp->free = &tcp->conns[i])
        tcp->conns[i].free_next = tcp->free;
    for (uint32_t i = config->send_ref_cap; i-- > 0; tcp->ref_pool.free = &tcp->refs[i])
        tcp->refs[i].next = tcp->ref_pool.free;
    for (uint32_t i = config->held_cap; i-- > 0; tcp->held_pool.free = &tcp->held[i])
        tcp->held[i].next = tcp->held_pool.free;
    /* A connection's share: its window in segments of half the usual size, and never all there is. */
    tcp->held_pool.each_max =
        min_u32(max_u32(config->recv_len_max / HELD_OCTETS_MIN, HELD_EACH_MIN),
                max_u32(config->held_cap / 2, 1));
    for (uint32_t i = config->sack_range_cap; i-- > 0; tcp->range_pool.free = &tcp->ranges[i])
        tcp->ranges[i].next = tcp->range_pool.free;
    return true;
}

void tcp_fini(struct net *net)
{
    struct tcp_table *tcp = &net->tcp;
    for (uint32_t i = 0; tcp->conns != NULL && tcp->held != NULL && i < net->config.conn_cap; i++) {
        struct tcp_conn *conn = &tcp->conns[i];
        tcp_queue_release(&conn->queue, &tcp->ref_pool, conn->queue.len);
        tcp_held_clear(&conn->held, &tcp->held_pool);
    }
    rte_free(tcp->ranges);
    rte_free(tcp->held);
    rte_free(tcp->refs);
    rte_free(tcp->listeners);
    rte_free(tcp->conns);
    rte_free(tcp->slots);
}

uint32_t tcp_hash(const struct net *net, struct ip_addr peer_addr, uint16_t peer_port,
                  uint16_t local_port)
{
    const uint64_t words[3] = { ip_word(peer_addr, 0), ip_word(peer_addr, 1),
                                (uint64_t)peer_port << 16 | local_port };
    return (uint32_t)siphash_words(net->config.seed, words, COUNT(words), 1, 3);
}

struct tcp_conn *tcp_conn_find(const struct net *net, uint32_t hash, struct ip_addr peer_addr,
                               uint16_t peer_port, uint16_t local_port)
{
    const struct tcp_table *tcp = &net->tcp;
    for (uint32_t at = hash & tcp->slot_mask;; at = (at + 1) & tcp->slot_mask) {
        const struct tcp_slot *slot = &tcp->slots[at];
        if (slot->conn == 0)
            return NULL;
        if (slot->hash != hash)
            continue;
        struct tcp_conn *conn = &tcp->conns[slot->conn - 1];
        if (ip_equal(conn->peer_addr, peer_addr) && conn->peer_port == peer_port &&
            conn->local_port == local_port)
            return conn;
    }
}

static void slot_insert(struct tcp_table *tcp, const struct tcp_conn *conn)
{
    uint32_t at = conn->hash & tcp->slot_mask;
    while (tcp->slots[at].conn != 0)
        at = (at + 1) & tcp->slot_mask;
    tcp->slots[at] = (struct tcp_slot){ conn->hash, (uint32_t)(conn - tcp->conns) + 1 };
}

/* Closes the gap by moving back what was pushed past it, so that no tombstones pile up. */
static void slot_remove(struct tcp_table *tcp, const struct tcp_conn *conn)
{
    uint32_t number = (uint32_t)(conn - tcp->conns) + 1;
    uint32_t gap = conn->hash & tcp->slot_mask;
    while (tcp->slots[gap].conn != number)
        gap = (gap + 1) & tcp->slot_mask;
    for (uint32_t at = (gap + 1) & tcp->slot_mask; tcp->slots[at].conn != 0;
         at = (at + 1) & tcp->slot_mask) {
        uint32_t from_home = (at - tcp->slots[at].hash) & tcp->slot_mask;
        if (from_home < ((at - gap) & tcp->slot_mask))
            continue; /* it would land before its home */
        tcp->slots[gap] = tcp->slots[at];
        gap = at;
    }
    tcp->slots[gap] = (struct tcp_slot){ 0, 0 };
}

static void conn_free(struct tcp_conn *conn)
{
    struct tcp_table *tcp = &conn->net->tcp;
    if (conn->on_out)
        TAILQ_REMOVE(&tcp->out, conn, out_link);
    if (conn->on_hop)
        LIST_REMOVE(conn, hop_link);
    if (conn->on_resume)
        TAILQ_REMOVE(&tcp->resume, conn, resume_link);
    *conn = (struct tcp_conn){ .free_next = tcp->free };
    tcp->free = conn;
}

static void starved_remove(struct tcp_conn *conn)
{
    if (conn->starved)
        TAILQ_REMOVE(&conn->net->tcp.starved, conn, wait_link);
    conn->starved = false;
}

/* Out of the table and of every timer, nothing held any more. */
static void conn_detach(struct tcp_conn *conn)
{
    struct net *net = conn->net;
    starved_remove(conn);
    tcp_conn_set_state(conn, TCP_CLOSED);
    slot_remove(&net->tcp, conn);
    net->tcp.conn_count--;
    tcp_queue_release(&conn->queue, &net->tcp.ref_pool, conn->queue.len);
    tcp_held_clear(&conn->held, &net->tcp.held_pool);
    tcp_board_clear(&conn->board, &net->tcp.range_pool);
    wheel_disarm(&net->wheel, &conn->retransmit_timer);
    wheel_disarm(&net->wheel, &conn->ack_timer);
    wheel_disarm(&net->wheel, &conn->life_timer);
}

void tcp_conn_evict(struct tcp_conn *conn, enum net_counter which)
{
    net_count(conn->net, which);
    conn_detach(conn);
    conn_free(conn);
}

/* Not one that came on the list in this turn: somebody may be just using it. */
static struct tcp_conn *oldest(const struct tcp_conn_list *list)
{
    struct tcp_conn *conn = TAILQ_FIRST(list);
    while (conn != NULL && conn->on_out)
        conn = TAILQ_NEXT(conn, wait_link);
    return conn;
}

/* The bound of the table: a live connection is worth more than the oldest dead one, and one that is
 * proven more than the oldest that is not. */
static void room_make(struct net *net, bool proven)
{
    struct tcp_conn *time_wait = oldest(&net->tcp.time_wait);
    struct tcp_conn *half_open = proven ? oldest(&net->tcp.half_open) : NULL;
    if (time_wait != NULL)
        tcp_conn_evict(time_wait, NET_TCP_TIME_WAIT_EVICTED);
    else if (half_open != NULL)
        tcp_conn_evict(half_open, NET_TCP_HALF_OPEN_EVICTED);
}

struct tcp_conn *tcp_conn_take(struct net *net, struct tcp_endpoint peer, uint16_t local_port,
                               bool proven, uint64_t now_ns)
{
    struct tcp_table *tcp = &net->tcp;
    if (tcp->free == NULL)
        room_make(net, proven);
    struct tcp_conn *conn = tcp->free;
    if (conn == NULL) {
        net_count(net, NET_TCP_CONN_FULL);
        return NULL;
    }
    tcp->free = conn->free_next;
    *conn = (struct tcp_conn){ .net = net,
                               .peer_addr = peer.addr,
                               .peer_port = peer.port,
                               .local_port = local_port,
                               .hash = tcp_hash(net, peer.addr, peer.port, local_port),
                               .rto_ms = TCP_RTO_MS_INITIAL,
                               .heard_ns = now_ns,
                               .progress_ns = now_ns,
                               .used_ns = now_ns,
                               .retransmit_timer.kind = NET_TIMER_RETRANSMIT,
                               .ack_timer.kind = NET_TIMER_ACK,
                               .life_timer.kind = NET_TIMER_LIFE };
    slot_insert(tcp, conn);
    tcp->conn_count++;
    return conn;
}

void tcp_conn_set_state(struct tcp_conn *conn, enum tcp_state state)
{
    struct tcp_table *tcp = &conn->net->tcp;
    bool was_half_open = conn->state == TCP_SYN_RECEIVED && conn->passive;
    bool is_half_open = state == TCP_SYN_RECEIVED && conn->passive;
    if (was_half_open) {
        TAILQ_REMOVE(&tcp->half_open, conn, wait_link);
        tcp->half_open_count--;
    }
    if (is_half_open) {
        TAILQ_INSERT_TAIL(&tcp->half_open, conn, wait_link);
        tcp->half_open_count++;
    }
    if (conn->state == TCP_TIME_WAIT) {
        TAILQ_REMOVE(&tcp->time_wait, conn, wait_link);
        tcp->time_wait_count--;
    }
    if (state == TCP_TIME_WAIT) {
        TAILQ_INSERT_TAIL(&tcp->time_wait, conn, wait_link);
        tcp->time_wait_count++;
    }
    conn->state = (uint8_t)state;
}

void tcp_conn_out(struct tcp_conn *conn)
{
    if (conn->on_out)
        return;
    if (conn->on_hop)
        LIST_REMOVE(conn, hop_link);
    conn->on_hop = false;
    conn->on_out = true;
    TAILQ_INSERT_TAIL(&conn->net->tcp.out, conn, out_link);
}

bool tcp_conn_await_hop(struct tcp_conn *conn, uint64_t now_ns)
{
    ASSERT(!conn->on_out && !conn->on_hop);
    struct neighbour_waiting *waiting = ip_await(conn->net, conn->peer_addr, now_ns);
    if (waiting == NULL)
        return false;
    conn->on_hop = true;
    LIST_INSERT_HEAD(waiting, conn, hop_link);
    return true;
}

void tcp_conn_starve(struct tcp_conn *conn)
{
    if (conn->starved)
        return;
    conn->starved = true;
    TAILQ_INSERT_TAIL(&conn->net->tcp.starved, conn, wait_link);
}

/* As long as references last: who uses none does not come on the list again. */
void tcp_feed_starved(struct net *net)
{
    struct tcp_table *tcp = &net->tcp;
    struct tcp_conn *conn;
    while (tcp->ref_pool.free != NULL && (conn = TAILQ_FIRST(&tcp->starved)) != NULL) {
        starved_remove(conn);
        conn->app->writable(conn->ctx, conn);
    }
}

void tcp_conn_forget(struct tcp_conn *conn)
{
    conn_detach(conn);
    conn->app = NULL;
    tcp_conn_out(conn); /* whoever is just using it may finish: the flush frees it */
}

void tcp_conn_end(struct tcp_conn *conn, enum err why)
{
    const struct tcp_app *app = conn->app;
    tcp_conn_forget(conn);
    if (app != NULL)
        app->closed(conn->ctx, conn, why);
}

void tcp_conn_reap(struct tcp_conn *conn)
{
    ASSERT(conn->state == TCP_CLOSED);
    conn_free(conn);
}

void tcp_conn_time_wait(struct tcp_conn *conn, uint64_t now_ns)
{
    struct net *net = conn->net;
    const struct tcp_app *app = conn->app;
    starved_remove(conn);
    tcp_conn_set_state(conn, TCP_TIME_WAIT);
    tcp_retransmit_disarm(conn);
    tcp_life_arm(conn, net->config.time_wait_ms, now_ns);
    tcp_conn_out(conn);
    struct tcp_conn *first;
    while (net->tcp.time_wait_count > net->config.time_wait_cap &&
           (first = oldest(&net->tcp.time_wait)) != NULL)
        tcp_conn_evict(first, NET_TCP_TIME_WAIT_EVICTED);
    conn->app = NULL;
    if (app != NULL)
        app->closed(conn->ctx, conn, ERR_OK);
}

struct tcp_listener *tcp_listener_find(struct net *net, uint16_t port)
{
    for (uint32_t i = 0; i < net->config.listener_cap; i++)
        if (net->tcp.listeners[i].port == port)
            return &net->tcp.listeners[i];
    return NULL;
}
