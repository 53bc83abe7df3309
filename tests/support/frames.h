/* Whole frames for tests, headers put on and checksums right where a header has its own. */
#ifndef TESTS_SUPPORT_FRAMES_H
#define TESTS_SUPPORT_FRAMES_H

#include "io/net/ip.h"
#include "tests/support/support.h"

#define FRAME_TEXT_CAP 512u

/* A frame under construction: octets valid until the next call with the same buffer. */
struct frame_text {
    uint8_t octets[FRAME_TEXT_CAP];
};

struct ip_addr addr_read(const char *text);

/* An Ethernet header (tagged when vlan is not 0) and what follows it. */
struct span frame_eth(struct frame_text *out, uint16_t type, uint16_t vlan, struct span payload);

/* An IP packet of the addresses' family. `fragment`: as in IPv4's header; IPv6 has none. */
struct span packet_ip(struct frame_text *out, const char *src, const char *dst, uint8_t protocol,
                      uint16_t fragment, struct span payload);

/* Ports, then `len` octets of 0x5a: the beginning of TCP and of UDP. */
struct span segment_of(struct frame_text *out, uint16_t src_port, uint16_t dst_port, size_t len);

/* All of it: a segment in a packet in an untagged frame. */
struct span frame_segment(struct frame_text *out, const char *src, const char *dst,
                          uint16_t src_port, uint16_t dst_port, size_t len);

struct span packet_arp(struct frame_text *out, uint16_t oper, const char *sender,
                       const char *target);

#endif
