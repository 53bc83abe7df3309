/* The sender's scoreboard (RFC 6675 §3): which octets beyond the first unacknowledged one the peer
 * has, as ranges in order of sequence, never touching, from a pool that all connections of a net
 * share. A range that finds no place is forgotten: its octets then count as not yet received, which
 * costs a retransmission and nothing else. */
#ifndef IO_TCP_TCP_BOARD_H
#define IO_TCP_TCP_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_BOARD_RANGES_MAX 256u /* of one connection: what a walk may cost a peer's ACK */
#define TCP_DUP_THRESH 3u         /* DupThresh of RFC 5681 and RFC 6675 */

struct tcp_range {
    struct tcp_range *next;
    uint32_t start;
    uint32_t end;
};

struct tcp_range_pool {
    struct tcp_range *free;
};

struct tcp_board {
    struct tcp_range *head;
    uint32_t sacked_len; /* octets in all ranges */
    uint16_t count;
};

/* Marks [start, end), start before end and not before what was acknowledged. Returns how many
 * octets are marked that were not; 0 also when there was no place (`*full` is set). */
uint32_t tcp_board_put(struct tcp_board *board, struct tcp_range_pool *pool, uint32_t start,
                       uint32_t end, bool *full);

/* Everything before `una` is acknowledged. Returns how many of those octets were marked. */
uint32_t tcp_board_advance(struct tcp_board *board, struct tcp_range_pool *pool, uint32_t una);

void tcp_board_clear(struct tcp_board *board, struct tcp_range_pool *pool);

/* Where IsLost() ends (RFC 6675 §4): all unmarked octets before it count as lost, since DupThresh
 * ranges, or more than (DupThresh - 1) segments' octets, are marked above them. `una` when none. */
uint32_t tcp_board_lost_edge(const struct tcp_board *board, uint32_t una, uint32_t mss);

/* The first octet at or after `seq` that is not marked, and where the next marked one begins, or
 * `limit` when that is nearer. */
uint32_t tcp_board_hole(const struct tcp_board *board, uint32_t seq, uint32_t limit, uint32_t *end);

/* Octets in [from, to) that are not marked. */
uint32_t tcp_board_unmarked(const struct tcp_board *board, uint32_t from, uint32_t to);

/* The last range; NULL when there is none. */
const struct tcp_range *tcp_board_last(const struct tcp_board *board);

#endif
