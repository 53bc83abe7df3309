/* Opening a response packet: the command it may answer, then the packet. */
#include "tests/fuzz/fuzz.h"

#include "crypto/scp80_batch.h"

#include <stdlib.h>

static struct lanes *the_lanes(void)
{
    static struct lanes *lanes;
    if (lanes == NULL)
        lanes = lanes_create();
    ASSERT(lanes != NULL);
    return lanes;
}

static void check_wire(enum scp80_transport transport, struct span packet)
{
    struct scp80_response response, again;
    if (scp80_response_read(transport, packet, &response) != ERR_OK)
        return;
    ASSERT(response.data.len + response.padding_len + response.cc_len < packet.len);
    uint8_t *out = malloc(packet.len);
    ASSERT(out != NULL);
    struct writer w = writer_over(out, packet.len); /* never longer than what was read */
    scp80_response_write(&w, transport, &response);
    ASSERT(w.err == ERR_OK);
    ASSERT(scp80_response_read(transport, written(&w), &again) == ERR_OK);
    ASSERT(again.cntr == response.cntr && again.status == response.status);
    ASSERT(span_equal(again.data, response.data));
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_over(span_of(data, size));
    uint8_t flags = reader_u8(&r);
    struct scp80_keys keys = { .kic_len = reader_u8(&r) % 40,
                               .kid_len = reader_u8(&r) % 40,
                               .cc_len = reader_u8(&r) };
    uint8_t udhl = reader_u8(&r);
    struct scp80_security command = { .transport =
                                          (enum scp80_transport)(flags % SCP80_TRANSPORT_COUNT) };
    command.spi = reader_u16(&r);
    command.kic = reader_u8(&r);
    command.kid = reader_u8(&r);
    reader_copy(&r, command.tar, sizeof command.tar);
    command.cntr = reader_u32(&r);
    if (r.err != ERR_OK)
        return 0;
    struct span rest = reader_rest(&r);
    uint8_t *packet = malloc(rest.len + 1), *buf = malloc(rest.len + SCP80_OPEN_SLACK);
    ASSERT(packet != NULL && buf != NULL);
    if (rest.len > 0)
        memcpy(packet, rest.bytes, rest.len);
    struct scp80_open_response job = {
        .command = command,
        .keys = (flags & 0x80) != 0 ? NULL : &keys,
        .packet = span_of(packet, rest.len),
        .udhl = udhl,
        .buf = buf,
        .buf_cap = (uint32_t)rest.len + SCP80_OPEN_SLACK - (flags >> 2 & 1u),
    };
    scp80_open_response_run(the_lanes(), &job, 1);
    ASSERT(job.data.len <= rest.len);
    bool integrity = (command.spi & SCP80_SPI_POR_INTEGRITY) != 0;
    if (job.err == ERR_OK || job.err == ERR_UNTRUSTED)
        ASSERT(job.cntr == command.cntr);
    else
        ASSERT(job.data.len == 0 && job.cntr == 0 && job.status == 0);
    ASSERT(job.err != ERR_UNTRUSTED || integrity);
    check_wire(command.transport, job.packet);
    free(packet);
    free(buf);
    return 0;
}
