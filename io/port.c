/* What all ports share, and what stages over them do. */
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

void port_over(struct port *stage, struct port *under, const struct port_ops *ops)
{
    *stage = *under;
    stage->ops = ops;
    stage->under = under;
    stage->counters = (struct port_counters){ 0 };
}

void port_figures(struct port *port, port_each *each, void *ctx)
{
    for (; port->under != NULL; port = port->under)
        if (port->ops->figures != NULL)
            port->ops->figures(port, each, ctx);
    each(ctx, "port", "rx_frames", counter_read(&port->counters.rx_frames));
    each(ctx, "port", "rx_octets", counter_read(&port->counters.rx_octets));
    each(ctx, "port", "tx_frames", counter_read(&port->counters.tx_frames));
    each(ctx, "port", "tx_octets", counter_read(&port->counters.tx_octets));
    each(ctx, "port", "tx_full", counter_read(&port->counters.tx_full));
    each(ctx, "port", "rx_no_frame", counter_read(&port->counters.rx_no_frame));
}

void port_close(struct port *port)
{
    if (port != NULL)
        port->ops->close(port);
}
