/* TCP header and options, in and out. */
#include "io/tcp/tcp_wire.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_LEN 4
#define OPTION_WSCALE 3
#define OPTION_WSCALE_LEN 3

static enum err option_read(struct reader *r, uint8_t kind, uint8_t len, struct tcp_header *out)
{
    if (len < 2)
        return ERR_MALFORMED;
    struct reader body = reader_sub(r, len - 2u);
    if (body.err != ERR_OK)
        return ERR_MALFORMED;
    switch (kind) {
    case OPTION_MSS:
        if (len != OPTION_MSS_LEN)
            return ERR_MALFORMED;
        out->has_mss = true;
        out->mss = reader_u16(&body);
        return ERR_OK;
    case OPTION_WSCALE:
        if (len != OPTION_WSCALE_LEN)
            return ERR_MALFORMED;
        out->has_wscale = true;
        out->wscale = reader_u8(&body);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

static enum err options_read(struct reader *r, struct tcp_header *out)
{
    while (reader_more(r)) {
        uint8_t kind = reader_u8(r);
        if (kind == OPTION_END)
            return ERR_OK;
        if (kind == OPTION_NOP)
            continue;
        enum err err = option_read(r, kind, reader_u8(r), out);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err tcp_header_read(struct span in, struct tcp_header *out)
{
    struct reader r = reader_over(in);
    *out = (struct tcp_header){ 0 };
    out->src_port = reader_u16(&r);
    out->dst_port = reader_u16(&r);
    out->seq = reader_u32(&r);
    out->ack = reader_u32(&r);
    out->header_len = (uint8_t)((reader_u8(&r) >> 4) * 4);
    out->flags = reader_u8(&r) & 0x3f;
    out->window = reader_u16(&r);
    reader_u32(&r); /* checksum, urgent pointer */
    if (r.err != ERR_OK)
        return r.err;
    if (out->header_len < TCP_HEADER_LEN || out->header_len > in.len)
        return ERR_LENGTH;
    if (out->header_len == TCP_HEADER_LEN)
        return ERR_OK;
    struct reader options = reader_sub(&r, out->header_len - TCP_HEADER_LEN);
    return options_read(&options, out);
}

uint8_t tcp_header_len(const struct tcp_header *header)
{
    return (uint8_t)(TCP_HEADER_LEN + (header->has_mss ? OPTION_MSS_LEN : 0) +
                     (header->has_wscale ? OPTION_WSCALE_LEN + 1 : 0));
}

void tcp_header_write(struct writer *out, const struct tcp_header *header)
{
    writer_u16(out, header->src_port);
    writer_u16(out, header->dst_port);
    writer_u32(out, header->seq);
    writer_u32(out, header->ack);
    writer_u8(out, (uint8_t)(tcp_header_len(header) / 4 << 4));
    writer_u8(out, header->flags);
    writer_u16(out, header->window);
    writer_u32(out, 0);
    if (header->has_mss) {
        writer_u8(out, OPTION_MSS);
        writer_u8(out, OPTION_MSS_LEN);
        writer_u16(out, header->mss);
    }
    if (header->has_wscale) {
        writer_u8(out, OPTION_NOP);
        writer_u8(out, OPTION_WSCALE);
        writer_u8(out, OPTION_WSCALE_LEN);
        writer_u8(out, header->wscale);
    }
}
