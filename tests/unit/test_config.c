/* Settings: deploy/starling.yaml against the rows, and what bad files are told. */
#include "engine/config.h"
#include "engine/config_schema.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define SOUND_PORT "ports:\n- {name: p0, device: net_null0, address: 10.0.0.2/24}\n"
#define SOUND_ACCOUNT                                                                              \
    "accounts:\n- {name: a0, port: p0, address: 10.0.0.1, system_id: s, password_file: /p,"        \
    " source_address: \"1\"}\n"
#define SOUND_ROUTE "routes:\n- {account: a0}\n"
#define SOUND SOUND_PORT SOUND_ACCOUNT SOUND_ROUTE

static char path[] = "/tmp/starling-test-config-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static enum err load(const char *text, struct config **out, struct fault *fault)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return config_load(path, out, fault);
}

static yaml_node_t *member(yaml_document_t *document, yaml_node_t *node, const char *key)
{
    assert_int_equal(node->type, YAML_MAPPING_NODE);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        yaml_node_t *name = yaml_document_get_node(document, pair->key);
        if (strcmp((const char *)name->data.scalar.value, key) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    fail_msg("deploy/starling.yaml lacks %s", key);
    return NULL;
}

/* Each row of the section is there, with its default and with its help as the comment. */
static void check_section(yaml_document_t *document, yaml_node_t *node, enum section_id id,
                          const char *text)
{
    const struct section *section = &config_sections[id];
    for (uint32_t i = 0; i < section->setting_count; i++) {
        const struct setting *setting = &section->settings[i];
        char comment[300];
        snprintf(comment, sizeof comment, "# %s\n", setting->help);
        if (strstr(text, comment) == NULL)
            fail_msg("deploy/starling.yaml lacks the comment: %s", comment);
        const yaml_node_t *value = member(document, node, setting->key);
        if (value->type == YAML_SEQUENCE_NODE) /* of one entry */
            value = yaml_document_get_node(document, value->data.sequence.items.start[0]);
        if (setting->initial != NULL)
            assert_string_equal((const char *)value->data.scalar.value, setting->initial);
    }
    for (int child = 1; child < SECTION_COUNT; child++) {
        if (config_sections[child].parent != id)
            continue;
        yaml_node_t *below = member(document, node, config_sections[child].key);
        if (config_sections[child].most > 0) {
            assert_int_equal(below->type, YAML_SEQUENCE_NODE);
            below = yaml_document_get_node(document, below->data.sequence.items.start[0]);
        }
        check_section(document, below, (enum section_id)child, text);
    }
}

static void reference_file_shows_every_setting_and_default(void **state)
{
    (void)state;
    char *text = test_file("../deploy/starling.yaml");
    yaml_parser_t parser;
    yaml_document_t document;
    assert_true(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    assert_true(yaml_parser_load(&parser, &document));
    check_section(&document, yaml_document_get_root_node(&document), SECTION_ROOT, text);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    free(text);
}

static void reference_file_loads(void **state)
{
    (void)state;
    char *text = test_file("../deploy/starling.yaml");
    struct config *config = NULL;
    struct fault fault = { "" };
    enum err err = load(text, &config, &fault);
    free(text);
    if (sysconf(_SC_NPROCESSORS_CONF) < 2) { /* it names CPUs 0 and 1 */
        assert_int_equal(err, ERR_MALFORMED);
        return;
    }
    assert_string_equal(fault.text, "");
    check_err("deploy/starling.yaml", err, ERR_OK);
    assert_int_equal(config->port_count, 1);
    assert_true(ip_equal(config->ports[0].address, ip_addr_v4(0x0A000002)));
    assert_int_equal(config->ports[0].prefix_len, 24);
    assert_int_equal(config->ports[0].edge_count, 1);
    assert_int_equal(config->ports[0].edges[0], 0);
    assert_int_equal(config->accounts[0].edge, CONFIG_AUTO);
    assert_int_equal(config->memory.size_mb, 512);
    assert_int_equal(config->accounts[0].validity_s, 3600);
    assert_int_equal(config->accounts[0].response_ms, 10000);
    assert_int_equal(config->jobs.results_keep_s, 7 * 86400);
    assert_string_equal(config->accounts[0].source_address, "882001234567");
    assert_false(config->cores.is_auto);
    config_free(config);
}

static void accounts_take_their_ports_edges_in_turn(void **state)
{
    (void)state;
    struct config config = { .account_count = 4, .port_count = 2 };
    char *names[] = { (char[]){ "p0" }, (char[]){ "p1" } };
    config.ports[0] = (struct config_port){ .name = names[0], .edges = { 2, 5 }, .edge_count = 2 };
    config.ports[1] = (struct config_port){ .name = names[1], .edges = { 1 }, .edge_count = 1 };
    for (uint32_t a = 0; a < 4; a++)
        config.accounts[a] = (struct config_account){ .port = names[a == 1], .edge = CONFIG_AUTO };
    static const uint32_t edges[4] = { 2, 1, 5, 2 };
    for (uint32_t a = 0; a < 4; a++)
        assert_int_equal(config_account_edge(&config, a), edges[a]);
    config.accounts[3].edge = 5;
    assert_int_equal(config_account_edge(&config, 3), 5);
}

static void peers_are_addresses_or_prefixes(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct fault fault = { "" };
    enum err err = load(SOUND "peers:\n- {name: a, prefix: 10.0.0.254}\n"
                              "- {name: b, prefix: \"2001:db8::/32\", rate: 100, burst: 7}\n",
                        &config, &fault);
    assert_string_equal(fault.text, "");
    check_err("peers", err, ERR_OK);
    assert_int_equal(config->peer_count, 2);
    assert_true(ip_equal(config->peers[0].prefix, ip_addr_v4(0x0A0000FE)));
    assert_int_equal(config->peers[0].prefix_len, 32);
    assert_int_equal(config->peers[0].rate, 0);
    assert_int_equal(config->peers[1].prefix_len, 32);
    assert_int_equal(config->peers[1].rate, 100);
    assert_int_equal(config->peers[1].burst, 7);
    assert_int_equal(config->ports[0].source_rate, 10000);
    assert_int_equal(config->ports[0].source_burst, 2000);
    config_free(config);
}

static void check_weather(const struct config_weather *weather, uint32_t drop, uint32_t seed)
{
    assert_int_equal(weather->drop, drop);
    assert_int_equal(weather->duplicate, 0);
    assert_int_equal(weather->corrupt, 0);
    assert_int_equal(weather->reorder, 0);
    assert_int_equal(weather->reorder_ms, 10);
    assert_int_equal(weather->delay_ms, 0);
    assert_int_equal(weather->jitter_ms, 0);
    assert_int_equal(weather->seed, seed);
}

static void each_way_has_its_weather_and_none_by_default(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct fault fault = { "" };
    assert_int_equal(load(SOUND, &config, &fault), ERR_OK);
    check_weather(&config->ports[0].impair.rx, 0, 1);
    check_weather(&config->ports[0].impair.tx, 0, 1);
    config_free(config);
    enum err err =
        load("ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n"
             "   impair: {rx: {drop: 7}, tx: {drop: 8, seed: 9}}}\n" SOUND_ACCOUNT SOUND_ROUTE,
             &config, &fault);
    assert_string_equal(fault.text, "");
    check_err("weather", err, ERR_OK);
    check_weather(&config->ports[0].impair.rx, 7, 1);
    check_weather(&config->ports[0].impair.tx, 8, 9);
    config_free(config);
}

static void connections_are_as_the_port_says(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct fault fault = { "" };
    assert_int_equal(load(SOUND, &config, &fault), ERR_OK);
    const struct config_tcp *tcp = &config->ports[0].tcp;
    assert_int_equal(tcp->congestion, TCP_CUBIC);
    assert_int_equal(tcp->connect_ms, 30000);
    assert_int_equal(tcp->give_up_ms, 120000);
    assert_int_equal(tcp->keep_alive_ms, 0);
    assert_int_equal(tcp->idle_ms, 0);
    config_free(config);
    enum err err = load("ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n"
                        "   tcp: {congestion: newreno, connect_timeout: 5s, give_up: 40s,"
                        " keep_alive: 1m, idle: 10m}}\n" SOUND_ACCOUNT SOUND_ROUTE,
                        &config, &fault);
    assert_string_equal(fault.text, "");
    check_err("tcp", err, ERR_OK);
    tcp = &config->ports[0].tcp;
    assert_int_equal(tcp->congestion, TCP_NEWRENO);
    assert_int_equal(tcp->connect_ms, 5000);
    assert_int_equal(tcp->give_up_ms, 40000);
    assert_int_equal(tcp->keep_alive_ms, 60000);
    assert_int_equal(tcp->idle_ms, 600000);
    config_free(config);
}

static void least_file_takes_defaults(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct fault fault = { "" };
    enum err err = load(SOUND, &config, &fault);
    assert_string_equal(fault.text, "");
    check_err("least", err, ERR_OK);
    assert_true(config->cores.is_auto);
    assert_int_equal(config->cores.edge_count, 1);
    assert_int_equal(config->cores.worker_count, 1);
    assert_true(ip_is_none(config->ports[0].gateway));
    assert_int_equal(config->ports[0].mtu, 1500);
    assert_string_equal(config->routes[0].prefix, "");
    assert_string_equal(config->api.host, "127.0.0.1");
    assert_int_equal(config->api.client_count, 0);
    assert_true(config->accounts[0].receipts);
    assert_int_equal(config->accounts[0].id_format, ID_LEARN);
    config_free(config);
}

static const struct {
    const char *name, *text;
    const char *said; /* follows "FILE:" */
} bad[] = {
    { "empty", "", "1: is empty" },
    { "not YAML", "a: [1\nb: 2\n", "2: is not YAML:" },
    { "a list", "- a\n", "1: the file: is not a mapping of settings; accepted: data_dir" },
    { "unknown key", SOUND "jobs:\n  colour: red\n",
      "8: jobs: \"colour\" is not a setting; accepted: waiting_max, segments_max" },
    { "unknown section", SOUND "colour: red\n",
      "7: the file: \"colour\" is not a setting; accepted: " },
    { "key twice", SOUND "jobs:\n  expiry: 1h\n  expiry: 2h\n",
      "9: jobs: \"expiry\" is given twice" },
    { "no unit", SOUND "jobs:\n  expiry: 90\n",
      "8: jobs.expiry: \"90\" is not acceptable; accepted: a duration from 1m to 365d, with its "
      "unit (s, m, h, d)" },
    { "unit of something else", SOUND "memory:\n  size: 30s\n",
      "8: memory.size: \"30s\" is not acceptable; accepted: a size from 64M to 1024G" },
    { "fraction of a second", SOUND "jobs:\n  expiry: 90500ms\n", "8: jobs.expiry: \"90500ms\"" },
    { "too large", SOUND "jobs:\n  segments_max: 11\n",
      "8: jobs.segments_max: \"11\" is not acceptable; accepted: a number from 1 to 10" },
    { "not a number", SOUND "jobs:\n  segments_max: -1\n", "8: jobs.segments_max: \"-1\"" },
    { "larger than any", SOUND "devices_max: 99999999999999999999\n", "7: devices_max:" },
    { "no truth", SOUND "accept_clock: maybe\n",
      "7: accept_clock: \"maybe\" is not acceptable; accepted: true or false" },
    { "no choice", SOUND "cores: {edge: [0], workers: [0], poll: fast}\n",
      "7: cores.poll: \"fast\" is not acceptable; accepted: one of: adaptive, busy" },
    { "cores neither", SOUND "cores: some\n", "7: cores: \"some\" is not a mapping of settings" },
    { "cores without workers", SOUND "cores: {edge: [0]}\n", "7: cores.workers: is missing" },
    { "cpu twice", SOUND "cores: {edge: [0, 0], workers: [0]}\n",
      "7: cores.edge: \"0\" is named twice" },
    { "cpu beyond", SOUND "cores: {edge: [1023], workers: [0]}\n",
      "7: cores.edge: \"1023\" does not exist; accepted: CPUs 0 to " },
    { "cpus empty", SOUND "cores: {edge: [], workers: [0]}\n", "7: cores.edge: is empty" },
    { "relative path", SOUND "data_dir: here\n",
      "7: data_dir: \"here\" is not acceptable; accepted: an absolute path" },
    { "no ports", SOUND_ACCOUNT SOUND_ROUTE, "1: ports: is missing; accepted: a list of 1 to 16" },
    { "ports a mapping", "ports: {name: p}\n", "1: ports: does not fit" },
    { "missing device", "ports:\n- {name: p0, address: 10.0.0.2/24}\n",
      "2: ports[0].device: is missing" },
    { "no prefix", "ports:\n- {name: p0, device: d, address: 10.0.0.2}\n",
      "2: ports[0].address: \"10.0.0.2\" is not acceptable; accepted: an IPv4 address with its "
      "prefix length" },
    { "prefix too long", "ports:\n- {name: p0, device: d, address: 10.0.0.2/33}\n",
      "2: ports[0].address:" },
    { "gateway elsewhere",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   gateway: 10.0.1.1}\n" SOUND_ACCOUNT
          SOUND_ROUTE,
      "3: ports[0].gateway: is not on the port's own link" },
#define PORT_AT(address, more) "ports:\n- {name: p0, device: d, address: " address more "}\n"
#define SMSC_AT(address)                                                                           \
    "accounts:\n- {name: a0, port: p0, address: " address ", system_id: s, password_file: /p,"     \
    " source_address: \"1\"}\n"
    { "port at its network", PORT_AT("10.0.0.0/24", "") SOUND_ACCOUNT SOUND_ROUTE,
      "2: ports[0].address: is the network's own address; accepted: the address of one host" },
    { "port at its broadcast", PORT_AT("10.0.0.255/24", "") SOUND_ACCOUNT SOUND_ROUTE,
      "2: ports[0].address: is the broadcast address of its link" },
    { "port multicast", PORT_AT("224.0.0.1/24", "") SOUND_ACCOUNT SOUND_ROUTE,
      "2: ports[0].address: is a multicast address" },
    { "gateway at the port",
      PORT_AT("10.0.0.2/24", ",\n   gateway: 10.0.0.2") SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].gateway: is the port's own address" },
    { "gateway the broadcast",
      PORT_AT("10.0.0.2/24", ",\n   gateway: 10.0.0.255") SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].gateway: is the broadcast address of its link" },
    { "no address at all", PORT_AT("none", "") SOUND_ACCOUNT SOUND_ROUTE,
      "2: ports[0].address: is none, as is address6; accepted: an address of either family" },
    { "IPv6 for IPv4", PORT_AT("\"2001:db8::1/64\"", ""), "2: ports[0].address:" },
    { "IPv4 for IPv6", PORT_AT("10.0.0.2/24", ",\n   address6: 10.0.0.2/24"),
      "3: ports[0].address6: \"10.0.0.2/24\" is not acceptable; accepted: an IPv6 address with" },
    { "a group for IPv6",
      PORT_AT("10.0.0.2/24", ",\n   address6: \"ff02::1/64\"") SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].address6: is a multicast address" },
    { "loopback", PORT_AT("10.0.0.2/24", ",\n   address6: \"::1/64\"") SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].address6: is no host's address" },
    { "link-local",
      PORT_AT("10.0.0.2/24", ",\n   address6: \"fe80::1/64\"") SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].address6: is link-local, of which the port has its own" },
    { "gateway6 elsewhere",
      PORT_AT("10.0.0.2/24", ",\n   address6: \"2001:db8::1/64\", gateway6: \"2001:db8:1::1\"")
          SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].gateway6: is not on the port's own link" },
    { "gateway6 without address6",
      PORT_AT("10.0.0.2/24", ",\n   gateway6: \"fe80::1\"") SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].gateway6: is not on the port's own link" },
    { "address6 twice",
      "ports:\n- {name: p0, device: d, address: none, address6: \"2001:db8::1/64\"}\n"
      "- {name: p1, device: e, address: none,\n   address6: \"2001:db8::1/64\"}\n" SMSC_AT(
          "\"2001:db8::2\"") SOUND_ROUTE,
      "4: ports[1].address6: is already that of ports[0]" },
    { "MTU below IPv6's",
      PORT_AT("10.0.0.2/24", ", address6: \"2001:db8::1/64\",\n   mtu: 1279")
          SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[0].mtu: is less than IPv6 needs; accepted: at least 1280" },
    { "VLAN 4095", PORT_AT("10.0.0.2/24", ",\n   vlan: 4095"), "3: ports[0].vlan:" },
    { "SMSC of a family that the port lacks", SOUND_PORT SMSC_AT("\"2001:db8::2\"") SOUND_ROUTE,
      "4: accounts[0].address: is of a family in which its port has no address" },
    { "SMSC beyond the link",
      PORT_AT("none", ", address6: \"2001:db8::1/64\"") SMSC_AT("\"2001:db8:1::2\"") SOUND_ROUTE,
      "4: accounts[0].address: is not on the link of its port, which has no gateway" },
    { "SMSC at the port", PORT_AT("10.0.0.1/24", "") SOUND_ACCOUNT SOUND_ROUTE,
      "4: accounts[0].address: is the engine's own" },
    { "SMSC the broadcast", SOUND_PORT SMSC_AT("10.0.0.255") SOUND_ROUTE,
      "4: accounts[0].address: is the broadcast address of its link; accepted: the SMSC's" },
    { "SMSC multicast",
      PORT_AT("10.0.0.2/24", ", gateway: 10.0.0.3") SMSC_AT("239.1.1.1") SOUND_ROUTE,
      "4: accounts[0].address: is a multicast address" },
    { "SMSC out of reach", SOUND_PORT SMSC_AT("10.0.1.1") SOUND_ROUTE,
      "4: accounts[0].address: is not on the link of its port, which has no gateway" },
    { "edge beyond",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   edges: [0, 1]}\n" SOUND_ACCOUNT
          SOUND_ROUTE,
      "3: ports[0].edges[1]: 1, but cores.edge has 1" },
    { "edge twice",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24, edges: [0, 0]}\n" SOUND_ACCOUNT
          SOUND_ROUTE,
      "2: ports[0].edges: \"0\" is named twice; accepted: a list of 1 to 16 different numbers" },
    { "one edge, not a list", "ports:\n- {name: p0, device: d, address: 10.0.0.2/24, edges: 0}\n",
      "2: ports[0].edges: \"0\" is not a list" },
    { "edges above all", "ports:\n- {name: p0, device: d, address: 10.0.0.2/24, edges: [16]}\n",
      "2: ports[0].edges: \"16\" is not acceptable" },
    { "account on an edge of another port",
      SOUND_PORT "accounts:\n- {name: a0, port: p0, address: 10.0.0.1, system_id: s,"
                 " password_file: /p, source_address: \"1\",\n   edge: 1}\n" SOUND_ROUTE,
      "5: accounts[0].edge: 1 does not poll port p0; accepted: auto, or one of its edges" },
    { "account on no edge", SOUND_PORT "accounts:\n- {name: a0, port: p0, edge: all}\n",
      "4: accounts[0].edge: \"all\" is not acceptable; accepted: auto, or a number from 0 to 15" },
    { "congestion control nobody knows",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   tcp: {congestion: bbr}}\n",
      "3: ports[0].tcp.congestion: \"bbr\" is not acceptable; accepted: one of: cubic, newreno" },
    { "giving up at once",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   tcp: {give_up: 10ms}}\n",
      "3: ports[0].tcp.give_up: \"10ms\" is not acceptable; accepted: a duration from 1s to 1d" },
    { "idle sooner than enquire_link",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   tcp: {idle: 30s}}\n" SOUND_ACCOUNT
          SOUND_ROUTE,
      "3: ports[0].tcp.idle: 30000 ms would reset every quiet bind of account a0 before its "
      "enquire_link; accepted: 0s, or more than its enquire_interval, 30000 ms" },
    { "impairment of more than all frames",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   impair: {tx: {drop: 1000001}}}\n",
      "3: ports[0].impair.tx.drop: \"1000001\" is not acceptable" },
    { "impairment of no direction",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   impair: {drop: 1}}\n",
      "3: ports[0].impair: \"drop\" is not a setting; accepted: rx, tx" },
    { "impairment of both at once",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24, impair: 1000}\n",
      "2: ports[0].impair: \"1000\" is not a mapping of settings; accepted: rx, tx" },
    { "port name twice",
      SOUND_PORT "- name: p0\n  device: d\n  address: 10.0.1.2/24\n" SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[1].name: \"p0\" is already used by ports[0]" },
    { "address twice",
      SOUND_PORT "- name: p1\n  device: e\n  address: 10.0.0.2/24\n" SOUND_ACCOUNT SOUND_ROUTE,
      "5: ports[1].address: is already that of ports[0]" },
    { "device twice",
      SOUND_PORT
      "- name: p1\n  device: net_null0,more\n  address: 10.0.0.3/24\n" SOUND_ACCOUNT SOUND_ROUTE,
      "4: ports[1].device: is already that of ports[0]; accepted: each device once" },
    { "interface twice",
      "ports:\n- {name: p0, device: \"xsk,iface=a\", address: 10.0.0.2/24}\n"
      "- {name: p1, device: \"xsk,iface=a\", address: 10.0.1.2/24}\n" SOUND_ACCOUNT SOUND_ROUTE,
      "3: ports[1].device: is already that of ports[0]" },
    { "AF_XDP without an interface",
      "ports:\n- {name: p0, device: xsk, address: 10.0.0.2/24}\n" SOUND_ACCOUNT SOUND_ROUTE,
      "2: ports[0].device: is no AF_XDP port; accepted: xsk,iface=NAME" },
    { "AF_XDP with more than an interface",
      "ports:\n- {name: p0, device: \"xsk,iface=a,queues=2\", address: 10.0.0.2/24}\n" SOUND_ACCOUNT
          SOUND_ROUTE,
      "2: ports[0].device: is no AF_XDP port" },
    { "AF_XDP on a name that is too long",
      "ports:\n- {name: p0, device: \"xsk,iface=abcdefghijklmnop\", address: "
      "10.0.0.2/24}\n" SOUND_ACCOUNT SOUND_ROUTE,
      "2: ports[0].device: is no AF_XDP port" },
    { "source rate of more than a port",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24,\n   source_rate: 10000001}\n",
      "3: ports[0].source_rate: \"10000001\" is not acceptable; accepted: a number from 0 to "
      "10000000" },
    { "source burst of none",
      "ports:\n- {name: p0, device: d, address: 10.0.0.2/24, source_burst: 0}\n",
      "2: ports[0].source_burst: \"0\" is not acceptable" },
    { "peer without prefix", SOUND "peers:\n- {name: g}\n", "8: peers[0].prefix: is missing" },
    { "peer's prefix too long", SOUND "peers:\n- {name: g, prefix: 10.0.0.0/33}\n",
      "8: peers[0].prefix: \"10.0.0.0/33\" is not acceptable; accepted: an IPv4 or IPv6 address or "
      "prefix" },
    { "peer's prefix over both families", SOUND "peers:\n- {name: g, prefix: \"::/64\"}\n",
      "8: peers[0].prefix: \"::/64\" is not acceptable" },
    { "peer twice",
      SOUND "peers:\n- {name: g, prefix: 10.0.0.0/8}\n- {name: g, prefix: 11.0.0.0/8}\n",
      "9: peers[1].name: \"g\" is already used by peers[0]" },
    { "peer's prefix twice",
      SOUND "peers:\n- {name: g, prefix: 10.0.0.1/8}\n- {name: h, prefix: 10.0.0.0/8}\n",
      "9: peers[1].prefix: is already that of peers[0]; accepted: each prefix once" },
    { "account without port",
      "ports:\n- {name: p1, device: d, address: 10.0.0.2/24}\n" SOUND_ACCOUNT SOUND_ROUTE,
      "4: accounts[0].port: \"p0\" is the name of none of the ports; accepted: p1" },
    { "route without account", SOUND "- {prefix: \"49\", account: b0}\n",
      "7: routes[1].account: \"b0\" is the name of none of the accounts; accepted: a0" },
    { "route twice", SOUND "- {account: a0}\n", "7: routes[1].prefix: \"\" is already used" },
    { "prefix not digits", SOUND "- {prefix: \"+49\", account: a0}\n",
      "7: routes[1].prefix: \"+49\" is not acceptable; accepted: 0 to 15 digits, in quotes" },
    { "client twice",
      SOUND "api:\n  clients:\n  - {name: c, token_file: /t}\n  - {name: c, token_file: /u}\n",
      "10: api.clients[1].name: \"c\" is already used by api.clients[0]" },
    { "validity beyond expiry", SOUND "jobs: {expiry: 10m}\n",
      "4: accounts[0].validity: 3600 s is longer than jobs.expiry" },
    { "host a name", SOUND "api: {host: localhost}\n",
      "7: api.host: \"localhost\" is not acceptable; accepted: an IPv4 or IPv6 address" },
    { "a list for a value", SOUND "kek_file: [a]\n", "7: kek_file: is not a single value" },
};

static void addresses_that_work_are_taken(void **state)
{
    (void)state;
    static const char *const sound[] = {
        PORT_AT("10.0.0.0/31", "") SMSC_AT("10.0.0.1") SOUND_ROUTE,
        PORT_AT("10.0.0.2/24", ", gateway: 10.0.0.1") SMSC_AT("192.0.2.255") SOUND_ROUTE,
        PORT_AT("10.0.0.255/23", "") SMSC_AT("10.0.1.0") SOUND_ROUTE,
        PORT_AT("none", ", address6: \"2001:db8::1/64\"") SMSC_AT("\"2001:db8::2\"") SOUND_ROUTE,
        PORT_AT("10.0.0.2/24", ", address6: \"2001:db8::1/127\", gateway6: \"fe80::1\", vlan: 4094")
            SMSC_AT("\"2001:db8::2\"") SOUND_ROUTE,
        PORT_AT("10.0.0.2/24", ", address6: \"2001:db8::1/63\"") SMSC_AT("\"2001:db8:0:1::2\"")
            SOUND_ROUTE,
    };
    for (size_t i = 0; i < COUNT(sound); i++) {
        struct config *config = NULL;
        struct fault fault = { "" };
        check_err(fault.text, load(sound[i], &config, &fault), ERR_OK);
        config_free(config);
    }
}

static void bad_files_are_refused_with_line_setting_and_accepted_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct config *config = NULL;
        struct fault fault = { "" };
        check_err(bad[i].name, load(bad[i].text, &config, &fault), ERR_MALFORMED);
        assert_null(config);
        char wanted[512];
        snprintf(wanted, sizeof wanted, "%s:%s", path, bad[i].said);
        if (strncmp(fault.text, wanted, strlen(wanted)) != 0)
            fail_msg("%s: said \"%s\", wanted \"%s\"", bad[i].name, fault.text, wanted);
    }
}

static void missing_file_is_an_io_error(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct fault fault = { "" };
    check_err("missing", config_load("/nonexistent/starling.yaml", &config, &fault), ERR_IO);
    assert_non_null(strstr(fault.text, "/nonexistent/starling.yaml: cannot be read"));
}

/* The last octets of a sound file, cut anywhere: an answer, never a crash or a leak. */
static void truncations_end_in_an_answer(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < strlen(SOUND); cut++) {
        char text[sizeof SOUND];
        struct config *config = NULL;
        struct fault fault = { "" };
        memcpy(text, SOUND, cut);
        text[cut] = '\0';
        if (load(text, &config, &fault) == ERR_OK)
            config_free(config);
        else
            assert_string_not_equal(fault.text, "");
    }
}

/* 50,000 brackets took libyaml more than ten seconds. */
static void what_is_too_deep_or_too_long_is_refused_unread(void **state)
{
    (void)state;
    static char text[(2u << 20) + 1];
    struct config *config = NULL;
    struct fault fault = { "" };
    memset(text, '[', 50000);
    assert_int_equal(load(text, &config, &fault), ERR_RANGE);
    assert_non_null(strstr(fault.text, ":1: is nested too deeply; accepted: at most 32 levels"));
    memset(text, '\n', sizeof text - 1);
    memcpy(text + sizeof text - 1 - strlen(SOUND), SOUND, strlen(SOUND) + 1);
    fault.text[0] = '\0';
    assert_int_equal(load(text, &config, &fault), ERR_RANGE);
    assert_non_null(strstr(fault.text, "is too long; accepted: at most 1048576 octets"));
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_file_shows_every_setting_and_default),
        cmocka_unit_test(reference_file_loads),
        cmocka_unit_test(accounts_take_their_ports_edges_in_turn),
        cmocka_unit_test(peers_are_addresses_or_prefixes),
        cmocka_unit_test(each_way_has_its_weather_and_none_by_default),
        cmocka_unit_test(connections_are_as_the_port_says),
        cmocka_unit_test(least_file_takes_defaults),
        cmocka_unit_test(bad_files_are_refused_with_line_setting_and_accepted_values),
        cmocka_unit_test(addresses_that_work_are_taken),
        cmocka_unit_test(missing_file_is_an_io_error),
        cmocka_unit_test(truncations_end_in_an_answer),
        cmocka_unit_test(what_is_too_deep_or_too_long_is_refused_unread),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
