/* Opening a command packet at its receiver: transport, key lengths, packet. Whatever opens is sealed
 * and opened again to the same. */
#include "tests/fuzz/fuzz.h"

#include "crypto/scp80_batch.h"

#include <stdlib.h>

#define SETTINGS_LEN 4

static struct lanes *the_lanes(void)
{
    static struct lanes *lanes;
    if (lanes == NULL)
        lanes = lanes_create();
    ASSERT(lanes != NULL);
    return lanes;
}

static void check_again(const struct scp80_open_command *job)
{
    struct scp80_security security = job->security;
    security.spi &= (uint16_t)~SCP80_SPI_RESERVED; /* ignored when read, refused when written */
    uint32_t cap = scp80_command_len(&security, job->keys->cc_len, (uint32_t)job->data.len);
    if (cap == 0)
        return;
    uint8_t *packet = malloc(cap), *buf = malloc(cap + SCP80_OPEN_SLACK);
    ASSERT(packet != NULL && buf != NULL);
    struct scp80_seal seal = { .security = security,
                               .keys = job->keys,
                               .data = job->data,
                               .packet = packet,
                               .packet_cap = cap };
    scp80_seal_run(the_lanes(), &seal, 1);
    ASSERT(seal.err == ERR_OK && seal.packet_len == cap);
    struct scp80_open_command again = { .transport = job->transport,
                                        .keys = job->keys,
                                        .packet = span_of(packet, cap),
                                        .buf = buf,
                                        .buf_cap = cap + SCP80_OPEN_SLACK };
    scp80_open_command_run(the_lanes(), &again, 1);
    ASSERT(again.err == ERR_OK);
    ASSERT(span_equal(again.data, job->data));
    ASSERT(again.security.cntr == job->security.cntr && again.security.spi == security.spi);
    free(packet);
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SETTINGS_LEN)
        return 0;
    struct scp80_keys keys = { .kic_len = data[1] % 40,
                               .kid_len = data[2] % 40,
                               .cc_len = data[3] };
    size_t len = size - SETTINGS_LEN;
    uint8_t *packet = malloc(len + 1), *buf = malloc(len + SCP80_OPEN_SLACK);
    ASSERT(packet != NULL && buf != NULL);
    memcpy(packet, data + SETTINGS_LEN, len);
    struct scp80_open_command job = {
        .transport = (enum scp80_transport)(data[0] % SCP80_TRANSPORT_COUNT),
        .keys = (data[0] & 0x80) != 0 ? NULL : &keys,
        .packet = span_of(packet, len),
        .buf = buf,
        .buf_cap = (uint32_t)len + SCP80_OPEN_SLACK - (data[0] >> 2 & 1u),
    };
    scp80_open_command_run(the_lanes(), &job, 1);
    ASSERT(job.data.len <= len);
    if (job.err == ERR_OK && job.keys != NULL)
        check_again(&job);

    struct scp80_command command;
    struct scp80_head head;
    if (scp80_command_read(job.transport, job.packet, &command) == ERR_OK) {
        ASSERT(command.data.len + command.padding_len + command.cc_len < len);
        ASSERT(scp80_command_head_read(job.transport, job.packet, &head) == ERR_OK);
        struct writer w = writer_over(buf, len); /* never longer than what was read */
        scp80_command_write(&w, job.transport, &command);
        ASSERT(w.err == ERR_OK);
    }
    free(packet);
    free(buf);
    return 0;
}
