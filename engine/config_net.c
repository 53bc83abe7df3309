/* What addresses say of each other: a port that cannot have its address, an SMSC that no port
 * reaches. The engine would start, and never bind. */
#include "engine/config_schema.h"

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

static bool on_link_of(const struct config_port *port, struct ip_addr address)
{
    uint32_t mask = network_mask(port->prefix_len);
    return ((ip_v4(address) ^ ip_v4(port->address)) & mask) == 0;
}

static enum err refuse(const struct config_where *where, const char *setting, const char *what,
                       const char *accepted, struct fault *fault)
{
    fault_set(fault, "%s:%u: %s: is %s; accepted: %s", where->path, config_line(where, setting),
              setting, what, accepted);
    return ERR_MALFORMED;
}

static enum err check_port(const struct config_port *port, uint32_t index,
                           const struct config_where *where, struct fault *fault)
{
    char setting[PATH_CAP];
    const char *problem =
        ip_is_v4(port->address) ? no_host_on(ip_v4(port->address), port->prefix_len) : NULL;
    snprintf(setting, sizeof setting, "ports[%u].address", index);
    if (problem != NULL)
        return refuse(where, setting, problem, "the address of one host, with its prefix length",
                      fault);
    snprintf(setting, sizeof setting, "ports[%u].gateway", index);
    if (ip_is_none(port->gateway))
        return ERR_OK;
    if (!on_link_of(port, port->gateway))
        return refuse(where, setting, "not on the port's own link",
                      "an address within the prefix of the port's address", fault);
    if (ip_equal(port->gateway, port->address))
        return refuse(where, setting, "the port's own address", "another host of its link", fault);
    problem = ip_is_v4(port->gateway) ? no_host_on(ip_v4(port->gateway), port->prefix_len) : NULL;
    if (problem != NULL)
        return refuse(where, setting, problem, "a host of the port's link", fault);
    return ERR_OK;
}

static enum err check_account(const struct config *config, uint32_t index,
                              const struct config_where *where, struct fault *fault)
{
    const struct config_account *account = &config->accounts[index];
    const struct config_port *port = &config->ports[0];
    char setting[PATH_CAP];
    snprintf(setting, sizeof setting, "accounts[%u].address", index);
    for (uint32_t p = 0; p < config->port_count; p++)
        if (strcmp(config->ports[p].name, account->port) == 0)
            port = &config->ports[p];
    if (ip_equal(account->address, port->address))
        return refuse(where, setting, "the engine's own, that of its port", "the SMSC's", fault);
    if (!ip_is_v4(account->address) || !ip_is_v4(port->address))
        return ERR_OK;
    bool on_link = on_link_of(port, account->address);
    uint32_t smsc = ip_v4(account->address);
    const char *problem = on_link ? no_host_on(smsc, port->prefix_len) : no_host(smsc);
    if (problem != NULL)
        return refuse(where, setting, problem, "the SMSC's", fault);
    if (!on_link && ip_is_none(port->gateway))
        return refuse(where, setting, "not on the link of its port, which has no gateway",
                      "an address within the prefix of its port; or give the port a gateway",
                      fault);
    return ERR_OK;
}

enum err config_net_check(const struct config *config, const struct config_where *where,
                          struct fault *fault)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < config->port_count && err == ERR_OK; i++)
        err = check_port(&config->ports[i], i, where, fault);
    for (uint32_t i = 0; i < config->account_count && err == ERR_OK; i++)
        err = check_account(config, i, where, fault);
    return err;
}
