/* All connections of a net: their memory, and the way from a segment's addresses to one of them.
 *
 * The index is open addressing over (hash, connection number), 8 octets a slot, at most three quarters full;
 * the addresses are compared in the connection. The hash is keyed, so no peer can choose
 * collisions. */
#ifndef IO_TCP_TCP_TABLE_H
#define IO_TCP_TCP_TABLE_H

#include "io/tcp/tcp.h"
#include "io/tcp/tcp_board.h"
#include "io/tcp/tcp_held.h"
#include "io/tcp/tcp_queue.h"

#include <sys/queue.h>

#define TCP_CONN_CAP_MAX (1u << 24)
#define TCP_SLOTS_FULL 3u /* quarters */
#define TCP_SLOTS_FULL_OF 4u
#define TCP_WINDOW_MAX (65535u << 14) /* RFC 7323 §2.3: what the largest shift says */

TAILQ_HEAD(tcp_conn_list, tcp_conn);

struct tcp_listener {
    const struct tcp_app *app;
    void *(*accepted)(void *listener_ctx, struct tcp_conn *conn);
    void *ctx;
    uint16_t port; /* 0: free */
};

struct tcp_slot {
    uint32_t hash;
    uint32_t conn; /* its number plus one; 0: free */
};

/* What was found out about a frame before its turn (io/tcp/tcp_ahead.h). */
struct tcp_ahead {
    uint32_t hash;
    bool known;
};

struct tcp_table {
    struct tcp_conn *conns;
    struct tcp_conn *free;
    struct tcp_ahead ahead;   /* of the frame that is being received */
    uint32_t ahead_conns_min; /* fewer stay in the cache by themselves: nobody looks ahead */
    struct tcp_slot *slots;
    uint32_t slot_mask;
    uint32_t conn_count;
    uint32_t half_open_count;
    uint32_t time_wait_count;
    uint64_t cookie_ns;             /* when the last one was sent; 0: never */
    uint16_t port_next;             /* offset of the next ephemeral port */
    uint8_t wscale;                 /* ours, for the window we offer */
    struct tcp_conn_list out;       /* have segments to make, or are to be freed */
    struct tcp_conn_list resume;    /* the application wants what it left */
    struct tcp_conn_list time_wait; /* oldest first */
    struct tcp_conn_list half_open; /* oldest first */
    struct tcp_conn_list
        starved; /* refused for want of a reference, to be told when there is one */
    struct tcp_listener *listeners;
    struct tcp_ref *refs;
    struct tcp_held *held;
    struct tcp_ref_pool ref_pool;
    struct tcp_held_pool held_pool;
    struct tcp_range *ranges;
    struct tcp_range_pool range_pool;
};

#endif
