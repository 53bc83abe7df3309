/* One edge core: it owns its ports, connections and SMSC accounts. READ FIRST.
 *
 *   port ─▶ net ─▶ tcp ─▶ smpp ─▶ receive ─▶ route ─▶ worker          (and raw to the store)
 *   port ◀─ net ◀─ tcp ◀─ smpp ◀─ send ◀──────────── worker
 *                           ◀─ deliver_sm_resp ◀──── store: durable
 *
 * Everything here belongs to the thread that calls edge_turn; counters may be read by others. */
#ifndef ENGINE_EDGE_H
#define ENGINE_EDGE_H

#include "base/histogram.h"
#include "engine/config.h"
#include "engine/core.h"
#include "engine/device/directory.h"
#include "engine/msg.h"
#include "engine/smsc_account.h"
#include "io/chunk.h"
#include "io/net/net.h"

#include <stdatomic.h>

/* Name, what is counted. */
#define EDGE_COUNTERS(X)                                                                           \
    X(submits, "Short messages handed to SMPP.")                                                   \
    X(requeued, "Short messages sent again as they are: throttled, timed out or cut off.")         \
    X(uplinks, "Messages from devices, handed to their workers and to the store.")                 \
    X(receipts, "Delivery receipts handed to workers.")                                            \
    X(uplinks_refused,                                                                             \
      "Deliveries answered ESME_RX_T_APPN for want of room: the SMSC brings them again.")

struct edge_counters {
#define EDGE_COUNTER(name, help) struct counter name;
    EDGE_COUNTERS(EDGE_COUNTER)
#undef EDGE_COUNTER
};

struct edge_port {
    struct port *port; /* the top of its stack (engine/port_stack.h) */
    struct net *net;
    uint32_t config; /* index into config.ports */
};

struct edge {
    struct core core;
    uint32_t index, worker_count;
    const struct config *config;
    struct directory *directory;
    uint32_t reader; /* of the directory */

    struct channel *from_worker[CONFIG_WORKERS_MAX]; /* consumer */
    struct channel *to_worker[CONFIG_WORKERS_MAX];   /* producer */
    struct channel *to_store;                        /* producer: the uplink log */

    struct edge_port ports[CONFIG_PORTS_MAX];
    uint32_t port_count;
    struct chunk_pool *chunks;
    struct smsc smscs[CONFIG_ACCOUNTS_MAX]; /* whose binds live here */
    uint32_t smsc_count;
    struct smsc *smsc_of[CONFIG_ACCOUNTS_MAX]; /* by account index; NULL: on another edge */
    uint64_t uplink_next;                      /* id of the next uplink record */
    atomic_bool drained;                       /* for the control side: edge_is_drained was true */
    struct counter bound;                      /* gauge: binds that are up */
    struct edge_counters counters;
    struct histogram own_ns; /* of a command, ring in to octets out: downlink/elapsed.c */
};

/* Ports and nets are opened by the caller and set before, with channels, directory and
 * uplink_next. ERR_NO_MEMORY, ERR_IO with a fault. */
MUST_CHECK enum err edge_init(struct edge *edge, uint64_t now_ns, uint64_t wall_ms, uint64_t seed,
                              struct fault *fault);
/* Closes nothing on the network; see edge_drain. */
void edge_fini(struct edge *edge);

/* One turn. True when it did something. */
bool edge_turn(struct edge *edge, uint64_t now_ns, uint64_t wall_ms);

/* When a timer may next be due. */
uint64_t edge_next_ns(struct edge *edge);

/* Shutdown: no more submits, open ones awaited, then unbind and FIN. Turn on until drained. */
void edge_drain(struct edge *edge);
bool edge_is_drained(const struct edge *edge);

/* ---- Stages ------------------------------------------------------------------------------------ */

/* send.c: granted messages to the bind that has room in its window. */
bool downlink_send(struct edge *edge);
/* send.c: what was sent this turn is at the port. */
void downlink_gone(struct edge *edge);
/* send.c: smpp_events.submit_done. */
void send_done(struct smsc_bind *bind, struct msg *msg, uint32_t status, struct span message_id,
               enum err err);

/* receive.c: octets that SMPP gets next; what their senders' look-ups touch comes to the cache. */
void uplink_expect(struct smsc_bind *bind, struct span in);
/* receive.c: one deliver_sm or data_sm. False: no room, refused for now. */
bool uplink_receive(struct smsc_bind *bind, uint32_t sequence, const struct smpp_message *message,
                    bool *answer_now);
/* receive.c: records that are durable; their deliver_sm is answered. */
bool uplink_answer(struct edge *edge);

/* route.c: sender to device and worker. ERR_UNKNOWN, ERR_IDENTIFIER (no number). */
MUST_CHECK enum err uplink_route(struct edge *edge, uint64_t msisdn, struct device_ref *device,
                                 uint32_t *worker);

#endif
