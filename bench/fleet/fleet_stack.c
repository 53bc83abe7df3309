/* The fleet on a DPDK port, by the TCP of io/: one core, no kernel sockets. */
#include "bench/fleet/fleet_net.h"
#include "bench/fleet/fleet_run.h"

#include "io/port_dpdk.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define FRAME_COUNT 16384u
#define CHUNK_COUNT 1024u
#define EAL_ARGS_MAX 64
#define IDLE_TURNS 1000u   /* empty ones before the core naps */
#define NAP_NS_MAX 200000u /* well below what SMPP would notice */

struct stack {
    struct fleet_run *run;
    struct rte_mempool *frames;
    struct chunk_pool *chunks;
    struct port *port;
    struct net *net;
    struct fleet_net served;
};

/* One turn of the core; how many frames came in. */
static uint32_t turn(struct stack *stack)
{
    uint32_t count = fleet_net_turn(&stack->served, fleet_run_now(stack->run));
    stack->run->connections = stack->served.connections;
    return count;
}

/* Until the next timer, at most a moment: frames do not wake us. */
static void nap(const struct stack *stack)
{
    uint64_t next_ns = fleet_next_ns(stack->run->fleet);
    uint64_t net_ns = net_next_ns(stack->net);
    next_ns = net_ns < next_ns ? net_ns : next_ns;
    uint64_t now_ns = fleet_run_now(stack->run);
    uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
    wait_ns = wait_ns < NAP_NS_MAX ? wait_ns : NAP_NS_MAX;
    if (wait_ns > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)wait_ns }, NULL);
}

/* The CPUs we may use, all for the one lcore. */
static void lcores_argument(char *out, size_t cap)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
    int at = snprintf(out, cap, "--lcores=0@(");
    const char *comma = "";
    for (int i = 0; i < CPU_SETSIZE && (size_t)at + 8 < cap; i++) {
        if (!CPU_ISSET(i, &cpus))
            continue;
        at += snprintf(out + at, cap - (size_t)at, "%s%d", comma, i);
        comma = ",";
    }
    snprintf(out + at, cap - (size_t)at, ")");
}

static bool start_eal(const struct fleet_options *options, struct fault *fault)
{
    static char lcores[1024];
    static char words[][32] = {
        "starling-fleet", "--no-huge",      "-m",          "512",
        "--no-pci",       "--no-telemetry", "--no-shconf", "--log-level=error"
    };
    static char *argv[EAL_ARGS_MAX + 2];
    int argc = 0;
    argv[argc++] = words[0];
    if (options->eal_argc > EAL_ARGS_MAX) {
        fault_set(fault, "more than %d EAL options", EAL_ARGS_MAX);
        return false;
    }
    for (int i = 0; i < options->eal_argc; i++)
        argv[argc++] = options->eal_argv[i];
    if (options->eal_argc == 0) {
        for (size_t i = 1; i < COUNT(words); i++)
            argv[argc++] = words[i];
        lcores_argument(lcores, sizeof lcores);
        argv[argc++] = lcores;
    }
    if (rte_eal_init(argc, argv) < 0) {
        fault_set(fault, "EAL does not start: %s; give its options after --",
                  rte_strerror(rte_errno));
        return false;
    }
    return true;
}

/* Of one family, whichever. */
static bool read_addresses(const struct fleet_options *options, struct net_config *config,
                           struct fault *fault)
{
    struct ip_addr addr, gateway = { { 0 } };
    uint8_t prefix_len;
    if (!ip_prefix_read(options->address, &addr, &prefix_len)) {
        fault_set(fault, "--address \"%s\": not like 10.98.0.2/24 or 2001:db8::2/64",
                  options->address);
        return false;
    }
    bool four = ip_is_v4(addr);
    if (options->gateway[0] != '\0' &&
        (!ip_read(options->gateway, &gateway) || ip_is_v4(gateway) != four)) {
        fault_set(fault, "--gateway \"%s\": not an address of --address's family",
                  options->gateway);
        return false;
    }
    *(four ? &config->addr4 : &config->addr6) = addr;
    *(four ? &config->prefix4 : &config->prefix6) = prefix_len;
    *(four ? &config->gateway4 : &config->gateway6) = gateway;
    return true;
}

static bool start(struct stack *stack, struct fault *fault)
{
    const struct fleet_options *options = stack->run->options;
    struct net_config config = { .numa_node = SOCKET_ID_ANY, .conn_cap = 2 * FLEET_NET_PEERS };
    if (!read_addresses(options, &config, fault))
        return false;
    if (getrandom(config.seed, sizeof config.seed, 0) != sizeof config.seed ||
        !start_eal(options, fault)) {
        fault_set(fault, "no random octets");
        return false;
    }
    stack->frames = frame_pool_create("fleet", FRAME_COUNT, SOCKET_ID_ANY, fault);
    if (stack->frames == NULL)
        return false;
    stack->chunks = chunk_pool_create(CHUNK_COUNT, FLEET_NET_CHUNK_LEN, SOCKET_ID_ANY);
    struct port_dpdk_config port = { .device = options->port, .frames = stack->frames };
    stack->port = port_dpdk_open(&port, fault);
    if (stack->chunks == NULL)
        fault_set(fault, "no memory for send buffers: give EAL more with -- -m MB");
    if (stack->port == NULL || stack->chunks == NULL)
        return false;
    config.mtu = stack->port->mtu;
    stack->net = net_create(stack->port, &config, 0, fault);
    if (stack->net == NULL)
        return false;
    if (!fleet_net_open(&stack->served, stack->run->fleet, stack->net, stack->chunks,
                        (uint16_t)options->listen_port, fault))
        return false;
    fprintf(stderr, "starling-fleet: listening on %s, port %u, by %s\n", options->address,
            options->listen_port, options->port);
    return true;
}

bool fleet_stack_serve(struct fleet_run *run, struct fault *fault)
{
    struct stack stack = { .run = run };
    uint32_t idle = 0;
    bool good = start(&stack, fault);
    while (good && !fleet_run_over(run, fleet_run_now(run))) {
        idle = turn(&stack) > 0 ? 0 : idle + 1;
        if (idle > IDLE_TURNS)
            nap(&stack);
    }
    net_destroy(stack.net);
    port_close(stack.port);
    chunk_pool_destroy(stack.chunks);
    rte_mempool_free(stack.frames);
    return good;
}
