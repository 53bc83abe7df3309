/* Opening: heads read, then all ciphers, then all CCs, then what was inside is believed.
 *
 * The working buffer takes the CC's prefix and the clear head, and right behind them the deciphered
 * body, so that head and data make one run to be MACed once what lies before the CC slid over it:
 *   prefix head CNTR PCNTR (RSC) CC data padding
 *      CC  prefix head CNTR PCNTR (RSC) data padding */
#include "crypto/scp80_suite.h"

#include "crypto/ct.h"

#define CHUNK 64
#define COMMAND_FIXED_LEN 6  /* CNTR PCNTR */
#define RESPONSE_FIXED_LEN 7 /* CNTR PCNTR RSC */
#define RESPONSE_PREFIX_MAX 3
#define RESPONSE_HEAD_MAX (RESPONSE_PREFIX_MAX + 10) /* 10: 02, 82 xx xx, 82 xx xx, TAR */
#define UDHL_ALONE 2 /* what a response that fits one short message has */

static_assert(SCP80_HEAD_MAX <= SCP80_OPEN_SLACK && RESPONSE_HEAD_MAX <= SCP80_OPEN_SLACK,
              "the head goes into the slack");

/* One packet on its way, command or response. */
struct opening {
    struct scp80_suite suite;
    struct scp80_head head;
    const struct scp80_keys *keys;
    uint8_t *start;    /* of prefix and head in the working buffer, which end at SCP80_OPEN_SLACK */
    uint32_t head_len; /* of both */
    uint32_t cmac;     /* index of its MAC */
    uint8_t fixed_len; /* CNTR .. RSC */
    uint8_t cc[SCP80_CC_MAX];
    enum err err;
};

struct chunk {
    struct opening openings[CHUNK];
    struct lanes_cmac cmacs[CHUNK];
    struct lanes_cbc ciphers[CHUNK];
    uint32_t cmac_count, cipher_count;
};

/* The body behind its head, deciphered or as it is. */
static void decipher(struct lanes *lanes, struct opening *opening, struct chunk *chunk)
{
    uint8_t *to = opening->start + opening->head_len;
    if (opening->suite.cipher == SCP80_CIPHER_NONE) {
        memcpy(to, opening->head.body.bytes, opening->head.body.len);
        return;
    }
    struct lanes_cbc *cbc = &chunk->ciphers[chunk->cipher_count];
    cbc->key = opening->keys->kic;
    cbc->key_len = opening->keys->kic_len;
    cbc->in = opening->head.body.bytes;
    cbc->out = to;
    cbc->len = (uint32_t)opening->head.body.len;
    if (opening->suite.cipher == SCP80_CIPHER_AES)
        chunk->cipher_count++;
    else
        lanes_des_cbc_decrypt(lanes, cbc);
}

/* What the CC covers, once it is taken out. */
static struct span covered(const struct opening *opening)
{
    uint32_t cc_len = opening->suite.cc_len;
    return span_of(opening->start + cc_len, opening->head_len + opening->head.body.len - cc_len);
}

/* CNTR to the end without the CC. */
static struct span inside(const struct opening *opening)
{
    return span_after(covered(opening), opening->head_len);
}

/* Takes the CC out. Constant lengths where they are the usual ones: calls are dear here. */
static void slide(struct opening *opening)
{
    uint8_t *start = opening->start;
    uint32_t len = opening->head_len + opening->fixed_len, cc_len = opening->suite.cc_len;
    if (len == LANES_BLOCK && cc_len == SCP80_CC_MAX) {
        uint8_t first[LANES_BLOCK];
        memcpy(opening->cc, start + LANES_BLOCK, SCP80_CC_MAX);
        memcpy(first, start, LANES_BLOCK);
        memcpy(start + SCP80_CC_MAX, first, LANES_BLOCK);
        return;
    }
    memcpy(opening->cc, start + len, cc_len);
    memmove(start + cc_len, start, len);
}

static void check_slow(struct lanes *lanes, struct opening *opening, struct span in)
{
    uint8_t wanted[SCP80_CC_MAX];
    scp80_suite_check(&opening->suite, lanes, opening->keys, in, wanted);
    if (!ct_equal(wanted, opening->cc, opening->suite.cc_len))
        opening->err = ERR_CC;
}

/* All ciphers, all CCs: sets ERR_CC. */
static void open_chunk(struct lanes *lanes, struct chunk *chunk, uint32_t count)
{
    chunk->cmac_count = chunk->cipher_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (chunk->openings[i].err == ERR_OK)
            decipher(lanes, &chunk->openings[i], chunk);
    lanes_cbc_decrypt(lanes, chunk->ciphers, chunk->cipher_count);

    for (uint32_t i = 0; i < count; i++) {
        struct opening *opening = &chunk->openings[i];
        if (opening->err != ERR_OK)
            continue;
        slide(opening);
        struct span in = covered(opening);
        if (opening->suite.check == SCP80_CHECK_CMAC) {
            opening->cmac = chunk->cmac_count++;
            struct lanes_cmac *cmac = &chunk->cmacs[opening->cmac];
            cmac->key = opening->keys->kid;
            cmac->key_len = opening->keys->kid_len;
            cmac->in = in.bytes;
            cmac->len = (uint32_t)in.len;
        } else if (opening->suite.check != SCP80_CHECK_NONE) {
            check_slow(lanes, opening, in);
        }
    }
    lanes_cmac_run(lanes, chunk->cmacs, chunk->cmac_count);
    for (uint32_t i = 0; i < count; i++) {
        struct opening *opening = &chunk->openings[i];
        if (opening->err == ERR_OK && opening->suite.check == SCP80_CHECK_CMAC &&
            !ct_equal(chunk->cmacs[opening->cmac].mac, opening->cc, opening->suite.cc_len))
            opening->err = ERR_CC;
    }
}

/* Last before anything is deciphered: the lengths agree, the head goes into the working buffer. */
static enum err begin(struct opening *opening, struct span packet, struct span prefix,
                      uint8_t fixed_len, uint8_t *buf, uint32_t buf_cap)
{
    if (buf_cap < SCP80_OPEN_SLACK || opening->head.body.len > buf_cap - SCP80_OPEN_SLACK)
        return ERR_FULL;
    if (scp80_suite_padding(&opening->suite, opening->head.body.len) != 0)
        return ERR_CIPHER_LENGTH;
    struct span clear = span_first(packet, packet.len - opening->head.body.len);
    opening->fixed_len = fixed_len;
    opening->head_len = (uint32_t)(prefix.len + clear.len);
    opening->start = buf + SCP80_OPEN_SLACK - opening->head_len;
    struct writer w = writer_over(opening->start, opening->head_len);
    writer_bytes(&w, prefix);
    writer_bytes(&w, clear);
    return ERR_OK;
}

/* Data without its padding; ERR_PCNTR. */
static inline struct span strip(struct reader *r, uint8_t pcntr)
{
    if (pcntr > reader_left(r))
        reader_fail(r, ERR_PCNTR);
    struct span rest = reader_rest(r);
    return r->err == ERR_OK ? span_first(rest, rest.len - pcntr) : span_of(NULL, 0);
}

static enum err response_head(const struct scp80_open_response *job, struct opening *opening)
{
    struct scp80_head *head = &opening->head;
    const struct scp80_security *command = &job->command;
    enum err err = scp80_response_head_read(command->transport, job->packet, head);
    if (err != ERR_OK)
        return err;
    err = scp80_suite_of_response(command->spi, command->kic, command->kid,
                                  job->keys != NULL ? job->keys->cc_len : 0, &opening->suite);
    if (err == ERR_OK && head->cc_len == 0 && opening->suite.cc_len > 0)
        opening->suite = (struct scp80_suite){ .block = 1 }; /* unsecured: nothing is ciphered */
    else if (err == ERR_OK && head->cc_len != opening->suite.cc_len)
        return ERR_HEADER_LENGTH;
    if (memcmp(head->tar, command->tar, sizeof head->tar) != 0)
        return ERR_TAR;
    if (err == ERR_OK)
        err = scp80_suite_check_keys(&opening->suite, job->keys);
    if (err != ERR_OK)
        return err;
    opening->keys = job->keys;
    return begin(opening, job->packet, scp80_dialects[command->transport].response_prefix,
                 RESPONSE_FIXED_LEN, job->buf, job->buf_cap);
}

/* A CC that fails under the constant prefix is tried with the UDHL that the first segment really
 * had: cards read TS 31.115 §4.2 either way. */
static void try_real_udhl(struct lanes *lanes, struct scp80_open_response *job,
                          struct opening *opening)
{
    bool prefixed = scp80_dialects[job->command.transport].response_prefix.len > 0;
    if (opening->err != ERR_CC || !prefixed || job->udhl == 0 || job->udhl == UDHL_ALONE)
        return;
    struct span in = covered(opening);
    opening->start[opening->suite.cc_len] = job->udhl;
    opening->err = ERR_OK;
    if (opening->suite.check == SCP80_CHECK_CMAC) {
        struct lanes_cmac cmac = { .key = opening->keys->kid,
                                   .key_len = opening->keys->kid_len,
                                   .in = in.bytes,
                                   .len = (uint32_t)in.len };
        lanes_cmac_run(lanes, &cmac, 1);
        if (!ct_equal(cmac.mac, opening->cc, opening->suite.cc_len))
            opening->err = ERR_CC;
    } else {
        check_slow(lanes, opening, in);
    }
    job->real_udhl = opening->err == ERR_OK;
}

/* Whether the response has less than its command asked for. */
static bool unsecured(const struct scp80_open_response *job, const struct opening *opening)
{
    return opening->suite.check == SCP80_CHECK_NONE &&
           (job->command.spi & SCP80_SPI_POR_INTEGRITY) != 0;
}

static void response_finish(struct scp80_open_response *job, struct opening *opening)
{
    if (opening->err == ERR_OK) {
        struct reader r = reader_over(inside(opening));
        uint64_t cntr = reader_u40(&r);
        uint8_t pcntr = reader_u8(&r), status = reader_u8(&r);
        struct span data = strip(&r, pcntr);
        if (r.err == ERR_OK && cntr != job->command.cntr)
            reader_fail(&r, ERR_CNTR);
        opening->err = r.err;
        if (r.err == ERR_OK) {
            job->cntr = cntr;
            job->pcntr = pcntr;
            job->status = status;
            job->data = data;
            if (unsecured(job, opening))
                opening->err = ERR_UNTRUSTED;
        }
    }
    job->err = opening->err;
}

static void open_responses(struct lanes *lanes, struct scp80_open_response *jobs, uint32_t count)
{
    struct chunk chunk;
    for (uint32_t i = 0; i < count; i++) {
        jobs[i].data = span_of(NULL, 0);
        jobs[i].cntr = 0;
        jobs[i].status = jobs[i].pcntr = 0;
        jobs[i].real_udhl = false;
        chunk.openings[i].err = response_head(&jobs[i], &chunk.openings[i]);
    }
    open_chunk(lanes, &chunk, count);
    for (uint32_t i = 0; i < count; i++) {
        try_real_udhl(lanes, &jobs[i], &chunk.openings[i]);
        response_finish(&jobs[i], &chunk.openings[i]);
    }
}

void scp80_open_response_run(struct lanes *lanes, struct scp80_open_response *jobs, uint32_t count)
{
    for (uint32_t first = 0; first < count; first += CHUNK)
        open_responses(lanes, jobs + first, count - first < CHUNK ? count - first : CHUNK);
}

static enum err command_head(struct scp80_open_command *job, struct opening *opening)
{
    struct scp80_head *head = &opening->head;
    enum err err = scp80_command_head_read(job->transport, job->packet, head);
    if (err != ERR_OK)
        return err;
    err = scp80_suite_of_command(head->spi, head->kic, head->kid,
                                 job->keys != NULL ? job->keys->cc_len : 0, &opening->suite);
    if (err == ERR_OK && head->cc_len != opening->suite.cc_len)
        return ERR_HEADER_LENGTH;
    if (err == ERR_OK)
        err = scp80_suite_check_keys(&opening->suite, job->keys);
    if (err != ERR_OK)
        return err;
    job->security.spi = head->spi;
    job->security.kic = head->kic;
    job->security.kid = head->kid;
    memcpy(job->security.tar, head->tar, sizeof head->tar);
    opening->keys = job->keys;
    struct span nothing = span_of(NULL, 0); /* the CC of a command covers no part of the UDH */
    return begin(opening, job->packet, nothing, COMMAND_FIXED_LEN, job->buf, job->buf_cap);
}

static void command_finish(struct scp80_open_command *job, struct opening *opening)
{
    if (opening->err == ERR_OK) {
        struct reader r = reader_over(inside(opening));
        job->security.cntr = reader_u40(&r);
        job->pcntr = reader_u8(&r);
        job->data = strip(&r, job->pcntr);
        job->cc_len = opening->suite.cc_len;
        opening->err = r.err;
    }
    if (opening->err != ERR_OK) {
        job->security = (struct scp80_security){ .transport = job->transport };
        job->pcntr = job->cc_len = 0;
        job->data = span_of(NULL, 0);
    }
    job->err = opening->err;
}

static void open_commands(struct lanes *lanes, struct scp80_open_command *jobs, uint32_t count)
{
    struct chunk chunk;
    for (uint32_t i = 0; i < count; i++) {
        jobs[i].security = (struct scp80_security){ .transport = jobs[i].transport };
        jobs[i].data = span_of(NULL, 0);
        jobs[i].pcntr = jobs[i].cc_len = 0;
        chunk.openings[i].err = command_head(&jobs[i], &chunk.openings[i]);
    }
    open_chunk(lanes, &chunk, count);
    for (uint32_t i = 0; i < count; i++)
        command_finish(&jobs[i], &chunk.openings[i]);
}

void scp80_open_command_run(struct lanes *lanes, struct scp80_open_command *jobs, uint32_t count)
{
    for (uint32_t first = 0; first < count; first += CHUNK)
        open_commands(lanes, jobs + first, count - first < CHUNK ? count - first : CHUNK);
}
