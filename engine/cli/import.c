/* Import in chunks: read, drop what an earlier line named already, POST, match the answers' lines
 * with the file's. The lines travel as they are: keys stay under the EUM's transport key. */
#include "engine/cli/import.h"

#include "crypto/ct.h"
#include "engine/cli/unique.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CHUNK_LINES 2000u
#define CHUNK_OCTETS ((size_t)8 << 20)

struct import {
    struct api_client *client;
    FILE *in, *report;
    const char *name;
    long long size; /* octets of the file; 0: not known */
    bool progress;
    struct unique *unique;
    struct import_totals *totals;
    struct fault *fault;
    char *chunk;
    size_t chunk_len, chunk_cap;
    unsigned long long lines[CHUNK_LINES]; /* of the file, for each line of the chunk */
    uint32_t count;
    unsigned long long line; /* read so far */
    unsigned long long octets;
};

static void refuse(struct import *import, unsigned long long line, const char *reason)
{
    /* The engine counts lines of its own: those of one request. */
    if (strncmp(reason, "line ", 5) == 0) {
        const char *after = reason + 5 + strspn(reason + 5, "0123456789");
        if (strncmp(after, ": ", 2) == 0)
            reason = after + 2;
    }
    if (import->progress)
        fputs("\r\033[K", import->report);
    fprintf(import->report, "%s:%llu: %s\n", import->name, line, reason);
    import->totals->refused++;
}

static void show_progress(const struct import *import)
{
    if (!import->progress)
        return;
    const struct import_totals *t = import->totals;
    if (import->size > 0)
        fprintf(import->report, "\r\033[K%3llu %%  ",
                import->octets * 100 / (unsigned long long)import->size);
    else
        fputs("\r\033[K", import->report);
    fprintf(import->report, "%llu lines: %llu registered, %llu updated, %llu refused", t->lines,
            t->registered, t->updated, t->refused);
    fflush(import->report);
}

/* One line of the engine's answer. False: it is none. */
static bool answer_line(struct import *import, struct span text, uint32_t index)
{
    json_t *json = json_loadb((const char *)text.bytes, text.len, 0, NULL);
    if (json == NULL || index >= import->count) {
        json_decref(json);
        return false;
    }
    const char *error = json_string_value(json_object_get(json, "error"));
    json_int_t status = json_integer_value(json_object_get(json, "status"));
    if (error != NULL || status >= 300)
        refuse(import, import->lines[index], error != NULL ? error : "refused without a reason");
    else if (json_is_true(json_object_get(json, "created")))
        import->totals->registered++;
    else
        import->totals->updated++;
    json_decref(json);
    return true;
}

static enum err answers_read(struct import *import, const struct api_answer *answer)
{
    uint32_t index = 0;
    const char *at = answer->body, *end = answer->body + answer->len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);
        if (len > 0 && !answer_line(import, span_of(at, len), index++))
            break;
        at += len + 1;
    }
    if (index == import->count && at >= end)
        return ERR_OK;
    fault_set(import->fault,
              "the engine answered %u of %u lines from line %llu on; import those "
              "again",
              index, import->count, import->lines[0]);
    return ERR_MALFORMED;
}

static enum err chunk_send(struct import *import)
{
    if (import->count == 0)
        return ERR_OK;
    struct api_answer answer;
    enum err err =
        api_client_call(import->client, "POST", "/v1/devices", "application/x-ndjson",
                        span_of(import->chunk, import->chunk_len), &answer, import->fault);
    if (err == ERR_OK) {
        err = api_answer_check(&answer, import->fault);
        if (err == ERR_OK)
            err = answers_read(import, &answer);
        api_answer_drop(&answer);
    }
    wipe(import->chunk, import->chunk_len);
    import->chunk_len = 0;
    import->count = 0;
    show_progress(import);
    return err;
}

static bool chunk_add(struct import *import, const char *text, size_t len)
{
    if (import->chunk_len + len + 1 > import->chunk_cap) {
        size_t cap = 2 * import->chunk_cap + len + 1;
        char *chunk = malloc(cap);
        if (chunk == NULL)
            return false;
        if (import->chunk_len > 0)
            memcpy(chunk, import->chunk, import->chunk_len);
        wipe(import->chunk, import->chunk_len);
        free(import->chunk);
        import->chunk = chunk;
        import->chunk_cap = cap;
    }
    memcpy(import->chunk + import->chunk_len, text, len);
    import->chunk_len += len;
    import->chunk[import->chunk_len++] = '\n';
    import->lines[import->count++] = import->line;
    return true;
}

/* Takes one line of the file; sends when the chunk is full. */
static enum err line_take(struct import *import, const char *text, size_t len)
{
    import->line++;
    import->octets += len;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    if (len == 0)
        return ERR_OK;
    import->totals->lines++;
    struct fault repeated = { "" };
    if (!unique_line(import->unique, span_of(text, len), import->line, &repeated)) {
        refuse(import, import->line, repeated.text);
        return ERR_OK;
    }
    if (!chunk_add(import, text, len)) {
        fault_set(import->fault, "no memory for line %llu", import->line);
        return ERR_NO_MEMORY;
    }
    return import->count == CHUNK_LINES || import->chunk_len >= CHUNK_OCTETS ? chunk_send(import)
                                                                             : ERR_OK;
}

enum err import_run(struct api_client *client, FILE *in, const char *name, FILE *report,
                    bool progress, struct import_totals *totals, struct fault *fault)
{
    struct stat about;
    *totals = (struct import_totals){ 0 };
    struct import *import = calloc(1, sizeof *import);
    struct unique *unique = unique_create();
    if (import == NULL || unique == NULL) {
        fault_set(fault, "no memory for an import");
        free(import);
        unique_drop(unique);
        return ERR_NO_MEMORY;
    }
    *import = (struct import){ .client = client,
                               .in = in,
                               .report = report,
                               .name = name,
                               .progress = progress,
                               .unique = unique,
                               .totals = totals,
                               .fault = fault };
    if (fstat(fileno(in), &about) == 0 && S_ISREG(about.st_mode))
        import->size = about.st_size;
    char *text = NULL;
    size_t cap = 0;
    ssize_t len;
    enum err err = ERR_OK;
    while (err == ERR_OK && (len = getline(&text, &cap, in)) >= 0)
        err = line_take(import, text, (size_t)len);
    if (err == ERR_OK && ferror(in)) {
        fault_set(fault, "%s: cannot be read after line %llu", name, import->line);
        err = ERR_IO;
    }
    if (err == ERR_OK)
        err = chunk_send(import);
    if (progress)
        fputs("\r\033[K", report);
    wipe(text, text != NULL ? cap : 0);
    free(text);
    free(import->chunk);
    unique_drop(unique);
    free(import);
    return err;
}
