/* The player. */
#include "tests/support/tcp_play.h"

#include "base/hex.h"
#include "io/net/net.h"
#include "io/port_mem.h"
#include "io/tcp/tcp.h"
#include "io/tcp/tcp_check.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"

#include <stdlib.h>

#define MS 1000000ull
#define FRAMES 1023
#define CHUNKS 4
#define CHUNK_LEN 65536
#define PORT 2775
#define PEER_PORT 40000
#define WINDOW 20000

static struct rte_mempool *frames;

struct play {
    const char *clause;
    const char *line; /* being played */
    uint64_t now_ns;
    struct port *ends[2]; /* the stack's, the peer's */
    struct net *net;
    struct chunk_pool *chunks;
    struct wire_end ours, theirs;
    struct tcp_conn *conn;
    uint16_t our_port, their_port;
    uint32_t their_isn;
    uint32_t our_isn; /* 0 until known */
    bool isn_known;
    uint32_t n, a; /* what the script calls so */
    uint32_t ts_seen;
    uint32_t said;
    uint32_t got;
    size_t take_max;
    bool asks; /* in the call that leaves octets, for them */
    uint32_t frames_before;
    unsigned opened, peer_closed, ended;
    enum err why;
};

static struct play play;

/* Fails the test with the clause and the step. */
#define play_check(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s, IPv%d, ISN %08x, \"%s\": %s", play.clause,                               \
                     ip_is_v4(play.ours.addr) ? 4 : 6, play.their_isn, play.line, #condition);     \
    } while (0)

/* At a place of either stream; the first is 1. */
static uint8_t octet_at(uint32_t place)
{
    return (uint8_t)(place * 7 + (place >> 8));
}

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
        play_check(in.bytes[i] == octet_at(++play.got));
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

static void turn(void)
{
    alloc_trap_arm();
    while (net_rx(play.net, play.now_ns) > 0)
        ;
    net_timers(play.net, play.now_ns);
    net_flush(play.net, play.now_ns);
    alloc_trap_disarm();
    const char *wrong = tcp_check(play.net);
    if (wrong != NULL)
        fail_msg("%s, \"%s\": not so: %s", play.clause, play.line, wrong);
}

static void pass(uint64_t ms)
{
    for (; ms > 0; ms--) {
        play.now_ns += MS;
        turn();
    }
}

/* "n+5", "a-1", "17", "-1" */
static uint32_t number(const char *text)
{
    uint32_t base = 0;
    if (*text == 'n' || *text == 'a') {
        base = *text == 'n' ? play.n : play.a;
        text++;
    }
    char *end;
    long value = *text != '\0' ? strtol(text, &end, 10) : 0;
    play_check(*text == '\0' || *end == '\0' || *end == '-' || *end == ',');
    return base + (uint32_t)value;
}

static uint8_t flags_of(const char *text)
{
    static const char names[] = "FSRPAU";
    uint8_t flags = 0;
    for (; *text != '\0' && *text != '-'; text++) {
        const char *name = strchr(names, *text);
        play_check(name != NULL);
        flags |= (uint8_t)(1u << (name - names));
    }
    return flags;
}

/* A step's fields: what is set in `given`. */
struct fields {
    struct tcp_header header; /* numbers absolute */
    uint32_t len;
    bool seq, ack, win, te;
    uint32_t ago;
    uint8_t options[TCP_OPTIONS_MAX];
    size_t options_len;
};

static void sacks_take(struct tcp_header *header, char *value, uint32_t isn)
{
    char *rest = NULL;
    for (char *block = strtok_r(value, ",", &rest); block != NULL;
         block = strtok_r(NULL, ",", &rest)) {
        char *right = strchr(block, '-');
        play_check(right != NULL && header->sack_count < TCP_SACK_MAX);
        header->sacks[header->sack_count++] =
            (struct tcp_sack){ isn + number(block), isn + number(right + 1) };
    }
}

static void options_take(struct fields *fields, const char *hex)
{
    struct writer w = writer_over(fields->options, sizeof fields->options);
    play_check(hex_read(span_text(hex), &w) == ERR_OK);
    fields->options_len = writer_len(&w);
}

static bool option_take(struct tcp_header *header, const char *key, char *value, uint32_t sacks_isn)
{
    if (strcmp(key, "mss") == 0) {
        header->has_mss = true;
        header->mss = (uint16_t)number(value);
    } else if (strcmp(key, "ws") == 0) {
        header->has_wscale = true;
        header->wscale = (uint8_t)number(value);
    } else if (strcmp(key, "ts") == 0) {
        header->has_ts = true;
        header->ts_value = number(value);
    } else if (strcmp(key, "sackok") == 0) {
        header->sack_permitted = true;
    } else if (strcmp(key, "sack") == 0) {
        sacks_take(header, value, sacks_isn);
    } else {
        return false;
    }
    return true;
}

static void field_take(struct fields *fields, const char *key, char *value, uint32_t seq_isn,
                       uint32_t ack_isn)
{
    struct tcp_header *header = &fields->header;
    if (strcmp(key, "seq") == 0) {
        fields->seq = true;
        header->seq = seq_isn + number(value);
    } else if (strcmp(key, "ack") == 0) {
        fields->ack = true;
        header->ack = ack_isn + number(value);
    } else if (strcmp(key, "win") == 0) {
        fields->win = true;
        header->window = (uint16_t)number(value);
    } else if (strcmp(key, "len") == 0) {
        fields->len = number(value);
    } else if (strcmp(key, "to") == 0) {
        header->dst_port = (uint16_t)number(value);
    } else if (strcmp(key, "from") == 0) {
        header->src_port = (uint16_t)number(value);
    } else if (strcmp(key, "te") == 0) {
        fields->te = true;
        header->ts_echo = number(value);
    } else if (strcmp(key, "ago") == 0) {
        fields->ago = number(value);
    } else if (strcmp(key, "opt") == 0) {
        options_take(fields, value);
    } else {
        play_check(option_take(header, key, value, ack_isn));
    }
}

/* FLAGS and FIELD=VALUE from `rest`, whose numbers count from those ISNs. */
static struct fields fields_read(char *rest, uint32_t seq_isn, uint32_t ack_isn)
{
    struct fields fields = { 0 };
    char *word = strtok_r(NULL, " ", &rest);
    play_check(word != NULL);
    fields.header.flags = flags_of(word);
    while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
        char *value = strchr(word, '=');
        play_check(value != NULL);
        *value = '\0';
        field_take(&fields, word, value + 1, seq_isn, ack_isn);
    }
    return fields;
}

static void segment_in(char *rest)
{
    struct fields fields = fields_read(rest, play.their_isn, play.our_isn);
    struct tcp_header *header = &fields.header;
    if (!fields.seq)
        header->seq = play.their_isn + play.n;
    if (!fields.ack && (header->flags & TCP_ACK) != 0)
        header->ack = play.our_isn + play.a;
    if (!fields.win)
        header->window = 8000;
    if (header->has_ts && !fields.te)
        header->ts_echo = play.ts_seen - fields.ago;
    header->src_port = header->src_port != 0 ? header->src_port : play.their_port;
    header->dst_port = header->dst_port != 0 ? header->dst_port : play.our_port;
    uint8_t data[2000];
    uint32_t place = header->seq - play.their_isn + ((header->flags & TCP_SYN) != 0);
    play_check(fields.len <= sizeof data);
    for (uint32_t i = 0; i < fields.len; i++)
        data[i] = octet_at(place + i);
    struct rte_mbuf *frame =
        wire_segment(frames, &play.theirs, &play.ours, header,
                     span_of(fields.options, fields.options_len), span_of(data, fields.len));
    port_tx(play.ends[1], &frame, 1);
}

/* The next segment that came out, if any; its frame is to be given back. */
static struct rte_mbuf *segment_out(struct wire_in *out)
{
    struct rte_mbuf *frame;
    while (port_rx(play.ends[1], &frame, 1) == 1) {
        if (wire_read(frame_bytes(frame), out))
            return frame;
        frame_give(frame); /* neighbour discovery: is the peer still where it was? */
        frame = wire_answer(frames, &play.theirs, &play.ours);
        port_tx(play.ends[1], &frame, 1);
        turn();
    }
    return NULL;
}

static void nothing_out(void)
{
    struct wire_in in;
    struct rte_mbuf *frame = segment_out(&in);
    if (frame != NULL)
        fail_msg("%s, \"%s\": flags %02x seq %u ack %u len %zu came out", play.clause, play.line,
                 in.header.flags, in.header.seq - play.our_isn, in.header.ack - play.their_isn,
                 in.data.len);
}

static void drain(void)
{
    struct wire_in in;
    struct rte_mbuf *frame;
    while ((frame = segment_out(&in)) != NULL) {
        if (in.header.has_ts)
            play.ts_seen = in.header.ts_value;
        frame_give(frame);
    }
}

/* The sender's numbers of a stream that begins with this segment. */
static void isn_learn(const struct tcp_header *header)
{
    if (play.isn_known || (header->flags & TCP_SYN) == 0)
        return;
    play.isn_known = true;
    play.our_isn = header->seq;
    play.our_port = header->src_port;
}

static void data_check(const struct wire_in *in)
{
    uint32_t place = in->header.seq - play.our_isn;
    for (uint32_t i = 0; i < in->data.len; i++)
        play_check(in->data.bytes[i] == octet_at(place + i));
}

static void sacks_check(const struct tcp_header *wanted, const struct tcp_header *got)
{
    play_check(got->sack_count == wanted->sack_count);
    for (uint32_t i = 0; i < wanted->sack_count; i++)
        play_check(got->sacks[i].left == wanted->sacks[i].left &&
                   got->sacks[i].right == wanted->sacks[i].right);
}

static void expect(char *rest)
{
    struct wire_in in;
    struct rte_mbuf *frame = segment_out(&in);
    const struct tcp_header *got = &in.header;
    play_check(frame != NULL);
    isn_learn(got);
    struct fields fields = fields_read(rest, play.our_isn, play.their_isn);
    const struct tcp_header *wanted = &fields.header;
    uint8_t flags = got->flags & (uint8_t)~TCP_PSH;
    uint32_t seq = got->seq - play.our_isn;
    uint32_t ack = got->ack - play.their_isn;
    if (flags != wanted->flags || (fields.seq && got->seq != wanted->seq) ||
        (fields.ack && got->ack != wanted->ack) || in.data.len != fields.len)
        fail_msg("%s, \"%s\": flags %02x seq %u ack %u len %zu came out", play.clause, play.line,
                 flags, seq, ack, in.data.len);
    data_check(&in);
    sacks_check(wanted, got);
    play_check(!fields.win || got->window == wanted->window);
    uint32_t shorter = ip_is_v4(play.ours.addr) ? 0 : 20;
    play_check(!wanted->has_mss || (got->has_mss && got->mss + shorter == wanted->mss));
    play_check(!wanted->has_wscale || got->has_wscale);
    play_check(!wanted->sack_permitted || got->sack_permitted);
    play_check(!fields.te || (got->has_ts && got->ts_echo == wanted->ts_echo));
    if (got->has_ts)
        play.ts_seen = got->ts_value;
    frame_give(frame);
}

static void say(uint32_t len)
{
    struct chunk *chunk = chunk_take(play.chunks);
    play_check(chunk != NULL && len <= CHUNK_LEN);
    struct writer w = chunk_writer(chunk);
    for (uint32_t i = 0; i < len; i++)
        writer_u8(&w, octet_at(++play.said));
    chunk_commit(chunk, &w);
    play_check(tcp_send(play.conn, chunk, 0, len, play.now_ns) == ERR_OK);
    chunk_give(chunk);
    turn();
}

static void open(const char *options)
{
    char line[200];
    snprintf(line, sizeof line, "S seq=0 %s", options);
    segment_in(line);
    turn();
    snprintf(line, sizeof line, "SA seq=0 ack=1");
    expect(line);
    play.n = 1;
    play.a = 1;
    const char *ts = strstr(options, "ts=");
    const char *win = strstr(options, "win=");
    snprintf(line, sizeof line, "A %.*s %.*s", ts != NULL ? (int)strcspn(ts, " ") : 0,
             ts != NULL ? ts : "", win != NULL ? (int)strcspn(win, " ") : 0,
             win != NULL ? win : "");
    segment_in(line);
    turn();
    play_check(play.opened == 1);
    nothing_out();
}

static void connect_now(void)
{
    play.conn = tcp_connect(play.net, (struct tcp_endpoint){ play.theirs.addr, PORT }, &app, &play,
                            play.now_ns);
    play_check(play.conn != NULL);
    play.their_port = PORT;
    play.our_port = tcp_local(play.conn).port;
    turn();
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
    if (count.value != number(rest))
        fail_msg("%s, \"%s\": it is %lu", play.clause, play.line, (unsigned long)count.value);
}

static void segment_step(const char *verb, char *rest)
{
    if (verb[0] == '>')
        segment_in(rest);
    if (strcmp(verb, ">") == 0)
        turn();
    else if (verb[0] == '<')
        expect(rest);
    else if (verb[0] == '.')
        nothing_out();
}

/* What the application does. */
static bool app_step(const char *verb, const char *rest)
{
    if (strcmp(verb, "say") == 0)
        say(number(rest));
    else if (strcmp(verb, "close") == 0)
        tcp_close(play.conn, play.now_ns);
    else if (strcmp(verb, "abort") == 0)
        tcp_abort(play.conn, play.now_ns);
    else if (strcmp(verb, "connect") == 0)
        connect_now();
    else if (strcmp(verb, "take") == 0)
        play.take_max = number(rest);
    else if (strcmp(verb, "resume") == 0)
        tcp_resume(play.conn, play.now_ns);
    else if (strcmp(verb, "asks") == 0)
        play.asks = true;
    else
        return false;
    turn();
    return true;
}

/* What it knows. */
static bool known_step(const char *verb, char *rest)
{
    if (strcmp(verb, "got") == 0)
        play_check(play.got == number(rest));
    else if (strcmp(verb, "opened") == 0)
        play_check(play.opened == number(rest));
    else if (strcmp(verb, "peer_closed") == 0)
        play_check(play.peer_closed == number(rest));
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

static void step(char *line)
{
    char *rest = strchr(line, ' ');
    if (rest != NULL)
        *rest++ = '\0';
    else
        rest = line + strlen(line);
    if (strchr("<>.", line[0]) != NULL) {
        segment_step(line, rest);
    } else if (strcmp(line, "open") == 0) {
        open(rest);
    } else if (strcmp(line, "drain") == 0) {
        drain();
    } else if (strcmp(line, "at") == 0) {
        char *next = strtok_r(NULL, " ", &rest);
        play.n = number(next);
        play.a = number(rest);
    } else if (strcmp(line, "pass") == 0) {
        pass(number(rest));
    } else if (strcmp(line, "later") == 0) {
        play.now_ns += number(rest) * 1000 * MS;
        turn();
    } else {
        play_check(app_step(line, rest) || known_step(line, rest));
    }
}

static void play_drop(void)
{
    net_destroy(play.net);
    port_close(play.ends[0]);
    port_close(play.ends[1]);
    play.net = NULL;
}

static void play_open(const char *clause, bool four, uint32_t isn)
{
    struct fault fault = { "" };
    if (play.net != NULL)
        play_drop(); /* a script before this one failed */
    const struct ip_addr six = { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
    play = (struct play){ .clause = clause,
                          .line = "",
                          .now_ns = 1000 * MS,
                          .our_port = PORT,
                          .their_port = PEER_PORT,
                          .their_isn = isn,
                          .take_max = SIZE_MAX,
                          .frames_before = rte_mempool_avail_count(frames) };
    play.ours.addr = four ? ip_addr_v4(0x0a630001) : six;
    play.theirs.addr = play.ours.addr;
    play.theirs.addr.octets[15] = 2;
    struct port_mem_config config = { .frames = { frames, frames }, .depth = 256 };
    assert_true(port_mem_open(&config, play.ends, &fault));
    memcpy(play.ours.mac, play.ends[0]->mac, ETH_ADDR_LEN);
    memcpy(play.theirs.mac, play.ends[1]->mac, ETH_ADDR_LEN);
    struct net_config net = { .seed = { isn, 2 },
                              .numa_node = SOCKET_ID_ANY,
                              .conn_cap = 4,
                              .recv_len_max = WINDOW,
                              .send_len_max = CHUNK_LEN };
    *(four ? &net.addr4 : &net.addr6) = play.ours.addr;
    *(four ? &net.prefix4 : &net.prefix6) = four ? 24 : 64;
    play.net = net_create(play.ends[0], &net, play.now_ns, &fault);
    assert_non_null(play.net);
    play.chunks = chunk_pool_create(CHUNKS, CHUNK_LEN, SOCKET_ID_ANY);
    assert_non_null(play.chunks);
    assert_int_equal(tcp_listen(play.net, PORT, &app, on_accepted, &play), ERR_OK);
    struct rte_mbuf *hello = wire_hello(frames, &play.theirs, &play.ours);
    port_tx(play.ends[1], &hello, 1);
    turn();
    nothing_out();
}

static void play_close(void)
{
    play.line = "the end";
    play_drop();
    play_check(chunk_pool_free_count(play.chunks) == CHUNKS);
    chunk_pool_destroy(play.chunks);
    play_check(rte_mempool_avail_count(frames) == play.frames_before);
}

static void lines_play(const char *script)
{
    char *copy = strdup(script);
    assert_non_null(copy);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char said[200];
        snprintf(said, sizeof said, "%s", line);
        play.line = said;
        step(line);
    }
    free(copy);
}

void tcp_play_after(const char *clause, const char *first, const char *then)
{
    static const uint32_t isns[] = { 0x1000, 0xffffffff, 0xfffffc00, 0x7fffffff };
    struct fault fault = { "" };
    if (frames == NULL)
        frames = frame_pool_create("play", FRAMES, SOCKET_ID_ANY, &fault);
    assert_non_null(frames);
    for (size_t i = 0; i < 2 * COUNT(isns); i++) {
        play_open(clause, i % 2 == 0, isns[i / 2]);
        lines_play(first);
        lines_play(then);
        play_close();
    }
}

void tcp_play(const char *clause, const char *script)
{
    tcp_play_after(clause, script, "");
}
