/* What stands outside the engine: every packet that a card made whole, and what it did with it. */
#include "tests/sim/world_inside.h"

#include <stdlib.h>

#define PACKET_SLOTS_PER_DEVICE 16u

struct world_packet {
    struct eid eid;
    uint64_t cntr;
    uint8_t kvn;
    bool used, run;
    uint8_t hash[32];
};

static struct world_packet *packet_slot(struct world *world, const struct fleet_entry *entry)
{
    uint32_t at =
        (eid_slot(&entry->eid) * 2654435761u + (uint32_t)entry->cntr * 40503u + entry->kvn) %
        world->packet_cap;
    for (;; at = (at + 1) % world->packet_cap) {
        struct world_packet *slot = &world->packets[at];
        if (!slot->used)
            return slot;
        if (slot->cntr == entry->cntr && slot->kvn == entry->kvn &&
            memcmp(&slot->eid, &entry->eid, sizeof slot->eid) == 0)
            return slot;
    }
}

uint32_t world_device(struct world *world, const struct eid *eid)
{
    for (uint32_t i = 0; i < world->options.devices; i++) {
        struct eid other;
        fleet_eid(world->options.fleet.first + i, &other);
        if (memcmp(&other, eid, sizeof other) == 0)
            return i;
    }
    fail_msg("an EID that no card has");
    return 0;
}

void world_ledger_note(void *context, const struct fleet_entry *entry)
{
    struct world *world = context;
    uint32_t device = world_device(world, &entry->eid);
    world->device_heard[device] = true;
    if (!entry->authentic)
        return;
    struct world_packet *slot = packet_slot(world, entry);
    if (!slot->used) {
        assert_true(++world->packet_count < world->packet_cap);
        *slot = (struct world_packet){
            .eid = entry->eid, .cntr = entry->cntr, .kvn = entry->kvn, .used = true
        };
        memcpy(slot->hash, entry->packet_hash, sizeof slot->hash);
    }
    if (memcmp(slot->hash, entry->packet_hash, sizeof slot->hash) != 0)
        world->counter_twice++;
    if (!entry->run)
        return;
    if (slot->run)
        world->ran_twice++;
    slot->run = true;
    world->runs++;
    world->device_runs[device]++;
}

void world_ledger_open(struct world *world)
{
    uint32_t devices = world->options.devices;
    world->packet_cap = (devices + world->options.job_max) * PACKET_SLOTS_PER_DEVICE;
    world->packets = calloc(world->packet_cap, sizeof *world->packets);
    world->device_runs = calloc(devices, sizeof *world->device_runs);
    world->device_heard = calloc(devices, sizeof *world->device_heard);
    assert_true(world->packets != NULL && world->device_runs != NULL &&
                world->device_heard != NULL);
}

void world_ledger_close(struct world *world)
{
    free(world->packets);
    free(world->device_runs);
    free(world->device_heard);
}

void world_check(struct world *world)
{
    unsigned long seed = (unsigned long)world->options.seed;
    if (world->ran_twice != 0)
        fail_msg("seed %lu: %lu commands ran twice", seed, (unsigned long)world->ran_twice);
    if (world->counter_twice != 0)
        fail_msg("seed %lu: %lu counters bound to two packets", seed,
                 (unsigned long)world->counter_twice);
    for (uint32_t i = 0; i < world->job_count; i++) {
        const struct world_job *job = &world->jobs[i];
        if (job->accepted != ERR_OK)
            continue;
        if (job->results != 1)
            fail_msg("seed %lu: job %lu has %u results", seed, (unsigned long)job->id,
                     job->results);
        uint32_t device = world_device(world, &job->eid);
        if (job->outcome == JOB_EXECUTED && world->device_runs[device] == 0)
            fail_msg("seed %lu: job %lu executed, but its card never ran anything", seed,
                     (unsigned long)job->id);
    }
}
