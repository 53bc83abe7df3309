/* The commands of `starling`, one file each. argv[0] is the command's own name. Each returns the
 * exit code: 0 done, 1 failed, 2 misused. */
#ifndef ENGINE_CLI_CLI_H
#define ENGINE_CLI_CLI_H

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int cli_run(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_device(int argc, char **argv);
int cli_send(int argc, char **argv);
int cli_decode(int argc, char **argv);
int cli_packet(int argc, char **argv);
int cli_kek(int argc, char **argv);
int cli_xdp(int argc, char **argv);

#endif
