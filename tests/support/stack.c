/* Our stack on one device, for programs that meet other stacks. */
#include "tests/support/stack.h"

#include "io/net/ip6.h"
#include "io/port_dpdk.h"
#include "io/stages.h"

#include <rte_eal.h>
#include <rte_launch.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_MB 384u
#define EDGE_MEMORY_MB 128u
#define FRAMES 16383
#define CHUNKS 2048
#define CHUNK_LEN 16384
#define CONNS 8192
#define NAP_US 50
#define REORDER_NS 300000u

static atomic_bool stopping;
static const char *program = "stack";

static void on_signal(int signal)
{
    (void)signal;
    atomic_store_explicit(&stopping, true, memory_order_relaxed);
}

bool stack_stopping(void)
{
    return atomic_load_explicit(&stopping, memory_order_relaxed);
}

uint64_t stack_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void stack_fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", program, what);
    exit(1);
}

uint64_t stack_number_read(const char *text, uint64_t most)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || value > most)
        stack_fail("a number is wanted, or a smaller one");
    return value;
}

static struct ip_addr addr_read(const char *text)
{
    struct ip_addr addr;
    if (!ip_read(text, &addr))
        stack_fail("an address is wanted, like 10.99.0.1 or 2001:db8::1");
    return addr;
}

struct tcp_endpoint stack_endpoint_read(const char *addr, const char *port)
{
    return (struct tcp_endpoint){ addr_read(addr), (uint16_t)stack_number_read(port, UINT16_MAX) };
}

/* KEY=VALUE; false when it is none of ours. */
static bool setting_read(struct stack_settings *settings, const char *arg)
{
    struct impair_config *rx = &settings->impair[IMPAIR_RX], *tx = &settings->impair[IMPAIR_TX];
    const struct {
        const char *key;
        uint32_t *value;
    } numbers[] = {
        { "loss=", &rx->loss_ppm },           { "tx_loss=", &tx->loss_ppm },
        { "duplicate=", &rx->duplicate_ppm }, { "tx_duplicate=", &tx->duplicate_ppm },
        { "reorder=", &rx->reorder_ppm },     { "tx_reorder=", &tx->reorder_ppm },
        { "keep=", &settings->keep_ms },      { "conns=", &settings->conn_cap },
        { "nap=", &settings->nap_us },        { "queues=", &settings->queues },
        { "vlan=", &settings->vlan },
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        size_t len = strlen(numbers[i].key);
        if (strncmp(arg, numbers[i].key, len) != 0)
            continue;
        *numbers[i].value = (uint32_t)stack_number_read(arg + len, 1u << 24);
        return true;
    }
    if (strcmp(arg, "busy=1") == 0) {
        settings->busy = true;
        return true;
    }
    if (strncmp(arg, "gateway=", 8) != 0)
        return false;
    struct ip_addr gateway = addr_read(arg + 8);
    *(ip_is_v4(gateway) ? &settings->gateway4 : &settings->gateway6) = gateway;
    return true;
}

int stack_settings_read(struct stack_settings *settings, int argc, char **argv)
{
    int at = 3;
    *settings = (struct stack_settings){
        .program = argv[0], .queues = 1, .conn_cap = CONNS, .nap_us = NAP_US
    };
    settings->impair[IMPAIR_RX] = settings->impair[IMPAIR_TX] =
        (struct impair_config){ .seed = 1, .reorder_ns = REORDER_NS };
    const char *slash = strrchr(argv[0], '/');
    program = slash != NULL ? slash + 1 : argv[0];
    if (argc < 3)
        stack_fail("DEVICE ADDR/PREFIX are wanted, and what to do");
    settings->device = argv[1];
    settings->addrs = argv[2];
    while (at < argc && setting_read(settings, argv[at]))
        at++;
    if (settings->queues < 1 || settings->queues > STACK_EDGES_MAX)
        stack_fail("queues: from 1 to 8 are wanted");
    return at;
}

/* A thread for each edge, on the CPUs in turn. */
static void eal_start(uint32_t edges)
{
    char lcores[128], memory[16];
    char prefix[64]; /* of what the EAL keeps: two of us run side by side */
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int len = snprintf(lcores, sizeof lcores, "--lcores=0@0");
    for (uint32_t i = 1; i < edges; i++)
        len += snprintf(lcores + len, sizeof lcores - (size_t)len, ",%u@%u", i,
                        cpus > 0 ? i % (uint32_t)cpus : 0);
    snprintf(memory, sizeof memory, "%u", MEMORY_MB + EDGE_MEMORY_MB * edges);
    snprintf(prefix, sizeof prefix, "--file-prefix=stack%d", (int)getpid());
    char fixed[][24] = { "stack",          "--no-huge",         "--no-shconf", "--no-pci",
                         "--no-telemetry", "--log-level=error", "-m" };
    char *argv[COUNT(fixed) + 3];
    for (size_t i = 0; i < COUNT(fixed); i++)
        argv[i] = fixed[i];
    argv[COUNT(fixed)] = memory;
    argv[COUNT(fixed) + 1] = lcores;
    argv[COUNT(fixed) + 2] = prefix;
    if (rte_eal_init((int)COUNT(argv), argv) < 0)
        stack_fail("EAL does not start");
}

static void addrs_read(struct net_config *config, char *addrs)
{
    char *rest = NULL;
    for (char *text = strtok_r(addrs, ",", &rest); text != NULL;
         text = strtok_r(NULL, ",", &rest)) {
        struct ip_addr addr;
        uint8_t prefix_len;
        if (!ip_prefix_read(text, &addr, &prefix_len))
            stack_fail(
                "an address with its prefix length is wanted, like 10.99.0.1/24 or 2001:db8::1/64");
        bool four = ip_is_v4(addr);
        *(four ? &config->addr4 : &config->addr6) = addr;
        *(four ? &config->prefix4 : &config->prefix6) = prefix_len;
    }
}

/* All that is for our addresses. */
static bool xsk_open(struct stack_device *device, const char *interface, struct fault *fault)
{
    struct ip_addr addrs[3];
    uint32_t count = 0;
    if (!ip_is_none(device->config.addr4))
        addrs[count++] = device->config.addr4;
    if (!ip_is_none(device->config.addr6)) {
        addrs[count++] = device->config.addr6;
        addrs[count++] = ip6_link_local(device->config.addr6);
    }
    const struct steer_config steer = { .interface = interface,
                                        .addresses = addrs,
                                        .address_count = count,
                                        .vlan = device->config.vlan,
                                        .queue_count = device->settings.queues };
    const struct port_xsk_config port = { .mtu = 0 };
    device->xsk = xsk_device_open(&steer, fault);
    return device->xsk != NULL &&
           port_xsk_open_queues(device->xsk, &port, device->frames, device->ports, fault);
}

static bool queues_open(struct stack_device *device, struct fault *fault)
{
    uint32_t count = device->settings.queues;
    char interface[IF_NAMESIZE];
    for (uint32_t q = 0; q < count; q++) {
        char name[24];
        snprintf(name, sizeof name, "frames%u", q);
        device->frames[q] = frame_pool_create(name, FRAMES, SOCKET_ID_ANY, fault);
        if (device->frames[q] == NULL)
            return false;
    }
    const struct port_dpdk_config config = { .device = device->settings.device };
    if (xsk_interface(device->settings.device, interface))
        return xsk_open(device, interface, fault);
    return port_dpdk_open_queues(&config, count, device->frames, device->ports, fault);
}

void stack_device_open(struct stack_device *device, const struct stack_settings *settings)
{
    struct fault fault = { "" };
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    eal_start(settings->queues);
    *device = (struct stack_device){ .settings = *settings };
    device->config = (struct net_config){ .gateway4 = settings->gateway4,
                                          .gateway6 = settings->gateway6,
                                          .numa_node = SOCKET_ID_ANY,
                                          .announce = true,
                                          .vlan = (uint16_t)settings->vlan,
                                          .edge_count = settings->queues,
                                          .conn_cap = settings->conn_cap,
                                          .half_open_cap = settings->conn_cap,
                                          .time_wait_ms = 2000,
                                          .keep_alive_ms = settings->keep_ms,
                                          .held_cap = 8192 };
    addrs_read(&device->config, settings->addrs);
    if (getrandom(device->config.seed, sizeof device->config.seed, 0) != sizeof device->config.seed)
        stack_fail("no random numbers");
    struct stages_config stages = { .capture = NULL };
    memcpy(stages.impair, settings->impair, sizeof stages.impair);
    if (!queues_open(device, &fault) ||
        stages_open(device->ports, settings->queues, &stages, &fault) != ERR_OK)
        stack_fail(fault.text);
}

void stack_device_close(struct stack_device *device)
{
    for (uint32_t q = 0; q < device->settings.queues; q++)
        port_close(device->ports[q]);
    xsk_device_close(device->xsk);
}

/* Naps are for ports without a descriptor. */
static void idle_start(struct stack *stack, struct fault *fault)
{
    const struct idle_config config = { .ports = &stack->port,
                                        .port_count = 1,
                                        .nap_ns_min = stack->settings->nap_us * 1000ull,
                                        .nap_ns_max = stack->settings->nap_us * 1000ull };
    if (!idle_open(&stack->idle, &config, fault))
        stack_fail(fault->text);
}

void stack_open(struct stack *stack, const struct stack_device *device, uint32_t edge)
{
    struct net_config config = device->config;
    struct fault fault = { "" };
    *stack = (struct stack){ .settings = &device->settings,
                             .port = device->ports[edge],
                             .now_ns = stack_clock_ns() };
    config.edge_index = edge;
    stack->net = net_create(stack->port, &config, stack->now_ns, &fault);
    if (stack->net == NULL)
        stack_fail(fault.text);
    idle_start(stack, &fault);
    stack->chunks = chunk_pool_create(CHUNKS, CHUNK_LEN, SOCKET_ID_ANY);
    if (stack->chunks == NULL)
        stack_fail("no memory");
}

void stack_close(struct stack *stack)
{
    idle_close(&stack->idle);
    net_destroy(stack->net);
}

void *stack_edge_make(size_t len)
{
    void *edge = aligned_alloc(CACHE_LINE, len); /* len: a multiple, by struct idle */
    if (edge == NULL)
        stack_fail("no memory");
    return memset(edge, 0, len);
}

struct edge_thread {
    const struct stack_work *work;
    void *edge;
    atomic_uint *left; /* edges that are not done */
    atomic_bool ended;
};

static int edge_run(void *arg)
{
    struct edge_thread *thread = arg;
    bool done = false;
    while (atomic_load_explicit(thread->left, memory_order_acquire) > 0) {
        if (!done && thread->work->is_done(thread->edge)) {
            done = true;
            atomic_fetch_sub_explicit(thread->left, 1, memory_order_release);
        }
        thread->work->turn(thread->edge);
    }
    atomic_store_explicit(&thread->ended, true, memory_order_release);
    return 0;
}

void stack_run(const struct stack_device *device, const struct stack_work *work, void **edges)
{
    uint32_t count = device->settings.queues;
    struct edge_thread threads[STACK_EDGES_MAX];
    atomic_uint left = count;
    for (uint32_t i = count; i-- > 0;) {
        threads[i] = (struct edge_thread){ .work = work, .edge = edges[i], .left = &left };
        if (i == 0)
            edge_run(&threads[i]);
        else if (rte_eal_remote_launch(edge_run, &threads[i], i) != 0)
            stack_fail("no thread for an edge");
    }
    rte_eal_mp_wait_lcore();
    for (uint32_t i = 0; i < count; i++) /* EAL's own waiting is hidden from the thread sanitizer */
        (void)atomic_load_explicit(&threads[i].ended, memory_order_acquire);
    for (uint32_t i = 0; i < 2 * count; i++)
        work->turn(edges[i % count]);
}

void stack_turn_begin(struct stack *stack)
{
    stack->now_ns = stack_clock_ns();
    bool moved = port_step(stack->port, stack->now_ns);
    uint32_t frames = net_rx(stack->net, stack->now_ns);
    stack->turns++;
    stack->busy_turns += frames > 0;
    stack->is_busy = moved || frames > 0;
    net_timers(stack->net, stack->now_ns);
}

void stack_turn_end(struct stack *stack)
{
    net_flush(stack->net, stack->now_ns);
    if (stack->settings->busy)
        return;
    uint64_t until_ns =
        idle_turned(&stack->idle, stack->is_busy, stack->now_ns, net_next_ns(stack->net));
    if (until_ns != 0)
        idle_wait(&stack->idle, stack->now_ns, until_ns);
}

bool stack_chunk_ready(struct stack *stack, uint32_t len)
{
    if (stack->chunk != NULL && chunk_room(stack->chunk) < len) {
        chunk_give(stack->chunk);
        stack->chunk = NULL;
    }
    if (stack->chunk == NULL)
        stack->chunk = chunk_take(stack->chunks);
    return stack->chunk != NULL;
}

enum err stack_send(struct stack *stack, struct tcp_conn *conn, const struct writer *w)
{
    uint32_t offset = stack->chunk->len;
    uint32_t len = (uint32_t)writer_len(w);
    chunk_commit(stack->chunk, w);
    enum err err = tcp_send(conn, stack->chunk, offset, len, stack->now_ns);
    if (err != ERR_OK)
        stack->chunk->len = offset; /* nobody refers to it */
    if (err != ERR_OK && err != ERR_FULL && err != ERR_CLOSED)
        stack_fail(err_text(err));
    return err;
}

static void counter_print(void *ctx, const char *layer, const char *reason, uint64_t value)
{
    if (value != 0)
        fprintf(ctx, "  %s.%s %lu\n", layer, reason, (unsigned long)value);
}

void stack_counters_print(const struct stack *stack)
{
    net_counters(stack->net, counter_print, stderr);
}
