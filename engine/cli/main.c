/* The program `starling`: one table of commands. */
#include "engine/cli/cli.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "run", cli_run, "the engine" },
    { "check", cli_check, "inspect machine and configuration: what is wrong, and its remedy" },
    { "decode", cli_decode, "explain bytes: scp80, tpdu, smpp, script" },
    { "device", cli_device, "register, show, list and remove devices of a running engine" },
    { "kek", cli_kek, "make a key-encryption key" },
    { "packet", cli_packet, "seal or open SCP80 packets, JSON lines in and out" },
    { "send", cli_send, "one job from the shell: waits and prints the result" },
    { "xdp", cli_xdp, "what an engine's XDP program steers and sheds; its drop list" },
};

static void print_usage(FILE *out)
{
    fputs("usage: starling COMMAND [OPTIONS]\n\n", out);
    for (size_t i = 0; i < COUNT(commands); i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fputs("\n`starling COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 misused.\n",
          out);
}

static int dispatch(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_usage(stdout);
        return CLI_DONE;
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts("starling " STARLING_VERSION);
        return CLI_DONE;
    }
    for (size_t i = 0; argc >= 2 && i < COUNT(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc >= 2)
        fprintf(stderr, "starling: \"%s\" is not a command\n", argv[1]);
    print_usage(stderr);
    return CLI_USAGE;
}

/* What nobody could read was not done: a full disk behind `>` must not look like success. */
int main(int argc, char **argv)
{
    int code = dispatch(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "starling: standard output cannot be written\n");
    return code == CLI_DONE ? CLI_FAILED : code;
}
