/* The one file that reads a clock. */
#include "engine/clock.h"

#include <time.h>

uint64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t real_now_ns(void *ctx)
{
    (void)ctx;
    return clock_now_ns();
}

struct clock clock_real(void)
{
    return (struct clock){ .now_ns = real_now_ns };
}
