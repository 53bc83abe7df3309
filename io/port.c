/* What all ports share. */
#include "io/port.h"

void port_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    if (count == 0)
        return;
    /* Lengths first: a frame the backend took may already be someone else's. */
    uint64_t octets = 0;
    for (uint32_t i = 0; i < count; i++)
        octets += frames[i]->pkt_len;
    uint32_t taken = port->ops->tx(port, frames, count);
    for (uint32_t i = taken; i < count; i++) {
        octets -= frames[i]->pkt_len;
        frame_give(frames[i]);
    }
    counter_add(&port->counters.tx_frames, taken);
    counter_add(&port->counters.tx_octets, octets);
    counter_add(&port->counters.tx_full, count - taken);
}

void port_close(struct port *port)
{
    if (port != NULL)
        port->ops->close(port);
}
