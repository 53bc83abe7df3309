/* Counting sort of up to 64 jobs by (key length, blocks). */
#include "crypto/lanes_order.h"

#include "base/span.h"

#include <string.h>

#define SIZES (LANES_SIZE_MAX + 1)

/* A chunk of equal jobs, the usual one, needs no sorting: each item is as the one before it. */
static bool all_same(const struct lanes_order_item *items, uint32_t count)
{
    size_t len = (count - 1) * sizeof *items;
    return span_equal(span_of(items, len), span_of(items + 1, len));
}

static void add_run(struct lanes_order *order, uint32_t key_len, uint32_t start, uint32_t end)
{
    if (start == end)
        return;
    order->runs[order->run_count++] = (struct lanes_run){ .key_len = key_len,
                                                          .count = end - start,
                                                          .index = order->index + start };
}

void lanes_order_make(struct lanes_order *order, const struct lanes_order_item *items,
                      uint32_t count)
{
    ASSERT(count <= LANES_CHUNK);
    order->run_count = 0;
    if (count == 0)
        return;
    if (all_same(items, count)) {
        for (uint32_t i = 0; i < LANES_CHUNK; i++)
            order->index[i] = (uint8_t)i;
        add_run(order, items[0].key_len, 0, count);
        return;
    }

    uint8_t start[3 * SIZES + 1]; /* bucket: key length, then size */
    memset(start, 0, sizeof start);
    for (uint32_t i = 0; i < count; i++)
        start[(items[i].key_len / 8u - 2) * SIZES + items[i].size + 1]++;
    for (uint32_t bucket = 1; bucket <= 3 * SIZES; bucket++)
        start[bucket] = (uint8_t)(start[bucket] + start[bucket - 1]);
    for (uint32_t class = 0; class < 3; class ++)
        add_run(order, 16 + 8 * class, start[class * SIZES], start[(class + 1) * SIZES]);
    for (uint32_t i = 0; i < count; i++)
        order->index[start[(items[i].key_len / 8u - 2) * SIZES + items[i].size]++] = (uint8_t)i;
}
