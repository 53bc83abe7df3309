/* Frames between a queue's rings and its pool. */
#include "io/port_xsk_state.h"

#include <rte_malloc.h>
#include <rte_mempool.h>

#include <errno.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

/* What a frame's `port` says while kernel or driver have it: so close can bring them home. */
#define WITH_KERNEL (RTE_MBUF_PORT_INVALID - 1)

/* ---- Addresses: a chunk of the umem is an object of the pool, whole, mbuf and all -------------- */

static struct rte_mbuf *mbuf_at(const struct port_xsk *xsk, uint64_t chunk)
{
    return (struct rte_mbuf *)(void *)(xsk->area + chunk + xsk->head_len);
}

static uint64_t chunk_of(const struct port_xsk *xsk, const struct rte_mbuf *frame)
{
    return (uint64_t)((const char *)frame - xsk->area) - xsk->head_len;
}

static void wake(struct port_xsk *xsk)
{
    counter_add(&xsk->counters.wakeups, 1);
    recvfrom(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

void port_xsk_fill(struct port_xsk *xsk)
{
    struct rte_mbuf *frames[XSK_BATCH];
    uint32_t at, room = xsk_prod_nb_free(&xsk->fill, XSK_BATCH);
    while (room > 0) {
        uint32_t count = room < XSK_BATCH ? room : XSK_BATCH;
        if (rte_pktmbuf_alloc_bulk(xsk->port.frames, frames, count) != 0) {
            counter_add(&xsk->counters.fill_short, 1);
            return;
        }
        uint32_t reserved = xsk_ring_prod__reserve(&xsk->fill, count, &at);
        ASSERT(reserved == count);
        for (uint32_t i = 0; i < count; i++) {
            frames[i]->port = WITH_KERNEL;
            *xsk_ring_prod__fill_addr(&xsk->fill, at + i) = chunk_of(xsk, frames[i]);
        }
        xsk_ring_prod__submit(&xsk->fill, count);
        room -= count;
    }
}

/* Frames that were sent come home. */
static void reap(struct port_xsk *xsk)
{
    struct rte_mbuf *frames[XSK_BATCH];
    uint32_t at, count;
    do {
        count = xsk_ring_cons__peek(&xsk->completed, XSK_BATCH, &at);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t addr = *xsk_ring_cons__comp_addr(&xsk->completed, at + i);
            frames[i] = mbuf_at(xsk, xsk_umem__extract_addr(addr));
            frames[i]->port = RTE_MBUF_PORT_INVALID;
        }
        if (count > 0) {
            xsk_ring_cons__release(&xsk->completed, count);
            rte_pktmbuf_free_bulk(frames, count);
        }
    } while (count == XSK_BATCH);
}

/* Has the kernel send what is in the ring: it takes a few dozen frames a call, and fewer, without a
 * word, when the completion ring has no room. What it leaves is asked for again by the next call of
 * step or tx: nothing else would send it. */
static void kick(struct port_xsk *xsk)
{
    xsk->is_tx_waiting = false;
    if (!xsk_ring_prod__needs_wakeup(&xsk->tx))
        return;
    uint32_t room, more = xsk_prod_nb_free(&xsk->tx, xsk->ring_len);
    do {
        room = more;
        counter_add(&xsk->counters.wakeups, 1);
        if (sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
            errno != EBUSY && errno != ENOBUFS && errno != EINTR)
            return; /* the interface is down: frames stay in the ring until it is full */
        more = xsk_prod_nb_free(&xsk->tx, xsk->ring_len);
        if (more == xsk->ring_len)
            return;
        reap(xsk);
    } while (more > room);
    counter_add(&xsk->counters.tx_again, 1);
    xsk->is_tx_waiting = true;
}

/* Whether an empty ring is a reason to enter the kernel: the driver asks for it, or polls on this
 * core, in this call. That takes a NAPI id, which a socket has once frames came, and in copy mode
 * not by every kernel. */
static bool is_wake_of_use(struct port_xsk *xsk)
{
    if (xsk_ring_prod__needs_wakeup(&xsk->fill))
        return true;
    if (xsk->polling == XSK_POLLING_UNKNOWN && counter_read(&xsk->port.counters.rx_frames) > 0) {
        int id = 0;
        socklen_t len = sizeof id;
        getsockopt(xsk->fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &len);
        xsk->polling = id > 0 ? XSK_POLLING : XSK_POLLING_NOT;
    }
    return xsk->polling == XSK_POLLING;
}

static uint32_t xsk_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct port_xsk *xsk = CONTAINER_OF(port, struct port_xsk, port);
    uint32_t at, count = xsk_ring_cons__peek(&xsk->rx, cap, &at);
    if (count == 0 && is_wake_of_use(xsk)) {
        wake(xsk);
        count = xsk_ring_cons__peek(&xsk->rx, cap, &at);
    }
    if (count == 0) {
        port_xsk_fill(xsk);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&xsk->rx, at + i);
        struct rte_mbuf *frame = mbuf_at(xsk, xsk_umem__extract_addr(desc->addr));
        frame->port = RTE_MBUF_PORT_INVALID;
        frame->data_off = (uint16_t)(xsk_umem__extract_offset(desc->addr) - xsk->data_at);
        frame->data_len = (uint16_t)desc->len;
        frame->pkt_len = desc->len;
        frames[i] = frame;
    }
    xsk_ring_cons__release(&xsk->rx, count);
    port_xsk_fill(xsk);
    return count;
}

/* The frame itself when it lies in our umem in one piece, else a copy that does; NULL when there is
 * no frame for it. */
static struct rte_mbuf *frame_ours(struct port_xsk *xsk, struct rte_mbuf *frame)
{
    if (frame->pool == xsk->port.frames && frame->nb_segs == 1 && RTE_MBUF_DIRECT(frame) &&
        rte_mbuf_refcnt_read(frame) == 1)
        return frame;
    struct rte_mbuf *copy = rte_pktmbuf_copy(frame, xsk->port.frames, 0, UINT32_MAX);
    if (copy != NULL && copy->nb_segs > 1) {
        frame_give(copy); /* longer than a frame can be */
        copy = NULL;
    }
    counter_add(copy != NULL ? &xsk->counters.tx_copied : &xsk->counters.tx_no_frame, 1);
    frame_give(frame);
    return copy;
}

static uint32_t xsk_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    struct port_xsk *xsk = CONTAINER_OF(port, struct port_xsk, port);
    reap(xsk);
    uint32_t at = 0, taken = xsk_prod_nb_free(&xsk->tx, count), used = 0;
    if (taken > count)
        taken = count;
    xsk_ring_prod__reserve(&xsk->tx, taken, &at);
    for (uint32_t i = 0; i < taken; i++) {
        struct rte_mbuf *frame = frame_ours(xsk, frames[i]);
        if (frame == NULL)
            continue;
        frame->port = WITH_KERNEL;
        struct xdp_desc *desc = xsk_ring_prod__tx_desc(&xsk->tx, at + used++);
        desc->addr = chunk_of(xsk, frame) | (uint64_t)(xsk->data_at + frame->data_off)
                                                << XSK_UNALIGNED_BUF_OFFSET_SHIFT;
        desc->len = frame->data_len;
        desc->options = 0;
    }
    xsk->tx.cached_prod -= taken - used; /* reserved, but not needed */
    xsk_ring_prod__submit(&xsk->tx, used);
    kick(xsk);
    return taken;
}

static bool xsk_step(struct port *port, uint64_t now_ns)
{
    struct port_xsk *xsk = CONTAINER_OF(port, struct port_xsk, port);
    (void)now_ns;
    if (xsk->is_tx_waiting)
        kick(xsk);
    return xsk->is_tx_waiting;
}

static int xsk_fd(struct port *port)
{
    return CONTAINER_OF(port, struct port_xsk, port)->fd;
}

/* ---- Closing ----------------------------------------------------------------------------------- */

static void bring_home(struct rte_mempool *pool, void *arg, void *object, unsigned index)
{
    struct rte_mbuf *frame = object;
    (void)pool;
    (void)arg;
    (void)index;
    if (frame->port != WITH_KERNEL)
        return;
    frame->port = RTE_MBUF_PORT_INVALID;
    frame_give(frame);
}

static void xsk_close(struct port *port)
{
    struct port_xsk *xsk = CONTAINER_OF(port, struct port_xsk, port);
    xsk_socket__delete(xsk->socket);
    if (xsk->umem != NULL)
        xsk_umem__delete(xsk->umem);
    rte_mempool_obj_iter(xsk->port.frames, bring_home, NULL);
    rte_free(xsk);
}

const struct port_ops port_xsk_ops = {
    .rx = xsk_rx, .tx = xsk_tx, .step = xsk_step, .fd = xsk_fd, .close = xsk_close
};

void port_xsk_figures(struct port *port, void (*each)(void *ctx, const char *event, uint64_t value),
                      void *ctx)
{
    const struct port_xsk *xsk = CONTAINER_OF(port, struct port_xsk, port);
    struct xdp_statistics statistics = { 0 };
    socklen_t len = sizeof statistics;
#define XSK_COUNTER(name) each(ctx, #name, counter_read(&xsk->counters.name));
    XSK_COUNTERS(XSK_COUNTER)
#undef XSK_COUNTER
    if (getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, &statistics, &len) != 0)
        return;
    each(ctx, "rx_dropped", statistics.rx_dropped);
    each(ctx, "rx_invalid", statistics.rx_invalid_descs);
    each(ctx, "rx_ring_full", statistics.rx_ring_full);
    each(ctx, "fill_ring_empty", statistics.rx_fill_ring_empty_descs);
    each(ctx, "tx_invalid", statistics.tx_invalid_descs);
    each(ctx, "tx_ring_empty", statistics.tx_ring_empty_descs);
}
