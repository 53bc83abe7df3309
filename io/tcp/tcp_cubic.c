/* CUBIC in whole numbers: octets and milliseconds. */
#include "io/tcp/tcp_cubic.h"

/* β = 0.7 (§4.6), C = 0.4 segments per second cubed (§5.1), α = 3 (1 - β) / (1 + β) (§4.3). */
#define ALPHA_NUMERATOR 9u
#define ALPHA_DENOMINATOR 17u
#define MS3_PER_SEGMENT 2500000000u /* 1 / C, in milliseconds cubed */
#define OFF_CURVE_MS_MAX 100000u    /* by then the curve is 400,000 segments away */

/* The cube root, rounded down, bit by bit. */
static uint32_t cube_root(uint64_t value)
{
    uint64_t root = 0;
    for (int shift = 63; shift >= 0; shift -= 3) {
        root *= 2;
        uint64_t step = 3 * root * (root + 1) + 1;
        if (value >> shift >= step) {
            value -= step << shift;
            root++;
        }
    }
    return (uint32_t)root;
}

void tcp_cubic_lost(struct tcp_cubic *cubic, uint32_t cwnd, bool timeout)
{
    bool shrinking = cwnd < cubic->w_max; /* fast convergence (§4.7): leave room to newcomers */
    cubic->w_max = shrinking ? (uint32_t)((uint64_t)cwnd * 17 / 20) : cwnd;
    cubic->cwnd_prior = cwnd;
    cubic->in_epoch = false;
    if (timeout)
        cubic->w_max = 0; /* K is 0 and w_max what congestion avoidance begins with */
}

/* As far as it is still known: the curve begins anew where the window had been. */
void tcp_cubic_undo(struct tcp_cubic *cubic)
{
    if (cubic->w_max < cubic->cwnd_prior)
        cubic->w_max = cubic->cwnd_prior;
    cubic->in_epoch = false;
}

void tcp_cubic_clock(struct tcp_cubic *cubic, uint32_t now_ms, bool limited)
{
    uint16_t passed_ms = (uint16_t)(now_ms - cubic->clock_ms);
    cubic->clock_ms = (uint16_t)now_ms;
    if (!limited)
        cubic->epoch_ms += passed_ms;
}

static void epoch_begin(struct tcp_cubic *cubic, uint32_t cwnd, uint32_t mss, uint32_t now_ms)
{
    cubic->in_epoch = true;
    cubic->epoch_ms = now_ms;
    cubic->w_est = cwnd;
    cubic->k_ms = 0;
    if (cwnd < cubic->w_max)
        cubic->k_ms = cube_root((uint64_t)(cubic->w_max - cwnd) * MS3_PER_SEGMENT / mss);
    else
        cubic->w_max = cwnd;
}

/* W_cubic (equation 1 of §4.2), `ms` after the epoch's beginning. */
static uint64_t curve(const struct tcp_cubic *cubic, uint32_t mss, uint32_t ms)
{
    bool before = ms < cubic->k_ms;
    uint64_t off = before ? cubic->k_ms - ms : ms - cubic->k_ms;
    if (off > OFF_CURVE_MS_MAX)
        off = OFF_CURVE_MS_MAX;
    uint64_t octets = off * off * off * mss / MS3_PER_SEGMENT;
    if (!before)
        return cubic->w_max + octets;
    return cubic->w_max > octets ? cubic->w_max - octets : 0;
}

/* Part of `step` for the part of the window that was acknowledged. */
static uint32_t share(uint64_t step, uint32_t len, uint32_t cwnd)
{
    return (uint32_t)(step * len / cwnd);
}

uint32_t tcp_cubic_grow(struct tcp_cubic *cubic, uint32_t cwnd, uint32_t len, uint32_t mss,
                        uint32_t rtt_ms, uint32_t now_ms)
{
    if (!cubic->in_epoch)
        epoch_begin(cubic, cwnd, mss, now_ms);
    uint32_t ms = now_ms - cubic->epoch_ms;
    uint32_t reno = share(mss, len, cwnd);
    if (cubic->w_est < cubic->cwnd_prior) /* α is 1 once the window of the loss is reached again */
        reno = reno * ALPHA_NUMERATOR / ALPHA_DENOMINATOR;
    cubic->w_est += reno > 0 ? reno : 1;
    if (curve(cubic, mss, ms) < cubic->w_est)
        return cwnd > cubic->w_est ? cwnd : cubic->w_est;
    uint64_t target = curve(cubic, mss, ms + rtt_ms);
    uint64_t most = (uint64_t)cwnd + cwnd / 2;
    target = target < most ? target : most;
    return target > cwnd ? cwnd + share(target - cwnd, len, cwnd) : cwnd;
}
