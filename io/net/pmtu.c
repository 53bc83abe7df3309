/* The table of path MTUs: buckets of a few entries, the oldest giving way. */
#include "io/net/pmtu.h"

#include "io/net/net_state.h"
#include "io/net/siphash.h"

#include <rte_malloc.h>

bool pmtu_init(struct net *net)
{
    struct pmtu_table *table = &net->pmtu;
    table->bucket_count = 1;
    while (table->bucket_count * PMTU_WAYS < net->config.pmtu_cap)
        table->bucket_count *= 2;
    table->entries =
        rte_zmalloc_socket("pmtu", table->bucket_count * PMTU_WAYS * sizeof(struct pmtu_entry),
                           CACHE_LINE, net->config.numa_node);
    return table->entries != NULL;
}

void pmtu_fini(struct net *net)
{
    rte_free(net->pmtu.entries);
}

static struct pmtu_entry *bucket_of(const struct net *net, struct ip_addr dst)
{
    const uint64_t words[2] = { ip_word(dst, 0), ip_word(dst, 1) };
    uint64_t hash = siphash_words(net->config.seed, words, COUNT(words), 1, 3);
    return &net->pmtu.entries[(hash & (net->pmtu.bucket_count - 1)) * PMTU_WAYS];
}

static bool fresh(const struct pmtu_entry *entry, uint64_t now_ns)
{
    return entry->mtu != 0 && now_ns - entry->set_ns < PMTU_AGE_NS;
}

uint16_t pmtu_of(const struct net *net, struct ip_addr dst, uint64_t now_ns)
{
    const struct pmtu_entry *bucket = bucket_of(net, dst);
    for (uint32_t i = 0; i < PMTU_WAYS; i++)
        if (fresh(&bucket[i], now_ns) && ip_equal(bucket[i].dst, dst))
            return bucket[i].mtu;
    return net->config.mtu;
}

/* RFC 1191 §7.1: the next lower of the sizes that links have. */
static uint32_t plateau_below(uint16_t len)
{
    static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006 };
    for (size_t i = 0; i < COUNT(plateaus); i++)
        if (plateaus[i] < len)
            return plateaus[i];
    return PMTU_MIN4;
}

bool pmtu_lower(struct net *net, struct ip_addr dst, uint32_t mtu, uint16_t sent_len,
                uint64_t now_ns)
{
    bool four = ip_is_v4(dst);
    if (!four && mtu < PMTU_MIN6)
        return false; /* RFC 8201 §4: such a link cannot be */
    if (mtu == 0)
        mtu = plateau_below(sent_len);
    if (four && mtu < PMTU_MIN4)
        mtu = PMTU_MIN4;
    if (mtu >= pmtu_of(net, dst, now_ns))
        return false;
    struct pmtu_entry *bucket = bucket_of(net, dst);
    struct pmtu_entry *best = &bucket[0];
    for (uint32_t i = 0; i < PMTU_WAYS; i++) {
        if (bucket[i].mtu != 0 && ip_equal(bucket[i].dst, dst)) {
            best = &bucket[i];
            break;
        }
        if (bucket[i].mtu == 0 || (best->mtu != 0 && bucket[i].set_ns < best->set_ns))
            best = &bucket[i];
    }
    *best = (struct pmtu_entry){ .dst = dst, .set_ns = now_ns, .mtu = (uint16_t)mtu };
    return true;
}
