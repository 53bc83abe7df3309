/* `starling decode script`: command and response scripts. On the bench nothing but the octets is there to tell
 * the format: AA, AE, AB, AF are expanded, a small count is a compact answer, the rest compact commands. */
#include "engine/cli/decode_json.h"

#include "engine/session/apdu.h"

#define COMPACT_COUNT_MAX 0x0F

static void set_commands(json_t *out, const char *format, const struct script *script)
{
    decode_set_name(out, "kind", "command");
    decode_set_name(out, "format", format);
    if (script->indefinite)
        decode_set_bool(out, "indefinite", true);
    if (script->chaining != SCRIPT_CHAIN_NONE)
        decode_set_hex_uint(out, "chaining", script->chaining, 1);
    if (script->has_immediate)
        decode_set_hex(out, "immediate_action", script->immediate);
    if (script->has_error_action)
        decode_set_hex(out, "error_action", script->error_action);
    json_t *list = json_array();
    for (size_t i = 0; i < script->count; i++) {
        json_t *one = json_object();
        decode_set_hex(one, "c_apdu", script->c_apdus[i]);
        json_array_append_new(list, one);
    }
    json_object_set_new(out, "c_apdus", list);
}

static void set_responses(json_t *out, const char *format, const struct script_response *response)
{
    decode_set_name(out, "kind", "response");
    decode_set_name(out, "format", format);
    if (response->indefinite)
        decode_set_bool(out, "indefinite", true);
    if (response->has_executed)
        decode_set_number(out, "executed", response->executed);
    if (response->bad_format != 0)
        decode_set_hex_uint(out, "bad_format", response->bad_format, 1);
    if (response->chaining != 0)
        decode_set_hex_uint(out, "chaining", response->chaining, 1);
    if (response->has_immediate)
        decode_set_hex(out, "immediate_action", response->immediate);
    json_t *list = json_array();
    for (size_t i = 0; i < response->r_apdu_count; i++) {
        json_t *one = json_object();
        decode_set_hex(one, "data", response->r_apdus[i].data);
        decode_set_hex_uint(one, "sw", response->r_apdus[i].sw, 2);
        json_array_append_new(list, one);
    }
    json_object_set_new(out, "r_apdus", list);
}

enum err decode_script(struct span in, json_t *out, size_t *at)
{
    struct script script;
    struct script_response response;
    uint8_t first = in.len > 0 ? in.bytes[0] : 0;
    enum err err;
    switch (first) {
    case 0xAA:
    case 0xAE:
        err = script_expanded_read(in, &script, at);
        if (err == ERR_OK)
            set_commands(out, "expanded", &script);
        return err;
    case 0xAB:
    case 0xAF:
        err = script_expanded_response_read(in, &response, at);
        if (err == ERR_OK)
            set_responses(out, "expanded", &response);
        return err;
    default:
        break;
    }
    if (first > 0 && first <= COMPACT_COUNT_MAX) {
        err = script_compact_response_read(in, &response, at);
        if (err == ERR_OK)
            set_responses(out, "compact", &response);
        return err;
    }
    err = script_compact_read(in, &script, at);
    if (err == ERR_OK)
        set_commands(out, "compact", &script);
    return err;
}
