/* What crosses between cores, and how it gets home.
 *
 * A channel is one direction between two owners: the producer's fixed set of messages, a ring there
 * and a ring back. The set is the quota: taking fails when all are under way, pushing never does.
 * Whoever receives a message answers in it, or leaves it empty, and returns it; the producer finds
 * it at home. So no pool is shared, nothing is locked, and back-pressure is an empty set.
 *
 *        producer                              consumer
 *   channel_take, fill, channel_push  ── there ──▶  channel_receive
 *   channel_collect                   ◀── back ───  channel_return
 *
 * Pushes and returns wait in a small outbox until it is full or the owner flushes, once a turn. */
#ifndef ENGINE_MSG_H
#define ENGINE_MSG_H

#include "base/eid.h"
#include "base/span.h"

#define MSG_BURST 64u

/* Names a device across cores: never a pointer. */
struct device_ref {
    uint32_t record;
    uint32_t generation;
};

enum msg_kind {
    /* edge → worker */
    MSG_UPLINK,  /* body: struct record_uplink; goes home empty */
    MSG_RECEIPT, /* status: message_state; body: message id text; goes home empty */
    /* worker → edge */
    MSG_SEND, /* body: TP-UD; comes home answered: err, status, flags, body: message id text */
    /* edge → store */
    MSG_UPLINK_LOG, /* body: the record; comes home when durable */
    /* worker → store; all come home when durable */
    MSG_FETCH_JOB,     /* job id; comes home with the job record in the body, or err */
    MSG_FETCH_COMMAND, /* command id; comes home with the command record in the body, or err */
    MSG_COMMIT,        /* body: command record, to be journalled before its first octet leaves */
    MSG_ATTEMPT,       /* body: attempt record */
    MSG_RESULT,        /* body: result record */
    MSG_CONSUMED,      /* uplink id: needs no replay any more */
    MSG_BLOCK,         /* slot; comes home with its next counter block */
    MSG_KEYSET,        /* EID, key set id, flags to set for ever (KEYSET_*) */
    MSG_OUT_OF_STEP,   /* EID, key set id; its exact counter is of no more use */
    /* control → store; all come home when durable */
    MSG_JOB_PUT,       /* body: job record; home: job id (an earlier one with ERR_DUPLICATE) */
    MSG_DEVICE_PUT,    /* body: device record */
    MSG_DEVICE_REMOVE, /* EID */
    MSG_STOP,          /* job id: cancelled in flight; no repetition of it leaves any more */
    /* control → worker */
    MSG_ADMIT,  /* one waiting job */
    MSG_RESUME, /* body: command record head of one open command, at start */
    MSG_CANCEL, /* job id; home: ERR_OK, ERR_UNKNOWN or ERR_CONFLICT (in flight) */
    MSG_KIND_COUNT
};

/* Header of 96 bytes, then the body. Fields are filled as the kind needs; the rest is zero. */
struct msg {
    uint8_t kind;             /* enum msg_kind */
    uint8_t err;              /* enum err of the answer */
    uint8_t account;          /* SMSC account index */
    uint8_t part, part_count; /* of a command's short messages, from 0 */
    uint8_t attempt;
    uint8_t priority;
    uint8_t flags;
    uint32_t status; /* SMPP command_status, message_state, key set id … */
    uint32_t len;    /* octets of the body in use */
    uint32_t cap;    /* octets the body can hold; fixed */
    uint32_t client; /* whose job */
    struct device_ref device;
    uint64_t id;     /* job, command or uplink id, or slot */
    uint64_t cookie; /* the producer's own, untouched by the consumer */
    uint64_t value;  /* MSISDN, block … */
    union {
        uint64_t not_before_ms; /* wall clock, since 1970 */
        uint64_t validity_ms;   /* of MSG_SEND's answer: until when the SMSC may deliver it */
    };
    uint64_t expiry_ms;
    uint64_t
        stamp_ns; /* for figures: when it went on the ring; MSG_SEND: when we began with it, the
                          store's time left out; 0: not known */
    struct eid eid;
    uint8_t body[];
};

/* Flag of MSG_SEND: it was submitted once without an answer, so the SMSC may hold it whatever it says
 * of a later time. */
#define SEND_LEFT 0x01

static_assert(sizeof(struct msg) == 96, "the header has a fixed size");

static inline struct span msg_body(const struct msg *msg)
{
    return span_of(msg->body, msg->len);
}

/* A writer over the whole body; end with msg_written. */
static inline struct writer msg_writer(struct msg *msg)
{
    return writer_over(msg->body, msg->cap);
}

static inline enum err msg_written(struct msg *msg, const struct writer *w)
{
    msg->len = (uint32_t)writer_len(w);
    return w->err;
}

struct channel;

/* `quota` messages of `body_cap` octets, on NUMA node `socket`. `name` appears in ring names, at
 * most 20 characters. NULL when memory is short. Needs EAL. */
struct channel *channel_create(const char *name, uint32_t quota, uint32_t body_cap, int socket);
void channel_destroy(struct channel *channel);

/* Before either end turns: who sleeps at an end and is to be woken when something is on its ring;
 * NULL: nobody sleeps there for long. */
struct idle;
void channel_wakes(struct channel *channel, struct idle *producer, struct idle *consumer);

/* Producer: an empty message (header zeroed save `cap`), or NULL: the quota is under way. */
struct msg *channel_take(struct channel *channel);
uint32_t channel_room(const struct channel *channel);
uint32_t channel_quota(const struct channel *channel);

/* Producer: gives a taken message back unused. */
void channel_untake(struct channel *channel, struct msg *msg);

/* Producer: the next push goes on the ring at once, and all that waits before it. */
bool channel_push_flushes(const struct channel *channel);

/* Producer: gives the message away. */
void channel_push(struct channel *channel, struct msg *msg);

/* Producer: messages that came home, answered, up to `cap`; each is then re-used by channel_untake.
 */
uint32_t channel_collect(struct channel *channel, struct msg *msgs[], uint32_t cap);

/* Consumer: up to `cap` messages; each must be given to channel_return, in any order, some day. */
uint32_t channel_receive(struct channel *channel, struct msg *msgs[], uint32_t cap);
void channel_return(struct channel *channel, struct msg *msg);

/* Both ends, each its own: what waits in the outbox goes on the ring. */
void channel_flush_producer(struct channel *channel);
void channel_flush_consumer(struct channel *channel);

#endif
