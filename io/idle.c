/* Waiting for something to do. */
#include "io/idle.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TIMER 0u
#define BELL 1u
#define PORTS 2u
#define DUE_TURNS 16u
#define SECOND_NS 1000000000u
#define WAIT_NS_MAX 10000000u /* flags without a bell are looked at so often at least */

static struct timespec span_of_ns(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / SECOND_NS),
                              .tv_nsec = (long)(ns % SECOND_NS) };
}

bool idle_open(struct idle *idle, const struct idle_config *config, struct fault *fault)
{
    ASSERT(config->port_count <= IDLE_PORTS_MAX);
    memset(idle, 0, sizeof *idle);
    idle->config = *config;
    idle->config.ports = NULL;
    idle->nap_ns = config->nap_ns_min;
    idle->fds[TIMER].fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    idle->fds[BELL].fd = config->is_rung ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    for (uint32_t i = 0; i < config->port_count; i++) {
        int fd = port_fd(config->ports[i]);
        idle->fds[PORTS + i].fd = fd;
        idle->is_blind = idle->is_blind || fd < 0;
    }
    idle->fd_count = PORTS + config->port_count;
    for (uint32_t i = 0; i < idle->fd_count; i++)
        idle->fds[i].events = POLLIN;
    if (idle->fds[TIMER].fd >= 0 && (!config->is_rung || idle->fds[BELL].fd >= 0))
        return true;
    fault_set(fault, "no descriptor to wait with (%s): raise the limit (ulimit -n)",
              strerror(errno));
    idle_close(idle);
    return false;
}

void idle_close(struct idle *idle)
{
    if (idle->fd_count == 0)
        return;
    idle->fd_count = 0;
    for (uint32_t i = TIMER; i <= BELL; i++) {
        if (idle->fds[i].fd >= 0)
            close(idle->fds[i].fd);
        idle->fds[i].fd = -1;
    }
}

static void sleepy(struct idle *idle, bool is_asleep)
{
    atomic_store_explicit(&idle->is_asleep, is_asleep, memory_order_relaxed);
    if (is_asleep)
        rte_smp_mb(); /* then look once more */
}

static uint64_t nap(struct idle *idle)
{
    uint64_t nap_ns = idle->nap_ns;
    idle->nap_ns = nap_ns * 2 < idle->config.nap_ns_max ? nap_ns * 2 : idle->config.nap_ns_max;
    return nap_ns;
}

uint64_t idle_turned(struct idle *idle, bool busy, uint64_t now_ns, uint64_t next_ns)
{
    if (busy) {
        if (idle->empty != 0)
            sleepy(idle, false);
        idle->empty = 0;
        idle->nap_ns = idle->config.nap_ns_min;
        return 0;
    }
    bool is_due = next_ns <= now_ns;
    uint32_t before = idle->is_blind ? idle->config.empty_turns : 0;
    if (is_due) /* and still not done after that: it waits for something else */
        before += DUE_TURNS;
    if (++idle->empty <= before)
        return 0;
    if (idle->config.is_rung && !atomic_load_explicit(&idle->is_asleep, memory_order_relaxed)) {
        sleepy(idle, true);
        return 0;
    }
    uint64_t most_ns = idle->is_blind || is_due ? nap(idle) : WAIT_NS_MAX;
    return is_due || next_ns - now_ns > most_ns ? now_ns + most_ns : next_ns;
}

/* What a descriptor of ours counts is of no interest: only that it is not readable any more. */
static void drain(struct idle *idle, uint32_t which)
{
    uint64_t count;
    if ((idle->fds[which].revents & POLLIN) == 0)
        return;
    ssize_t got = read(idle->fds[which].fd, &count, sizeof count);
    ASSERT(got == sizeof count || errno == EAGAIN);
}

static void timer_put(struct idle *idle, uint64_t until_ns)
{
    if (idle->timer_ns != 0 && idle->timer_ns <= until_ns)
        return;
    const struct itimerspec at = { .it_value = span_of_ns(until_ns) };
    ASSERT(timerfd_settime(idle->fds[TIMER].fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
    idle->timer_ns = until_ns;
}

void idle_wait(struct idle *idle, uint64_t now_ns, uint64_t until_ns)
{
    uint64_t wait_ns = until_ns - now_ns;
    bool is_nap = wait_ns <= idle->config.nap_ns_max; /* no timer is worth keeping for that */
    struct timespec limit = span_of_ns(wait_ns);
    counter_add(&idle->waits, 1);
    if (!is_nap)
        timer_put(idle, until_ns);
    int count = ppoll(idle->fds, idle->fd_count, is_nap ? &limit : NULL, NULL);
    sleepy(idle, false);
    if (count <= 0)
        return;
    drain(idle, BELL);
    drain(idle, TIMER);
    if ((idle->fds[TIMER].revents & POLLIN) != 0)
        idle->timer_ns = 0;
    for (uint32_t i = PORTS; i < idle->fd_count; i++)
        if ((idle->fds[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
            idle->fds[i].fd = -1; /* it would say so for ever */
            idle->is_blind = true;
        }
}

void idle_wake(struct idle *idle)
{
    uint64_t one = 1;
    ssize_t put = write(idle->fds[BELL].fd, &one, sizeof one);
    ASSERT(put == sizeof one || errno == EAGAIN);
}
