/* One device's command over SMS: states, events, effects (SGP.02 §3; design §4 "Effectively once").
 *
 *   IDLE ─▶ READY ─▶ FETCHING ─▶ COMMITTING ─▶ SENDING ─▶ AWAIT_POR ─▶ IDLE
 *            ▲ credits  script      journal      SMSC │       │  ▲
 *            │                                        ▼       ▼  │
 *            └──── GRACE ◀── status 02            BACKOFF ─▶ REPEATING (the same octets)
 *
 * The step is pure: it reads no clock, sends nothing, and leaves what must happen in `effects`. */
#ifndef ENGINE_SESSION_SESSION_H
#define ENGINE_SESSION_SESSION_H

#include "base/err.h"
#include "engine/job/job.h"

#include <stdbool.h>
#include <stdint.h>

enum session_state {
    SESSION_IDLE,       /* nothing in flight; jobs may wait */
    SESSION_READY,      /* waits for SMS credits */
    SESSION_FETCHING,   /* its script is asked of the store */
    SESSION_COMMITTING, /* sealed; the journal has it, not yet durable */
    SESSION_SENDING,    /* segments are with the edge */
    SESSION_AWAIT_POR,  /* the SMSC holds every segment */
    SESSION_GRACE,      /* status 02 came: the 00 of an earlier copy may yet */
    SESSION_BACKOFF,    /* until the copy under way is dead and the pause over */
    SESSION_REPEATING,  /* waits for credits, then for its octets from the journal */
    SESSION_STATES
};

enum session_event {
    EVENT_SUBMIT,      /* a job may start */
    EVENT_GRANTED,     /* credits are there */
    EVENT_PLANNED,     /* sealed and handed to the journal */
    EVENT_FAILED,      /* it cannot be sent at all: `reason` */
    EVENT_HELD_BACK,   /* no counter, no journal room: try again soon */
    EVENT_DURABLE,     /* the journal has its octets: they may leave */
    EVENT_SENT,        /* the SMSC took every segment */
    EVENT_REFUSED,     /* the SMSC refused one for now */
    EVENT_DEAD,        /* the SMSC refused one for good: `reason` */
    EVENT_DELIVERED,   /* receipts say that every segment arrived */
    EVENT_UNDELIVERED, /* a receipt says that one will not */
    EVENT_POR_OK,      /* RSC 00, verified */
    EVENT_POR_LOW,     /* 02 */
    EVENT_POR_AGAIN,   /* 01, 05: did not run; the same octets once more */
    EVENT_POR_LATER,   /* 07: no memory now */
    EVENT_POR_WAIT,    /* 08: more time */
    EVENT_POR_OTHER,   /* 0B, 0C: the answer comes another way */
    EVENT_POR_ERROR,   /* any other: it did not run */
    EVENT_TIMEOUT,     /* the state's time is over */
    EVENT_EXPIRED,     /* the job's time is over */
    EVENT_STOPPED,     /* its caller cancels it: no repetition any more */
    EVENT_COUNT
};

/* From the configuration; the same for all sessions of a worker. */
struct session_policy {
    uint32_t backoff_ms;
    uint32_t por_wait_ms;
    uint32_t por_grace_ms;
    uint32_t retry_ms; /* after EVENT_HELD_BACK */
};

/* What the step decides by. All times are wall clock, ms. */
struct session_flight {
    uint8_t state;        /* enum session_state */
    uint8_t attempt;      /* submissions of these octets so far */
    uint8_t attempts_max; /* a stopped command's is its attempt */
    uint8_t replans;      /* idempotent jobs sealed again after a 02 */
    bool idempotent;
    bool again_used;    /* the one repetition after 01 or 05 */
    bool stopped;       /* cancelled in flight: never sealed anew */
    bool left;          /* the SMSC may hold a segment */
    bool held;          /* the SMSC may hold every segment: the card may have run it */
    uint8_t por_status; /* of the last verified PoR; FF: none */
    uint64_t dead_ms;   /* when the copy under way is dead: validity, or a final receipt */
    uint64_t expiry_ms;
};

struct session_input {
    enum session_event event;
    enum err reason;      /* of FAILED, DEAD */
    uint64_t validity_ms; /* of SENT: until when a segment may still be delivered */
};

struct effects {
    bool queue;       /* stand in line for credits */
    bool requeue_job; /* its jobs go back to the head of the line, to be sealed anew */
    bool raise;       /* the card's counter is ahead: raise the base, if never proven */
    bool arm;         /* the state's timer, at `deadline_ms` */
    uint64_t deadline_ms;
    bool finish; /* every job in flight ends: `outcome`, `reason` */
    uint8_t outcome;
    enum err reason;
};

/* ERR_UNEXPECTED, and nothing changed, when the event may not happen in this state. */
MUST_CHECK enum err session_step(struct session_flight *flight, const struct session_policy *policy,
                                 const struct session_input *input, uint64_t now_ms,
                                 struct effects *effects);

const char *session_state_name(enum session_state state);

#endif
