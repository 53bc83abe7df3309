/* Keys and values of the XDP program's maps: what steer.bpf.c and user space both know.
 *
 * An address is 16 octets in network order, IPv4 as ::ffff:a.b.c.d, so that one map serves both
 * families. Times are nanoseconds of CLOCK_MONOTONIC. */
#ifndef IO_XDP_STEER_MAP_H
#define IO_XDP_STEER_MAP_H

#include <stdint.h>

#define STEER_QUEUES_MAX 64u
#define STEER_ADDRESSES_MAX 64u
#define STEER_PEERS_MAX 256u
#define STEER_SOURCES_MAX 65536u /* the least recently heard makes room */
#define STEER_LISTED_MAX 65536u

struct steer_addr {
    uint32_t word[4];
};

/* Of the map `settings`, one entry. The program reads the first four; the rest is for people. */
struct steer_settings {
    uint64_t source_gap_ns;   /* between two packets of one source at its rate; 0: no limit */
    uint64_t source_burst_ns; /* how far ahead of its rate a source may be */
    uint32_t vlan;            /* whose frames are ours; 0: untagged ones */
    uint32_t link6[2];        /* the /64 that our link's hosts share; zero: none */
    uint32_t pid;             /* of the engine */
    uint32_t ifindex;
    uint32_t queue_count;                 /* sockets that there should be */
    uint8_t queue_mode[STEER_QUEUES_MAX]; /* enum steer_queue_mode */
};

enum steer_queue_mode { STEER_QUEUE_NONE, STEER_QUEUE_COPY, STEER_QUEUE_ZERO_COPY };

/* Of `addresses`: the engine's own. */
enum steer_address_kind {
    STEER_UNICAST = 1,
    STEER_GROUP, /* solicited-node multicast (RFC 4291 §2.7.1); several addresses may share one */
};

/* Of the tries `listed` and `peers`; 96 + n bits for an IPv4 prefix of n. */
struct steer_prefix {
    uint32_t bits;
    struct steer_addr addr;
};

enum steer_verdict { STEER_DROP = 1, STEER_ALLOW }; /* the longest prefix decides */

struct steer_listed {
    uint32_t verdict;
    uint32_t reserved;
    uint64_t dropped;
};

/* A token bucket by its theoretical arrival time (GCRA): the packet conforms when due_ns is at most
 * burst_ns ahead of now, and then moves due_ns by gap_ns. */
struct steer_bucket {
    uint64_t due_ns;
    uint64_t passed, shed; /* packets */
};

enum steer_source_kind {
    STEER_TRAFFIC,
    STEER_LINK, /* ARP and neighbour discovery: a flood of traffic must not cost the next hop */
};

/* Of `sources`: an address; of IPv6 beyond our link, its /64. */
struct steer_source {
    struct steer_addr addr;
    uint32_t kind;
};

/* Of `peer_buckets`, by the index that the trie `peers` gives. */
struct steer_peer_bucket {
    uint64_t gap_ns, burst_ns; /* 0: no limit */
    struct steer_bucket bucket;
    char name[32];
};

/* Of `queues`, by rx queue, one for each CPU. */
struct steer_queue {
    uint64_t redirected;
    uint64_t no_socket; /* dropped: ours, but on a queue that the engine does not poll */
};

/* Of `counters`, one for each CPU: name, label, what it counts. */
#define STEER_COUNTERS(X)                                                                          \
    X(KERNEL, "to_kernel", "not the engine's: on to the kernel")                                   \
    X(IPV4, "ipv4", "IPv4 to an address of the engine")                                            \
    X(IPV6, "ipv6", "IPv6 to an address of the engine, neighbour discovery aside")                 \
    X(ARP, "arp", "ARP for an address of the engine")                                              \
    X(NEIGHBOUR, "neighbour", "neighbour discovery for an address of the engine")                  \
    X(FRAGMENT, "fragment", "of those, fragments")                                                 \
    X(LISTED, "drop_listed", "dropped: the source is in the drop list")                            \
    X(SOURCE, "drop_source_rate", "dropped: an unlisted source beyond source_rate")                \
    X(PEER, "drop_peer_rate", "dropped: a peer beyond its own rate")                               \
    X(NO_SOCKET, "drop_no_socket", "dropped: the engine does not poll the queue it came on")

enum steer_counter {
#define STEER_COUNTER(name, label, help) STEER_COUNT_##name,
    STEER_COUNTERS(STEER_COUNTER)
#undef STEER_COUNTER
        STEER_COUNTER_COUNT
};

#endif
