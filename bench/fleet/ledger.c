/* Writing the ledger. */
#include "bench/fleet/ledger.h"

#include "base/hex.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define BUFFER_LEN (1u << 20)

struct ledger {
    FILE *file;
    char *buffer;
    bool failed;
};

struct ledger *ledger_open(const char *path, struct fault *fault)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    char *buffer = malloc(BUFFER_LEN);
    FILE *file = fopen(path, "w");
    if (ledger == NULL || buffer == NULL || file == NULL) {
        fault_set(fault, "ledger %s: %s; name a file in a folder that can be written", path,
                  strerror(errno));
        if (file != NULL)
            fclose(file);
        free(buffer);
        free(ledger);
        return NULL;
    }
    setvbuf(file, buffer, _IOFBF, BUFFER_LEN);
    ledger->file = file;
    ledger->buffer = buffer;
    return ledger;
}

void ledger_write(void *context, const struct fleet_entry *entry)
{
    struct ledger *ledger = context;
    char eid[EID_DIGITS + 1];
    char packet[65];
    char script[17];
    char sws[16 * 7 + 1] = "";
    eid_write(&entry->eid, eid);
    hex_write(span_of(entry->packet_hash, 32), packet, sizeof packet);
    hex_write(span_of(entry->script_hash, 8), script, sizeof script);
    int at = 0;
    for (uint8_t i = 0; i < entry->sw_count; i++)
        at += snprintf(sws + at, sizeof sws - (size_t)at, "%s\"%04x\"", i > 0 ? "," : "",
                       entry->sw[i]);
    int len = fprintf(ledger->file,
                      "{\"now_ns\":%" PRIu64 ",\"eid\":\"%s\",\"kvn\":%u,\"cntr\":\"%010" PRIx64
                      "\",\"sha256\":\"%s\",\"script\":\"%s\",\"authentic\":%s,\"run\":%s,"
                      "\"status\":\"%02x\",\"commands\":%u,\"sw\":[%s],\"reason\":\"%s\"}\n",
                      entry->now_ns, eid, entry->kvn, entry->cntr, packet, script,
                      entry->authentic ? "true" : "false", entry->run ? "true" : "false",
                      entry->status, entry->command_count, sws, entry->reason);
    ledger->failed = ledger->failed || len < 0;
}

bool ledger_flush(struct ledger *ledger)
{
    if (fflush(ledger->file) != 0)
        ledger->failed = true;
    return !ledger->failed;
}

bool ledger_close(struct ledger *ledger)
{
    bool whole = ledger_flush(ledger);
    if (fclose(ledger->file) != 0)
        whole = false;
    free(ledger->buffer);
    free(ledger);
    return whole;
}
