/* The Internet checksum (RFC 1071), eight octets at a time, in four sums that do not wait for each
 * other's carries.
 *
 * A running sum is kept in the machine's own octet order, which RFC 1071 §2(B) allows: pieces are
 * added in any order, each but the last of even length, and one fold at the end gives the value in
 * host order. */
#ifndef IO_NET_CHECKSUM_H
#define IO_NET_CHECKSUM_H

#include "base/span.h"
#include "io/net/ip.h"

#include <rte_byteorder.h>

static inline uint64_t checksum_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

static inline uint64_t checksum_add(uint64_t sum, struct span in)
{
    const uint8_t *at = in.bytes;
    size_t left = in.len;
    uint64_t sums[4] = { sum };
    uint64_t words[4];
    for (; left >= sizeof words; left -= sizeof words, at += sizeof words) {
        memcpy(words, at, sizeof words);
#pragma GCC unroll 4
        for (size_t i = 0; i < 4; i++)
            sums[i] = checksum_carry(sums[i], words[i]);
    }
    sum = checksum_carry(checksum_carry(sums[0], sums[1]), checksum_carry(sums[2], sums[3]));
    uint64_t word;
    for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        sum = checksum_carry(sum, word);
    }
    if (left == 0)
        return sum;
    word = 0;
    memcpy(&word, at, left);
    return checksum_carry(sum, word);
}

/* The pseudo-header of either family (RFC 9293 §3.1, RFC 8200 §8.1), length in host order. What an
 * IPv4-mapped address has before the IPv4 address is ffff, which counts for nothing in this sum. */
static inline uint64_t checksum_pseudo(struct ip_addr src, struct ip_addr dst, uint8_t protocol,
                                       uint16_t len)
{
    uint64_t sum = checksum_carry(ip_word(src, 0), ip_word(src, 1));
    sum = checksum_carry(checksum_carry(sum, ip_word(dst, 0)), ip_word(dst, 1));
    return checksum_carry(sum, (uint64_t)rte_cpu_to_be_16(protocol) + rte_cpu_to_be_16(len));
}

/* The sum itself, not complemented, in host order: 0xffff over octets whose checksum is right. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return rte_be_to_cpu_16((uint16_t)sum);
}

/* The field's value for octets whose checksum field is zero. */
static inline uint16_t checksum_of(uint64_t sum)
{
    return (uint16_t)~checksum_fold(sum);
}

static inline bool checksum_right(uint64_t sum)
{
    return checksum_fold(sum) == 0xffff;
}

#endif
