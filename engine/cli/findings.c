/* `starling check`: machine and configuration, before the engine finds out: what is wrong, why it
 * matters, the command that fixes it. Needs no privilege; what it may not see, it says so. */
#include "engine/cli/findings.h"

#include "engine/cli/cli.h"

#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] = "usage: starling check [--config FILE] [--json] [--root DIR]\n"
                            "  --config FILE  also check this configuration and what it names\n"
                            "  --json         one JSON object for programs\n"
                            "  --root DIR     look for /sys of cores and queues below DIR\n"
                            "Exit code 1 when the engine could not work as things are.\n";

static const char *const level_names[] = {
    [FINDING_ERROR] = "error", [FINDING_WARNING] = "warning", [FINDING_FINE] = "ok"
};

void finding_add(struct findings *findings, enum finding_level level, const char *subject,
                 const char *why, const char *what, ...)
{
    va_list args;
    if (findings->count == FINDINGS_MAX)
        return;
    struct finding *finding = &findings->list[findings->count++];
    finding->level = level;
    snprintf(finding->subject, sizeof finding->subject, "%s", subject);
    snprintf(finding->why, sizeof finding->why, "%s", why);
    va_start(args, what);
    vsnprintf(finding->what, sizeof finding->what, what, args);
    va_end(args);
}

void finding_fix(struct findings *findings, const char *fix, ...)
{
    va_list args;
    struct finding *finding = &findings->list[findings->count - 1];
    va_start(args, fix);
    vsnprintf(finding->fix, sizeof finding->fix, fix, args);
    va_end(args);
}

static uint32_t count_of(const struct findings *findings, enum finding_level level)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < findings->count; i++)
        count += findings->list[i].level == level;
    return count;
}

static void print_text(const struct findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        printf("%-7s  %s: %s\n", level_names[finding->level], finding->subject, finding->what);
        if (finding->why[0] != '\0')
            printf("         why: %s\n", finding->why);
        if (finding->fix[0] != '\0')
            printf("         fix: %s\n", finding->fix);
    }
    printf("%u errors, %u warnings\n", count_of(findings, FINDING_ERROR),
           count_of(findings, FINDING_WARNING));
}

static void print_json(const struct findings *findings)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < findings->count; i++) {
        const struct finding *finding = &findings->list[i];
        json_t *object = json_pack("{s:s, s:s, s:s}", "level", level_names[finding->level],
                                   "subject", finding->subject, "what", finding->what);
        if (finding->why[0] != '\0')
            json_object_set_new(object, "why", json_string(finding->why));
        if (finding->fix[0] != '\0')
            json_object_set_new(object, "fix", json_string(finding->fix));
        json_array_append_new(list, object);
    }
    json_t *all = json_pack("{s:o, s:i, s:i}", "findings", list, "errors",
                            (int)count_of(findings, FINDING_ERROR), "warnings",
                            (int)count_of(findings, FINDING_WARNING));
    json_dumpf(all, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(all);
}

int cli_check(int argc, char **argv)
{
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "json", no_argument, NULL, 'j' },
                                             { "root", required_argument, NULL, 'r' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    const char *path = NULL, *root = "";
    bool json = false;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'c')
            path = optarg;
        else if (option == 'j')
            json = true;
        else if (option == 'r')
            root = optarg;
        else {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? CLI_DONE : CLI_USAGE;
        }
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    struct findings *findings = calloc(1, sizeof *findings);
    struct config *config = NULL;
    struct fault fault = { "" };
    ASSERT(findings != NULL);
    if (path != NULL && config_load(path, &config, &fault) != ERR_OK) {
        finding_add(findings, FINDING_ERROR, "configuration", "the engine would not start", "%s",
                    fault.text);
        finding_fix(findings, "edit %s; deploy/starling.yaml shows every setting", path);
    }
    check_machine(findings, config);
    if (config != NULL) {
        check_cores(findings, config, root);
        check_queues(findings, config, root);
        check_files(findings, config);
        check_ports(findings, config);
    }
    if (json)
        print_json(findings);
    else
        print_text(findings);
    int code = count_of(findings, FINDING_ERROR) > 0 ? CLI_FAILED : CLI_DONE;
    config_free(config);
    free(findings);
    return code;
}
