/* The drop list: a trie whose longest prefix decides, kept so that what was said last of a prefix
 * holds for all of it. */
#include "io/xdp/steer_list.h"

#include <bpf/bpf.h>
#include <string.h>

#define BATCH 64u
#define ADDR_BITS 128u

/* ::ffff:0:0/96 lies in every IPv6 prefix of zeros: a short one would mean all of IPv4 too. */
static bool holds_mapped(struct ip_addr addr, uint8_t prefix_len)
{
    static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
    uint32_t same = 0;
    while (same < prefix_len &&
           ((addr.octets[same / 8] ^ mapped[same / 8]) >> (7 - same % 8) & 1) == 0)
        same++;
    return same == prefix_len;
}

bool steer_prefix_of(struct ip_addr addr, uint8_t prefix_len, struct steer_prefix *out)
{
    bool is_v4 = ip_is_v4(addr);
    if (prefix_len > (is_v4 ? 32 : 128) ||
        (!is_v4 && prefix_len < 96 && holds_mapped(addr, prefix_len)))
        return false;
    out->bits = prefix_len + (is_v4 ? 96u : 0u);
    for (uint32_t octet = 0; octet < IP_ADDR_LEN; octet++) {
        uint32_t kept = out->bits > octet * 8 ? out->bits - octet * 8 : 0;
        if (kept < 8)
            addr.octets[octet] &= (uint8_t)(0xFF00u >> kept);
    }
    memcpy(&out->addr, addr.octets, sizeof out->addr);
    return true;
}

static bool is_within(const struct steer_prefix *inner, const struct steer_prefix *outer)
{
    const uint8_t *a = (const uint8_t *)&inner->addr, *b = (const uint8_t *)&outer->addr;
    if (inner->bits <= outer->bits)
        return false;
    uint32_t whole = outer->bits / 8, rest = outer->bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

/* 0: no prefix there holds it. */
static uint32_t verdict_of(int map, const struct steer_prefix *prefix)
{
    struct steer_listed entry;
    return bpf_map_lookup_elem(map, prefix, &entry) == 0 ? entry.verdict : 0;
}

/* Takes out what is longer than `outer` and within it. True when one of them said `verdict`. The trie
 * is walked from end to end, but for one address: a list of many is made of these. */
static bool inner_remove(int map, const struct steer_prefix *outer, enum steer_verdict verdict)
{
    struct steer_prefix found[BATCH], key, *at;
    struct steer_listed entry;
    bool had = false;
    uint32_t count;
    if (outer->bits == ADDR_BITS)
        return false;
    do {
        count = 0;
        at = NULL;
        while (count < BATCH && bpf_map_get_next_key(map, at, &key) == 0) {
            at = &key;
            if (is_within(&key, outer))
                found[count++] = key;
        }
        for (uint32_t i = 0; i < count; i++) {
            had = had ||
                  (bpf_map_lookup_elem(map, &found[i], &entry) == 0 && entry.verdict == verdict);
            bpf_map_delete_elem(map, &found[i]);
        }
    } while (count == BATCH);
    return had;
}

static enum err list(int map, const struct steer_prefix *prefix, enum steer_verdict verdict)
{
    struct steer_listed entry = { .verdict = verdict };
    return bpf_map_update_elem(map, prefix, &entry, BPF_ANY) == 0 ? ERR_OK : ERR_FULL;
}

enum err steer_view_drop(const struct steer_view *view, struct ip_addr addr, uint8_t prefix_len,
                         bool *changed)
{
    int map = view->maps[STEER_MAP_LISTED];
    struct steer_prefix prefix;
    *changed = false;
    if (!steer_prefix_of(addr, prefix_len, &prefix))
        return ERR_UNSUPPORTED;
    if (verdict_of(map, &prefix) != STEER_DROP) {
        enum err err = list(map, &prefix, STEER_DROP);
        if (err != ERR_OK)
            return err;
        *changed = true;
    }
    *changed = inner_remove(map, &prefix, STEER_ALLOW) || *changed;
    return ERR_OK;
}

enum err steer_view_allow(const struct steer_view *view, struct ip_addr addr, uint8_t prefix_len,
                          bool *changed)
{
    int map = view->maps[STEER_MAP_LISTED];
    struct steer_prefix prefix, outer;
    *changed = false;
    if (!steer_prefix_of(addr, prefix_len, &prefix))
        return ERR_UNSUPPORTED;
    *changed = verdict_of(map, &prefix) == STEER_DROP;
    outer = prefix;
    outer.bits = prefix.bits > 0 ? prefix.bits - 1 : 0;
    if (*changed && prefix.bits > 0 && verdict_of(map, &outer) == STEER_DROP) {
        enum err err = list(map, &prefix, STEER_ALLOW); /* an exception to a wider drop */
        if (err != ERR_OK)
            return err;
    } else if (*changed) {
        bpf_map_delete_elem(map, &prefix);
    }
    *changed = inner_remove(map, &prefix, STEER_DROP) || *changed;
    return ERR_OK;
}
