/* The XDP program of one interface (steer.bpf.c): loaded, told whose frames are ours, attached
 * through libxdp, and taken off again. Its maps are pinned under STEER_PINS/INTERFACE while it runs,
 * where `starling xdp` finds them (io/xdp/steer_view.h).
 *
 * An engine that was killed leaves its program attached, dropping what is for its addresses. The
 * next steer_open takes over: a program of ours whose engine is gone is replaced and its drop list
 * kept; one whose engine lives, and any other's program, is left alone and refused by name. */
#ifndef IO_XDP_STEER_H
#define IO_XDP_STEER_H

#include "base/fault.h"
#include "io/net/ip.h"
#include "io/xdp/steer_view.h"

#define STEER_PROGRAM "starling_steer"

/* Whoever speaks for many: an SMSC, an APN's gateway, a resolver. */
struct steer_peer {
    const char *name;
    struct ip_addr prefix;
    uint8_t prefix_len; /* 1..32 or 128 */
    uint32_t rate;      /* packets a second of all its addresses together; 0: no limit */
    uint32_t burst;     /* at once, at least 1 when there is a rate */
};

struct steer_config {
    const char *interface;           /* NULL: loaded but attached to nothing, for tests */
    const struct ip_addr *addresses; /* the engine's own, never the kernel's */
    uint32_t address_count;
    uint16_t vlan; /* 0: untagged frames */
    uint32_t queue_count;
    uint32_t source_rate, source_burst; /* packets a second of one source; rate 0: no limit */
    const struct steer_peer *peers;
    uint32_t peer_count;
};

struct xdp_program;
struct bpf_object;

struct steer {
    struct steer_view view; /* the maps */
    struct steer_settings settings;
    struct bpf_object *object;
    struct xdp_program *program; /* NULL: attached to nothing */
    int program_fd;
    int xsks_fd; /* the XSKMAP: rx queue to socket */
};

/* False with a fault that says what stands in the way; nothing is then left behind. */
MUST_CHECK bool steer_open(struct steer *steer, const struct steer_config *config,
                           struct fault *fault);

/* Program off, pins gone. */
void steer_close(struct steer *steer);

/* For `starling xdp status`: how a queue's socket moves its frames. */
void steer_queue_set(struct steer *steer, uint32_t queue, enum steer_queue_mode mode);

#endif
