/* The far ends in one piece: an SMSC and the eUICCs behind it.
 *
 *   ESME bytes --> smsc (binds, submit_sm) --> transit (delay, loss, ...) --> card (SCP80, script)
 *   ESME bytes <-- smsc (deliver_sm)       <-- transit                    <-- PoR, receipts
 *
 * Sans-I/O: takes bytes and now_ns, reads no clock and no socket, and draws every chance from the
 * configured seed, so the same calls give the same octets. The program feeds it from sockets or
 * from our stack, a simulation from virtual links:
 *
 *   conn = fleet_conn_open(fleet, now_ns);
 *   taken = fleet_conn_input(fleet, conn, bytes, now_ns);
 *   fleet_tick(fleet, now_ns);                      after each input, and at fleet_next_ns()
 *   out = fleet_conn_output(fleet, conn); ... fleet_conn_sent(fleet, conn, how_much);
 *   if (fleet_conn_wish(fleet, conn) != FLEET_CONN_KEEP) close it, fleet_conn_closed(fleet, conn)
 *
 * Card logic and SCP80 are written from the specifications, over OpenSSL, and share nothing with
 * the engine, so that they can disagree. One thread. */
#ifndef BENCH_FLEET_FLEET_H
#define BENCH_FLEET_FLEET_H

#include "base/eid.h"
#include "base/fault.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FLEET_ACCOUNTS 2
#define FLEET_STATUS_COUNT 16 /* response status codes 00..0F have a rate each */
#define FLEET_CONN_NONE UINT32_MAX
#define FLEET_MSISDN_CAP 16
#define FLEET_ICCID_CAP 21
#define FLEET_EIS_CAP 4096
#define FLEET_KEY_SETS 2
#define FLEET_PROFILES 3 /* ISD-Ps a card leaves the factory with */

/* Where a card puts its PoR. */
enum fleet_por {
    FLEET_POR_AS_ASKED, /* SPI2 b6 */
    FLEET_POR_SUBMIT,
    FLEET_POR_REPORT,
};

/* What the SMSC does with the user data of an SMS-DELIVER-REPORT. */
enum fleet_report {
    FLEET_REPORT_DROP,    /* as most do */
    FLEET_REPORT_DELIVER, /* deliver_sm with esm_class 08 (SME delivery acknowledgement) */
    FLEET_REPORT_RECEIPT, /* a TLV of the delivery receipt, report_tag */
};

enum fleet_receipt {
    FLEET_RECEIPT_BOTH, /* text and TLVs 001E, 0427 */
    FLEET_RECEIPT_TLV,
    FLEET_RECEIPT_TEXT,
};

/* One ESME account. An empty system_id: no such account. */
struct fleet_account {
    char system_id[17];
    char password[10];
    uint32_t throttle_every; /* every n-th submit_sm is answered ESME_RTHROTTLED; 0 never */
    uint32_t rate;           /* submit_sm a second beyond which it throttles; 0 no limit */
    uint32_t bind_max;       /* further binds are refused; 0 no limit */
};

struct fleet_entry;

/* Rates are per mille of the thing they name. Start from fleet_config_default(). */
struct fleet_config {
    uint32_t device_count;
    uint32_t first; /* index of the first device: its EID, numbers and keys follow from it */
    uint64_t seed;
    uint64_t epoch_s; /* UTC at now_ns 0, for absolute validity periods and receipt dates */
    struct fleet_account account[FLEET_ACCOUNTS];

    /* SMSC towards the ESME. */
    uint32_t queue_full_per_mille; /* ESME_RMSGQFUL */
    uint32_t system_error_per_mille;
    uint32_t refuse_per_mille; /* ESME_RINVDSTADR, permanent */
    uint32_t response_delay_ms;
    uint32_t late_response_per_mille; /* submit_sm_resp after late_response_ms */
    uint32_t late_response_ms;
    uint32_t lose_response_per_mille; /* accepted, never answered */
    uint32_t drop_connection_after;   /* submit_sm on one connection; 0 never */
    uint32_t deliver_window;          /* deliver_sm unanswered on one bind */
    uint32_t deliver_timeout_ms;      /* an unanswered deliver_sm is repeated after this */
    uint32_t deliver_retry_ms;        /* one refused for now: after this, doubling to 32 times */
    uint32_t enquire_ms;              /* enquire_link when idle; 0 never */
    enum fleet_receipt receipt;
    bool receipt_id_decimal; /* message_id is hexadecimal, the receipt names it in decimal */

    /* The network. */
    uint32_t delay_ms;  /* each way */
    uint32_t jitter_ms; /* more, evenly drawn */
    uint32_t lose_per_mille;
    bool lose_silently; /* else EXPIRED at the end of the validity period when a receipt is asked */
    uint32_t unreachable_retry_ms; /* until a card that was off is tried again, within validity */
    uint32_t duplicate_per_mille;
    uint32_t reorder_per_mille; /* held back by reorder_ms */
    uint32_t reorder_ms;
    uint32_t mo_lose_per_mille;
    uint32_t mo_duplicate_per_mille;
    enum fleet_report report;
    uint32_t report_tag; /* TLV that carries report data in a receipt */

    /* The cards. */
    uint32_t key_sets; /* SCP80 key sets, KVN 01 and up: 1 or 2 */
    enum fleet_por por;
    bool announce;         /* status 0B in the delivery report before a PoR by SMS-SUBMIT */
    bool replay_silent;    /* a replayed command is dropped instead of answered 02 */
    uint32_t silent_count; /* the first so many devices are switched off */
    uint32_t por_delay_ms;
    uint32_t segments_max;   /* longer commands are answered 07 */
    uint32_t pol1_per_mille; /* cards whose second profile POL1 protects from deletion */
    uint32_t status_per_mille[FLEET_STATUS_COUNT]; /* answered instead of running; 08 and 0B: as
                                                      well, before the answer */

    /* The hostile network: besides the true PoR, never instead of it. */
    uint32_t forge_per_mille;  /* made up: random octets, or status 00 without security */
    uint32_t alter_per_mille;  /* one bit of the true one changed, arriving first */
    uint32_t replay_per_mille; /* the true one again, replay_ms later */
    uint32_t cross_per_mille;  /* another device's PoR from this device's number */
    uint32_t replay_ms;

    /* What each packet came to; NULL: nobody asks. */
    void (*on_packet)(void *context, const struct fleet_entry *entry);
    void *context;
};

/* What a card made of one whole packet, for the ledger. */
struct fleet_entry {
    uint64_t now_ns;
    struct eid eid;
    uint8_t kvn;
    bool authentic; /* else kvn and cntr are claims, and nothing was answered */
    bool run;
    uint64_t cntr;
    uint8_t status; /* what was answered, or would have been */
    uint8_t command_count;
    uint8_t sw_count;
    uint16_t sw[16]; /* of the first 16 commands */
    uint8_t packet_hash[32];
    uint8_t script_hash[8]; /* head of the SHA-256 of the secured data */
    const char *reason;     /* label: why it was not run; "" when it was */
};

/* Name, sentence. */
#define FLEET_STATS(X)                                                                             \
    X(binds, "binds accepted")                                                                     \
    X(binds_refused, "binds refused")                                                              \
    X(submits, "submit_sm accepted")                                                               \
    X(throttled, "submit_sm answered ESME_RTHROTTLED")                                             \
    X(refused, "submit_sm refused otherwise")                                                      \
    X(lost, "short messages lost on the way to a card")                                            \
    X(duplicated, "short messages that arrived twice")                                             \
    X(unreachable, "short messages for cards that are off or unknown")                             \
    X(expired, "short messages whose validity period ended")                                       \
    X(delivered, "short messages that reached a card")                                             \
    X(packets, "whole command packets at cards")                                                   \
    X(executed, "command packets run")                                                             \
    X(replays, "command packets with a counter used before")                                       \
    X(dropped, "command packets that did not authenticate")                                        \
    X(errors, "response packets with an error status")                                             \
    X(pors, "response packets sent")                                                               \
    X(misdirected, "short messages that no card sees: PID, DCS or UDHI are not for it")            \
    X(incomplete, "segments whose packet never became whole")                                      \
    X(hostile, "forged, altered and replayed response packets")                                    \
    X(mo_lost, "short messages lost on the way from a card")                                       \
    X(receipts, "delivery receipts sent")                                                          \
    X(delivers, "deliver_sm sent")                                                                 \
    X(deliver_refused, "deliver_sm refused for now, to be repeated")                               \
    X(deliver_dropped, "deliver_sm refused for good")                                              \
    X(deliver_repeated, "deliver_sm sent again")                                                   \
    X(connections_dropped, "connections dropped on purpose")                                       \
    X(protocol_errors, "PDUs that made no sense")

struct fleet_stats {
#define X(name, text) uint64_t name;
    FLEET_STATS(X)
#undef X
};

struct fleet;

/* Fair weather: one account "starling"/"secret", no delay, no loss, receipts with text and TLVs. */
struct fleet_config fleet_config_default(void);

/* NULL with a fault. The config is copied. */
struct fleet *fleet_create(const struct fleet_config *config, uint64_t now_ns, struct fault *fault);
void fleet_free(struct fleet *fleet);

/* The live settings: a scenario may change rates while it runs (not counts, seed or accounts). */
struct fleet_config *fleet_settings(struct fleet *fleet);

/* Switches one card off or on; index counts from 0 in this fleet. */
void fleet_set_silent(struct fleet *fleet, uint32_t index, bool silent);

/* A connection; FLEET_CONN_NONE when there are too many. */
uint32_t fleet_conn_open(struct fleet *fleet, uint64_t now_ns);

/* Takes octets from the ESME; returns how many. Fewer than given: offer the rest again after some
 * output has been sent. */
size_t fleet_conn_input(struct fleet *fleet, uint32_t conn, struct span bytes, uint64_t now_ns);

/* Octets for the ESME, in order, borrowed until the next call with this connection. */
struct span fleet_conn_output(const struct fleet *fleet, uint32_t conn);
void fleet_conn_sent(struct fleet *fleet, uint32_t conn, size_t len);

enum fleet_conn_wish {
    FLEET_CONN_KEEP,
    FLEET_CONN_CLOSE, /* once its output is sent */
    FLEET_CONN_DROP,  /* now, with a reset, losing output */
};
enum fleet_conn_wish fleet_conn_wish(const struct fleet *fleet, uint32_t conn);

/* It is gone, whoever closed it. Unanswered deliver_sm wait for another bind. */
void fleet_conn_closed(struct fleet *fleet, uint32_t conn, uint64_t now_ns);

/* Does all that is due. Every connection may have output afterwards. */
void fleet_tick(struct fleet *fleet, uint64_t now_ns);

/* When to tick next; UINT64_MAX: only after input. */
uint64_t fleet_next_ns(const struct fleet *fleet);

const struct fleet_stats *fleet_stats(const struct fleet *fleet);

/* Short messages under way or waiting for a bind: 0 when all is quiet. */
uint64_t fleet_under_way(const struct fleet *fleet);

/* Identities follow from the index (config.first + position), keys from the seed as well. */
void fleet_eid(uint32_t index, struct eid *out);
void fleet_msisdn(uint32_t index, uint32_t profile, char out[FLEET_MSISDN_CAP]);
void fleet_iccid(uint32_t index, uint32_t profile, char out[FLEET_ICCID_CAP]);

/* One line of EIS for the engine's import, without the newline; keys in clear. Returns its length.
 */
size_t fleet_eis_line(const struct fleet_config *config, uint32_t index, char out[FLEET_EIS_CAP]);

#endif
