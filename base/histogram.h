/* Log-linear histogram of durations: 16 steps per power of two, so within 6 % of the value.
 * One writer, any readers, like base/counter.h. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include "base/counter.h"

#define HISTOGRAM_STEP_BITS 4
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS)

struct histogram {
    struct counter count;
    struct counter sum;
    struct counter max;
    struct counter bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds `from` to `into`; `into` belongs to the caller. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* How many values are below a bound: 2^k or 1.5 * 2^k, from 16 up, where buckets meet. */
uint64_t histogram_below(const struct histogram *histogram, uint64_t bound);

/* Upper edge of the bucket that holds quantile `per_mille` (500 = median); 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille);

#endif
