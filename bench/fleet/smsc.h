/* The SMSC's ESME side: binds, submit_sm in, deliver_sm out (SMPP 3.4). What happens between is the
 * network's (fleet.c). */
#ifndef BENCH_FLEET_SMSC_H
#define BENCH_FLEET_SMSC_H

#include "base/prng.h"
#include "bench/fleet/fleet.h"
#include "bench/fleet/smsc_pdu.h"
#include "bench/fleet/transit.h"

#define SMSC_CONN_MAX 64u
#define SMSC_IN_CAP 65536u
#define SMSC_OUT_CAP 262144u
#define SMSC_WINDOW_MAX 1024u

enum smsc_bind { SMSC_UNBOUND, SMSC_BOUND_TX, SMSC_BOUND_RX, SMSC_BOUND_TRX };

struct smsc_conn {
    struct timer enquire;
    bool open;
    enum smsc_bind bind;
    enum fleet_conn_wish wish;
    uint32_t generation;
    uint32_t account;
    uint32_t submit_count;
    uint32_t sequence; /* of the last request sent */
    uint32_t open_count;
    uint64_t heard_ns;
    size_t in_len;
    size_t out_at;
    size_t out_len;
    uint8_t *in;
    uint8_t *out;
    struct parcel *window[2 * SMSC_WINDOW_MAX]; /* open deliver_sm, by sequence */
};

struct smsc_account {
    struct parcel_queue queue; /* for any bind that receives */
    uint32_t next_conn;
    uint32_t submit_count;
    uint64_t rate_second;
    uint32_t rate_count;
};

struct smsc {
    const struct fleet_config *config;
    struct transit *transit;
    struct prng *prng;
    struct fleet_stats *stats;
    uint64_t message_id;
    struct smsc_account account[FLEET_ACCOUNTS];
    struct smsc_conn conn[SMSC_CONN_MAX];

    /* Takes an accepted short message. */
    void (*route)(void *context, struct parcel *parcel, struct span destination, uint64_t now_ns);
    void *context;
};

uint32_t smsc_conn_open(struct smsc *smsc, uint64_t now_ns);
size_t smsc_conn_input(struct smsc *smsc, uint32_t conn, struct span bytes, uint64_t now_ns);

/* Goes on with what was taken, but could not be answered for want of room. */
void smsc_resume(struct smsc *smsc, uint64_t now_ns);
void smsc_conn_sent(struct smsc *smsc, uint32_t conn, size_t len);
void smsc_conn_closed(struct smsc *smsc, uint32_t conn);
void smsc_enquire(struct smsc *smsc, struct smsc_conn *conn, uint64_t now_ns);

/* Room for one PDU behind the connection's output; commit says how much was written. */
struct writer smsc_out(struct smsc_conn *conn);
void smsc_out_commit(struct smsc_conn *conn, const struct writer *w);
static inline bool smsc_out_room(const struct smsc_conn *conn)
{
    return SMSC_OUT_CAP - conn->out_len >= PDU_MAX;
}

/* A submit_sm_resp whose time has come; the parcel is consumed. */
void smsc_respond_late(struct smsc *smsc, struct parcel *parcel);

/* A message for the ESME, in the queue of its account. */
void smsc_deliver(struct smsc *smsc, struct parcel *parcel);

/* Turns a message into its delivery receipt, or gives it back when none is asked for. Keeps `ud` as
 * report data when it has some. */
void smsc_receipt(struct smsc *smsc, struct parcel *parcel, uint8_t state, uint64_t now_ns);

/* Sends what windows and room allow. */
void smsc_pump(struct smsc *smsc, uint64_t now_ns);

/* deliver_sm_resp, generic_nack to one, or its time-out (ESME_RX_T_APPN). */
void smsc_deliver_answered(struct smsc *smsc, struct smsc_conn *conn, uint32_t sequence,
                           uint32_t status, uint64_t now_ns);
void smsc_deliver_timeout(struct smsc *smsc, struct parcel *parcel, uint64_t now_ns);

/* All open deliver_sm of a connection wait for another. */
void smsc_deliver_reclaim(struct smsc *smsc, struct smsc_conn *conn);

/* message_id as submit_sm_resp gives it. */
#define SMSC_ID_CAP 24
struct span smsc_message_id(uint64_t id, char out[SMSC_ID_CAP]);

bool fleet_chance(struct prng *prng, uint32_t per_mille);
#endif
