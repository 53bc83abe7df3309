/* Between the files that make up the world; simulations include world.h. */
#ifndef TESTS_SIM_WORLD_INSIDE_H
#define TESTS_SIM_WORLD_INSIDE_H

#include "tests/sim/world.h"

#define FAR_ADDR ip_addr_v4(0x0A630002u)
#define SMSC_PORT 2775u
#define EPOCH_MS 1795000000000ull /* a day in November 2026 */

/* world->config from world->options, with its files below world->dir. */
void world_config_make(struct world *world);

/* The ledger's memory, by the options' devices and jobs; what the fleet tells it of. */
void world_ledger_open(struct world *world);
void world_ledger_close(struct world *world);
void world_ledger_note(void *context, const struct fleet_entry *entry);

#endif
