/* From the embedded object to a program that runs, with its maps filled and pinned; and back. */
#include "io/xdp/steer.h"

#include "base/log.h"
#include "io/net/ip6.h"
#include "io/xdp/steer_attach.h"
#include "io/xdp/steer_list.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <steer_object.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#define BPFFS_MAGIC 0xCAFE4A11
#define SECOND_NS 1000000000u
#define LOCK_TRIES 10000
#define SWEEP_MAX 16u /* interfaces looked at, at most; the next engine looks again */

/* What the libraries have to say is ours to tell, in one sentence, where it matters. */
static int xdp_print(enum libxdp_print_level level, const char *format, va_list list)
{
    char text[256];
    (void)level;
    vsnprintf(text, sizeof text, format, list);
    text[strcspn(text, "\n")] = '\0';
    log_debug("xdp", "%s", text);
    return 0;
}

static int bpf_print(enum libbpf_print_level level, const char *format, va_list list)
{
    return xdp_print((enum libxdp_print_level)level, format, list);
}

static_assert(STEER_MAP_COUNT == 8, "STEER_VIEW_NONE closes as many");

/* ---- The folder of pins ------------------------------------------------------------------------ */

static bool bpffs_ready(struct fault *fault)
{
    struct statfs at;
    if (statfs(STEER_BPFFS, &at) == 0 && (unsigned long)at.f_type == BPFFS_MAGIC)
        return true;
    if (mount("bpf", STEER_BPFFS, "bpf", 0, "mode=0700") == 0)
        return true;
    fault_set(fault,
              "bpffs is not mounted on %s and cannot be (%s): as root, mount -t bpf bpf %s; XDP "
              "needs root, or CAP_NET_ADMIN, CAP_BPF and CAP_NET_RAW with bpffs mounted for us",
              STEER_BPFFS, strerror(errno), STEER_BPFFS);
    return false;
}

static void pins_path(const struct steer *steer, const char *name, char path[STEER_PATH_CAP])
{
    snprintf(path, STEER_PATH_CAP, STEER_PINS "/%s%s%s", steer->view.interface,
             name[0] != '\0' ? "/" : "", name);
}

/* The folder, and that of all, unless something is in it. */
static void pins_leave(const struct steer *steer)
{
    char path[STEER_PATH_CAP];
    pins_path(steer, "", path);
    rmdir(path);
    rmdir(STEER_PINS);
}

static void pins_remove(const struct steer *steer)
{
    char path[STEER_PATH_CAP];
    for (int i = 0; i < STEER_MAP_COUNT; i++) {
        pins_path(steer, steer_map_names[i], path);
        unlink(path);
    }
    pins_leave(steer);
}

/* A look at whether it is taken (steer_view_is_owned) has it for a moment. */
static bool folder_lock(int folder)
{
    int failed = flock(folder, LOCK_EX | LOCK_NB);
    for (int i = 0; failed != 0 && i < LOCK_TRIES; i++) {
        sched_yield();
        failed = flock(folder, LOCK_EX | LOCK_NB);
    }
    return failed == 0;
}

/* What is left of engines that were killed and whose interface then went away: no engine comes that
 * would take it over. */
static void pins_sweep(void)
{
    char names[SWEEP_MAX][IF_NAMESIZE], path[STEER_PATH_CAP];
    struct fault none;
    uint32_t count = steer_view_list(names, SWEEP_MAX, &none);
    for (uint32_t i = 0; i < count; i++) {
        struct steer gone = { .view = STEER_VIEW_NONE };
        if (if_nametoindex(names[i]) != 0)
            continue;
        memcpy(gone.view.interface, names[i], sizeof gone.view.interface);
        pins_path(&gone, "", path);
        int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
            continue;
        if (flock(folder, LOCK_EX | LOCK_NB) == 0) {
            pins_remove(&gone);
            log_info("xdp", "%s is no more: what an engine that was killed there left is removed",
                     path);
        }
        close(folder);
    }
}

/* Ours alone as long as we live: the kernel drops the lock with the process. */
static bool pins_claim(struct steer *steer, struct fault *fault)
{
    char path[STEER_PATH_CAP];
    if (!bpffs_ready(fault))
        return false;
    pins_path(steer, "", path);
    if ((mkdir(STEER_PINS, 0700) != 0 && errno != EEXIST) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        fault_set(fault, "%s cannot be made: %s; XDP needs root", path, strerror(errno));
        return false;
    }
    steer->view.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (steer->view.folder < 0) {
        fault_set(fault, "%s cannot be opened: %s", path, strerror(errno));
        return false;
    }
    if (folder_lock(steer->view.folder)) {
        pins_sweep();
        return true;
    }
    fault_set(fault,
              "another engine runs on interface %s (it holds %s): stop it first; all queues of an "
              "interface belong to one engine",
              steer->view.interface, path);
    close(steer->view.folder);
    steer->view.folder = -1;
    return false;
}

static bool pins_make(const struct steer *steer, struct fault *fault)
{
    char path[STEER_PATH_CAP];
    for (int i = 0; i < STEER_MAP_COUNT; i++) {
        pins_path(steer, steer_map_names[i], path);
        unlink(path); /* of a run that was killed */
        if (bpf_obj_pin(steer->view.maps[i], path) != 0) {
            fault_set(fault, "%s cannot be pinned: %s", path, strerror(errno));
            return false;
        }
    }
    return true;
}

/* ---- The program ------------------------------------------------------------------------------- */

/* A killed engine's drop list goes on. One of another layout does not. */
static void listed_keep(const struct steer *steer)
{
    char path[STEER_PATH_CAP];
    struct bpf_map *map = bpf_object__find_map_by_name(steer->object, "listed");
    struct bpf_map_info info = { 0 };
    uint32_t len = sizeof info;
    pins_path(steer, steer_map_names[STEER_MAP_LISTED], path);
    int fd = bpf_obj_get(path);
    if (fd < 0)
        return;
    if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == BPF_MAP_TYPE_LPM_TRIE &&
        info.key_size == sizeof(struct steer_prefix) &&
        info.value_size == sizeof(struct steer_listed) && info.max_entries == STEER_LISTED_MAX &&
        bpf_map__reuse_fd(map, fd) == 0)
        log_info("xdp", "%s: the drop list of the engine before is kept", steer->view.interface);
    close(fd);
}

static bool program_load(struct steer *steer, struct fault *fault)
{
    int failed = bpf_object__load(steer->object);
    if (failed != 0)
        fault_set(fault, "the kernel refuses the XDP program: %s", strerror(-failed));
    else
        steer->program_fd =
            bpf_program__fd(bpf_object__find_program_by_name(steer->object, STEER_PROGRAM));
    return failed == 0;
}

/* ---- The maps ---------------------------------------------------------------------------------- */

static bool map_put(const struct steer *steer, enum steer_map map, const void *key,
                    const void *value, struct fault *fault)
{
    if (bpf_map_update_elem(steer->view.maps[map], key, value, BPF_ANY) == 0)
        return true;
    fault_set(fault, "the XDP program's map %s takes no more: %s", steer_map_names[map],
              strerror(errno));
    return false;
}

static bool address_put(const struct steer *steer, struct ip_addr addr, struct fault *fault)
{
    uint32_t kind = STEER_UNICAST;
    if (!map_put(steer, STEER_MAP_ADDRESSES, &addr, &kind, fault))
        return false;
    if (ip_is_v4(addr))
        return true;
    kind = STEER_GROUP;
    addr = ip6_solicited(addr);
    return map_put(steer, STEER_MAP_ADDRESSES, &addr, &kind, fault);
}

static bool peer_put(const struct steer *steer, const struct steer_peer *peer, uint32_t index,
                     struct fault *fault)
{
    struct steer_prefix prefix;
    struct steer_peer_bucket bucket = { 0 };
    if (!steer_prefix_of(peer->prefix, peer->prefix_len, &prefix)) {
        fault_set(fault, "peer %s: its IPv6 prefix of length %u holds the IPv4-mapped addresses",
                  peer->name, peer->prefix_len);
        return false;
    }
    if (peer->rate != 0) {
        bucket.gap_ns = SECOND_NS / peer->rate;
        bucket.burst_ns = (peer->burst - 1) * bucket.gap_ns;
    }
    snprintf(bucket.name, sizeof bucket.name, "%s", peer->name);
    return map_put(steer, STEER_MAP_PEER_BUCKETS, &index, &bucket, fault) &&
           map_put(steer, STEER_MAP_PEERS, &prefix, &index, fault);
}

static bool maps_fill(struct steer *steer, const struct steer_config *config, struct fault *fault)
{
    uint32_t zero = 0;
    bool ok = true;
    for (int i = 0; i < STEER_MAP_COUNT; i++)
        steer->view.maps[i] = bpf_object__find_map_fd_by_name(steer->object, steer_map_names[i]);
    steer->xsks_fd = bpf_object__find_map_fd_by_name(steer->object, "xsks_map");
    steer->settings = (struct steer_settings){
        .vlan = config->vlan,
        .pid = (uint32_t)getpid(),
        .ifindex = if_nametoindex(steer->view.interface),
        .queue_count = config->queue_count,
    };
    for (uint32_t i = 0; i < config->address_count; i++)
        if (!ip_is_v4(config->addresses[i]) && !ip6_is_link_local(config->addresses[i]))
            memcpy(steer->settings.link6, config->addresses[i].octets,
                   sizeof steer->settings.link6);
    if (config->source_rate != 0) {
        steer->settings.source_gap_ns = SECOND_NS / config->source_rate;
        steer->settings.source_burst_ns =
            (config->source_burst - 1) * steer->settings.source_gap_ns;
    }
    /* Peers first: none is shed while the rest is told. */
    for (uint32_t i = 0; ok && i < config->peer_count; i++)
        ok = peer_put(steer, &config->peers[i], i, fault);
    ok = ok && map_put(steer, STEER_MAP_SETTINGS, &zero, &steer->settings, fault);
    for (uint32_t i = 0; ok && i < config->address_count; i++)
        ok = address_put(steer, config->addresses[i], fault);
    return ok;
}

void steer_queue_set(struct steer *steer, uint32_t queue, enum steer_queue_mode mode)
{
    uint32_t zero = 0;
    ASSERT(queue < STEER_QUEUES_MAX);
    steer->settings.queue_mode[queue] = (uint8_t)mode;
    int failed =
        bpf_map_update_elem(steer->view.maps[STEER_MAP_SETTINGS], &zero, &steer->settings, BPF_ANY);
    ASSERT(failed == 0);
}

/* ---- Open, close ------------------------------------------------------------------------------- */

static bool object_open(struct steer *steer, struct fault *fault)
{
    struct bpf_object_open_opts opts = { .sz = sizeof opts, .object_name = STEER_PROGRAM };
    libxdp_set_print(xdp_print);
    libbpf_set_print(bpf_print);
    steer->object = bpf_object__open_mem(steer_object, sizeof steer_object, &opts);
    if (steer->object == NULL)
        fault_set(fault, "the embedded XDP program cannot be read: %s", strerror(errno));
    return steer->object != NULL;
}

static bool interface_known(struct steer *steer, const char *name, struct fault *fault)
{
    if (strlen(name) < IF_NAMESIZE && if_nametoindex(name) != 0) {
        snprintf(steer->view.interface, sizeof steer->view.interface, "%s", name);
        return true;
    }
    fault_set(fault, "no interface %s here: ip -br link shows what there is", name);
    return false;
}

bool steer_open(struct steer *steer, const struct steer_config *config, struct fault *fault)
{
    bool is_attached = config->interface != NULL;
    *steer = (struct steer){ .view = STEER_VIEW_NONE, .program_fd = -1, .xsks_fd = -1 };
    if (!is_attached) {
        if (object_open(steer, fault) && program_load(steer, fault) &&
            maps_fill(steer, config, fault))
            return true;
        steer_close(steer);
        return false;
    }
    if (!interface_known(steer, config->interface, fault) || !pins_claim(steer, fault))
        return false;
    if (object_open(steer, fault)) {
        listed_keep(steer);
        if (steer_attach(steer, fault) && maps_fill(steer, config, fault) &&
            pins_make(steer, fault))
            return true;
    }
    steer_close(steer);
    return false;
}

void steer_close(struct steer *steer)
{
    /* Pins that were not taken over tell of a program that is still there. */
    if (steer->program != NULL) {
        steer_detach(steer);
        pins_remove(steer);
    }
    if (steer->view.folder >= 0) {
        pins_leave(steer);
        close(steer->view.folder);
    }
    if (steer->object != NULL)
        bpf_object__close(steer->object); /* its maps' descriptors are those of the view */
    *steer = (struct steer){ .view = STEER_VIEW_NONE, .program_fd = -1, .xsks_fd = -1 };
}
