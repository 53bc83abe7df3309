/* starling-fleet: simulated SMSC and eUICCs, their EIS, and the check of their ledger. */
#include "bench/fleet/fleet_run.h"

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static void help(FILE *out)
{
    fputs("starling-fleet run [OPTIONS] [-- EAL OPTIONS]  an SMSC with eUICCs behind it\n"
          "starling-fleet eis [OPTIONS]                   their EIS, a JSON object a line\n"
          "starling-fleet ledger check FILE [--results FILE] [--unique-scripts] [--idempotent] "
          "[--json]\n"
          "                                               holds the engine's results against "
          "the cards' ledger\n\n"
          "Exit codes: 0 done, 1 failed (or violations found), 2 usage.\n\nOptions:\n",
          out);
    fleet_options_help(out);
}

static int usage(const char *text)
{
    fprintf(stderr, "starling-fleet: %s\n", text);
    return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    struct fleet_options options;
    struct fault fault = { "" };
    fleet_options_init(&options);
    if (!fleet_options_read(&options, argc, argv, &fault))
        return usage(fault.text);
    if ((options.socket[0] == '\0') == (options.port[0] == '\0'))
        return usage("say where to listen: --socket ADDR:PORT, or --port DEVICE --address ADDR/N");
    return fleet_run(&options);
}

static int eis(int argc, char **argv)
{
    struct fleet_options options;
    struct fault fault = { "" };
    fleet_options_init(&options);
    if (!fleet_options_read(&options, argc, argv, &fault))
        return usage(fault.text);
    const struct fleet_config *config = &options.config;
    if (config->device_count > UINT32_MAX - config->first || config->key_sets < 1)
        return usage("the last index is below 2^32, and a card has 1 or 2 key sets");
    for (uint32_t i = 0; i < config->device_count; i++) {
        char line[FLEET_EIS_CAP];
        size_t len = fleet_eis_line(config, config->first + i, line);
        line[len] = '\n';
        if (fwrite(line, 1, len + 1, stdout) != len + 1)
            break;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "starling-fleet: the EIS could not all be written\n");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static int check(int argc, char **argv)
{
    struct ledger_check_options options = { 0 };
    struct ledger_summary summary;
    struct fault fault = { "" };
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--results") == 0 && i + 1 < argc)
            options.results_path = argv[++i];
        else if (strcmp(argv[i], "--unique-scripts") == 0)
            options.unique_scripts = true;
        else if (strcmp(argv[i], "--idempotent") == 0)
            options.idempotent = true;
        else if (strcmp(argv[i], "--json") == 0)
            options.json = true;
        else if (argv[i][0] != '-' && options.ledger_path == NULL)
            options.ledger_path = argv[i];
        else
            return usage("ledger check FILE [--results FILE] [--unique-scripts] [--idempotent] "
                         "[--json]");
    }
    if (options.ledger_path == NULL)
        return usage("ledger check wants the ledger's file");
    if (!ledger_check(&options, stdout, &summary, &fault)) {
        fprintf(stderr, "starling-fleet: %s\n", fault.text);
        return EXIT_FAILED;
    }
    return summary.violations == 0 ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) {
        help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(command, "run") == 0)
        return run(argc - 2, argv + 2);
    if (strcmp(command, "eis") == 0)
        return eis(argc - 2, argv + 2);
    if (strcmp(command, "ledger") == 0 && argc > 2 && strcmp(argv[2], "check") == 0)
        return check(argc - 3, argv + 3);
    help(stderr);
    return EXIT_USAGE;
}
