/* Ethernet, ARP, IPv4, ICMP and TCP headers: what is read, written and refused. */
#include "base/prng.h"
#include "io/net/arp.h"
#include "io/net/checksum.h"
#include "io/net/icmp.h"
#include "io/net/ip4.h"
#include "io/net/siphash.h"
#include "io/tcp/tcp_wire.h"
#include "tests/support/support.h"

/* RFC 1071 §1, sixteen bits at a time. */
static uint16_t slow_sum(struct span in)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < in.len; i++)
        sum += i % 2 == 0 ? (uint32_t)in.bytes[i] << 8 : in.bytes[i];
    while (sum >> 16 != 0)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static void checksum_is_that_of_rfc_1071(void **state)
{
    (void)state;
    struct span example = guarded_hex("0001 f203 f4f5 f6f7"); /* RFC 1071 §3 */
    assert_int_equal(checksum_fold(checksum_add(0, example)), 0xddf2);
    struct prng prng;
    prng_init(&prng, 7);
    uint8_t buf[1600];
    for (int round = 0; round < 500; round++) {
        size_t len = prng_below(&prng, sizeof buf);
        for (size_t i = 0; i < len; i++)
            buf[i] = round % 4 == 0 ? 0xff : (uint8_t)prng_next(&prng);
        struct span in = guarded_copy(span_of(buf, len));
        uint16_t wanted = slow_sum(in);
        assert_int_equal(checksum_fold(checksum_add(0, in)), wanted);
        size_t cut = prng_below(&prng, len / 2 + 1) * 2; /* in two pieces, the first even */
        uint64_t sum = checksum_add(0, span_first(in, cut));
        assert_int_equal(checksum_fold(checksum_add(sum, span_after(in, cut))), wanted);
    }
}

static void siphash_is_the_published_one(void **state)
{
    (void)state;
    /* Vectors 16, 8 and 0 of the reference: key 00..0f, message 00..0f. */
    const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    assert_int_equal(siphash_words(key, key, 2, 2, 4), 0x3f2acc7f57c29bdbu);
    assert_int_equal(siphash_words(key, key, 1, 2, 4), 0x93f5f5799a932462u);
    assert_int_equal(siphash_words(key, NULL, 0, 2, 4), 0x726fdb47dd0e0e31u);
}

static void eth_header_round_trips(void **state)
{
    (void)state;
    struct span in = guarded_hex("0202030405ff 02a1a2a3a4a5 0800");
    struct eth_header header;
    assert_int_equal(eth_header_read(in, &header), ERR_OK);
    assert_int_equal(header.type, ETH_TYPE_IP4);
    uint8_t buf[ETH_HEADER_LEN];
    struct writer w = writer_over(buf, sizeof buf);
    eth_header_write(&w, &header);
    check_bytes("eth", written(&w), in);
    for (size_t cut = 0; cut < in.len; cut++)
        check_err("eth cut", eth_header_read(guarded_copy(span_first(in, cut)), &header),
                  ERR_SHORT);
}

static void arp_packet_reads_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum err err;
    } cases[] = {
        { "request", "0001 0800 06 04 0001 0202030405ff 0a630001 000000000000 0a630002", ERR_OK },
        { "reply", "0001 0800 06 04 0002 0202030405ff 0a630001 0202aabbccdd 0a630002", ERR_OK },
        { "not Ethernet", "0006 0800 06 04 0001 0202030405ff 0a630001 000000000000 0a630002",
          ERR_UNSUPPORTED },
        { "not IPv4", "0001 86dd 06 04 0001 0202030405ff 0a630001 000000000000 0a630002",
          ERR_UNSUPPORTED },
        { "hlen", "0001 0800 08 04 0001 0202030405ff 0a630001 000000000000 0a630002",
          ERR_UNSUPPORTED },
        { "plen", "0001 0800 06 10 0001 0202030405ff 0a630001 000000000000 0a630002",
          ERR_UNSUPPORTED },
        { "RARP", "0001 0800 06 04 0003 0202030405ff 0a630001 000000000000 0a630002",
          ERR_UNSUPPORTED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct arp_packet packet;
        check_err(cases[i].name, arp_packet_read(in, &packet), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        uint8_t buf[ARP_LEN];
        struct writer w = writer_over(buf, sizeof buf);
        arp_packet_write(&w, &packet);
        check_bytes(cases[i].name, written(&w), in);
        for (size_t cut = 0; cut < in.len; cut++)
            check_err("arp cut", arp_packet_read(guarded_copy(span_first(in, cut)), &packet),
                      ERR_SHORT);
    }
}

static void ip4_header_reads_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum err err;
    } cases[] = {
        { "sound", "45000014000040004006261c0a6300010a630002", ERR_OK },
        { "padded", "45000014000040004006261c0a6300010a630002 000000000000", ERR_OK },
        { "checksum", "45000014000040004006261d0a6300010a630002", ERR_CHECKSUM },
        { "version 6", "65000014000040004006261c0a6300010a630002", ERR_UNSUPPORTED },
        { "header of 16", "44000014000040004006261c0a6300010a630002", ERR_RANGE },
        { "total below header", "45000013000040004006261d0a6300010a630002", ERR_LENGTH },
        { "total beyond octets", "45000015000040004006261b0a6300010a630002", ERR_LENGTH },
        { "header beyond octets", "46000014000040004006251c0a6300010a630002", ERR_LENGTH },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct ip4_header header;
        check_err(cases[i].name, ip4_header_read(in, &header), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        uint8_t buf[IP4_HEADER_LEN];
        struct writer w = writer_over(buf, sizeof buf);
        ip4_header_write(&w, &header);
        check_bytes(cases[i].name, written(&w), span_first(in, IP4_HEADER_LEN));
        for (size_t cut = 0; cut < IP4_HEADER_LEN; cut++)
            assert_int_not_equal(ip4_header_read(guarded_copy(span_first(in, cut)), &header),
                                 ERR_OK);
    }
}

/* Options of an IPv4 header, in twelve octets, under a checksum made right. */
static enum err ip4_with_options(const char *hex, struct ip4_header *header)
{
    struct span options = guarded_hex(hex);
    uint8_t buf[32];
    struct writer w = writer_over(buf, sizeof buf);
    writer_bytes(&w, guarded_hex("48000020000040004006 0000 0a6300010a630002"));
    writer_bytes(&w, options);
    assert_int_equal(writer_len(&w), sizeof buf);
    writer_patch(&w, 10, checksum_of(checksum_add(0, written(&w))), 2);
    return ip4_header_read(guarded_copy(written(&w)), header);
}

static void ip4_options_are_walked_for_source_routes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum err err;
        bool source_routed;
    } cases[] = {
        { "router alert", "94040000 01010101 01010101", ERR_OK, false },
        { "end", "00ffffff ffffffff ffffffff", ERR_OK, false },
        { "loose route", "830704 0a630003 00 00000000", ERR_OK, true },
        { "strict route", "01890704 0a630003 00000000", ERR_OK, true },
        { "length 0", "94000000 00000000 00000000", ERR_MALFORMED, false },
        { "length 1", "94010000 00000000 00000000", ERR_MALFORMED, false },
        { "length beyond", "940d0000 00000000 00000000", ERR_MALFORMED, false },
        { "no length", "01010101 01010101 01010194", ERR_MALFORMED, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip4_header header;
        check_err(cases[i].name, ip4_with_options(cases[i].hex, &header), cases[i].err);
        if (cases[i].err == ERR_OK)
            assert_int_equal(header.source_routed, cases[i].source_routed);
    }
}

static void icmp_echo_round_trips(void **state)
{
    (void)state;
    struct icmp_header header = { .type = ICMP_ECHO, .rest = 0x12340001 };
    struct span data = span_text("abcde"); /* odd length */
    uint8_t buf[64];
    struct writer w = writer_over(buf, sizeof buf);
    icmp_header_write(&w, &header, data, 0);
    writer_bytes(&w, data);
    struct span in = guarded_copy(written(&w));
    struct icmp_header back;
    assert_int_equal(icmp_header_read(in, 0, &back), ERR_OK);
    assert_int_equal(back.type, ICMP_ECHO);
    assert_int_equal(back.rest, header.rest);
    for (size_t cut = 0; cut < in.len; cut++)
        assert_int_not_equal(icmp_header_read(guarded_copy(span_first(in, cut)), 0, &back), ERR_OK);
    buf[9] ^= 0x10;
    check_err("flipped", icmp_header_read(written(&w), 0, &back), ERR_CHECKSUM);
}

static void icmp_quote_names_the_segment(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum err err;
    } cases[] = {
        { "ours", "45000028000040003f06 0000 0a6300010a630002 8001 0ad7 01020304", ERR_OK },
        { "options", "46000028000040003f06 0000 0a6300010a630002 01010101 8001 0ad7 01020304",
          ERR_OK },
        { "later fragment", "45000028000000013f06 0000 0a6300010a630002 8001 0ad7 01020304",
          ERR_UNSUPPORTED },
        { "version 5", "55000028000040003f06 0000 0a6300010a630002 8001 0ad7 01020304",
          ERR_MALFORMED },
        { "header of 8", "42000028000040003f06 0000 0a6300010a630002 8001 0ad7 01020304",
          ERR_MALFORMED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct icmp_quote quote;
        check_err(cases[i].name, icmp_quote_read(in, &quote), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        assert_int_equal(ip_v4(quote.src), 0x0a630001);
        assert_int_equal(ip_v4(quote.dst), 0x0a630002);
        assert_int_equal(quote.protocol, IP_PROTOCOL_TCP);
        assert_int_equal(quote.total_len, 40);
        assert_int_equal(quote.src_port, 0x8001);
        assert_int_equal(quote.dst_port, 0x0ad7);
        assert_int_equal(quote.seq, 0x01020304);
        for (size_t cut = 0; cut < in.len; cut++)
            assert_int_not_equal(icmp_quote_read(guarded_copy(span_first(in, cut)), &quote),
                                 ERR_OK);
    }
}

#define TCP_FIXED "8001 0ad7 01020304 0a0b0c0d "
#define TCP_TAIL " 0000 0000 "

static void tcp_header_reads_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum err err;
        uint16_t mss;
        int wscale; /* -1: none */
        bool canonical;
    } cases[] = {
        { "plain", TCP_FIXED "5010 2000" TCP_TAIL, ERR_OK, 0, -1, true },
        { "SYN with both", TCP_FIXED "7002 2000" TCP_TAIL "020405b4 01030307", ERR_OK, 1460, 7,
          true },
        { "SYN with MSS", TCP_FIXED "6002 2000" TCP_TAIL "020405b4", ERR_OK, 1460, -1, true },
        { "Linux SYN",
          TCP_FIXED "a002 faf0" TCP_TAIL "020405b4 0402 080a 00000001 00000000 01030307", ERR_OK,
          1460, 7, false },
        { "unknown option", TCP_FIXED "6010 2000" TCP_TAIL "fd041234", ERR_OK, 0, -1, false },
        { "end, then anything", TCP_FIXED "6010 2000" TCP_TAIL "00020405", ERR_OK, 0, -1, false },
        { "offset 4", TCP_FIXED "4010 2000" TCP_TAIL, ERR_LENGTH, 0, -1, false },
        { "offset 0", TCP_FIXED "0010 2000" TCP_TAIL, ERR_LENGTH, 0, -1, false },
        { "offset beyond", TCP_FIXED "6010 2000" TCP_TAIL, ERR_LENGTH, 0, -1, false },
        { "option length 0", TCP_FIXED "6010 2000" TCP_TAIL "02000000", ERR_MALFORMED, 0, -1,
          false },
        { "option length 1", TCP_FIXED "6010 2000" TCP_TAIL "fd010000", ERR_MALFORMED, 0, -1,
          false },
        { "option beyond", TCP_FIXED "6010 2000" TCP_TAIL "fd050000", ERR_MALFORMED, 0, -1, false },
        { "option without length", TCP_FIXED "6010 2000" TCP_TAIL "010101fd", ERR_MALFORMED, 0, -1,
          false },
        { "MSS of 3", TCP_FIXED "6002 2000" TCP_TAIL "02030500", ERR_MALFORMED, 0, -1, false },
        { "scale of 4", TCP_FIXED "6002 2000" TCP_TAIL "03040500", ERR_MALFORMED, 0, -1, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct tcp_header header;
        check_err(cases[i].name, tcp_header_read(in, &header), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        assert_int_equal(header.mss, cases[i].mss);
        assert_int_equal(header.has_wscale ? header.wscale : -1, cases[i].wscale);
        for (size_t cut = 0; cut < in.len; cut++) {
            struct tcp_header other;
            assert_int_not_equal(tcp_header_read(guarded_copy(span_first(in, cut)), &other),
                                 ERR_OK);
        }
        if (!cases[i].canonical)
            continue;
        uint8_t buf[60];
        struct writer w = writer_over(buf, sizeof buf);
        tcp_header_write(&w, &header);
        assert_int_equal(writer_len(&w), tcp_header_len(&header));
        check_bytes(cases[i].name, written(&w), in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_is_that_of_rfc_1071),
        cmocka_unit_test(siphash_is_the_published_one),
        cmocka_unit_test(eth_header_round_trips),
        cmocka_unit_test(arp_packet_reads_and_refuses),
        cmocka_unit_test(ip4_header_reads_and_refuses),
        cmocka_unit_test(ip4_options_are_walked_for_source_routes),
        cmocka_unit_test(icmp_echo_round_trips),
        cmocka_unit_test(icmp_quote_names_the_segment),
        cmocka_unit_test(tcp_header_reads_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
