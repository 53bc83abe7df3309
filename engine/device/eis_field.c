/* Typed members of an EIS, and the sentences when they are not what they should be. */
#include "engine/device/eis_field.h"

#include "base/hex.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static size_t path_add(struct eis_field *field, const char *text)
{
    size_t mark = field->path_len;
    int len = snprintf(field->path + mark, sizeof field->path - mark, "%s", text);
    ASSERT(len >= 0);
    field->path_len += (size_t)len;
    ASSERT(field->path_len < sizeof field->path); /* names are ours, indexes bounded */
    return mark;
}

size_t eis_field_enter(struct eis_field *field, const char *name)
{
    size_t mark = path_add(field, name);
    path_add(field, ".");
    return mark;
}

size_t eis_field_enter_at(struct eis_field *field, const char *name, size_t index)
{
    char at[32];
    snprintf(at, sizeof at, "[%zu].", index);
    size_t mark = path_add(field, name);
    path_add(field, at);
    return mark;
}

void eis_field_leave(struct eis_field *field, size_t mark)
{
    field->path_len = mark;
    field->path[mark] = '\0';
}

void eis_field_fail(struct eis_field *field, const char *name, const char *format, ...)
{
    if (field->failed)
        return;
    field->failed = true;
    char text[FAULT_CAP], line[24] = "", where[sizeof field->path + 64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (field->line_no != 0)
        snprintf(line, sizeof line, "line %" PRIu32 ": ", field->line_no);
    snprintf(where, sizeof where, "%s%s", field->path, name);
    size_t len = strlen(where);
    while (len > 0 && where[len - 1] == '.') /* of an element without a name of its own */
        where[--len] = '\0';
    fault_set(field->fault, "%s%s%s%s", line, where, len > 0 ? ": " : "", text);
}

void eis_field_only(struct eis_field *field, json_t *object, const char *const *names, size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0)
            i++;
        if (i < count)
            continue;
        char known[160] = "";
        size_t at = 0;
        for (i = 0; i < count; i++) {
            int len = snprintf(known + at, sizeof known - at, "%s%s", i > 0 ? ", " : "", names[i]);
            at += (size_t)len;
            ASSERT(len > 0 && at < sizeof known);
        }
        eis_field_fail(field, "", "has a member that is not known; accepted: %s", known);
        return;
    }
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a number";
    case JSON_REAL:
        return "a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

/* The member, or NULL; `wanted` is what the sentence says is accepted. JSON null is "absent". */
static json_t *member(struct eis_field *field, json_t *in, const char *name, enum eis_need need,
                      const char *wanted)
{
    if (field->failed)
        return NULL;
    json_t *value = json_object_get(in, name);
    if (value != NULL && !json_is_null(value))
        return value;
    if (need == EIS_REQUIRED)
        eis_field_fail(field, name, "is missing; accepted: %s", wanted);
    return NULL;
}

static json_t *typed(struct eis_field *field, const char *name, json_t *value, bool fits,
                     const char *wanted)
{
    if (value == NULL || fits)
        return value;
    eis_field_fail(field, name, "is %s; accepted: %s", type_name(value), wanted);
    return NULL;
}

json_t *eis_field_object(struct eis_field *field, json_t *in, const char *name, enum eis_need need)
{
    json_t *value = member(field, in, name, need, "an object");
    return typed(field, name, value, json_is_object(value), "an object");
}

json_t *eis_field_array(struct eis_field *field, json_t *in, const char *name, enum eis_need need,
                        size_t least, size_t most)
{
    json_t *value = member(field, in, name, need, "an array");
    value = typed(field, name, value, json_is_array(value), "an array");
    if (value == NULL)
        return NULL;
    size_t count = json_array_size(value);
    if (count >= least && count <= most)
        return value;
    if (least == most)
        eis_field_fail(field, name, "has %zu elements; accepted: %zu", count, least);
    else
        eis_field_fail(field, name, "has %zu elements; accepted: %zu to %zu", count, least, most);
    return NULL;
}

const char *eis_field_text(struct eis_field *field, json_t *in, const char *name,
                           enum eis_need need)
{
    json_t *value = member(field, in, name, need, "a string");
    value = typed(field, name, value, json_is_string(value), "a string");
    return value != NULL ? json_string_value(value) : NULL;
}

bool eis_field_bool(struct eis_field *field, json_t *in, const char *name, bool otherwise)
{
    json_t *value = member(field, in, name, EIS_OPTIONAL, "true or false");
    value = typed(field, name, value, json_is_boolean(value), "true or false");
    return value != NULL ? json_is_true(value) : otherwise;
}

json_int_t eis_field_int(struct eis_field *field, json_t *in, const char *name, enum eis_need need,
                         json_int_t least, json_int_t most, json_int_t otherwise)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)least,
             (long long)most);
    json_t *value = member(field, in, name, need, wanted);
    value = typed(field, name, value, json_is_integer(value), wanted);
    if (value == NULL)
        return otherwise;
    json_int_t number = json_integer_value(value);
    if (number >= least && number <= most)
        return number;
    eis_field_fail(field, name, "is out of range; accepted: %s", wanted);
    return otherwise;
}

size_t eis_field_hex(struct eis_field *field, const char *name, const char *text, size_t least,
                     size_t most, uint8_t *out)
{
    if (field->failed || text == NULL)
        return 0;
    size_t len = strlen(text);
    struct writer w = writer_over(out, most);
    if (len < 2 * least || len > 2 * most) {
        if (least == most)
            eis_field_fail(field, name, "has %zu characters; accepted: %zu hex digits", len,
                           2 * least);
        else
            eis_field_fail(field, name, "has %zu characters; accepted: %zu to %zu hex digits", len,
                           2 * least, 2 * most);
        return 0;
    }
    if (hex_read(span_of(text, len), &w) == ERR_OK)
        return writer_len(&w);
    eis_field_fail(field, name,
                   len % 2 != 0 ? "has an odd number of characters; accepted: whole octets in hex"
                                : "has a character that is no hex digit; accepted: 0-9, a-f, A-F");
    return 0;
}

bool eis_field_digits(struct eis_field *field, const char *name, const char *text, size_t least,
                      size_t most)
{
    if (field->failed || text == NULL)
        return false;
    size_t len = strlen(text);
    if (len >= least && len <= most && strspn(text, "0123456789") == len)
        return true;
    char wanted[32];
    snprintf(wanted, sizeof wanted, least == most ? "%zu" : "%zu to %zu", least, most);
    eis_field_fail(field, name, "has %zu %s; accepted: %s decimal digits", len,
                   strspn(text, "0123456789") == len ? "digits"
                                                     : "characters, not all of them digits",
                   wanted);
    return false;
}
