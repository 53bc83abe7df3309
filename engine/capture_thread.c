/* Writes, naps when there is nothing to write. */
#include "engine/capture_thread.h"

#include "base/log.h"
#include "engine/clock.h"
#include "io/capture.h"

#include <rte_malloc.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS 1000000
#define MS_NS 1000000ull

struct capture_thread {
    const struct capture_options *options;
    struct capture *capture;
    pthread_t thread;
    bool is_running;
    atomic_bool stopping;
};

static void *run(void *arg)
{
    struct capture_thread *thread = arg;
    const struct timespec nap = { .tv_nsec = NAP_NS };
    while (!atomic_load_explicit(&thread->stopping, memory_order_acquire))
        if (!capture_turn(thread->capture))
            nanosleep(&nap, NULL);
    return NULL;
}

static bool has_port(const struct config *config, const char *name)
{
    for (uint32_t p = 0; p < config->port_count; p++)
        if (name == NULL || strcmp(config->ports[p].name, name) == 0)
            return true;
    return false;
}

enum err capture_thread_create(const struct config *config, const struct capture_options *options,
                               struct capture_thread **out, struct fault *fault)
{
    *out = NULL;
    if (options->path == NULL)
        return ERR_OK;
    if (!has_port(config, options->port)) {
        fault_set(fault, "--pcap-port %s: no port of the configuration has that name",
                  options->port);
        return ERR_UNKNOWN;
    }
    struct capture_thread *thread = rte_zmalloc("capture_thread", sizeof *thread, CACHE_LINE);
    if (thread == NULL) {
        fault_set(fault, "no memory to capture: raise memory.size");
        return ERR_NO_MEMORY;
    }
    const struct capture_config capture = { .path = options->path,
                                            .peer = options->peer,
                                            .limit = options->limit,
                                            .epoch_ns = clock_wall_ms() * MS_NS - clock_now_ns() };
    thread->options = options;
    thread->capture = capture_open(&capture, fault);
    if (thread->capture == NULL) {
        rte_free(thread);
        return ERR_IO;
    }
    log_warning("capture",
                "%s gets what is on the wire, SMPP passwords and messages in clear: keep it as "
                "secret as them",
                options->path);
    *out = thread;
    return ERR_OK;
}

struct capture *capture_thread_of(const struct capture_thread *thread, const char *port)
{
    if (thread == NULL ||
        (thread->options->port != NULL && strcmp(thread->options->port, port) != 0))
        return NULL;
    return thread->capture;
}

enum err capture_thread_start(struct capture_thread *thread, struct fault *fault)
{
    if (thread == NULL)
        return ERR_OK;
    if (pthread_create(&thread->thread, NULL, run, thread) != 0) {
        fault_set(fault, "cannot start the thread that captures");
        return ERR_IO;
    }
    thread->is_running = true;
    return ERR_OK;
}

void capture_thread_destroy(struct capture_thread *thread)
{
    if (thread == NULL)
        return;
    atomic_store_explicit(&thread->stopping, true, memory_order_release);
    if (thread->is_running)
        pthread_join(thread->thread, NULL);
    capture_close(thread->capture);
    if (!thread->is_running) /* the engine did not start: the next try finds the name free */
        unlink(thread->options->path);
    rte_free(thread);
}
