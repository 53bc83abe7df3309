/* A connection, for io/tcp; and what io/net calls of TCP. Protocols use io/tcp/tcp.h. */
#ifndef IO_TCP_TCP_CONN_H
#define IO_TCP_TCP_CONN_H

#include "io/net/icmp.h"
#include "io/net/ip_route.h"
#include "io/net/net_state.h"
#include "io/tcp/tcp_board.h"
#include "io/tcp/tcp_cubic.h"
#include "io/tcp/tcp_seq.h"
#include "io/tcp/tcp_wire.h"

/* RFC 9293 §3.3.2. LISTEN is a tcp_listener, no connection. */
enum tcp_state {
    TCP_CLOSED, /* waits to be freed */
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_LAST_ACK,
    TCP_TIME_WAIT,
};

/* What is under way against loss. */
enum tcp_loss {
    TCP_LOSS_NONE,
    TCP_LOSS_FAST, /* fast recovery: RFC 6675 with SACK, RFC 6582 without */
    TCP_LOSS_RTO,  /* after a time-out: everything is sent anew from snd_nxt, in slow start */
};

struct tcp_conn {
    struct net *net;
    const struct tcp_app *app; /* NULL: nobody is to be called (yet, or any more) */
    void *ctx;

    struct ip_addr peer_addr;
    uint16_t peer_port;
    uint16_t local_port;
    uint32_t hash;
    uint8_t state;
    uint8_t snd_wscale;
    uint8_t rcv_wscale;
    uint8_t backoff; /* doublings of the RTO, until a sample (Karn); of the time between probes */
    uint8_t loss;    /* enum tcp_loss */
    uint8_t keep_tries; /* probes since something was heard */
    uint8_t challenges; /* in this second */
    uint8_t quick_acks; /* full segments yet to be acknowledged at once */
    uint16_t dup_acks;  /* segments the peer has beyond snd_una, as far as duplicate ACKs tell */

    bool passive : 1; /* from a listener */
    bool on_out : 1;
    bool on_hop : 1; /* waits for the next hop's answer to send its SYN; then not on_out */
    bool on_resume : 1;
    bool starved : 1;
    bool wscale_agreed : 1; /* both sides sent the option (RFC 7323 §2.2) */
    bool fin_queued : 1;    /* the application closed */
    bool fin_held : 1;      /* the peer's FIN is known, at fin_seq */
    bool fin_taken : 1;     /* and all before it received */
    bool stalled : 1;       /* the application left octets */
    bool want_room : 1;     /* tcp_send said ERR_FULL */
    bool ack_now : 1;
    bool cwnd_limited : 1; /* the last flush was held back by cwnd */
    bool rtt_timing : 1;
    bool timed_out : 1; /* the first unacknowledged segment has */
    bool syn_resent : 1;
    bool persisting : 1;  /* the retransmission timer is the zero-window probe's */
    bool probe : 1;       /* probe at the next flush */
    bool mss_lowered : 1; /* by the path: looked at again, as that is forgotten in time */
    bool sack_ok : 1;     /* both sides sent SACK-permitted (RFC 2018 §2) */
    bool ts_ok : 1;       /* and timestamps (RFC 7323 §3.2) */
    bool dsack_due : 1;   /* dsack is to be told in the next ACK (RFC 2883) */
    bool rescued : 1;     /* this recovery's rescue retransmission is out (RFC 6675 §4) */
    bool eifel : 1;       /* the next ACK tells whether what was sent again was late (RFC 3522) */
    bool undo : 1;        /* so may DSACKs: what the last fast recovery took may be given back */
    bool tail_probe : 1;  /* a tail-loss probe, at the next flush (RFC 8985 §7) */
    bool tail_sent : 1;   /* one is out, up to tail_end */
    bool tail_again : 1;  /* and sent nothing that was not sent before */

    uint16_t resent; /* segments it sent again that no DSACK has told of */

    /* Sending (RFC 9293 §3.3.1). snd_max is the highest ever sent, snd_nxt falls back on an RTO. */
    uint32_t iss;
    uint32_t snd_una;
    uint32_t snd_nxt;
    uint32_t snd_max;
    uint32_t snd_wnd;
    uint32_t snd_wnd_max;
    uint32_t snd_wl1;
    uint32_t snd_wl2;
    uint16_t mss;      /* octets in a segment we send, timestamps taken off (RFC 6691) */
    uint16_t mss_peer; /* what the peer and our link take, with them */
    uint16_t rcv_mss;  /* octets in a segment the peer sends, as far as seen */
    uint16_t challenge_second;
    struct tcp_queue queue;

    /* Congestion and timing. */
    uint32_t cwnd;
    uint32_t ssthresh;
    struct tcp_cubic cubic;
    uint32_t srtt_us; /* 0: no sample yet */
    uint32_t rttvar_us;
    uint32_t rto_ms;
    uint32_t rtt_seq;     /* the sample ends when this is acknowledged */
    uint64_t rtt_ns;      /* when it began */
    uint64_t sent_ns;     /* the last segment with octets */
    uint64_t progress_ns; /* the peer's last sign that what is outstanding moves, or may not yet */
    uint64_t heard_ns;    /* the last acceptable segment */
    uint64_t used_ns;     /* the last octets, either way */
    uint64_t rto_due_ns;

    /* Loss. */
    struct tcp_board board;
    uint32_t recover;  /* recovery ends when this is acknowledged */
    uint32_t lost_end; /* in fast recovery: what is before it and not marked is lost, */
    uint32_t sent_end; /* and what is before this was sent again (HighRxt of RFC 6675) */
    uint32_t undo_ssthresh;
    union {
        uint32_t tail_end;
        uint32_t resent_ts; /* in fast recovery: of the first segment sent again */
    };
    union {
        struct { /* in fast recovery: proportional rate reduction (RFC 6937) */
            uint32_t delivered;
            uint32_t out;
            uint32_t flight; /* RecoverFS */
        } prr;
        struct {             /* after a time-out */
            uint32_t ts;     /* of the first segment sent again */
            uint32_t flight; /* pipe_prev of RFC 4015 */
        } rto;
    };

    /* Timestamps (RFC 7323). */
    uint32_t ts_offset; /* what ours are ahead of our clock */
    uint32_t ts_recent; /* TS.Recent, taken at ts_recent_s */
    uint32_t ts_recent_s;
    uint32_t rcv_acked; /* Last.ACK.sent */

    /* Receiving. */
    struct tcp_sack dsack;
    uint32_t irs;
    uint32_t rcv_read; /* next for the application */
    uint32_t rcv_nxt;
    uint32_t rcv_edge; /* right edge of the window we last offered */
    uint32_t fin_seq;
    uint32_t unacked_len; /* received since our last ACK */
    struct tcp_held_list held;

    struct timer retransmit_timer; /* or the probe of a zero window */
    struct timer ack_timer;
    struct timer life_timer; /* connecting, keep-alive, FIN-WAIT-2, TIME-WAIT */
    union {
        TAILQ_ENTRY(tcp_conn) out_link;
        LIST_ENTRY(tcp_conn) hop_link;
    };
    TAILQ_ENTRY(tcp_conn) resume_link;
    TAILQ_ENTRY(tcp_conn) wait_link; /* half-open, in TIME-WAIT, or starved */
    struct tcp_conn *free_next;
};

/* With its share of the index, which may have just doubled: two slots for three quarters of one. */
static_assert(sizeof(struct tcp_conn) <= 512 - 3 * sizeof(struct tcp_slot), "design §8");

/* tcp_conn.c: memory, table, ends. */
MUST_CHECK bool tcp_init(struct net *net);
void tcp_fini(struct net *net);
uint32_t tcp_hash(const struct net *net, struct ip_addr peer_addr, uint16_t peer_port,
                  uint16_t local_port);
struct tcp_conn *tcp_conn_find(const struct net *net, uint32_t hash, struct ip_addr peer_addr,
                               uint16_t peer_port, uint16_t local_port);
/* A connection in the table, in TCP_CLOSED, all zero else; NULL when full. The oldest in TIME-WAIT
 * makes room; for one that is `proven`, no mere SYN, the oldest half-open one does too. */
struct tcp_conn *tcp_conn_take(struct net *net, struct tcp_endpoint peer, uint16_t local_port,
                               bool proven, uint64_t now_ns);
/* tcp.c: sequence numbers, queue and time-out of a connection about to begin. */
void tcp_conn_begin(struct tcp_conn *conn, uint64_t now_ns);
/* Its timestamps' offset; returns what its ISN begins at. */
uint32_t tcp_conn_secret_take(struct tcp_conn *conn);
/* All its sequence numbers, from an ISN. */
void tcp_conn_number(struct tcp_conn *conn, uint32_t iss);
/* Out of the table, all it holds given back, freed at the next flush; closed() called with `why`.
 */
void tcp_conn_end(struct tcp_conn *conn, enum err why);
/* The same without a word to the application. */
void tcp_conn_forget(struct tcp_conn *conn);
/* To be told that it can send again once there are references. */
void tcp_conn_starve(struct tcp_conn *conn);
void tcp_feed_starved(struct net *net);
/* Counts and frees one that nobody is using. */
void tcp_conn_evict(struct tcp_conn *conn, enum net_counter which);
/* Frees one that was forgotten. */
void tcp_conn_reap(struct tcp_conn *conn);
void tcp_conn_time_wait(struct tcp_conn *conn, uint64_t now_ns);
void tcp_conn_out(struct tcp_conn *conn); /* to be looked at by the next flush */
/* Not before the next hop has answered, if it has yet to; then as above. False: it may send. */
bool tcp_conn_await_hop(struct tcp_conn *conn, uint64_t now_ns);
void tcp_conn_set_state(struct tcp_conn *conn, enum tcp_state state);
struct tcp_listener *tcp_listener_find(struct net *net, uint16_t port);

/* tcp_input.c */
void tcp_rx(struct net *net, struct rte_mbuf *frame, struct ip_addr src, uint64_t now_ns);

/* tcp_icmp.c: whether the quotation was believed. */
bool tcp_too_big(struct net *net, const struct icmp_quote *quote, uint32_t mtu, uint64_t now_ns);
bool tcp_unreachable(struct net *net, const struct icmp_quote *quote, bool refused);
/* Sets mss by what the peer takes and what the path carries. */
void tcp_mss_settle(struct tcp_conn *conn, uint64_t now_ns);

/* tcp_deliver.c: received octets to the application. */
void tcp_deliver(struct tcp_conn *conn, struct rte_mbuf *frame, uint32_t seq, uint64_t now_ns);
void tcp_resume_all(struct net *net, uint64_t now_ns);

/* tcp_output.c */
void tcp_flush(struct net *net, uint64_t now_ns);
bool tcp_busy(const struct net *net);
uint32_t tcp_window(const struct tcp_conn *conn);
/* RST for a segment that belongs to no connection (RFC 9293 §3.10.7.1). */
void tcp_refuse(struct net *net, struct ip_addr dst, const struct tcp_header *in, uint32_t in_len,
                uint64_t now_ns);
/* A segment of no connection: the header and nothing else. */
void tcp_send_bare(struct net *net, struct ip_addr dst, const struct tcp_header *header,
                   uint64_t now_ns);
void tcp_send_rst(struct tcp_conn *conn, uint64_t now_ns);
void tcp_send_keep_alive(struct tcp_conn *conn, uint64_t now_ns);
/* An ACK no later than the configured delay. */
void tcp_ack_later(struct tcp_conn *conn, uint64_t now_ns);

/* tcp_timer.c */
void tcp_timer(struct timer *timer, uint64_t now_ns);
void tcp_retransmit_arm(struct tcp_conn *conn, uint64_t now_ns);
/* More is outstanding: the tail's probe may be due before. */
void tcp_retransmit_hasten(struct tcp_conn *conn);
void tcp_retransmit_disarm(struct tcp_conn *conn);
void tcp_persist_arm(struct tcp_conn *conn, uint64_t now_ns);
void tcp_life_arm(struct tcp_conn *conn, uint32_t after_ms, uint64_t now_ns);
void tcp_open_life_arm(struct tcp_conn *conn, uint64_t now_ns); /* keep-alive, idleness */
/* Takes a round-trip sample into the RTO (RFC 6298). */
void tcp_rtt_sample(struct tcp_conn *conn, uint64_t rtt_ns);

/* tcp_cc.c: how large the congestion window is: CUBIC (RFC 9438) or Reno (RFC 5681). */
void tcp_cc_init(struct tcp_conn *conn);
uint32_t tcp_cc_initial(const struct tcp_conn *conn);
/* `len` octets were acknowledged, none of them while recovering. */
void tcp_cc_grow(struct tcp_conn *conn, uint32_t len, uint64_t now_ns);
/* Something was lost: sets ssthresh. */
void tcp_cc_lost(struct tcp_conn *conn);
/* Nothing was: `len` octets have just been acknowledged. */
void tcp_cc_undo(struct tcp_conn *conn, uint32_t ssthresh, uint32_t len);
void tcp_cc_idle(struct tcp_conn *conn, uint64_t now_ns);

/* tcp_recovery.c: what is lost and to be sent again. */
/* Takes the SACK blocks in; returns how many octets they tell that were not known. */
uint32_t tcp_recovery_sacks(struct tcp_conn *conn, const struct tcp_header *header, bool *dsack);
/* snd_una has moved by `len`, and `marked` came by SACK. */
void tcp_recovery_advance(struct tcp_conn *conn, const struct tcp_header *header, uint32_t len,
                          uint32_t marked, uint64_t now_ns);
/* snd_una has not moved, but a duplicate ACK says that something arrived. */
void tcp_recovery_dup(struct tcp_conn *conn, uint32_t marked);
void tcp_recovery_tail(struct tcp_conn *conn, const struct tcp_header *header, bool dsack,
                       bool dup);
void tcp_recovery_timeout(struct tcp_conn *conn, uint64_t now_ns);
/* All that is outstanding is to be sent anew, and nobody is to blame. */
void tcp_recovery_restart(struct tcp_conn *conn);
/* Octets in the network, as far as known (Pipe of RFC 6675). */
uint32_t tcp_recovery_pipe(const struct tcp_conn *conn);
/* The next octets to send again in fast recovery, `len` at most the MSS; false when there are none
 * (NextSeg of RFC 6675, rules 1, 3 and 4; rule 2 is new data). */
bool tcp_recovery_lost(const struct tcp_conn *conn, uint32_t *seq, uint32_t *len);
bool tcp_recovery_spare(struct tcp_conn *conn, uint32_t *seq, uint32_t *len);

/* tcp_undo.c: fast recoveries that were for nothing. */
void tcp_undo_begin(struct tcp_conn *conn);
/* A segment was sent again in fast recovery. */
void tcp_undo_resent(struct tcp_conn *conn, uint64_t now_ns);
/* `len` new octets were acknowledged; what was sent again was told to have come twice; all up to
 * `recover` was acknowledged. True when the recovery is taken back. */
bool tcp_undo_by_echo(struct tcp_conn *conn, const struct tcp_header *header, uint32_t len);
void tcp_undo_by_dsack(struct tcp_conn *conn, const struct tcp_sack *sack);
bool tcp_undo_at_end(struct tcp_conn *conn, uint32_t len);

/* tcp_options.c: what the sides agree upon, timestamps, SACK. */
void tcp_options_take(struct tcp_conn *conn, const struct tcp_header *syn, uint64_t now_ns);
void tcp_options_put(struct tcp_conn *conn, struct tcp_header *out, uint64_t now_ns);
/* Octets of a full segment now, with the options it will carry. */
uint32_t tcp_options_mss(const struct tcp_conn *conn);
uint32_t tcp_ts_now(const struct tcp_conn *conn, uint64_t now_ns);
/* The test of RFC 7323 §5.3 R1: false when the segment is an old duplicate. */
bool tcp_ts_fresh(const struct tcp_conn *conn, const struct tcp_header *in, uint64_t now_ns);
/* R3, for an acceptable segment. */
void tcp_ts_take(struct tcp_conn *conn, const struct tcp_header *in, uint64_t now_ns);
/* Octets that came once more, to be told with the next ACK. */
void tcp_dsack_tell(struct tcp_conn *conn, uint32_t left, uint32_t right);

#define TCP_NS_PER_MS 1000000ull
#define TCP_QUICK_ACKS 10u         /* full segments, while the peer's window may be small */
#define TCP_RTO_MS_INITIAL 1000u   /* RFC 6298 (2.1) */
#define TCP_RTO_MS_AFTER_SYN 3000u /* RFC 6298 (5.7) */
#define TCP_SEND_MSS_MIN 64u       /* whatever a peer asks for: a segment is worth its header */

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The window field of a SYN, which is never scaled (RFC 7323 §2.2). */
static inline uint16_t tcp_first_window(const struct net *net)
{
    return (uint16_t)min_u32(net->config.recv_len_max, UINT16_MAX);
}

static inline bool tcp_synchronised(const struct tcp_conn *conn)
{
    return conn->state >= TCP_ESTABLISHED;
}

/* Something sent is not acknowledged. */
static inline bool tcp_outstanding(const struct tcp_conn *conn)
{
    return conn->snd_una != conn->snd_max;
}

/* The sequence number of our FIN, when there is one. */
static inline uint32_t tcp_fin_at(const struct tcp_conn *conn)
{
    return conn->queue.seq + conn->queue.len;
}

#endif
