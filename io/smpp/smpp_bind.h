/* What smpp_session.c and smpp_receive.c share; nobody else's. */
#ifndef IO_SMPP_BIND_H
#define IO_SMPP_BIND_H

#include "io/smpp/smpp_session.h"
#include "io/smpp/smpp_window.h"

struct smpp_session {
    struct smpp_session_config config;
    const struct smpp_events *events;
    void *ctx;
    uint64_t bind_ns;
    uint64_t response_ns;
    uint64_t enquire_ns;

    enum smpp_session_state state;
    uint32_t refusal;
    uint32_t limit;            /* the window now */
    uint32_t control_sequence; /* of our bind or unbind */
    uint64_t deadline_ns;      /* of its answer */
    struct smpp_window window;

    uint64_t inbound_ns;          /* the last PDU of any kind */
    uint64_t message_ns;          /* the last message either way */
    uint32_t timeouts_in_row;     /* since the last answer */
    uint32_t enquire_sequence;    /* 0: none open */
    uint64_t enquire_deadline_ns; /* not moved by other traffic */
    bool answered_since_enquiry;  /* a submit was */

    uint32_t inbound_open; /* delivered to the caller, not answered yet */
    uint32_t data_open_count;
    uint32_t data_open[SMPP_INBOUND_DATA_MAX]; /* which of them are data_sm */

    struct smpp_session_counters counters;
    size_t partial_len;
    uint8_t partial[SMPP_PDU_MAX]; /* the beginning of a PDU whose rest has not come */
};

/* Closes: open submits first, then ended(). */
void smpp_session_end(struct smpp_session *session, enum err why, bool config_fault);

/* Sends unbind once nothing is open, when unbind was asked for. */
void smpp_session_drained(struct smpp_session *session, struct writer *out, uint64_t now_ns);

/* The response to request `id`, without message id. */
void smpp_session_answer_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence);

#endif
