/* The pool and the clockwork of short messages under way. */
#include "bench/fleet/transit.h"

#include <stdlib.h>

#define CHUNK_PARCELS 4096u

enum err transit_init(struct transit *transit, uint64_t now_ns, uint64_t parcel_cap)
{
    *transit = (struct transit){ 0 };
    wheel_init(&transit->wheel, now_ns);
    transit->ready_tail = &transit->ready_head;
    transit->chunk_cap = (uint32_t)((parcel_cap + CHUNK_PARCELS - 1) / CHUNK_PARCELS);
    transit->chunk = calloc(transit->chunk_cap, sizeof *transit->chunk);
    return transit->chunk != NULL ? ERR_OK : ERR_NO_MEMORY;
}

void transit_fini(struct transit *transit)
{
    for (uint32_t i = 0; i < transit->chunk_count; i++)
        free(transit->chunk[i]);
    free(transit->chunk);
    *transit = (struct transit){ 0 };
}

static void grow(struct transit *transit)
{
    if (transit->chunk_count == transit->chunk_cap)
        return;
    struct parcel *chunk = calloc(CHUNK_PARCELS, sizeof *chunk);
    if (chunk == NULL)
        return;
    transit->chunk[transit->chunk_count++] = chunk;
    for (uint32_t i = CHUNK_PARCELS; i-- > 0;) {
        chunk[i].next = transit->free;
        transit->free = &chunk[i];
    }
}

struct parcel *transit_take(struct transit *transit)
{
    if (transit->free == NULL)
        grow(transit);
    struct parcel *parcel = transit->free;
    if (parcel == NULL)
        return NULL;
    transit->free = parcel->next;
    transit->taken++;
    *parcel = (struct parcel){ 0 };
    return parcel;
}

void transit_give(struct transit *transit, struct parcel *parcel)
{
    ASSERT(!timer_armed(&parcel->timer));
    ASSERT(transit->taken > 0);
    parcel->next = transit->free;
    transit->free = parcel;
    transit->taken--;
}

void transit_send(struct transit *transit, struct parcel *parcel, uint64_t due_ns, uint64_t now_ns)
{
    parcel->next = NULL;
    if (due_ns > now_ns) {
        parcel->timer.kind = TRANSIT_PARCEL;
        wheel_arm(&transit->wheel, &parcel->timer, due_ns);
        return;
    }
    *transit->ready_tail = parcel;
    transit->ready_tail = &parcel->next;
}

struct parcel *transit_ready(struct transit *transit)
{
    struct parcel *parcel = transit->ready_head;
    if (parcel == NULL)
        return NULL;
    transit->ready_head = parcel->next;
    if (transit->ready_head == NULL)
        transit->ready_tail = &transit->ready_head;
    parcel->next = NULL;
    return parcel;
}

void parcel_push(struct parcel_queue *queue, struct parcel *parcel)
{
    parcel->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = parcel;
    else
        queue->head = parcel;
    queue->tail = parcel;
    queue->count++;
}

struct parcel *parcel_pop(struct parcel_queue *queue)
{
    struct parcel *parcel = queue->head;
    if (parcel == NULL)
        return NULL;
    queue->head = parcel->next;
    if (queue->head == NULL)
        queue->tail = NULL;
    queue->count--;
    parcel->next = NULL;
    return parcel;
}
