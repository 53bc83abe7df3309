/* How a core waits when it has nothing to do: in the kernel, with one call, until a frame comes,
 * another core rings, or its next deadline is there.
 *
 *     uint64_t until_ns = idle_turned(&idle, busy, now_ns, next_ns);     after each turn
 *     if (until_ns != 0)
 *         idle_wait(&idle, now_ns, until_ns);
 *
 * A port that has a descriptor wakes its core. One that has none (a DPDK driver, a stage that holds
 * frames) is looked at after naps that double up to the longest. How many frames one wake-up brings
 * is the interface's matter: its interrupt moderation, which for AF_XDP in copy mode is
 * napi_defer_hard_irqs and gro_flush_timeout.
 *
 * The deadline's timer stays as it was put while that is early enough: to move a timer costs a
 * virtual machine more than the wait itself. */
#ifndef IO_IDLE_H
#define IO_IDLE_H

#include "base/fault.h"
#include "io/port.h"

#include <rte_atomic.h>

#include <poll.h>
#include <stdatomic.h>

#define IDLE_PORTS_MAX 16u

struct idle_config {
    struct port *const *ports;
    uint32_t port_count;
    bool is_rung;         /* others ring: idle_ring */
    uint32_t empty_turns; /* before a nap */
    uint64_t nap_ns_min, nap_ns_max;
};

struct idle {
    struct idle_config config; /* ports: not kept */
    bool is_blind;             /* something to look at has no descriptor */
    uint32_t empty;            /* turns in a row */
    uint64_t nap_ns;
    uint64_t timer_ns; /* when the timer's descriptor is readable; 0: not put */
    uint32_t fd_count;
    struct pollfd fds[IDLE_PORTS_MAX + 2]; /* timer, bell, ports */
    struct counter waits;
    CACHE_ALIGNED atomic_bool is_asleep; /* or about to be: look once more, then wait */
};

/* False with a fault when the kernel refuses a descriptor. */
MUST_CHECK bool idle_open(struct idle *idle, const struct idle_config *config, struct fault *fault);
/* Nothing to one that is zeroed or was closed. */
void idle_close(struct idle *idle);

/* A turn is over, `busy` or not, and `next_ns` is the next deadline. Until when to wait; 0: turn
 * again. */
uint64_t idle_turned(struct idle *idle, bool busy, uint64_t now_ns, uint64_t next_ns);

/* `now_ns` is CLOCK_MONOTONIC's. May be over early. */
void idle_wait(struct idle *idle, uint64_t now_ns, uint64_t until_ns);

/* From another core, after it has left something for this one. */
void idle_wake(struct idle *idle);

static inline void idle_ring(struct idle *idle)
{
    /* Either the sleeper's last look sees what was left, or this sees that it sleeps. */
    rte_smp_mb();
    if (atomic_load_explicit(&idle->is_asleep, memory_order_relaxed))
        idle_wake(idle);
}

#endif
