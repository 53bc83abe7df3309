/* An interface with our program on it, and the sockets of its queues. */
#include "io/port_xsk_state.h"

#include "base/log.h"
#include "io/net/ip6.h"

#include <rte_malloc.h>
#include <rte_mempool.h>

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif

#define RING_LEN 2048u
#define BUSY_POLL_US 20  /* a poll of ours never waits so long: it only allows polling at all */
#define ETHERNET_LEN 18u /* with a tag */

struct area {
    char *begin, *end;
};

static void area_widen(struct rte_mempool *pool, void *arg, struct rte_mempool_memhdr *memory,
                       unsigned index)
{
    struct area *area = arg;
    char *begin = memory->addr;
    (void)pool;
    (void)index;
    if (area->begin == NULL || begin < area->begin)
        area->begin = begin;
    if (begin + memory->len > area->end)
        area->end = begin + memory->len;
}

/* The pool as umem: chunks where its objects happen to lie, hence unaligned ones. */
static int umem_make(struct port_xsk *xsk)
{
    struct rte_mempool *pool = xsk->port.frames;
    struct area area = { NULL, NULL };
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    rte_mempool_mem_iter(pool, area_widen, &area);
    xsk->area = (char *)((uintptr_t)area.begin & ~(page - 1));
    xsk->head_len = pool->header_size;
    xsk->data_at =
        pool->header_size + (uint32_t)sizeof(struct rte_mbuf) + rte_pktmbuf_priv_size(pool);
    const struct xsk_umem_config config = {
        .fill_size = xsk->ring_len,
        .comp_size = xsk->ring_len,
        .frame_size = pool->header_size + pool->elt_size + pool->trailer_size,
        .frame_headroom = xsk->data_at, /* mbuf and pool header are not the kernel's to write on */
        .flags = XDP_UMEM_UNALIGNED_CHUNK_FLAG,
    };
    return xsk_umem__create(&xsk->umem, xsk->area, (uint64_t)(area.end - xsk->area), &xsk->fill,
                            &xsk->completed, &config);
}

/* Zero copy where the driver can, a copy by the kernel where not. */
static int socket_make(struct port_xsk *xsk, const char *interface)
{
    const struct xsk_socket_config config = {
        .rx_size = xsk->ring_len,
        .tx_size = xsk->ring_len,
        .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
        .bind_flags = XDP_USE_NEED_WAKEUP,
    };
    port_xsk_fill(xsk); /* drivers want frames at once */
    int failed = xsk_socket__create(&xsk->socket, interface, xsk->queue, xsk->umem, &xsk->rx,
                                    &xsk->tx, &config);
    if (failed == 0)
        xsk->fd = xsk_socket__fd(xsk->socket);
    return failed;
}

/* Not every kernel has it: without, interrupts move the frames as ever. */
static bool busy_poll(const struct port_xsk *xsk, const char *interface)
{
    static const struct {
        int name, value;
    } options[] = { { SO_PREFER_BUSY_POLL, 1 },
                    { SO_BUSY_POLL, BUSY_POLL_US },
                    { SO_BUSY_POLL_BUDGET, XSK_BATCH } };
    for (size_t i = 0; i < COUNT(options); i++)
        if (setsockopt(xsk->fd, SOL_SOCKET, options[i].name, &options[i].value,
                       sizeof options[i].value) != 0) {
            log_info("xdp", "%s: no busy polling: %s", interface, strerror(errno));
            return false;
        }
    return true;
}

static enum steer_queue_mode queue_mode(const struct port_xsk *xsk)
{
    struct xdp_options options = { 0 };
    socklen_t len = sizeof options;
    if (getsockopt(xsk->fd, SOL_XDP, XDP_OPTIONS, &options, &len) == 0 &&
        (options.flags & XDP_OPTIONS_ZEROCOPY) != 0)
        return STEER_QUEUE_ZERO_COPY;
    return STEER_QUEUE_COPY;
}

/* MAC and MTU as the interface has them. */
static int interface_read(struct port_xsk *xsk, const char *interface, uint16_t mtu)
{
    struct ifreq request = { 0 };
    /* The kernel leaves the first octets of a chunk to the program, so much of the data room. */
    uint32_t room =
        rte_pktmbuf_data_room_size(xsk->port.frames) - XDP_PACKET_HEADROOM - ETHERNET_LEN;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    int failed = fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0 ? -errno : 0;
    if (failed == 0 && request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        failed = -EAFNOSUPPORT;
    memcpy(xsk->port.mac, request.ifr_hwaddr.sa_data, sizeof xsk->port.mac);
    if (failed == 0 && ioctl(fd, SIOCGIFMTU, &request) != 0)
        failed = -errno;
    uint32_t most = failed == 0 ? (uint32_t)request.ifr_mtu : 0;
    xsk->port.mtu = (uint16_t)(most < room ? most : room);
    if (mtu != 0 && mtu < xsk->port.mtu)
        xsk->port.mtu = mtu;
    if (fd >= 0)
        close(fd);
    return failed;
}

static void fault_of_port(const char *interface, uint32_t queue, int failed, struct fault *fault)
{
    const char *hint = "";
    if (failed == -EBUSY)
        hint = ": another program has an AF_XDP socket on it";
    else if (failed == -ENETDOWN)
        hint = ": ip link set the interface up first";
    else if (failed == -EPERM || failed == -EACCES)
        hint = ": it needs root, or CAP_NET_RAW and CAP_BPF";
    else if (failed == -ENOBUFS)
        hint = ": the pool may not be pinned whole; raise the limit of locked memory (ulimit -l)";
    else if (failed == -EINVAL)
        hint = ": ethtool -l shows how many queues the interface has";
    else if (failed == -EAFNOSUPPORT)
        hint = ": it is not Ethernet, or this kernel has no AF_XDP";
    fault_set(fault, "interface %s, queue %u: no AF_XDP socket (%s)%s", interface, queue,
              strerror(-failed), hint);
}

static int port_start(struct xsk_device *device, struct port_xsk *xsk, uint16_t mtu)
{
    const char *interface = device->steer.view.interface;
    int failed = interface_read(xsk, interface, mtu);
    if (failed == 0)
        failed = umem_make(xsk);
    if (failed == 0)
        failed = socket_make(xsk, interface);
    if (failed == 0) {
        if (!busy_poll(xsk, interface))
            xsk->polling = XSK_POLLING_NOT;
        failed = xsk_socket__update_xskmap(xsk->socket, device->steer.xsks_fd);
    }
    if (failed == 0)
        steer_queue_set(&device->steer, xsk->queue, queue_mode(xsk));
    return failed;
}

static struct port *queue_open(struct xsk_device *device, uint32_t queue,
                               const struct port_xsk_config *config, struct rte_mempool *frames,
                               struct fault *fault)
{
    struct port_xsk *xsk = rte_zmalloc("port_xsk", sizeof *xsk, CACHE_LINE);
    if (xsk == NULL) {
        fault_set(fault, "interface %s: no memory: give the EAL more",
                  device->steer.view.interface);
        return NULL;
    }
    xsk->port.ops = &port_xsk_ops;
    xsk->port.frames = frames;
    xsk->queue = queue;
    xsk->ring_len = config->ring_len != 0 ? config->ring_len : RING_LEN;
    while (config->ring_len == 0 && xsk->ring_len > XSK_BATCH && xsk->ring_len * 3 > frames->size)
        xsk->ring_len /= 2; /* rx and tx rings full, a third is left for what is held */
    int failed = port_start(device, xsk, config->mtu);
    if (failed != 0) {
        fault_of_port(device->steer.view.interface, queue, failed, fault);
        port_close(&xsk->port);
        return NULL;
    }
    return &xsk->port;
}

bool port_xsk_open_queues(struct xsk_device *device, const struct port_xsk_config *config,
                          struct rte_mempool *const *frames, struct port **queues,
                          struct fault *fault)
{
    for (uint32_t q = 0; q < device->steer.settings.queue_count; q++) {
        queues[q] = queue_open(device, q, config, frames[q], fault);
        if (queues[q] != NULL)
            continue;
        while (q-- > 0)
            port_close(queues[q]);
        return false;
    }
    return true;
}

bool xsk_interface(const char *device, char interface[IF_NAMESIZE])
{
    static const char form[] = "xsk,iface=";
    size_t len = strlen(device);
    if (strncmp(device, form, sizeof form - 1) != 0 || len == sizeof form - 1 ||
        len - (sizeof form - 1) >= IF_NAMESIZE || strpbrk(device + sizeof form - 1, ",/") != NULL)
        return false;
    memcpy(interface, device + sizeof form - 1, len - (sizeof form - 1) + 1);
    return true;
}

uint32_t xsk_queue_count(const char *interface)
{
    char path[64];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/sys/class/net/%.15s/queues", interface);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        count += strncmp(entry->d_name, "rx-", 3) == 0;
    closedir(folder);
    return count;
}

/* A NIC lets in no multicast that it was not told of, and of the engine's addresses the kernel, which
 * tells it, knows nothing. The memberships end with the socket, also after kill -9. */
static bool groups_join(struct xsk_device *device, const struct steer_config *config,
                        struct fault *fault)
{
    struct packet_mreq member = { .mr_ifindex = (int)if_nametoindex(config->interface),
                                  .mr_type = PACKET_MR_MULTICAST,
                                  .mr_alen = 6 };
    device->groups = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool joined = device->groups >= 0;
    for (uint32_t i = 0; joined && i < config->address_count; i++) {
        if (ip_is_v4(config->addresses[i]))
            continue;
        ip6_group_mac(ip6_solicited(config->addresses[i]), member.mr_address);
        joined = setsockopt(device->groups, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &member,
                            sizeof member) == 0;
    }
    if (!joined)
        fault_set(fault,
                  "interface %s: the solicited-node groups of the engine's addresses cannot be "
                  "joined: %s; it needs root, or CAP_NET_RAW",
                  config->interface, strerror(errno));
    return joined;
}

struct xsk_device *xsk_device_open(const struct steer_config *config, struct fault *fault)
{
    struct xsk_device *device = rte_zmalloc("xsk_device", sizeof *device, CACHE_LINE);
    if (device == NULL) {
        fault_set(fault, "interface %s: no memory: give the EAL more", config->interface);
        return NULL;
    }
    if (!steer_open(&device->steer, config, fault)) {
        rte_free(device);
        return NULL;
    }
    if (!groups_join(device, config, fault)) {
        xsk_device_close(device);
        return NULL;
    }
    uint32_t queues = xsk_queue_count(config->interface);
    if (queues > config->queue_count)
        log_warning("xdp",
                    "%s has %u queues, but the engine polls %u: what comes on the others is lost; "
                    "ethtool -L %s combined %u (or rx)",
                    config->interface, queues, config->queue_count, config->interface,
                    config->queue_count);
    return device;
}

void xsk_device_close(struct xsk_device *device)
{
    if (device == NULL)
        return;
    steer_close(&device->steer);
    if (device->groups >= 0)
        close(device->groups);
    rte_free(device);
}

const struct steer_view *xsk_device_view(const struct xsk_device *device)
{
    return &device->steer.view;
}

enum xsk_link xsk_device_link(const struct xsk_device *device)
{
    struct ifreq request = { 0 };
    /* By number: who renames it does not take it away. */
    if (if_indextoname(device->steer.settings.ifindex, request.ifr_name) == NULL)
        return XSK_LINK_GONE;
    bool up = ioctl(device->groups, SIOCGIFFLAGS, &request) == 0 &&
              (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0;
    return up ? XSK_LINK_UP : XSK_LINK_DOWN;
}
