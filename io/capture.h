/* What ports see, received and sent, into one file that tcpdump and tshark read.
 *
 *   queue ─▶ stage ─▶ …         A stage copies frames into a ring of its own; whoever turns the capture
 *              │ copies         writes them to the file. A ring without room is a counted miss, and the
 *              ▼                data path never waits.
 *            ring ─▶ file
 *
 * The file holds what was on the wire, so only its owner may read it. Frames sent show the checksums
 * that are left to the port as they are then: not filled in. */
#ifndef IO_CAPTURE_H
#define IO_CAPTURE_H

#include "io/net/ip.h"
#include "io/port.h"

#define CAPTURE_FRAMES 4096u /* copies under way of one queue */
#define CAPTURE_QUEUES_MAX 256u

struct capture;

struct capture_config {
    const char *path;    /* must not exist */
    struct ip_addr peer; /* only frames from or to it, ARP and quotations included; none: all */
    uint64_t limit;      /* octets of the file; what comes after is left out */
    uint64_t epoch_ns;   /* since 1970, at time 0 of port_step */
};

/* NULL with a fault. */
struct capture *capture_open(const struct capture_config *config, struct fault *fault);

/* A stage over a queue, which it owns from now on. NULL with a fault, the queue untouched. */
struct port *capture_over(struct capture *capture, struct port *queue, struct fault *fault);

/* Writes what there is. False when there was nothing. One thread, not the stages'. */
bool capture_turn(struct capture *capture);

/* When no stage is turned any more: writes what is left and closes the file. The stages go with
 * their ports, afterwards. NULL is nothing. */
void capture_close(struct capture *capture);

#endif
