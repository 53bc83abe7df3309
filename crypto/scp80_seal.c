/* Sealing: command packets laid out, then all CCs, then all ciphers.
 *
 * The CC covers what lies on both sides of it. So the packet is written one CC late and without it,
 *   gap | CPL CHL SPI KIc KID TAR CNTR PCNTR data padding
 * MACed in one run, and then its fixed part slides over the gap to make room. */
#include "crypto/scp80_suite.h"

#include "base/ber.h"

#define CHUNK 64
#define CNTR_PCNTR_LEN 6

/* What is known of a job between the passes. */
struct plan {
    struct scp80_suite suite;
    uint32_t fixed_len; /* CPL .. PCNTR */
    uint32_t cmac;      /* index of its MAC */
};

struct chunk {
    struct plan plans[CHUNK];
    struct lanes_cmac cmacs[CHUNK];
    struct lanes_cbc ciphers[CHUNK];
    uint32_t cmac_count, cipher_count;
};

static enum err suite_of(const struct scp80_security *security, uint8_t cc_len,
                         struct scp80_suite *suite)
{
    if ((security->spi & SCP80_SPI_RESERVED) != 0)
        return ERR_UNSUPPORTED;
    return scp80_suite_of_command(security->spi, security->kic, security->kid, cc_len, suite);
}

static enum err lay_out(struct scp80_seal *job, struct plan *plan)
{
    const struct scp80_security *security = &job->security;
    enum err err = suite_of(security, job->keys != NULL ? job->keys->cc_len : 0, &plan->suite);
    if (err == ERR_OK)
        err = scp80_suite_check_keys(&plan->suite, job->keys);
    if (err != ERR_OK)
        return err;

    struct scp80_command command = {
        .spi = security->spi,
        .kic = security->kic,
        .kid = security->kid,
        .cntr = security->cntr,
        .cc_len = plan->suite.cc_len,
        .data = job->data,
    };
    memcpy(command.tar, security->tar, sizeof command.tar);
    command.padding_len =
        scp80_suite_padding(&plan->suite, CNTR_PCNTR_LEN + command.cc_len + job->data.len);

    struct writer w = writer_over(job->packet, job->packet_cap);
    writer_claim(&w, command.cc_len);
    scp80_command_cc_input_write(&w, security->transport, &command);
    if (w.err != ERR_OK)
        return w.err;
    job->pcntr = command.padding_len;
    job->packet_len = (uint32_t)writer_len(&w);
    plan->fixed_len =
        job->packet_len - command.cc_len - (uint32_t)(job->data.len + command.padding_len);
    return ERR_OK;
}

static void gather(struct scp80_seal *jobs, uint32_t count, struct chunk *chunk)
{
    for (uint32_t i = 0; i < count; i++) {
        struct scp80_seal *job = &jobs[i];
        struct plan *plan = &chunk->plans[i];
        job->packet_len = 0;
        job->pcntr = 0;
        job->err = lay_out(job, plan);
        if (job->err != ERR_OK || plan->suite.check != SCP80_CHECK_CMAC)
            continue;
        plan->cmac = chunk->cmac_count++;
        struct lanes_cmac *cmac = &chunk->cmacs[plan->cmac];
        cmac->key = job->keys->kid;
        cmac->key_len = job->keys->kid_len;
        cmac->in = job->packet + plan->suite.cc_len;
        cmac->len = job->packet_len - plan->suite.cc_len;
    }
}

static void insert_cc(struct lanes *lanes, const struct scp80_seal *job, const struct plan *plan,
                      const struct chunk *chunk)
{
    uint8_t slow[SCP80_CC_MAX];
    const uint8_t *cc = slow;
    uint32_t cc_len = plan->suite.cc_len;
    if (plan->suite.check == SCP80_CHECK_CMAC)
        cc = chunk->cmacs[plan->cmac].mac;
    else
        scp80_suite_check(&plan->suite, lanes, job->keys,
                          span_of(job->packet + cc_len, job->packet_len - cc_len), slow);
    if (plan->fixed_len == LANES_BLOCK &&
        cc_len == SCP80_CC_MAX) { /* the usual lengths, no calls */
        uint8_t first[LANES_BLOCK];
        memcpy(first, job->packet + SCP80_CC_MAX, LANES_BLOCK);
        memcpy(job->packet, first, LANES_BLOCK);
        memcpy(job->packet + LANES_BLOCK, cc, SCP80_CC_MAX);
        return;
    }
    memmove(job->packet, job->packet + cc_len, plan->fixed_len);
    memcpy(job->packet + plan->fixed_len, cc, cc_len);
}

/* From CNTR to the end, in place. */
static void encipher(struct lanes *lanes, const struct scp80_seal *job, const struct plan *plan,
                     struct chunk *chunk)
{
    uint32_t clear_len = plan->fixed_len - CNTR_PCNTR_LEN;
    struct lanes_cbc *cbc = &chunk->ciphers[chunk->cipher_count];
    cbc->key = job->keys->kic;
    cbc->key_len = job->keys->kic_len;
    cbc->in = cbc->out = job->packet + clear_len;
    cbc->len = job->packet_len - clear_len;
    if (plan->suite.cipher == SCP80_CIPHER_AES)
        chunk->cipher_count++;
    else
        lanes_des_cbc_encrypt(lanes, cbc);
}

static void seal_chunk(struct lanes *lanes, struct scp80_seal *jobs, uint32_t count)
{
    struct chunk chunk;
    chunk.cmac_count = chunk.cipher_count = 0;
    gather(jobs, count, &chunk);
    lanes_cmac_run(lanes, chunk.cmacs, chunk.cmac_count);
    for (uint32_t i = 0; i < count; i++) {
        const struct plan *plan = &chunk.plans[i];
        if (jobs[i].err != ERR_OK)
            continue;
        if (plan->suite.check != SCP80_CHECK_NONE)
            insert_cc(lanes, &jobs[i], plan, &chunk);
        if (plan->suite.cipher != SCP80_CIPHER_NONE)
            encipher(lanes, &jobs[i], plan, &chunk);
    }
    lanes_cbc_encrypt(lanes, chunk.ciphers, chunk.cipher_count);
}

void scp80_seal_run(struct lanes *lanes, struct scp80_seal *jobs, uint32_t count)
{
    for (uint32_t first = 0; first < count; first += CHUNK)
        seal_chunk(lanes, jobs + first, count - first < CHUNK ? count - first : CHUNK);
}

uint32_t scp80_command_len(const struct scp80_security *security, uint8_t cc_len, uint32_t data_len)
{
    struct scp80_suite suite;
    if (suite_of(security, cc_len, &suite) != ERR_OK || data_len > UINT16_MAX)
        return 0;
    uint32_t header_len = 13u + suite.cc_len;
    uint32_t to_pad = (uint32_t)CNTR_PCNTR_LEN + suite.cc_len + data_len;
    uint32_t packet_len = 1 + header_len + data_len + scp80_suite_padding(&suite, to_pad);
    if (packet_len > UINT16_MAX)
        return 0;
    const struct scp80_dialect *dialect = &scp80_dialects[security->transport];
    return packet_len +
           (dialect->ber ? 1u + (uint32_t)ber_len_size(packet_len) : (uint32_t)sizeof(uint16_t));
}
