/* Response packets opened against the commands in flight: all CBCs, all CMACs, constant-time
 * verdicts (TS 102 225 §5.2). A response names no keys: they are those of the command. */
#include "crypto/ct.h"
#include "engine/uplink/uplink.h"

static enum err keys_of(struct worker *worker, const struct session *session,
                        struct scp80_keys *keys)
{
    struct device device;
    enum err err = directory_read(worker->directory, session->device, &device);
    if (err != ERR_OK)
        return err;
    err = ERR_KEY;
    int k = device_keyset_of(&device, session->keyset);
    if (k >= 0) {
        const struct device_keyset *set = &device.keysets[k];
        memcpy(keys->kic, set->kic, sizeof keys->kic);
        memcpy(keys->kid, set->kid, sizeof keys->kid);
        keys->kic_len = set->kic_len;
        keys->kid_len = set->kid_len;
        keys->cc_len = set->cc_len;
        err = ERR_OK;
    }
    wipe(&device, sizeof device);
    return err;
}

void uplink_open(struct worker *worker)
{
    struct scp80_open_response jobs[WORKER_BATCH];
    uint32_t count = worker->uplink_count;
    if (count == 0)
        return;

    for (uint32_t i = 0; i < count; i++) {
        struct uplink_item *item = &worker->uplink[i];
        const struct session *session = &worker->sessions[item->session];
        if (session->flight != WORKER_NONE) /* ends soon, in uplink_match */
            __builtin_prefetch(&worker->waiting[session->flight]);
        if (keys_of(worker, session, &item->keys) != ERR_OK)
            memset(&item->keys, 0, sizeof item->keys); /* opens with ERR_KEY */
        jobs[i] = (struct scp80_open_response){
            .command = session->security,
            .keys = &item->keys,
            .packet = item->packet,
            .udhl = item->udhl,
            .buf = item->buf,
            .buf_cap = sizeof item->buf,
        };
    }

    scp80_open_response_run(worker->lanes, jobs, count);

    for (uint32_t i = 0; i < count; i++) {
        struct uplink_item *item = &worker->uplink[i];
        wipe(&item->keys, sizeof item->keys);
        item->open = jobs[i];
    }
}
