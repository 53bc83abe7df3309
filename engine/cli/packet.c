/* `starling packet seal|open < NDJSON`: SCP80 on the bench, through the engine's own batches. Lines
 * that are there together go together, at most 64; answers keep their order. */
#include "engine/cli/cli.h"
#include "engine/cli/packet_line.h"

#include "crypto/ct.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_LEN (4u << 20)
#define READ_LEN (64u << 10)

struct work {
    bool open;
    struct lanes *lanes;
    struct packet_line *lines;
    uint32_t count;
    char *text; /* input not yet taken */
    size_t text_len, text_cap;
    bool skipping; /* inside a line that is too long */
};

static const char usage[] =
    "usage: starling packet seal|open < LINES\n"
    "  seal  command vectors, one JSON object a line: id, transport, direction, keys {kic, kid},\n"
    "        spi, kic, kid, tar, cntr, cc_len, plaintext, concat_ref, concat_ref_bits\n"
    "        -> id, secured_packet, pcntr, tp_ud_segments\n"
    "  open  a response with keys, request and cc_len, or a command with keys and cc_len;\n"
    "        tp_ud_segments (in arrival_order) or secured_packet\n"
    "        -> id, verdict ok|reject|untrusted, response_status, plaintext, cntr, pcntr,\n"
    "           or failed_check\n"
    "A line that cannot be used gives id and error, and the run goes on.\n";

static void line_print(struct work *work, struct packet_line *line)
{
    json_t *out = json_object(), *id = json_object_get(line->object, "id");
    json_object_set(out, "id", id != NULL ? id : json_null());
    if (line->fault.text[0] == '\0' && work->open)
        packet_open_print(line, out);
    else if (line->fault.text[0] == '\0')
        packet_seal_print(line, out);
    if (line->fault.text[0] != '\0') {
        json_object_clear(out);
        json_object_set(out, "id", id != NULL ? id : json_null());
        json_object_set_new(out, "error", json_string(line->fault.text));
    }
    json_dumpf(out, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(out);
}

static void line_drop(struct packet_line *line)
{
    json_decref(line->object);
    if (line->octets != NULL)
        wipe(line->octets, line->octets_len);
    if (line->buf != NULL)
        wipe(line->buf, line->buf_cap);
    free(line->octets);
    free(line->buf);
    wipe(line, sizeof *line);
}

static void batch_run(struct work *work)
{
    if (work->count == 0)
        return;
    if (work->open)
        packet_open_run(work->lanes, work->lines, work->count);
    else
        packet_seal_run(work->lanes, work->lines, work->count);
    for (uint32_t i = 0; i < work->count; i++) {
        line_print(work, &work->lines[i]);
        line_drop(&work->lines[i]);
    }
    work->count = 0;
    fflush(stdout);
}

static struct packet_line *line_add(struct work *work)
{
    if (work->count == PACKET_BATCH)
        batch_run(work);
    struct packet_line *line = &work->lines[work->count++];
    memset(line, 0, sizeof *line);
    return line;
}

static bool is_blank(const char *text, size_t len)
{
    return strspn(text, " \t\r") >= len;
}

static void line_take(struct work *work, char *text, size_t len)
{
    json_error_t error;
    text[len] = '\0'; /* over the newline, or within the spare octet at the end */
    if (is_blank(text, len))
        return;
    struct packet_line *line = line_add(work);
    line->object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(line->object))
        fault_set(&line->fault, "not a JSON object%s%.100s", line->object == NULL ? ": " : "",
                  line->object == NULL ? error.text : "");
    else if (work->open)
        packet_open_read(line);
    else
        packet_seal_read(line);
}

/* Takes every whole line that was read; at the end of input also a last one without newline. */
static void lines_take(struct work *work, bool ended)
{
    size_t at = 0;
    while (at < work->text_len) {
        char *end = memchr(work->text + at, '\n', work->text_len - at);
        if (end == NULL && !ended)
            break;
        size_t len = end != NULL ? (size_t)(end - (work->text + at)) : work->text_len - at;
        if (!work->skipping)
            line_take(work, work->text + at, len);
        work->skipping = false;
        at += len + (end != NULL);
    }
    work->text_len -= at;
    memmove(work->text, work->text + at, work->text_len);
    if (work->text_len < LINE_MAX_LEN)
        return;
    if (!work->skipping)
        fault_set(&line_add(work)->fault, "the line is longer than %u octets", LINE_MAX_LEN);
    work->skipping = true;
    work->text_len = 0;
}

static enum err input_run(struct work *work)
{
    for (;;) {
        if (work->text_cap - work->text_len < READ_LEN + 1) {
            work->text_cap = work->text_cap * 2 + READ_LEN + 1;
            work->text = realloc(work->text, work->text_cap);
            ASSERT(work->text != NULL);
        }
        ssize_t got = read(STDIN_FILENO, work->text + work->text_len, READ_LEN);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fprintf(stderr, "starling packet: standard input: %s\n", strerror(errno));
            return ERR_IO;
        }
        work->text_len += (size_t)got;
        lines_take(work, got == 0);
        batch_run(work);
        if (got == 0)
            return ferror(stdout) ? ERR_IO : ERR_OK;
    }
}

int cli_packet(int argc, char **argv)
{
    static const struct option options[] = { { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        fputs(usage, option == 'h' ? stdout : stderr);
        return option == 'h' ? CLI_DONE : CLI_USAGE;
    }
    if (argc - optind != 1 ||
        (strcmp(argv[optind], "seal") != 0 && strcmp(argv[optind], "open") != 0)) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    struct work work = { .open = strcmp(argv[optind], "open") == 0, .lanes = lanes_create() };
    if (work.lanes == NULL) {
        fputs("starling packet: the cryptographic self-test failed on this CPU\n", stderr);
        return CLI_FAILED;
    }
    work.lines = calloc(PACKET_BATCH, sizeof work.lines[0]);
    ASSERT(work.lines != NULL);
    enum err err = input_run(&work);
    if (work.text != NULL)
        wipe(work.text, work.text_cap);
    free(work.text);
    free(work.lines);
    lanes_destroy(work.lanes);
    return err == ERR_OK ? CLI_DONE : CLI_FAILED;
}
