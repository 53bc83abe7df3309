/* `starling run`: reads the configuration, then hands over to the engine. */
#include "engine/cli/cli.h"

#include "base/log.h"
#include "engine/engine.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: starling run --config FILE [--log LEVEL] [--pcap FILE]\n"
    "  --config FILE  settings; deploy/starling.yaml shows them all\n"
    "  --log LEVEL    error, warning, info (as a rule) or debug\n"
    "  --pcap FILE    writes what the ports see, for tcpdump and tshark. FILE must not exist; it\n"
    "                 holds what was on the wire, SMPP passwords in clear, and is its owner's "
    "alone.\n"
    "                 In order within a queue; reordercap sorts those of several by time.\n"
    "  --pcap-port NAME   of that port only\n"
    "  --pcap-peer ADDR   only frames from or to that address\n"
    "  --pcap-limit SIZE  the file's, with its unit (M, G); 1G as a rule\n"
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

/* 100M, 2G */
static bool set_limit(const char *text, uint64_t *octets)
{
    char *unit;
    unsigned long value = strtoul(text, &unit, 10);
    unsigned shift = strcmp(unit, "M") == 0 ? 20 : strcmp(unit, "G") == 0 ? 30 : 0;
    *octets = (uint64_t)value << shift;
    return isdigit((unsigned char)text[0]) && shift != 0 && value > 0 && value <= 1u << 20;
}

static int run(const char *path, const struct capture_options *capture)
{
    struct config *config = NULL;
    struct fault fault = { "" };
    enum err err = config_load(path, &config, &fault);
    if (err == ERR_OK)
        err = engine_run(config, capture, &fault);
    if (err != ERR_OK)
        fprintf(stderr, "starling run: %s\n", fault.text);
    config_free(config);
    return err == ERR_OK ? CLI_DONE : CLI_FAILED;
}

int cli_run(int argc, char **argv)
{
    static const struct option options[] = { { "config", required_argument, NULL, 'c' },
                                             { "log", required_argument, NULL, 'l' },
                                             { "pcap", required_argument, NULL, 'p' },
                                             { "pcap-port", required_argument, NULL, 'n' },
                                             { "pcap-peer", required_argument, NULL, 'a' },
                                             { "pcap-limit", required_argument, NULL, 'm' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    struct capture_options capture = { .limit = 1u << 30 };
    const char *path = NULL;
    bool good = true;
    int option;
    while (good && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'l':
            good = set_level(optarg);
            break;
        case 'p':
            capture.path = optarg;
            break;
        case 'n':
            capture.port = optarg;
            break;
        case 'a':
            good = ip_read(optarg, &capture.peer);
            break;
        case 'm':
            good = set_limit(optarg, &capture.limit);
            break;
        case 'h':
            fputs(usage, stdout);
            return CLI_DONE;
        default:
            good = false;
        }
    }
    bool narrows = capture.port != NULL || !ip_is_none(capture.peer);
    if (!good || path == NULL || optind != argc || (narrows && capture.path == NULL)) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    return run(path, &capture);
}
