/* A port on any DPDK driver. The EAL is up already; the device is probed here. */
#ifndef IO_PORT_DPDK_H
#define IO_PORT_DPDK_H

#include "io/net/ip.h"
#include "io/port.h"

struct port_dpdk_config {
    /* A PCI address, or a virtual device with its arguments: "net_memif0,role=server,socket=PATH",
     * "net_af_xdp0,iface=IF", "net_af_packet0,iface=IF". */
    const char *device;
    struct rte_mempool *frames; /* outlives the port */
    uint16_t mtu;               /* 0: the device's own */
    uint16_t rx_descriptors;    /* 0: 1,024 */
    uint16_t tx_descriptors;    /* 0: 1,024 */
    bool promiscuous;           /* off: only frames for the port's own MAC, broadcast and groups */
    const struct ip_addr *groups; /* IPv6 multicast that the device lets in */
    uint32_t group_count;
};

/* NULL with a fault that says which device and what to do. */
struct port *port_dpdk_open(const struct port_dpdk_config *config, struct fault *fault);

/* The device with `count` queues each way, a port and a frame pool each (frames[i] in place of
 * config->frames). Where it spreads frames by hash it does so with our key and table (io/flow.h), so
 * that a flow comes to the queue that flow_edge() says; where not, io/resteer.h goes over the ports.
 * It closes with the last of its ports. False with a fault. */
MUST_CHECK bool port_dpdk_open_queues(const struct port_dpdk_config *config, uint32_t count,
                                      struct rte_mempool *const *frames, struct port **queues,
                                      struct fault *fault);

#endif
