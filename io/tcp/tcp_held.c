/* Reassembly. */
#include "io/tcp/tcp_held.h"

#include "io/tcp/tcp_seq.h"

static uint32_t held_end(const struct tcp_held *held)
{
    return held->seq + held->frame->data_len;
}

static void held_free(struct tcp_held_list *list, struct tcp_held_pool *pool, struct tcp_held *held)
{
    frame_give(held->frame);
    list->count--;
    held->next = pool->free;
    pool->free = held;
}

/* Puts the first `len` octets of `frame` after `last`: into its frame's room when they are adjacent
 * and fit, else as a frame of their own, of which `*frame` then is none of the caller's any more.
 */
static enum err piece_put(struct tcp_held_list *list, struct tcp_held_pool *pool,
                          struct tcp_held *last, struct rte_mbuf **frame, uint32_t seq,
                          uint16_t len)
{
    struct span piece = span_first(frame_bytes(*frame), len);
    if (last != NULL && held_end(last) == seq && rte_pktmbuf_tailroom(last->frame) >= len) {
        struct writer w = frame_append(last->frame, len);
        writer_bytes(&w, piece);
        last->order = pool->order;
        return ERR_OK;
    }
    struct tcp_held *held = pool->free;
    if (held == NULL || list->count >= pool->each_max)
        return ERR_FULL;
    struct rte_mbuf *kept = *frame;
    if (len < kept->data_len) { /* the rest goes elsewhere: this piece needs its own frame */
        kept = frame_take(kept->pool);
        if (kept == NULL)
            return ERR_FULL;
        struct writer w = frame_append(kept, len);
        writer_bytes(&w, piece);
        if (w.err != ERR_OK) {
            frame_give(kept);
            return ERR_FULL;
        }
    } else {
        *frame = NULL;
    }
    pool->free = held->next;
    *held = (struct tcp_held){ .frame = kept, .seq = seq, .order = pool->order };
    struct tcp_held **link = last != NULL ? &last->next : &list->head;
    held->next = *link;
    *link = held;
    if (held->next == NULL)
        list->tail = held;
    list->count++;
    return ERR_OK;
}

enum err tcp_held_put(struct tcp_held_list *list, struct tcp_held_pool *pool,
                      struct rte_mbuf *frame, uint32_t seq)
{
    enum err err = ERR_DUPLICATE;
    struct tcp_held *last = NULL; /* the last one that begins at or before seq */
    struct tcp_held *next = list->head;
    if (next != NULL && seq_le(list->tail->seq, seq)) { /* mostly so: what comes is the newest */
        last = list->tail;
        next = NULL;
    }
    pool->order++;
    while (frame != NULL && frame->data_len > 0) {
        while (next != NULL && seq_le(next->seq, seq)) {
            last = next;
            next = next->next;
        }
        if (last != NULL && seq_lt(seq, held_end(last))) { /* its front is there already */
            uint32_t known = held_end(last) - seq;
            last->order = pool->order;
            if (known >= frame->data_len)
                break;
            frame_strip(frame, (uint16_t)known);
            seq += known;
            continue;
        }
        uint16_t len = frame->data_len;
        if (next != NULL && next->seq - seq < len)
            len = (uint16_t)(next->seq - seq);
        err = piece_put(list, pool, last, &frame, seq, len);
        if (err != ERR_OK)
            break;
        if (frame != NULL)
            frame_strip(frame, len);
        seq += len;
    }
    if (frame != NULL)
        frame_give(frame);
    return err;
}

uint32_t tcp_held_reach(const struct tcp_held_list *list, uint32_t seq)
{
    for (const struct tcp_held *held = list->head; held != NULL; held = held->next) {
        if (seq_lt(seq, held->seq))
            break;
        seq = seq_max(seq, held_end(held));
    }
    return seq;
}

bool tcp_held_beyond(const struct tcp_held_list *list, uint32_t seq)
{
    return list->tail != NULL && seq_lt(seq, held_end(list->tail));
}

uint32_t tcp_held_runs(const struct tcp_held_list *list, uint32_t seq, struct tcp_sack *runs,
                       uint32_t cap)
{
    uint32_t orders[TCP_SACK_MAX];
    uint32_t count = 0;
    const struct tcp_held *held = list->head;
    while (held != NULL) {
        struct tcp_sack run = { held->seq, held_end(held) };
        uint32_t order = held->order;
        while ((held = held->next) != NULL && held->seq == run.right) {
            run.right = held_end(held);
            order = seq_max(order, held->order);
        }
        if (seq_le(run.left, seq))
            continue;
        uint32_t at = count < cap ? count++ : cap;
        for (; at > 0 && seq_lt(orders[at - 1], order); at--) {
            if (at == cap)
                continue; /* the last one falls off */
            orders[at] = orders[at - 1];
            runs[at] = runs[at - 1];
        }
        if (at < cap) {
            orders[at] = order;
            runs[at] = run;
        }
    }
    return count;
}

void tcp_held_release(struct tcp_held_list *list, struct tcp_held_pool *pool, uint16_t len)
{
    struct tcp_held *head = list->head;
    if (len < head->frame->data_len) {
        frame_strip(head->frame, len);
        head->seq += len;
        return;
    }
    list->head = head->next;
    if (list->head == NULL)
        list->tail = NULL;
    held_free(list, pool, head);
}

void tcp_held_cut(struct tcp_held_list *list, struct tcp_held_pool *pool, uint32_t seq)
{
    while (list->head != NULL && seq_lt(list->head->seq, seq)) {
        uint32_t before = seq - list->head->seq;
        uint16_t len = list->head->frame->data_len;
        tcp_held_release(list, pool, before < len ? (uint16_t)before : len);
    }
}

void tcp_held_clear(struct tcp_held_list *list, struct tcp_held_pool *pool)
{
    while (list->head != NULL) {
        struct tcp_held *head = list->head;
        list->head = head->next;
        held_free(list, pool, head);
    }
    list->tail = NULL;
}
