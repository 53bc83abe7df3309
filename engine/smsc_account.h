/* One SMSC account on its edge: binds over our TCP, the queue of granted short messages, the pace.
 *
 * All binds of an account live on one edge. What workers were granted waits here, in order; what an
 * SMSC throttles, or leaves open when a connection breaks, goes back to the front as the identical
 * octets (SMS spec §8: a duplicate segment is harmless, another sealing would not be). */
#ifndef ENGINE_SMSC_ACCOUNT_H
#define ENGINE_SMSC_ACCOUNT_H

#include "base/prng.h"
#include "engine/config.h"
#include "engine/core.h"
#include "engine/msg.h"
#include "io/smpp/smpp_backoff.h"
#include "io/smpp/smpp_session.h"
#include "io/smpp/smpp_status.h"
#include "io/sms/sms_tpdu.h"
#include "io/tcp/tcp.h"

#define SMSC_BINDS_MAX 16u
#define SMSC_CHUNK_LEN 16384u
#define SMSC_CHUNKS_PER_BIND 32u

struct edge;
struct smsc;

enum bind_link { BIND_DOWN, BIND_DIALLING, BIND_UP, BIND_CLOSING };

struct smsc_bind {
    struct timer timer; /* redial, or end of closing; first member */
    struct smsc *smsc;
    uint32_t index;
    uint32_t generation; /* of the connection: answers to an older one are dropped */
    enum bind_link link;
    struct tcp_conn *conn;
    struct smpp_session *session;
    struct chunk *chunk; /* being written */
    uint32_t unsent;     /* offset in it of what is not yet queued with TCP */
    uint32_t window;     /* in use: halved when a connection takes open requests with it */
    struct smpp_backoff backoff;
    struct writer *out; /* during smpp_session_input */
    bool config_fault;
};

struct smsc {
    struct edge *edge;
    const struct config_account *config;
    uint32_t account; /* index into config.accounts */
    struct net *net;
    struct smpp_rate rate;
    struct smpp_message submit; /* what all submit_sm of the account share */
    struct smsc_bind binds[SMSC_BINDS_MAX];
    size_t session_size;
    uint32_t bind_count, bind_turn, bind_last;
    /* Ring of granted messages; a front push must be possible for all of them. */
    struct msg **queue;
    uint32_t queue_cap, queue_head, queue_count;
    uint32_t held_count; /* of them, from the front: the SMSC would not have them at once */
    /* Of what went out this turn at once: when we began with it. */
    uint64_t sent_since_ns[MSG_BURST];
    uint32_t sent_count;
    bool draining;
};

/* Takes memory and reads the password file. ERR_IO, ERR_NO_MEMORY with a fault. `room` is the sum
 * of all workers' credits. */
MUST_CHECK enum err smsc_init(struct smsc *smsc, struct edge *edge, uint32_t account,
                              struct net *net, uint32_t room, uint64_t seed, struct fault *fault);
void smsc_fini(struct smsc *smsc);

/* Dials what is down, ticks sessions. */
void smsc_tick(struct smsc *smsc);
/* The timer of a bind: dials again, or breaks off a connection that does not close. */
void smsc_timer(struct smsc_bind *bind);
/* What was written goes to TCP. */
void smsc_flush(struct smsc *smsc);

/* Bound binds. */
uint32_t smsc_bound_count(const struct smsc *smsc);

/* A request was answered: the window in use grows again, up to the configured one. */
void bind_answered(struct smsc_bind *bind);

/* A writer with `room` octets at least; false: TCP or the chunk pool has none. */
bool bind_writer(struct smsc_bind *bind, uint32_t room, struct writer *out);
/* Keeps what was written. */
void bind_commit(struct smsc_bind *bind, const struct writer *out);

void queue_push_back(struct smsc *smsc, struct msg *msg);
void queue_push_front(struct smsc *smsc, struct msg *msg);
/* NULL when empty. */
struct msg *queue_front(const struct smsc *smsc);
void queue_pop(struct smsc *smsc);

/* Shutdown: no more submits; unbinds once the open ones are answered. */
void smsc_drain(struct smsc *smsc);
/* Nothing open any more. */
bool smsc_drained(const struct smsc *smsc);

#endif
