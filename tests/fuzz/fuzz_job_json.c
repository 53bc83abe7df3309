/* A job's JSON: what the one-pass reader takes, jansson takes with the same members. */
#include "tests/fuzz/fuzz.h"

#include "engine/job/job_json.h"

static void check_string(const json_t *value, struct span text)
{
    ASSERT(json_is_string(value));
    ASSERT(span_equal(span_of(json_string_value(value), json_string_length(value)), text));
}

static void check_member(const struct job_json *json, const struct job_json_member *member,
                         const json_t *value)
{
    switch (member->kind) {
    case JOB_JSON_STRING:
        check_string(value, member->text);
        return;
    case JOB_JSON_INTEGER:
        ASSERT(json_is_integer(value) && json_integer_value(value) == member->integer);
        return;
    case JOB_JSON_TRUE:
        ASSERT(json_is_true(value));
        return;
    case JOB_JSON_FALSE:
        ASSERT(json_is_false(value));
        return;
    case JOB_JSON_ARRAY:
        ASSERT(json_is_array(value));
        if (json_array_size(value) == 0)
            return; /* another array may have the entries */
        ASSERT(json_array_size(value) == json->entry_count);
        for (uint32_t i = 0; i < json->entry_count; i++)
            check_string(json_array_get(value, i), json->entries[i]);
        return;
    case JOB_JSON_OTHER:
        ASSERT(!"the one-pass reader knows no other kind");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct job_json json;
    struct fault fault = { "" };
    enum err err = job_json_read(span_of(data, size), &json, &fault);
    ASSERT((err == ERR_OK) == (fault.text[0] == '\0'));
    if (err == ERR_OK && json.tree == NULL) {
        json_t *tree = json_loadb((const char *)data, size, 0, NULL);
        ASSERT(json_is_object(tree));
        bool twice = json_object_size(tree) != json.count; /* the caller refuses those */
        for (uint32_t i = 0; i < json.count && !twice; i++) {
            char name[256];
            if (json.members[i].name.len >= sizeof name)
                continue;
            memcpy(name, json.members[i].name.bytes, json.members[i].name.len);
            name[json.members[i].name.len] = '\0';
            check_member(&json, &json.members[i], json_object_get(tree, name));
        }
        json_decref(tree);
    }
    job_json_drop(&json);
    return 0;
}
