/* Log-linear buckets: below 16 exact, above by the top five bits of the value. */
#include "base/histogram.h"

#include "base/check.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < 1u << HISTOGRAM_STEP_BITS)
        return (unsigned)value;
    unsigned top = 63 - (unsigned)__builtin_clzll(value);
    unsigned shift = top - HISTOGRAM_STEP_BITS;
    unsigned step = (unsigned)(value >> shift) & ((1u << HISTOGRAM_STEP_BITS) - 1);
    return ((shift + 1) << HISTOGRAM_STEP_BITS) + step;
}

static uint64_t bucket_top(unsigned bucket)
{
    if (bucket < 1u << HISTOGRAM_STEP_BITS)
        return bucket;
    unsigned shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
    uint64_t step = (bucket & ((1u << HISTOGRAM_STEP_BITS) - 1)) | 1u << HISTOGRAM_STEP_BITS;
    return ((step + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    counter_add(&histogram->count, 1);
    counter_add(&histogram->sum, value);
    if (value > counter_read(&histogram->max))
        counter_set(&histogram->max, value);
    counter_add(&histogram->bucket[bucket_of(value)], 1);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    counter_add(&into->count, counter_read(&from->count));
    counter_add(&into->sum, counter_read(&from->sum));
    if (counter_read(&from->max) > counter_read(&into->max))
        counter_set(&into->max, counter_read(&from->max));
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        counter_add(&into->bucket[i], counter_read(&from->bucket[i]));
}

uint64_t histogram_below(const struct histogram *histogram, uint64_t bound)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < bucket_of(bound); i++)
        sum += counter_read(&histogram->bucket[i]);
    return sum;
}

uint64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille)
{
    ASSERT(per_mille <= 1000);
    uint64_t count = counter_read(&histogram->count);
    if (count == 0)
        return 0;
    uint64_t rank = (count * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += counter_read(&histogram->bucket[i]);
        if (seen >= rank && seen > 0) {
            uint64_t top = bucket_top(i);
            uint64_t max = counter_read(&histogram->max);
            return top < max ? top : max;
        }
    }
    return counter_read(&histogram->max);
}
