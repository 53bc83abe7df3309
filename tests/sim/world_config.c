/* What a world is made of when nothing else is said, and the engine's configuration that follows. */
#include "tests/sim/world_inside.h"

#include <stdio.h>
#include <sys/stat.h>

#define NEAR_ADDR ip_addr_v4(0x0A630001u) /* 10.99.0.1 */

struct world_options world_options_default(uint64_t seed, uint32_t devices)
{
    struct world_options options = {
        .seed = seed,
        .devices = devices,
        .job_max = devices * 4 + 64,
        .fleet = fleet_config_default(),
        .jobs = { .waiting_max = 20000,
                  .segments_max = 5,
                  .expiry_s = 3600,
                  .attempts_max = 3,
                  .backoff_s = 10,
                  .por_wait_s = 30,
                  .por_grace_s = 60,
                  .reassembly_s = 300,
                  .results_keep_s = 7 * 86400 },
        .window = 10,
        .validity_s = 120,
        .receipts = true,
    };
    options.fleet.device_count = devices;
    options.fleet.seed = seed;
    options.fleet.epoch_s = EPOCH_MS / 1000;
    options.fleet.delay_ms = 200;
    options.impair.seed = seed;
    return options;
}

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static char port_names[WORLD_LINKS_MAX][8] = { "net", "other" };

/* Devices 50..99 through the second account: five prefixes, all but the last digit of their numbers. */
static void routes_make(struct world *world)
{
    static char prefixes[5][FLEET_MSISDN_CAP], all[] = "", one[] = "one", two[] = "two";
    struct config *config = &world->config;
    config->account_count = 2;
    for (uint32_t i = 0; i < 5; i++) {
        fleet_msisdn(50 + 10 * i, 0, prefixes[i]);
        prefixes[i][strlen(prefixes[i]) - 1] = '\0';
        config->routes[config->route_count++] =
            (struct config_route){ .prefix = prefixes[i], .account = two };
    }
    config->routes[config->route_count++] = (struct config_route){ .prefix = all, .account = one };
}

/* A port for each edge, or one that they share. Connections by either congestion control. */
static void ports_make(struct world *world)
{
    const struct config_tcp tcp = { .congestion =
                                        world->options.seed % 2 == 0 ? TCP_CUBIC : TCP_NEWRENO,
                                    .connect_ms = 20000,
                                    .give_up_ms = 90000,
                                    .keep_alive_ms = 3600000,
                                    .idle_ms = 7200000 };
    static char device[] = "memory";
    struct config *config = &world->config;
    for (uint32_t p = 0; p < world->link_count; p++)
        config->ports[p] = (struct config_port){ .name = port_names[p],
                                                 .device = device,
                                                 .address = NEAR_ADDR,
                                                 .prefix_len = 24,
                                                 .mtu = 1500,
                                                 .tcp = tcp,
                                                 .edges = { p },
                                                 .edge_count = 1 };
    for (uint32_t e = 0; e < config->cores.edge_count && world->options.shared_port; e++) {
        config->ports[0].edges[e] = e;
        config->ports[0].edge_count = e + 1;
    }
}

void world_config_make(struct world *world)
{
    static char store[300];
    static char source[] = "447700900000";
    static char names[2][16] = { "one", "two" }, systems[2][16] = { "starling", "second" };
    snprintf(store, sizeof store, "%s/store", world->dir.path);
    snprintf(world->kek, sizeof world->kek, "%s/kek", world->dir.path);
    snprintf(world->password, sizeof world->password, "%s/password", world->dir.path);
    file_write(world->kek, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    file_write(world->password, "secret\n");
    struct config *config = &world->config;
    *config = (struct config){
        .data_dir = store,
        .kek_file = world->kek,
        .devices_max = world->options.devices + 16,
        .account_count = 1,
        .jobs = world->options.jobs,
    };
    config->cores.edge_count = world->options.edges > 0 ? world->options.edges : 1;
    world->link_count = world->options.shared_port ? 1 : config->cores.edge_count;
    assert_true(world->link_count <= WORLD_LINKS_MAX);
    config->port_count = world->link_count;
    config->cores.worker_count = world->options.workers > 0 ? world->options.workers : 1;
    ports_make(world);
    for (uint32_t a = 0; a < (world->options.second_account ? 2u : 1u); a++)
        config->accounts[a] = (struct config_account){ .name = names[a],
                                                       .port = port_names[a % world->link_count],
                                                       .edge = CONFIG_AUTO,
                                                       .address = FAR_ADDR,
                                                       .tcp_port = SMSC_PORT,
                                                       .system_id = systems[a],
                                                       .password_file = world->password,
                                                       .source_address = source,
                                                       .source_ton = 1,
                                                       .source_npi = 1,
                                                       .dest_ton = 1,
                                                       .dest_npi = 1,
                                                       .binds = 1,
                                                       .window = world->options.window,
                                                       .rate_per_s = world->options.rate_per_s,
                                                       .validity_s = world->options.validity_s,
                                                       .receipts = world->options.receipts,
                                                       .id_format = ID_LEARN,
                                                       .response_ms = 30000,
                                                       .enquire_ms = 30000,
                                                       .bind_ms = 10000 };
    if (world->options.second_account)
        routes_make(world);
}
