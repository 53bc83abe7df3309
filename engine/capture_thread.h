/* The thread that writes what `starling run --pcap` captures: an ordinary one, which may block. */
#ifndef ENGINE_CAPTURE_THREAD_H
#define ENGINE_CAPTURE_THREAD_H

#include "engine/config.h"

struct capture;
struct capture_thread;

/* As asked for on the command line. */
struct capture_options {
    const char *path;    /* NULL: nothing is captured */
    const char *port;    /* name of one; NULL: all */
    struct ip_addr peer; /* none: all */
    uint64_t limit;      /* octets */
};

/* Opens the file; *out is NULL when nothing is to be captured. ERR_IO, ERR_UNKNOWN (no such port)
 * with a fault. */
MUST_CHECK enum err capture_thread_create(const struct config *config,
                                          const struct capture_options *options,
                                          struct capture_thread **out, struct fault *fault);

/* Where queues of that port are to be captured; NULL: they are not. */
struct capture *capture_thread_of(const struct capture_thread *thread, const char *port);

MUST_CHECK enum err capture_thread_start(struct capture_thread *thread, struct fault *fault);

/* Once no core turns: writes what is left. NULL is nothing. */
void capture_thread_destroy(struct capture_thread *thread);

#endif
