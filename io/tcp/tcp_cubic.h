/* CUBIC's window in congestion avoidance (RFC 9438): a cubic function of the time since the last
 * loss, and never less than what Reno would have. Octets where the RFC has segments. */
#ifndef IO_TCP_TCP_CUBIC_H
#define IO_TCP_TCP_CUBIC_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed: no loss yet. */
struct tcp_cubic {
    uint32_t w_max;
    uint32_t w_est;      /* Reno's window */
    uint32_t cwnd_prior; /* the window the last loss met */
    uint32_t epoch_ms;   /* when this stage of congestion avoidance began */
    uint32_t k_ms;       /* from then to w_max */
    uint16_t clock_ms;   /* of the last acknowledgment, its low bits */
    bool in_epoch;
};

/* A loss met a window of `cwnd`; `timeout` when it took a time-out to find (§4.8). */
void tcp_cubic_lost(struct tcp_cubic *cubic, uint32_t cwnd, bool timeout);

/* It was none: the last one is taken back (§4.9). */
void tcp_cubic_undo(struct tcp_cubic *cubic);

/* With each acknowledgment: time in which the window was not what held the sender back does not
 * count (§5.8). */
void tcp_cubic_clock(struct tcp_cubic *cubic, uint32_t now_ms, bool limited);

/* The window after `len` octets were acknowledged, in congestion avoidance (§4.2 to §4.5). */
uint32_t tcp_cubic_grow(struct tcp_cubic *cubic, uint32_t cwnd, uint32_t len, uint32_t mss,
                        uint32_t rtt_ms, uint32_t now_ms);

#endif
