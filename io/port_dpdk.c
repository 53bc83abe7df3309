/* A port on a DPDK driver: one rx and one tx queue. The only file that includes rte_ethdev.h. */
#include "io/port_dpdk.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <string.h>

#define DESCRIPTORS 1024
#define DEVICE_NAME_CAP 64

struct port_dpdk {
    struct port port;
    uint16_t id;
};

static uint32_t dpdk_rx(struct port *port, struct rte_mbuf **frames, uint32_t cap)
{
    struct port_dpdk *dpdk = CONTAINER_OF(port, struct port_dpdk, port);
    return rte_eth_rx_burst(dpdk->id, 0, frames, (uint16_t)cap);
}

/* A driver may take part of a burst and have room a moment later, its completions reaped: asked
 * again while it takes any, then given up. */
static uint32_t dpdk_tx(struct port *port, struct rte_mbuf **frames, uint32_t count)
{
    struct port_dpdk *dpdk = CONTAINER_OF(port, struct port_dpdk, port);
    uint32_t taken = 0;
    while (taken < count) {
        uint16_t more = rte_eth_tx_burst(dpdk->id, 0, frames + taken, (uint16_t)(count - taken));
        if (more == 0)
            break;
        taken += more;
    }
    return taken;
}

static void dpdk_close(struct port *port)
{
    struct port_dpdk *dpdk = CONTAINER_OF(port, struct port_dpdk, port);
    struct rte_eth_dev_info info;
    struct rte_device *device = rte_eth_dev_info_get(dpdk->id, &info) == 0 ? info.device : NULL;
    rte_eth_dev_stop(dpdk->id);
    rte_eth_dev_close(dpdk->id);
    if (device != NULL)
        rte_dev_remove(device);
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
static int device_mtu(struct port_dpdk *dpdk, uint16_t wanted)
{
    uint16_t mtu;
    int failed = rte_eth_dev_set_mtu(dpdk->id, wanted);
    if (failed == -ENOTSUP && rte_eth_dev_get_mtu(dpdk->id, &mtu) == 0 && wanted <= mtu)
        return 0;
    return failed;
}

static uint32_t offloads_of(const struct rte_eth_conf *conf)
{
    uint64_t tx = conf->txmode.offloads, rx = conf->rxmode.offloads;
    return ((tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) != 0 ? PORT_TX_TCP_CHECKSUM : 0) |
           ((tx & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0 ? PORT_TX_UDP_CHECKSUM : 0) |
           ((rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0 ? PORT_RX_TCP_CHECKSUM : 0) |
           ((rx & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0 ? PORT_RX_UDP_CHECKSUM : 0);
}

/* Configures one queue each way with what the device offers of checksums. */
static int device_configure(struct port_dpdk *dpdk, const struct port_dpdk_config *config)
{
    struct rte_eth_dev_info info;
    int failed = rte_eth_dev_info_get(dpdk->id, &info);
    if (failed != 0)
        return failed;
    struct rte_eth_conf conf = {
        .txmode.offloads =
            info.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM),
        .rxmode.offloads =
            info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM),
    };
    dpdk->port.offloads = offloads_of(&conf);
    failed = rte_eth_dev_configure(dpdk->id, 1, 1, &conf);
    if (failed == 0 && config->mtu != 0)
        failed = device_mtu(dpdk, config->mtu);
    uint16_t rx_count = config->rx_descriptors != 0 ? config->rx_descriptors : DESCRIPTORS;
    uint16_t tx_count = config->tx_descriptors != 0 ? config->tx_descriptors : DESCRIPTORS;
    if (failed == 0)
        failed = rte_eth_dev_adjust_nb_rx_tx_desc(dpdk->id, &rx_count, &tx_count);
    unsigned node = (unsigned)rte_eth_dev_socket_id(dpdk->id);
    if (failed == 0)
        failed = rte_eth_rx_queue_setup(dpdk->id, 0, rx_count, node, NULL, config->frames);
    if (failed == 0)
        failed = rte_eth_tx_queue_setup(dpdk->id, 0, tx_count, node, NULL);
    return failed;
}

static int device_start(struct port_dpdk *dpdk, const struct port_dpdk_config *config)
{
    int failed = device_configure(dpdk, config);
    if (failed == 0)
        failed = rte_eth_dev_start(dpdk->id);
    if (failed == 0 && config->promiscuous)
        failed = rte_eth_promiscuous_enable(dpdk->id);
    /* Who asks for our IPv6 addresses does so by multicast (RFC 4861 §7.2.2). */
    if (failed == 0)
        failed = rte_eth_allmulticast_enable(dpdk->id);
    if (failed == -ENOTSUP)
        failed = 0; /* software drivers take all there is */
    struct rte_ether_addr mac;
    if (failed == 0)
        failed = rte_eth_macaddr_get(dpdk->id, &mac);
    if (failed == 0)
        failed = rte_eth_dev_get_mtu(dpdk->id, &dpdk->port.mtu);
    if (config->mtu != 0 && dpdk->port.mtu > config->mtu)
        dpdk->port.mtu = config->mtu;
    if (failed == 0)
        memcpy(dpdk->port.mac, mac.addr_bytes, sizeof dpdk->port.mac);
    return failed;
}

struct port *port_dpdk_open(const struct port_dpdk_config *config, struct fault *fault)
{
    uint16_t id;
    if (!device_probe(config->device, &id, fault))
        return NULL;
    struct port_dpdk *dpdk = rte_zmalloc("port_dpdk", sizeof *dpdk, CACHE_LINE);
    if (dpdk == NULL) {
        fault_set(fault, "port %s: no memory: give the EAL more", config->device);
        return NULL;
    }
    dpdk->id = id;
    dpdk->port.ops = &dpdk_ops;
    dpdk->port.frames = config->frames;
    int failed = device_start(dpdk, config);
    if (failed != 0) {
        fault_set(fault, "port %s: cannot be started: %s; EAL's log says more", config->device,
                  strerror(failed < 0 ? -failed : failed));
        dpdk_close(&dpdk->port);
        return NULL;
    }
    return &dpdk->port;
}
