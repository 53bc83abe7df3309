/* starling device import|show|list|remove: devices of a running engine, through its API. */
#include "engine/cli/api_client.h"
#include "engine/cli/cli.h"
#include "engine/cli/import.h"

#include "base/eid.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct device_arguments {
    struct api_client_options api;
    bool json;
    const char *after, *limit;
    char **names; /* FILE, EID… : what is no option */
    int name_count;
};

static const char usage[] =
    "usage: starling device import FILE|-             EIS as JSON lines (- : standard input)\n"
    "       starling device show EID                  one device, without keys\n"
    "       starling device list [--after EID] [--limit N]\n"
    "       starling device remove EID...\n\n"
    "  --json              totals and lists for programs\n";

static int misused(const char *text)
{
    fprintf(stderr, "starling device: %s\n\n%s%s", text, usage, api_client_usage);
    return CLI_USAGE;
}

static int failed(const struct fault *fault)
{
    fprintf(stderr, "starling device: %s\n", fault->text);
    return CLI_FAILED;
}

static bool value_take(int argc, char **argv, int *index, const char *name, const char **out)
{
    if (strcmp(argv[*index], name) != 0 || *index + 1 >= argc)
        return false;
    *out = argv[*index + 1];
    *index += 2;
    return true;
}

/* Options and names in any order; argv[0] is the action. */
static bool arguments_read(int argc, char **argv, struct device_arguments *out, struct fault *fault)
{
    *out = (struct device_arguments){ .api = api_client_defaults(), .names = argv };
    for (int i = 1; i < argc;) {
        if (api_client_option_take(&out->api, argc, argv, &i, fault) ||
            value_take(argc, argv, &i, "--after", &out->after) ||
            value_take(argc, argv, &i, "--limit", &out->limit))
            continue;
        if (fault->text[0] != '\0')
            return false;
        if (strcmp(argv[i], "--json") == 0) {
            out->json = true;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            fault_set(fault, "%s is no option of it, or lacks its value", argv[i]);
            return false;
        } else {
            out->names[out->name_count++] = argv[i];
        }
        i++;
    }
    return true;
}

static int import_devices(struct api_client *client, const struct device_arguments *arguments)
{
    const char *name = arguments->names[0];
    bool standard = strcmp(name, "-") == 0;
    struct fault fault = { "" };
    FILE *in = standard ? stdin : fopen(name, "re");
    if (in == NULL) {
        fault_set(&fault, "%s: cannot be opened: %s", name, strerror(errno));
        return failed(&fault);
    }
    struct import_totals totals;
    bool progress = !arguments->json && isatty(STDERR_FILENO) == 1;
    enum err err =
        import_run(client, in, standard ? "stdin" : name, stderr, progress, &totals, &fault);
    if (!standard)
        fclose(in);
    const char *format =
        arguments->json ? "{\"lines\":%llu,\"registered\":%llu,\"updated\":%llu,\"refused\":%llu}\n"
                        : "%llu lines: %llu registered, %llu updated, %llu refused\n";
    printf(format, totals.lines, totals.registered, totals.updated, totals.refused);
    if (err != ERR_OK)
        return failed(&fault);
    return totals.refused == 0 ? CLI_DONE : CLI_FAILED;
}

/* GET and print: as the engine wrote it, or indented for people. */
static int show(struct api_client *client, const char *path, bool json)
{
    struct fault fault = { "" };
    struct api_answer answer;
    if (api_client_call(client, "GET", path, NULL, span_of(NULL, 0), &answer, &fault) != ERR_OK)
        return failed(&fault);
    enum err err = api_answer_check(&answer, &fault);
    json_t *device = err == ERR_OK && !json ? json_loadb(answer.body, answer.len, 0, NULL) : NULL;
    if (device != NULL) {
        json_dumpf(device, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (err == ERR_OK) {
        fwrite(answer.body, 1, answer.len, stdout);
    }
    json_decref(device);
    api_answer_drop(&answer);
    return err == ERR_OK ? CLI_DONE : failed(&fault);
}

/* One device a line: EID, MSISDN of the enabled profile. */
static void list_line(struct span text)
{
    json_t *json = json_loadb((const char *)text.bytes, text.len, 0, NULL), *profile;
    const char *eid = json_string_value(json_object_get(json, "eid")), *msisdn = "-";
    size_t i;
    json_array_foreach(json_object_get(json, "profiles"), i, profile)
    {
        const char *state = json_string_value(json_object_get(profile, "state"));
        const char *number = json_string_value(json_object_get(profile, "msisdn"));
        if (state != NULL && strcmp(state, "Enabled") == 0 && number != NULL)
            msisdn = number;
    }
    if (eid != NULL)
        printf("%s  %s\n", eid, msisdn);
    json_decref(json);
}

static int list(struct api_client *client, const struct device_arguments *arguments)
{
    char path[256];
    snprintf(path, sizeof path, "/v1/devices%s%.64s%s%.16s",
             arguments->after != NULL ? "?after=" : "",
             arguments->after != NULL ? arguments->after : "",
             arguments->limit == NULL   ? ""
             : arguments->after != NULL ? "&limit="
                                        : "?limit=",
             arguments->limit != NULL ? arguments->limit : "");
    if (arguments->json)
        return show(client, path, true);
    struct fault fault = { "" };
    struct api_answer answer;
    if (api_client_call(client, "GET", path, NULL, span_of(NULL, 0), &answer, &fault) != ERR_OK)
        return failed(&fault);
    enum err err = api_answer_check(&answer, &fault);
    const char *at = answer.body, *end = answer.body + answer.len;
    while (err == ERR_OK && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);
        list_line(span_of(at, len));
        at += len + 1;
    }
    api_answer_drop(&answer);
    return err == ERR_OK ? CLI_DONE : failed(&fault);
}

static int remove_one(struct api_client *client, const char *eid)
{
    char path[64];
    struct fault fault = { "" };
    struct api_answer answer;
    snprintf(path, sizeof path, "/v1/devices/%s", eid);
    if (api_client_call(client, "DELETE", path, NULL, span_of(NULL, 0), &answer, &fault) != ERR_OK)
        return failed(&fault);
    enum err err = api_answer_check(&answer, &fault);
    api_answer_drop(&answer);
    if (err == ERR_OK)
        return CLI_DONE;
    fprintf(stderr, "%s: %s\n", eid, fault.text);
    return CLI_FAILED;
}

/* Before anything is asked: a path is made of them. */
static bool names_are_eids(const struct device_arguments *arguments, struct fault *fault)
{
    for (int i = 0; i < arguments->name_count; i++) {
        struct eid eid;
        if (eid_read(span_text(arguments->names[i]), &eid) == ERR_OK)
            continue;
        fault_set(fault, "%s is no EID; accepted: 32 decimal digits whose check digits hold",
                  arguments->names[i]);
        return false;
    }
    return true;
}

enum action { ACTION_IMPORT, ACTION_SHOW, ACTION_LIST, ACTION_REMOVE, ACTION_COUNT };

static const struct {
    const char *name;
    int names_least, names_most;
} actions[ACTION_COUNT] = {
    [ACTION_IMPORT] = { "import", 1, 1 },
    [ACTION_SHOW] = { "show", 1, 1 },
    [ACTION_LIST] = { "list", 0, 0 },
    [ACTION_REMOVE] = { "remove", 1, 1000000 },
};

static int act(enum action action, struct api_client *client,
               const struct device_arguments *arguments)
{
    char path[64];
    int code = CLI_DONE;
    switch (action) {
    case ACTION_IMPORT:
        return import_devices(client, arguments);
    case ACTION_SHOW:
        snprintf(path, sizeof path, "/v1/devices/%s", arguments->names[0]);
        return show(client, path, arguments->json);
    case ACTION_LIST:
        return list(client, arguments);
    case ACTION_REMOVE:
        for (int i = 0; i < arguments->name_count; i++)
            if (remove_one(client, arguments->names[i]) != CLI_DONE)
                code = CLI_FAILED;
        return code;
    case ACTION_COUNT:
        break;
    }
    return CLI_USAGE;
}

int cli_device(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s%s", usage, api_client_usage);
        return CLI_DONE;
    }
    unsigned action = 0;
    while (argc >= 2 && action < ACTION_COUNT && strcmp(argv[1], actions[action].name) != 0)
        action++;
    if (argc < 2 || action == ACTION_COUNT)
        return misused("say what to do: import, show, list or remove");
    struct device_arguments arguments;
    struct fault fault = { "" };
    if (!arguments_read(argc - 1, argv + 1, &arguments, &fault))
        return misused(fault.text);
    if (arguments.name_count < actions[action].names_least ||
        arguments.name_count > actions[action].names_most)
        return misused(action == ACTION_IMPORT ? "import takes one FILE, or -"
                       : action == ACTION_LIST ? "list takes no EID; see --after"
                                               : "name the EID");
    if (action != ACTION_IMPORT && (!names_are_eids(&arguments, &fault)))
        return misused(fault.text);
    struct api_client *client = NULL;
    if (api_client_open(&arguments.api, &client, &fault) != ERR_OK)
        return failed(&fault);
    int code = act((enum action)action, client, &arguments);
    api_client_close(client);
    return code;
}
