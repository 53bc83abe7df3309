/* One simulated eUICC: reassembles, verifies SCP80, counts, runs scripts, answers
 * (TS 102 225, TS 102 226, TS 31.115, SGP.02 §4.1). Compact: millions live in one array, and share
 * one desk of contexts and buffers. */
#ifndef BENCH_FLEET_CARD_H
#define BENCH_FLEET_CARD_H

#include "base/prng.h"
#include "bench/fleet/card_packet.h"
#include "bench/fleet/fleet.h"
#include "bench/fleet/transit.h"

#define CARD_PROFILES 8
#define CARD_REPLIES 3
#define CARD_REPORT_MAX 159u /* octets of user data in an RP-ACK (TS 31.115 §4.3) */
#define CARD_SEGMENTS_HELD 16u

/* ISD-P life cycle states as GET STATUS tells them (SGP.02 §4.1.1). */
enum card_isdp_state {
    ISDP_NONE = 0,
    ISDP_SELECTABLE = 0x07,
    ISDP_PERSONALISED = 0x0F,
    ISDP_DISABLED = 0x1F,
    ISDP_ENABLED = 0x3F,
};

struct card_profile {
    uint16_t number; /* octets 14 and 15 of the ISD-P AID */
    uint8_t state;
    bool pol1_no_delete : 1;
};

struct card {
    struct parcel *parts; /* segments of packets not yet whole, newest first */
    uint8_t cntr[FLEET_KEY_SETS][5];
    uint8_t parts_count;
    uint8_t reference; /* of the last concatenated message sent */
    uint8_t fallback;  /* index of the profile with the fall-back attribute */
    bool silent : 1;
    bool chain_open : 1; /* a script chain waits for its next part */
    struct card_profile profile[CARD_PROFILES];
};

struct card_tally {
    uint8_t command_count;
    uint8_t sw_count;
    uint16_t sw[16];
};

/* One response packet and the way it takes. */
struct card_reply {
    bool in_report; /* else by SMS-SUBMIT */
    uint32_t delay_ms;
    struct span packet;
};

/* What cards share, and what the last one left behind. */
struct card_desk {
    const struct fleet_config *config;
    struct card_crypto *crypto;
    struct prng *prng;
    uint8_t packet[CARD_PACKET_CAP];
    uint8_t script_answer[CARD_PACKET_CAP];
    uint8_t sealed[CARD_REPLIES * CARD_PACKET_CAP];

    uint32_t reply_count;
    struct card_reply reply[CARD_REPLIES];
    struct fleet_entry entry; /* valid when `processed` */
    bool processed;           /* a whole packet was looked at */
    bool misdirected;         /* PID, DCS or UDHI of a message for people: the card never sees it */
    uint32_t incomplete;      /* segments given up */
};

void card_init(struct card *card, const struct fleet_config *config, uint32_t index);

/* Takes one short message (an SMS-DELIVER's user data), which the card owns from here. Returns
 * those it is done with, linked, for the caller to give back: none while they wait for the rest of
 * their packet. `index` is the device's own. Replies and entry are left in the desk. */
struct parcel *card_receive(struct card_desk *desk, struct card *card, uint32_t index,
                            struct parcel *parcel, uint64_t now_ns);

/* The counter's verdict: 00, 02, 03 or 04; moves the stored one when it is 00 (TS 102 225
 * §5.1.4). */
uint8_t card_counter_check(uint8_t stored[5], unsigned mode, uint64_t cntr);

/* Runs a script, appending its answer of at most `out`'s room. `compact`: C-APDUs without template.
 */
void card_script_run(struct card *card, uint32_t index, bool compact, struct span script,
                     struct writer *out, struct card_tally *tally);

/* Runs one C-APDU; appends its data, returns its status word. */
uint16_t card_apdu_run(struct card *card, uint32_t index, struct span apdu, struct writer *out);

/* How many short messages a response or notification packet takes. */
uint32_t card_segment_count(size_t packet_len);

/* User data of segment `at` (from 0): UDH and its share of the packet. Cards differ in the order of
 * the elements in the first of several: `concat_first`. */
void card_segment(struct span packet, uint8_t iei, uint8_t reference, bool concat_first,
                  uint32_t at, struct writer *out);
#endif
