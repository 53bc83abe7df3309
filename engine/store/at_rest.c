/* Command records at rest: wrapped or not, as the SPI says. */
#include "engine/store/at_rest.h"

#include "crypto/kek.h"
#include "crypto/scp80_wire.h"

#define FORM_PLAIN 0
#define FORM_WRAPPED 1

static enum err wrapped_write(struct writer *out, const struct record_command *command,
                              struct kek *kek, struct lanes *lanes)
{
    if (kek == NULL || lanes == NULL)
        return ERR_KEY;
    struct record_command head = *command;
    head.packet = span_of(NULL, 0);
    size_t mark = writer_mark(out);
    writer_u16(out, 0);
    size_t start = writer_len(out);
    record_command_write(out, &head);
    writer_patch(out, mark, writer_len(out) - start, 2);
    uint8_t id[8];
    struct writer aad = writer_over(id, sizeof id);
    writer_u64(&aad, command->id);
    uint8_t *wrapped = writer_claim(out, command->packet.len + KEK_OVERHEAD);
    if (wrapped == NULL)
        return out->err;
    return kek_wrap(kek, lanes, written(&aad), command->packet, wrapped);
}

enum err at_rest_write(struct writer *out, const struct record_command *command, struct kek *kek,
                       struct lanes *lanes)
{
    enum err err = ERR_OK;
    if ((command->spi & SCP80_SPI_CIPHERED) != 0) {
        writer_u8(out, FORM_PLAIN);
        record_command_write(out, command);
    } else {
        writer_u8(out, FORM_WRAPPED);
        err = wrapped_write(out, command, kek, lanes);
    }
    return err != ERR_OK ? err : out->err;
}

static enum err wrapped_read(struct reader *r, struct kek *kek, struct lanes *lanes,
                             uint8_t clear[RECORD_PACKET_MAX], struct record_command *out)
{
    size_t head_len = reader_u16(r);
    struct span head = reader_bytes(r, head_len);
    struct span wrapped = reader_rest(r);
    if (r->err != ERR_OK)
        return r->err;
    enum err err = record_command_read(head, out);
    if (err != ERR_OK)
        return err;
    if (wrapped.len < KEK_OVERHEAD || wrapped.len > RECORD_PACKET_MAX + KEK_OVERHEAD)
        return ERR_LENGTH;
    if (kek == NULL || lanes == NULL)
        return ERR_KEY;
    uint8_t id[8];
    struct writer aad = writer_over(id, sizeof id);
    writer_u64(&aad, out->id);
    out->packet = span_of(clear, wrapped.len - KEK_OVERHEAD);
    return kek_unwrap(kek, lanes, written(&aad), wrapped, clear);
}

enum err at_rest_read(struct span in, struct kek *kek, struct lanes *lanes,
                      uint8_t clear[RECORD_PACKET_MAX], struct record_command *out)
{
    struct reader r = reader_over(in);
    switch (reader_u8(&r)) {
    case FORM_PLAIN:
        return r.err != ERR_OK ? r.err : record_command_read(reader_rest(&r), out);
    case FORM_WRAPPED:
        return wrapped_read(&r, kek, lanes, clear, out);
    default:
        return ERR_UNSUPPORTED;
    }
}
