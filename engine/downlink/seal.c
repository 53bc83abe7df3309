/* Secured data to command packets: one call, all lanes (TS 102 225 §5.1). */
#include "engine/downlink/downlink.h"

#include "crypto/ct.h"

void downlink_seal(struct worker *worker)
{
    struct scp80_seal jobs[WORKER_BATCH];
    uint32_t count = worker->downlink_count;
    if (count == 0)
        return;

    for (uint32_t i = 0; i < count; i++) {
        struct downlink_item *item = &worker->downlink[i];
        jobs[i] = (struct scp80_seal){
            .security = worker->sessions[item->session].security,
            .keys = &item->keys,
            .data = item->record.packet,
            .packet = item->packet,
            .packet_cap = sizeof item->packet,
        };
    }

    scp80_seal_run(worker->lanes, jobs, count);

    for (uint32_t i = 0; i < count; i++) {
        struct downlink_item *item = &worker->downlink[i];
        wipe(&item->keys, sizeof item->keys);
        item->err = jobs[i].err;
        item->record.packet = span_of(item->packet, jobs[i].packet_len);
    }
    counter_add(&worker->counters.commands_sealed, count);
}
