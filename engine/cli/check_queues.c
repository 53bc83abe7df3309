/* How a port's frames are spread over its edges: queues, the NIC's hash, what it does to frames. */
#include "engine/cli/findings.h"
#include "engine/cli/sysfs.h"
#include "io/flow.h"
#include "io/port_xsk.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_CAP 512u

/* One question to the driver of an interface. */
static bool ask(const char *interface, void *question)
{
    struct ifreq request = { .ifr_data = question };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    bool answered = ioctl(fd, SIOCETHTOOL, &request) == 0;
    close(fd);
    return answered;
}

/* Whether the NIC hashes with a key, and whether with ours. */
static bool hash_key(const char *interface, bool *is_ours)
{
    union {
        struct ethtool_rxfh rxfh;
        uint8_t octets[sizeof(struct ethtool_rxfh) + 4096 + KEY_CAP];
    } answer = { .rxfh = { .cmd = ETHTOOL_GRSSH } };
    if (!ask(interface, &answer) || answer.rxfh.key_size == 0 || answer.rxfh.key_size > KEY_CAP ||
        answer.rxfh.indir_size > 1024)
        return false;
    size_t at = sizeof answer.rxfh + answer.rxfh.indir_size * sizeof(uint32_t);
    struct ethtool_rxfh sizes = answer.rxfh;
    answer.rxfh = (struct ethtool_rxfh){ .cmd = ETHTOOL_GRSSH,
                                         .indir_size = sizes.indir_size,
                                         .key_size = sizes.key_size };
    if (!ask(interface, &answer))
        return false;
    *is_ours = true;
    for (uint32_t i = 0; i < sizes.key_size; i++)
        *is_ours = *is_ours &&
                   answer.octets[at + i] == (i % 2 == 0 ? FLOW_KEY >> 8 & 0xff : FLOW_KEY & 0xff);
    return true;
}

static void check_hash(struct findings *findings, const char *subject,
                       const struct config_port *port, const char *interface)
{
    bool is_ours;
    if (!hash_key(interface, &is_ours)) {
        finding_add(findings, FINDING_FINE, subject, "",
                    "%s spreads by no key of ours: edges hand frames over", interface);
    } else if (!is_ours) {
        finding_add(findings, FINDING_WARNING, subject,
                    "each frame that comes to another edge's queue is copied once more",
                    "%s hashes with another key than the engine", interface);
        finding_fix(findings, "ethtool -X %s hkey 6d:5a:… (repeated to the key's length) equal %u",
                    interface, port->edge_count);
    } else {
        finding_add(findings, FINDING_FINE, subject, "", "%s hashes with our key", interface);
    }
}

static bool is_xdp(const char *device)
{
    return strncmp(device, "xsk,", 4) == 0 || strncmp(device, "net_af_xdp", 10) == 0;
}

/* What the driver does to frames: those that it puts together are longer than any of ours, and a tag
 * that it takes off no XDP program sees. */
static void check_offloads(struct findings *findings, const char *subject,
                           const struct config_port *port, const char *interface)
{
    struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
    if (!ask(interface, &flags))
        return;
    if ((flags.data & ETH_FLAG_LRO) != 0) {
        finding_add(findings, FINDING_WARNING, subject,
                    "segments put together do not fit into a frame, and are lost",
                    "%s has large receive offload on", interface);
        finding_fix(findings, "ethtool -K %s lro off", interface);
    }
    if (port->vlan != 0 && is_xdp(port->device) && (flags.data & ETH_FLAG_RXVLAN) != 0) {
        finding_add(findings, FINDING_WARNING, subject,
                    "the XDP program sees no tag, and takes nothing of the VLAN",
                    "the port has VLAN %u, but %s takes tags off", port->vlan, interface);
        finding_fix(findings, "ethtool -K %s rxvlan off (of a veth its peer's txvlan, too)",
                    interface);
    }
}

/* Whether the other end of a veth is here and leaves no checksums to be filled in. */
static bool peer_fills_in(const char *root, const char *interface)
{
    struct ethtool_value checksums = { .cmd = ETHTOOL_GTXCSUM };
    char line[32], peer[IF_NAMESIZE];
    if (!sysfs_line(line, sizeof line, "%s/sys/class/net/%s/iflink", root, interface) ||
        if_indextoname((unsigned)strtoul(line, NULL, 10), peer) == NULL ||
        !sysfs_line(line, sizeof line, "%s/sys/class/net/%s/iflink", root, peer) ||
        strtoul(line, NULL, 10) != if_nametoindex(interface))
        return false;
    return ask(peer, &checksums) && checksums.data == 0;
}

static void check_veth(struct findings *findings, const char *root, const char *subject,
                       const char *interface)
{
    struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
    if (!ask(interface, &driver) || strcmp(driver.driver, "veth") != 0 ||
        peer_fills_in(root, interface))
        return;
    finding_add(findings, FINDING_WARNING, subject,
                "what a kernel there sends has no checksums yet, and is refused",
                "%s is a veth, whose other end is not seen to have transmit offloads off",
                interface);
    finding_fix(findings, "at its other end: ethtool -K PEER tx off tso off gso off gro off");
}

static void check_tx_queues(struct findings *findings, const char *root, const char *subject,
                            const struct config_port *port, const char *interface)
{
    uint32_t queues = sysfs_queues(root, interface, "tx");
    if (queues == 0 || queues >= port->edge_count)
        return;
    finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                "%s has %u tx queues, %u edges send through it", interface, queues,
                port->edge_count);
    finding_fix(findings, "ethtool -L %s combined %u, or fewer in ports[].edges", interface,
                port->edge_count);
}

static bool is_driver(const char *device, const char *driver)
{
    return strncmp(device, driver, strlen(driver)) == 0;
}

/* Queues of a driver whatever the interface has. DPDK's own for AF_XDP wants channels that can be
 * combined, and its program serves one queue. */
static uint32_t queues_of_driver(const char *device)
{
    const char *pairs = strstr(device, "qpairs=");
    if (is_driver(device, "net_af_xdp") || is_driver(device, "net_tap"))
        return 1;
    if (is_driver(device, "net_af_packet"))
        return pairs != NULL ? (uint32_t)strtoul(pairs + 7, NULL, 10) : 1;
    return UINT32_MAX;
}

static void check_driver(struct findings *findings, const char *subject,
                         const struct config_port *port)
{
    uint32_t queues = queues_of_driver(port->device);
    if (port->edge_count > queues) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                    "%u edges poll it, and its driver has %u queue%s", port->edge_count, queues,
                    queues == 1 ? "" : "s");
        if (is_driver(port->device, "net_af_packet"))
            finding_fix(findings, "add qpairs=%u to its device, or fewer in ports[].edges",
                        port->edge_count);
        else
            finding_fix(findings, "set device: xsk,iface=NAME, or one edge in ports[].edges");
    }
    if (port->edge_count > 1 && is_driver(port->device, "net_memif")) {
        finding_add(findings, FINDING_WARNING, subject,
                    "with fewer or more, memif does not connect all queues, and says nothing",
                    "%u edges poll it: its other end must have as many queues", port->edge_count);
        finding_fix(findings, "look at the other end's configuration");
    }
}

void check_queues(struct findings *findings, const struct config *config, const char *root)
{
    char subject[64], interface[IF_NAMESIZE];
    for (uint32_t p = 0; p < config->port_count; p++) {
        const struct config_port *port = &config->ports[p];
        snprintf(subject, sizeof subject, "queues of port %s", port->name);
        check_driver(findings, subject, port);
        if (!sysfs_interface(port->device, interface))
            continue;
        if (!is_driver(port->device, "net_af_packet")) /* its queues are its own */
            check_tx_queues(findings, root, subject, port, interface);
        check_offloads(findings, subject, port, interface);
        if (is_xdp(port->device))
            check_veth(findings, root, subject, interface);
        if (port->edge_count > 1)
            check_hash(findings, subject, port, interface);
    }
}
