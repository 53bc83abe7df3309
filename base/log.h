/* The control plane's log: one line per event on stderr, "LEVEL area: text".
 * Each call site writes at most LOG_BURST lines in a period; what it swallowed is said with the
 * next line it writes. Never keys, plaintext, a whole EID or a phone number. Not for the data path.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/check.h"

#include <stdint.h>

#define LOG_BURST 10u
#define LOG_PERIOD_S 10

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log_site {
    int64_t period;
    uint32_t lines;
    uint32_t swallowed;
};

/* Lines above this level are not written. LOG_INFO at start. */
void log_set_level(enum log_level level);

void log_write(struct log_site *site, enum log_level level, const char *area, const char *format,
               ...) PRINTF_LIKE(4, 5);

#define log_at(level, area, ...)                                                                   \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        log_write(&log_site_, (level), (area), __VA_ARGS__);                                       \
    } while (0)
#define log_error(area, ...) log_at(LOG_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_at(LOG_WARNING, area, __VA_ARGS__)
#define log_info(area, ...) log_at(LOG_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_at(LOG_DEBUG, area, __VA_ARGS__)

#endif
