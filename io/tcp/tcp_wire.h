/* TCP header and options (RFC 9293 §3.1).
 *
 *   source destination | sequence | acknowledgment | offset flags window | checksum urgent |
 * options 2         2      |    4     |       4        |    1     1     2    |    2       2    |
 * 0-40
 *
 * Checksums are the caller's: they need the pseudo-header. */
#ifndef IO_TCP_TCP_WIRE_H
#define IO_TCP_TCP_WIRE_H

#include "base/span.h"

#define TCP_HEADER_LEN 20u
#define TCP_OPTIONS_MAX 40u
#define TCP_CHECKSUM_AT 16u

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u

#define TCP_MSS_DEFAULT 536u /* RFC 9293 MUST-15 */
#define TCP_WSCALE_MAX 14u   /* RFC 7323 §2.3 */

struct tcp_header {
    uint16_t src_port;
    uint16_t dst_port;
    uint32_t seq;
    uint32_t ack;
    uint16_t window; /* not scaled */
    uint8_t flags;
    uint8_t header_len; /* read only */
    bool has_mss;
    bool has_wscale;
    uint16_t mss;
    uint8_t wscale; /* as sent; above TCP_WSCALE_MAX it means that */
};

/* The header at the front of `in`; what follows header_len is payload. Unknown options are skipped.
 * ERR_SHORT; ERR_LENGTH when the offset is impossible; ERR_MALFORMED when an option is (MUST-7). */
MUST_CHECK enum err tcp_header_read(struct span in, struct tcp_header *out);

/* Octets tcp_header_write takes. */
uint8_t tcp_header_len(const struct tcp_header *header);

/* Checksum and urgent pointer zero. */
void tcp_header_write(struct writer *out, const struct tcp_header *header);

#endif
