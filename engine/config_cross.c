/* What settings say of each other: names that lead nowhere, names used twice, cores that are not
 * there. The line comes from the document, by the setting's path. */
#include "engine/config_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define PATH_CAP 96
#define NAMES_CAP 200

/* One step down: "key" of a mapping or "[3]" of a sequence. NULL when it is not there. */
static yaml_node_t *step(yaml_document_t *document, const yaml_node_t *node, const char *at,
                         size_t len)
{
    if (at[0] == '[' && node->type == YAML_SEQUENCE_NODE) {
        long index = strtol(at + 1, NULL, 10);
        if (index >= node->data.sequence.items.top - node->data.sequence.items.start)
            return NULL;
        return yaml_document_get_node(document, node->data.sequence.items.start[index]);
    }
    if (node->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == len &&
            memcmp(key->data.scalar.value, at, len) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

uint32_t config_line(const struct config_where *where, const char *setting)
{
    yaml_document_t *document = (yaml_document_t *)(uintptr_t)where->document;
    yaml_node_t *node = yaml_document_get_root_node(document);
    uint32_t line = 1;
    for (const char *at = setting; node != NULL && *at != '\0';) {
        size_t len = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ".[");
        node = step(document, node, at, len);
        if (node != NULL)
            line = (uint32_t)node->start_mark.line + 1;
        at += len;
        at += *at == '.';
    }
    return line;
}

/* The name-like field of element `i`, for lists of any kind. */
struct names {
    const char *list; /* "accounts" */
    const char *key;  /* "name" */
    const void *first;
    size_t size, offset;
    uint32_t count;
};

static const char *name_at(const struct names *names, uint32_t i)
{
    return *(char *const *)(const void *)((const char *)names->first + i * names->size +
                                          names->offset);
}

static enum err refuse_twice(const struct names *names, const struct config_where *where,
                             struct fault *fault)
{
    char path[PATH_CAP];
    for (uint32_t i = 1; i < names->count; i++)
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(name_at(names, i), name_at(names, j)) != 0)
                continue;
            snprintf(path, sizeof path, "%s[%u].%s", names->list, i, names->key);
            fault_set(fault, "%s:%u: %s: \"%s\" is already used by %s[%u]; accepted: each %s once",
                      where->path, config_line(where, path), path, name_at(names, i), names->list,
                      j, names->key);
            return ERR_MALFORMED;
        }
    return ERR_OK;
}

/* Every reference is one of `names`. */
static enum err refuse_dangling(const struct names *references, const struct names *names,
                                const struct config_where *where, struct fault *fault)
{
    for (uint32_t i = 0; i < references->count; i++) {
        const char *wanted = name_at(references, i);
        char path[PATH_CAP], accepted[NAMES_CAP] = "";
        bool found = false;
        size_t len = 0;
        for (uint32_t j = 0; j < names->count; j++) {
            found = found || strcmp(name_at(names, j), wanted) == 0;
            if (len < sizeof accepted)
                len += (size_t)snprintf(accepted + len, sizeof accepted - len, "%s%s",
                                        j > 0 ? ", " : "", name_at(names, j));
        }
        if (found)
            continue;
        snprintf(path, sizeof path, "%s[%u].%s", references->list, i, references->key);
        fault_set(fault, "%s:%u: %s: \"%s\" is the %s of none of the %s; accepted: %s", where->path,
                  config_line(where, path), path, wanted, names->key, names->list, accepted);
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

static enum err check_names(const struct config *config, const struct config_where *where,
                            struct fault *fault)
{
#define NAMES(list_, key_, first_, count_, type_)                                                  \
    {                                                                                              \
        .list = (list_), .key = #key_, .first = (first_), .count = (count_),                       \
        .size = sizeof(struct type_), .offset = offsetof(struct type_, key_)                       \
    }
    const struct names ports = NAMES("ports", name, config->ports, config->port_count, config_port);
    const struct names peers = NAMES("peers", name, config->peers, config->peer_count, config_peer);
    const struct names accounts =
        NAMES("accounts", name, config->accounts, config->account_count, config_account);
    const struct names account_ports =
        NAMES("accounts", port, config->accounts, config->account_count, config_account);
    const struct names prefixes =
        NAMES("routes", prefix, config->routes, config->route_count, config_route);
    const struct names route_accounts =
        NAMES("routes", account, config->routes, config->route_count, config_route);
    const struct names clients =
        NAMES("api.clients", name, config->api.clients, config->api.client_count, config_client);
#undef NAMES
    const struct names *unique[] = { &ports, &peers, &accounts, &prefixes, &clients };
    for (size_t i = 0; i < COUNT(unique); i++) {
        enum err err = refuse_twice(unique[i], where, fault);
        if (err != ERR_OK)
            return err;
    }
    enum err err = refuse_dangling(&account_ports, &ports, where, fault);
    return err != ERR_OK ? err : refuse_dangling(&route_accounts, &accounts, where, fault);
}

static enum err check_ports(const struct config *config, const struct config_where *where,
                            struct fault *fault)
{
    char path[PATH_CAP];
    for (uint32_t i = 0; i < config->port_count; i++) {
        const struct config_port *port = &config->ports[i];
        for (uint32_t e = 0; e < port->edge_count; e++) {
            if (port->edges[e] < config->cores.edge_count)
                continue;
            snprintf(path, sizeof path, "ports[%u].edges[%u]", i, e);
            fault_set(fault,
                      "%s:%u: %s: %u, but cores.edge has %u; accepted: a number from 0 to %u",
                      where->path, config_line(where, path), path, port->edges[e],
                      config->cores.edge_count, config->cores.edge_count - 1);
            return ERR_MALFORMED;
        }
    }
    return ERR_OK;
}

const struct config_port *config_account_port(const struct config *config, uint32_t account)
{
    for (uint32_t i = 0; i < config->port_count; i++)
        if (strcmp(config->ports[i].name, config->accounts[account].port) == 0)
            return &config->ports[i];
    return NULL;
}

uint32_t config_account_edge(const struct config *config, uint32_t account)
{
    const struct config_port *port = config_account_port(config, account);
    uint32_t before = 0;
    if (config->accounts[account].edge != CONFIG_AUTO)
        return config->accounts[account].edge;
    for (uint32_t i = 0; i < account; i++)
        before += config_account_port(config, i) == port;
    return port->edges[before % port->edge_count];
}

/* An account's edge polls its port. */
static enum err check_accounts(const struct config *config, const struct config_where *where,
                               struct fault *fault)
{
    char path[PATH_CAP];
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_port *port = config_account_port(config, i);
        uint32_t edge = config_account_edge(config, i), e = 0;
        while (e < port->edge_count && port->edges[e] != edge)
            e++;
        if (e < port->edge_count)
            continue;
        snprintf(path, sizeof path, "accounts[%u].edge", i);
        fault_set(fault, "%s:%u: %s: %u does not poll port %s; accepted: auto, or one of its edges",
                  where->path, config_line(where, path), path, edge, port->name);
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

/* What keeps a bind's connection busy is its enquire_link. */
static enum err check_idle(const struct config *config, const struct config_where *where,
                           struct fault *fault)
{
    char path[PATH_CAP];
    for (uint32_t i = 0; i < config->account_count; i++) {
        const struct config_port *port = config_account_port(config, i);
        if (port->tcp.idle_ms == 0 || port->tcp.idle_ms > config->accounts[i].enquire_ms)
            continue;
        snprintf(path, sizeof path, "ports[%u].tcp.idle", (unsigned)(port - config->ports));
        fault_set(fault,
                  "%s:%u: %s: %u ms would reset every quiet bind of account %s before its "
                  "enquire_link; accepted: 0s, or more than its enquire_interval, %u ms",
                  where->path, config_line(where, path), path, port->tcp.idle_ms,
                  config->accounts[i].name, config->accounts[i].enquire_ms);
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

/* A short message that outlives its job would let a card run what was given up. */
static enum err check_times(const struct config *config, const struct config_where *where,
                            struct fault *fault)
{
    char path[PATH_CAP];
    for (uint32_t i = 0; i < config->account_count; i++)
        if (config->accounts[i].validity_s > config->jobs.expiry_s) {
            snprintf(path, sizeof path, "accounts[%u].validity", i);
            fault_set(fault, "%s:%u: %s: %u s is longer than jobs.expiry; accepted: at most %u s",
                      where->path, config_line(where, path), path, config->accounts[i].validity_s,
                      config->jobs.expiry_s);
            return ERR_MALFORMED;
        }
    return ERR_OK;
}

enum err config_cross_check(const struct config *config, const struct config_where *where,
                            struct fault *fault)
{
    enum err err = check_names(config, where, fault);
    if (err == ERR_OK)
        err = check_ports(config, where, fault);
    if (err == ERR_OK)
        err = check_accounts(config, where, fault);
    if (err == ERR_OK)
        err = config_net_check(config, where, fault);
    if (err == ERR_OK)
        err = check_idle(config, where, fault);
    if (err == ERR_OK)
        err = check_times(config, where, fault);
    return err;
}
