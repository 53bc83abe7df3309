/* Short messages under way: a pool that grows in chunks and never moves what it gave, and the time
 * at which each is due next. Messages due now go through a queue, in order; later ones through a
 * timer wheel. */
#ifndef BENCH_FLEET_TRANSIT_H
#define BENCH_FLEET_TRANSIT_H

#include "base/span.h"
#include "base/wheel.h"

#include <stdbool.h>

#define PARCEL_UD_CAP 160 /* 140 of a short message; 159 of a delivery report */
#define PARCEL_ADDRESS_CAP 21

enum parcel_kind {
    PARCEL_TO_CARD,   /* a short message on its way to its card */
    PARCEL_EXPIRY,    /* one that will never arrive, until its validity ends */
    PARCEL_FROM_CARD, /* user data from a card, or a receipt: on its way to the ESME */
    PARCEL_QUEUED,    /* in the account's queue */
    PARCEL_OPEN,      /* deliver_sm sent, answer awaited */
    PARCEL_RESPONSE,  /* a submit_sm_resp that takes its time */
};

/* In the first bytes of a timer's `kind`. */
enum transit_timer { TRANSIT_PARCEL = 1, TRANSIT_CONN };

struct parcel {
    struct timer timer;
    struct parcel *next;
    uint64_t message_id;  /* of the submit_sm */
    uint64_t submit_ns;   /* when that was */
    uint64_t validity_ns; /* when it expires */
    uint32_t card;        /* position in the fleet; UINT32_MAX: nobody's */
    uint32_t sequence;    /* PARCEL_OPEN, PARCEL_RESPONSE: of the PDU */
    uint32_t conn;        /* likewise, and its generation */
    uint32_t generation;
    uint32_t status; /* PARCEL_RESPONSE: command_status */
    uint8_t kind;
    uint8_t account;
    uint8_t attempt;
    uint8_t registered;    /* registered_delivery of the submit_sm */
    uint8_t esm_class;     /* as it will stand in the deliver_sm */
    uint8_t message_state; /* of a receipt; 0: not a receipt */
    uint8_t profile;       /* which of the card's numbers */
    uint8_t esme_ton;
    uint8_t esme_npi;
    uint8_t pid;
    uint8_t dcs;
    bool udhi;
    uint8_t ud_len; /* of a receipt: report data to carry in a TLV */
    uint8_t ud[PARCEL_UD_CAP];
    char esme[PARCEL_ADDRESS_CAP]; /* source of the submit_sm, destination of the deliver_sm */
};

struct transit {
    struct wheel wheel;
    struct parcel *free;
    struct parcel *ready_head;
    struct parcel **ready_tail;
    void **chunk;
    uint32_t chunk_count;
    uint32_t chunk_cap;
    uint64_t taken; /* parcels out of the pool */
};

struct parcel_queue {
    struct parcel *head;
    struct parcel *tail;
    uint64_t count;
};

MUST_CHECK enum err transit_init(struct transit *transit, uint64_t now_ns, uint64_t parcel_cap);
void transit_fini(struct transit *transit);

/* Zeroed; NULL when the bound is reached. */
struct parcel *transit_take(struct transit *transit);
void transit_give(struct transit *transit, struct parcel *parcel);

/* It is due at `due_ns`; at once, behind the others, when that is not later than now. */
void transit_send(struct transit *transit, struct parcel *parcel, uint64_t due_ns, uint64_t now_ns);

/* The next one due without a wait; NULL when there is none. */
struct parcel *transit_ready(struct transit *transit);

void parcel_push(struct parcel_queue *queue, struct parcel *parcel);
struct parcel *parcel_pop(struct parcel_queue *queue);
#endif
