/* starling device import: EIS lines from a file to a running engine. */
#ifndef ENGINE_CLI_IMPORT_H
#define ENGINE_CLI_IMPORT_H

#include "engine/cli/api_client.h"

#include <stdio.h>

struct import_totals {
    unsigned long long lines, registered, updated, refused;
};

/* Sends all lines of `in`, some thousands at a time, and reports each refused one to `report` as
 * "NAME:LINE: reason"; goes on with the good ones. Progress to `report` when `progress`. Not ERR_OK,
 * with `fault`, when it had to stop: what *totals counts was done. */
MUST_CHECK enum err import_run(struct api_client *client, FILE *in, const char *name, FILE *report,
                               bool progress, struct import_totals *totals, struct fault *fault);

#endif
