/* The interface of our AF_XDP port: whether it is there, Ethernet, up, with a queue for each edge, and
 * whether we may. */
#include "engine/cli/findings.h"
#include "engine/cli/sysfs.h"

#include "io/port_xsk.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A socket for each edge; the interface should have as many queues. */
static void check_sockets(struct findings *findings, const char *subject,
                          const struct config_port *port, const char *interface)
{
    uint32_t queues = xsk_queue_count(interface);
    if (queues == 0) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                    "no interface %s here", interface);
        finding_fix(findings, "ip -br link");
    } else if (queues < port->edge_count) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                    "%s has %u rx queues, %u edges poll it", interface, queues, port->edge_count);
        finding_fix(findings, "ethtool -L %s combined %u, or fewer in ports[].edges", interface,
                    port->edge_count);
    } else if (queues > port->edge_count) {
        finding_add(findings, FINDING_WARNING, subject,
                    "what comes on the queues that the engine does not poll is lost",
                    "%s has %u rx queues, %u of them are polled", interface, queues,
                    port->edge_count);
        finding_fix(findings, "ethtool -L %s combined %u (or rx %u), or more in ports[].edges",
                    interface, port->edge_count, port->edge_count);
    }
}

/* As the interface's file in /sys has it; 0 when there is none. */
static unsigned long attribute(const char *interface, const char *name)
{
    char line[32];
    bool got = sysfs_line(line, sizeof line, "/sys/class/net/%s/%s", interface, name);
    return got ? strtoul(line, NULL, 0) : 0;
}

static void check_state(struct findings *findings, const char *subject,
                        const struct config_port *port, const char *interface)
{
    unsigned long mtu = attribute(interface, "mtu");
    if (attribute(interface, "type") != ARPHRD_ETHER) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                    "%s is not Ethernet", interface);
        finding_fix(findings, "ip -br link: choose another");
    } else if ((attribute(interface, "flags") & IFF_UP) == 0) {
        finding_add(findings, FINDING_WARNING, subject, "nothing comes or goes", "%s is down",
                    interface);
        finding_fix(findings, "ip link set dev %s up", interface);
    } else if (mtu < port->mtu) {
        finding_add(findings, FINDING_WARNING, subject,
                    "packets are no longer than the interface's",
                    "%s has an MTU of %lu, the port one of %u", interface, mtu, port->mtu);
        finding_fix(findings, "ip link set dev %s mtu %u, or ports[].mtu: %lu", interface,
                    port->mtu, mtu);
    }
}

/* What we may do, as far as the kernel tells it in advance. */
static void check_rights(struct findings *findings, const char *subject)
{
    char line[160];
    uint64_t rights = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "CapEff:", 7) == 0)
            rights = strtoull(line + 7, NULL, 16);
    if (file != NULL)
        fclose(file);
    bool loads = (rights & (1ull << CAP_BPF | 1ull << CAP_SYS_ADMIN)) != 0;
    if (loads && (rights >> CAP_NET_ADMIN & 1) != 0 && (rights >> CAP_NET_RAW & 1) != 0)
        return;
    finding_add(findings, FINDING_ERROR, subject, "the engine would not start as this user",
                "AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF");
    finding_fix(findings, "run check and engine as root");
}

void check_interface(struct findings *findings, const char *subject, const struct config_port *port,
                     const char *interface)
{
    uint32_t before = findings->count;
    check_sockets(findings, subject, port, interface);
    if (xsk_queue_count(interface) > 0)
        check_state(findings, subject, port, interface);
    check_rights(findings, subject);
    if (findings->count == before)
        finding_add(findings, FINDING_FINE, subject, "", "%s", port->device);
}
