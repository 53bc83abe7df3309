/* Ports on a DPDK driver, one for each pair of queues. The only file that includes rte_ethdev.h. */
#include "io/port_dpdk.h"

#include "base/log.h"
#include "io/flow.h"
#include "io/net/ip6.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <string.h>

#define DESCRIPTORS 1024
#define DEVICE_NAME_CAP 64
#define CUT_OFFLOADS                                                                               \
    (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |   \
     RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)

#define QUEUES_MAX 64u
#define GROUPS_MAX 8u
#define RSS_KEY_CAP 64u
#define RSS_KEY_LEN 40u /* of a driver that does not say */

struct dpdk_device {
    uint16_t id;
    uint16_t queue_count, open_count;
    uint16_t mtu;
    uint8_t mac[6];
    uint32_t offloads;
};

struct port_dpdk {
    struct port port;
    uint16_t id, queue;
    struct dpdk_device *device;
};

static uint32_t dpdk_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct port_dpdk *dpdk = CONTAINER_OF(port, struct port_dpdk, port);
    return rte_eth_rx_burst(dpdk->id, dpdk->queue, frames, (uint16_t)cap);
}

/* A driver may take part of a burst and have room a moment later, its completions reaped: asked
 * again while it takes any, then given up. */
static uint32_t dpdk_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    struct port_dpdk *dpdk = CONTAINER_OF(port, struct port_dpdk, port);
    uint32_t taken = 0;
    while (taken < count) {
        uint16_t more =
            rte_eth_tx_burst(dpdk->id, dpdk->queue, frames + taken, (uint16_t)(count - taken));
        if (more == 0)
            break;
        taken += more;
    }
    return taken;
}

static void device_close(struct dpdk_device *device)
{
    struct rte_eth_dev_info info;
    struct rte_device *probed = rte_eth_dev_info_get(device->id, &info) == 0 ? info.device : NULL;
    rte_eth_dev_stop(device->id);
    rte_eth_dev_close(device->id);
    if (probed != NULL)
        rte_dev_remove(probed);
    rte_free(device);
}

static void dpdk_close(struct port *port)
{
    struct port_dpdk *dpdk = CONTAINER_OF(port, struct port_dpdk, port);
    if (--dpdk->device->open_count == 0)
        device_close(dpdk->device);
    rte_free(dpdk);
}

static const struct port_ops dpdk_ops = { .rx = dpdk_rx, .tx = dpdk_tx, .close = dpdk_close };

/* The device's name: its description up to the arguments. */
static bool device_name(const char *device, char name[DEVICE_NAME_CAP])
{
    size_t len = strcspn(device, ",");
    if (len == 0 || len >= DEVICE_NAME_CAP)
        return false;
    memcpy(name, device, len);
    name[len] = '\0';
    return true;
}

static bool device_probe(const char *device, uint16_t *id, struct fault *fault)
{
    char name[DEVICE_NAME_CAP];
    if (!device_name(device, name)) {
        fault_set(fault,
                  "port \"%s\": wanted a PCI address, or a driver's name with a number and its "
                  "arguments, like net_af_packet0,iface=eth0",
                  device);
        return false;
    }
    if (rte_eth_dev_get_port_by_name(name, id) == 0)
        return true; /* given on the EAL's command line */
    int probed = rte_dev_probe(device);
    if (probed == 0 && rte_eth_dev_get_port_by_name(name, id) == 0)
        return true;
    fault_set(fault,
              "port %s: the driver refused it (%s): check that the interface or address exists, "
              "that no one else has it, and the privileges; EAL's log says more",
              device, probed == 0 ? "no such port" : strerror(probed < 0 ? -probed : probed));
    return false;
}

/* Some drivers (memif) have one MTU for ever: a smaller one is then kept by us alone. */
static int device_mtu(const struct dpdk_device *device, uint16_t wanted)
{
    uint16_t mtu;
    int failed = rte_eth_dev_set_mtu(device->id, wanted);
    if (failed == -ENOTSUP && rte_eth_dev_get_mtu(device->id, &mtu) == 0 && wanted <= mtu)
        return 0;
    return failed;
}

static uint32_t offloads_of(const struct rte_eth_conf *conf)
{
    uint64_t tx = conf->txmode.offloads, rx = conf->rxmode.offloads;
    return ((tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0 ? PORT_TX_TCP_CHECKSUM : 0) |
           ((tx & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0 ? PORT_TX_UDP_CHECKSUM : 0) |
           ((tx & CUT_OFFLOADS) == CUT_OFFLOADS ? PORT_TX_TCP_SEGMENT : 0) |
           ((rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0 ? PORT_RX_TCP_CHECKSUM : 0) |
           ((rx & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0 ? PORT_RX_UDP_CHECKSUM : 0);
}

/* Our key, where the device can hash what we hash (io/flow.h). */
struct spread {
    uint8_t key[RSS_KEY_CAP];
    struct rte_eth_rss_conf conf; /* of no protocol: the device spreads as it likes */
};

static void spread_init(struct spread *spread, const struct rte_eth_dev_info *info)
{
    const uint64_t wanted = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 |
                            RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                            RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 |
                            RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
    *spread = (struct spread){ .conf.rss_key = NULL };
    uint8_t len = info->hash_key_size != 0 ? info->hash_key_size : RSS_KEY_LEN;
    if (len > RSS_KEY_CAP)
        return;
    for (uint32_t i = 0; i < len; i++)
        spread->key[i] = i % 2 == 0 ? FLOW_KEY >> 8 & 0xff : FLOW_KEY & 0xff;
    spread->conf.rss_key = spread->key;
    spread->conf.rss_key_len = len;
    spread->conf.rss_hf = info->flow_type_rss_offloads & wanted;
}

/* Configures the queues with what the device offers of checksums. */
static int device_configure(struct dpdk_device *device, const struct port_dpdk_config *config,
                            const struct rte_eth_dev_info *info, const struct spread *spread)
{
    struct rte_eth_conf conf = {
        .txmode.offloads =
            info->tx_offload_capa & (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM),
        .rxmode.offloads =
            info->rx_offload_capa & (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM),
    };
    if ((info->tx_offload_capa & CUT_OFFLOADS) == CUT_OFFLOADS)
        conf.txmode.offloads |= CUT_OFFLOADS;
    device->offloads = offloads_of(&conf);
    if (device->queue_count > 1 && spread->conf.rss_hf != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf = spread->conf;
    }
    int failed = rte_eth_dev_configure(device->id, device->queue_count, device->queue_count, &conf);
    if (failed == 0 && config->mtu != 0)
        failed = device_mtu(device, config->mtu);
    return failed;
}

static int queues_set_up(const struct dpdk_device *device, const struct port_dpdk_config *config,
                         struct rte_mempool *const *frames)
{
    uint16_t rx_count = config->rx_descriptors != 0 ? config->rx_descriptors : DESCRIPTORS;
    uint16_t tx_count = config->tx_descriptors != 0 ? config->tx_descriptors : DESCRIPTORS;
    unsigned node = (unsigned)rte_eth_dev_socket_id(device->id);
    int failed = rte_eth_dev_adjust_nb_rx_tx_desc(device->id, &rx_count, &tx_count);
    for (uint16_t q = 0; failed == 0 && q < device->queue_count; q++) {
        failed = rte_eth_rx_queue_setup(device->id, q, rx_count, node, NULL, frames[q]);
        if (failed == 0)
            failed = rte_eth_tx_queue_setup(device->id, q, tx_count, node, NULL);
    }
    return failed;
}

/* Some drivers take the key when they are configured, some only once they run. Entry i of the
 * redirection table names the queue that flow_edge() says. What a device will not have is no fault:
 * frames of other edges are then handed over. */
static void spread_by_hash(const struct dpdk_device *device, struct spread *spread,
                           uint16_t entries)
{
    struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
    if (device->queue_count == 1 || spread->conf.rss_hf == 0)
        return;
    int failed = rte_eth_dev_rss_hash_update(device->id, &spread->conf);
    if (entries > RTE_ETH_RSS_RETA_SIZE_512)
        entries = 0;
    for (uint16_t i = 0; i < entries; i++) {
        table[i / RTE_ETH_RETA_GROUP_SIZE].mask = UINT64_MAX;
        table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
            (uint16_t)(i % FLOW_TABLE % device->queue_count);
    }
    if (failed == 0 && entries > 0)
        failed = rte_eth_dev_rss_reta_update(device->id, table, entries);
    if (failed != 0 || entries == 0)
        log_info("port", "device %u does not spread by our key and table: frames are handed over",
                 device->id);
}

/* A NIC lets in no multicast that it was not told of. One that cannot be told of some may let in
 * all; one that can neither has no filter as a rule. */
static void groups_join(const struct dpdk_device *device, const struct port_dpdk_config *config)
{
    struct rte_ether_addr macs[GROUPS_MAX];
    ASSERT(config->group_count <= GROUPS_MAX);
    for (uint32_t i = 0; i < config->group_count; i++)
        ip6_group_mac(config->groups[i], macs[i].addr_bytes);
    if (config->group_count == 0 ||
        rte_eth_dev_set_mc_addr_list(device->id, macs, config->group_count) == 0 ||
        rte_eth_allmulticast_enable(device->id) == 0)
        return;
    log_info("port",
             "device %u cannot be told of multicast: if IPv6 neighbours do not find us, its "
             "interface wants ip link set dev NAME allmulticast on",
             device->id);
}

static int device_start(struct dpdk_device *device, const struct port_dpdk_config *config,
                        struct rte_mempool *const *frames, const struct rte_eth_dev_info *info)
{
    struct rte_ether_addr mac;
    struct spread spread;
    spread_init(&spread, info);
    int failed = device_configure(device, config, info, &spread);
    if (failed == 0)
        failed = queues_set_up(device, config, frames);
    if (failed == 0)
        failed = rte_eth_dev_start(device->id);
    if (failed == 0)
        spread_by_hash(device, &spread, info->reta_size);
    if (failed == 0)
        groups_join(device, config);
    if (failed == 0 && config->promiscuous)
        failed = rte_eth_promiscuous_enable(device->id);
    if (failed == 0)
        failed = rte_eth_macaddr_get(device->id, &mac);
    if (failed == 0)
        failed = rte_eth_dev_get_mtu(device->id, &device->mtu);
    if (config->mtu != 0 && device->mtu > config->mtu)
        device->mtu = config->mtu;
    if (failed == 0)
        memcpy(device->mac, mac.addr_bytes, sizeof device->mac);
    return failed;
}

/* NULL with a fault. */
static struct dpdk_device *device_open(const struct port_dpdk_config *config, uint32_t count,
                                       struct rte_mempool *const *frames, struct fault *fault)
{
    uint16_t id;
    struct rte_eth_dev_info info;
    if (!device_probe(config->device, &id, fault))
        return NULL;
    struct dpdk_device *device = rte_zmalloc("dpdk_device", sizeof *device, CACHE_LINE);
    if (device == NULL) {
        fault_set(fault, "port %s: no memory: give the EAL more", config->device);
        return NULL;
    }
    device->id = id;
    device->queue_count = (uint16_t)count;
    int failed = rte_eth_dev_info_get(id, &info);
    if (failed == 0 && (info.max_rx_queues < count || info.max_tx_queues < count)) {
        fault_set(fault,
                  "port %s: has %u rx and %u tx queues, but %u edges share it: give it fewer edges "
                  "(ports[].edges), or more queues (ethtool -L, or the driver's arguments)",
                  config->device, info.max_rx_queues, info.max_tx_queues, count);
        device_close(device);
        return NULL;
    }
    if (failed == 0)
        failed = device_start(device, config, frames, &info);
    if (failed == 0)
        return device;
    fault_set(fault, "port %s: cannot be started with %u queues: %s; EAL's log says more",
              config->device, count, strerror(failed < 0 ? -failed : failed));
    device_close(device);
    return NULL;
}

bool port_dpdk_open_queues(const struct port_dpdk_config *config, uint32_t count,
                           struct rte_mempool *const *frames, struct port **queues,
                           struct fault *fault)
{
    ASSERT(count >= 1 && count <= QUEUES_MAX);
    struct dpdk_device *device = device_open(config, count, frames, fault);
    if (device == NULL)
        return false;
    for (uint32_t q = 0; q < count; q++) {
        struct port_dpdk *dpdk = rte_zmalloc("port_dpdk", sizeof *dpdk, CACHE_LINE);
        if (dpdk == NULL) {
            fault_set(fault, "port %s: no memory: give the EAL more", config->device);
            while (q-- > 0)
                rte_free(CONTAINER_OF(queues[q], struct port_dpdk, port));
            device_close(device);
            return false;
        }
        *dpdk = (struct port_dpdk){ .port = { .ops = &dpdk_ops,
                                              .frames = frames[q],
                                              .offloads = device->offloads,
                                              .mtu = device->mtu },
                                    .id = device->id,
                                    .queue = (uint16_t)q,
                                    .device = device };
        memcpy(dpdk->port.mac, device->mac, sizeof device->mac);
        queues[q] = &dpdk->port;
    }
    device->open_count = device->queue_count;
    return true;
}

struct port *port_dpdk_open(const struct port_dpdk_config *config, struct fault *fault)
{
    struct port *port;
    return port_dpdk_open_queues(config, 1, &config->frames, &port, fault) ? port : NULL;
}
