/* The members of a job's JSON object, without building a tree for the usual one. */
#ifndef ENGINE_JOB_JOB_JSON_H
#define ENGINE_JOB_JOB_JSON_H

#include "base/fault.h"
#include "base/span.h"

#include <jansson.h>

#define JOB_JSON_MEMBERS 20u /* more than a job has */
#define JOB_JSON_ENTRIES 65u /* of the one array: one more than a script may have */

enum job_json_kind {
    JOB_JSON_STRING,
    JOB_JSON_INTEGER,
    JOB_JSON_TRUE,
    JOB_JSON_FALSE,
    JOB_JSON_ARRAY, /* the first one; its entries are in job_json.entries */
    JOB_JSON_OTHER, /* nothing that a job has */
};

struct job_json_member {
    struct span name;
    enum job_json_kind kind;
    struct span text; /* of a string */
    int64_t integer;
};

struct job_json {
    uint32_t count, entry_count;
    struct job_json_member members[JOB_JSON_MEMBERS];
    struct span entries[JOB_JSON_ENTRIES]; /* no bytes: not a string */
    json_t *tree;                          /* NULL when it was not needed */
};

/* Reads one object filling `text`, which it borrows. ERR_MALFORMED with `fault` set. Drop it in
 * either case. */
MUST_CHECK enum err job_json_read(struct span text, struct job_json *out, struct fault *fault);
void job_json_drop(struct job_json *json);

#endif
