/* The table of stations: buckets of a few entries, the least used giving way. */
#include "io/net/neighbour.h"

#include "io/net/arp.h"
#include "io/net/ndp.h"
#include "io/net/net_state.h"
#include "io/net/siphash.h"

#include <rte_malloc.h>

bool neighbour_init(struct net *net)
{
    struct neighbour_table *table = &net->neighbours;
    table->bucket_count = 1;
    while (table->bucket_count * NEIGHBOUR_WAYS < net->config.neighbour_cap)
        table->bucket_count *= 2;
    table->neighbours = rte_zmalloc_socket(
        "neighbours", table->bucket_count * NEIGHBOUR_WAYS * sizeof(struct neighbour), CACHE_LINE,
        net->config.numa_node);
    return table->neighbours != NULL;
}

static void queue_drop(struct net *net, struct neighbour *neighbour)
{
    for (uint32_t i = 0; i < neighbour->queue_count; i++)
        net_drop(net, neighbour->queue[i], NET_NEIGHBOUR_UNRESOLVED);
    net->neighbours.queued_count -= neighbour->queue_count;
    neighbour->queue_count = 0;
}

/* Nothing waits for it but frames. */
static void entry_clear(struct net *net, struct neighbour *neighbour)
{
    queue_drop(net, neighbour);
    if (neighbour->is_answered)
        LIST_REMOVE(neighbour, answered_link);
    wheel_disarm(&net->wheel, &neighbour->timer);
    *neighbour = (struct neighbour){ .state = NEIGHBOUR_FREE };
}

void neighbour_fini(struct net *net)
{
    if (net->neighbours.neighbours == NULL)
        return;
    for (uint32_t i = 0; i < net->neighbours.bucket_count * NEIGHBOUR_WAYS; i++)
        entry_clear(net, &net->neighbours.neighbours[i]);
    rte_free(net->neighbours.neighbours);
}

static struct neighbour *bucket_of(const struct net *net, struct ip_addr addr)
{
    const uint64_t words[2] = { ip_word(addr, 0), ip_word(addr, 1) };
    uint64_t hash = siphash_words(net->config.seed, words, COUNT(words), 1, 3);
    uint64_t bucket = hash & (net->neighbours.bucket_count - 1);
    return &net->neighbours.neighbours[bucket * NEIGHBOUR_WAYS];
}

static struct neighbour *entry_find(const struct net *net, struct ip_addr addr)
{
    struct neighbour *last = net->neighbours.last;
    if (last != NULL && last->state != NEIGHBOUR_FREE && ip_equal(last->addr, addr))
        return last;
    struct neighbour *bucket = bucket_of(net, addr);
    for (uint32_t i = 0; i < NEIGHBOUR_WAYS; i++)
        if (bucket[i].state != NEIGHBOUR_FREE && ip_equal(bucket[i].addr, addr))
            return &bucket[i];
    return NULL;
}

static bool is_gateway(const struct net *net, struct ip_addr addr)
{
    return ip_equal(addr, net->config.gateway4) || ip_equal(addr, net->config.gateway6);
}

/* Whether an entry is asked for because of what a stranger sent. */
static bool for_stranger(const struct net *net, const struct neighbour *entry)
{
    return entry->state == NEIGHBOUR_ASKED && LIST_EMPTY(&entry->waiting) &&
           !is_gateway(net, entry->addr);
}

/* Of a bucket: a free entry, or the one longest unused that nothing waits for, and that was not used
 * since `since_ns`; NULL when there is none. */
static struct neighbour *spare_entry(struct neighbour *bucket, uint64_t since_ns)
{
    struct neighbour *best = NULL;
    for (uint32_t i = 0; i < NEIGHBOUR_WAYS; i++) {
        struct neighbour *entry = &bucket[i];
        if (entry->state == NEIGHBOUR_FREE)
            return entry;
        if (entry->state != NEIGHBOUR_ASKED && LIST_EMPTY(&entry->waiting) &&
            entry->used_ns < since_ns && (best == NULL || entry->used_ns < best->used_ns))
            best = entry;
    }
    return best;
}

static struct neighbour *entry_begin(struct net *net, struct neighbour *best, struct ip_addr addr)
{
    if (best == NULL)
        return NULL;
    entry_clear(net, best);
    best->addr = addr;
    best->timer.kind = NET_TIMER_NEIGHBOUR;
    return best;
}

static bool may_ask_for_stranger(const struct net *net, struct ip_addr addr)
{
    const struct neighbour *bucket = bucket_of(net, addr);
    uint32_t asked = 0;
    for (uint32_t i = 0; i < NEIGHBOUR_WAYS; i++)
        asked += for_stranger(net, &bucket[i]);
    return asked < NEIGHBOUR_ASKED_MAX;
}

/* An entry for a station that is to be asked for; when `wanted`, one that is asked for because of a
 * stranger makes room. */
static struct neighbour *entry_take(struct net *net, struct ip_addr addr, bool wanted)
{
    if (!wanted && !may_ask_for_stranger(net, addr))
        return NULL;
    struct neighbour *bucket = bucket_of(net, addr);
    struct neighbour *best = spare_entry(bucket, UINT64_MAX);
    for (uint32_t i = 0; wanted && best == NULL && i < NEIGHBOUR_WAYS; i++)
        if (for_stranger(net, &bucket[i]))
            best = &bucket[i];
    return entry_begin(net, best, addr);
}

/* Asks all stations, or the one that is known, and again in a while. */
static void ask(struct net *net, struct neighbour *neighbour, uint64_t now_ns)
{
    bool probe = neighbour->state == NEIGHBOUR_PROBED;
    const uint8_t *mac = probe ? neighbour->mac : NULL;
    if (ip_is_v4(neighbour->addr))
        arp_ask(net, ip_v4(neighbour->addr), mac);
    else
        ndp_ask(net, neighbour->addr, mac);
    neighbour->tries++;
    wheel_arm(&net->wheel, &neighbour->timer,
              now_ns + (probe ? NEIGHBOUR_PROBE_NS : NEIGHBOUR_ASK_NS));
}

static void ask_anew(struct net *net, struct neighbour *neighbour, enum neighbour_state state,
                     uint64_t now_ns)
{
    neighbour->state = (uint8_t)state;
    neighbour->tries = 0;
    ask(net, neighbour, now_ns);
}

static uint16_t eth_type_of(struct ip_addr addr)
{
    return ip_is_v4(addr) ? ETH_TYPE_IP4 : ETH_TYPE_IP6;
}

/* The address is settled: what waits may go, connections as fast as the port takes their SYNs. */
static void learn(struct net *net, struct neighbour *neighbour, const uint8_t *mac,
                  enum neighbour_state state, uint64_t now_ns)
{
    if (mac != NULL)
        memcpy(neighbour->mac, mac, ETH_ADDR_LEN);
    neighbour->state = (uint8_t)state;
    neighbour->tries = 0;
    if (state == NEIGHBOUR_KNOWN)
        wheel_arm(&net->wheel, &neighbour->timer, now_ns + NEIGHBOUR_KNOWN_NS);
    else
        wheel_disarm(&net->wheel, &neighbour->timer);
    for (uint32_t i = 0; i < neighbour->queue_count; i++)
        net_tx_to(net, neighbour->queue[i], neighbour->mac, eth_type_of(neighbour->addr));
    net->neighbours.queued_count -= neighbour->queue_count;
    neighbour->queue_count = 0;
    if (!neighbour->is_answered && !LIST_EMPTY(&neighbour->waiting)) {
        neighbour->is_answered = true;
        LIST_INSERT_HEAD(&net->neighbours.answered, neighbour, answered_link);
    }
}

static enum neighbour_heard stranger_hear(struct net *net, struct ip_addr addr, const uint8_t *mac,
                                          enum neighbour_word word, uint64_t now_ns)
{
    if (word != NEIGHBOUR_ASKS_US || mac == NULL)
        return NEIGHBOUR_UNASKED;
    uint64_t since_ns = now_ns > NEIGHBOUR_KEEP_NS ? now_ns - NEIGHBOUR_KEEP_NS : 1;
    struct neighbour *neighbour =
        entry_begin(net, spare_entry(bucket_of(net, addr), since_ns), addr);
    if (neighbour == NULL) {
        net_count(net, NET_NEIGHBOUR_FULL);
        return NEIGHBOUR_UNASKED;
    }
    learn(net, neighbour, mac, NEIGHBOUR_STALE, now_ns); /* asked itself before it is relied on */
    return NEIGHBOUR_TAKEN;
}

enum neighbour_heard neighbour_hear(struct net *net, struct ip_addr addr, const uint8_t *mac,
                                    enum neighbour_word word, uint64_t now_ns)
{
    struct neighbour *neighbour = entry_find(net, addr);
    if (neighbour == NULL)
        return stranger_hear(net, addr, mac, word, now_ns);
    if (neighbour->state == NEIGHBOUR_ASKED) {
        if (mac == NULL)
            return NEIGHBOUR_UNASKED; /* RFC 4861 §7.2.5 */
        bool answer = word == NEIGHBOUR_ANSWERS;
        learn(net, neighbour, mac, answer ? NEIGHBOUR_KNOWN : NEIGHBOUR_STALE, now_ns);
        return NEIGHBOUR_TAKEN;
    }
    if (mac != NULL && !eth_equal(neighbour->mac, mac)) {
        if (neighbour->state != NEIGHBOUR_PROBED &&
            now_ns - neighbour->doubted_ns >= NEIGHBOUR_PROBE_NS) {
            neighbour->doubted_ns = now_ns;
            ask_anew(net, neighbour, NEIGHBOUR_PROBED, now_ns);
        }
        net_count(net, NET_NEIGHBOUR_CONTRADICTED);
        return NEIGHBOUR_CONTRADICTED;
    }
    if (neighbour->state == NEIGHBOUR_PROBED && word == NEIGHBOUR_ANSWERS) {
        learn(net, neighbour, NULL, NEIGHBOUR_KNOWN, now_ns);
        return NEIGHBOUR_TAKEN;
    }
    return word == NEIGHBOUR_ASKS_US ? NEIGHBOUR_TAKEN : NEIGHBOUR_UNASKED;
}

/* The oldest gives way to the newest: what waits is likely to be sent again. */
static void enqueue(struct net *net, struct neighbour *neighbour, struct rte_mbuf *frame)
{
    if (neighbour->queue_count == NEIGHBOUR_QUEUE) {
        net_drop(net, neighbour->queue[0], NET_NEIGHBOUR_QUEUE_FULL);
        neighbour->queue_count--;
        for (uint32_t i = 0; i < neighbour->queue_count; i++)
            neighbour->queue[i] = neighbour->queue[i + 1];
        net->neighbours.queued_count--;
    }
    uint32_t kept = is_gateway(net, neighbour->addr) ? 0 : 2 * NEIGHBOUR_QUEUE;
    if (net->neighbours.queued_count >= NEIGHBOUR_QUEUE_ALL - kept) {
        net_drop(net, frame, NET_NEIGHBOUR_QUEUE_FULL);
        return;
    }
    neighbour->queue[neighbour->queue_count++] = frame;
    net->neighbours.queued_count++;
}

void neighbour_send(struct net *net, struct rte_mbuf *frame, struct ip_addr addr, uint64_t now_ns)
{
    struct neighbour *neighbour = entry_find(net, addr);
    if (neighbour == NULL) {
        neighbour = entry_take(net, addr, is_gateway(net, addr));
        if (neighbour == NULL) {
            net_drop(net, frame, NET_NEIGHBOUR_FULL);
            return;
        }
        ask_anew(net, neighbour, NEIGHBOUR_ASKED, now_ns);
    }
    net->neighbours.last = neighbour;
    neighbour->used_ns = now_ns;
    if (neighbour->state == NEIGHBOUR_ASKED) {
        enqueue(net, neighbour, frame);
        return;
    }
    if (neighbour->state == NEIGHBOUR_STALE)
        ask_anew(net, neighbour, NEIGHBOUR_PROBED, now_ns);
    net_tx_to(net, frame, neighbour->mac, eth_type_of(addr));
}

struct neighbour_waiting *neighbour_await(struct net *net, struct ip_addr addr, uint64_t now_ns)
{
    struct neighbour *neighbour = entry_find(net, addr);
    if (neighbour == NULL) {
        neighbour = entry_take(net, addr, true);
        if (neighbour == NULL)
            return NULL;
        ask_anew(net, neighbour, NEIGHBOUR_ASKED, now_ns);
    }
    if (neighbour->state != NEIGHBOUR_ASKED)
        return NULL;
    neighbour->used_ns = now_ns;
    return &neighbour->waiting;
}

struct neighbour_waiting *neighbour_answered(struct net *net)
{
    struct neighbour *neighbour;
    while ((neighbour = LIST_FIRST(&net->neighbours.answered)) != NULL) {
        if (neighbour->state != NEIGHBOUR_ASKED && !LIST_EMPTY(&neighbour->waiting))
            return &neighbour->waiting;
        neighbour->is_answered = false; /* none left, or lost again */
        LIST_REMOVE(neighbour, answered_link);
    }
    return NULL;
}

bool neighbour_known(const struct net *net, struct ip_addr addr)
{
    const struct neighbour *neighbour = entry_find(net, addr);
    return neighbour != NULL && neighbour->state != NEIGHBOUR_ASKED;
}

bool neighbour_mac(const struct net *net, struct ip_addr addr, uint8_t *mac)
{
    const struct neighbour *neighbour = entry_find(net, addr);
    if (neighbour == NULL || neighbour->state == NEIGHBOUR_ASKED)
        return false;
    memcpy(mac, neighbour->mac, ETH_ADDR_LEN);
    return true;
}

void neighbour_doubt(struct net *net, struct ip_addr addr)
{
    struct neighbour *neighbour = entry_find(net, addr);
    if (neighbour == NULL || neighbour->state != NEIGHBOUR_KNOWN)
        return;
    neighbour->state = NEIGHBOUR_STALE;
    wheel_disarm(&net->wheel, &neighbour->timer);
}

void neighbour_timer(struct net *net, struct timer *timer, uint64_t now_ns)
{
    struct neighbour *neighbour = CONTAINER_OF(timer, struct neighbour, timer);
    bool wanted = !LIST_EMPTY(&neighbour->waiting) || is_gateway(net, neighbour->addr);
    if (neighbour->state == NEIGHBOUR_KNOWN) {
        neighbour->state = NEIGHBOUR_STALE;
    } else if (neighbour->tries < NEIGHBOUR_TRIES) {
        ask(net, neighbour, now_ns);
    } else if (neighbour->state == NEIGHBOUR_PROBED &&
               (wanted || may_ask_for_stranger(net, neighbour->addr))) {
        ask_anew(net, neighbour, NEIGHBOUR_ASKED, now_ns); /* gone or moved: all are asked */
    } else if (!LIST_EMPTY(&neighbour->waiting)) {
        queue_drop(net, neighbour);
        ask_anew(net, neighbour, NEIGHBOUR_ASKED, now_ns); /* for as long as a connection waits */
    } else {
        entry_clear(net, neighbour);
    }
}
