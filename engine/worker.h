/* One worker core: it owns its devices' sessions, counters and waiting jobs. READ SECOND.
 *
 *   control ─▶ admit ─▶ waiting jobs ─▶ ready line ─▶ (credits) ─▶ store: script
 *                                                                     │
 *   edge ◀─ segment ◀─ durable ◀─ commit ◀─ seal ◀─ plan ◀──────────┘
 *   edge ─▶ reassemble ─▶ open ─▶ match ─▶ session ─▶ store: result
 *
 * Everything here belongs to the thread that calls worker_turn; counters may be read by others. */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "base/eid.h"
#include "base/histogram.h"
#include "crypto/lanes.h"
#include "crypto/scp80_batch.h"
#include "engine/config.h"
#include "engine/core.h"
#include "engine/device/directory.h"
#include "engine/msg.h"
#include "engine/routes.h"
#include "engine/session/session.h"
#include "engine/store/record.h"
#include "io/sms/sms_concat.h"

#define WORKER_BATCH MSG_BURST
#define WORKER_PARTS_MAX 10u
#define WORKER_NONE UINT32_MAX
#define SESSION_EARLY_MAX 2u

/* Every step that may end jobs needs this many free messages towards the store before it begins. */
#define WORKER_RESULT_RESERVE 32u
/* Parts that leave reassembly unjoined, any number at a time, are told to the store only while there
 * is more than a whole turn may need. */
#define WORKER_LEFT_RESERVE ((WORKER_BATCH + 1) * WORKER_RESULT_RESERVE)
#define WORKER_CONCAT_SETS 512u
#define WORKER_CONCAT_PARTS 2048u

/* A device without a number or a route is looked at again after so long. */
#define UNREACHABLE_RETRY_NS (30 * S_NS)

/* struct timer.kind in the worker's wheel. */
enum { TIMER_SESSION, TIMER_JOB };

/* One waiting or in-flight job: what is known of it without its script. */
struct waiting {
    struct timer timer; /* not-before, then expiry; first member */
    uint64_t job_id;
    uint64_t expiry_ms;
    uint64_t accepted_ms;
    uint32_t next;    /* in the session's line or its flight; the free list */
    uint32_t session; /* index */
    uint16_t client;
    uint8_t priority;
    uint8_t flags;      /* WAITING_* */
    uint8_t apdu_count; /* once planned: its C-APDUs in the script */
};

#define WAITING_IDEMPOTENT 0x01
#define WAITING_DELAYED 0x02 /* its not-before has not come; in no line */
#define WAITING_HELD 0x04    /* an earlier sealing may have run: it can only end unconfirmed */

static_assert(sizeof(struct waiting) <= 64, "a waiting job is one cache line");

struct waiting_line {
    uint32_t head, tail;
};

/* One device with something under way: its lines, and the command in flight. */
struct session {
    struct timer timer; /* first member */
    struct device_ref device;
    struct eid eid;
    struct waiting_line lines[JOB_PRIORITIES];
    uint32_t delayed;    /* waiting jobs whose not-before has not come */
    uint32_t flight;     /* first of the jobs in flight, linked by next */
    uint32_t next_ready; /* in the account's line; the free list */
    uint32_t prev_ready; /* in the account's line */
    uint32_t epoch;      /* tells answers to an earlier attempt apart */
    uint8_t ready_priority;
    bool is_ready; /* stands in a line */
    uint8_t account;
    uint8_t credits; /* taken and not yet spent on segments */

    struct session_flight now;
    uint64_t command_id;
    struct scp80_security security;
    uint64_t msisdn;
    uint16_t keyset; /* its id; also whose counter an exact one is asked for */
    uint8_t cc_len;
    bool exact; /* its counters are journalled one by one */
    bool compact;
    bool is_command; /* the fields from command_id on are those of a sealed command */
    uint8_t part_count, parts_home;
    uint16_t parts_taken, parts_delivered; /* bit per part: the SMSC has it, of this attempt or the
                                              one that this completes */
    uint8_t attempt_of[WORKER_PARTS_MAX];  /* which of them took the part */
    uint16_t parts_left;                   /* of any attempt: the SMSC may hold it */
    enum err refusal;                      /* the worst of this attempt's parts */
    bool refused_for_good;
    uint16_t concat_ref;
    uint8_t ref_bits;
    uint64_t validity_ms; /* the last of the parts taken */
    uint64_t since_ns;    /* see downlink/elapsed.c */
    uint64_t asked_ns;
    uint64_t id_keys[WORKER_PARTS_MAX];   /* smpp_id_key of each part of this attempt */
    struct msg *early[SESSION_EARLY_MAX]; /* receipts that overtook their submit_sm_resp */
};

/* CNTR = base + (block, sequence): one lease per slot (design §4). */
struct slot_counter {
    uint32_t block, next_block; /* 0: none */
    uint32_t sequence;
    bool asked; /* the next block is on its way */
};

struct ready_line {
    uint32_t head, tail;
};

/* What a worker may have at the edge of one SMSC account, in short messages. */
struct worker_account {
    uint32_t credits;
    uint64_t short_ns; /* the turn in which credits, or messages for the store, were last short */
    uint8_t edge;
    struct ready_line lines[JOB_PRIORITIES];
};

/* One whole packet from the network on its way through open and match. */
struct uplink_item {
    struct msg *msg;         /* whose body holds the packet; NULL when reassembled or replayed */
    struct channel *channel; /* it goes home by */
    struct device_ref device;
    uint32_t session;
    struct span packet;
    uint8_t udhl;
    uint64_t ids[WORKER_PARTS_MAX]; /* uplink records it came from */
    uint8_t id_count;
    struct scp80_keys keys; /* wiped when opened */
    struct scp80_open_response open;
    uint8_t copy[RECORD_PACKET_MAX];
    uint8_t buf[RECORD_PACKET_MAX + SCP80_OPEN_SLACK];
};

/* One command on its way through plan, seal and commit. */
struct downlink_item {
    struct msg *fetched; /* holds the job record */
    uint32_t session;
    struct scp80_keys keys;       /* wiped when sealed */
    struct record_command record; /* .packet: secured data until sealed, then the packet */
    enum err err;                 /* of the sealing */
    uint8_t data[RECORD_PACKET_MAX];
    uint8_t packet[RECORD_PACKET_MAX];
};

/* Name, what is counted. */
#define WORKER_COUNTERS(X)                                                                         \
    X(jobs_admitted, "Jobs that came from the control thread to wait for their turn.")             \
    X(jobs_executed,                                                                               \
      "Jobs that ended executed: a verified answer says that the card ran the script.")            \
    X(jobs_failed,                                                                                 \
      "Jobs that ended failed: a verified answer says so, or they could not be sent.")             \
    X(jobs_unconfirmed, "Jobs that ended unconfirmed: they may have run. Audit the device.")       \
    X(jobs_expired, "Jobs whose time ended before anything left.")                                 \
    X(jobs_cancelled, "Jobs withdrawn before anything left.")                                      \
    X(commands_sealed, "Command packets sealed under a counter of their own.")                     \
    X(commands_repeated, "Commands sent again, as the identical octets.")                          \
    X(segments_sent, "Short messages handed to the edge.")                                         \
    X(pors_verified, "Response packets that verified and answer the command in flight.")           \
    X(pors_real_udhl,                                                                              \
      "Of those verified, the ones whose CC covers the real UDHL (a reading of TS 31.115).")       \
    X(pors_untrusted,                                                                              \
      "Response packets without the security that was asked for: none ends a job.")                \
    X(receipts_matched, "Delivery receipts matched to a short message of a command in flight.")    \
    X(delivered_no_answer, "Positive receipts without a response packet: a key or counter fault?") \
    X(parts_left_logged,                                                                           \
      "Parts of messages that are forgotten at the next start only, for want of room.")            \
    X(counter_raised, "Key sets whose base counter was raised: the card was ahead of us.")         \
    X(counters_out_of_step,                                                                        \
      "Key sets given up: the card waits for a counter that went by. For the operator.")           \
    X(counter_wait, "Times a command was held back for want of a counter block.")

struct worker_counters {
#define WORKER_COUNTER(name, help) struct counter name;
    WORKER_COUNTERS(WORKER_COUNTER)
#undef WORKER_COUNTER
};

struct worker {
    struct core core;
    uint32_t index, worker_count, edge_count;
    const struct config *config;
    struct session_policy policy;
    struct directory *directory;
    uint32_t reader; /* of the directory */
    struct lanes *lanes;
    const struct routes *routes;

    struct channel *from_control;                /* consumer */
    struct channel *from_edge[CONFIG_EDGES_MAX]; /* consumer */
    struct channel *to_edge[CONFIG_EDGES_MAX];   /* producer */
    struct channel *journal;                     /* producer: scripts, commands, blocks */
    struct channel *results;                     /* producer: results, attempts, consumption */

    struct session *sessions;
    uint32_t session_free, session_count;
    struct waiting *waiting;
    uint32_t waiting_free, waiting_count, waiting_cap;
    struct worker_account accounts[CONFIG_ACCOUNTS_MAX];
    uint32_t account_turn; /* whose turn it is to start first */
    bool draining;         /* shutdown: nothing more is issued */
    struct slot_counter slots[SLOT_COUNT];
    struct sms_concat *concat;

    struct uplink_item *uplink; /* WORKER_BATCH of them */
    uint32_t uplink_count;
    struct downlink_item *downlink; /* WORKER_BATCH of them */
    uint32_t downlink_count;
    struct msg *durable[WORKER_BATCH]; /* journalled commands, to be cut into short messages */
    uint32_t durable_count;

    struct worker_counters counters;
    struct histogram latency_ms;     /* job accepted to result */
    struct histogram script_wait_ns; /* downlink/elapsed.c */
    struct histogram journal_wait_ns;
};

/* Channels, directory, routes, lanes and waiting_cap are the caller's and set before; memory is
 * taken here. ERR_NO_MEMORY. */
MUST_CHECK enum err worker_init(struct worker *worker, uint64_t now_ns, uint64_t wall_ms);
void worker_fini(struct worker *worker);

/* One turn. True when it did something. */
bool worker_turn(struct worker *worker, uint64_t now_ns, uint64_t wall_ms);

/* Short messages one worker may have at the edge of an account: the channel holds their sum. */
uint32_t worker_account_credits(const struct config *config, uint32_t account);

/* When a timer may next be due. */
uint64_t worker_next_ns(const struct worker *worker);

/* ---- What the stages share; each in the file of its name or in worker.c ------------------------ */

static inline struct waiting *waiting_at(struct worker *worker, uint32_t index)
{
    return &worker->waiting[index];
}

/* What a loop over a batch is about to touch, on its way to the cache. */
static inline void session_prefetch(const struct worker *worker, uint32_t index)
{
    const uint8_t *at = (const uint8_t *)&worker->sessions[index];
    for (size_t line = 0; line < sizeof(struct session); line += CACHE_LINE)
        __builtin_prefetch(at + line);
}

/* The session of a device, made when there is none; NULL when the pool is empty. */
struct session *session_of(struct worker *worker, struct device_ref device, const struct eid *eid);
/* The session of a device, or NULL. */
struct session *session_find(struct worker *worker, struct device_ref device);
uint32_t session_index(const struct worker *worker, const struct session *session);

/* What a verified response packet brought. */
struct flight_answer {
    struct span data;   /* additional response data */
    uint64_t uplink_id; /* of its record; 0: none */
    bool is_consumed;   /* out: the record went with the result */
};

/* Steps the session and does what the effects ask. False when the event was refused (counted as a
 * drop of `stage`). `answer` may be NULL. */
bool session_event(struct worker *worker, struct session *session, struct session_input input,
                   enum stage stage, struct flight_answer *answer);

/* One job's end, with its part of the answer. Gives the waiting entry back. */
struct job_end {
    enum job_outcome outcome;
    enum err reason;
    uint8_t por_status; /* RECORD_POR_NONE: no answer */
    bool ends_command;  /* the journal's record goes with it */
    bool answer_raw;
    uint64_t command_id;
    uint64_t uplink_id;
    struct span answer; /* as record_result.answer */
};
void job_finish(struct worker *worker, struct session *session, uint32_t entry,
                const struct job_end *end);

/* Ends every job in flight, each with its part of the answer, and the command with the last. Jobs
 * behind a failing C-APDU provably did not run and wait again. */
void flight_end(struct worker *worker, struct session *session, enum job_outcome outcome,
                enum err reason, struct flight_answer *answer);
/* Nothing is in flight any more; answers to it are strangers from now on. */
void flight_clear(struct worker *worker, struct session *session);
/* A job of the flight goes back to the head of its line. */
void job_requeue(struct worker *worker, struct session *session, uint32_t entry);

/* Sets flags of the command's key set for ever. */
void keyset_mark(struct worker *worker, struct session *session, uint8_t flags);

/* Frees the session when nothing waits and nothing flies, or starts what waits. */
void session_settle(struct worker *worker, struct session *session);

/* Room for another step that may end jobs. */
static inline bool worker_has_room(const struct worker *worker)
{
    return channel_room(worker->results) >= WORKER_RESULT_RESERVE;
}

/* A message of the results channel; the reserve guarantees it. */
struct msg *worker_result_msg(struct worker *worker, enum msg_kind kind);

/* An uplink record needs no replay any more. */
void uplink_consumed(struct worker *worker, uint64_t uplink_id);

#endif
