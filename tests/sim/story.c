/* What simulations' stories have in common. */
#include "tests/sim/story.h"

#include <stdio.h>
#include <stdlib.h>

unsigned long story_seeds(unsigned long quick, unsigned long full)
{
    return getenv("STARLING_FULL") != NULL ? full : quick;
}

void story_submit_to_all(struct world *world, const char *script, uint32_t expiry_s)
{
    for (uint32_t i = 0; i < world->options.devices; i++)
        world_submit(world, i, script, expiry_s, (uint8_t)(i % JOB_PRIORITIES));
}

void story_second_account(struct world_options *options)
{
    struct fleet_account *account = &options->fleet.account[1];
    options->second_account = true;
    snprintf(account->system_id, sizeof account->system_id, "second");
    snprintf(account->password, sizeof account->password, "secret");
}

void story_finish(struct world *world, uint64_t ns)
{
    if (!world_run(world, ns, world_all_done)) {
        world_print(world);
        fail_msg("seed %lu: jobs without a result", (unsigned long)world->options.seed);
    }
    world_check(world);
}

void story_finish_home(struct world *world)
{
    story_finish(world, 3 * HOUR_S * WORLD_SECOND);
    world_check_home(world);
}

uint32_t story_outcomes(const struct world *world, enum job_outcome outcome)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->job_count; i++)
        count += world->jobs[i].outcome == outcome;
    return count;
}

void story_kill(struct world *world, struct prng *prng, uint64_t ns)
{
    world_run(world, prng_below(prng, ns), NULL);
    world_kill(world);
    world->now_ns += prng_below(prng, 20 * WORLD_SECOND);
    world_start(world);
}

size_t story_high_base(char line[FLEET_EIS_CAP], size_t len)
{
    char *cntr = strstr(line, "\"cntr\":\"0000000000\"");
    assert_non_null(cntr);
    cntr[strlen("\"cntr\":\"")] = '2';
    return len;
}
