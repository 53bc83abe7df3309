/* What happens to a connection because time passes. */
#include "io/net/ip4.h"
#include "io/tcp/tcp_conn.h"

#define BACKOFF_MAX 16u
#define KEEP_ALIVE_STEPS 10u
#define KEEP_ALIVE_STEP_MS_MIN 1000u
#define PEER_ACK_DELAY_US 200000u /* WCDelAckT of RFC 8985 §7.2 */
#define PTO_US_MIN 10000u         /* a busy peer is no lost segment */
#define CLOCK_US 1000u            /* the wheel's tick: G of RFC 6298 */

static uint64_t rto_ns(const struct tcp_conn *conn)
{
    uint64_t ms = (uint64_t)conn->rto_ms << conn->backoff;
    uint32_t ms_max = conn->net->config.rto_ms_max;
    return (ms < ms_max ? ms : ms_max) * TCP_NS_PER_MS;
}

void tcp_rtt_sample(struct tcp_conn *conn, uint64_t rtt_ns)
{
    uint32_t rtt = (uint32_t)(rtt_ns / 1000) + 1;
    if (conn->srtt_us == 0) { /* (2.2) */
        conn->srtt_us = rtt;
        conn->rttvar_us = rtt / 2;
    } else { /* (2.3) */
        uint32_t off = rtt > conn->srtt_us ? rtt - conn->srtt_us : conn->srtt_us - rtt;
        conn->rttvar_us = conn->rttvar_us - conn->rttvar_us / 4 + off / 4;
        conn->srtt_us = conn->srtt_us - conn->srtt_us / 8 + rtt / 8;
    }
    uint32_t var = 4 * conn->rttvar_us;
    uint32_t ms = (conn->srtt_us + (var > CLOCK_US ? var : CLOCK_US)) / 1000 + 1;
    const struct net_config *config = &conn->net->config;
    ms = ms < config->rto_ms_min ? config->rto_ms_min : ms;
    conn->rto_ms = ms > config->rto_ms_max ? config->rto_ms_max : ms;
    conn->backoff = 0;
}

/* Whether the retransmission timer is a tail-loss probe's first (RFC 8985 §7.2). */
static bool tail_eligible(const struct tcp_conn *conn)
{
    return conn->sack_ok && conn->loss == TCP_LOSS_NONE && !conn->tail_sent &&
           conn->board.head == NULL && conn->srtt_us != 0 && conn->backoff == 0 &&
           tcp_synchronised(conn);
}

/* PTO: two round trips after the last sign of life, and the peer's delayed ACK on top when what is
 * outstanding may not make it answer at once; never later than the RTO. */
static uint64_t tail_due_ns(const struct tcp_conn *conn)
{
    uint64_t from = conn->sent_ns > conn->progress_ns ? conn->sent_ns : conn->progress_ns;
    uint64_t pto_us = 2ull * conn->srtt_us;
    if (conn->snd_nxt - conn->snd_una < 2u * conn->mss)
        pto_us += PEER_ACK_DELAY_US;
    if (pto_us < PTO_US_MIN)
        pto_us = PTO_US_MIN;
    uint64_t due_ns = from + pto_us * 1000;
    return due_ns < conn->rto_due_ns ? due_ns : conn->rto_due_ns;
}

/* Each acknowledgment moves the deadline, the timer stays: when it goes off too early it is put
 * again. */
void tcp_retransmit_arm(struct tcp_conn *conn, uint64_t now_ns)
{
    if (conn->persisting)
        wheel_disarm(&conn->net->wheel, &conn->retransmit_timer);
    conn->persisting = false;
    conn->rto_due_ns = now_ns + rto_ns(conn);
    tcp_retransmit_hasten(conn);
}

void tcp_retransmit_hasten(struct tcp_conn *conn)
{
    struct timer *timer = &conn->retransmit_timer;
    uint64_t due_ns = tail_eligible(conn) ? tail_due_ns(conn) : conn->rto_due_ns;
    if (!timer_armed(timer) || timer->tick * WHEEL_TICK_NS > due_ns + WHEEL_TICK_NS)
        wheel_arm(&conn->net->wheel, timer, due_ns);
}

void tcp_retransmit_disarm(struct tcp_conn *conn)
{
    wheel_disarm(&conn->net->wheel, &conn->retransmit_timer);
    conn->persisting = false;
}

void tcp_persist_arm(struct tcp_conn *conn, uint64_t now_ns)
{
    conn->persisting = true;
    wheel_arm(&conn->net->wheel, &conn->retransmit_timer, now_ns + rto_ns(conn));
}

void tcp_life_arm(struct tcp_conn *conn, uint32_t after_ms, uint64_t now_ns)
{
    wheel_arm(&conn->net->wheel, &conn->life_timer, now_ns + after_ms * TCP_NS_PER_MS);
}

static void give_up(struct tcp_conn *conn)
{
    net_count(conn->net, NET_TCP_TIMEOUTS);
    tcp_conn_end(conn, ERR_TIMEOUT);
}

static bool hopeless(const struct tcp_conn *conn, uint64_t now_ns)
{
    return now_ns - conn->progress_ns >= conn->net->config.give_up_ms * TCP_NS_PER_MS;
}

/* True when it is the tail's turn, or too early for anything. */
static bool tail_timer(struct tcp_conn *conn, uint64_t now_ns)
{
    bool tail = tail_eligible(conn);
    uint64_t due_ns = tail ? tail_due_ns(conn) : conn->rto_due_ns;
    if (now_ns >= due_ns) {
        if (!tail)
            return false;
        conn->tail_probe = true;
        conn->tail_sent = true;
        conn->tail_end = conn->snd_max;
        conn->rto_due_ns = now_ns + rto_ns(conn);
        due_ns = conn->rto_due_ns;
        tcp_conn_out(conn);
    }
    wheel_arm(&conn->net->wheel, &conn->retransmit_timer, due_ns);
    return true;
}

static void retransmit_timer(struct tcp_conn *conn, uint64_t now_ns)
{
    if (!conn->persisting && tail_timer(conn, now_ns))
        return;
    if (tcp_synchronised(conn) && hopeless(conn, now_ns)) {
        if (conn->persisting)
            tcp_send_rst(conn, now_ns); /* it is there, and waits for more */
        give_up(conn);
        return;
    }
    if (conn->persisting) {
        conn->probe = true;
    } else {
        net_count(conn->net, NET_TCP_RTO);
        if (tcp_synchronised(conn))
            tcp_recovery_timeout(conn, now_ns);
        conn->snd_nxt = conn->snd_una;
        conn->rtt_timing = false;
        if (conn->timed_out)
            ip_doubt(conn->net, conn->peer_addr);
        conn->timed_out = true;
        conn->syn_resent = conn->syn_resent || !tcp_synchronised(conn);
    }
    if (conn->backoff < BACKOFF_MAX)
        conn->backoff++;
    if (conn->persisting)
        tcp_persist_arm(conn, now_ns);
    else
        tcp_retransmit_arm(conn, now_ns);
    tcp_conn_out(conn);
}

static uint64_t keep_alive_due_ns(const struct tcp_conn *conn)
{
    uint32_t keep_ms = conn->net->config.keep_alive_ms;
    uint32_t step_ms = max_u32(keep_ms / KEEP_ALIVE_STEPS, KEEP_ALIVE_STEP_MS_MIN);
    return conn->heard_ns + (keep_ms + (uint64_t)conn->keep_tries * step_ms) * TCP_NS_PER_MS;
}

static uint64_t idle_due_ns(const struct tcp_conn *conn)
{
    return conn->used_ns + conn->net->config.idle_ms * TCP_NS_PER_MS;
}

/* The nearer of the two that are configured. */
void tcp_open_life_arm(struct tcp_conn *conn, uint64_t now_ns)
{
    const struct net_config *config = &conn->net->config;
    uint64_t due_ns = UINT64_MAX;
    if (config->keep_alive_ms != 0)
        due_ns = keep_alive_due_ns(conn);
    if (config->idle_ms != 0 && idle_due_ns(conn) < due_ns)
        due_ns = idle_due_ns(conn);
    wheel_disarm(&conn->net->wheel, &conn->life_timer);
    if (due_ns != UINT64_MAX)
        wheel_arm(&conn->net->wheel, &conn->life_timer, due_ns > now_ns ? due_ns : now_ns);
}

/* One more probe is due, unless something was heard since the timer was armed; the connection may end. */
static void keep_alive(struct tcp_conn *conn, uint64_t now_ns)
{
    if (now_ns < keep_alive_due_ns(conn))
        return;
    if (conn->keep_tries >= conn->net->config.keep_alive_count) {
        tcp_send_rst(conn, now_ns);
        give_up(conn);
        return;
    }
    conn->keep_tries++;
    tcp_send_keep_alive(conn, now_ns);
}

static void open_life(struct tcp_conn *conn, uint64_t now_ns)
{
    const struct net_config *config = &conn->net->config;
    if (config->idle_ms != 0 && now_ns >= idle_due_ns(conn)) {
        net_count(conn->net, NET_TCP_IDLE);
        tcp_send_rst(conn, now_ns);
        give_up(conn);
        return;
    }
    if (config->keep_alive_ms != 0)
        keep_alive(conn, now_ns);
    if (conn->state != TCP_CLOSED)
        tcp_open_life_arm(conn, now_ns);
}

static void fin_wait(struct tcp_conn *conn, uint64_t now_ns)
{
    uint64_t idle_ms = (now_ns - conn->heard_ns) / TCP_NS_PER_MS;
    uint32_t limit_ms = conn->net->config.fin_wait_ms;
    if (idle_ms < limit_ms) {
        tcp_life_arm(conn, limit_ms - (uint32_t)idle_ms, now_ns);
        return;
    }
    tcp_send_rst(conn, now_ns);
    give_up(conn);
}

static void life_timer(struct tcp_conn *conn, uint64_t now_ns)
{
    switch ((enum tcp_state)conn->state) {
    case TCP_SYN_SENT:
    case TCP_SYN_RECEIVED:
        net_count(conn->net, NET_TCP_TIMEOUTS);
        tcp_conn_end(conn,
                     ip_next_hop_known(conn->net, conn->peer_addr) ? ERR_TIMEOUT : ERR_UNREACHABLE);
        return;
    case TCP_ESTABLISHED:
    case TCP_CLOSE_WAIT:
        open_life(conn, now_ns);
        return;
    case TCP_FIN_WAIT_2:
        fin_wait(conn, now_ns);
        return;
    case TCP_TIME_WAIT:
        tcp_conn_forget(conn);
        return;
    case TCP_FIN_WAIT_1: /* something is outstanding: the retransmission timer has it */
    case TCP_CLOSING:
    case TCP_LAST_ACK:
    case TCP_CLOSED:
        return;
    }
}

void tcp_timer(struct timer *timer, uint64_t now_ns)
{
    struct tcp_conn *conn;
    switch ((enum net_timer)timer->kind) {
    case NET_TIMER_RETRANSMIT:
        retransmit_timer(CONTAINER_OF(timer, struct tcp_conn, retransmit_timer), now_ns);
        return;
    case NET_TIMER_ACK:
        conn = CONTAINER_OF(timer, struct tcp_conn, ack_timer);
        conn->ack_now = true;
        tcp_conn_out(conn);
        return;
    case NET_TIMER_LIFE:
        life_timer(CONTAINER_OF(timer, struct tcp_conn, life_timer), now_ns);
        return;
    case NET_TIMER_NEIGHBOUR: /* none of ours: net_timers */
    case NET_TIMER_ANNOUNCE:
    case NET_TIMER_MLD:
        return;
    }
}
