/* Holding the engine's results against what the cards wrote down. */
#include "bench/fleet/ledger.h"

#include "base/hex.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define SAID_MAX 20u /* lines written of each kind of violation */

struct row {
    struct eid eid;
    uint8_t kvn;
    bool run;
    uint64_t cntr;
    uint64_t line;
    uint8_t packet[32];
    uint8_t script[8];
};

enum outcome { EXECUTED, FAILED, UNCONFIRMED, EXPIRED, CANCELLED, OUTCOMES };
static const char *const outcome_name[OUTCOMES] = { "executed", "failed", "unconfirmed", "expired",
                                                    "cancelled" };

struct result {
    struct eid eid;
    uint8_t outcome;
    uint64_t line;
};

enum violation {
    RAN_TWICE,
    TWO_PACKETS,
    NEVER_RAN,
    FAILED_BUT_RAN,
    LEFT_AFTER_ALL,
    TOO_MANY_RUNS,
    VIOLATIONS,
};

static const char *const violation_text[VIOLATIONS] = {
    [RAN_TWICE] = "the same command ran twice",
    [TWO_PACKETS] = "two different packets under one counter",
    [NEVER_RAN] = "a job is executed, but its card never ran anything",
    [FAILED_BUT_RAN] = "a job is failed, but more commands ran than other jobs account for",
    [LEFT_AFTER_ALL] = "a job is expired or cancelled, but something arrived",
    [TOO_MANY_RUNS] = "more commands ran than there were jobs",
};

struct checking {
    const struct ledger_check_options *options;
    FILE *out;
    struct ledger_summary *summary;
    struct fault *fault;
    uint64_t said[VIOLATIONS];
    struct row *row;
    size_t row_count;
    size_t row_cap;
    struct result *result;
    size_t result_count;
    size_t result_cap;
};

/* Room for one more; false with a fault. */
static bool grow(void **array, size_t *cap, size_t count, size_t size, struct fault *fault)
{
    if (count < *cap)
        return true;
    size_t more = *cap == 0 ? 4096 : 2 * *cap;
    void *bigger = reallocarray(*array, more, size);
    if (bigger == NULL) {
        fault_set(fault, "no memory for %zu lines", more);
        return false;
    }
    *array = bigger;
    *cap = more;
    return true;
}

static bool read_hex(const json_t *object, const char *name, uint8_t *out, size_t len)
{
    const char *text = json_string_value(json_object_get(object, name));
    struct writer w = writer_over(out, len);
    return text != NULL && hex_read(span_text(text), &w) == ERR_OK && writer_len(&w) == len;
}

static bool read_eid(const json_t *object, struct eid *out)
{
    const char *text = json_string_value(json_object_get(object, "eid"));
    return text != NULL && eid_read(span_text(text), out) == ERR_OK;
}

/* One line of the ledger; false when it is none. */
static bool take_row(struct checking *c, const json_t *object, uint64_t line)
{
    uint8_t cntr[5];
    struct row row = { .line = line };
    const json_t *kvn = json_object_get(object, "kvn");
    const json_t *authentic = json_object_get(object, "authentic");
    const json_t *run = json_object_get(object, "run");
    if (!read_eid(object, &row.eid) || !read_hex(object, "sha256", row.packet, 32) ||
        !read_hex(object, "script", row.script, 8) || !read_hex(object, "cntr", cntr, 5) ||
        !json_is_integer(kvn) || !json_is_boolean(authentic) || !json_is_boolean(run)) {
        fault_set(c->fault, "%s line %" PRIu64 ": not a line of a ledger", c->options->ledger_path,
                  line);
        return false;
    }
    c->summary->packets++;
    c->summary->run += json_is_true(run);
    if (!json_is_true(authentic)) { /* nobody knows whose it was */
        c->summary->unauthentic++;
        return true;
    }
    struct reader r = reader_over(span_of(cntr, 5));
    row.cntr = reader_u40(&r);
    row.kvn = (uint8_t)json_integer_value(kvn);
    row.run = json_is_true(run);
    if (!grow((void **)&c->row, &c->row_cap, c->row_count, sizeof row, c->fault))
        return false;
    c->row[c->row_count++] = row;
    return true;
}

/* A line of results; what has no final outcome is none of ours. */
static bool take_result(struct checking *c, const json_t *object, uint64_t line)
{
    struct result result = { .line = line };
    const char *outcome = json_string_value(json_object_get(object, "outcome"));
    if (outcome == NULL)
        return true;
    while (result.outcome < OUTCOMES && strcmp(outcome, outcome_name[result.outcome]) != 0)
        result.outcome++;
    if (result.outcome == OUTCOMES)
        return true;
    if (!read_eid(object, &result.eid)) {
        fault_set(c->fault, "%s line %" PRIu64 ": an outcome without a valid EID",
                  c->options->results_path, line);
        return false;
    }
    if (!grow((void **)&c->result, &c->result_cap, c->result_count, sizeof result, c->fault))
        return false;
    c->result[c->result_count++] = result;
    c->summary->results++;
    return true;
}

static bool read_lines(struct checking *c, const char *path,
                       bool (*take)(struct checking *, const json_t *, uint64_t))
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fault_set(c->fault, "%s: %s", path, strerror(errno));
        return false;
    }
    char *text = NULL;
    size_t cap = 0;
    bool good = true;
    uint64_t line = 0;
    for (ssize_t len; good && (len = getline(&text, &cap, file)) > 0;) {
        line++;
        json_t *object = json_loadb(text, (size_t)len, 0, NULL);
        if (object == NULL && len > 1) {
            fault_set(c->fault, "%s line %" PRIu64 ": not JSON", path, line);
            good = false;
        } else if (object != NULL) {
            good = take(c, object, line);
        }
        json_decref(object);
    }
    free(text);
    fclose(file);
    return good;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    int order = memcmp(x->eid.bytes, y->eid.bytes, EID_LEN);
    if (order == 0)
        order = (x->kvn > y->kvn) - (x->kvn < y->kvn);
    if (order == 0)
        order = (x->cntr > y->cntr) - (x->cntr < y->cntr);
    if (order == 0)
        order = (x->line > y->line) - (x->line < y->line);
    return order;
}

static int compare_results(const void *a, const void *b)
{
    const struct result *x = a;
    const struct result *y = b;
    int order = memcmp(x->eid.bytes, y->eid.bytes, EID_LEN);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static void say(struct checking *c, enum violation kind, const struct eid *eid,
                const char *where_format, uint64_t first, uint64_t second)
{
    c->summary->violations++;
    if (c->said[kind]++ >= SAID_MAX || c->options->json)
        return;
    char digits[EID_DIGITS + 1];
    char where[128];
    eid_write(eid, digits);
    snprintf(where, sizeof where, "%s %" PRIu64 ", %" PRIu64, where_format, first, second);
    fprintf(c->out, "EID %s: %s (%s)\n", digits, violation_text[kind], where);
}

static bool same_counter(const struct row *a, const struct row *b)
{
    return memcmp(a->eid.bytes, b->eid.bytes, EID_LEN) == 0 && a->kvn == b->kvn &&
           a->cntr == b->cntr;
}

/* Rows of one device, [from, to): its counters. Gives how many packets there were and how many ran.
 */
static void check_counters(struct checking *c, size_t from, size_t to, uint64_t *distinct,
                           uint64_t *runs)
{
    *distinct = *runs = 0;
    for (size_t i = from; i < to; i++) {
        const struct row *row = &c->row[i];
        *runs += row->run;
        if (i == from || !same_counter(row, row - 1)) {
            (*distinct)++;
            continue;
        }
        if (memcmp(row->packet, row[-1].packet, 32) != 0)
            say(c, TWO_PACKETS, &row->eid, "ledger lines", row[-1].line, row->line);
        for (size_t j = i; row->run && j-- > from && same_counter(row, &c->row[j]);)
            if (c->row[j].run)
                say(c, RAN_TWICE, &row->eid, "ledger lines", c->row[j].line, row->line);
    }
    if (!c->options->unique_scripts)
        return;
    for (size_t i = from; i < to; i++)
        for (size_t j = i + 1; j < to; j++)
            if (c->row[i].run && c->row[j].run && !same_counter(&c->row[i], &c->row[j]) &&
                memcmp(c->row[i].script, c->row[j].script, 8) == 0)
                say(c, RAN_TWICE, &c->row[i].eid, "ledger lines", c->row[i].line, c->row[j].line);
}

/* What the engine says of one device against what its card did. A command carries one job or more,
 * so commands may be fewer than jobs, never more. */
static void check_results(struct checking *c, const struct eid *eid, uint64_t distinct,
                          uint64_t runs, const uint64_t count[OUTCOMES], uint64_t line)
{
    uint64_t may_have_run = count[EXECUTED] + count[UNCONFIRMED];
    uint64_t left = may_have_run + count[FAILED];
    uint64_t stayed = count[EXPIRED] + count[CANCELLED];
    if (count[EXECUTED] > 0 && runs == 0)
        say(c, NEVER_RAN, eid, "results line, packets that arrived:", line, distinct);
    if (runs <= may_have_run && (stayed == 0 || distinct <= left))
        return;
    if (stayed > 0 && distinct > left)
        say(c, LEFT_AFTER_ALL, eid, "results line, packets that arrived:", line, distinct);
    else if (c->options->idempotent && may_have_run > 0)
        return;
    else if (count[FAILED] > 0)
        say(c, FAILED_BUT_RAN, eid, "results line, commands that ran:", line, runs);
    else
        say(c, TOO_MANY_RUNS, eid, "results line, commands that ran:", line, runs);
}

/* Both lists in order of EID, device by device. */
static void merge(struct checking *c)
{
    size_t row = 0;
    size_t result = 0;
    while (row < c->row_count || result < c->result_count) {
        bool has_row = row < c->row_count;
        int order = !has_row ? 1
                    : result == c->result_count
                        ? -1
                        : memcmp(c->row[row].eid.bytes, c->result[result].eid.bytes, EID_LEN);
        struct eid eid = order <= 0 ? c->row[row].eid : c->result[result].eid;
        uint64_t distinct = 0;
        uint64_t runs = 0;
        uint64_t count[OUTCOMES] = { 0 };
        uint64_t line = result < c->result_count ? c->result[result].line : 0;
        size_t from = row;
        while (row < c->row_count && memcmp(c->row[row].eid.bytes, eid.bytes, EID_LEN) == 0)
            row++;
        check_counters(c, from, row, &distinct, &runs);
        while (result < c->result_count &&
               memcmp(c->result[result].eid.bytes, eid.bytes, EID_LEN) == 0)
            count[c->result[result++].outcome]++;
        c->summary->devices++;
        if (c->options->results_path != NULL)
            check_results(c, &eid, distinct, runs, count, line);
    }
}

static void summarise(const struct checking *c)
{
    const struct ledger_summary *s = c->summary;
    for (int i = 0; i < VIOLATIONS && !c->options->json; i++)
        if (c->said[i] > SAID_MAX)
            fprintf(c->out, "... and %" PRIu64 " more: %s\n", c->said[i] - SAID_MAX,
                    violation_text[i]);
    fprintf(c->out,
            c->options->json
                ? "{\"packets\":%" PRIu64 ",\"run\":%" PRIu64 ",\"unauthentic\":%" PRIu64
                  ",\"devices\":%" PRIu64 ",\"results\":%" PRIu64 ",\"violations\":%" PRIu64 "}\n"
                : "%" PRIu64 " packets, %" PRIu64 " run, %" PRIu64 " not authentic, %" PRIu64
                  " devices, %" PRIu64 " results: %" PRIu64 " violations\n",
            s->packets, s->run, s->unauthentic, s->devices, s->results, s->violations);
}

bool ledger_check(const struct ledger_check_options *options, FILE *out,
                  struct ledger_summary *summary, struct fault *fault)
{
    struct checking c = { .options = options, .out = out, .summary = summary, .fault = fault };
    *summary = (struct ledger_summary){ 0 };
    bool good =
        read_lines(&c, options->ledger_path, take_row) &&
        (options->results_path == NULL || read_lines(&c, options->results_path, take_result));
    if (good) {
        if (c.row_count > 0)
            qsort(c.row, c.row_count, sizeof *c.row, compare_rows);
        if (c.result_count > 0)
            qsort(c.result, c.result_count, sizeof *c.result, compare_results);
        merge(&c);
        summarise(&c);
    }
    free(c.row);
    free(c.result);
    return good;
}
