/* Between the files of the player: what is being played, and the steps by who takes them. */
#ifndef TESTS_SUPPORT_TCP_PLAY_INSIDE_H
#define TESTS_SUPPORT_TCP_PLAY_INSIDE_H

#include "io/net/net.h"
#include "io/tcp/tcp.h"
#include "tests/support/support.h"
#include "tests/support/tcp_play.h"
#include "tests/support/wire.h"

#define PLAY_MS 1000000ull
#define PLAY_CHUNK_LEN 65536
#define PLAY_PORT 2775

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

extern struct play play;
extern struct rte_mempool *play_frames;

/* Fails the test with the clause and the step. */
#define play_check(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("%s, IPv%d, ISN %08x, \"%s\": %s", play.clause,                               \
                     ip_is_v4(play.ours.addr) ? 4 : 6, play.their_isn, play.line, #condition);     \
    } while (0)

/* At a place of either stream; the first is 1. */
static inline uint8_t play_octet(uint32_t place)
{
    return (uint8_t)(place * 7 + (place >> 8));
}

void play_turn(void);
uint32_t play_number(const char *text);

/* tcp_play_wire.c: segments from the peer and to it. */
void play_segment_in(char *rest);
void play_expect(char *rest);
void play_nothing_out(void);
void play_drain(void);

/* tcp_play_app.c: the application. False when the step is none of these. */
void play_listen(void);
bool play_app_step(const char *verb, const char *rest);
bool play_known_step(const char *verb, char *rest);

#endif
