/* Our stack on one device, for programs that meet other stacks: conformance and benches. It has an edge for
 * each of the device's queues, as the engine has: a stack and a thread of its own, frames of other edges' flows
 * handed over (io/stages.h).
 *
 *     PROGRAM DEVICE ADDR/PREFIX[,ADDR/PREFIX] [KEY=VALUE …] …
 *
 * DEVICE as in the engine's configuration: xsk,iface=NAME, or a DPDK device. One address of either family. Keys:
 *     queues=COUNT                           1
 *     loss=PPM, duplicate=PPM, reorder=PPM   of what is received; tx_loss=PPM … of what is sent
 *     gateway=ADDR                           one of either family
 *     keep=MS                                keep-alive after so much silence
 *     vlan=ID                                its frames are tagged
 *     conns=COUNT                            8,192, of each edge
 *     nap=US                                 50; without work, on a port without a descriptor
 *     busy=1                                 polls without naps
 *
 * What is wrong with any of it ends the program with a line that says so. */
#ifndef TESTS_SUPPORT_STACK_H
#define TESTS_SUPPORT_STACK_H

#include "io/idle.h"
#include "io/impair.h"
#include "io/port_xsk.h"
#include "io/tcp/tcp.h"

#define STACK_EDGES_MAX 8u

struct stack_settings {
    const char *program;
    const char *device;
    char *addrs;
    struct ip_addr gateway4, gateway6;
    struct impair_config impair[IMPAIR_WAYS];
    uint32_t queues;
    uint32_t keep_ms;
    uint32_t vlan;
    uint32_t conn_cap;
    uint32_t nap_us;
    bool busy;
};

/* What the edges share. */
struct stack_device {
    struct stack_settings settings;
    struct net_config config;
    struct xsk_device *xsk; /* NULL: DPDK's */
    struct rte_mempool *frames[STACK_EDGES_MAX];
    struct port *ports[STACK_EDGES_MAX];
};

/* One edge. */
struct stack {
    const struct stack_settings *settings;
    struct net *net;
    struct port *port;
    struct chunk_pool *chunks;
    struct chunk *chunk; /* being filled, for all connections */
    uint64_t now_ns;
    uint64_t turns, busy_turns; /* with frames in */
    bool is_busy;               /* this turn */
    struct idle idle;
};

/* Reads the settings; where the program's own arguments begin. */
int stack_settings_read(struct stack_settings *settings, int argc, char **argv);

void stack_device_open(struct stack_device *device, const struct stack_settings *settings);

/* Once the stacks of all edges are closed. */
void stack_device_close(struct stack_device *device);

/* Edge `edge` of settings.queues. */
void stack_open(struct stack *stack, const struct stack_device *device, uint32_t edge);
void stack_close(struct stack *stack);

/* Zeroed memory for what a program has on an edge, its struct stack included. */
void *stack_edge_make(size_t len);

/* What a program does on an edge: turns, until it is done. One that is done turns on as long as another is not,
 * because its queue gets frames of the other's. */
struct stack_work {
    void (*turn)(void *edge);
    bool (*is_done)(const void *edge);
};

/* Each of the settings.queues edges in a thread of its own, the first in the caller's. Then two turns more of
 * each, so that nothing is left between them. */
void stack_run(const struct stack_device *device, const struct stack_work *work, void **edges);

/* The first and the last step of a turn: frames in and timers, then frames out and, with nothing to do, a nap. */
void stack_turn_begin(struct stack *stack);
void stack_turn_end(struct stack *stack);

/* SIGTERM or SIGINT came. */
bool stack_stopping(void);

/* Room for `len` octets in the chunk that all connections share; false when no chunk is left for now. */
bool stack_chunk_ready(struct stack *stack, uint32_t len);

/* Queues what `w`, from chunk_writer(stack->chunk), has written: all of it, or ERR_FULL or ERR_CLOSED. */
MUST_CHECK enum err stack_send(struct stack *stack, struct tcp_conn *conn, const struct writer *w);

/* Every counter that is not zero. */
void stack_counters_print(const struct stack *stack);

uint64_t stack_clock_ns(void);
uint64_t stack_number_read(const char *text, uint64_t most);
struct tcp_endpoint stack_endpoint_read(const char *addr, const char *port);
_Noreturn void stack_fail(const char *what);

#endif
