/* Records at rest: version 1, then fixed fields in the order of their structs, big-endian; what
 * varies in length comes last, each with its length in front. */
#include "engine/store/record.h"

#define RECORD_VERSION 1

/* Keeps a reader from going on with a layout it does not know. */
static void version_read(struct reader *r)
{
    if (reader_u8(r) != RECORD_VERSION)
        reader_fail(r, ERR_UNSUPPORTED);
}

static void version_write(struct writer *w)
{
    writer_u8(w, RECORD_VERSION);
}

static void eid_take(struct reader *r, struct eid *eid)
{
    reader_copy(r, eid->bytes, EID_LEN);
}

static void eid_give(struct writer *w, const struct eid *eid)
{
    writer_bytes(w, span_of(eid->bytes, EID_LEN));
}

/* An octet that may be at most `most`. */
static uint8_t bounded_u8(struct reader *r, uint8_t most)
{
    uint8_t value = reader_u8(r);
    if (value > most)
        reader_fail(r, ERR_RANGE);
    return value;
}

static bool bool_read(struct reader *r)
{
    return bounded_u8(r, 1) == 1;
}

/* Octets with their 2-octet length in front. */
static struct span sized_read(struct reader *r, size_t most)
{
    size_t len = reader_u16(r);
    if (len > most)
        reader_fail(r, ERR_RANGE);
    return reader_bytes(r, len);
}

static void sized_write(struct writer *w, struct span in, size_t most)
{
    if (in.len > most)
        writer_fail(w, ERR_RANGE);
    writer_uint(w, in.len, 2);
    writer_bytes(w, in);
}

/* The script is exactly apdu_count × (len 2, octets). */
static void script_check(struct reader *r, struct span script, uint16_t apdu_count)
{
    struct reader apdus = reader_over(script);
    for (unsigned i = 0; i < apdu_count && apdus.err == ERR_OK; i++)
        (void)reader_bytes(&apdus, reader_u16(&apdus));
    if (reader_end(&apdus) != ERR_OK)
        reader_fail(r, ERR_MALFORMED);
}

enum err record_job_read(struct span in, struct job *out)
{
    struct reader r = reader_over(in);
    version_read(&r);
    out->id = reader_u64(&r);
    out->client = reader_u32(&r);
    eid_take(&r, &out->eid);
    out->kind = bounded_u8(&r, JOB_DELETE_PROFILE);
    out->priority = bounded_u8(&r, JOB_PRIORITIES - 1);
    out->idempotent = bool_read(&r);
    out->spi = reader_u16(&r);
    out->kvn = reader_u8(&r);
    reader_copy(&r, out->tar, sizeof out->tar);
    out->attempts_max = reader_u8(&r);
    out->not_before_ms = reader_u64(&r);
    out->expiry_ms = reader_u64(&r);
    out->accepted_ms = reader_u64(&r);
    out->key_len = bounded_u8(&r, JOB_KEY_MAX);
    struct span key = reader_bytes(&r, out->key_len);
    out->apdu_count = reader_u16(&r);
    struct span script = sized_read(&r, JOB_SCRIPT_MAX);
    script_check(&r, script, out->apdu_count);
    enum err err = reader_end(&r);
    if (err != ERR_OK)
        return err;
    memset(out->key, 0, sizeof out->key);
    struct writer kept = writer_over(out->key, sizeof out->key);
    writer_bytes(&kept, key);
    out->script_len = (uint16_t)script.len;
    struct writer apdus = writer_over(out->script, sizeof out->script);
    writer_bytes(&apdus, script);
    return ERR_OK;
}

void record_job_write(struct writer *out, const struct job *job)
{
    version_write(out);
    writer_u64(out, job->id);
    writer_u32(out, job->client);
    eid_give(out, &job->eid);
    writer_u8(out, job->kind);
    writer_u8(out, job->priority);
    writer_u8(out, job->idempotent);
    writer_u16(out, job->spi);
    writer_u8(out, job->kvn);
    writer_bytes(out, span_of(job->tar, sizeof job->tar));
    writer_u8(out, job->attempts_max);
    writer_u64(out, job->not_before_ms);
    writer_u64(out, job->expiry_ms);
    writer_u64(out, job->accepted_ms);
    writer_u8(out, job->key_len);
    writer_bytes(out, span_of(job->key, job->key_len));
    writer_u16(out, job->apdu_count);
    sized_write(out, span_of(job->script, job->script_len), JOB_SCRIPT_MAX);
}

enum err record_pending_read(struct span in, struct record_pending *out)
{
    struct reader r = reader_over(in);
    version_read(&r);
    out->job_id = reader_u64(&r);
    eid_take(&r, &out->eid);
    out->client = reader_u32(&r);
    out->priority = bounded_u8(&r, JOB_PRIORITIES - 1);
    out->flags = reader_u8(&r);
    out->not_before_ms = reader_u64(&r);
    out->expiry_ms = reader_u64(&r);
    out->accepted_ms = reader_u64(&r);
    return reader_end(&r);
}

void record_pending_write(struct writer *out, const struct record_pending *pending)
{
    version_write(out);
    writer_u64(out, pending->job_id);
    eid_give(out, &pending->eid);
    writer_u32(out, pending->client);
    writer_u8(out, pending->priority);
    writer_u8(out, pending->flags);
    writer_u64(out, pending->not_before_ms);
    writer_u64(out, pending->expiry_ms);
    writer_u64(out, pending->accepted_ms);
}

struct record_pending record_pending_of(const struct job *job)
{
    return (struct record_pending){ .job_id = job->id,
                                    .eid = job->eid,
                                    .client = job->client,
                                    .priority = job->priority,
                                    .flags = job->idempotent ? RECORD_PENDING_IDEMPOTENT : 0,
                                    .not_before_ms = job->not_before_ms,
                                    .expiry_ms = job->expiry_ms,
                                    .accepted_ms = job->accepted_ms };
}

enum err record_command_read(struct span in, struct record_command *out)
{
    struct reader r = reader_over(in);
    version_read(&r);
    out->id = reader_u64(&r);
    eid_take(&r, &out->eid);
    out->job_count = bounded_u8(&r, RECORD_JOBS_MAX);
    memset(out->jobs, 0, sizeof out->jobs);
    memset(out->apdus, 0, sizeof out->apdus);
    for (unsigned i = 0; i < out->job_count && r.err == ERR_OK; i++) {
        out->jobs[i] = reader_u64(&r);
        out->apdus[i] = reader_u8(&r);
    }
    out->spi = reader_u16(&r);
    out->kic = reader_u8(&r);
    out->kid = reader_u8(&r);
    reader_copy(&r, out->tar, sizeof out->tar);
    out->cc_len = reader_u8(&r);
    out->keyset = reader_u16(&r);
    out->cntr = reader_u40(&r);
    out->concat_ref = reader_u16(&r);
    out->ref_bits = bounded_u8(&r, 16);
    if (out->ref_bits % 8 != 0)
        reader_fail(&r, ERR_RANGE);
    out->flags = reader_u8(&r);
    out->sealed_ms = reader_u64(&r);
    out->expiry_ms = reader_u64(&r);
    out->packet = sized_read(&r, RECORD_PACKET_MAX);
    return reader_end(&r);
}

void record_command_write(struct writer *out, const struct record_command *command)
{
    version_write(out);
    writer_u64(out, command->id);
    eid_give(out, &command->eid);
    if (command->job_count > RECORD_JOBS_MAX) {
        writer_fail(out, ERR_RANGE);
        return;
    }
    writer_u8(out, command->job_count);
    for (unsigned i = 0; i < command->job_count; i++) {
        writer_u64(out, command->jobs[i]);
        writer_u8(out, command->apdus[i]);
    }
    writer_u16(out, command->spi);
    writer_u8(out, command->kic);
    writer_u8(out, command->kid);
    writer_bytes(out, span_of(command->tar, sizeof command->tar));
    writer_u8(out, command->cc_len);
    writer_u16(out, command->keyset);
    writer_u40(out, command->cntr);
    writer_u16(out, command->concat_ref);
    writer_u8(out, command->ref_bits);
    writer_u8(out, command->flags);
    writer_u64(out, command->sealed_ms);
    writer_u64(out, command->expiry_ms);
    sized_write(out, command->packet, RECORD_PACKET_MAX);
}

enum err record_attempt_read(struct span in, struct record_attempt *out)
{
    struct reader r = reader_over(in);
    version_read(&r);
    out->job_id = reader_u64(&r);
    out->attempt = reader_u8(&r);
    out->part = reader_u8(&r);
    out->part_count = reader_u8(&r);
    out->state = reader_u8(&r);
    out->status = reader_u32(&r);
    out->at_ms = reader_u64(&r);
    out->validity_ms = reader_u64(&r);
    uint8_t len = bounded_u8(&r, sizeof out->message_id - 1);
    struct span text = reader_bytes(&r, len);
    if (text.len > 0 && memchr(text.bytes, 0, text.len) != NULL)
        reader_fail(&r, ERR_MALFORMED);
    enum err err = reader_end(&r);
    if (err != ERR_OK)
        return err;
    memset(out->message_id, 0, sizeof out->message_id);
    struct writer id = writer_over(out->message_id, sizeof out->message_id);
    writer_bytes(&id, text);
    return ERR_OK;
}

void record_attempt_write(struct writer *out, const struct record_attempt *attempt)
{
    version_write(out);
    writer_u64(out, attempt->job_id);
    writer_u8(out, attempt->attempt);
    writer_u8(out, attempt->part);
    writer_u8(out, attempt->part_count);
    writer_u8(out, attempt->state);
    writer_u32(out, attempt->status);
    writer_u64(out, attempt->at_ms);
    writer_u64(out, attempt->validity_ms);
    size_t len = strnlen(attempt->message_id, sizeof attempt->message_id - 1);
    writer_uint(out, len, 1);
    writer_bytes(out, span_of(attempt->message_id, len));
}

enum err record_result_read(struct span in, struct record_result *out)
{
    struct reader r = reader_over(in);
    version_read(&r);
    out->command_id = reader_u64(&r);
    out->job_id = reader_u64(&r);
    eid_take(&r, &out->eid);
    out->client = reader_u32(&r);
    out->outcome = bounded_u8(&r, JOB_CANCELLED);
    if (out->outcome == JOB_PENDING)
        reader_fail(&r, ERR_RANGE);
    out->reason = bounded_u8(&r, ERR_COUNT - 1);
    out->por_status = reader_u8(&r);
    out->attempts = reader_u8(&r);
    out->ends_command = bool_read(&r);
    out->accepted_ms = reader_u64(&r);
    out->finished_ms = reader_u64(&r);
    out->uplink_id = reader_u64(&r);
    out->answer_raw = bounded_u8(&r, 1);
    out->answer = sized_read(&r, RECORD_ANSWER_MAX);
    return reader_end(&r);
}

void record_result_write(struct writer *out, const struct record_result *result)
{
    version_write(out);
    writer_u64(out, result->command_id);
    writer_u64(out, result->job_id);
    eid_give(out, &result->eid);
    writer_u32(out, result->client);
    writer_u8(out, result->outcome);
    writer_u8(out, result->reason);
    writer_u8(out, result->por_status);
    writer_u8(out, result->attempts);
    writer_u8(out, result->ends_command);
    writer_u64(out, result->accepted_ms);
    writer_u64(out, result->finished_ms);
    writer_u64(out, result->uplink_id);
    writer_u8(out, result->answer_raw);
    sized_write(out, result->answer, RECORD_ANSWER_MAX);
}

enum err record_uplink_read(struct span in, struct record_uplink *out)
{
    struct reader r = reader_over(in);
    version_read(&r);
    out->id = reader_u64(&r);
    out->account = reader_u8(&r);
    out->udhi = bool_read(&r);
    out->resolved = bool_read(&r);
    out->sar = bool_read(&r);
    out->sar_total = reader_u8(&r);
    out->sar_index = reader_u8(&r);
    out->sar_ref = reader_u16(&r);
    out->source = reader_u64(&r);
    out->destination = reader_u64(&r);
    out->received_ms = reader_u64(&r);
    out->tp_ud = sized_read(&r, RECORD_CAP);
    return reader_end(&r);
}

void record_uplink_write(struct writer *out, const struct record_uplink *uplink)
{
    version_write(out);
    writer_u64(out, uplink->id);
    writer_u8(out, uplink->account);
    writer_u8(out, uplink->udhi);
    writer_u8(out, uplink->resolved);
    writer_u8(out, uplink->sar);
    writer_u8(out, uplink->sar_total);
    writer_u8(out, uplink->sar_index);
    writer_u16(out, uplink->sar_ref);
    writer_u64(out, uplink->source);
    writer_u64(out, uplink->destination);
    writer_u64(out, uplink->received_ms);
    sized_write(out, uplink->tp_ud, RECORD_CAP);
}
