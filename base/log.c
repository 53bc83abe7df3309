/* The control plane's log. Several threads may write; a mutex keeps lines and sites whole. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(enum log_level) level_max = LOG_INFO;

static const char *const level_names[] = { "ERROR", "WARNING", "INFO", "DEBUG" };

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_max, level, memory_order_relaxed);
}

/* Whether this site may write now. */
static int site_admits(struct log_site *site, int64_t now_s)
{
    int64_t period = now_s / LOG_PERIOD_S;
    if (site->period != period) {
        site->period = period;
        site->lines = 0;
    }
    if (site->lines++ < LOG_BURST)
        return 1;
    site->swallowed++;
    return 0;
}

void log_write(struct log_site *site, enum log_level level, const char *area, const char *format,
               ...)
{
    if (level > atomic_load_explicit(&level_max, memory_order_relaxed))
        return; /* costs its caller, an edge maybe, neither lock nor clock */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* a log line's own time; nothing decides by it */
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char stamp[32];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);

    pthread_mutex_lock(&lock);
    if (site_admits(site, now.tv_sec)) {
        fprintf(stderr, "%s.%03ldZ %s %s: ", stamp, now.tv_nsec / 1000000, level_names[level],
                area);
        va_list args;
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        if (site->swallowed > 0) {
            fprintf(stderr, " (and %u more like it not shown)", site->swallowed);
            site->swallowed = 0;
        }
        fputc('\n', stderr);
    }
    pthread_mutex_unlock(&lock);
}
