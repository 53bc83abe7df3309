/* Binds of one SMSC account: dial, bind, write, break, dial again. */
#include "engine/smsc_account.h"

#include "base/log.h"
#include "crypto/ct.h"
#include "crypto/secret.h"
#include "engine/edge.h"

#include <rte_malloc.h>

#include <stdio.h>

#define CLOSE_NS 5000000000u /* an SMSC that does not close delays the next bind by no more */

/* ---- Octets out -------------------------------------------------------------------------------- */

/* Hands what was written since the last time to TCP; the chunk stays for more. */
static void bind_flush(struct smsc_bind *bind)
{
    struct chunk *chunk = bind->chunk;
    if (chunk == NULL || chunk->len == bind->unsent)
        return;
    enum err err = tcp_send(bind->conn, chunk, bind->unsent, chunk->len - bind->unsent,
                            bind->smsc->edge->core.now_ns);
    ASSERT(err == ERR_OK || err == ERR_CLOSED); /* bind_writer left room */
    bind->unsent = chunk->len;
}

static void bind_chunk_drop(struct smsc_bind *bind)
{
    if (bind->chunk != NULL)
        chunk_give(bind->chunk);
    bind->chunk = NULL;
    bind->unsent = 0;
}

bool bind_writer(struct smsc_bind *bind, uint32_t room, struct writer *out)
{
    if (bind->conn == NULL)
        return false;
    uint32_t waiting = bind->chunk == NULL ? 0 : bind->chunk->len - bind->unsent;
    if (tcp_send_room(bind->conn) < waiting + room)
        return false;
    if (bind->chunk != NULL && chunk_room(bind->chunk) < room) {
        bind_flush(bind);
        bind_chunk_drop(bind);
    }
    if (bind->chunk == NULL)
        bind->chunk = chunk_take(bind->smsc->edge->chunks);
    if (bind->chunk == NULL)
        return false;
    *out = chunk_writer(bind->chunk);
    uint32_t free_room = tcp_send_room(bind->conn) - waiting;
    if (writer_room(out) > free_room)
        out->end = out->at + free_room; /* never more than TCP takes */
    return true;
}

void bind_commit(struct smsc_bind *bind, const struct writer *out)
{
    chunk_commit(bind->chunk, out);
}

/* Not all octets that left were answered: with a smaller window fewer are lost next time, so that an
 * SMSC that breaks off again and again is still got through to. */
static void bind_lost(struct smsc_bind *bind)
{
    if (smpp_session_open(bind->session) == 0)
        return;
    bind->window = bind->window > 1 ? bind->window / 2 : 1;
    smpp_session_set_window(bind->session, bind->window);
}

void bind_answered(struct smsc_bind *bind)
{
    if (bind->window == bind->smsc->config->window)
        return;
    bind->window++;
    smpp_session_set_window(bind->session, bind->window);
}

void smsc_flush(struct smsc *smsc)
{
    for (uint32_t i = 0; i < smsc->bind_count; i++)
        if (smsc->binds[i].conn != NULL)
            bind_flush(&smsc->binds[i]);
}

/* ---- Session events ---------------------------------------------------------------------------- */

static void session_bound(void *ctx)
{
    struct smsc_bind *bind = ctx;
    smpp_backoff_bound(&bind->backoff, bind->smsc->edge->core.now_ns);
    log_info("smsc", "account %s, bind %u: bound", bind->smsc->config->name, bind->index);
}

static void session_submit_done(void *ctx, uint64_t cookie, uint32_t command_status,
                                struct span message_id, enum err err)
{
    send_done(ctx, (struct msg *)(uintptr_t)cookie, command_status, message_id, err);
}

static bool session_deliver(void *ctx, uint32_t sequence, const struct smpp_message *message)
{
    struct smsc_bind *bind = ctx;
    bool answer_now = false;
    bool taken = uplink_receive(bind, sequence, message, &answer_now);
    if (taken && answer_now)
        smpp_session_deliver_answer(bind->session, sequence, SMPP_ROK, bind->out);
    return taken;
}

static void session_ended(void *ctx, enum err why, bool config_fault)
{
    struct smsc_bind *bind = ctx;
    bind->config_fault = config_fault;
    bind->link = BIND_CLOSING;
    uint32_t refusal = smpp_session_refusal(bind->session);
    if (refusal != 0)
        log_error("smsc",
                  "account %s, bind %u: refused with %s (%#x); check system_id and password",
                  bind->smsc->config->name, bind->index, smpp_status_info(refusal).name, refusal);
    else if (why != ERR_OK)
        log_warning("smsc", "account %s, bind %u: session ended: %s", bind->smsc->config->name,
                    bind->index, err_text(why));
}

static const struct smpp_events session_events = {
    .bound = session_bound,
    .submit_done = session_submit_done,
    .deliver = session_deliver,
    .ended = session_ended,
};

/* ---- Connection -------------------------------------------------------------------------------- */

static void bind_down(struct smsc_bind *bind)
{
    struct edge *edge = bind->smsc->edge;
    wheel_disarm(&edge->core.wheel, &bind->timer);
    bind->link = BIND_DOWN;
    bind->conn = NULL;
    bind->generation++;
    bind_chunk_drop(bind);
    if (bind->smsc->draining)
        return;
    uint64_t at = smpp_backoff_ended(&bind->backoff, bind->config_fault, edge->core.now_ns);
    bind->config_fault = false;
    wheel_arm(&edge->core.wheel, &bind->timer, at);
}

/* Closes, once; the timer sees to it that this ends, whatever the SMSC does or does not. */
static void bind_close(struct smsc_bind *bind)
{
    struct core *core = &bind->smsc->edge->core;
    bind->link = BIND_CLOSING;
    bind_flush(bind);
    tcp_close(bind->conn, core->now_ns);
    if (!timer_armed(&bind->timer))
        wheel_arm(&core->wheel, &bind->timer, core->now_ns + CLOSE_NS);
}

static void conn_opened(void *ctx, struct tcp_conn *conn)
{
    struct smsc_bind *bind = ctx;
    bind->link = BIND_UP;
    struct writer out;
    if (!bind_writer(bind, SMPP_START_ROOM, &out)) { /* an empty queue always has room */
        tcp_abort(conn, bind->smsc->edge->core.now_ns);
        bind_down(bind);
        return;
    }
    smpp_session_start(bind->session, &out, bind->smsc->edge->core.now_ns);
    bind_commit(bind, &out);
}

static size_t conn_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    struct smsc_bind *bind = ctx;
    uint64_t now_ns = bind->smsc->edge->core.now_ns;
    size_t taken = 0;
    uplink_expect(bind, in);
    while (taken < in.len && bind->link == BIND_UP) {
        struct writer out;
        if (!bind_writer(bind, SMPP_ANSWER_ROOM, &out)) {
            tcp_resume(conn, now_ns);
            return taken;
        }
        bind->out = &out;
        size_t step = smpp_session_input(bind->session, span_after(in, taken), &out, now_ns);
        bind->out = NULL;
        bind_commit(bind, &out);
        taken += step;
        if (step == 0)
            break;
    }
    if (bind->link == BIND_CLOSING) {
        bind_close(bind);
        return in.len;
    }
    if (taken < in.len)
        tcp_resume(conn, now_ns);
    return taken;
}

static void conn_writable(void *ctx, struct tcp_conn *conn)
{
    (void)ctx, (void)conn; /* asked for room every turn */
}

static void conn_peer_closed(void *ctx, struct tcp_conn *conn)
{
    (void)conn;
    bind_close(ctx);
}

static void conn_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    (void)conn;
    struct smsc_bind *bind = ctx;
    log_at(bind->smsc->draining ? LOG_INFO : LOG_WARNING, "smsc",
           "account %s, bind %u: connection closed: %s", bind->smsc->config->name, bind->index,
           err_text(why));
    bind_lost(bind);
    smpp_session_closed(bind->session);
    bind_down(bind);
}

static const struct tcp_app conn_app = {
    .opened = conn_opened,
    .received = conn_received,
    .writable = conn_writable,
    .peer_closed = conn_peer_closed,
    .closed = conn_closed,
};

void smsc_timer(struct smsc_bind *bind)
{
    struct smsc *smsc = bind->smsc;
    if (bind->link == BIND_CLOSING) {
        tcp_abort(bind->conn, smsc->edge->core.now_ns);
        conn_closed(bind, bind->conn, ERR_TIMEOUT);
        return;
    }
    struct tcp_endpoint peer = { .addr = smsc->config->address, .port = smsc->config->tcp_port };
    if (smsc->draining)
        return;
    bind->link = BIND_DIALLING;
    bind->conn = tcp_connect(smsc->net, peer, &conn_app, bind, smsc->edge->core.now_ns);
    if (bind->conn == NULL)
        bind_down(bind);
}

static void bind_tick(struct smsc_bind *bind)
{
    uint64_t now_ns = bind->smsc->edge->core.now_ns;
    struct writer out;
    if (bind->link != BIND_UP || smpp_session_next_ns(bind->session) > now_ns ||
        !bind_writer(bind, SMPP_ANSWER_ROOM, &out))
        return;
    smpp_session_tick(bind->session, &out, now_ns);
    bind_commit(bind, &out);
    if (bind->link == BIND_CLOSING)
        bind_close(bind);
}

void smsc_tick(struct smsc *smsc)
{
    for (uint32_t i = 0; i < smsc->bind_count; i++)
        bind_tick(&smsc->binds[i]);
}

uint32_t smsc_bound_count(const struct smsc *smsc)
{
    uint32_t bound = 0;
    for (uint32_t i = 0; i < smsc->bind_count; i++)
        bound += smpp_session_state(smsc->binds[i].session) == SMPP_BOUND;
    return bound;
}

void smsc_drain(struct smsc *smsc)
{
    smsc->draining = true;
    for (uint32_t i = 0; i < smsc->bind_count; i++) {
        struct smsc_bind *bind = &smsc->binds[i];
        struct writer out;
        switch (bind->link) {
        case BIND_DIALLING:
            tcp_abort(bind->conn, smsc->edge->core.now_ns);
            bind_down(bind);
            break;
        case BIND_DOWN:
            wheel_disarm(&smsc->edge->core.wheel, &bind->timer);
            break;
        case BIND_CLOSING:
            break;
        case BIND_UP:
            if (bind_writer(bind, SMPP_ANSWER_ROOM, &out)) {
                smpp_session_unbind(bind->session, &out, smsc->edge->core.now_ns);
                bind_commit(bind, &out);
            } else {
                bind->link = BIND_CLOSING;
            }
            if (bind->link == BIND_CLOSING)
                bind_close(bind);
        }
    }
}

bool smsc_drained(const struct smsc *smsc)
{
    for (uint32_t i = 0; i < smsc->bind_count; i++)
        if (smsc->binds[i].link != BIND_DOWN)
            return false;
    return true;
}

/* ---- The queue --------------------------------------------------------------------------------- */

void queue_push_back(struct smsc *smsc, struct msg *msg)
{
    ASSERT(smsc->queue_count < smsc->queue_cap); /* credits bound it */
    smsc->queue[(smsc->queue_head + smsc->queue_count) % smsc->queue_cap] = msg;
    smsc->queue_count++;
}

void queue_push_front(struct smsc *smsc, struct msg *msg)
{
    ASSERT(smsc->queue_count < smsc->queue_cap);
    smsc->queue_head = (smsc->queue_head + smsc->queue_cap - 1) % smsc->queue_cap;
    smsc->queue[smsc->queue_head] = msg;
    smsc->queue_count++;
    smsc->held_count++;
}

struct msg *queue_front(const struct smsc *smsc)
{
    return smsc->queue_count == 0 ? NULL : smsc->queue[smsc->queue_head];
}

void queue_pop(struct smsc *smsc)
{
    ASSERT(smsc->queue_count > 0);
    smsc->held_count -= smsc->held_count > 0;
    smsc->queue_head = (smsc->queue_head + 1) % smsc->queue_cap;
    smsc->queue_count--;
}

/* ---- Lifetime ---------------------------------------------------------------------------------- */

/* One line, without its end. The buffer is wiped by the caller. */
static enum err password_read(const struct config_account *config, char *out, size_t cap,
                              struct fault *fault)
{
    FILE *file = fopen(config->password_file, "re");
    if (file == NULL) {
        fault_set(fault,
                  "account %s: cannot open password_file %s; create it with the SMSC's "
                  "password in one line, mode 0600",
                  config->name, config->password_file);
        return ERR_IO;
    }
    char line[64] = "";
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = '\0';
    fclose(file);
    size_t len = strcspn(line, "\r\n");
    enum err err = len < cap ? ERR_OK : ERR_RANGE;
    if (err == ERR_OK) {
        memcpy(out, line, len);
        out[len] = '\0';
    } else {
        fault_set(fault, "account %s: the password in %s has more than %zu characters",
                  config->name, config->password_file, cap - 1);
    }
    wipe(line, sizeof line);
    return err;
}

static void submit_template(struct smsc *smsc)
{
    const struct config_account *config = smsc->config;
    smsc->submit = (struct smpp_message){
        .esm_class = SMPP_ESM_UDHI,
        .protocol_id = SMS_PID_USIM_DOWNLOAD,
        .registered_delivery = config->receipts ? 1 : 0,
        .data_coding = SMS_DCS_CLASS2_8BIT,
    };
}

static enum err binds_init(struct smsc *smsc, uint64_t seed, struct fault *fault)
{
    const struct config_account *config = smsc->config;
    struct smpp_session_config session = {
        .window = config->window,
        .bind_ms = config->bind_ms,
        .response_ms = config->response_ms,
        .enquire_ms = config->enquire_ms,
        .rate = &smsc->rate,
    };
    snprintf(session.system_id, sizeof session.system_id, "%s", config->system_id);
    snprintf(session.system_type, sizeof session.system_type, "%s",
             config->system_type != NULL ? config->system_type : "");
    enum err err = password_read(config, session.password, sizeof session.password, fault);
    smsc->session_size = smpp_session_size(&session);
    for (uint32_t i = 0; err == ERR_OK && i < config->binds; i++) {
        struct smsc_bind *bind = &smsc->binds[i];
        void *memory = secret_alloc(smsc->session_size, fault); /* holds the password */
        if (memory == NULL) {
            err = ERR_NO_MEMORY;
            break;
        }
        bind->smsc = smsc;
        bind->index = i;
        bind->window = config->window;
        bind->session = smpp_session_init(memory, &session, &session_events, bind);
        smpp_backoff_init(&bind->backoff, seed + i);
        wheel_arm(&smsc->edge->core.wheel, &bind->timer, smsc->edge->core.now_ns);
        smsc->bind_count++;
    }
    wipe(&session, sizeof session);
    return err;
}

enum err smsc_init(struct smsc *smsc, struct edge *edge, uint32_t account, struct net *net,
                   uint32_t room, uint64_t seed, struct fault *fault)
{
    *smsc = (struct smsc){
        .edge = edge,
        .config = &edge->config->accounts[account],
        .account = account,
        .net = net,
        .queue_cap = room,
    };
    ASSERT(smsc->config->binds > 0 && smsc->config->binds <= SMSC_BINDS_MAX);
    smsc->queue = rte_zmalloc("smsc", room * sizeof(struct msg *), CACHE_LINE);
    if (smsc->queue == NULL) {
        fault_set(fault, "account %s: no memory for %u queued messages", smsc->config->name, room);
        return ERR_NO_MEMORY;
    }
    smpp_rate_init(&smsc->rate, smsc->config->rate_per_s, edge->core.now_ns);
    submit_template(smsc);
    enum err err =
        sms_address_set(&smsc->submit.source, smsc->config->source_ton, smsc->config->source_npi,
                        span_text(smsc->config->source_address));
    if (err != ERR_OK) {
        fault_set(fault, "account %s: source_address has more than 20 characters",
                  smsc->config->name);
        return err;
    }
    return binds_init(smsc, seed, fault);
}

void smsc_fini(struct smsc *smsc)
{
    for (uint32_t i = 0; i < smsc->bind_count; i++) {
        bind_chunk_drop(&smsc->binds[i]);
        secret_free(smsc->binds[i].session, smsc->session_size);
    }
    rte_free(smsc->queue);
    smsc->queue = NULL;
    smsc->bind_count = 0;
}
