/* Command and response scripts in both formats, and the audit's answer: what reads is written back to
 * octets that read the same, counts stay within their arrays. */
#include "tests/fuzz/fuzz.h"

#include "engine/session/es5.h"

static uint8_t buf[1u << 17];

static void check_commands(struct span in)
{
    struct script script;
    size_t at;
    enum err err = script_expanded_read(in, &script, &at);
    ASSERT(at <= in.len && script.count <= SCRIPT_COMMANDS_MAX);
    if (err == ERR_OK && script.count > 0) {
        struct writer w = writer_over(buf, sizeof buf);
        script_expanded_write(&w, script.c_apdus, script.count);
        ASSERT(w.err == ERR_OK);
        ASSERT(writer_len(&w) == script_expanded_len(script.c_apdus, script.count));
        struct script same;
        ASSERT(script_expanded_read(written(&w), &same, NULL) == ERR_OK);
        ASSERT(same.count == script.count);
    }
    err = script_compact_read(in, &script, &at);
    ASSERT(at <= in.len && script.count <= SCRIPT_COMMANDS_MAX);
    if (err == ERR_OK) {
        struct writer w = writer_over(buf, sizeof buf);
        for (size_t i = 0; i < script.count; i++)
            writer_bytes(&w, script.c_apdus[i]);
        ASSERT(span_equal(written(&w), in));
    }
}

static void check_responses(struct span in)
{
    static struct script_response response;
    size_t at;
    enum err err = script_expanded_response_read(in, &response, &at);
    ASSERT(at <= in.len && response.r_apdu_count <= SCRIPT_COMMANDS_MAX);
    if (err == ERR_OK) {
        ASSERT(script_ran(&response, 3, 1) <= 3);
        static struct es5_audit audit;
        if (es5_audit_read(&response, &audit) == ERR_OK)
            ASSERT(audit.profile_count <= ES5_PROFILES_MAX);
        struct writer w = writer_over(buf, sizeof buf);
        script_expanded_response_write(&w, &response);
        static struct script_response same;
        if (w.err == ERR_OK) {
            ASSERT(script_expanded_response_read(written(&w), &same, NULL) == ERR_OK);
            ASSERT(same.r_apdu_count == response.r_apdu_count &&
                   same.executed == response.executed);
        }
    }
    err = script_compact_response_read(in, &response, &at);
    ASSERT(at <= in.len);
    if (err == ERR_OK && in.len > 0)
        ASSERT(response.r_apdus[0].data.len == in.len - 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    check_commands(in);
    check_responses(in);
    return 0;
}
