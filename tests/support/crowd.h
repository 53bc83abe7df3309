/* A stack that serves many connections at once, over an in-memory port, and a script that is all their peers.
 * Who asks gets as many octets back as it sent. */
#ifndef TESTS_SUPPORT_CROWD_H
#define TESTS_SUPPORT_CROWD_H

#include "io/net/net.h"
#include "io/port_mem.h"
#include "tests/support/wire.h"

#define CROWD_PORT 2775
#define CROWD_REQUEST_LEN 100u

/* What the script knows of one connection. */
struct crowd_peer {
    uint32_t seq; /* its next */
    uint32_t ack; /* and the stack's */
};

struct crowd {
    uint64_t now_ns;
    struct rte_mempool *frames;
    struct port *ends[2]; /* the stack's, the script's */
    struct net *net;
    struct chunk_pool *chunks;
    struct wire_end ours;
    struct wire_end ours6;   /* the same station's IPv6 address */
    struct wire_end gateway; /* behind which all peers are */
    struct crowd_peer *peers;
    uint32_t count;
    uint32_t open_count;
    uint32_t answers;
    uint64_t octets; /* of memory that the stack took when it was made */
};

/* A stack with room for `count` connections of ours and `more` of others, half of those half-open. False with
 * a fault when there is no memory. */
bool crowd_open(struct crowd *crowd, uint32_t count, uint32_t more, struct fault *fault);
void crowd_close(struct crowd *crowd);

/* Opens all of them; the first step of one. */
void crowd_connect(struct crowd *crowd);
void crowd_dial(struct crowd *crowd, uint32_t index);

/* One turn of the stack. */
void crowd_turn(struct crowd *crowd);

/* Puts a request of peer `index` on the wire; reads what came out, answers counted. */
void crowd_ask(struct crowd *crowd, uint32_t index);
void crowd_listen(struct crowd *crowd);

/* Any frame on the wire, as if from a stranger. */
void crowd_put(struct crowd *crowd, struct rte_mbuf *frame);

#endif
