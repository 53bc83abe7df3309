/* Pacing of one SMSC account, shared by its binds: how many messages may go now.
 *
 * A configured rate is kept evenly (SMSCs count in fixed seconds, so bursts are what gets
 * throttled). ESME_RTHROTTLED, or a storm of ESME_RMSGQFUL, pauses the account (1 s, doubling to
 * 30 s while nothing passes) and cuts the rate to 0.7; it grows again by 2 % a second. Without a
 * configured rate the limit is what passed in the second before; when no second was seen yet, it is
 * looked for from a few a second, doubling each second until the next throttle. Counts messages in
 * SMS parts. */
#ifndef IO_SMPP_RATE_H
#define IO_SMPP_RATE_H

#include "base/counter.h"

#include <stdbool.h>
#include <stdint.h>

#define SMPP_RATE_PAUSE_MIN_NS 1000000000ull
#define SMPP_RATE_PAUSE_MAX_NS 30000000000ull

struct smpp_rate {
    uint32_t configured; /* messages a second; 0: as fast as the windows allow */
    double rate;         /* now; 0: no limit */
    double ceiling;      /* growth ends here and the limit (when none is configured) goes */
    double tokens;
    uint64_t filled_ns;
    uint64_t paused_until_ns;
    bool searching;             /* the limit was met, and where it lies is not known */
    uint64_t pause_ns;          /* the next pause */
    uint64_t grown_ns;          /* last growth */
    uint64_t second_ns;         /* start of the second under count */
    uint32_t answers;           /* in it */
    uint32_t queue_full;        /* in it */
    uint64_t passed;            /* answers since the last pause that asked for none */
    double last;                /* answers that were not throttled, in the last whole second */
    double measured;            /* likewise, smoothed */
    struct counter throttled;   /* answers */
    struct counter queue_fulls; /* answers */
    struct counter pauses;
};

void smpp_rate_init(struct smpp_rate *rate, uint32_t per_second, uint64_t now_ns);

/* How many may go now; UINT32_MAX without a limit, 0 while paused. */
uint32_t smpp_rate_room(struct smpp_rate *rate, uint64_t now_ns);

/* Takes one; false when there is no room. */
bool smpp_rate_take(struct smpp_rate *rate, uint64_t now_ns);

/* Every submit_sm_resp and data_sm_resp goes by here. */
void smpp_rate_answer(struct smpp_rate *rate, uint32_t command_status, uint64_t now_ns);

/* When room comes back; `now_ns` when there is some. */
uint64_t smpp_rate_next_ns(struct smpp_rate *rate, uint64_t now_ns);

#endif
