/* What a connection has to send: references to chunks, from the first unacknowledged octet on.
 * Adjacent pieces of one chunk share a reference, so that a stream of small PDUs costs few of them.
 */
#ifndef IO_TCP_TCP_QUEUE_H
#define IO_TCP_TCP_QUEUE_H

#include "io/chunk.h"

struct tcp_ref {
    struct tcp_ref *next;
    struct chunk *chunk;
    uint32_t offset;
    uint32_t len;
};

/* All the references of a net. */
struct tcp_ref_pool {
    struct tcp_ref *free;
};

struct tcp_queue {
    struct tcp_ref *head;
    struct tcp_ref *tail;
    struct tcp_ref *cursor; /* where the last copy ended: the next one mostly goes on there */
    uint32_t seq;           /* of the head's first octet */
    uint32_t cursor_seq;    /* of the cursor's first octet */
    uint32_t len;
};

/* ERR_FULL when no reference is left. */
MUST_CHECK enum err tcp_queue_push(struct tcp_queue *queue, struct tcp_ref_pool *pool,
                                   struct chunk *chunk, uint32_t offset, uint32_t len);

/* Writes `len` queued octets from `seq` on. */
void tcp_queue_copy(struct tcp_queue *queue, uint32_t seq, uint32_t len, struct writer *out);

/* Drops the first `len` octets. */
void tcp_queue_release(struct tcp_queue *queue, struct tcp_ref_pool *pool, uint32_t len);

#endif
