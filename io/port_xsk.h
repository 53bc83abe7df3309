/* Ports on AF_XDP sockets: one interface, one XDP program of ours (io/xdp/steer.h), one socket, and
 * so one port, for each rx queue.
 *
 *   interface ─▶ steer.bpf.c ─▶ queue 0 ─▶ socket ─▶ struct port      (edge 0)
 *                    │       └▶ queue 1 ─▶ socket ─▶ struct port      (edge 1)
 *                    └─▶ kernel: whatever is not for the engine's addresses
 *
 * Only what the program steers arrives. A port's frame pool is the socket's umem, so that frames are
 * not copied on our side: the driver, or in copy mode the kernel, writes into the pool's mbufs. (On
 * veth a copy each way was 60 to 140 ns of a frame's 1.5 us.) The pool's memory is pinned as long as
 * the port is open. */
#ifndef IO_PORT_XSK_H
#define IO_PORT_XSK_H

#include "io/port.h"
#include "io/xdp/steer.h"

struct xsk_device;

/* Whether a port's device is one of ours, "xsk,iface=NAME"; then its interface. */
bool xsk_interface(const char *device, char interface[IF_NAMESIZE]);

/* Attaches the program: the engine's frames are dropped, counted, until the ports are open. NULL
 * with a fault that says what stands in the way. Strings and lists are borrowed for the call. */
struct xsk_device *xsk_device_open(const struct steer_config *config, struct fault *fault);

/* Program off. The ports first, or after. NULL is nothing. */
void xsk_device_close(struct xsk_device *device);

enum xsk_link {
    XSK_LINK_UP,
    XSK_LINK_DOWN,
    XSK_LINK_GONE, /* for good, and the sockets with it: one of the same name is another */
};

/* How the interface is now. */
enum xsk_link xsk_device_link(const struct xsk_device *device);

const struct steer_view *xsk_device_view(const struct xsk_device *device);

/* Rx queues that the interface has now; 0: there is no such interface. A frame that comes on one
 * without a socket is lost to the engine, so open as many ports. */
uint32_t xsk_queue_count(const char *interface);

struct port_xsk_config {
    uint16_t mtu;      /* 0: as much as interface and frames allow */
    uint32_t ring_len; /* a power of two; 0: 2,048, less when the pool is small */
};

/* The ports of all its queues, config.queue_count of them, over a frame pool each that is the port's
 * alone and outlives it. False with a fault. */
MUST_CHECK bool port_xsk_open_queues(struct xsk_device *device,
                                     const struct port_xsk_config *config,
                                     struct rte_mempool *const *frames, struct port **queues,
                                     struct fault *fault);

/* What the socket counts, ours and the kernel's, by name; also from another thread. */
void port_xsk_figures(struct port *port, void (*each)(void *ctx, const char *event, uint64_t value),
                      void *ctx);

#endif
