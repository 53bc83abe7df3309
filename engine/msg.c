/* Channels: messages, ring there, ring back. */
#include "engine/msg.h"

#include "io/idle.h"

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_ring.h>

#include <stdio.h>

#define OUTBOX_CAP 64u
#define TAKE_AHEAD 8u /* messages between a prefetch and its use */

/* What waits at one end to go on its ring. */
struct outbox {
    struct idle *wakes; /* who takes them off the ring */
    uint32_t count;
    void *msgs[OUTBOX_CAP];
};

struct channel {
    struct rte_ring *there, *back;
    uint32_t quota;
    uint8_t *messages; /* quota × stride */
    /* producer's line */
    CACHE_ALIGNED struct outbox pushes;
    uint32_t free_count;
    struct msg **free;
    /* consumer's line */
    CACHE_ALIGNED struct outbox returns;
};

static struct rte_ring *ring_create(const char *name, const char *end, uint32_t quota, int socket)
{
    char full[RTE_RING_NAMESIZE];
    snprintf(full, sizeof full, "%s.%s", name, end);
    return rte_ring_create(full, rte_align32pow2(quota + 1), socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

struct channel *channel_create(const char *name, uint32_t quota, uint32_t body_cap, int socket)
{
    ASSERT(quota > 0);
    size_t stride = RTE_ALIGN_CEIL(sizeof(struct msg) + body_cap, CACHE_LINE);
    struct channel *channel = rte_zmalloc_socket(name, sizeof *channel, CACHE_LINE, socket);
    if (channel == NULL)
        return NULL;
    channel->quota = quota;
    channel->messages = rte_zmalloc_socket(name, quota * stride, CACHE_LINE, socket);
    channel->free = rte_zmalloc_socket(name, quota * sizeof(struct msg *), CACHE_LINE, socket);
    channel->there = ring_create(name, "there", quota, socket);
    channel->back = ring_create(name, "back", quota, socket);
    if (channel->messages == NULL || channel->free == NULL || channel->there == NULL ||
        channel->back == NULL) {
        channel_destroy(channel);
        return NULL;
    }
    for (uint32_t i = 0; i < quota; i++) {
        struct msg *msg = (struct msg *)(void *)(channel->messages + i * stride);
        msg->cap = (uint32_t)(stride - sizeof *msg);
        channel->free[channel->free_count++] = msg;
    }
    return channel;
}

void channel_destroy(struct channel *channel)
{
    if (channel == NULL)
        return;
    rte_ring_free(channel->there);
    rte_ring_free(channel->back);
    rte_free(channel->messages);
    rte_free(channel->free);
    rte_free(channel);
}

void channel_wakes(struct channel *channel, struct idle *producer, struct idle *consumer)
{
    channel->pushes.wakes = consumer;
    channel->returns.wakes = producer;
}

/* PREFETCHW: a line that the other core has read is asked for to be written; every x86-64 takes it. */
__attribute__((target("prfchw"))) struct msg *channel_take(struct channel *channel)
{
    if (channel->free_count == 0)
        return NULL;
    struct msg *msg = channel->free[--channel->free_count];
    if (channel->free_count >= TAKE_AHEAD) { /* the consumer may have had it last */
        struct msg *ahead = channel->free[channel->free_count - TAKE_AHEAD];
        __builtin_prefetch(ahead, 1);
        __builtin_prefetch(ahead->body, 1);
    }
    uint32_t cap = msg->cap;
    memset(msg, 0, sizeof *msg);
    msg->cap = cap;
    return msg;
}

uint32_t channel_room(const struct channel *channel)
{
    return channel->free_count;
}

uint32_t channel_quota(const struct channel *channel)
{
    return channel->quota;
}

void channel_untake(struct channel *channel, struct msg *msg)
{
    ASSERT(channel->free_count < channel->quota);
    channel->free[channel->free_count++] = msg;
}

static void outbox_flush(struct outbox *outbox, struct rte_ring *ring)
{
    if (outbox->count == 0)
        return;
    /* The ring holds the whole quota: this cannot fail. */
    unsigned sent = rte_ring_sp_enqueue_bulk(ring, outbox->msgs, outbox->count, NULL);
    ASSERT(sent == outbox->count);
    outbox->count = 0;
    if (outbox->wakes != NULL)
        idle_ring(outbox->wakes);
}

static void outbox_add(struct outbox *outbox, struct rte_ring *ring, struct msg *msg)
{
    outbox->msgs[outbox->count++] = msg;
    if (outbox->count == OUTBOX_CAP)
        outbox_flush(outbox, ring);
}

bool channel_push_flushes(const struct channel *channel)
{
    return channel->pushes.count + 1 == OUTBOX_CAP;
}

void channel_push(struct channel *channel, struct msg *msg)
{
    outbox_add(&channel->pushes, channel->there, msg);
}

void channel_return(struct channel *channel, struct msg *msg)
{
    outbox_add(&channel->returns, channel->back, msg);
}

uint32_t channel_collect(struct channel *channel, struct msg *msgs[], uint32_t cap)
{
    return rte_ring_sc_dequeue_burst(channel->back, (void **)msgs, cap, NULL);
}

uint32_t channel_receive(struct channel *channel, struct msg *msgs[], uint32_t cap)
{
    uint32_t count = rte_ring_sc_dequeue_burst(channel->there, (void **)msgs, cap, NULL);
    for (uint32_t i = 0; i < count; i++) { /* the producer's core has them: all at once */
        __builtin_prefetch(msgs[i]);
        __builtin_prefetch(msgs[i]->body);
    }
    return count;
}

void channel_flush_producer(struct channel *channel)
{
    outbox_flush(&channel->pushes, channel->there);
}

void channel_flush_consumer(struct channel *channel)
{
    outbox_flush(&channel->returns, channel->back);
}
