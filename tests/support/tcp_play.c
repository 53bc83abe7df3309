/* The player. */
#include "tests/support/tcp_play.h"

#include "io/port_mem.h"
#include "io/tcp/tcp_check.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/tcp_play_inside.h"

#include <stdlib.h>

#define FRAMES 1023
#define CHUNKS 4
#define PEER_PORT 40000
#define WINDOW 20000

struct play play;
struct rte_mempool *play_frames;

void play_turn(void)
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
        play.now_ns += PLAY_MS;
        play_turn();
    }
}

/* "n+5", "a-1", "17", "-1" */
uint32_t play_number(const char *text)
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

static void open(const char *options)
{
    char line[200];
    snprintf(line, sizeof line, "S seq=0 %s", options);
    play_segment_in(line);
    play_turn();
    snprintf(line, sizeof line, "SA seq=0 ack=1");
    play_expect(line);
    play.n = 1;
    play.a = 1;
    const char *ts = strstr(options, "ts=");
    const char *win = strstr(options, "win=");
    snprintf(line, sizeof line, "A %.*s %.*s", ts != NULL ? (int)strcspn(ts, " ") : 0,
             ts != NULL ? ts : "", win != NULL ? (int)strcspn(win, " ") : 0,
             win != NULL ? win : "");
    play_segment_in(line);
    play_turn();
    play_check(play.opened == 1);
    play_nothing_out();
}

static void segment_step(const char *verb, char *rest)
{
    if (verb[0] == '>')
        play_segment_in(rest);
    if (strcmp(verb, ">") == 0)
        play_turn();
    else if (verb[0] == '<')
        play_expect(rest);
    else if (verb[0] == '.')
        play_nothing_out();
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
        play_drain();
    } else if (strcmp(line, "at") == 0) {
        char *next = strtok_r(NULL, " ", &rest);
        play.n = play_number(next);
        play.a = play_number(rest);
    } else if (strcmp(line, "pass") == 0) {
        pass(play_number(rest));
    } else if (strcmp(line, "later") == 0) {
        play.now_ns += play_number(rest) * 1000 * PLAY_MS;
        play_turn();
    } else {
        play_check(play_app_step(line, rest) || play_known_step(line, rest));
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
                          .now_ns = 1000 * PLAY_MS,
                          .our_port = PLAY_PORT,
                          .their_port = PEER_PORT,
                          .their_isn = isn,
                          .take_max = SIZE_MAX,
                          .frames_before = rte_mempool_avail_count(play_frames) };
    play.ours.addr = four ? ip_addr_v4(0x0a630001) : six;
    play.theirs.addr = play.ours.addr;
    play.theirs.addr.octets[15] = 2;
    struct port_mem_config config = { .frames = { play_frames, play_frames }, .depth = 256 };
    assert_true(port_mem_open(&config, play.ends, &fault));
    memcpy(play.ours.mac, play.ends[0]->mac, ETH_ADDR_LEN);
    memcpy(play.theirs.mac, play.ends[1]->mac, ETH_ADDR_LEN);
    struct net_config net = { .seed = { isn, 2 },
                              .numa_node = SOCKET_ID_ANY,
                              .conn_cap = 4,
                              .recv_len_max = WINDOW,
                              .send_len_max = PLAY_CHUNK_LEN };
    *(four ? &net.addr4 : &net.addr6) = play.ours.addr;
    *(four ? &net.prefix4 : &net.prefix6) = four ? 24 : 64;
    play.net = net_create(play.ends[0], &net, play.now_ns, &fault);
    assert_non_null(play.net);
    play.chunks = chunk_pool_create(CHUNKS, PLAY_CHUNK_LEN, SOCKET_ID_ANY);
    assert_non_null(play.chunks);
    play_listen();
    struct rte_mbuf *hello = wire_hello(play_frames, &play.theirs, &play.ours);
    port_tx(play.ends[1], &hello, 1);
    play_turn();
    play_nothing_out();
}

static void play_close(void)
{
    play.line = "the end";
    play_drop();
    play_check(chunk_pool_free_count(play.chunks) == CHUNKS);
    chunk_pool_destroy(play.chunks);
    play_check(rte_mempool_avail_count(play_frames) == play.frames_before);
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
    if (play_frames == NULL)
        play_frames = frame_pool_create("play", FRAMES, SOCKET_ID_ANY, &fault);
    assert_non_null(play_frames);
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
