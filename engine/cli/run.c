/* `starling run`: reads the configuration, then hands over to the engine. */
#include "engine/cli/cli.h"

#include "base/log.h"
#include "engine/engine.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: starling run --config FILE [--log LEVEL]\n"
    "  --config FILE  settings; deploy/starling.yaml shows them all\n"
    "  --log LEVEL    error, warning, info (as a rule) or debug\n"
    "Runs until SIGTERM or SIGINT, then shuts down in order. `starling check --config FILE` tells\n"
    "beforehand what would keep it from starting.\n";

static bool set_level(const char *name)
{
    static const char *const names[] = {
        [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"
    };
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
        if (strcmp(name, names[level]) == 0) {
            log_set_level((enum log_level)level);
            return true;
        }
    return false;
}

static int run(const char *path)
{
    struct config *config = NULL;
    struct fault fault = { "" };
    enum err err = config_load(path, &config, &fault);
    if (err == ERR_OK)
        err = engine_run(config, &fault);
    if (err != ERR_OK)
        fprintf(stderr, "starling run: %s\n", fault.text);
    config_free(config);
    return err == ERR_OK ? CLI_DONE : CLI_FAILED;
}

int cli_run(int argc, char **argv)
{
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "log", required_argument, NULL, 'l' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    const char *path = NULL;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'c') {
            path = optarg;
        } else if (option != 'l' || !set_level(optarg)) {
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? CLI_DONE : CLI_USAGE;
        }
    }
    if (path == NULL || optind != argc) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    return run(path);
}
