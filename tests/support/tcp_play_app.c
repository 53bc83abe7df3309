/* The application: its calls, and what it knows. */
#include "tests/support/tcp_play_inside.h"

#include <stdlib.h>

static void on_opened(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    play.conn = conn;
    play.opened++;
}

static size_t on_received(void *ctx, struct tcp_conn *conn, struct span in)
{
    (void)ctx;
    size_t take = in.len < play.take_max ? in.len : play.take_max;
    for (size_t i = 0; i < take; i++)
        play_check(in.bytes[i] == play_octet(++play.got));
    if (play.asks)
        tcp_resume(conn, play.now_ns);
    return take;
}

static void on_writable(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static void on_peer_closed(void *ctx, struct tcp_conn *conn)
{
    (void)ctx;
    (void)conn;
    play.peer_closed++;
}

static void on_closed(void *ctx, struct tcp_conn *conn, enum err why)
{
    (void)ctx;
    (void)conn;
    play.conn = NULL;
    play.ended++;
    play.why = why;
}

static const struct tcp_app app = { on_opened, on_received, on_writable, on_peer_closed,
                                    on_closed };

static void *on_accepted(void *ctx, struct tcp_conn *conn)
{
    play.conn = conn;
    return ctx;
}

void play_listen(void)
{
    assert_int_equal(tcp_listen(play.net, PLAY_PORT, &app, on_accepted, &play), ERR_OK);
}

static void say(uint32_t len)
{
    struct chunk *chunk = chunk_take(play.chunks);
    play_check(chunk != NULL && len <= PLAY_CHUNK_LEN);
    struct writer w = chunk_writer(chunk);
    for (uint32_t i = 0; i < len; i++)
        writer_u8(&w, play_octet(++play.said));
    chunk_commit(chunk, &w);
    play_check(tcp_send(play.conn, chunk, 0, len, play.now_ns) == ERR_OK);
    chunk_give(chunk);
    play_turn();
}

static void connect_now(void)
{
    play.conn = tcp_connect(play.net, (struct tcp_endpoint){ play.theirs.addr, PLAY_PORT }, &app,
                            &play, play.now_ns);
    play_check(play.conn != NULL);
    play.their_port = PLAY_PORT;
    play.our_port = tcp_local(play.conn).port;
    play_turn();
}

struct count {
    const char *reason;
    uint64_t value;
    bool found;
};

static void count_find(void *ctx, const char *layer, const char *reason, uint64_t value)
{
    struct count *count = ctx;
    if (strcmp(layer, "tcp") != 0 || strcmp(reason, count->reason) != 0)
        return;
    count->value = value;
    count->found = true;
}

static void count_check(char *rest)
{
    char *reason = strtok_r(NULL, " ", &rest);
    struct count count = { .reason = reason };
    net_counters(play.net, count_find, &count);
    play_check(count.found);
    if (count.value != play_number(rest))
        fail_msg("%s, \"%s\": it is %lu", play.clause, play.line, (unsigned long)count.value);
}

/* What the application does. */
bool play_app_step(const char *verb, const char *rest)
{
    if (strcmp(verb, "say") == 0)
        say(play_number(rest));
    else if (strcmp(verb, "close") == 0)
        tcp_close(play.conn, play.now_ns);
    else if (strcmp(verb, "abort") == 0)
        tcp_abort(play.conn, play.now_ns);
    else if (strcmp(verb, "connect") == 0)
        connect_now();
    else if (strcmp(verb, "take") == 0)
        play.take_max = play_number(rest);
    else if (strcmp(verb, "resume") == 0)
        tcp_resume(play.conn, play.now_ns);
    else if (strcmp(verb, "asks") == 0)
        play.asks = true;
    else
        return false;
    play_turn();
    return true;
}

/* What it knows. */
bool play_known_step(const char *verb, char *rest)
{
    if (strcmp(verb, "got") == 0)
        play_check(play.got == play_number(rest));
    else if (strcmp(verb, "opened") == 0)
        play_check(play.opened == play_number(rest));
    else if (strcmp(verb, "peer_closed") == 0)
        play_check(play.peer_closed == play_number(rest));
    else if (strcmp(verb, "alive") == 0)
        play_check(play.ended == 0 && net_conn_count(play.net) == 1);
    else if (strcmp(verb, "gone") == 0)
        play_check(net_conn_count(play.net) == 0);
    else if (strcmp(verb, "ended") == 0)
        play_check(play.ended == 1 && strcmp(err_label(play.why), rest) == 0);
    else if (strcmp(verb, "count") == 0)
        count_check(rest);
    else
        return false;
    return true;
}
