/* Ports on DPDK's own virtual devices, by their names alone: queues of a ring device, and captured
 * files in place of a wire. */
#include "io/flow_read.h"
#include "io/net/arp.h"
#include "io/net/eth.h"
#include "io/net/net.h"
#include "io/port_dpdk.h"
#include "io/resteer.h"
#include "tests/support/frames.h"
#include "tests/support/temp_dir.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <stdio.h>
#include <stdlib.h>

#define FRAMES 4095u
#define PCAP_HEADER 24u
#define PCAP_RECORD 16u

static struct rte_mempool *pools[2];

static int set_up(void **state)
{
    struct fault fault = { "" };
    (void)state;
    pools[0] = frame_pool_create("zero", FRAMES, SOCKET_ID_ANY, &fault);
    pools[1] = frame_pool_create("one", FRAMES, SOCKET_ID_ANY, &fault);
    assert_true(pools[0] != NULL && pools[1] != NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rte_mempool_avail_count(pools[i]), FRAMES);
        rte_mempool_free(pools[i]);
    }
    return 0;
}

static struct rte_mbuf *frame_from(struct rte_mempool *pool, struct span octets)
{
    struct rte_mbuf *frame = frame_take(pool);
    assert_non_null(frame);
    struct writer w = frame_append(frame, (uint16_t)octets.len);
    writer_bytes(&w, octets);
    assert_int_equal(w.err, ERR_OK);
    return frame;
}

/* net_ring gives back what it was given, on the same queue: it spreads by no hash, so what comes on
 * the wrong one has to be handed over. */
static void a_ring_device_has_two_queues(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct port *queues[2], *edges[2];
    struct port_dpdk_config config = { .device = "net_ring0" };
    assert_true(port_dpdk_open_queues(&config, 2, pools, queues, &fault));
    assert_true(resteer_open(queues, 2, edges, &fault));
    uint32_t got[2] = { 0, 0 };
    for (uint16_t i = 0; i < 64; i++) {
        struct frame_text text;
        struct span octets = frame_segment(&text, "192.0.2.9", "192.0.2.1", 30000 + i, 2775, 16);
        struct rte_mbuf *frame = frame_from(pools[i % 2], octets), *back[FRAME_BURST];
        port_tx(edges[i % 2], &frame, 1);
        for (uint32_t e = 0; e < 4; e++) {
            uint32_t count = port_rx(edges[e % 2], back, FRAME_BURST);
            for (uint32_t b = 0; b < count; b++) {
                struct flow flow;
                assert_int_equal(flow_read(frame_bytes(back[b]), &flow), FLOW_EDGE);
                assert_int_equal(flow_edge(&flow, 2), e % 2);
                got[e % 2]++;
                frame_give(back[b]);
            }
        }
    }
    assert_int_equal(got[0] + got[1], 64);
    assert_true(got[0] > 0 && got[1] > 0);
    port_close(edges[0]);
    port_close(edges[1]);
}

static void more_queues_than_it_has_are_refused(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct rte_mempool *many[64];
    struct port *ports[64];
    struct port_dpdk_config config = { .device = "net_ring1" };
    for (int i = 0; i < 64; i++)
        many[i] = pools[0];
    assert_false(port_dpdk_open_queues(&config, 64, many, ports, &fault));
    assert_non_null(strstr(fault.text, "64 edges share it"));
    assert_non_null(strstr(fault.text, "ports[].edges"));
}

/* What a NIC is told, as the driver then has it: our key, our table. */
static void a_hashing_device_gets_our_key_and_table(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct port *queues[2];
    struct port_dpdk_config config = { .device = "net_null0" };
    assert_true(port_dpdk_open_queues(&config, 2, pools, queues, &fault));
    uint16_t id;
    uint8_t key[40] = { 0 };
    struct rte_eth_rss_conf rss = { .rss_key = key, .rss_key_len = sizeof key };
    struct rte_eth_rss_reta_entry64 table[2] = { { .mask = UINT64_MAX }, { .mask = UINT64_MAX } };
    assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &id), 0);
    assert_int_equal(rte_eth_dev_rss_hash_conf_get(id, &rss), 0);
    for (size_t i = 0; i < sizeof key; i++)
        assert_int_equal(key[i], i % 2 == 0 ? 0x6d : 0x5a);
    assert_int_equal(rte_eth_dev_rss_reta_query(id, table, 128), 0);
    for (uint16_t i = 0; i < 128; i++)
        assert_int_equal(table[i / 64].reta[i % 64], i % 2);
    port_close(queues[0]);
    port_close(queues[1]);
}

/* Neighbour solicitations come by multicast; this driver knows all of it or none. */
static void multicast_is_let_in_for_ipv6(void **state)
{
    (void)state;
    struct fault fault = { "" };
    const struct ip_addr groups[] = { addr_read("ff02::1:ff00:2"), addr_read("ff02::1") };
    for (uint32_t count = 0; count <= COUNT(groups); count += COUNT(groups)) {
        struct port_dpdk_config config = {
            .device = "net_ring2", .frames = pools[0], .groups = groups, .group_count = count
        };
        uint16_t id;
        assert_int_equal(rte_dev_probe(config.device), 0);
        assert_int_equal(rte_eth_dev_get_port_by_name(config.device, &id), 0);
        assert_int_equal(rte_eth_allmulticast_disable(id), 0);
        struct port *port = port_dpdk_open(&config, &fault);
        assert_non_null(port);
        assert_int_equal(rte_eth_allmulticast_get(id), count > 0);
        port_close(port);
    }
}

static void file_write(const char *path, struct span frame)
{
    static const uint32_t header[6] = { 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1 };
    const uint32_t record[4] = { 1, 0, (uint32_t)frame.len, (uint32_t)frame.len };
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(header, sizeof header, 1, file), 1);
    assert_int_equal(fwrite(record, sizeof record, 1, file), 1);
    assert_int_equal(fwrite(frame.bytes, frame.len, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

/* An ARP request in a file is answered into another. */
static void captured_files_are_a_port(void **state)
{
    (void)state;
    struct temp_dir dir = temp_dir_make();
    char in[300], out[300], device[700];
    struct frame_text packet, text;
    struct fault fault = { "" };
    snprintf(in, sizeof in, "%s/in.pcap", dir.path);
    snprintf(out, sizeof out, "%s/out.pcap", dir.path);
    snprintf(device, sizeof device, "net_pcap0,rx_pcap=%s,tx_pcap=%s", in, out);
    struct span request = frame_eth(&text, ETH_TYPE_ARP, 0,
                                    packet_arp(&packet, ARP_REQUEST, "192.0.2.9", "192.0.2.1"));
    memset(text.octets, 0xff, ETH_ADDR_LEN); /* by broadcast */
    file_write(in, request);
    struct port_dpdk_config config = { .device = device, .frames = pools[0] };
    struct port *port = port_dpdk_open(&config, &fault);
    if (port == NULL)
        fail_msg("%s", fault.text);
    struct net_config net_config = {
        .addr4 = addr_read("192.0.2.1"), .prefix4 = 24, .seed = { 1, 2 }, .numa_node = SOCKET_ID_ANY
    };
    struct net *net = net_create(port, &net_config, 0, &fault);
    assert_non_null(net);
    while (net_rx(net, 0) > 0)
        net_flush(net, 0);
    net_destroy(net);
    port_close(port);
    uint8_t octets[PCAP_HEADER + PCAP_RECORD + 64];
    FILE *file = fopen(out, "r");
    assert_non_null(file);
    size_t len = fread(octets, 1, sizeof octets, file);
    fclose(file);
    struct arp_packet reply;
    struct span frame = span_after(span_of(octets, len), PCAP_HEADER + PCAP_RECORD);
    assert_int_equal(arp_packet_read(span_after(frame, ETH_HEADER_LEN), &reply), ERR_OK);
    assert_int_equal(reply.oper, ARP_REPLY);
    assert_int_equal(reply.sender_addr, ip_v4(addr_read("192.0.2.1")));
    assert_int_equal(reply.target_addr, ip_v4(addr_read("192.0.2.9")));
    temp_dir_remove(&dir);
}

#define WITH_POOLS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_POOLS(a_ring_device_has_two_queues),
        WITH_POOLS(more_queues_than_it_has_are_refused),
        WITH_POOLS(a_hashing_device_gets_our_key_and_table),
        WITH_POOLS(multicast_is_let_in_for_ipv6),
        WITH_POOLS(captured_files_are_a_port),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
