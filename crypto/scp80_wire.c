/* Command and response packets, field by field. */
#include "crypto/scp80_wire.h"

#include "base/ber.h"

#define COMMAND_ID 0x01  /* CPI; on SMS it is IEI 70 */
#define RESPONSE_ID 0x02 /* RPI; on SMS it is IEI 71 */

#define COMMAND_HEADER_LEN 13  /* CHL without RC or CC: SPI .. PCNTR */
#define RESPONSE_HEADER_LEN 10 /* RHL without RC or CC: TAR .. RSC */
#define COMMAND_CLEAR_LEN 7    /* of which the head has SPI .. TAR */
#define RESPONSE_CLEAR_LEN 3

/* Identifier and both lengths, checked against what is there. Sets cc_len. Inlined for the reader's
 * sake, which then stays in registers: a tenth of the time of opening a packet. */
__attribute__((always_inline)) static inline void head_read(struct reader *r,
                                                            const struct scp80_dialect *dialect,
                                                            uint8_t identifier, uint32_t header_len,
                                                            struct scp80_head *out)
{
    out->cc_len = 0;
    if (dialect->identified && reader_u8(r) != identifier)
        reader_fail(r, ERR_IDENTIFIER);
    size_t packet_len = dialect->ber ? reader_ber_len(r) : reader_u16(r);
    if (r->err == ERR_OK && packet_len != reader_left(r))
        reader_fail(r, ERR_LENGTH);
    size_t len = dialect->ber ? reader_ber_len(r) : reader_u8(r);
    if (len < header_len || len > header_len + SCP80_CC_MAX || len > reader_left(r)) {
        reader_fail(r, ERR_HEADER_LENGTH);
        return;
    }
    out->cc_len = (uint8_t)(len - header_len);
    if (out->cc_len != 0 && out->cc_len != 2 && out->cc_len != 4 && out->cc_len != 8)
        reader_fail(r, ERR_HEADER_LENGTH);
}

enum err scp80_command_head_read(enum scp80_transport transport, struct span in,
                                 struct scp80_head *out)
{
    struct reader r = reader_over(in);
    head_read(&r, &scp80_dialects[transport], COMMAND_ID, COMMAND_HEADER_LEN, out);
    out->spi = reader_u16(&r);
    out->kic = reader_u8(&r);
    out->kid = reader_u8(&r);
    reader_copy(&r, out->tar, sizeof out->tar);
    out->body = reader_rest(&r);
    return r.err;
}

enum err scp80_response_head_read(enum scp80_transport transport, struct span in,
                                  struct scp80_head *out)
{
    struct reader r = reader_over(in);
    head_read(&r, &scp80_dialects[transport], RESPONSE_ID, RESPONSE_HEADER_LEN, out);
    out->spi = 0;
    out->kic = out->kid = 0;
    reader_copy(&r, out->tar, sizeof out->tar);
    out->body = reader_rest(&r);
    return r.err;
}

/* Data and padding, which PCNTR tells apart. */
static struct span data_read(struct reader *r, uint8_t padding_len)
{
    if (r->err == ERR_OK && padding_len > reader_left(r))
        reader_fail(r, ERR_PCNTR);
    struct span rest = reader_rest(r);
    return r->err == ERR_OK ? span_first(rest, rest.len - padding_len) : span_of(NULL, 0);
}

enum err scp80_command_read(enum scp80_transport transport, struct span in,
                            struct scp80_command *out)
{
    struct scp80_head head;
    enum err err = scp80_command_head_read(transport, in, &head);
    if (err != ERR_OK)
        return err;
    *out = (struct scp80_command){
        .spi = head.spi, .kic = head.kic, .kid = head.kid, .cc_len = head.cc_len
    };
    memcpy(out->tar, head.tar, sizeof out->tar);
    struct reader r = reader_over(head.body);
    out->cntr = reader_u40(&r);
    out->padding_len = reader_u8(&r);
    reader_copy(&r, out->cc, head.cc_len);
    out->data = data_read(&r, out->padding_len);
    return reader_end(&r);
}

enum err scp80_response_read(enum scp80_transport transport, struct span in,
                             struct scp80_response *out)
{
    struct scp80_head head;
    enum err err = scp80_response_head_read(transport, in, &head);
    if (err != ERR_OK)
        return err;
    *out = (struct scp80_response){ .cc_len = head.cc_len };
    memcpy(out->tar, head.tar, sizeof out->tar);
    struct reader r = reader_over(head.body);
    out->cntr = reader_u40(&r);
    out->padding_len = reader_u8(&r);
    out->status = reader_u8(&r);
    reader_copy(&r, out->cc, head.cc_len);
    out->data = data_read(&r, out->padding_len);
    return reader_end(&r);
}

/* Identifier, packet length and header length; `after` is what follows the header. Writing too is
 * inlined down to a writer of its own, which then stays in registers. */
__attribute__((always_inline)) static inline void lengths_write(struct writer *out,
                                                                const struct scp80_dialect *dialect,
                                                                uint8_t identifier,
                                                                size_t header_len, size_t after)
{
    size_t packet_len = 1 + header_len + after; /* a header length takes one octet */
    if (!dialect->ber) {
        writer_uint(out, packet_len, 2);
        writer_u8(out, (uint8_t)header_len);
        return;
    }
    writer_u8(out, identifier);
    writer_ber_len(out, packet_len);
    writer_ber_len(out, header_len);
}

__attribute__((always_inline)) static inline void command_write(struct writer *out,
                                                                enum scp80_transport transport,
                                                                const struct scp80_command *command,
                                                                bool with_cc)
{
    struct writer w = writer_over(out->at, writer_room(out));
    size_t after = command->data.len + command->padding_len;
    lengths_write(&w, &scp80_dialects[transport], COMMAND_ID,
                  COMMAND_HEADER_LEN + (size_t)command->cc_len, after);
    writer_u16(&w, command->spi);
    writer_u8(&w, command->kic);
    writer_u8(&w, command->kid);
    writer_bytes(&w, span_of(command->tar, sizeof command->tar));
    writer_u40(&w, command->cntr);
    writer_u8(&w, command->padding_len);
    if (with_cc)
        writer_bytes(&w, span_of(command->cc, command->cc_len));
    writer_bytes(&w, command->data);
    writer_zeros(&w, command->padding_len);
    writer_fail(out, w.err);
    writer_claim(out, writer_len(&w));
}

__attribute__((always_inline)) static inline void
response_write(struct writer *out, enum scp80_transport transport,
               const struct scp80_response *response, bool with_cc)
{
    struct writer w = writer_over(out->at, writer_room(out));
    size_t after = response->data.len + response->padding_len;
    lengths_write(&w, &scp80_dialects[transport], RESPONSE_ID,
                  RESPONSE_HEADER_LEN + (size_t)response->cc_len, after);
    writer_bytes(&w, span_of(response->tar, sizeof response->tar));
    writer_u40(&w, response->cntr);
    writer_u8(&w, response->padding_len);
    writer_u8(&w, response->status);
    if (with_cc)
        writer_bytes(&w, span_of(response->cc, response->cc_len));
    writer_bytes(&w, response->data);
    writer_zeros(&w, response->padding_len);
    writer_fail(out, w.err);
    writer_claim(out, writer_len(&w));
}

void scp80_command_write(struct writer *out, enum scp80_transport transport,
                         const struct scp80_command *command)
{
    command_write(out, transport, command, true);
}

void scp80_command_cc_input_write(struct writer *out, enum scp80_transport transport,
                                  const struct scp80_command *command)
{
    command_write(out, transport, command, false);
}

void scp80_response_write(struct writer *out, enum scp80_transport transport,
                          const struct scp80_response *response)
{
    response_write(out, transport, response, true);
}

void scp80_response_cc_input_write(struct writer *out, enum scp80_transport transport,
                                   const struct scp80_response *response)
{
    writer_bytes(out, scp80_dialects[transport].response_prefix);
    response_write(out, transport, response, false);
}
