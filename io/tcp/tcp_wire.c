/* TCP header and options, in and out. */
#include "io/tcp/tcp_wire.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_LEN 4
#define OPTION_WSCALE 3
#define OPTION_WSCALE_LEN 3
#define OPTION_SACK_PERMITTED 4
#define OPTION_SACK_PERMITTED_LEN 2
#define OPTION_SACK 5
#define OPTION_SACK_HEAD_LEN 2u
#define OPTION_SACK_BLOCK_LEN 8u
#define OPTION_TS 8
#define OPTION_TS_LEN 10

static bool length_sound(uint8_t kind, uint8_t len)
{
    switch (kind) {
    case OPTION_MSS:
        return len == OPTION_MSS_LEN;
    case OPTION_WSCALE:
        return len == OPTION_WSCALE_LEN;
    case OPTION_SACK_PERMITTED:
        return len == OPTION_SACK_PERMITTED_LEN;
    case OPTION_SACK:
        return len > OPTION_SACK_HEAD_LEN &&
               (len - OPTION_SACK_HEAD_LEN) % OPTION_SACK_BLOCK_LEN == 0 &&
               len <= OPTION_SACK_HEAD_LEN + TCP_SACK_MAX * OPTION_SACK_BLOCK_LEN;
    case OPTION_TS:
        return len == OPTION_TS_LEN;
    default:
        return len >= 2;
    }
}

static void sacks_read(struct reader *body, struct tcp_header *out)
{
    while (reader_more(body)) {
        struct tcp_sack *sack = &out->sacks[out->sack_count++];
        sack->left = reader_u32(body);
        sack->right = reader_u32(body);
    }
}

/* An option of a sound length, its kind not seen before. */
static void option_take(struct reader *body, uint8_t kind, struct tcp_header *out)
{
    bool syn = (out->flags & TCP_SYN) != 0;
    if (kind == OPTION_MSS && syn) {
        out->has_mss = true;
        out->mss = reader_u16(body);
    } else if (kind == OPTION_WSCALE && syn) {
        out->has_wscale = true;
        out->wscale = reader_u8(body);
    } else if (kind == OPTION_SACK_PERMITTED && syn) {
        out->sack_permitted = true;
    } else if (kind == OPTION_SACK && !syn) {
        sacks_read(body, out);
    } else if (kind == OPTION_TS) {
        out->has_ts = true;
        out->ts_value = reader_u32(body);
        out->ts_echo = reader_u32(body);
    }
}

static enum err options_read(struct reader *r, struct tcp_header *out)
{
    uint32_t seen = 0;
    while (reader_more(r)) {
        uint8_t kind = reader_u8(r);
        if (kind == OPTION_END)
            return ERR_OK;
        if (kind == OPTION_NOP)
            continue;
        uint8_t len = reader_u8(r);
        if (r->err != ERR_OK || !length_sound(kind, len))
            return ERR_MALFORMED;
        struct reader body = reader_sub(r, len - 2u);
        uint32_t bit = kind <= OPTION_TS ? 1u << kind : 0;
        if (body.err != ERR_OK || (seen & bit) != 0)
            return ERR_MALFORMED;
        seen |= bit;
        option_take(&body, kind, out);
    }
    return ERR_OK;
}

enum err tcp_header_read(struct span in, struct tcp_header *out)
{
    struct reader r = reader_over(in);
    struct reader fixed = reader_sub(&r, TCP_HEADER_LEN);
    *out = (struct tcp_header){ 0 };
    if (r.err != ERR_OK)
        return r.err;
    out->src_port = reader_u16(&fixed);
    out->dst_port = reader_u16(&fixed);
    out->seq = reader_u32(&fixed);
    out->ack = reader_u32(&fixed);
    out->header_len = (uint8_t)((reader_u8(&fixed) >> 4) * 4);
    out->flags = reader_u8(&fixed) & 0x3f;
    out->window = reader_u16(&fixed); /* the rest: checksum, urgent pointer */
    if (out->header_len < TCP_HEADER_LEN || out->header_len > in.len)
        return ERR_LENGTH;
    if (out->header_len == TCP_HEADER_LEN)
        return ERR_OK;
    struct reader options = reader_sub(&r, out->header_len - TCP_HEADER_LEN);
    return options_read(&options, out);
}

uint8_t tcp_header_len(const struct tcp_header *header)
{
    uint32_t len = TCP_HEADER_LEN;
    if (header->has_mss)
        len += OPTION_MSS_LEN;
    if (header->has_ts)
        len += TCP_TS_OPTION_LEN;
    else if (header->sack_permitted)
        len += 2 + OPTION_SACK_PERMITTED_LEN;
    if (header->has_wscale)
        len += 1 + OPTION_WSCALE_LEN;
    if (header->sack_count > 0)
        len += 2 + OPTION_SACK_HEAD_LEN + header->sack_count * OPTION_SACK_BLOCK_LEN;
    return (uint8_t)len;
}

/* SACK-permitted takes the place of the NOPs before timestamps, as all senders have it: so a SYN
 * with every option takes 20 octets. */
static void sack_permitted_write(struct writer *out, const struct tcp_header *header)
{
    if (!header->has_ts && !header->sack_permitted)
        return;
    if (!header->has_ts || !header->sack_permitted) {
        writer_u8(out, OPTION_NOP);
        writer_u8(out, OPTION_NOP);
    }
    if (header->sack_permitted) {
        writer_u8(out, OPTION_SACK_PERMITTED);
        writer_u8(out, OPTION_SACK_PERMITTED_LEN);
    }
}

static void options_write(struct writer *out, const struct tcp_header *header)
{
    if (header->has_mss) {
        writer_u8(out, OPTION_MSS);
        writer_u8(out, OPTION_MSS_LEN);
        writer_u16(out, header->mss);
    }
    sack_permitted_write(out, header);
    if (header->has_ts) {
        writer_u8(out, OPTION_TS);
        writer_u8(out, OPTION_TS_LEN);
        writer_u32(out, header->ts_value);
        writer_u32(out, header->ts_echo);
    }
    if (header->has_wscale) {
        writer_u8(out, OPTION_NOP);
        writer_u8(out, OPTION_WSCALE);
        writer_u8(out, OPTION_WSCALE_LEN);
        writer_u8(out, header->wscale);
    }
    if (header->sack_count == 0)
        return;
    writer_u8(out, OPTION_NOP);
    writer_u8(out, OPTION_NOP);
    writer_u8(out, OPTION_SACK);
    writer_u8(out, (uint8_t)(OPTION_SACK_HEAD_LEN + header->sack_count * OPTION_SACK_BLOCK_LEN));
    for (uint32_t i = 0; i < header->sack_count; i++) {
        writer_u32(out, header->sacks[i].left);
        writer_u32(out, header->sacks[i].right);
    }
}

void tcp_header_write(struct writer *out, const struct tcp_header *header)
{
    uint8_t header_len = tcp_header_len(header);
    if (header_len > TCP_HEADER_LEN + TCP_OPTIONS_MAX) {
        writer_fail(out, ERR_RANGE);
        return;
    }
    struct writer fixed = writer_sub(out, TCP_HEADER_LEN);
    if (fixed.err != ERR_OK)
        return;
    writer_u16(&fixed, header->src_port);
    writer_u16(&fixed, header->dst_port);
    writer_u32(&fixed, header->seq);
    writer_u32(&fixed, header->ack);
    writer_u8(&fixed, (uint8_t)(header_len / 4 << 4));
    writer_u8(&fixed, header->flags);
    writer_u16(&fixed, header->window);
    writer_u32(&fixed, 0);
    options_write(out, header);
}
