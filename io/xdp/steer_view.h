/* Looking into the XDP program's maps, and acting on its drop list: the engine's metrics, and
 * `starling xdp` from outside, by the pins. */
#ifndef IO_XDP_STEER_VIEW_H
#define IO_XDP_STEER_VIEW_H

#include "base/err.h"
#include "base/fault.h"
#include "io/net/ip.h"
#include "io/xdp/steer_map.h"

#include <net/if.h>

#define STEER_BPFFS "/sys/fs/bpf"
#define STEER_PINS STEER_BPFFS "/starling"
#define STEER_PATH_CAP 80

/* Maps that are pinned. */
#define STEER_MAPS(X)                                                                              \
    X(SETTINGS, settings)                                                                          \
    X(ADDRESSES, addresses)                                                                        \
    X(LISTED, listed)                                                                              \
    X(PEERS, peers)                                                                                \
    X(PEER_BUCKETS, peer_buckets)                                                                  \
    X(SOURCES, sources)                                                                            \
    X(COUNTERS, counters)                                                                          \
    X(QUEUES, queues)

enum steer_map {
#define STEER_MAP(name, label) STEER_MAP_##name,
    STEER_MAPS(STEER_MAP)
#undef STEER_MAP
        STEER_MAP_COUNT
};

extern const char *const steer_map_names[STEER_MAP_COUNT];

struct steer_view {
    char interface[IF_NAMESIZE];
    int folder; /* of the pins; locked by the engine that owns them */
    int maps[STEER_MAP_COUNT];
};

#define STEER_VIEW_NONE                                                                            \
    ((struct steer_view){ .folder = -1, .maps = { -1, -1, -1, -1, -1, -1, -1, -1 } })

/* By the pins. False with a fault: no such engine, or no right to look. */
MUST_CHECK bool steer_view_open(struct steer_view *view, const char *interface,
                                struct fault *fault);
void steer_view_close(struct steer_view *view);

/* Interfaces that have pins, at most `cap`; how many. 0 with a fault when there is none to see. */
uint32_t steer_view_list(char (*names)[IF_NAMESIZE], uint32_t cap, struct fault *fault);

/* Whether the engine that made the pins still runs. */
bool steer_view_is_owned(const struct steer_view *view);

/* The program on the interface: its kernel id, 0 when there is none of ours, and how it got there:
 * "native", "generic" or "offloaded", alone or beside others. */
struct steer_attached {
    uint32_t id;
    const char *mode;
    bool is_shared; /* by libxdp's dispatcher */
};
struct steer_attached steer_view_attached(const struct steer_view *view);

struct steer_settings steer_view_settings(const struct steer_view *view);

/* Summed over CPUs. */
uint64_t steer_view_counter(const struct steer_view *view, enum steer_counter which);
struct steer_queue steer_view_queue(const struct steer_view *view, uint32_t queue);

/* A label as in the metrics: "drop_listed". */
const char *steer_counter_label(enum steer_counter which);
const char *steer_counter_help(enum steer_counter which);

/* What a walk over a map brings. Addresses with their prefix length, in their own family. */
struct steer_row {
    struct ip_addr addr;
    uint8_t prefix_len;
    const char *name; /* of a peer; valid during the call */
    uint32_t kind;    /* enum steer_verdict or steer_source_kind */
    uint64_t passed, shed;
    uint64_t gap_ns, burst_ns; /* of a peer */
};
typedef void steer_row_each(void *ctx, const struct steer_row *row);

void steer_view_addresses(const struct steer_view *view, steer_row_each *each, void *ctx);
void steer_view_listed(const struct steer_view *view, steer_row_each *each, void *ctx);
void steer_view_peers(const struct steer_view *view, steer_row_each *each, void *ctx);
/* Sources that lost packets to the rate, in no order. */
void steer_view_shed(const struct steer_view *view, steer_row_each *each, void *ctx);

/* The prefix and all within it: dropped from now on, or let through, whatever was listed before.
 * ERR_FULL: the list is. *changed tells whether anything was other before. */
MUST_CHECK enum err steer_view_drop(const struct steer_view *view, struct ip_addr addr,
                                    uint8_t prefix_len, bool *changed);
MUST_CHECK enum err steer_view_allow(const struct steer_view *view, struct ip_addr addr,
                                     uint8_t prefix_len, bool *changed);

#endif
