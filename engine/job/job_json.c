/* Reads the usual job in one pass: a flat object of plain ASCII strings, integers, truths and one
 * array of strings. Whatever is not that plain, sound or not, goes to jansson, which decides: so
 * this pass may only accept what jansson would accept, with the same meaning. A tree costs several
 * microseconds a line; bulk intake has three (design §8). */
#include "engine/job/job_json.h"

#define DIGITS_MAX 18 /* fit int64_t */

struct pass {
    const uint8_t *at, *end;
    bool plain; /* still on the usual path */
};

static void skip_blanks(struct pass *pass)
{
    while (pass->at < pass->end &&
           (*pass->at == ' ' || *pass->at == '\t' || *pass->at == '\r' || *pass->at == '\n'))
        pass->at++;
}

static bool next_is(struct pass *pass, char wanted)
{
    skip_blanks(pass);
    if (pass->at == pass->end || *pass->at != (uint8_t)wanted)
        return false;
    pass->at++;
    return true;
}

static void expect(struct pass *pass, char wanted)
{
    pass->plain = next_is(pass, wanted) && pass->plain;
}

static struct span read_string(struct pass *pass)
{
    expect(pass, '"');
    const uint8_t *start = pass->at, *at = start; /* kept in a register: most octets come by here */
    while (at < pass->end && *at != '"' && *at != '\\' && *at >= 0x20 && *at < 0x7F)
        at++;
    pass->plain = pass->plain && at < pass->end && *at == '"';
    pass->at = at + pass->plain;
    return span_of(start, (size_t)(at - start));
}

static int64_t read_integer(struct pass *pass)
{
    int64_t value = 0;
    bool negative = *pass->at == '-';
    pass->at += negative;
    const uint8_t *start = pass->at;
    for (; pass->at < pass->end && *pass->at >= '0' && *pass->at <= '9'; pass->at++)
        if (pass->at - start < DIGITS_MAX)
            value = value * 10 + (*pass->at - '0');
    size_t digits = (size_t)(pass->at - start);
    bool fraction =
        pass->at < pass->end && (*pass->at == '.' || *pass->at == 'e' || *pass->at == 'E');
    if (digits == 0 || digits > DIGITS_MAX || (*start == '0' && digits > 1) || fraction)
        pass->plain = false;
    return negative ? -value : value;
}

static void read_word(struct pass *pass, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(pass->end - pass->at) < len || memcmp(pass->at, word, len) != 0)
        pass->plain = false;
    else
        pass->at += len;
}

static void read_array(struct pass *pass, struct job_json *out)
{
    expect(pass, '[');
    if (out->entry_count > 0)
        pass->plain = false;
    if (next_is(pass, ']'))
        return;
    do {
        if (out->entry_count == JOB_JSON_ENTRIES)
            pass->plain = false;
        else
            out->entries[out->entry_count++] = read_string(pass);
    } while (pass->plain && next_is(pass, ','));
    expect(pass, ']');
}

static void read_value(struct pass *pass, struct job_json *out, struct job_json_member *member)
{
    skip_blanks(pass);
    uint8_t first = pass->at < pass->end ? *pass->at : 0;
    if (first == '"') {
        member->kind = JOB_JSON_STRING;
        member->text = read_string(pass);
    } else if (first == '-' || (first >= '0' && first <= '9')) {
        member->kind = JOB_JSON_INTEGER;
        member->integer = read_integer(pass);
    } else if (first == '[') {
        member->kind = JOB_JSON_ARRAY;
        read_array(pass, out);
    } else {
        member->kind = first == 't' ? JOB_JSON_TRUE : JOB_JSON_FALSE;
        read_word(pass, first == 't' ? "true" : "false");
    }
}

static bool read_plain(struct span text, struct job_json *out)
{
    struct pass pass = { text.bytes, span_at(text.bytes, text.len), true };
    expect(&pass, '{');
    do {
        if (!pass.plain || out->count == JOB_JSON_MEMBERS)
            return false;
        struct job_json_member *member = &out->members[out->count++];
        skip_blanks(&pass);
        member->name = read_string(&pass);
        expect(&pass, ':');
        read_value(&pass, out, member);
    } while (pass.plain && next_is(&pass, ','));
    expect(&pass, '}');
    skip_blanks(&pass);
    return pass.plain && pass.at == pass.end;
}

static struct span text_of(const json_t *value)
{
    return span_of(json_string_value(value), json_string_length(value));
}

static void take_value(struct job_json *out, struct job_json_member *member, const json_t *value)
{
    member->kind = JOB_JSON_OTHER;
    if (json_is_string(value)) {
        member->kind = JOB_JSON_STRING;
        member->text = text_of(value);
    } else if (json_is_integer(value)) {
        member->kind = JOB_JSON_INTEGER;
        member->integer = json_integer_value(value);
    } else if (json_is_boolean(value)) {
        member->kind = json_is_true(value) ? JOB_JSON_TRUE : JOB_JSON_FALSE;
    } else if (json_is_array(value) && out->entry_count == 0) {
        member->kind = JOB_JSON_ARRAY;
        for (size_t i = 0; i < json_array_size(value) && i < JOB_JSON_ENTRIES; i++) {
            const json_t *entry = json_array_get(value, i);
            out->entries[out->entry_count++] =
                json_is_string(entry) ? text_of(entry) : span_of(NULL, 0);
        }
    }
}

enum err job_json_read(struct span text, struct job_json *out, struct fault *fault)
{
    json_error_t error;
    const char *name;
    json_t *value;
    out->count = out->entry_count = 0;
    out->tree = NULL;
    if (read_plain(text, out))
        return ERR_OK;

    out->count = out->entry_count = 0;
    if (text.len == 0) {
        fault_set(fault, "nothing is there; accepted: one JSON object");
        return ERR_MALFORMED;
    }
    out->tree = json_loadb((const char *)text.bytes, text.len, JSON_REJECT_DUPLICATES, &error);
    if (out->tree == NULL) {
        fault_set(fault, "not JSON, at offset %d: %.100s", error.position, error.text);
        return ERR_MALFORMED;
    }
    if (!json_is_object(out->tree) || json_object_size(out->tree) > JOB_JSON_MEMBERS) {
        fault_set(fault, "not an object of at most %u members; accepted: one JSON object",
                  JOB_JSON_MEMBERS);
        return ERR_MALFORMED;
    }
    json_object_foreach(out->tree, name, value)
    {
        struct job_json_member *member = &out->members[out->count++];
        member->name = span_text(name);
        take_value(out, member, value);
    }
    return ERR_OK;
}

void job_json_drop(struct job_json *json)
{
    json_decref(json->tree);
    json->tree = NULL;
}
