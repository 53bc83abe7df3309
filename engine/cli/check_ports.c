/* Ports: whether their devices exist and their addresses are free for us; the API's port. */
#include "engine/cli/findings.h"
#include "engine/cli/sysfs.h"

#include "io/port_xsk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <rte_pci.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static bool is_pci(const char *device)
{
    struct rte_pci_addr addr;
    return rte_pci_addr_parse(device, &addr) == 0;
}

static void check_device(struct findings *findings, const char *subject,
                         const struct config_port *port)
{
    const char *device = port->device;
    char name[IF_NAMESIZE], path[160];
    struct stat status;
    if (xsk_interface(device, name)) {
        check_interface(findings, subject, port, name);
        return;
    }
    if (is_pci(device)) {
        snprintf(path, sizeof path, "/sys/bus/pci/devices/%.64s", device);
        if (stat(path, &status) != 0) {
            finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                        "no PCI device %s", device);
            finding_fix(findings, "lspci -D | grep -i ethernet");
            return;
        }
    } else if (strncmp(device, "net_", 4) != 0) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                    "\"%s\" is neither a PCI address nor xsk,iface=NAME nor a DPDK virtual device",
                    device);
        finding_fix(findings, "such as xsk,iface=NAME (ip -br link), or 0000:3b:00.0");
        return;
    } else if (sysfs_interface(device, name)) {
        if (if_nametoindex(name) == 0) {
            finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                        "no interface %s here", name);
            finding_fix(findings, "ip -br link");
            return;
        }
    } else if (strncmp(device, "net_af_", 7) == 0) {
        finding_add(findings, FINDING_ERROR, subject, "the engine would not start",
                    "\"%s\" names no interface", device);
        finding_fix(findings, "append ,iface=NAME (ip -br link)");
        return;
    }
    finding_add(findings, FINDING_FINE, subject, "", "%s", device);
}

/* None when it is of neither family. */
static struct ip_addr address_of(const struct sockaddr *at)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct ip_addr address = { { 0 } };
    if (at != NULL && at->sa_family == AF_INET) {
        memcpy(&four, at, sizeof four);
        return ip_addr_v4(ntohl(four.sin_addr.s_addr));
    }
    if (at != NULL && at->sa_family == AF_INET6) {
        memcpy(&six, at, sizeof six);
        memcpy(address.octets, &six.sin6_addr, sizeof address.octets);
    }
    return address;
}

/* An address that the kernel holds too is answered by both: connections die by RST. */
static void check_address(struct findings *findings, const char *subject, struct ip_addr address)
{
    struct ifaddrs *all = NULL;
    char text[IP_TEXT_CAP];
    if (ip_is_none(address) || getifaddrs(&all) != 0)
        return;
    ip_write(address, text);
    for (struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        if (!ip_equal(address_of(at->ifa_addr), address))
            continue;
        finding_add(findings, FINDING_ERROR, subject,
                    "the kernel would answer with RST what is meant for the engine",
                    "%s is also the kernel's, on %s", text, at->ifa_name);
        finding_fix(findings, "ip addr del %s dev %s, or give the port an address of its own", text,
                    at->ifa_name);
    }
    freeifaddrs(all);
}

static socklen_t api_address(const struct config_api *api, struct sockaddr_storage *out)
{
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(api->port) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(api->port) };
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, api->host, &four.sin_addr) == 1) {
        memcpy(out, &four, sizeof four);
        return sizeof four;
    }
    if (inet_pton(AF_INET6, api->host, &six.sin6_addr) != 1)
        return 0;
    memcpy(out, &six, sizeof six);
    return sizeof six;
}

/* Whoever listens there answers /healthz as an engine does. */
static bool engine_listens(const struct sockaddr_storage *address, socklen_t len)
{
    static const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";
    char answer[1024] = "";
    size_t got = 0;
    struct timeval patience = { .tv_sec = 2 };
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)address, len) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0) {
        ssize_t part;
        while (got < sizeof answer - 1 &&
               (part = recv(fd, answer + got, sizeof answer - 1 - got, 0)) > 0)
            got += (size_t)part;
    }
    close(fd);
    return strstr(answer, "{\"status\":\"alive\"}") != NULL;
}

static void check_api(struct findings *findings, const struct config_api *api)
{
    struct sockaddr_storage address;
    socklen_t len = api_address(api, &address);
    const int yes = 1;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bool bound = bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 1) == 0;
    int why = errno;
    close(fd);
    if (bound) {
        finding_add(findings, FINDING_FINE, "api", "", "%s port %u is free", api->host, api->port);
    } else if (why == EADDRINUSE && engine_listens(&address, len)) {
        finding_add(findings, FINDING_FINE, "api", "", "an engine listens on %s port %u", api->host,
                    api->port);
    } else {
        finding_add(findings, FINDING_ERROR, "api", "the engine would not start", "%s port %u: %s",
                    api->host, api->port, strerror(why));
        finding_fix(findings, "ss -ltnp 'sport = :%u'; choose another in api.port", api->port);
    }
    if (strncmp(api->host, "127.", 4) != 0 && strcmp(api->host, "::1") != 0) {
        finding_add(findings, FINDING_WARNING, "api", "tokens and results cross in clear",
                    "%s is not loopback", api->host);
        finding_fix(findings, "set api.host: 127.0.0.1 and put a TLS proxy in front");
    }
}

void check_ports(struct findings *findings, const struct config *config)
{
    char subject[64];
    for (uint32_t i = 0; i < config->port_count; i++) {
        snprintf(subject, sizeof subject, "port %s", config->ports[i].name);
        check_device(findings, subject, &config->ports[i]);
        check_address(findings, subject, config->ports[i].address);
        check_address(findings, subject, config->ports[i].address6);
    }
    check_api(findings, &config->api);
}
