/* The inside of a port on an AF_XDP socket: for io/port_xsk*.c only. */
#ifndef IO_PORT_XSK_STATE_H
#define IO_PORT_XSK_STATE_H

#include "io/port_xsk.h"

#include <xdp/xsk.h>

#define XSK_BATCH 64u /* frames that move between pool and rings at once, at most */

#define XSK_COUNTERS(X)                                                                            \
    X(fill_short)  /* times the pool had no frames for the driver: rx frames may be lost */        \
    X(tx_copied)   /* frames of another pool, or in segments, copied into ours */                  \
    X(tx_no_frame) /* dropped: to be copied, but the pool was empty */                             \
    X(tx_again)    /* times the kernel did not send all at once */                                 \
    X(wakeups)     /* system calls */

struct xsk_counters {
#define XSK_COUNTER(name) struct counter name;
    XSK_COUNTERS(XSK_COUNTER)
#undef XSK_COUNTER
};

struct xsk_device {
    struct steer steer;
    int groups; /* a packet socket that is a member of the multicast groups, and hears nothing */
};

/* Whether a call of ours has the driver work: SO_BUSY_POLL. */
enum xsk_polling { XSK_POLLING_UNKNOWN, XSK_POLLING_NOT, XSK_POLLING };

struct port_xsk {
    struct port port;
    struct xsk_ring_cons rx, completed;
    struct xsk_ring_prod tx, fill;
    struct xsk_socket *socket;
    struct xsk_umem *umem;
    int fd;
    uint32_t queue;
    uint32_t ring_len;
    char *area;         /* of the umem: all of the pool's memory */
    uint32_t head_len;  /* from the start of an object of the pool to its mbuf */
    uint32_t data_at;   /* to the mbuf's buffer */
    bool is_tx_waiting; /* the kernel has not taken all yet */
    uint8_t polling;    /* enum xsk_polling */
    struct xsk_counters counters;
};

extern const struct port_ops port_xsk_ops;

/* Keeps the driver supplied with empty frames. */
void port_xsk_fill(struct port_xsk *xsk);

#endif
