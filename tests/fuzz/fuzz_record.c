/* Records at rest: the first octet picks the codec; what is taken writes back as the very octets. */
#include "tests/fuzz/fuzz.h"

#include "engine/store/record.h"

#define BUF_CAP (2 * RECORD_CAP)

static void same(const struct writer *w, struct span in)
{
    ASSERT(w->err == ERR_OK && span_equal(written(w), in));
}

static void outcome_or_uplink(uint8_t kind, struct span in, struct writer *w)
{
    struct record_result result;
    if (kind == 4 && record_result_read(in, &result) == ERR_OK) {
        record_result_write(w, &result);
        same(w, in);
    }
    struct record_uplink uplink;
    if (kind == 5 && record_uplink_read(in, &uplink) == ERR_OK) {
        record_uplink_write(w, &uplink);
        same(w, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    uint8_t buf[BUF_CAP];
    struct writer w = writer_over(buf, sizeof buf);
    uint8_t kind = data[0] % 6;
    struct job job;
    if (kind == 0 && record_job_read(in, &job) == ERR_OK) {
        record_job_write(&w, &job);
        same(&w, in);
    }
    struct record_pending pending;
    if (kind == 1 && record_pending_read(in, &pending) == ERR_OK) {
        record_pending_write(&w, &pending);
        same(&w, in);
    }
    struct record_command command;
    if (kind == 2 && record_command_read(in, &command) == ERR_OK) {
        record_command_write(&w, &command);
        same(&w, in);
    }
    struct record_attempt attempt;
    if (kind == 3 && record_attempt_read(in, &attempt) == ERR_OK) {
        record_attempt_write(&w, &attempt);
        same(&w, in);
    }
    outcome_or_uplink(kind, in, &w);
    return 0;
}
