/* A NIC queue: frames in, frames out. Backends: port_dpdk (any DPDK driver), port_xsk (AF_XDP),
 * port_mem (in-memory pairs). Stages are ports over ports, from the queue up:
 *
 *   queue ─▶ capture ─▶ impair ─▶ resteer ─▶ net
 *
 * none of which is there unless it is wanted. One core owns a port; calls never block. */
#ifndef IO_PORT_H
#define IO_PORT_H

#include "base/counter.h"
#include "base/fault.h"
#include "io/frame.h"

#define PORT_TX_TCP_CHECKSUM 0x1u /* fills TCP's checksum when the frame's flags ask for it */
#define PORT_RX_TCP_CHECKSUM 0x2u /* frames carry a verdict on TCP's checksum in their flags */
#define PORT_TX_UDP_CHECKSUM 0x4u
#define PORT_RX_UDP_CHECKSUM 0x8u
/* Cuts a frame of many buffers into TCP segments of tso_segsz octets, all checksums of them filled
 * in, when the frame's flags ask for it. */
#define PORT_TX_TCP_SEGMENT 0x10u

struct port;

/* A counter, by layer and what it counts. */
typedef void port_each(void *ctx, const char *layer, const char *event, uint64_t value);

struct port_ops {
    uint32_t (*rx)(struct port *port, struct rte_mbuf **frames, uint32_t cap);
    uint32_t (*tx)(struct port *port, struct rte_mbuf **frames,
                   uint32_t count); /* how many it took */
    void (*close)(struct port *port);
    /* NULL where there is nothing to do: see port_step, port_fd, port_figures. */
    bool (*step)(struct port *port, uint64_t now_ns);
    int (*fd)(struct port *port);
    void (*figures)(struct port *port, port_each *each, void *ctx);
};

struct port_counters {
    struct counter rx_frames, rx_octets;
    struct counter tx_frames, tx_octets;
    struct counter tx_full;     /* dropped: the port had no room */
    struct counter rx_no_frame; /* dropped: the frame pool was empty */
};

/* First member of each backend's own struct. */
struct port {
    const struct port_ops *ops;
    struct port *under;         /* a stage's; NULL: a queue */
    struct rte_mempool *frames; /* where frames to send are taken from; borrowed */
    uint32_t offloads;          /* PORT_… */
    uint16_t mtu;               /* octets after the Ethernet header */
    uint8_t mac[6];
    struct port_counters counters;
};

/* At most `cap` frames, now the caller's. */
static inline uint32_t port_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    uint32_t count = port->ops->rx(port, frames, cap);
    if (count == 0)
        return 0;
    uint64_t octets = 0;
    for (uint32_t i = 0; i < count; i++)
        octets += frames[i]->pkt_len;
    counter_add(&port->counters.rx_frames, count);
    counter_add(&port->counters.rx_octets, octets);
    return count;
}

/* Takes all `count` frames; those the port has no room for are dropped and counted. */
void port_tx(struct port *port, struct rte_mbuf **frames, uint32_t count);

/* A stage over a port, which it owns from now on; what the port can, the stage can. */
void port_over(struct port *stage, struct port *under, const struct port_ops *ops);

/* Moves the clock of stages that have one: once before port_rx. True when frames were moved since
 * that port_rx did not show. */
static inline bool port_step(struct port *port, uint64_t now_ns)
{
    return port->ops->step != NULL && port->ops->step(port, now_ns);
}

/* A descriptor that is readable while frames are to be had; -1: there is none, look at times. */
static inline int port_fd(struct port *port)
{
    return port->ops->fd != NULL ? port->ops->fd(port) : -1;
}

/* Every counter of the queue and the stages over it; also from another thread. */
void port_figures(struct port *port, port_each *each, void *ctx);

/* Stops the port and frees it. Its frame pool stays the caller's. NULL is nothing. */
void port_close(struct port *port);

#endif
