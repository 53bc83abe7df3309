/* What a connection has received and not yet handed on: frames in order of sequence, without
 * overlap. First come those the application left, then, after gaps, those that came too early.
 * Small neighbours are put together into one frame, so that many tiny segments cannot use frames
 * up. */
#ifndef IO_TCP_TCP_HELD_H
#define IO_TCP_TCP_HELD_H

#include "io/frame.h"
#include "io/tcp/tcp_wire.h"

struct tcp_held {
    struct tcp_held *next;
    struct rte_mbuf *frame; /* payload only */
    uint32_t seq;
    uint32_t order; /* the later something was put here, the higher */
};

/* All the places of a net: its bound on frames kept. */
struct tcp_held_pool {
    struct tcp_held *free;
    uint32_t order;
    uint32_t each_max; /* places one connection may have */
};

struct tcp_held_list {
    struct tcp_held *head;
    struct tcp_held *tail;
    uint32_t count;
};

/* Keeps what of the payload at `seq` is not there yet; takes the frame. ERR_DUPLICATE when all of
 * it is; ERR_FULL when no place is left, or the connection has its share: then some or all of it was not kept. */
MUST_CHECK enum err tcp_held_put(struct tcp_held_list *list, struct tcp_held_pool *pool,
                                 struct rte_mbuf *frame, uint32_t seq);

/* The first sequence number at or after `seq` that is missing. */
uint32_t tcp_held_reach(const struct tcp_held_list *list, uint32_t seq);

/* Whether octets at or after `seq` are held. */
bool tcp_held_beyond(const struct tcp_held_list *list, uint32_t seq);

/* The runs of octets after gaps, beyond `seq`, that are held: at most `cap`, those that grew last
 * first (RFC 2018 §4). Returns how many. */
uint32_t tcp_held_runs(const struct tcp_held_list *list, uint32_t seq, struct tcp_sack *runs,
                       uint32_t cap);

/* Drops what is before `seq`. */
void tcp_held_cut(struct tcp_held_list *list, struct tcp_held_pool *pool, uint32_t seq);

/* Drops the first `len` octets of the head, at most all of them. */
void tcp_held_release(struct tcp_held_list *list, struct tcp_held_pool *pool, uint16_t len);

void tcp_held_clear(struct tcp_held_list *list, struct tcp_held_pool *pool);

#endif
