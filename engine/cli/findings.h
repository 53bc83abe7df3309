/* What `starling check` finds, before it is printed. */
#ifndef ENGINE_CLI_FINDINGS_H
#define ENGINE_CLI_FINDINGS_H

#include "engine/config.h"

#define FINDINGS_MAX 256u

enum finding_level { FINDING_ERROR, FINDING_WARNING, FINDING_FINE };

/* What is wrong (or right), why it matters, the command that fixes it. */
struct finding {
    enum finding_level level;
    char subject[64];
    char what[FAULT_CAP];
    char why[160];
    char fix[FAULT_CAP];
};

struct findings {
    uint32_t count;
    struct finding list[FINDINGS_MAX];
};

/* Appends one; `what` is written afterwards by the caller's format. The rest is dropped when full.
 */
void finding_add(struct findings *findings, enum finding_level level, const char *subject,
                 const char *why, const char *what, ...) PRINTF_LIKE(5, 6);
/* The command that fixes the last one. */
void finding_fix(struct findings *findings, const char *fix, ...) PRINTF_LIKE(2, 3);

/* check_machine.c: what needs no configuration. `config` may be NULL. */
void check_machine(struct findings *findings, const struct config *config);
/* check_cores.c: the CPUs of the roles. `root` is before /sys: "" but for tests and images. */
void check_cores(struct findings *findings, const struct config *config, const char *root);
/* check_queues.c: how frames come to edges. */
void check_queues(struct findings *findings, const struct config *config, const char *root);
/* check_files.c: directories and files with secrets. */
void check_files(struct findings *findings, const struct config *config);
/* check_interface.c: of an AF_XDP port of ours. */
void check_interface(struct findings *findings, const char *subject, const struct config_port *port,
                     const char *interface);
/* check_ports.c: ports, addresses, the API's port. */
void check_ports(struct findings *findings, const struct config *config);

#endif
