/* Every setting of the engine: name, kind, bounds, default, help. Keep deploy/starling.yaml in
 * step; test_config holds the two against each other. */
#include "engine/config_schema.h"

#define AT(type, field)                                                                            \
    .offset = offsetof(struct type, field), .width = sizeof(((struct type *)0)->field)

static const char *const poll_modes[] = {
    [POLL_ADAPTIVE] = "adaptive", [POLL_BUSY] = "busy", NULL
};
static const char *const id_formats[] = { [ID_LEARN] = "learn",
                                          [ID_AS_IS] = "as-is",
                                          [ID_HEX_TO_DECIMAL] = "hex-to-decimal",
                                          [ID_DECIMAL_TO_HEX] = "decimal-to-hex",
                                          NULL };

static const char *const congestions[] = { [TCP_CUBIC] = "cubic", [TCP_NEWRENO] = "newreno", NULL };

#define DAY_S 86400u
#define DAY_MS (1000u * DAY_S)

/* clang-format off */
static const struct setting root[] = {
    { "data_dir", SETTING_PATH, AT(config, data_dir), .initial = "/var/lib/starling",
      .help = "Where jobs, results, devices and the journal are kept; only the engine's user may read it." },
    { "kek_file", SETTING_PATH, AT(config, kek_file), .initial = "/etc/starling/kek",
      .help = "The key-encryption key that wraps keys at rest: 64 hex digits, mode 0600 (`starling kek create`)." },
    { "devices_max", SETTING_UINT, AT(config, devices_max), 1, 100000000, "1000000",
      .help = "Devices that the directory has room for; 256 octets of locked memory each." },
    { "accept_clock", SETTING_BOOL, AT(config, accept_clock), .initial = "false",
      .help = "Start although the clock is far from the last counter block: once, after checking it." },
};

static const struct setting cores[] = {
    { "edge", SETTING_CPU_LIST, .offset = offsetof(struct config_cores, edge), .second = offsetof(struct config_cores, edge_count),
      .least = 1, .most = CONFIG_EDGES_MAX, .initial = NULL,
      .help = "CPUs that own the ports and connections, one edge each." },
    { "workers", SETTING_CPU_LIST, .offset = offsetof(struct config_cores, workers), .second = offsetof(struct config_cores, worker_count),
      .least = 1, .most = CONFIG_WORKERS_MAX, .initial = NULL,
      .help = "CPUs that own the devices, one worker each; may repeat an edge's CPU." },
    { "poll", SETTING_CHOICE, AT(config_cores, poll), .choices = poll_modes, .initial = "adaptive",
      .help = "busy: never sleep, for isolated cores; adaptive: nap when idle." },
};

static const struct setting memory[] = {
    { "hugepages", SETTING_BOOL, AT(config_memory, hugepages), .initial = "true",
      .help = "Take packet memory from hugepages; false where the machine has none." },
    { "size", SETTING_MEGA, AT(config_memory, size_mb), 64, 1048576, "512M",
      .help = "Memory for packets, messages and sessions." },
};

static const struct setting ports[] = {
    { "name", SETTING_NAME, AT(config_port, name), 1, 31, NULL,
      .help = "Our name for the port, in metrics and in accounts." },
    { "device", SETTING_TEXT, AT(config_port, device), 1, 255, NULL,
      .help = "Our AF_XDP port (xsk,iface=star0), a PCI address (0000:3b:00.0) or a DPDK virtual device." },
    { "edges", SETTING_LIST, .offset = offsetof(struct config_port, edges), .second = offsetof(struct config_port, edge_count),
      .least = 1, .most = CONFIG_EDGES_MAX, .initial = "0",
      .help = "Which edges poll it, a queue each: positions in cores.edge, from 0." },
    { "address", SETTING_IP4_NET, AT(config_port, address), .second = offsetof(struct config_port, prefix_len),
      .help = "The engine's own IPv4 address and prefix; never one the kernel holds." },
    { "gateway", SETTING_IP4, AT(config_port, gateway), .initial = "none",
      .help = "Next hop for what is not on the link." },
    { "address6", SETTING_IP6_NET, AT(config_port, address6), .second = offsetof(struct config_port, prefix6_len),
      .initial = "none",
      .help = "The same for IPv6; a link-local address, made from it, comes with it." },
    { "gateway6", SETTING_IP6, AT(config_port, gateway6), .initial = "none",
      .help = "IPv6's next hop; may be link-local. Router advertisements are ignored." },
    { "vlan", SETTING_UINT, AT(config_port, vlan), 0, 4094, "0",
      .help = "IEEE 802.1Q VLAN of all the port's frames; 0: untagged." },
    { "mtu", SETTING_UINT, AT(config_port, mtu), 576, CONFIG_MTU_MAX, "1500",
      .help = "Largest IP packet, octets; a device that has less decides." },
    { "source_rate", SETTING_UINT, AT(config_port, source_rate), 0, 10000000, "10000",
      .help = "Our AF_XDP port: packets a second one source may send us, peers aside; 0: no limit." },
    { "source_burst", SETTING_UINT, AT(config_port, source_burst), 1, 1000000, "2000",
      .help = "How many of them at once." },
};

static const struct setting tcp[] = {
    { "congestion", SETTING_CHOICE, AT(config_tcp, congestion), .choices = congestions, .initial = "cubic",
      .help = "How a connection finds its rate: cubic (RFC 9438), or newreno (RFC 5681), which is slower on long paths." },
    { "connect_timeout", SETTING_MILLIS, AT(config_tcp, connect_ms), 100, 600000, "30s",
      .help = "How long a connection may be half-open." },
    { "give_up", SETTING_MILLIS, AT(config_tcp, give_up_ms), 1000, DAY_MS, "2m",
      .help = "How long octets are sent again, unacknowledged, before the connection counts as lost." },
    { "keep_alive", SETTING_MILLIS, AT(config_tcp, keep_alive_ms), 0, DAY_MS, "0s",
      .help = "Silence after which the peer is probed, five times at most; 0s: never. SMPP's enquire_link does the same." },
    { "idle", SETTING_MILLIS, AT(config_tcp, idle_ms), 0, DAY_MS, "0s",
      .help = "Without an octet either way for so long a connection is reset; 0s: never." },
};

static const struct setting weather[] = {
    { "drop", SETTING_UINT, AT(config_weather, drop), 0, 1000000, "0",
      .help = "Of a million frames, how many are lost." },
    { "duplicate", SETTING_UINT, AT(config_weather, duplicate), 0, 1000000, "0",
      .help = "How many come twice." },
    { "corrupt", SETTING_UINT, AT(config_weather, corrupt), 0, 1000000, "0",
      .help = "How many have one octet changed." },
    { "reorder", SETTING_UINT, AT(config_weather, reorder), 0, 1000000, "0",
      .help = "How many are held back, so that later ones overtake them." },
    { "reorder_by", SETTING_MILLIS, AT(config_weather, reorder_ms), 1, 60000, "10ms",
      .help = "By how much, at most." },
    { "delay", SETTING_MILLIS, AT(config_weather, delay_ms), 0, 60000, "0ms",
      .help = "How much later all come." },
    { "jitter", SETTING_MILLIS, AT(config_weather, jitter_ms), 0, 60000, "0ms",
      .help = "And up to so much, in order." },
    { "seed", SETTING_UINT, AT(config_weather, seed), 0, 4294967295, "1",
      .help = "The same seed treats the same frames alike." },
};

static const struct setting peers[] = {
    { "name", SETTING_NAME, AT(config_peer, name), 1, 31, NULL,
      .help = "Our name for it, in `starling xdp status`." },
    { "prefix", SETTING_PREFIX, AT(config_peer, prefix), .second = offsetof(struct config_peer, prefix_len),
      .help = "Its address, or the prefix of its addresses; the longest that matches counts." },
    { "rate", SETTING_UINT, AT(config_peer, rate), 0, 10000000, "0",
      .help = "Packets a second of all its addresses together; 0: no limit." },
    { "burst", SETTING_UINT, AT(config_peer, burst), 1, 1000000, "10000",
      .help = "How many of them at once, where there is a rate." },
};

static const struct setting accounts[] = {
    { "name", SETTING_NAME, AT(config_account, name), 1, 31, NULL,
      .help = "Our name for the account, in routes and metrics." },
    { "port", SETTING_NAME, AT(config_account, port), 1, 31, NULL,
      .help = "Name of the port above that leads to the SMSC." },
    { "edge", SETTING_AUTO, AT(config_account, edge), 0, CONFIG_EDGES_MAX - 1, "auto",
      .help = "Which of the port's edges has its binds; auto: accounts take them in turn." },
    { "address", SETTING_IP, AT(config_account, address), .initial = NULL,
      .help = "The SMSC's address, of a family that its port has." },
    { "tcp_port", SETTING_UINT, AT(config_account, tcp_port), 1, 65535, "2775",
      .help = "The SMSC's TCP port." },
    { "system_id", SETTING_TEXT, AT(config_account, system_id), 1, 15, NULL,
      .help = "SMPP system_id of the bind." },
    { "password_file", SETTING_PATH, AT(config_account, password_file), .initial = NULL,
      .help = "File with the bind's password, at most 8 characters on one line; mode 0600." },
    { "system_type", SETTING_TEXT, AT(config_account, system_type), 0, 12, "",
      .help = "SMPP system_type of the bind; many SMSCs want it empty." },
    { "source_address", SETTING_TEXT, AT(config_account, source_address), 1, 20, NULL,
      .help = "Where the card's answers go: our number as the SMSC knows it." },
    { "source_ton", SETTING_UINT, AT(config_account, source_ton), 0, 7, "1",
      .help = "Type of number of source_address: 1 international, 5 alphanumeric." },
    { "source_npi", SETTING_UINT, AT(config_account, source_npi), 0, 18, "1",
      .help = "Numbering plan of source_address: 1 is E.164." },
    { "dest_ton", SETTING_UINT, AT(config_account, dest_ton), 0, 7, "1",
      .help = "Type of number of the device's MSISDN." },
    { "dest_npi", SETTING_UINT, AT(config_account, dest_npi), 0, 18, "1",
      .help = "Numbering plan of the device's MSISDN." },
    { "binds", SETTING_UINT, AT(config_account, binds), 1, 16, "1",
      .help = "Parallel transceiver binds." },
    { "window", SETTING_UINT, AT(config_account, window), 1, 4096, "32",
      .help = "Unanswered submit_sm per bind." },
    { "rate", SETTING_UINT, AT(config_account, rate_per_s), 0, 1000000, "0",
      .help = "Short messages per second over all binds; 0: as fast as the SMSC takes them." },
    { "validity", SETTING_SECONDS, AT(config_account, validity_s), 60, 7 * DAY_S, "1h",
      .help = "How long the SMSC keeps trying one short message; a repetition waits as long." },
    { "receipts", SETTING_BOOL, AT(config_account, receipts), .initial = "true",
      .help = "Ask for delivery receipts." },
    { "id_format", SETTING_CHOICE, AT(config_account, id_format), .choices = id_formats, .initial = "learn",
      .help = "How a receipt spells the message id of submit_sm_resp." },
    { "response_timeout", SETTING_MILLIS, AT(config_account, response_ms), 100, 120000, "10s",
      .help = "How long the SMSC may take to answer a submit_sm." },
    { "enquire_interval", SETTING_MILLIS, AT(config_account, enquire_ms), 1000, 3600000, "30s",
      .help = "Silence after which an enquire_link is sent." },
    { "bind_timeout", SETTING_MILLIS, AT(config_account, bind_ms), 100, 120000, "10s",
      .help = "How long connecting and binding may take." },
};

static const struct setting routes[] = {
    { "prefix", SETTING_DIGITS, AT(config_route, prefix), 0, 15, "",
      .help = "First digits of the MSISDN, country code first; the longest match wins, \"\" matches all." },
    { "account", SETTING_NAME, AT(config_route, account), 1, 31, NULL,
      .help = "Name of the account above that carries them." },
};

static const struct setting api[] = {
    { "host", SETTING_HOST, AT(config_api, host), .initial = "127.0.0.1",
      .help = "Address to listen on; tokens cross in clear, so put TLS in front of anything but loopback." },
    { "port", SETTING_UINT, AT(config_api, port), 0, 65535, "8080",
      .help = "TCP port; 0 takes any free one." },
};

static const struct setting clients[] = {
    { "name", SETTING_NAME, AT(config_client, name), 1, 31, NULL,
      .help = "Who it is: jobs, idempotency keys and results belong to one client." },
    { "token_file", SETTING_PATH, AT(config_client, token_file), .initial = NULL,
      .help = "File with the client's bearer token, 16 to 256 characters on one line; mode 0600." },
};

static const struct setting jobs[] = {
    { "waiting_max", SETTING_UINT, AT(config_jobs, waiting_max), 1, 100000000, "262144",
      .help = "Jobs waiting per worker; beyond it the API answers 429." },
    { "segments_max", SETTING_UINT, AT(config_jobs, segments_max), 1, 10, "5",
      .help = "Short messages of one command." },
    { "expiry", SETTING_SECONDS, AT(config_jobs, expiry_s), 60, 365 * DAY_S, "1d",
      .help = "Life of a job that names no expiry." },
    { "attempts_max", SETTING_UINT, AT(config_jobs, attempts_max), 1, 100, "3",
      .help = "How often the same octets are submitted." },
    { "backoff", SETTING_SECONDS, AT(config_jobs, backoff_s), 1, DAY_S, "60s",
      .help = "Wait before the first repetition; doubled each time." },
    { "por_wait", SETTING_SECONDS, AT(config_jobs, por_wait_s), 1, DAY_S, "10m",
      .help = "How long the PoR may take after a positive receipt." },
    { "por_grace", SETTING_SECONDS, AT(config_jobs, por_grace_s), 1, 3600, "60s",
      .help = "After status 02, how long a 00 of the same CNTR is awaited." },
    { "reassembly", SETTING_SECONDS, AT(config_jobs, reassembly_s), 1, 7 * DAY_S, "10m",
      .help = "Age at which an unfinished concatenated message is dropped." },
    { "results_keep", SETTING_SECONDS, AT(config_jobs, results_keep_s), 60, 365 * DAY_S, "7d",
      .help = "How long results can be read again." },
};

#define ROWS(table) .settings = (table), .setting_count = COUNT(table)
#define LIST(type, field, counter, cap) \
    .offset = offsetof(struct type, field), .count = offsetof(struct type, counter), .most = (cap), \
    .size = sizeof(((struct type *)0)->field[0])

const struct section config_sections[SECTION_COUNT] = {
    [SECTION_ROOT] = { "", SECTION_ROOT, .size = sizeof(struct config), ROWS(root), .help = "" },
    [SECTION_CORES] = { "cores", SECTION_ROOT, .offset = offsetof(struct config, cores), ROWS(cores),
                        .help = "`auto`, or which CPUs do what." },
    [SECTION_MEMORY] = { "memory", SECTION_ROOT, .offset = offsetof(struct config, memory), ROWS(memory),
                         .help = "What the data path takes at start." },
    [SECTION_PORTS] = { "ports", SECTION_ROOT, LIST(config, ports, port_count, CONFIG_PORTS_MAX), .least = 1, ROWS(ports),
                        .help = "Poll-mode ports with their addresses." },
    [SECTION_TCP] = { "tcp", SECTION_PORTS, .offset = offsetof(struct config_port, tcp), ROWS(tcp),
                      .help = "Of the port's connections; rarely needed." },
    [SECTION_IMPAIR] = { "impair", SECTION_PORTS, .offset = offsetof(struct config_port, impair),
                         .help = "A rehearsal of a bad network; leave it out in production." },
    [SECTION_IMPAIR_RX] = { "rx", SECTION_IMPAIR, .offset = offsetof(struct config_impair, rx), ROWS(weather),
                            .help = "What the port receives." },
    [SECTION_IMPAIR_TX] = { "tx", SECTION_IMPAIR, .offset = offsetof(struct config_impair, tx), ROWS(weather),
                            .help = "What it sends; lots are drawn anew." },
    [SECTION_PEERS] = { "peers", SECTION_ROOT, LIST(config, peers, peer_count, CONFIG_PEERS_MAX), ROWS(peers),
                        .help = "Who speaks for many (gateways, resolvers): never shed by source_rate. SMSCs of accounts are peers as they are." },
    [SECTION_ACCOUNTS] = { "accounts", SECTION_ROOT, LIST(config, accounts, account_count, CONFIG_ACCOUNTS_MAX), .least = 1, ROWS(accounts),
                           .help = "SMSC accounts." },
    [SECTION_ROUTES] = { "routes", SECTION_ROOT, LIST(config, routes, route_count, CONFIG_ROUTES_MAX), .least = 1, ROWS(routes),
                         .help = "Which account carries which MSISDNs." },
    [SECTION_API] = { "api", SECTION_ROOT, .offset = offsetof(struct config, api), ROWS(api),
                      .help = "The HTTP API." },
    [SECTION_CLIENTS] = { "clients", SECTION_API, LIST(config_api, clients, client_count, CONFIG_CLIENTS_MAX), ROWS(clients),
                          .help = "Who may use it." },
    [SECTION_JOBS] = { "jobs", SECTION_ROOT, .offset = offsetof(struct config, jobs), ROWS(jobs),
                       .help = "Bounds and times of jobs." },
};
/* clang-format on */
