/* The XDP program: frames for the engine's addresses go to its AF_XDP sockets, all others on to the
 * kernel, which knows best what to do with them. Floods end here: by drop list, by token bucket.
 *
 *   frame ─▶ whose? ─▶ listed? ─▶ peer: its own budget
 *              │          │       else: budget of the source ─▶ socket of the queue
 *              ▼          ▼                    │
 *           kernel       drop                 drop
 *
 * What cannot be read as far as its destination is the kernel's to refuse. What is malformed behind
 * that, and every fragment, goes to the engine, which counts it by reason.
 *
 * A program cannot clone a frame, so that one frame reaches one queue. Whatever all edges must hear
 * (ARP replies, advertisements) is handed on between them in user space. Broadcast and all-nodes
 * multicast stay with the kernel, gratuitous ARP and unsolicited advertisements among them, but for
 * those that claim an address of ours: the engine's neighbours then expire by their own time. */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <xdp/xdp_helpers.h>

#include "io/xdp/steer_map.h"

#define ND_SOLICIT 135
#define ND_ADVERT 136
#define IP_MORE_OR_OFFSET 0x3FFF
#define MAPPED bpf_htonl(0xFFFF)

#define MAP(map_type, map_name, key_type, value_type, entries, flags)                              \
    struct {                                                                                       \
        __uint(type, map_type);                                                                    \
        __type(key, key_type);                                                                     \
        __type(value, value_type);                                                                 \
        __uint(max_entries, entries);                                                              \
        __uint(map_flags, flags);                                                                  \
    } map_name SEC(".maps")

MAP(BPF_MAP_TYPE_XSKMAP, xsks_map, __u32, __u32, STEER_QUEUES_MAX, 0);
MAP(BPF_MAP_TYPE_ARRAY, settings, __u32, struct steer_settings, 1, 0);
MAP(BPF_MAP_TYPE_HASH, addresses, struct steer_addr, __u32, STEER_ADDRESSES_MAX, 0);
MAP(BPF_MAP_TYPE_LPM_TRIE, listed, struct steer_prefix, struct steer_listed, STEER_LISTED_MAX,
    BPF_F_NO_PREALLOC);
MAP(BPF_MAP_TYPE_LPM_TRIE, peers, struct steer_prefix, __u32, STEER_PEERS_MAX, BPF_F_NO_PREALLOC);
MAP(BPF_MAP_TYPE_ARRAY, peer_buckets, __u32, struct steer_peer_bucket, STEER_PEERS_MAX, 0);
MAP(BPF_MAP_TYPE_LRU_HASH, sources, struct steer_source, struct steer_bucket, STEER_SOURCES_MAX, 0);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, counters, __u32, __u64, STEER_COUNTER_COUNT, 0);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, queues, __u32, struct steer_queue, STEER_QUEUES_MAX, 0);

struct {
    __uint(priority, 20);
    __uint(XDP_PASS, 1); /* the kernel's frames go on to other programs of the dispatcher */
} XDP_RUN_CONFIG(starling_steer);

struct arp_ip4 {
    __be16 hardware, protocol;
    __u8 hardware_len, protocol_len;
    __be16 operation;
    __u8 sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
};

struct neighbour {
    __u8 type, code;
    __be16 checksum;
    __be32 reserved;
    struct steer_addr target;
};

/* What is ours of a frame. */
struct found {
    enum steer_counter kind;
    struct steer_addr source;
};

static __always_inline void count(__u32 which)
{
    __u64 *value = bpf_map_lookup_elem(&counters, &which);
    if (value)
        ++*value;
}

static __always_inline void mapped(struct steer_addr *out, const void *ip4)
{
    out->word[0] = out->word[1] = 0;
    out->word[2] = MAPPED;
    __builtin_memcpy(&out->word[3], ip4, 4);
}

static __always_inline __u32 address_kind(const struct steer_addr *addr)
{
    const __u32 *kind = bpf_map_lookup_elem(&addresses, addr);
    return kind ? *kind : 0;
}

/* ARP by its target address, requests and replies alike (RFC 826). */
static __always_inline bool arp_is_ours(void *at, void *end, struct found *found)
{
    const struct arp_ip4 *arp = at;
    struct steer_addr target;
    if ((void *)(arp + 1) > end || arp->hardware != bpf_htons(1) ||
        arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_len != 6 || arp->protocol_len != 4)
        return false;
    mapped(&target, arp->target_ip);
    mapped(&found->source, arp->sender_ip);
    found->kind = STEER_COUNT_ARP;
    return address_kind(&target) == STEER_UNICAST;
}

static __always_inline bool ip4_is_ours(void *at, void *end, struct found *found)
{
    const struct iphdr *ip = at;
    struct steer_addr target;
    if ((void *)(ip + 1) > end || ip->version != 4)
        return false;
    mapped(&target, &ip->daddr);
    if (address_kind(&target) != STEER_UNICAST)
        return false;
    mapped(&found->source, &ip->saddr);
    found->kind = STEER_COUNT_IPV4;
    if (ip->frag_off & bpf_htons(IP_MORE_OR_OFFSET))
        count(STEER_COUNT_FRAGMENT);
    return true;
}

/* By destination; a solicitation by its target, since several addresses, the kernel's among them,
 * may share its group (RFC 4861 §7.2.2), and an advertisement to a group too: who claims our address
 * tells all nodes. */
static __always_inline bool ip6_is_ours(void *at, void *end, struct found *found)
{
    const struct ipv6hdr *ip = at;
    struct steer_addr target;
    if ((void *)(ip + 1) > end || ip->version != 6)
        return false;
    __builtin_memcpy(&target, &ip->daddr, sizeof target);
    __builtin_memcpy(&found->source, &ip->saddr, sizeof found->source);
    __u32 kind = address_kind(&target);
    const struct neighbour *nd = (void *)(ip + 1);
    bool is_nd = ip->nexthdr == IPPROTO_ICMPV6 && (void *)(nd + 1) <= end &&
                 (nd->type == ND_SOLICIT || nd->type == ND_ADVERT);
    found->kind = is_nd ? STEER_COUNT_NEIGHBOUR : STEER_COUNT_IPV6;
    if (is_nd && ip->daddr.in6_u.u6_addr8[0] == 0xFF) {
        if (kind != STEER_GROUP && nd->type != ND_ADVERT)
            return false;
        __builtin_memcpy(&target, &nd->target, sizeof target);
        return address_kind(&target) == STEER_UNICAST;
    }
    if (kind != 0 && ip->nexthdr == IPPROTO_FRAGMENT)
        count(STEER_COUNT_FRAGMENT);
    return kind != 0;
}

static __always_inline bool is_ours(const struct xdp_md *ctx, __u32 vlan, struct found *found)
{
    void *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    const struct ethhdr *eth = at;
    if ((void *)(eth + 1) > end)
        return false;
    __be16 type = eth->h_proto;
    __u32 tag = 0;
    at = (void *)(eth + 1);
    if (type == bpf_htons(ETH_P_8021Q)) {
        const __be16 *tci = at; /* and behind it the type */
        if ((void *)(tci + 2) > end)
            return false;
        tag = bpf_ntohs(tci[0]) & 0xFFF;
        type = tci[1];
        at = (void *)(tci + 2);
    }
    if (tag != vlan)
        return false;
    if (type == bpf_htons(ETH_P_IP))
        return ip4_is_ours(at, end, found);
    if (type == bpf_htons(ETH_P_IPV6))
        return ip6_is_ours(at, end, found);
    return type == bpf_htons(ETH_P_ARP) && arp_is_ours(at, end, found);
}

/* Two CPUs with packets of one source at the same moment may let one too many pass. The clock is a
 * quarter of the program's cost: not read for who has no limit. */
static __always_inline bool bucket_takes(struct steer_bucket *bucket, __u64 gap_ns, __u64 burst_ns)
{
    if (gap_ns != 0) {
        __u64 now_ns = bpf_ktime_get_ns(), due = bucket->due_ns;
        if (due < now_ns)
            due = now_ns;
        if (due - now_ns > burst_ns) {
            __sync_fetch_and_add(&bucket->shed, 1);
            return false;
        }
        bucket->due_ns = due + gap_ns;
    }
    __sync_fetch_and_add(&bucket->passed, 1);
    return true;
}

static __always_inline bool is_listed(const struct steer_prefix *source)
{
    struct steer_listed *entry = bpf_map_lookup_elem(&listed, source);
    if (!entry || entry->verdict != STEER_DROP)
        return false;
    __sync_fetch_and_add(&entry->dropped, 1);
    return true;
}

/* Far away a host has a whole /64 to speak from; on our link all hosts share one, and one that floods
 * must not cost the others theirs, the gateway's neighbour discovery above all. */
static __always_inline bool has_slash_64(const struct steer_addr *addr,
                                         const struct steer_settings *set)
{
    const __u32 *word = addr->word;
    bool is_ip4 = (word[0] | word[1]) == 0 && word[2] == MAPPED;
    bool is_near = (word[0] & bpf_htonl(0xFFC00000)) == bpf_htonl(0xFE800000) ||
                   (word[0] == set->link6[0] && word[1] == set->link6[1]);
    return !is_ip4 && !is_near;
}

static __always_inline bool source_takes(const struct found *found,
                                         const struct steer_settings *set)
{
    struct steer_source key = { .addr = found->source };
    if (set->source_gap_ns == 0)
        return true;
    if (has_slash_64(&key.addr, set))
        key.addr.word[2] = key.addr.word[3] = 0;
    if (found->kind == STEER_COUNT_ARP || found->kind == STEER_COUNT_NEIGHBOUR)
        key.kind = STEER_LINK;
    struct steer_bucket *bucket = bpf_map_lookup_elem(&sources, &key);
    if (bucket)
        return bucket_takes(bucket, set->source_gap_ns, set->source_burst_ns);
    struct steer_bucket first = { .due_ns = bpf_ktime_get_ns() + set->source_gap_ns, .passed = 1 };
    bpf_map_update_elem(&sources, &key, &first, BPF_ANY);
    return true;
}

/* The counter of why it is dropped, or of what goes to the engine. */
static __always_inline __u32 judge(const struct found *found, const struct steer_settings *set)
{
    struct steer_prefix source = { .bits = 128, .addr = found->source };
    if (is_listed(&source))
        return STEER_COUNT_LISTED;
    const __u32 *index = bpf_map_lookup_elem(&peers, &source);
    if (!index)
        return source_takes(found, set) ? found->kind : STEER_COUNT_SOURCE;
    struct steer_peer_bucket *peer = bpf_map_lookup_elem(&peer_buckets, index);
    if (peer && !bucket_takes(&peer->bucket, peer->gap_ns, peer->burst_ns))
        return STEER_COUNT_PEER;
    return found->kind;
}

SEC("xdp")
int starling_steer(struct xdp_md *ctx)
{
    __u32 zero = 0, queue = ctx->rx_queue_index;
    const struct steer_settings *set = bpf_map_lookup_elem(&settings, &zero);
    struct found found;
    if (!set || !is_ours(ctx, set->vlan, &found)) {
        count(STEER_COUNT_KERNEL);
        return XDP_PASS;
    }
    __u32 verdict = judge(&found, set);
    if (verdict != found.kind) {
        count(verdict);
        return XDP_DROP;
    }
    struct steer_queue *tally = bpf_map_lookup_elem(&queues, &queue);
    if (!bpf_map_lookup_elem(&xsks_map, &queue)) {
        count(STEER_COUNT_NO_SOCKET);
        if (tally)
            tally->no_socket++;
        return XDP_DROP; /* the kernel would refuse what it does not own, or forward it */
    }
    count(verdict);
    if (tally)
        tally->redirected++;
    return bpf_redirect_map(&xsks_map, queue, XDP_DROP);
}

char _license[] SEC("license") = "Apache-2.0";
