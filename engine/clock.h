/* The one place that reads a clock. Threads read it once a turn and hand the value down. */
#ifndef ENGINE_CLOCK_H
#define ENGINE_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, as the operator's clock has them: may jump. */
uint64_t clock_wall_ms(void);

/* Nanoseconds since some start: never goes back. */
uint64_t clock_now_ns(void);

#endif
