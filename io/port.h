/* A NIC queue: frames in, frames out. Backends: port_dpdk (any DPDK driver), port_mem (in-memory
 * pairs), impair (loss, delay and the like over another port). One core owns a port; calls never
 * block. */
#ifndef IO_PORT_H
#define IO_PORT_H

#include "base/counter.h"
#include "base/fault.h"
#include "io/frame.h"

#define PORT_TX_TCP_CHECKSUM 0x1u /* fills TCP's checksum when the frame's flags ask for it */
#define PORT_RX_TCP_CHECKSUM 0x2u /* frames carry a verdict on TCP's checksum in their flags */
#define PORT_TX_UDP_CHECKSUM 0x4u
#define PORT_RX_UDP_CHECKSUM 0x8u

struct port;

struct port_ops {
    uint32_t (*rx)(struct port *port, struct rte_mbuf **frames, uint32_t cap);
    uint32_t (*tx)(struct port *port, struct rte_mbuf **frames,
                   uint32_t count); /* how many it took */
    void (*close)(struct port *port);
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

/* Stops the port and frees it. Its frame pool stays the caller's. NULL is nothing. */
void port_close(struct port *port);

#endif
