/* Ethernet II header, in and out. */
#include "io/net/eth.h"

const uint8_t eth_broadcast[ETH_ADDR_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

enum err eth_header_read(struct span in, struct eth_header *out)
{
    struct reader r = reader_over(in);
    reader_copy(&r, out->dst, ETH_ADDR_LEN);
    reader_copy(&r, out->src, ETH_ADDR_LEN);
    out->type = reader_u16(&r);
    out->vlan = 0;
    if (out->type == ETH_TYPE_TAG) {
        out->vlan = reader_u16(&r) & ETH_VLAN_ID;
        out->type = reader_u16(&r);
    }
    out->len = (uint8_t)(in.len - reader_left(&r));
    return r.err;
}

void eth_header_write(struct writer *out, const struct eth_header *header)
{
    writer_bytes(out, span_of(header->dst, ETH_ADDR_LEN));
    writer_bytes(out, span_of(header->src, ETH_ADDR_LEN));
    if (header->vlan != 0) {
        writer_u16(out, ETH_TYPE_TAG);
        writer_u16(out, header->vlan);
    }
    writer_u16(out, header->type);
}
