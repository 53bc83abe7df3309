/* Inside of a fleet: the network between its SMSC and its cards. */
#ifndef BENCH_FLEET_FLEET_NETWORK_H
#define BENCH_FLEET_FLEET_NETWORK_H

#include "bench/fleet/card.h"
#include "bench/fleet/smsc.h"

#define NETWORK_OVERHEARD 64u

/* A response packet that the hostile network has kept, to show it to somebody else. */
struct overheard {
    uint8_t ud_len;
    uint8_t ud[PARCEL_UD_CAP];
};

struct fleet {
    struct fleet_config config;
    uint64_t now_ns; /* of the latest call */
    bool touched;    /* something came in or went out since the last tick */
    struct prng prng;
    struct fleet_stats stats;
    struct transit transit;
    struct card *cards;
    struct card_desk desk;
    struct overheard overheard[NETWORK_OVERHEARD];
    uint32_t overheard_count;
    struct smsc smsc;
};

/* Sends an accepted message on its way to its card, or to its end. */
void network_route(void *context, struct parcel *parcel, struct span destination, uint64_t now_ns);

/* It is there: the card takes it; receipt and answers set out. */
void network_arrive(struct fleet *fleet, struct parcel *parcel, uint64_t now_ns);

/* It will never be there, and its validity is over. */
void network_expire(struct fleet *fleet, struct parcel *parcel, uint64_t now_ns);
#endif
