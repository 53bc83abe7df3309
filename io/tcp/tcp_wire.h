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

#define TCP_SACK_MAX 4u /* RFC 2018 §3: what 40 octets hold; 3 beside timestamps */
#define TCP_SACK_MAX_WITH_TS 3u
#define TCP_TS_OPTION_LEN 12u /* with the two NOPs of RFC 7323 appendix A */

/* Octets from left up to, not including, right (RFC 2018 §3). */
struct tcp_sack {
    uint32_t left;
    uint32_t right;
};

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
    bool sack_permitted;
    bool has_ts;
    uint8_t sack_count;
    uint16_t mss;
    uint8_t wscale; /* as sent; above TCP_WSCALE_MAX it means that */
    uint32_t ts_value;
    uint32_t ts_echo;
    struct tcp_sack sacks[TCP_SACK_MAX];
};

/* The header at the front of `in`; what follows header_len is payload. Unknown options are skipped,
 * and so are those of a SYN elsewhere (RFC 9293 §3.7.1, RFC 7323 §2.2, RFC 2018 §2) and SACK in a
 * SYN. ERR_SHORT; ERR_LENGTH when the offset is impossible; ERR_MALFORMED when an option runs over
 * the header, has a length its kind cannot have (MUST-7), or comes twice. */
MUST_CHECK enum err tcp_header_read(struct span in, struct tcp_header *out);

/* Octets tcp_header_write takes. */
uint8_t tcp_header_len(const struct tcp_header *header);

/* Checksum and urgent pointer zero. */
void tcp_header_write(struct writer *out, const struct tcp_header *header);

#endif
