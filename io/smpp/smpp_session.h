/* One ESME bind (bind_transceiver), bytes in, bytes out.
 *
 *   CLOSED --start--> BINDING --bind_resp--> BOUND --unbind--> DRAINING --no open request-->
 * UNBINDING ^ |
 *      +---- ended(): refused, timeout, protocol error, unbound ---------------------------------+
 *
 * The caller owns the TCP connection. What must be sent is appended to `out`; the caller sends it,
 * also when the session has just ended, then closes. Every accepted submit gets exactly one
 * submit_done. enquire_link is answered in every state. */
#ifndef IO_SMPP_SESSION_H
#define IO_SMPP_SESSION_H

#include "base/counter.h"
#include "io/smpp/smpp_rate.h"
#include "io/smpp/smpp_wire.h"

#define SMPP_WINDOW_MAX 4096u
#define SMPP_INBOUND_DATA_MAX                                                                      \
    64u                      /* data_sm awaiting our answer; one more is refused: try later   \
                                   */
#define SMPP_ANSWER_ROOM 64u /* `out` must have this much before anything is taken or done */
#define SMPP_START_ROOM 128u /* for smpp_session_start */

struct smpp_session;

enum smpp_session_state {
    SMPP_CLOSED,
    SMPP_BINDING,
    SMPP_BOUND,
    SMPP_DRAINING,  /* unbind asked for, open answers awaited */
    SMPP_UNBINDING, /* unbind sent */
    SMPP_SESSION_STATES
};

struct smpp_session_config {
    char system_id[16];
    char password[17]; /* secret. 8 characters by the standard; some SMSCs take more */
    char system_type[13];
    char address_range[41];
    uint8_t addr_ton;
    uint8_t addr_npi;
    uint8_t interface_version; /* 0: 0x34 */
    uint32_t window;           /* requests open at once, 1..SMPP_WINDOW_MAX */
    uint32_t bind_ms;          /* 0 in any of these: the default, 10 s */
    uint32_t response_ms;      /* per request, 30 s */
    uint32_t enquire_ms;       /* without inbound traffic, 30 s */
    uint32_t inactivity_ms;    /* without messages either way: unbind; 0: never */
    struct smpp_rate *rate;    /* of the account, told of every answer; NULL: none. Kept. */
};

/* Called from within input, tick, submit, unbind and closed. They may call submit, room and
 * deliver_answer with the same `out`, but not input, tick or start. */
struct smpp_events {
    void (*bound)(void *ctx);

    /* Exactly one per accepted submit. ERR_OK: `command_status` is the SMSC's (a generic_nack's
     * too), and `message_id` its id (may be empty). ERR_TIMEOUT, ERR_CLOSED: unknown whether it was
     * taken. */
    void (*submit_done)(void *ctx, uint64_t cookie, uint32_t command_status, struct span message_id,
                        enum err err);

    /* deliver_sm or data_sm: true = accepted, smpp_session_deliver_answer follows once it is safe;
     * false = no room: answered at once with ESME_RX_T_APPN, counted. */
    bool (*deliver)(void *ctx, uint32_t sequence, const struct smpp_message *message);

    /* After all submit_done. ERR_OK: unbound as asked; ERR_CLOSED: the peer unbound; ERR_REFUSED:
     * bind refused or bind state lost (command_status in smpp_session_refusal); ERR_TIMEOUT;
     * ERR_MALFORMED: framing lost. `config_fault`: credentials or settings; do not hammer. */
    void (*ended)(void *ctx, enum err why, bool config_fault);
};

/* Name, what is counted. */
#define SMPP_SESSION_COUNTERS(X)                                                                   \
    X(binds, "Binds accepted by the SMSC.")                                                        \
    X(binds_refused, "Binds refused by the SMSC.")                                                 \
    X(submits, "submit_sm written.")                                                               \
    X(submits_ok, "submit_sm accepted.")                                                           \
    X(submits_retry, "submit_sm refused for now, to be tried later.")                              \
    X(submits_throttled, "submit_sm refused with ESME_RTHROTTLED or ESME_RMSGQFUL.")               \
    X(submits_permanent, "submit_sm refused for good.")                                            \
    X(submits_rebind, "submit_sm refused with a status that asks for another bind.")               \
    X(submits_config, "submit_sm refused with a status that points to our configuration.")         \
    X(submits_bug, "submit_sm refused with a status that points to a fault of ours.")              \
    X(submits_timeout, "submit_sm not answered in time.")                                          \
    X(submits_lost, "submit_sm unanswered when the session ended.")                                \
    X(late_answers, "Answers to no open request.")                                                 \
    X(nacks, "generic_nack received.")                                                             \
    X(delivers, "deliver_sm accepted.")                                                            \
    X(delivers_refused, "deliver_sm answered ESME_RX_T_APPN for want of room.")                    \
    X(delivers_malformed, "deliver_sm answered ESME_RX_P_APPN: malformed.")                        \
    X(answers_lost, "Answers of ours that came after the session they belong to.")                 \
    X(malformed, "Other PDUs whose body makes no sense.")                                          \
    X(unexpected, "PDUs that may not come in this state.")                                         \
    X(unknown_pdus, "PDUs of an unknown command_id, answered with ESME_RINVCMDID.")                \
    X(enquiries, "enquire_link sent.")                                                             \
    X(enquiries_answered, "enquire_link of the SMSC answered.")                                    \
    X(enquiries_missed, "enquire_link unanswered while other answers came.")                       \
    X(alerts, "alert_notification and outbind, which are ignored.")                                \
    X(unbinds, "unbind received.")                                                                 \
    X(ends_timeout, "Sessions ended: bind, enquire_link or unbind unanswered.")                    \
    X(ends_framing, "Sessions ended: command_length out of range.")

struct smpp_session_counters {
#define SMPP_COUNTER(name, help) struct counter name;
    SMPP_SESSION_COUNTERS(SMPP_COUNTER)
#undef SMPP_COUNTER
};

/* Bytes of memory that init needs. */
size_t smpp_session_size(const struct smpp_session_config *config);

/* `memory` is aligned for any object and outlives the session; `events` too. Copies the config (and
 * the password: the memory is the caller's to lock and wipe). */
struct smpp_session *smpp_session_init(void *memory, const struct smpp_session_config *config,
                                       const struct smpp_events *events, void *ctx);

/* TCP is up: writes bind_transceiver. Also starts a session again after it ended or was closed. */
void smpp_session_start(struct smpp_session *session, struct writer *out, uint64_t now_ns);

/* Takes octets; a partial PDU is kept inside. Returns how many were taken: less than in.len only
 * when `out` has less than SMPP_ANSWER_ROOM left, or the session ended. */
size_t smpp_session_input(struct smpp_session *session, struct span in, struct writer *out,
                          uint64_t now_ns);

/* MSISDNs of the senders of those deliver_sm that begin in `in`, which smpp_session_input gets next:
 * a hint, for looking them up together. Returns how many, at most `cap`. */
size_t smpp_session_senders(const struct smpp_session *session, struct span in, uint64_t *msisdns,
                            size_t cap);

/* Writes a submit_sm. ERR_FULL: no window, or `out` has no room (nothing written); ERR_THROTTLED:
 * the rate says wait; ERR_UNEXPECTED: not bound; ERR_RANGE: a field cannot be carried. On an error
 * nothing was written and there is no submit_done. */
MUST_CHECK enum err smpp_session_submit(struct smpp_session *session,
                                        const struct smpp_message *message, uint64_t cookie,
                                        struct writer *out, uint64_t now_ns);

/* Answers an accepted deliver_sm or data_sm. Counted and without effect when the session ended since (the
 * SMSC will deliver again); the caller does not bring answers into a session started later. `out` needs
 * SMPP_ANSWER_ROOM. */
void smpp_session_deliver_answer(struct smpp_session *session, uint32_t sequence, uint32_t status,
                                 struct writer *out);

/* Response timers, enquire_link, bind and inactivity timers. `out` needs SMPP_ANSWER_ROOM, else
 * nothing is done. */
void smpp_session_tick(struct smpp_session *session, struct writer *out, uint64_t now_ns);

/* When tick has something to do; UINT64_MAX for never. */
uint64_t smpp_session_next_ns(const struct smpp_session *session);

/* No more submits; unbind goes out when the open ones are answered or timed out. */
void smpp_session_unbind(struct smpp_session *session, struct writer *out, uint64_t now_ns);

/* The TCP connection is gone: every open submit ends with ERR_CLOSED. No ended(). */
void smpp_session_closed(struct smpp_session *session);

/* Submits that the window has room for; 0 when not bound. */
uint32_t smpp_session_room(const struct smpp_session *session);

/* Lowers or restores the window at run time, at most the configured one. */
void smpp_session_set_window(struct smpp_session *session, uint32_t window);

/* Submits without an answer yet. */
uint32_t smpp_session_open(const struct smpp_session *session);

enum smpp_session_state smpp_session_state(const struct smpp_session *session);

/* Status of the last refused bind, or the one that ended the session; 0 for none. */
uint32_t smpp_session_refusal(const struct smpp_session *session);

const struct smpp_session_counters *smpp_session_counters(const struct smpp_session *session);

#endif
