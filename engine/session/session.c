/* The table of a command over SMS, and its actions. An empty cell is an event that may not happen
 * there: counted by the caller, never acted on. */
#include "engine/session/session.h"

#include <string.h>

typedef void action(struct session_flight *flight, const struct session_policy *policy,
                    const struct session_input *input, uint64_t now_ms, struct effects *effects);

struct transition {
    enum session_state next;
    action *act;
};

static void nothing(struct session_flight *flight, const struct session_policy *policy,
                    const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)flight, (void)policy, (void)input, (void)now_ms, (void)effects;
}

static void arm(struct session_flight *flight, struct effects *effects, uint64_t deadline_ms)
{
    effects->arm = true;
    effects->deadline_ms = deadline_ms < flight->expiry_ms ? deadline_ms : flight->expiry_ms;
}

static void finish(struct session_flight *flight, struct effects *effects, enum job_outcome outcome,
                   enum err reason)
{
    flight->state = SESSION_IDLE;
    effects->finish = true;
    effects->outcome = (uint8_t)outcome;
    effects->reason = reason;
}

/* Ends without a verified answer: what may be said depends on what may have reached the card. */
static void finish_unanswered(struct session_flight *flight, struct effects *effects,
                              enum err reason)
{
    if (flight->held)
        finish(flight, effects, JOB_UNCONFIRMED, reason);
    else if (flight->left || reason != ERR_EXPIRED)
        finish(flight, effects, JOB_FAILED, reason);
    else
        finish(flight, effects, JOB_EXPIRED, ERR_OK);
}

static void queue(struct session_flight *flight, const struct session_policy *policy,
                  const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)policy, (void)input, (void)now_ms;
    effects->queue = true;
    if (flight->state == SESSION_REPEATING) /* its expiry still counts while it stands in line */
        arm(flight, effects, flight->expiry_ms);
}

static void hold_back(struct session_flight *flight, const struct session_policy *policy,
                      const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)input;
    arm(flight, effects, now_ms + policy->retry_ms);
}

static void fail(struct session_flight *flight, const struct session_policy *policy,
                 const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)policy, (void)now_ms;
    finish_unanswered(flight, effects, input->reason);
}

static void count_attempt(struct session_flight *flight, const struct session_policy *policy,
                          const struct session_input *input, uint64_t now_ms,
                          struct effects *effects)
{
    (void)policy, (void)input, (void)now_ms, (void)effects;
    flight->attempt++;
}

static void await_por(struct session_flight *flight, const struct session_policy *policy,
                      const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)policy, (void)now_ms;
    flight->left = flight->held = true;
    flight->dead_ms = input->validity_ms;
    arm(flight, effects, input->validity_ms);
}

/* The copy is with the card's device: the answer should follow soon. */
static void await_answer(struct session_flight *flight, const struct session_policy *policy,
                         const struct session_input *input, uint64_t now_ms,
                         struct effects *effects)
{
    (void)input;
    flight->dead_ms = now_ms;
    arm(flight, effects, now_ms + policy->por_wait_ms);
}

static void extend(struct session_flight *flight, const struct session_policy *policy,
                   const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)input;
    arm(flight, effects, now_ms + policy->por_wait_ms);
}

/* The identical octets once more, when the copy under way is dead and the pause is over. When no
 * attempt is left: an answer is awaited to the job's expiry if one may come. */
static void back_off(struct session_flight *flight, const struct session_policy *policy,
                     const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    if (flight->attempt >= flight->attempts_max) {
        if (!flight->held) {
            finish(flight, effects, JOB_FAILED,
                   input->reason != ERR_OK ? input->reason : ERR_REFUSED);
            return;
        }
        flight->state = SESSION_AWAIT_POR;
        arm(flight, effects, flight->expiry_ms);
        return;
    }
    if (input->event == EVENT_UNDELIVERED)
        flight->dead_ms = now_ms;
    unsigned doubled = flight->attempt > 0 ? flight->attempt - 1u : 0;
    uint64_t pause = now_ms + ((uint64_t)policy->backoff_ms << (doubled < 10 ? doubled : 10));
    arm(flight, effects, pause > flight->dead_ms ? pause : flight->dead_ms);
}

static void answered(struct session_flight *flight, const struct session_policy *policy,
                     const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)policy, (void)input, (void)now_ms;
    finish(flight, effects, JOB_EXECUTED, ERR_OK);
}

static void refused_by_card(struct session_flight *flight, const struct session_policy *policy,
                            const struct session_input *input, uint64_t now_ms,
                            struct effects *effects)
{
    (void)policy, (void)now_ms;
    finish(flight, effects, JOB_FAILED, input->reason);
}

/* 02: an earlier copy was taken, or the card is ahead of us. Its 00 may yet come. */
static void enter_grace(struct session_flight *flight, const struct session_policy *policy,
                        const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)input;
    flight->left = flight->held = true;
    arm(flight, effects, now_ms + policy->por_grace_ms);
}

static void leave_grace(struct session_flight *flight, const struct session_policy *policy,
                        const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    effects->raise = true;
    if (!flight->idempotent || flight->stopped || flight->replans >= flight->attempts_max) {
        finish(flight, effects, JOB_UNCONFIRMED, ERR_OK);
        return;
    }
    flight->replans++;
    flight->attempt = 0;
    effects->requeue_job = true;
    hold_back(flight, policy, input, now_ms, effects); /* the raised base must be durable first */
}

/* 01 and 05: the card could not open it and did not run it. Once more, then the key is wrong. */
static void again_once(struct session_flight *flight, const struct session_policy *policy,
                       const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    if (flight->again_used || flight->attempt >= flight->attempts_max) {
        refused_by_card(flight, policy, input, now_ms, effects);
        return;
    }
    flight->again_used = true;
    flight->dead_ms = now_ms;
    queue(flight, policy, input, now_ms, effects);
}

/* 07: did not run for want of memory. Later, as often as the policy allows. */
static void again_later(struct session_flight *flight, const struct session_policy *policy,
                        const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    if (flight->attempt >= flight->attempts_max) {
        refused_by_card(flight, policy, input, now_ms, effects);
        return;
    }
    flight->dead_ms = now_ms;
    back_off(flight, policy, input, now_ms, effects);
}

static void expire(struct session_flight *flight, const struct session_policy *policy,
                   const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)policy, (void)input, (void)now_ms;
    finish_unanswered(flight, effects, ERR_EXPIRED);
}

/* The job's time ends before the grace does: the card is ahead of us all the same. */
static void expire_in_grace(struct session_flight *flight, const struct session_policy *policy,
                            const struct session_input *input, uint64_t now_ms,
                            struct effects *effects)
{
    effects->raise = true;
    expire(flight, policy, input, now_ms, effects);
}

/* Cancelled while a copy may be under way: that one is the last. */
static void stop(struct session_flight *flight, const struct session_policy *policy,
                 const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    (void)policy, (void)input, (void)now_ms, (void)effects;
    flight->stopped = true;
    flight->attempts_max = flight->attempt > 0 ? flight->attempt : 1;
}

/* Cancelled between two copies. The card may still answer, if it may have the whole command. */
static void stop_between(struct session_flight *flight, const struct session_policy *policy,
                         const struct session_input *input, uint64_t now_ms,
                         struct effects *effects)
{
    stop(flight, policy, input, now_ms, effects);
    if (flight->held)
        arm(flight, effects, flight->expiry_ms);
    else if (flight->left)
        finish(flight, effects, JOB_FAILED, ERR_REFUSED);
    else
        finish(flight, effects, JOB_CANCELLED, ERR_OK);
}

/* The answers that may arrive whenever something may have left: they overtake what the SMSC says. */
#define ANSWERS(state)                                                                             \
    [state][EVENT_POR_OK] = { SESSION_IDLE, answered },                                            \
    [state][EVENT_POR_LOW] = { SESSION_GRACE, enter_grace },                                       \
    [state][EVENT_POR_AGAIN] = { SESSION_REPEATING, again_once },                                  \
    [state][EVENT_POR_LATER] = { SESSION_BACKOFF, again_later },                                   \
    [state][EVENT_POR_OTHER] = { state, nothing },                                                 \
    [state][EVENT_POR_ERROR] = { SESSION_IDLE, refused_by_card }

/* clang-format off */
static const struct transition table[SESSION_STATES][EVENT_COUNT] = {
    /*  in state            on event               go to                 and do           */
    [SESSION_IDLE]       [EVENT_SUBMIT]      = { SESSION_READY,        queue            },

    [SESSION_READY]      [EVENT_GRANTED]     = { SESSION_FETCHING,     nothing          },
    [SESSION_READY]      [EVENT_FAILED]      = { SESSION_IDLE,         fail             },
    [SESSION_READY]      [EVENT_TIMEOUT]     = { SESSION_READY,        queue            },

    [SESSION_FETCHING]   [EVENT_PLANNED]     = { SESSION_COMMITTING,   nothing          },
    [SESSION_FETCHING]   [EVENT_FAILED]      = { SESSION_IDLE,         fail             },
    [SESSION_FETCHING]   [EVENT_HELD_BACK]   = { SESSION_READY,        hold_back        },

    [SESSION_COMMITTING] [EVENT_DURABLE]     = { SESSION_SENDING,      count_attempt    },
    [SESSION_COMMITTING] [EVENT_FAILED]      = { SESSION_IDLE,         fail             },
    [SESSION_COMMITTING] [EVENT_STOPPED]     = { SESSION_COMMITTING,   stop             },

    [SESSION_SENDING]    [EVENT_SENT]        = { SESSION_AWAIT_POR,    await_por        },
    [SESSION_SENDING]    [EVENT_REFUSED]     = { SESSION_BACKOFF,      back_off         },
    [SESSION_SENDING]    [EVENT_DEAD]        = { SESSION_IDLE,         fail             },
    ANSWERS(SESSION_SENDING), /* overtook submit_sm_resp */
    [SESSION_SENDING]    [EVENT_POR_WAIT]    = { SESSION_SENDING,      nothing          },
    [SESSION_SENDING]    [EVENT_STOPPED]     = { SESSION_SENDING,      stop             },

    [SESSION_AWAIT_POR]  [EVENT_DELIVERED]   = { SESSION_AWAIT_POR,    await_answer     },
    [SESSION_AWAIT_POR]  [EVENT_UNDELIVERED] = { SESSION_BACKOFF,      back_off         },
    [SESSION_AWAIT_POR]  [EVENT_TIMEOUT]     = { SESSION_BACKOFF,      back_off         },
    [SESSION_AWAIT_POR]  [EVENT_EXPIRED]     = { SESSION_IDLE,         expire           },
    ANSWERS(SESSION_AWAIT_POR),
    [SESSION_AWAIT_POR]  [EVENT_POR_WAIT]    = { SESSION_AWAIT_POR,    extend           },
    [SESSION_AWAIT_POR]  [EVENT_STOPPED]     = { SESSION_AWAIT_POR,    stop             },

    [SESSION_GRACE]      [EVENT_POR_OK]      = { SESSION_IDLE,         answered         },
    [SESSION_GRACE]      [EVENT_POR_LOW]     = { SESSION_GRACE,        nothing          },
    [SESSION_GRACE]      [EVENT_POR_OTHER]   = { SESSION_GRACE,        nothing          },
    [SESSION_GRACE]      [EVENT_POR_WAIT]    = { SESSION_GRACE,        extend           },
    [SESSION_GRACE]      [EVENT_TIMEOUT]     = { SESSION_READY,        leave_grace      },
    [SESSION_GRACE]      [EVENT_EXPIRED]     = { SESSION_IDLE,         expire_in_grace  },
    [SESSION_GRACE]      [EVENT_STOPPED]     = { SESSION_GRACE,        stop             },

    [SESSION_BACKOFF]    [EVENT_TIMEOUT]     = { SESSION_REPEATING,    queue            },
    [SESSION_BACKOFF]    [EVENT_EXPIRED]     = { SESSION_IDLE,         expire           },
    ANSWERS(SESSION_BACKOFF),
    [SESSION_BACKOFF]    [EVENT_POR_WAIT]    = { SESSION_AWAIT_POR,    extend           },
    [SESSION_BACKOFF]    [EVENT_STOPPED]     = { SESSION_AWAIT_POR,    stop_between     },

    [SESSION_REPEATING]  [EVENT_GRANTED]     = { SESSION_REPEATING,    nothing          },
    [SESSION_REPEATING]  [EVENT_DURABLE]     = { SESSION_SENDING,      count_attempt    },
    [SESSION_REPEATING]  [EVENT_FAILED]      = { SESSION_IDLE,         fail             },
    [SESSION_REPEATING]  [EVENT_TIMEOUT]     = { SESSION_REPEATING,    queue            },
    [SESSION_REPEATING]  [EVENT_EXPIRED]     = { SESSION_IDLE,         expire           },
    ANSWERS(SESSION_REPEATING),
    [SESSION_REPEATING]  [EVENT_POR_WAIT]    = { SESSION_AWAIT_POR,    extend           },
    [SESSION_REPEATING]  [EVENT_STOPPED]     = { SESSION_AWAIT_POR,    stop_between     },
};
/* clang-format on */

enum err session_step(struct session_flight *flight, const struct session_policy *policy,
                      const struct session_input *input, uint64_t now_ms, struct effects *effects)
{
    ASSERT(flight->state < SESSION_STATES);
    ASSERT(input->event < EVENT_COUNT);
    memset(effects, 0, sizeof *effects);
    const struct transition *t = &table[flight->state][input->event];
    if (t->act == NULL)
        return ERR_UNEXPECTED;
    flight->state = (uint8_t)t->next;
    if (input->event >= EVENT_POR_OK && input->event <= EVENT_POR_ERROR)
        flight->left = flight->held = true; /* whatever the SMSC still owes us: the card had it */
    t->act(flight, policy, input, now_ms, effects);
    return ERR_OK;
}

const char *session_state_name(enum session_state state)
{
    static const char *const names[SESSION_STATES] = {
        [SESSION_IDLE] = "idle",           [SESSION_READY] = "ready",
        [SESSION_FETCHING] = "fetching",   [SESSION_COMMITTING] = "committing",
        [SESSION_SENDING] = "sending",     [SESSION_AWAIT_POR] = "await_por",
        [SESSION_GRACE] = "grace",         [SESSION_BACKOFF] = "backoff",
        [SESSION_REPEATING] = "repeating",
    };
    ASSERT(state < SESSION_STATES);
    return names[state];
}
