/* Who sent it, and which worker owns that device: slot of the EID, modulo workers. */
#include "engine/edge.h"

enum err uplink_route(struct edge *edge, uint64_t msisdn, struct device_ref *device,
                      uint32_t *worker)
{
    if (msisdn == 0)
        return ERR_IDENTIFIER;
    enum err err = directory_find_msisdn(edge->directory, msisdn, device);
    if (err != ERR_OK)
        return err;
    struct eid eid;
    uint64_t current;
    err = directory_identity(edge->directory, *device, &eid, &current);
    if (err != ERR_OK)
        return err;
    *worker = eid_slot(&eid) % edge->worker_count;
    return ERR_OK;
}
