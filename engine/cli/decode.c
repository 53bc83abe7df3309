/* `starling decode KIND HEX|-`: explains bytes, one line of JSON for each line of hex. */
#include "engine/cli/cli.h"
#include "engine/cli/decode_json.h"

#include "base/hex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OCTETS_MAX (128u << 10)

static const struct kind {
    const char *name;
    enum err (*decode)(struct span in, json_t *out, size_t *at);
} kinds[] = {
    { "scp80", decode_scp80 },
    { "tpdu", decode_tpdu },
    { "smpp", decode_smpp },
    { "script", decode_script },
};

static const char usage[] =
    "usage: starling decode KIND HEX|-\n"
    "  scp80   a secured packet, or the TP-UD that carries it: its clear fields\n"
    "  tpdu    SMS-DELIVER, SMS-SUBMIT or a delivery report\n"
    "  smpp    one PDU\n"
    "  script  a command or response script, expanded or compact\n"
    "With - hex is read from standard input, a line at a time. Each gives one line of JSON;\n"
    "octets that make no sense give {\"error\": reason, \"at\": offset} and exit code 1.\n";

/* The names by which vectors and counters know a fault: "header length". */
static void error_print(enum err err, size_t at)
{
    char reason[64];
    snprintf(reason, sizeof reason, "%s", err_label(err));
    for (char *c = reason; *c != 0; c++) {
        if (*c == '_')
            *c = ' ';
    }
    json_t *out = json_object();
    decode_set_name(out, "error", reason);
    decode_set_number(out, "at", at);
    json_dumpf(out, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(out);
}

/* Blanks between octets do not matter; the offset of a bad digit is that of its octet. */
static enum err octets_read(const char *text, struct writer *w, size_t *at)
{
    size_t digits = 0;
    uint8_t octet = 0;
    for (; *text != 0; text++) {
        if (strchr(" \t\r\n", *text) != NULL)
            continue;
        int digit = hex_digit(*text);
        *at = digits / 2;
        if (digit < 0)
            return ERR_MALFORMED;
        octet = (uint8_t)(octet << 4 | digit);
        if (++digits % 2 == 0)
            writer_u8(w, octet);
    }
    *at = digits / 2;
    return digits % 2 != 0 ? ERR_SHORT : w->err;
}

static bool line_decode(const struct kind *kind, const char *text)
{
    static uint8_t octets[OCTETS_MAX];
    struct writer w = writer_over(octets, sizeof octets);
    size_t at = 0;
    json_t *out = json_object();
    enum err err = octets_read(text, &w, &at);
    if (err == ERR_OK)
        err = kind->decode(written(&w), out, &at);
    if (err != ERR_OK) {
        error_print(err, at);
    } else {
        json_dumpf(out, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
    }
    json_decref(out);
    return err == ERR_OK;
}

/* Nothing on a line asks for nothing. */
static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

static int lines_decode(const struct kind *kind)
{
    char *line = NULL;
    size_t cap = 0;
    bool all = true;
    while (getline(&line, &cap, stdin) >= 0) {
        if (!is_blank(line))
            all = line_decode(kind, line) && all;
        fflush(stdout);
    }
    free(line);
    if (ferror(stdin)) {
        fprintf(stderr, "starling decode: standard input: %s\n", strerror(errno));
        return CLI_FAILED;
    }
    return all ? CLI_DONE : CLI_FAILED;
}

int cli_decode(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return CLI_DONE;
    }
    for (size_t i = 0; argc == 3 && i < COUNT(kinds); i++) {
        if (strcmp(argv[1], kinds[i].name) != 0)
            continue;
        if (strcmp(argv[2], "-") == 0)
            return lines_decode(&kinds[i]);
        return line_decode(&kinds[i], argv[2]) ? CLI_DONE : CLI_FAILED;
    }
    if (argc == 3)
        fprintf(stderr, "starling decode: \"%s\" is not a kind\n", argv[1]);
    fputs(usage, stderr);
    return CLI_USAGE;
}

void decode_set_hex(json_t *out, const char *name, struct span octets)
{
    size_t cap = 2 * octets.len + 1;
    char *text = malloc(cap);
    ASSERT(text != NULL);
    hex_write(octets, text, cap);
    json_object_set_new(out, name, json_string(text));
    free(text);
}

void decode_set_hex_uint(json_t *out, const char *name, uint64_t value, size_t len)
{
    uint8_t octets[8];
    struct writer w = writer_over(octets, sizeof octets);
    writer_uint(&w, value, len);
    decode_set_hex(out, name, written(&w));
}

void decode_set_number(json_t *out, const char *name, uint64_t value)
{
    json_object_set_new(out, name, json_integer((json_int_t)value));
}

void decode_set_bool(json_t *out, const char *name, bool value)
{
    json_object_set_new(out, name, json_boolean(value));
}

void decode_set_name(json_t *out, const char *name, const char *text)
{
    json_object_set_new(out, name, text != NULL ? json_string(text) : json_null());
}

void decode_set_text(json_t *out, const char *name, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.bytes[i] < 0x20 || text.bytes[i] > 0x7E) {
            decode_set_hex(out, name, text);
            return;
        }
    }
    json_object_set_new(out, name, json_stringn((const char *)text.bytes, text.len));
}

void decode_set_address(json_t *out, const char *name, const struct sms_address *address)
{
    json_t *object = json_object();
    decode_set_number(object, "ton", address->ton);
    decode_set_number(object, "npi", address->npi);
    decode_set_text(object, "digits", span_of(address->digits, address->len));
    json_object_set_new(out, name, object);
}
