/* In-memory port: a ring each way. A frame that changes ends is copied into the far end's pool when
 * the pools differ, as a wire would, so that no core frees into another's pool. */
#include "io/port_mem.h"

#include <rte_malloc.h>
#include <rte_ring.h>

#define PORT_MEM_MTU 1500

struct mem_wire {
    struct rte_ring *ring[2]; /* [i] is read by end i */
    uint32_t open_count;
};

struct port_mem {
    struct port port;
    struct mem_wire *wire;
    uint32_t end;
};

static uint32_t mem_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct port_mem *mem = CONTAINER_OF(port, struct port_mem, port);
    uint32_t count =
        rte_ring_sc_dequeue_burst(mem->wire->ring[mem->end], (void **)frames, cap, NULL);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (frames[i]->pool == port->frames) {
            frames[kept++] = frames[i];
            continue;
        }
        struct rte_mbuf *copy = rte_pktmbuf_copy(frames[i], port->frames, 0, UINT32_MAX);
        frame_give(frames[i]);
        if (copy != NULL)
            frames[kept++] = copy;
        else
            counter_add(&port->counters.rx_no_frame, 1);
    }
    return kept;
}

static uint32_t mem_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    struct port_mem *mem = CONTAINER_OF(port, struct port_mem, port);
    return rte_ring_sp_enqueue_burst(mem->wire->ring[1 - mem->end], (void **)frames, count, NULL);
}

static void wire_free(struct mem_wire *wire)
{
    for (uint32_t i = 0; i < 2; i++) {
        void *frame;
        while (wire->ring[i] != NULL && rte_ring_sc_dequeue(wire->ring[i], &frame) == 0)
            frame_give(frame);
        rte_ring_free(wire->ring[i]);
    }
    rte_free(wire);
}

static void mem_close(struct port *port)
{
    struct port_mem *mem = CONTAINER_OF(port, struct port_mem, port);
    if (--mem->wire->open_count == 0)
        wire_free(mem->wire);
    rte_free(mem);
}

static const struct port_ops mem_ops = { .rx = mem_rx, .tx = mem_tx, .close = mem_close };

static struct rte_ring *ring_open(uint32_t depth, unsigned flags)
{
    static _Atomic uint32_t serial; /* ring names are the process's */
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof name, "port_mem%u", atomic_fetch_add(&serial, 1));
    return rte_ring_create(name, depth, SOCKET_ID_ANY, flags);
}

bool port_mem_open(const struct port_mem_config *config, struct port *ends[2], struct fault *fault)
{
    struct mem_wire *wire = rte_zmalloc("mem_wire", sizeof *wire, CACHE_LINE);
    struct port_mem *mem[2];
    bool whole = wire != NULL;
    for (uint32_t i = 0; i < 2; i++) {
        mem[i] = rte_zmalloc("port_mem", sizeof *mem[i], CACHE_LINE);
        if (wire != NULL)
            wire->ring[i] =
                ring_open(config->depth, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
        whole = whole && mem[i] != NULL && wire->ring[i] != NULL;
    }
    if (!whole) {
        fault_set(fault, "in-memory port of %u frames: no memory: give the EAL more",
                  config->depth);
        if (wire != NULL)
            wire_free(wire);
        rte_free(mem[0]);
        rte_free(mem[1]);
        return false;
    }
    wire->open_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        *mem[i] = (struct port_mem){
            .port = { .ops = &mem_ops,
                      .frames = config->frames[i],
                      .mtu = config->mtu != 0 ? config->mtu : PORT_MEM_MTU,
                      .mac = { 0x02, 0, 0, 0, 0, (uint8_t)(i + 1) } }, /* locally administered */
            .wire = wire,
            .end = i
        };
        ends[i] = &mem[i]->port;
    }
    return true;
}
