/* Every setting of the engine, as read from one YAML file. deploy/starling.yaml is the commented
 * reference; a test holds the two against each other.
 *
 * Loaded once by the control thread before any core starts; read-only afterwards. Strings belong to
 * the config. Secrets are not in here: files that hold them are named, read where they are used. */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "base/err.h"
#include "base/fault.h"
#include "io/net/net.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_LCORES_MAX 64
#define CONFIG_EDGES_MAX 16
#define CONFIG_WORKERS_MAX 32
#define CONFIG_MTU_MAX 1900 /* what a frame holds beside its headers and an XDP program's room */
#define CONFIG_PORTS_MAX 16
#define CONFIG_PEERS_MAX 128
#define CONFIG_ACCOUNTS_MAX 32
#define CONFIG_ROUTES_MAX 256
#define CONFIG_CLIENTS_MAX 64
#define CONFIG_AUTO UINT32_MAX

enum poll_mode { POLL_ADAPTIVE, POLL_BUSY };
enum id_format { ID_LEARN, ID_AS_IS, ID_HEX_TO_DECIMAL, ID_DECIMAL_TO_HEX };

struct config_cores {
    bool is_auto; /* `cores: auto`: one edge and one worker on what the machine has */
    uint32_t edge[CONFIG_EDGES_MAX]; /* CPU numbers; a CPU may appear in both lists */
    uint32_t edge_count;
    uint32_t workers[CONFIG_WORKERS_MAX];
    uint32_t worker_count;
    enum poll_mode poll;
};

struct config_memory {
    bool hugepages;   /* false: --no-huge */
    uint32_t size_mb; /* EAL memory */
};

/* A bad network for rehearsals, one way (io/impair.h). All zero: none. */
struct config_weather {
    uint32_t drop, duplicate, corrupt, reorder; /* of a million frames */
    uint32_t reorder_ms, delay_ms, jitter_ms;
    uint32_t seed;
};

struct config_impair {
    struct config_weather rx, tx; /* what a port receives, what it sends */
};

/* Of a port's TCP connections (io/net/net.h). Zero is none for the last two. */
struct config_tcp {
    enum tcp_congestion congestion;
    uint32_t connect_ms, give_up_ms;
    uint32_t keep_alive_ms, idle_ms;
};

/* One poll-mode port with its addresses. */
struct config_port {
    char *name;   /* ours, for metrics */
    char *device; /* "xsk,iface=star0", or DPDK's: "0000:3b:00.0", "net_memif0,role=…" */
    uint32_t edges[CONFIG_EDGES_MAX]; /* which edges poll it, a queue each */
    uint32_t edge_count;
    struct ip_addr address; /* IPv4; none: no IPv4 */
    uint8_t prefix_len;
    struct ip_addr gateway;  /* none: only the link is reachable */
    struct ip_addr address6; /* none: no IPv6 */
    uint8_t prefix6_len;
    struct ip_addr gateway6;
    uint16_t vlan; /* 0: untagged */
    uint16_t mtu;
    uint32_t source_rate, source_burst; /* AF_XDP of our own: packets of one source; 0: no limit */
    struct config_tcp tcp;
    struct config_impair impair;
};

/* Who speaks for many devices: never shed by source_rate. */
struct config_peer {
    char *name;
    struct ip_addr prefix;
    uint8_t prefix_len;
    uint32_t rate, burst; /* packets a second; 0: no limit */
};

/* One SMSC account: a system id, its binds, its pace. All its binds live on one edge of its port. */
struct config_account {
    char *name;
    char *port;             /* name of a port above */
    uint32_t edge;          /* CONFIG_AUTO: see config_account_edge */
    struct ip_addr address; /* SMSC */
    uint16_t tcp_port;
    char *system_id;
    char *password_file; /* one line */
    char *system_type;
    char *source_address; /* digits or alphanumeric; what the card answers to */
    uint8_t source_ton, source_npi;
    uint8_t dest_ton, dest_npi;
    uint32_t binds;      /* parallel transceiver binds */
    uint32_t window;     /* unanswered submit_sm per bind */
    uint32_t rate_per_s; /* messages; 0: as fast as the SMSC takes them */
    uint32_t validity_s; /* of one short message */
    bool receipts;       /* ask for delivery receipts */
    enum id_format id_format;
    uint32_t response_ms, enquire_ms, bind_ms;
};

/* The longest matching prefix of the MSISDN's digits names the account. "" matches all. */
struct config_route {
    char *prefix;
    char *account;
};

struct config_client {
    char *name;
    char *token_file; /* one line: the bearer token */
};

struct config_api {
    char *host; /* kernel socket; loopback unless the operator says otherwise */
    uint16_t port;
    struct config_client clients[CONFIG_CLIENTS_MAX];
    uint32_t client_count;
};

struct config_jobs {
    uint32_t waiting_max;    /* entries per worker; intake answers 429 beyond */
    uint32_t segments_max;   /* short messages per command, 1..10 */
    uint32_t expiry_s;       /* default of a job that names none */
    uint32_t attempts_max;   /* submissions of the same octets */
    uint32_t backoff_s;      /* before a repetition, doubled each time */
    uint32_t por_wait_s;     /* after a positive receipt, how long the PoR may take */
    uint32_t por_grace_s;    /* after status 02 (design: 60) */
    uint32_t reassembly_s;   /* age of an unfinished concatenated MO message */
    uint32_t results_keep_s; /* 7 days */
};

struct config {
    char *data_dir;
    char *kek_file;
    char *transport_key_file; /* unwraps the keys of an EIS (ES1); NULL: they come in clear */
    uint32_t devices_max;     /* directory capacity */
    bool accept_clock;        /* override of the refusals of design §4 "Slots and counters" */
    struct config_cores cores;
    struct config_memory memory;
    struct config_port ports[CONFIG_PORTS_MAX];
    uint32_t port_count;
    struct config_peer peers[CONFIG_PEERS_MAX];
    uint32_t peer_count;
    struct config_account accounts[CONFIG_ACCOUNTS_MAX];
    uint32_t account_count;
    struct config_route routes[CONFIG_ROUTES_MAX];
    uint32_t route_count;
    struct config_api api;
    struct config_jobs jobs;
};

/* Reads and checks the file. On failure `fault` names file, line, setting, what is accepted, and
 * ERR_MALFORMED (or ERR_IO) is returned with *out untouched. Free with config_free. */
MUST_CHECK enum err config_load(const char *path, struct config **out, struct fault *fault);
void config_free(struct config *config);

/* The port of an account, and the edge that its binds live on: the one it names, else the accounts
 * of a port take its edges in turn. */
const struct config_port *config_account_port(const struct config *config, uint32_t account);
uint32_t config_account_edge(const struct config *config, uint32_t account);

#endif
