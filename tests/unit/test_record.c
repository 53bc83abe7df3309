/* Records at rest: what is written reads back, every truncation and every foreign octet is refused. */
#include "engine/store/record.h"
#include "tests/support/support.h"

static uint8_t buf[2 * RECORD_CAP];

static struct eid eid_of(uint8_t seed)
{
    struct eid eid;
    for (unsigned i = 0; i < EID_LEN; i++)
        eid.bytes[i] = (uint8_t)(seed + i);
    return eid;
}

static struct job a_job(void)
{
    struct job job = { .id = 0x0102030405060708,
                       .client = 3,
                       .eid = eid_of(1),
                       .kind = JOB_AUDIT,
                       .priority = 2,
                       .idempotent = true,
                       .spi = 0x1639,
                       .kvn = 2,
                       .tar = { 0, 0, 1 },
                       .attempts_max = 5,
                       .not_before_ms = 1,
                       .expiry_ms = 2,
                       .accepted_ms = 3,
                       .key_len = 3,
                       .key = "abc",
                       .apdu_count = 2,
                       .script_len = 9,
                       .script = { 0, 2, 0x80, 0xE2, 0, 3, 1, 2, 3 } };
    return job;
}

static enum err read_job(struct span in)
{
    struct job out;
    return record_job_read(in, &out);
}

static enum err read_pending(struct span in)
{
    struct record_pending out;
    return record_pending_read(in, &out);
}

static enum err read_command(struct span in)
{
    struct record_command out;
    return record_command_read(in, &out);
}

static enum err read_attempt(struct span in)
{
    struct record_attempt out;
    return record_attempt_read(in, &out);
}

static enum err read_result(struct span in)
{
    struct record_result out;
    return record_result_read(in, &out);
}

static enum err read_uplink(struct span in)
{
    struct record_uplink out;
    return record_uplink_read(in, &out);
}

/* Truncations, an octet more, and another version are refused. */
static void check_strict(const char *name, struct writer *w, enum err (*read)(struct span in))
{
    assert_int_equal(w->err, ERR_OK);
    struct span whole = written(w);
    check_err(name, read(guarded_copy(whole)), ERR_OK);
    for (size_t cut = 0; cut < whole.len; cut++)
        assert_int_not_equal(read(guarded_copy(span_first(whole, cut))), ERR_OK);
    writer_u8(w, 0);
    check_err(name, read(written(w)), ERR_TRAILING);
    buf[0] = 2;
    check_err(name, read(whole), ERR_UNSUPPORTED);
}

static void a_job_reads_back(void **state)
{
    (void)state;
    struct job job = a_job(), got;
    struct writer w = writer_over(buf, sizeof buf);
    record_job_write(&w, &job);
    check_err("job", record_job_read(guarded_copy(written(&w)), &got), ERR_OK);
    assert_int_equal(got.id, job.id);
    assert_int_equal(got.client, job.client);
    assert_memory_equal(&got.eid, &job.eid, sizeof job.eid);
    assert_int_equal(got.kind, job.kind);
    assert_int_equal(got.priority, job.priority);
    assert_true(got.idempotent);
    assert_int_equal(got.spi, job.spi);
    assert_int_equal(got.kvn, job.kvn);
    assert_memory_equal(got.tar, job.tar, 3);
    assert_int_equal(got.attempts_max, job.attempts_max);
    assert_int_equal(got.not_before_ms, 1);
    assert_int_equal(got.expiry_ms, 2);
    assert_int_equal(got.accepted_ms, 3);
    assert_int_equal(got.key_len, 3);
    assert_memory_equal(got.key, "abc", 4);
    assert_int_equal(got.apdu_count, 2);
    assert_int_equal(got.script_len, 9);
    assert_memory_equal(got.script, job.script, 9);
    check_strict("job", &w, read_job);
}

static void a_job_with_impossible_fields_is_refused(void **state)
{
    (void)state;
    struct job job = a_job(), got;
    struct writer w = writer_over(buf, sizeof buf);
    job.kind = JOB_DELETE_PROFILE + 1;
    record_job_write(&w, &job);
    check_err("kind", record_job_read(written(&w), &got), ERR_RANGE);

    job = a_job();
    job.priority = JOB_PRIORITIES;
    w = writer_over(buf, sizeof buf);
    record_job_write(&w, &job);
    check_err("priority", record_job_read(written(&w), &got), ERR_RANGE);

    job = a_job();
    job.apdu_count = 3; /* the script has two */
    w = writer_over(buf, sizeof buf);
    record_job_write(&w, &job);
    check_err("script", record_job_read(written(&w), &got), ERR_MALFORMED);

    job = a_job();
    job.apdu_count = 1; /* octets are left over */
    w = writer_over(buf, sizeof buf);
    record_job_write(&w, &job);
    check_err("script", record_job_read(written(&w), &got), ERR_MALFORMED);
}

static void a_pending_entry_reads_back(void **state)
{
    (void)state;
    struct record_pending pending = { .job_id = 7,
                                      .eid = eid_of(2),
                                      .client = 1,
                                      .priority = 3,
                                      .flags = 1,
                                      .not_before_ms = 5,
                                      .expiry_ms = 6,
                                      .accepted_ms = 7 },
                          got;
    struct writer w = writer_over(buf, sizeof buf);
    record_pending_write(&w, &pending);
    check_err("pending", record_pending_read(guarded_copy(written(&w)), &got), ERR_OK);
    assert_int_equal(got.job_id, 7);
    assert_memory_equal(&got.eid, &pending.eid, sizeof got.eid);
    assert_int_equal(got.client, 1);
    assert_int_equal(got.priority, 3);
    assert_int_equal(got.flags, 1);
    assert_int_equal(got.not_before_ms, 5);
    assert_int_equal(got.expiry_ms, 6);
    assert_int_equal(got.accepted_ms, 7);
    check_strict("pending", &w, read_pending);
}

static void a_command_reads_back(void **state)
{
    (void)state;
    uint8_t packet[RECORD_PACKET_MAX];
    memset(packet, 0xA5, sizeof packet);
    struct record_command command = { .id = 9,
                                      .eid = eid_of(3),
                                      .job_count = 2,
                                      .jobs = { 9, 10 },
                                      .apdus = { 1, 4 },
                                      .spi = 0x1639,
                                      .kic = 0x12,
                                      .kid = 0x22,
                                      .tar = { 0, 0, 1 },
                                      .cc_len = 8,
                                      .keyset = 0x1307,
                                      .cntr = 0xFFFFFFFFFF,
                                      .concat_ref = 0x1234,
                                      .ref_bits = 16,
                                      .flags = RECORD_COMMAND_COMPACT,
                                      .sealed_ms = 1,
                                      .expiry_ms = 2,
                                      .packet = span_of(packet, sizeof packet) },
                          got;
    struct writer w = writer_over(buf, sizeof buf);
    record_command_write(&w, &command);
    assert_true(writer_len(&w) < RECORD_CAP);
    check_err("command", record_command_read(written(&w), &got), ERR_OK);
    assert_int_equal(got.id, 9);
    assert_memory_equal(&got.eid, &command.eid, sizeof got.eid);
    assert_int_equal(got.job_count, 2);
    assert_memory_equal(got.jobs, command.jobs, sizeof got.jobs);
    assert_memory_equal(got.apdus, command.apdus, sizeof got.apdus);
    assert_int_equal(got.spi, command.spi);
    assert_int_equal(got.kic, command.kic);
    assert_int_equal(got.kid, command.kid);
    assert_memory_equal(got.tar, command.tar, 3);
    assert_int_equal(got.cc_len, 8);
    assert_int_equal(got.keyset, 0x1307);
    assert_int_equal(got.cntr, command.cntr);
    assert_int_equal(got.concat_ref, command.concat_ref);
    assert_int_equal(got.ref_bits, 16);
    assert_int_equal(got.flags, command.flags);
    assert_int_equal(got.sealed_ms, 1);
    assert_int_equal(got.expiry_ms, 2);
    check_bytes("packet", got.packet, command.packet);
    check_strict("command", &w, read_command);

    command.cntr = 1ull << 40;
    w = writer_over(buf, sizeof buf);
    record_command_write(&w, &command);
    check_err("CNTR of 41 bits", w.err, ERR_RANGE);
    command.cntr = 1;
    command.job_count = RECORD_JOBS_MAX + 1;
    w = writer_over(buf, sizeof buf);
    record_command_write(&w, &command);
    check_err("nine jobs", w.err, ERR_RANGE);
}

static void an_attempt_reads_back(void **state)
{
    (void)state;
    struct record_attempt attempt = { .job_id = 4,
                                      .attempt = 2,
                                      .part = 1,
                                      .part_count = 3,
                                      .state = 2,
                                      .status = 0x58,
                                      .at_ms = 8,
                                      .validity_ms = 9 },
                          got;
    memset(attempt.message_id, 'x', 64);
    struct writer w = writer_over(buf, sizeof buf);
    record_attempt_write(&w, &attempt);
    check_err("attempt", record_attempt_read(guarded_copy(written(&w)), &got), ERR_OK);
    assert_int_equal(got.job_id, 4);
    assert_int_equal(got.attempt, 2);
    assert_int_equal(got.part, 1);
    assert_int_equal(got.part_count, 3);
    assert_int_equal(got.state, 2);
    assert_int_equal(got.status, 0x58);
    assert_int_equal(got.at_ms, 8);
    assert_int_equal(got.validity_ms, 9);
    assert_string_equal(got.message_id, attempt.message_id);
    check_strict("attempt", &w, read_attempt);
}

static void a_result_reads_back(void **state)
{
    (void)state;
    static const uint8_t answer[] = { 0, 2, 0x90, 0 };
    struct record_result result = { .command_id = 1,
                                    .job_id = 2,
                                    .eid = eid_of(5),
                                    .client = 6,
                                    .outcome = JOB_EXECUTED,
                                    .reason = ERR_OK,
                                    .por_status = 0xFF,
                                    .attempts = 3,
                                    .ends_command = true,
                                    .accepted_ms = 4,
                                    .finished_ms = 5,
                                    .uplink_id = 0x0100000000000001,
                                    .answer_raw = 1,
                                    .answer = span_of(answer, sizeof answer) },
                         got;
    struct writer w = writer_over(buf, sizeof buf);
    record_result_write(&w, &result);
    check_err("result", record_result_read(guarded_copy(written(&w)), &got), ERR_OK);
    assert_int_equal(got.command_id, 1);
    assert_int_equal(got.job_id, 2);
    assert_memory_equal(&got.eid, &result.eid, sizeof got.eid);
    assert_int_equal(got.client, 6);
    assert_int_equal(got.outcome, JOB_EXECUTED);
    assert_int_equal(got.reason, ERR_OK);
    assert_int_equal(got.por_status, 0xFF);
    assert_int_equal(got.attempts, 3);
    assert_true(got.ends_command);
    assert_int_equal(got.accepted_ms, 4);
    assert_int_equal(got.finished_ms, 5);
    assert_int_equal(got.uplink_id, result.uplink_id);
    assert_int_equal(got.answer_raw, 1);
    check_bytes("answer", got.answer, result.answer);
    check_strict("result", &w, read_result);

    result.outcome = JOB_PENDING;
    w = writer_over(buf, sizeof buf);
    record_result_write(&w, &result);
    check_err("no outcome", record_result_read(written(&w), &got), ERR_RANGE);
}

static void an_uplink_record_reads_back(void **state)
{
    (void)state;
    static const uint8_t ud[] = { 2, 0x71, 0, 1, 2, 3 };
    struct record_uplink uplink = { .id = 0x0200000000000005,
                                    .account = 1,
                                    .udhi = true,
                                    .resolved = true,
                                    .sar = true,
                                    .sar_total = 2,
                                    .sar_index = 1,
                                    .sar_ref = 0x1234,
                                    .source = 49123,
                                    .destination = 77,
                                    .received_ms = 8,
                                    .tp_ud = span_of(ud, sizeof ud) },
                         got;
    struct writer w = writer_over(buf, sizeof buf);
    record_uplink_write(&w, &uplink);
    check_err("uplink", record_uplink_read(guarded_copy(written(&w)), &got), ERR_OK);
    assert_int_equal(got.id, uplink.id);
    assert_int_equal(got.account, 1);
    assert_true(got.udhi && got.resolved && got.sar);
    assert_int_equal(got.sar_total, 2);
    assert_int_equal(got.sar_index, 1);
    assert_int_equal(got.sar_ref, 0x1234);
    assert_int_equal(got.source, 49123);
    assert_int_equal(got.destination, 77);
    assert_int_equal(got.received_ms, 8);
    check_bytes("TP-UD", got.tp_ud, uplink.tp_ud);
    check_strict("uplink", &w, read_uplink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_reads_back),
        cmocka_unit_test(a_job_with_impossible_fields_is_refused),
        cmocka_unit_test(a_pending_entry_reads_back),
        cmocka_unit_test(a_command_reads_back),
        cmocka_unit_test(an_attempt_reads_back),
        cmocka_unit_test(a_result_reads_back),
        cmocka_unit_test(an_uplink_record_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
