/* The send queue. */
#include "io/tcp/tcp_queue.h"

enum err tcp_queue_push(struct tcp_queue *queue, struct tcp_ref_pool *pool, struct chunk *chunk,
                        uint32_t offset, uint32_t len)
{
    struct tcp_ref *tail = queue->tail;
    if (tail != NULL && tail->chunk == chunk && tail->offset + tail->len == offset) {
        tail->len += len;
        queue->len += len;
        return ERR_OK;
    }
    struct tcp_ref *ref = pool->free;
    if (ref == NULL)
        return ERR_FULL;
    pool->free = ref->next;
    chunk_ref(chunk);
    *ref = (struct tcp_ref){ .chunk = chunk, .offset = offset, .len = len };
    if (tail != NULL) {
        tail->next = ref;
    } else {
        queue->head = ref;
        queue->cursor = ref;
        queue->cursor_seq = queue->seq;
    }
    queue->tail = ref;
    queue->len += len;
    return ERR_OK;
}

void tcp_queue_copy(struct tcp_queue *queue, uint32_t seq, uint32_t len, struct writer *out)
{
    ASSERT(seq - queue->seq <= queue->len && len <= queue->len - (seq - queue->seq));
    if (seq - queue->seq < queue->cursor_seq - queue->seq) { /* sent again: from the front */
        queue->cursor = queue->head;
        queue->cursor_seq = queue->seq;
    }
    while (len > 0) {
        struct tcp_ref *ref = queue->cursor;
        uint32_t into = seq - queue->cursor_seq;
        if (into >= ref->len) {
            queue->cursor_seq += ref->len;
            queue->cursor = ref->next;
            continue;
        }
        uint32_t step = ref->len - into < len ? ref->len - into : len;
        writer_bytes(out, span_of(ref->chunk->bytes + ref->offset + into, step));
        seq += step;
        len -= step;
    }
}

void tcp_queue_release(struct tcp_queue *queue, struct tcp_ref_pool *pool, uint32_t len)
{
    ASSERT(len <= queue->len);
    queue->len -= len;
    while (len > 0 && queue->head->len <= len) {
        struct tcp_ref *ref = queue->head;
        len -= ref->len;
        queue->seq += ref->len;
        queue->head = ref->next;
        if (queue->cursor == ref) {
            queue->cursor = queue->head;
            queue->cursor_seq = queue->seq;
        }
        chunk_give(ref->chunk);
        ref->next = pool->free;
        pool->free = ref;
    }
    if (queue->head == NULL) {
        queue->tail = NULL;
        queue->cursor_seq = queue->seq;
        return;
    }
    queue->head->offset += len;
    queue->head->len -= len;
    queue->seq += len;
    if (queue->cursor == queue->head)
        queue->cursor_seq = queue->seq;
}
