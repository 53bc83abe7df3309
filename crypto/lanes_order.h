/* A chunk of a batch, put in runs of one key length, each by rising block count: lanes side by side
 * then end together. */
#ifndef CRYPTO_LANES_ORDER_H
#define CRYPTO_LANES_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#define LANES_CHUNK 64

/* Jobs of one key length: their indexes in the chunk. */
struct lanes_run {
    uint32_t key_len;
    uint32_t count;
    const uint8_t *index;
};

struct lanes_order {
    uint8_t index[LANES_CHUNK];
    uint32_t run_count;
    struct lanes_run runs[3];
};

/* What is known of a job: `size` is a measure of its length; longer than the measure holds is put
 * last. */
struct lanes_order_item {
    uint8_t key_len; /* 16, 24, 32 */
    uint8_t size;    /* blocks, at most LANES_SIZE_MAX */
};
#define LANES_SIZE_MAX 63

void lanes_order_make(struct lanes_order *order, const struct lanes_order_item *items,
                      uint32_t count);

static inline uint8_t lanes_size(uint32_t blocks)
{
    return (uint8_t)(blocks < LANES_SIZE_MAX ? blocks : LANES_SIZE_MAX);
}

#endif
