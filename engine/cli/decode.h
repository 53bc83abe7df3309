/* starling decode scp80|tpdu|smpp|script HEX|- : bytes to JSON, one line each. */
#ifndef ENGINE_CLI_DECODE_H
#define ENGINE_CLI_DECODE_H

/* argv[0] is "decode". 0: every line made sense; 1: one did not (its line is an {"error", "at"});
 * 2: misused. */
int cli_decode(int argc, char **argv);

#endif
