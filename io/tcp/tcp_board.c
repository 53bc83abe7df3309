/* The scoreboard. */
#include "io/tcp/tcp_board.h"

#include "base/check.h"
#include "io/tcp/tcp_seq.h"

#include <stddef.h>

static struct tcp_range *range_take(struct tcp_board *board, struct tcp_range_pool *pool)
{
    struct tcp_range *range = pool->free;
    if (range == NULL || board->count >= TCP_BOARD_RANGES_MAX)
        return NULL;
    pool->free = range->next;
    board->count++;
    return range;
}

static void range_give(struct tcp_board *board, struct tcp_range_pool *pool,
                       struct tcp_range *range)
{
    ASSERT(board->count > 0);
    board->count--;
    range->next = pool->free;
    pool->free = range;
}

/* Takes in the ranges that `range` has grown into. */
static void range_swallow(struct tcp_board *board, struct tcp_range_pool *pool,
                          struct tcp_range *range)
{
    while (range->next != NULL && seq_le(range->next->start, range->end)) {
        struct tcp_range *next = range->next;
        range->end = seq_max(range->end, next->end);
        range->next = next->next;
        board->sacked_len -= next->end - next->start;
        range_give(board, pool, next);
    }
}

uint32_t tcp_board_put(struct tcp_board *board, struct tcp_range_pool *pool, uint32_t start,
                       uint32_t end, bool *full)
{
    struct tcp_range **link = &board->head;
    while (*link != NULL && seq_lt((*link)->end, start))
        link = &(*link)->next;
    struct tcp_range *range = *link;
    uint32_t before = board->sacked_len;
    if (range == NULL || seq_lt(end, range->start)) {
        struct tcp_range *fresh = range_take(board, pool);
        if (fresh == NULL) {
            *full = true;
            return 0;
        }
        *fresh = (struct tcp_range){ .next = range, .start = start, .end = end };
        *link = fresh;
        board->sacked_len += end - start;
        return end - start;
    }
    board->sacked_len -= range->end - range->start;
    range->start = seq_lt(start, range->start) ? start : range->start;
    range->end = seq_max(range->end, end);
    range_swallow(board, pool, range);
    board->sacked_len += range->end - range->start;
    return board->sacked_len - before;
}

uint32_t tcp_board_advance(struct tcp_board *board, struct tcp_range_pool *pool, uint32_t una)
{
    uint32_t before = board->sacked_len;
    while (board->head != NULL && seq_le(board->head->end, una)) {
        struct tcp_range *range = board->head;
        board->head = range->next;
        board->sacked_len -= range->end - range->start;
        range_give(board, pool, range);
    }
    struct tcp_range *head = board->head;
    if (head != NULL && seq_lt(head->start, una)) {
        board->sacked_len -= una - head->start;
        head->start = una;
    }
    return before - board->sacked_len;
}

void tcp_board_clear(struct tcp_board *board, struct tcp_range_pool *pool)
{
    while (board->head != NULL) {
        struct tcp_range *range = board->head;
        board->head = range->next;
        range_give(board, pool, range);
    }
    board->sacked_len = 0;
}

uint32_t tcp_board_lost_edge(const struct tcp_board *board, uint32_t una, uint32_t mss)
{
    uint32_t edge = una;
    uint32_t ranges_above = board->count;
    uint32_t octets_above = board->sacked_len;
    for (const struct tcp_range *range = board->head; range != NULL; range = range->next) {
        if (ranges_above < TCP_DUP_THRESH && octets_above <= (TCP_DUP_THRESH - 1) * mss)
            break;
        edge = range->start;
        ranges_above--;
        octets_above -= range->end - range->start;
    }
    return edge;
}

uint32_t tcp_board_hole(const struct tcp_board *board, uint32_t seq, uint32_t limit, uint32_t *end)
{
    const struct tcp_range *range = board->head;
    for (; range != NULL && seq_le(range->start, seq); range = range->next)
        seq = seq_max(seq, range->end);
    *end = range != NULL && seq_lt(range->start, limit) ? range->start : limit;
    return seq;
}

uint32_t tcp_board_unmarked(const struct tcp_board *board, uint32_t from, uint32_t to)
{
    if (seq_le(to, from))
        return 0;
    uint32_t len = to - from;
    for (const struct tcp_range *range = board->head; range != NULL && seq_lt(range->start, to);
         range = range->next) {
        uint32_t start = seq_max(range->start, from);
        uint32_t end = seq_lt(range->end, to) ? range->end : to;
        if (seq_lt(start, end))
            len -= end - start;
    }
    return len;
}

const struct tcp_range *tcp_board_last(const struct tcp_board *board)
{
    const struct tcp_range *last = board->head;
    while (last != NULL && last->next != NULL)
        last = last->next;
    return last;
}
