/* Our stack on one port, for programs that meet other stacks. */
#include "tests/support/stack.h"

#include "io/net/ip6.h"
#include "io/port_dpdk.h"
#include "io/stages.h"

#include <rte_eal.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FRAMES 16383
#define CHUNKS 2048
#define CHUNK_LEN 16384
#define CONNS 8192
#define NAP_US 50
#define REORDER_NS 300000u

static volatile sig_atomic_t stopping;
static const char *program = "stack";

static void on_signal(int signal)
{
    (void)signal;
    stopping = 1;
}

bool stack_stopping(void)
{
    return stopping != 0;
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
        { "nap=", &settings->nap_us },
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
    *settings = (struct stack_settings){ .program = argv[0], .conn_cap = CONNS, .nap_us = NAP_US };
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
    return at;
}

static void eal_start(void)
{
    char args[][24] = { "",
                        "--no-huge",
                        "-m",
                        "512",
                        "--no-shconf",
                        "--no-pci",
                        "--no-telemetry",
                        "--log-level=error",
                        "--lcores=0@0" };
    char name[] = "stack";
    char prefix[64]; /* of what the EAL keeps: two of us run side by side */
    snprintf(prefix, sizeof prefix, "--file-prefix=stack%d", (int)getpid());
    char *argv[COUNT(args) + 2] = { name };
    for (size_t i = 1; i < COUNT(args); i++)
        argv[i] = args[i];
    argv[COUNT(args)] = prefix;
    if (rte_eal_init((int)COUNT(args) + 1, argv) < 0)
        stack_fail("EAL does not start");
}

static void addrs_read(struct stack *stack)
{
    char *rest = NULL;
    for (char *text = strtok_r(stack->settings.addrs, ",", &rest); text != NULL;
         text = strtok_r(NULL, ",", &rest)) {
        struct ip_addr addr;
        uint8_t prefix_len;
        if (!ip_prefix_read(text, &addr, &prefix_len))
            stack_fail(
                "an address with its prefix length is wanted, like 10.99.0.1/24 or 2001:db8::1/64");
        bool four = ip_is_v4(addr);
        *(four ? &stack->config.addr4 : &stack->config.addr6) = addr;
        *(four ? &stack->config.prefix4 : &stack->config.prefix6) = prefix_len;
    }
}

/* Queue 0 of the interface, all that is for our addresses. */
static struct port *xsk_open(struct stack *stack, const char *interface, struct fault *fault)
{
    struct ip_addr addrs[3];
    uint32_t count = 0;
    if (!ip_is_none(stack->config.addr4))
        addrs[count++] = stack->config.addr4;
    if (!ip_is_none(stack->config.addr6)) {
        addrs[count++] = stack->config.addr6;
        addrs[count++] = ip6_link_local(stack->config.addr6);
    }
    const struct steer_config steer = {
        .interface = interface, .addresses = addrs, .address_count = count, .queue_count = 1
    };
    const struct port_xsk_config port = { .frames = stack->frames };
    stack->device = xsk_device_open(&steer, fault);
    return stack->device != NULL ? port_xsk_open(stack->device, 0, &port, fault) : NULL;
}

/* Naps are for ports without a descriptor. */
static void idle_start(struct stack *stack, struct fault *fault)
{
    const struct idle_config config = { .ports = &stack->port,
                                        .port_count = 1,
                                        .nap_ns_min = stack->settings.nap_us * 1000ull,
                                        .nap_ns_max = stack->settings.nap_us * 1000ull };
    if (!idle_open(&stack->idle, &config, fault))
        stack_fail(fault->text);
}

static void port_open(struct stack *stack)
{
    const struct stack_settings *settings = &stack->settings;
    char interface[IF_NAMESIZE];
    struct fault fault = { "" };
    stack->frames = frame_pool_create("frames", FRAMES, SOCKET_ID_ANY, &fault);
    struct port_dpdk_config config = { .device = settings->device, .frames = stack->frames };
    struct port *port = NULL;
    if (stack->frames != NULL)
        port = xsk_interface(settings->device, interface) ? xsk_open(stack, interface, &fault)
                                                          : port_dpdk_open(&config, &fault);
    if (port == NULL)
        stack_fail(fault.text);
    stack->port = port;
    struct stages_config stages = { .capture = NULL };
    memcpy(stages.impair, settings->impair, sizeof stages.impair);
    if (stages_open(&stack->port, 1, &stages, &fault) != ERR_OK)
        stack_fail(fault.text);
}

void stack_open(struct stack *stack, const struct stack_settings *settings)
{
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    eal_start();
    *stack = (struct stack){ .settings = *settings, .now_ns = stack_clock_ns() };
    stack->config = (struct net_config){ .gateway4 = settings->gateway4,
                                         .gateway6 = settings->gateway6,
                                         .numa_node = SOCKET_ID_ANY,
                                         .conn_cap = settings->conn_cap,
                                         .half_open_cap = settings->conn_cap,
                                         .time_wait_ms = 2000,
                                         .keep_alive_ms = settings->keep_ms,
                                         .held_cap = 8192 };
    struct fault fault = { "" };
    addrs_read(stack);
    port_open(stack);
    if (getrandom(stack->config.seed, sizeof stack->config.seed, 0) != sizeof stack->config.seed)
        stack_fail("no random numbers");
    stack->net = net_create(stack->port, &stack->config, stack->now_ns, &fault);
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
    port_close(stack->port);
    xsk_device_close(stack->device);
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
    if (stack->settings.busy)
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
