/* One stack under test and a peer that is a script: segments put in and expected out, one by one. */
#ifndef TESTS_SUPPORT_TCP_BED_H
#define TESTS_SUPPORT_TCP_BED_H

#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/net.h"
#include "io/tcp/tcp.h"
#include "io/tcp/tcp_wire.h"
#include "tests/support/support.h"

#define MS 1000000ull
#define OURS 0x0a630001u
#define THEIRS 0x0a630002u
#define PORT 2775
#define PEER_PORT 40000
#define PEER_ISN 0xfffffff0u /* wraps early */

struct bed {
    uint64_t now_ns;
    struct port *ends[2]; /* ours, the script's */
    struct net *net;
    struct chunk_pool *chunks;
    struct tcp_conn *conn;
    uint8_t got[70000];
    size_t got_len;
    size_t take_max; /* of one received() */
    uint32_t from;   /* the script's address, THEIRS unless set */
    uint32_t seq;    /* the peer's next */
    uint32_t ack;    /* our next, as the peer saw it */
    unsigned opened, peer_closed, closed, writable;
    enum err why;
    bool refuse;
};

/* Set up by bed_open for each test. */
extern struct bed *bed;
extern const struct tcp_app bed_app;

int bed_open(void **state);
int bed_open_with(void **state, const struct net_config *given);

/* All chunks and frames are back. */
int bed_close(void **state);

#define SCRIPT(test) cmocka_unit_test_setup_teardown(test, bed_open, bed_close)

/* Of the stack's counters; the test fails when there is none of that name. */
uint64_t value_of(const char *layer, const char *reason);

/* One turn; as many turns as milliseconds. */
void turn(void);
void pass(uint64_t ms);

/* From the script: an IPv4 payload; a segment, checksum put in; a header and data; flags, numbers, text; the
 * next text of the stream; an ACK with a window. */
void packet_in(struct span payload, uint8_t protocol);
void raw_in(uint8_t *octets, size_t len);
void segment_from(uint16_t port, const struct tcp_header *header, struct span data);
void segment_in(uint8_t flags, uint32_t seq, uint32_t ack, const char *text);
void data_in(const char *text);
void ack_in(uint32_t ack, uint16_t window);

/* To the script: the next segment, if any; none; one with these flags, numbers and text; a bare ACK. */
bool segment_out(struct tcp_header *header, struct span *data);
void nothing_out(void);
struct tcp_header expect(uint8_t flags, uint32_t seq, uint32_t ack, const char *text);
void expect_ack(void);

/* A connection from the script's side; what our application sends and has received. */
void establish(void);
enum err say(const char *text);
void big_say(size_t len);
void got(const char *text);

#endif
