/* One bind: its states, what we send, its timers. What comes in is in smpp_receive.c. */
#include "io/smpp/smpp_session.h"

#include "io/smpp/smpp_bind.h"
#include "io/smpp/smpp_status.h"

#define ALIGNMENT 64u
#define MS 1000000ull
#define DEFAULT_BIND_MS 10000u
#define DEFAULT_RESPONSE_MS 30000u
#define DEFAULT_ENQUIRE_MS 30000u
#define VERSION_3_4 0x34
#define TIMEOUTS_IN_A_ROW 3 /* then the peer is asked whether it lives */

static_assert(sizeof(struct smpp_session) % _Alignof(struct smpp_open) == 0,
              "the window's table follows the session");

static uint64_t ms_or(uint32_t ms, uint32_t otherwise)
{
    return (ms != 0 ? ms : otherwise) * MS;
}

size_t smpp_session_size(const struct smpp_session_config *config)
{
    size_t len = sizeof(struct smpp_session) +
                 smpp_window_entries(config->window) * sizeof(struct smpp_open);
    return (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

struct smpp_session *smpp_session_init(void *memory, const struct smpp_session_config *config,
                                       const struct smpp_events *events, void *ctx)
{
    ASSERT(config->window > 0 && config->window <= SMPP_WINDOW_MAX);
    struct smpp_session *session = memory;
    memset(session, 0, sizeof *session);
    session->config = *config;
    session->events = events;
    session->ctx = ctx;
    session->limit = config->window;
    session->bind_ns = ms_or(config->bind_ms, DEFAULT_BIND_MS);
    session->response_ns = ms_or(config->response_ms, DEFAULT_RESPONSE_MS);
    session->enquire_ns = ms_or(config->enquire_ms, DEFAULT_ENQUIRE_MS);
    smpp_window_init(&session->window, (struct smpp_open *)(void *)(session + 1), config->window);
    return session;
}

void smpp_session_start(struct smpp_session *session, struct writer *out, uint64_t now_ns)
{
    ASSERT(session->state == SMPP_CLOSED);
    const struct smpp_session_config *config = &session->config;
    smpp_window_reset(&session->window);
    session->state = SMPP_BINDING;
    session->refusal = 0;
    session->partial_len = 0;
    session->data_open_count = 0;
    session->inbound_open = 0;
    session->timeouts_in_row = 0;
    session->enquire_sequence = 0;
    session->inbound_ns = now_ns;
    session->message_ns = now_ns;
    session->deadline_ns = now_ns + session->bind_ns;
    session->control_sequence = smpp_window_number(&session->window);
    struct smpp_pdu pdu = {
        .header = { .id = SMPP_BIND_TRANSCEIVER, .sequence = session->control_sequence },
        .bind = {
            .system_id = span_text(config->system_id),
            .password = span_text(config->password),
            .system_type = span_text(config->system_type),
            .interface_version =
                config->interface_version != 0 ? config->interface_version : VERSION_3_4,
            .addr_ton = config->addr_ton,
            .addr_npi = config->addr_npi,
            .address_range = span_text(config->address_range),
        },
    };
    smpp_pdu_write(out, &pdu);
}

/* Every open submit ends with "unknown". */
static void window_lose(struct smpp_session *session)
{
    const struct smpp_open *open;
    while ((open = smpp_window_oldest(&session->window)) != NULL) {
        uint64_t cookie;
        bool taken = smpp_window_take(&session->window, open->sequence, &cookie);
        ASSERT(taken);
        counter_add(&session->counters.submits_lost, 1);
        session->events->submit_done(session->ctx, cookie, 0, span_of(NULL, 0), ERR_CLOSED);
    }
}

void smpp_session_end(struct smpp_session *session, enum err why, bool config_fault)
{
    session->state = SMPP_CLOSED;
    window_lose(session);
    session->events->ended(session->ctx, why, config_fault);
}

void smpp_session_closed(struct smpp_session *session)
{
    session->state = SMPP_CLOSED;
    window_lose(session);
}

enum err smpp_session_submit(struct smpp_session *session, const struct smpp_message *message,
                             uint64_t cookie, struct writer *out, uint64_t now_ns)
{
    if (session->state != SMPP_BOUND)
        return ERR_UNEXPECTED;
    if (session->window.open >= session->limit)
        return ERR_FULL;
    struct smpp_rate *rate = session->config.rate;
    if (rate != NULL && smpp_rate_room(rate, now_ns) == 0)
        return ERR_THROTTLED;

    struct writer before = *out;
    uint32_t sequence = smpp_window_add(&session->window, cookie, now_ns + session->response_ns);
    smpp_message_write(out, SMPP_SUBMIT_SM, sequence, message);
    if (out->err != ERR_OK) {
        enum err err = out->err;
        bool taken = smpp_window_take(&session->window, sequence, &cookie);
        ASSERT(taken);
        *out = before;
        return err;
    }
    if (rate != NULL) {
        bool taken = smpp_rate_take(rate, now_ns);
        ASSERT(taken);
    }
    session->message_ns = now_ns;
    counter_add(&session->counters.submits, 1);
    return ERR_OK;
}

/* Takes the number off the list of data_sm requests; false when it is not there. */
static bool data_open_take(struct smpp_session *session, uint32_t sequence)
{
    for (uint32_t i = 0; i < session->data_open_count; i++) {
        if (session->data_open[i] != sequence)
            continue;
        session->data_open[i] = session->data_open[--session->data_open_count];
        return true;
    }
    return false;
}

void smpp_session_answer_write(struct writer *out, uint32_t id, uint32_t status, uint32_t sequence)
{
    struct smpp_pdu pdu = {
        .header = { .id = id | SMPP_RESP, .status = status, .sequence = sequence },
        .message_id = span_of(NULL, 0),
    };
    smpp_pdu_write(out, &pdu);
}

void smpp_session_deliver_answer(struct smpp_session *session, uint32_t sequence, uint32_t status,
                                 struct writer *out)
{
    if (session->inbound_open == 0 || session->state == SMPP_CLOSED) {
        counter_add(&session->counters.answers_lost, 1);
        return;
    }
    session->inbound_open--;
    bool data_sm = data_open_take(session, sequence);
    smpp_session_answer_write(out, data_sm ? SMPP_DATA_SM : SMPP_DELIVER_SM, status, sequence);
}

void smpp_session_drained(struct smpp_session *session, struct writer *out, uint64_t now_ns)
{
    if (session->state != SMPP_DRAINING || session->window.open > 0 ||
        writer_room(out) < SMPP_HEADER_LEN)
        return;
    session->state = SMPP_UNBINDING;
    session->control_sequence = smpp_window_number(&session->window);
    session->deadline_ns = now_ns + session->response_ns;
    smpp_header_write(out, SMPP_UNBIND, 0, session->control_sequence);
}

void smpp_session_unbind(struct smpp_session *session, struct writer *out, uint64_t now_ns)
{
    if (session->state == SMPP_BINDING)
        smpp_session_end(session, ERR_OK, false);
    if (session->state != SMPP_BOUND)
        return;
    session->state = SMPP_DRAINING;
    smpp_session_drained(session, out, now_ns);
}

/* Requests whose time is over: each its own (a stream of other answers does not extend it). */
static void requests_expire(struct smpp_session *session, uint64_t now_ns)
{
    const struct smpp_open *open;
    while ((open = smpp_window_oldest(&session->window)) != NULL && open->due_ns <= now_ns) {
        uint64_t cookie;
        bool taken = smpp_window_take(&session->window, open->sequence, &cookie);
        ASSERT(taken);
        session->timeouts_in_row++;
        counter_add(&session->counters.submits_timeout, 1);
        session->events->submit_done(session->ctx, cookie, 0, span_of(NULL, 0), ERR_TIMEOUT);
    }
}

/* Silence, or answers that fail to come: is the peer there? */
static void enquire(struct smpp_session *session, struct writer *out, uint64_t now_ns)
{
    if (session->enquire_sequence != 0) {
        if (now_ns < session->enquire_deadline_ns)
            return;
        if (!session->answered_since_enquiry) {
            counter_add(&session->counters.ends_timeout, 1);
            smpp_session_end(session, ERR_TIMEOUT, false);
            return;
        }
        /* Some SMSCs answer enquire_link only when idle: answers to submits are life enough. */
        counter_add(&session->counters.enquiries_missed, 1);
        session->enquire_sequence = 0;
    }
    if (session->timeouts_in_row < TIMEOUTS_IN_A_ROW &&
        now_ns - session->inbound_ns < session->enquire_ns)
        return;
    session->timeouts_in_row = 0;
    session->answered_since_enquiry = false;
    session->enquire_sequence = smpp_window_number(&session->window);
    session->enquire_deadline_ns = now_ns + session->response_ns;
    counter_add(&session->counters.enquiries, 1);
    smpp_header_write(out, SMPP_ENQUIRE_LINK, 0, session->enquire_sequence);
}

void smpp_session_tick(struct smpp_session *session, struct writer *out, uint64_t now_ns)
{
    if (writer_room(out) < SMPP_ANSWER_ROOM)
        return;
    switch (session->state) {
    case SMPP_CLOSED:
    case SMPP_SESSION_STATES:
        return;
    case SMPP_BINDING:
    case SMPP_UNBINDING:
        if (now_ns < session->deadline_ns)
            return;
        counter_add(&session->counters.ends_timeout, 1);
        smpp_session_end(session, ERR_TIMEOUT, false);
        return;
    case SMPP_BOUND:
    case SMPP_DRAINING:
        requests_expire(session, now_ns);
        if (session->config.inactivity_ms != 0 &&
            now_ns - session->message_ns >= session->config.inactivity_ms * MS)
            smpp_session_unbind(session, out, now_ns);
        if (writer_room(out) >= SMPP_ANSWER_ROOM && session->state == SMPP_BOUND)
            enquire(session, out, now_ns);
        smpp_session_drained(session, out, now_ns);
        return;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t smpp_session_next_ns(const struct smpp_session *session)
{
    uint64_t next = UINT64_MAX;
    switch (session->state) {
    case SMPP_CLOSED:
    case SMPP_SESSION_STATES:
        return UINT64_MAX;
    case SMPP_BINDING:
    case SMPP_UNBINDING:
        return session->deadline_ns;
    case SMPP_BOUND:
        if (session->enquire_sequence == 0 && session->timeouts_in_row >= TIMEOUTS_IN_A_ROW)
            return 0; /* only room in `out` was missing */
        next = session->enquire_sequence != 0 ? session->enquire_deadline_ns
                                              : session->inbound_ns + session->enquire_ns;
        if (session->config.inactivity_ms != 0)
            next = earlier(next, session->message_ns + session->config.inactivity_ms * MS);
        break;
    case SMPP_DRAINING:
        if (session->window.open == 0)
            return 0; /* likewise */
        break;
    }
    const struct smpp_open *open = smpp_window_oldest(&session->window);
    return open != NULL ? earlier(next, open->due_ns) : next;
}

uint32_t smpp_session_room(const struct smpp_session *session)
{
    if (session->state != SMPP_BOUND || session->window.open >= session->limit)
        return 0;
    return session->limit - session->window.open;
}

void smpp_session_set_window(struct smpp_session *session, uint32_t window)
{
    uint32_t most = session->config.window;
    session->limit = window == 0 ? 1 : window < most ? window : most;
}

uint32_t smpp_session_open(const struct smpp_session *session)
{
    return session->window.open;
}

enum smpp_session_state smpp_session_state(const struct smpp_session *session)
{
    return session->state;
}

uint32_t smpp_session_refusal(const struct smpp_session *session)
{
    return session->refusal;
}

const struct smpp_session_counters *smpp_session_counters(const struct smpp_session *session)
{
    return &session->counters;
}
