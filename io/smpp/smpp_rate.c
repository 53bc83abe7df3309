/* Pacing of an account: even spacing under a rate, a pause and a lower rate when throttled. */
#include "io/smpp/smpp_rate.h"

#include "io/smpp/smpp_status.h"

#define SECOND_NS 1000000000ull
#define CUT 0.7
#define GROWTH 1.02         /* a second */
#define CEILING_FACTOR 2.0  /* of what passed before: then the limit has served */
#define RATE_MIN 1.0        /* messages a second */
#define FLOOR 0.05          /* of the ceiling */
#define SMOOTHING 0.5       /* weight of the last second in `measured` */
#define STORM_QUEUE_FULLS 8 /* in one second, and half of its answers */
#define BURST_S 0.002       /* what may go at once: one turn of a napping core */
#define SEARCH_FIRST 4.0    /* messages a second where nothing was taken yet */
#define SEARCH_GROWTH 2.0   /* a second */
#define SEARCH_END 65536.0  /* no limit worth looking for */

void smpp_rate_init(struct smpp_rate *rate, uint32_t per_second, uint64_t now_ns)
{
    *rate = (struct smpp_rate){
        .configured = per_second,
        .rate = per_second,
        .ceiling = per_second,
        .tokens = 1,
        .filled_ns = now_ns,
        .pause_ns = SMPP_RATE_PAUSE_MIN_NS,
        .grown_ns = now_ns,
        .second_ns = now_ns,
    };
}

static double burst_of(const struct smpp_rate *rate)
{
    return 1 + rate->rate * BURST_S;
}

/* Slow recovery: 2 % for each second since the last step, or twice as much while the limit is looked
 * for; at the ceiling it is over. */
static void grow(struct smpp_rate *rate, uint64_t now_ns)
{
    if (rate->rate >= rate->ceiling || now_ns < rate->paused_until_ns) {
        rate->grown_ns = now_ns;
        return;
    }
    for (; now_ns - rate->grown_ns >= SECOND_NS && rate->rate < rate->ceiling;
         rate->grown_ns += SECOND_NS)
        rate->rate *= rate->searching ? SEARCH_GROWTH : GROWTH;
    if (rate->rate >= rate->ceiling) {
        rate->rate = rate->configured; /* 0: no limit again */
        rate->searching = false;
    }
}

static void fill(struct smpp_rate *rate, uint64_t now_ns)
{
    grow(rate, now_ns);
    double gained = (double)(now_ns - rate->filled_ns) / (double)SECOND_NS * rate->rate;
    rate->tokens += gained;
    if (rate->tokens > burst_of(rate))
        rate->tokens = burst_of(rate);
    rate->filled_ns = now_ns;
}

uint32_t smpp_rate_room(struct smpp_rate *rate, uint64_t now_ns)
{
    if (now_ns < rate->paused_until_ns)
        return 0;
    if (rate->rate == 0)
        return UINT32_MAX;
    fill(rate, now_ns);
    return rate->rate == 0 ? UINT32_MAX : (uint32_t)rate->tokens;
}

bool smpp_rate_take(struct smpp_rate *rate, uint64_t now_ns)
{
    uint32_t room = smpp_rate_room(rate, now_ns);
    if (room == 0)
        return false;
    if (room != UINT32_MAX)
        rate->tokens -= 1;
    return true;
}

uint64_t smpp_rate_next_ns(struct smpp_rate *rate, uint64_t now_ns)
{
    if (now_ns < rate->paused_until_ns)
        return rate->paused_until_ns;
    if (smpp_rate_room(rate, now_ns) > 0)
        return now_ns;
    double missing = 1 - rate->tokens;
    return now_ns + (uint64_t)(missing / rate->rate * (double)SECOND_NS) + 1;
}

/* What passed of late: in the last whole second, or in this one so far. */
static double passed_of_late(const struct smpp_rate *rate)
{
    double current = rate->answers - rate->queue_full;
    double most = rate->measured > current ? rate->measured : current;
    return most > rate->last ? most : rate->last;
}

/* The limit shows for the first time. A whole second of answers says what passes; the first few of a
 * burst do not: then the rate starts from little and doubles until the next throttle. */
static double rate_at_first(struct smpp_rate *rate)
{
    double passed = passed_of_late(rate);
    double current = rate->answers - rate->queue_full;
    rate->searching = rate->last <= current;
    rate->ceiling = rate->searching ? SEARCH_END : passed * CEILING_FACTOR;
    double cut = passed * CUT;
    return rate->searching && cut < SEARCH_FIRST ? SEARCH_FIRST : cut;
}

/* The search ends between the rate that passed and its double; or begins anew when nothing did. */
static double rate_found(struct smpp_rate *rate)
{
    if (rate->passed == 0)
        return SEARCH_FIRST;
    double passed = passed_of_late(rate);
    passed = passed < rate->rate ? passed : rate->rate;
    double sound = rate->rate / SEARCH_GROWTH;
    double cut = passed * CUT > sound ? passed * CUT : sound;
    rate->searching = false;
    rate->ceiling = cut * CEILING_FACTOR;
    return cut;
}

static double rate_after_throttle(struct smpp_rate *rate)
{
    if (rate->rate == 0)
        return rate_at_first(rate);
    if (rate->searching)
        return rate_found(rate);
    return rate->rate * CUT;
}

/* One pause, however many answers of the same window ask for it; after it a second in which to find out
 * how much passes now. The pause doubles only while nothing does, and the rate keeps a floor: an SMSC
 * that throttles whatever the rate must not bring the account to a stop. */
static void throttle(struct smpp_rate *rate, uint64_t now_ns)
{
    if (now_ns < rate->paused_until_ns ||
        (rate->passed > 0 && now_ns < rate->paused_until_ns + SECOND_NS))
        return;
    if (rate->passed > 0)
        rate->pause_ns = SMPP_RATE_PAUSE_MIN_NS;
    counter_add(&rate->pauses, 1);
    rate->paused_until_ns = now_ns + rate->pause_ns;
    rate->pause_ns =
        rate->pause_ns * 2 < SMPP_RATE_PAUSE_MAX_NS ? rate->pause_ns * 2 : SMPP_RATE_PAUSE_MAX_NS;

    double cut = rate_after_throttle(rate);
    rate->passed = 0;
    double floor = rate->searching ? 0 : rate->ceiling * FLOOR;
    floor = floor > RATE_MIN ? floor : RATE_MIN;
    rate->rate = cut > floor ? cut : floor;
    if (rate->configured == 0 && rate->ceiling < rate->rate * CEILING_FACTOR)
        rate->ceiling = rate->rate * CEILING_FACTOR;
    rate->tokens = 1;
    rate->filled_ns = rate->paused_until_ns;
    rate->grown_ns = rate->paused_until_ns;
}

static void second_turn(struct smpp_rate *rate, uint64_t now_ns)
{
    uint64_t passed = now_ns - rate->second_ns;
    if (passed < SECOND_NS)
        return;
    double seconds = (double)passed / (double)SECOND_NS;
    rate->last = (rate->answers - rate->queue_full) / seconds;
    rate->measured += (rate->last - rate->measured) * SMOOTHING;
    rate->answers = 0;
    rate->queue_full = 0;
    rate->second_ns = now_ns;
}

void smpp_rate_answer(struct smpp_rate *rate, uint32_t command_status, uint64_t now_ns)
{
    second_turn(rate, now_ns);
    if (smpp_status_class(command_status) == SMPP_THROTTLE) {
        counter_add(&rate->throttled, 1);
        throttle(rate, now_ns);
        return;
    }
    rate->answers++;
    if (command_status != SMPP_RMSGQFUL) {
        if (now_ns >= rate->paused_until_ns)
            rate->passed++;
        return;
    }
    counter_add(&rate->queue_fulls, 1);
    rate->queue_full++;
    if (rate->queue_full >= STORM_QUEUE_FULLS && rate->queue_full * 2 >= rate->answers)
        throttle(rate, now_ns);
}
