/* What simulations' stories have in common. */
#ifndef TESTS_SIM_STORY_H
#define TESTS_SIM_STORY_H

#include "tests/sim/world.h"

/* One command, which may not run twice; and one that may. */
#define DELETE_SECOND_PROFILE "80E40040124F10A0000005591010FFFFFFFF8900001100"
#define GET_DATA "80CAFF2100"
#define HOUR_S 3600u

/* How many seeds to try: so many, or with STARLING_FULL set so many. */
unsigned long story_seeds(unsigned long quick, unsigned long full);

/* The same job for every device, of all priorities in turn. */
void story_submit_to_all(struct world *world, const char *script, uint32_t expiry_s);

/* The second account's credentials at the SMSC, for which devices 50..99 go. */
void story_second_account(struct world_options *options);

/* Lets the world run, at most `ns`, until every job has its result, and holds it to its promises. */
void story_finish(struct world *world, uint64_t ns);

/* The same within three hours; and whatever was taken is home. */
void story_finish_home(struct world *world);

/* Jobs that ended so. */
uint32_t story_outcomes(const struct world *world, enum job_outcome outcome);

/* Lets the world run for less than `ns` by the draw; kill -9; a start up to 20 s later. */
void story_kill(struct world *world, struct prng *prng, uint64_t ns);

/* For world_options: a first counter of 2000000000 instead of 0. */
size_t story_high_base(char line[FLEET_EIS_CAP], size_t len);

#endif
