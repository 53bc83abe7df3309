/* One stack under test, both families, one bound UDP port; the rest of the link is a script that puts frames in
 * and looks at each that comes out. */
#ifndef TESTS_SUPPORT_IP_BED_H
#define TESTS_SUPPORT_IP_BED_H

#include "io/net/arp.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/ip6.h"
#include "io/net/ndp.h"
#include "io/net/net.h"
#include "io/net/udp.h"
#include "tests/support/support.h"

#define MS 1000000ull
#define OURS "10.99.0.1"
#define THEIRS "10.99.0.2"
#define GATEWAY "10.99.0.254"
#define OURS6 "2001:db8::1"
#define OURS6_GROUP "ff02::1:ff00:1"
#define OURS_LOCAL "fe80::63ad:c815:b60f:3f6e"
#define THEIRS6 "2001:db8::2"
#define THEIRS_LOCAL "fe80::2"
#define GATEWAY6 "fe80::fe"
#define BOUND 53

struct ip_bed {
    uint64_t now_ns;
    struct port *ends[2]; /* ours, the script's */
    struct net *net;
    struct udp_port *port;
    uint8_t got[2048]; /* the last datagram */
    size_t got_len;
    struct udp_endpoint peer;
    unsigned received, failed;
    enum err why;
    uint16_t mtu;
};

extern struct ip_bed *ip_bed;
extern const uint8_t mac_ours[ETH_ADDR_LEN], mac_theirs[ETH_ADDR_LEN], mac_other[ETH_ADDR_LEN];

/* What ip_bed_open opens with; for tests that change some of it. */
struct net_config ip_bed_config(void);
int ip_bed_open(void **state);
int ip_bed_open_with(void **state, const struct net_config *given);
int ip_bed_close(void **state); /* all frames are back */

#define ON_LINK(test) cmocka_unit_test_setup_teardown(test, ip_bed_open, ip_bed_close)

struct ip_addr addr_of(const char *text);
uint64_t counted(const char *layer, const char *reason);
void link_turn(void);
void link_pass(uint64_t ms);

/* From the script: a whole frame; a payload in a frame to us; a packet of the addresses' family, IP header put
 * on; the same with a hop limit and to a group's MAC when the address is one. */
void frame_in(struct span octets);
void eth_in(const uint8_t *src, const uint8_t *dst, uint16_t type, struct span payload);
void ip_in(const char *src, const char *dst, uint8_t protocol, struct span payload);
void ip_in_with(const char *src, const char *dst, uint8_t protocol, uint8_t hop_limit,
                struct span payload);
void arp_in(uint16_t oper, const uint8_t *mac, const char *sender, const char *target);
/* A solicitation or advertisement; no option when `mac` is NULL. */
void nd_in(uint8_t type, uint32_t flags, const char *src, const char *dst, const char *target,
           const uint8_t *mac);
void nd_in_with(uint8_t type, uint32_t flags, const char *src, const char *dst, const char *target,
                const uint8_t *mac, uint8_t hop_limit);
void udp_in(const char *src, const char *dst, uint16_t src_port, uint16_t dst_port,
            const char *text);
/* ICMP or ICMPv6 by the addresses, checksum put in. */
void icmp_in(const char *src, const char *dst, const struct icmp_header *header, struct span data);

/* A datagram from our bound port. */
enum err say_to(const char *peer, const char *text);

/* To the script. The span is valid until the next. */
bool frame_out(struct eth_header *eth, struct span *payload);
void nothing_out(void);
/* An ARP request for that address, to that MAC (NULL: all); a solicitation, likewise (NULL: its group). */
void expect_arp_request(const char *target, const uint8_t *mac);
void expect_solicitation(const char *target, const uint8_t *mac);
/* An IP packet to that address and MAC: its payload. */
struct span expect_packet(const char *dst, const uint8_t *mac, uint8_t protocol);
/* A datagram with that text to that address and MAC. */
void expect_text(const char *dst, const uint8_t *mac, const char *text);

#endif
