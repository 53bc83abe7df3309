/* The maps as rows and sums. All reading is from outside the data path: system calls, entry by
 * entry. */
#include "io/xdp/steer_view.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "io/xdp/steer.h"

#define CPUS_MAX 1024

#define BITS_MAPPED 96u /* of ::ffff:0:0/96, where IPv4 lies */

const char *const steer_map_names[STEER_MAP_COUNT] = {
#define STEER_MAP(name, label) [STEER_MAP_##name] = #label,
    STEER_MAPS(STEER_MAP)
#undef STEER_MAP
};

static const char *const counter_texts[STEER_COUNTER_COUNT][2] = {
#define STEER_COUNTER(name, label, help) [STEER_COUNT_##name] = { label, help },
    STEER_COUNTERS(STEER_COUNTER)
#undef STEER_COUNTER
};

const char *steer_counter_label(enum steer_counter which)
{
    return counter_texts[which][0];
}

const char *steer_counter_help(enum steer_counter which)
{
    return counter_texts[which][1];
}

/* ---- Opening ----------------------------------------------------------------------------------- */

void steer_view_close(struct steer_view *view)
{
    for (int i = 0; i < STEER_MAP_COUNT; i++)
        if (view->maps[i] >= 0)
            close(view->maps[i]);
    if (view->folder >= 0)
        close(view->folder);
    *view = STEER_VIEW_NONE;
}

static void fault_of_folder(const char *interface, int why, struct fault *fault)
{
    if (why == EACCES || why == EPERM)
        fault_set(fault,
                  "the XDP maps under %s are for root alone (CAP_BPF and CAP_NET_ADMIN): run it "
                  "with sudo",
                  STEER_BPFFS);
    else
        fault_set(fault,
                  "no engine of ours has interface %s: there is no %s/%s (%s); an engine makes it "
                  "for a port with device \"xsk,iface=%s\"",
                  interface, STEER_PINS, interface, strerror(why), interface);
}

bool steer_view_open(struct steer_view *view, const char *interface, struct fault *fault)
{
    char path[STEER_PATH_CAP];
    libxdp_set_print(NULL); /* what matters of it, a fault says */
    libbpf_set_print(NULL);
    *view = STEER_VIEW_NONE;
    snprintf(view->interface, sizeof view->interface, "%s", interface);
    snprintf(path, sizeof path, STEER_PINS "/%s", view->interface);
    view->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (view->folder < 0) {
        fault_of_folder(interface, errno, fault);
        return false;
    }
    for (int i = 0; i < STEER_MAP_COUNT; i++) {
        snprintf(path, sizeof path, STEER_PINS "/%s/%s", view->interface, steer_map_names[i]);
        view->maps[i] = bpf_obj_get(path);
        if (view->maps[i] >= 0)
            continue;
        int why = errno;
        if (why == EPERM || why == EACCES)
            fault_of_folder(interface, why, fault);
        else
            fault_set(fault,
                      "%s cannot be opened: %s; is the engine just starting or stopping, or of "
                      "another version?",
                      path, strerror(why));
        steer_view_close(view);
        return false;
    }
    return true;
}

uint32_t steer_view_list(char (*names)[IF_NAMESIZE], uint32_t cap, struct fault *fault)
{
    DIR *folder = opendir(STEER_PINS);
    uint32_t count = 0;
    if (folder == NULL) {
        int why = errno;
        if (why == EACCES || why == EPERM)
            fault_of_folder("", why, fault);
        else
            fault_set(fault,
                      "no engine of ours has an AF_XDP port: there is no %s (%s); a port with "
                      "device \"xsk,iface=NAME\" makes it",
                      STEER_PINS, strerror(why));
        return 0;
    }
    const struct dirent *entry;
    while (count < cap && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < IF_NAMESIZE)
            snprintf(names[count++], IF_NAMESIZE, "%.15s", entry->d_name);
    closedir(folder);
    if (count == 0)
        fault_set(fault, "no engine of ours has an AF_XDP port: %s is empty", STEER_PINS);
    return count;
}

bool steer_view_is_owned(const struct steer_view *view)
{
    if (flock(view->folder, LOCK_SH | LOCK_NB) != 0)
        return errno == EWOULDBLOCK;
    flock(view->folder, LOCK_UN);
    return false;
}

struct steer_attached steer_view_attached(const struct steer_view *view)
{
    static const char *const modes[] = {
        [XDP_MODE_NATIVE] = "native", [XDP_MODE_SKB] = "generic", [XDP_MODE_HW] = "offloaded"
    };
    struct steer_attached out = { .mode = "" };
    struct xdp_multiprog *all =
        xdp_multiprog__get_from_ifindex((int)if_nametoindex(view->interface));
    if (libxdp_get_error(all) != 0)
        return out;
    enum xdp_attach_mode mode = xdp_multiprog__attach_mode(all);
    if (mode >= XDP_MODE_NATIVE && mode <= XDP_MODE_HW)
        out.mode = modes[mode];
    if (xdp_multiprog__is_legacy(all)) {
        const struct xdp_program *alone = xdp_multiprog__main_prog(all);
        if (alone != NULL && strcmp(xdp_program__name(alone), STEER_PROGRAM) == 0)
            out.id = xdp_program__id(alone);
    } else {
        struct xdp_program *one = NULL;
        while ((one = xdp_multiprog__next_prog(one, all)) != NULL)
            if (strcmp(xdp_program__name(one), STEER_PROGRAM) == 0)
                out.id = xdp_program__id(one);
        out.is_shared = true;
    }
    xdp_multiprog__close(all);
    return out;
}

/* ---- Figures ----------------------------------------------------------------------------------- */

struct steer_settings steer_view_settings(const struct steer_view *view)
{
    struct steer_settings settings = { 0 };
    uint32_t zero = 0;
    if (bpf_map_lookup_elem(view->maps[STEER_MAP_SETTINGS], &zero, &settings) != 0)
        memset(&settings, 0, sizeof settings);
    return settings;
}

static int cpu_count(void)
{
    int count = libbpf_num_possible_cpus();
    ASSERT(count > 0 && count <= CPUS_MAX);
    return count;
}

uint64_t steer_view_counter(const struct steer_view *view, enum steer_counter which)
{
    uint64_t values[CPUS_MAX], sum = 0;
    uint32_t key = which;
    if (bpf_map_lookup_elem(view->maps[STEER_MAP_COUNTERS], &key, values) == 0)
        for (int cpu = 0; cpu < cpu_count(); cpu++)
            sum += values[cpu];
    return sum;
}

struct steer_queue steer_view_queue(const struct steer_view *view, uint32_t queue)
{
    struct steer_queue values[CPUS_MAX], sum = { 0 };
    if (bpf_map_lookup_elem(view->maps[STEER_MAP_QUEUES], &queue, values) == 0)
        for (int cpu = 0; cpu < cpu_count(); cpu++) {
            sum.redirected += values[cpu].redirected;
            sum.no_socket += values[cpu].no_socket;
        }
    return sum;
}

/* ---- Rows -------------------------------------------------------------------------------------- */

static void row_addr(struct steer_row *row, const struct steer_addr *addr, uint32_t bits)
{
    memcpy(row->addr.octets, addr, sizeof row->addr.octets);
    row->prefix_len =
        (uint8_t)(ip_is_v4(row->addr) && bits >= BITS_MAPPED ? bits - BITS_MAPPED : bits);
}

void steer_view_addresses(const struct steer_view *view, steer_row_each *each, void *ctx)
{
    struct steer_addr key, *at = NULL;
    uint32_t kind;
    while (bpf_map_get_next_key(view->maps[STEER_MAP_ADDRESSES], at, &key) == 0) {
        at = &key;
        struct steer_row row = { 0 };
        row_addr(&row, &key, 128);
        if (bpf_map_lookup_elem(view->maps[STEER_MAP_ADDRESSES], &key, &kind) == 0 &&
            kind == STEER_UNICAST)
            each(ctx, &row);
    }
}

void steer_view_listed(const struct steer_view *view, steer_row_each *each, void *ctx)
{
    struct steer_prefix key, *at = NULL;
    struct steer_listed entry;
    while (bpf_map_get_next_key(view->maps[STEER_MAP_LISTED], at, &key) == 0) {
        at = &key;
        if (bpf_map_lookup_elem(view->maps[STEER_MAP_LISTED], &key, &entry) != 0)
            continue;
        struct steer_row row = { .kind = entry.verdict, .shed = entry.dropped };
        row_addr(&row, &key.addr, key.bits);
        each(ctx, &row);
    }
}

void steer_view_peers(const struct steer_view *view, steer_row_each *each, void *ctx)
{
    struct steer_prefix key, *at = NULL;
    struct steer_peer_bucket peer;
    uint32_t index;
    while (bpf_map_get_next_key(view->maps[STEER_MAP_PEERS], at, &key) == 0) {
        at = &key;
        if (bpf_map_lookup_elem(view->maps[STEER_MAP_PEERS], &key, &index) != 0 ||
            bpf_map_lookup_elem(view->maps[STEER_MAP_PEER_BUCKETS], &index, &peer) != 0)
            continue;
        peer.name[sizeof peer.name - 1] = '\0';
        struct steer_row row = {
            .name = peer.name,
            .passed = peer.bucket.passed,
            .shed = peer.bucket.shed,
            .gap_ns = peer.gap_ns,
            .burst_ns = peer.burst_ns,
        };
        row_addr(&row, &key.addr, key.bits);
        each(ctx, &row);
    }
}

void steer_view_shed(const struct steer_view *view, steer_row_each *each, void *ctx)
{
    struct steer_source key, *at = NULL;
    struct steer_bucket bucket;
    /* The program may put an entry out while we stand on it, and the walk then begins again: never
     * more steps than the map has room for. */
    for (uint32_t i = 0; i < STEER_SOURCES_MAX; i++) {
        if (bpf_map_get_next_key(view->maps[STEER_MAP_SOURCES], at, &key) != 0)
            return;
        at = &key;
        if (bpf_map_lookup_elem(view->maps[STEER_MAP_SOURCES], &key, &bucket) != 0 ||
            bucket.shed == 0)
            continue;
        struct steer_row row = { .kind = key.kind, .passed = bucket.passed, .shed = bucket.shed };
        row_addr(&row, &key.addr, 128);
        if (!ip_is_v4(row.addr) && (key.addr.word[2] | key.addr.word[3]) == 0)
            row.prefix_len = 64;
        each(ctx, &row);
    }
}
