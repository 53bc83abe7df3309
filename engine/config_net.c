/* What addresses say of each other: a port that cannot have its address, an SMSC that no port
 * reaches. The engine would start, and never bind. */
#include "engine/config_schema.h"
#include "io/net/ip6.h"
#include "io/port_xsk.h"
#include "io/xdp/steer_list.h"

#include <stdio.h>
#include <string.h>

#define PATH_CAP 96

static uint32_t network_mask(uint8_t prefix_len)
{
    return prefix_len == 0 ? 0 : UINT32_MAX << (32 - prefix_len);
}

/* RFC 1122 §3.2.1.3; why an IPv4 address cannot be a host's, or NULL. */
static const char *no_host(uint32_t address)
{
    if (address >> 28 == 0xE)
        return "a multicast address";
    if (address >> 28 == 0xF)
        return "no unicast address";
    return address >> 24 == 0 ? "of \"this network\"" : NULL;
}

/* The same of an address on a link: its first and last are the network's and its broadcast. */
static const char *no_host_on(uint32_t address, uint8_t prefix_len)
{
    uint32_t hosts = ~network_mask(prefix_len);
    if (prefix_len >= 31) /* RFC 3021: both are hosts; 32: there is one */
        return no_host(address);
    if ((address & hosts) == 0)
        return "the network's own address";
    return (address & hosts) == hosts ? "the broadcast address of its link" : no_host(address);
}

/* A port's settings of one family. */
struct side {
    struct ip_addr address, gateway;
    uint8_t prefix_len;
    const char *address_key, *gateway_key;
};

static struct side side_of(const struct config_port *port, bool four)
{
    if (four)
        return (struct side){ port->address, port->gateway, port->prefix_len, "address",
                              "gateway" };
    return (struct side){ port->address6, port->gateway6, port->prefix6_len, "address6",
                          "gateway6" };
}

static bool on_link_of(const struct side *side, struct ip_addr address)
{
    /* An IPv4 address is the end of a mapped one. */
    uint32_t bits = side->prefix_len + (ip_is_v4(address) ? 96u : 0);
    uint32_t octets = bits / 8;
    uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
    if (!ip_is_v4(address) && ip6_is_link_local(address))
        return true;
    return memcmp(address.octets, side->address.octets, octets) == 0 &&
           (bits % 8 == 0 || ((address.octets[octets] ^ side->address.octets[octets]) & mask) == 0);
}

/* Why an address cannot be a host's, on the side's link or beyond, or NULL. */
static const char *problem_of(const struct side *side, struct ip_addr address)
{
    if (ip_is_v4(address))
        return on_link_of(side, address) ? no_host_on(ip_v4(address), side->prefix_len)
                                         : no_host(ip_v4(address));
    if (ip6_is_group(address))
        return "a multicast address";
    return ip6_is_host(address) ? NULL : "no host's address";
}

static enum err refuse(const struct config_where *where, const char *setting, const char *what,
                       const char *accepted, struct fault *fault)
{
    fault_set(fault, "%s:%u: %s: is %s; accepted: %s", where->path, config_line(where, setting),
              setting, what, accepted);
    return ERR_MALFORMED;
}

static enum err check_side(const struct side *side, uint32_t index,
                           const struct config_where *where, struct fault *fault)
{
    char setting[PATH_CAP];
    const char *problem = NULL;
    if (!ip_is_none(side->address))
        problem = problem_of(side, side->address);
    if (problem == NULL && side->prefix_len != 0 && ip6_is_link_local(side->address))
        problem = "link-local, of which the port has its own";
    snprintf(setting, sizeof setting, "ports[%u].%s", index, side->address_key);
    if (problem != NULL)
        return refuse(where, setting, problem, "the address of one host, with its prefix length",
                      fault);
    snprintf(setting, sizeof setting, "ports[%u].%s", index, side->gateway_key);
    if (ip_is_none(side->gateway))
        return ERR_OK;
    if (ip_is_none(side->address) || !on_link_of(side, side->gateway))
        return refuse(where, setting, "not on the port's own link",
                      "an address within the prefix of the port's address", fault);
    if (ip_equal(side->gateway, side->address))
        return refuse(where, setting, "the port's own address", "another host of its link", fault);
    problem = problem_of(side, side->gateway);
    if (problem != NULL)
        return refuse(where, setting, problem, "a host of the port's link", fault);
    return ERR_OK;
}

/* Up to a driver's arguments: its device is one, whatever they are. */
static bool is_same_device(const char *a, const char *b)
{
    size_t len = strcspn(a, ",");
    char interface[IF_NAMESIZE];
    if (xsk_interface(a, interface))
        return strcmp(a, b) == 0;
    return len == strcspn(b, ",") && strncmp(a, b, len) == 0;
}

static enum err check_device(const struct config *config, uint32_t index,
                             const struct config_where *where, struct fault *fault)
{
    const char *device = config->ports[index].device;
    char setting[PATH_CAP], already[48], interface[IF_NAMESIZE];
    snprintf(setting, sizeof setting, "ports[%u].device", index);
    if ((strcmp(device, "xsk") == 0 || strncmp(device, "xsk,", 4) == 0) &&
        !xsk_interface(device, interface))
        return refuse(
            where, setting, "no AF_XDP port",
            "xsk,iface=NAME and no more, NAME that of an interface, at most 15 characters", fault);
    for (uint32_t j = 0; j < index; j++) {
        snprintf(already, sizeof already, "already that of ports[%u]", j);
        if (is_same_device(device, config->ports[j].device))
            return refuse(where, setting, already, "each device once", fault);
    }
    return ERR_OK;
}

static enum err check_port(const struct config *config, uint32_t index,
                           const struct config_where *where, struct fault *fault)
{
    const struct config_port *port = &config->ports[index];
    char setting[PATH_CAP], already[48];
    enum err device = check_device(config, index, where, fault);
    if (device != ERR_OK)
        return device;
    for (int four = 0; four < 2; four++) {
        struct side side = side_of(port, four != 0);
        enum err err = check_side(&side, index, where, fault);
        if (err != ERR_OK)
            return err;
        snprintf(setting, sizeof setting, "ports[%u].%s", index, side.address_key);
        for (uint32_t j = 0; j < index && !ip_is_none(side.address); j++) {
            struct side other = side_of(&config->ports[j], four != 0);
            snprintf(already, sizeof already, "already that of ports[%u]", j);
            if (ip_equal(side.address, other.address))
                return refuse(where, setting, already, "each address once", fault);
        }
    }
    snprintf(setting, sizeof setting, "ports[%u].address", index);
    if (ip_is_none(port->address) && ip_is_none(port->address6))
        return refuse(where, setting, "none, as is address6", "an address of either family", fault);
    snprintf(setting, sizeof setting, "ports[%u].mtu", index);
    if (!ip_is_none(port->address6) && port->mtu < IP6_LEN_MIN)
        return refuse(where, setting, "less than IPv6 needs", "at least 1280", fault);
    return ERR_OK;
}

static enum err check_account(const struct config *config, uint32_t index,
                              const struct config_where *where, struct fault *fault)
{
    const struct config_account *account = &config->accounts[index];
    const struct config_port *port = config_account_port(config, index);
    char setting[PATH_CAP];
    snprintf(setting, sizeof setting, "accounts[%u].address", index);
    struct side side = side_of(port, ip_is_v4(account->address));
    if (ip_is_none(side.address))
        return refuse(where, setting, "of a family in which its port has no address",
                      "one of the other family; or give the port an address of this one", fault);
    if (ip_equal(account->address, side.address))
        return refuse(where, setting, "the engine's own, that of its port", "the SMSC's", fault);
    const char *problem = problem_of(&side, account->address);
    if (problem != NULL)
        return refuse(where, setting, problem, "the SMSC's", fault);
    if (!on_link_of(&side, account->address) && ip_is_none(side.gateway))
        return refuse(where, setting, "not on the link of its port, which has no gateway",
                      "an address within the prefix of its port; or give the port a gateway",
                      fault);
    return ERR_OK;
}

/* The program that sheds floods would know the last of them only. */
static enum err check_peer(const struct config *config, uint32_t index,
                           const struct config_where *where, struct fault *fault)
{
    const struct config_peer *peers = config->peers;
    struct steer_prefix prefix, other;
    char setting[PATH_CAP], already[48];
    snprintf(setting, sizeof setting, "peers[%u].prefix", index);
    bool sound = steer_prefix_of(peers[index].prefix, peers[index].prefix_len, &prefix);
    for (uint32_t j = 0; j < index; j++) {
        snprintf(already, sizeof already, "already that of peers[%u]", j);
        if (sound && steer_prefix_of(peers[j].prefix, peers[j].prefix_len, &other) &&
            memcmp(&prefix, &other, sizeof prefix) == 0)
            return refuse(where, setting, already, "each prefix once", fault);
    }
    return ERR_OK;
}

enum err config_net_check(const struct config *config, const struct config_where *where,
                          struct fault *fault)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < config->port_count && err == ERR_OK; i++)
        err = check_port(config, i, where, fault);
    for (uint32_t i = 0; i < config->peer_count && err == ERR_OK; i++)
        err = check_peer(config, i, where, fault);
    for (uint32_t i = 0; i < config->account_count && err == ERR_OK; i++)
        err = check_account(config, i, where, fault);
    return err;
}
