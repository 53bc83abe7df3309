/* IPv6 headers, extension headers, neighbour discovery, UDP and tagged Ethernet: what is read, written, refused. */
#include "io/net/eth.h"
#include "io/net/icmp.h"
#include "io/net/ip6.h"
#include "io/net/ip6_ext.h"
#include "io/net/ndp.h"
#include "io/net/udp.h"
#include "tests/support/support.h"

#define SRC "20010db8000000000000000000000001"
#define DST "fe8000000000000000000000000000fe"

static void ip6_header_reads_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum err err;
        bool canonical;
    } cases[] = {
        { "sound", "60000000 0004 06 40" SRC DST "01020304", ERR_OK, true },
        { "class and label", "6aabcdef 0004 06 40" SRC DST "01020304", ERR_OK, false },
        { "padded", "60000000 0002 06 40" SRC DST "01020304", ERR_OK, true },
        { "empty", "60000000 0000 3b 00" SRC DST, ERR_OK, true },
        { "version 4", "40000000 0004 06 40" SRC DST "01020304", ERR_UNSUPPORTED, false },
        { "beyond the octets", "60000000 0005 06 40" SRC DST "01020304", ERR_LENGTH, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct ip6_header header;
        check_err(cases[i].name, ip6_header_read(in, &header), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        for (size_t cut = 0; cut < IP6_HEADER_LEN; cut++)
            check_err("cut", ip6_header_read(guarded_copy(span_first(in, cut)), &header),
                      ERR_SHORT);
        if (!cases[i].canonical)
            continue;
        assert_int_equal(ip6_header_read(in, &header), ERR_OK);
        uint8_t buf[IP6_HEADER_LEN];
        struct writer w = writer_over(buf, sizeof buf);
        ip6_header_write(&w, &header);
        check_bytes(cases[i].name, written(&w), span_first(in, IP6_HEADER_LEN));
    }
}

static void addresses_are_made_as_rfc_4291_says(void **state)
{
    (void)state;
    char text[IP_TEXT_CAP];
    struct ip_addr addr;
    assert_true(ip_read("2001:db8::1", &addr)); /* the same for ever: neighbours may be told */
    assert_string_equal(ip_write(ip6_link_local(addr), text), "fe80::63ad:c815:b60f:3f6e");
    assert_true(ip_is_none(ip6_link_local((struct ip_addr){ { 0 } })));
    assert_true(ip_read("4037::1:800:200e:8c6c", &addr)); /* §2.7.1's example */
    assert_string_equal(ip_write(ip6_solicited(addr), text), "ff02::1:ff0e:8c6c");
    static const struct {
        const char *text;
        bool host;
    } hosts[] = { { "2001:db8::1", true }, { "fe80::1", true },  { "::", false },
                  { "::1", false },        { "ff02::1", false }, { "::1.2.3.4", false },
                  { "fc00::1", true } };
    for (size_t i = 0; i < COUNT(hosts); i++) {
        assert_true(ip_read(hosts[i].text, &addr));
        assert_int_equal(ip6_is_host(addr), hosts[i].host);
    }
    assert_false(ip6_is_host(ip_addr_v4(0x0a630001)));
}

static void extension_headers_are_walked(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t next;
        const char *hex;
        enum ip6_ext_verdict verdict;
        uint8_t protocol;
        uint16_t len;
        enum ip6_problem problem;
        uint16_t pointer;
    } cases[] = {
        { "none", 6, "0102", IP6_EXT_SOUND, 6, 0, IP6_PROBLEM_NONE, 0 },
        { "hop-by-hop, router alert", 0, "3a00 05020000 0100", IP6_EXT_SOUND, 58, 8,
          IP6_PROBLEM_NONE, 0 },
        { "padding one by one", 60, "0600 000000000000", IP6_EXT_SOUND, 6, 8, IP6_PROBLEM_NONE, 0 },
        { "two in a row", 0, "3c00 010400000000 1100 010400000000", IP6_EXT_SOUND, 17, 16,
          IP6_PROBLEM_NONE, 0 },
        { "atomic fragment", 44, "0600 0000 12345678", IP6_EXT_SOUND, 6, 8, IP6_PROBLEM_NONE, 0 },
        { "reserved bits", 44, "06ff 0006 12345678", IP6_EXT_SOUND, 6, 8, IP6_PROBLEM_NONE, 0 },
        { "first fragment", 44, "0600 0001 12345678", IP6_EXT_PART, 6, 8, IP6_PROBLEM_NONE, 0 },
        { "last fragment", 44, "0600 0008 12345678", IP6_EXT_PART, 6, 8, IP6_PROBLEM_NONE, 0 },
        { "route at its end", 43, "0600 04 00 00000000", IP6_EXT_SOUND, 6, 8, IP6_PROBLEM_NONE, 0 },
        { "route of type 0", 43, "0602 00 01 00000000" SRC, IP6_EXT_ROUTED, 6, 24,
          IP6_PROBLEM_HEADER, 42 },
        { "unknown, to be skipped", 60, "0600 1e0400000000", IP6_EXT_SOUND, 6, 8, IP6_PROBLEM_NONE,
          0 },
        { "unknown, silent", 60, "0600 5e0400000000", IP6_EXT_REFUSED, 6, 8, IP6_PROBLEM_NONE, 0 },
        { "unknown, told", 60, "0600 0000 9e020000", IP6_EXT_REFUSED, 6, 8, IP6_PROBLEM_OPTION,
          44 },
        { "jumbo payload", 0, "0600 c20400010000", IP6_EXT_REFUSED, 6, 8, IP6_PROBLEM_OPTION, 42 },
        { "hop-by-hop second", 60, "0000 010400000000 0600 010400000000", IP6_EXT_REFUSED, 0, 8,
          IP6_PROBLEM_NEXT, 40 },
        { "option beyond its header", 60, "0600 010500000000", IP6_EXT_MALFORMED, 6, 8,
          IP6_PROBLEM_NONE, 0 },
        { "option without length", 60, "0600 0000000000 01", IP6_EXT_MALFORMED, 6, 8,
          IP6_PROBLEM_NONE, 0 },
        { "header beyond the packet", 60, "0601 010400000000", IP6_EXT_MALFORMED, 6, 0,
          IP6_PROBLEM_NONE, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct ip6_ext ext;
        enum ip6_ext_verdict verdict = ip6_ext_read(in, cases[i].next, &ext);
        if (verdict != cases[i].verdict || ext.protocol != cases[i].protocol ||
            ext.len != cases[i].len || ext.problem != cases[i].problem ||
            ext.pointer != cases[i].pointer)
            fail_msg("%s: verdict %d, protocol %u, %u octets, problem %d at %u", cases[i].name,
                     verdict, ext.protocol, ext.len, ext.problem, ext.pointer);
        assert_int_equal(ext.fragmented, verdict == IP6_EXT_SOUND && cases[i].next == 44);
        for (size_t cut = 0; cut < ext.len && verdict == IP6_EXT_SOUND; cut++)
            assert_int_equal(ip6_ext_read(guarded_copy(span_first(in, cut)), cases[i].next, &ext),
                             IP6_EXT_MALFORMED);
    }
}

static void the_walk_is_bounded(void **state)
{
    (void)state;
    uint8_t buf[8 * (IP6_EXT_MAX + 1)];
    struct ip6_ext ext;
    for (size_t count = IP6_EXT_MAX; count <= IP6_EXT_MAX + 1; count++) {
        struct writer w = writer_over(buf, sizeof buf);
        for (size_t i = 0; i < count; i++) {
            writer_u16(&w, i + 1 < count ? 0x3c00 : 0x0600);
            writer_bytes(&w, guarded_hex("010400000000"));
        }
        assert_int_equal(ip6_ext_read(guarded_copy(written(&w)), IP6_EXT_DESTINATION, &ext),
                         count <= IP6_EXT_MAX ? IP6_EXT_SOUND : IP6_EXT_MALFORMED);
    }
    uint8_t padding[2 + 22] = { 6, 2 }; /* options of one octet each: more than sixteen of them */
    assert_int_equal(ip6_ext_read(span_of(padding, sizeof padding), IP6_EXT_DESTINATION, &ext),
                     IP6_EXT_MALFORMED);
}

static void nd_messages_read_and_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t type;
        const char *hex;
        enum err err;
        bool has_mac, canonical;
    } cases[] = {
        { "no option", NDP_SOLICITATION, DST, ERR_OK, false, true },
        { "source's", NDP_SOLICITATION, DST "0101 020304050607", ERR_OK, true, true },
        { "target's", NDP_ADVERTISEMENT, DST "0201 020304050607", ERR_OK, true, true },
        { "the other's", NDP_ADVERTISEMENT, DST "0101 020304050607", ERR_OK, false, false },
        { "with a nonce", NDP_SOLICITATION, DST "0e01 010203040506 0101 020304050607", ERR_OK, true,
          false },
        { "twice", NDP_SOLICITATION, DST "0101 020304050607 0101 020304050607", ERR_MALFORMED,
          false, false },
        { "a group's", NDP_SOLICITATION, DST "0101 030304050607", ERR_MALFORMED, false, false },
        { "of 16 octets", NDP_SOLICITATION, DST "0102 020304050607 0000000000000000", ERR_MALFORMED,
          false, false },
        { "no length", NDP_SOLICITATION, DST "0100 020304050607", ERR_MALFORMED, false, false },
        { "beyond the message", NDP_SOLICITATION, DST "0102 020304050607", ERR_MALFORMED, false,
          false },
        { "unknown without length", NDP_ADVERTISEMENT, DST "fd00", ERR_MALFORMED, false, false },
        { "half an option", NDP_ADVERTISEMENT, DST "02", ERR_MALFORMED, false, false },
        { "multicast target", NDP_SOLICITATION, "ff020000000000000000000000000001", ERR_MALFORMED,
          false, false },
        { "no target", NDP_SOLICITATION, "00000000000000000000000000000000", ERR_MALFORMED, false,
          false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct ndp_message message;
        check_err(cases[i].name, ndp_message_read(in, cases[i].type, 7, &message), cases[i].err);
        for (size_t cut = 0; cut < IP_ADDR_LEN; cut++) {
            struct ndp_message other;
            check_err("cut",
                      ndp_message_read(guarded_copy(span_first(in, cut)), cases[i].type, 7, &other),
                      ERR_SHORT);
        }
        if (cases[i].err != ERR_OK)
            continue;
        assert_int_equal(message.has_mac, cases[i].has_mac);
        assert_int_equal(message.flags, 7);
        uint8_t buf[32];
        struct writer w = writer_over(buf, sizeof buf);
        ndp_message_write(&w, &message);
        if (cases[i].canonical)
            check_bytes(cases[i].name, written(&w), in);
    }
}

static void nd_options_are_bounded(void **state)
{
    (void)state;
    uint8_t buf[IP_ADDR_LEN + 8 * (NDP_OPTIONS_MAX + 1)];
    struct ndp_message message;
    for (size_t count = NDP_OPTIONS_MAX; count <= NDP_OPTIONS_MAX + 1; count++) {
        struct writer w = writer_over(buf, sizeof buf);
        writer_bytes(&w, guarded_hex(DST));
        for (size_t i = 0; i < count; i++)
            writer_bytes(&w, guarded_hex("0e01 010203040506"));
        check_err("many", ndp_message_read(written(&w), NDP_SOLICITATION, 0, &message),
                  count <= NDP_OPTIONS_MAX ? ERR_OK : ERR_MALFORMED);
    }
}

static void quotes_of_ipv6_name_the_segment(void **state)
{
    (void)state;
    struct span in = guarded_hex("60000000 05c8 06 3f" SRC DST "8001 0ad7 01020304");
    struct icmp_quote quote;
    assert_int_equal(icmp_quote_read(in, &quote), ERR_OK);
    char text[IP_TEXT_CAP];
    assert_string_equal(ip_write(quote.src, text), "2001:db8::1");
    assert_string_equal(ip_write(quote.dst, text), "fe80::fe");
    assert_int_equal(quote.protocol, IP_PROTOCOL_TCP);
    assert_int_equal(quote.total_len, 0x5c8 + IP6_HEADER_LEN);
    assert_int_equal(quote.src_port, 0x8001);
    assert_int_equal(quote.dst_port, 0x0ad7);
    assert_int_equal(quote.seq, 0x01020304);
    for (size_t cut = 0; cut < in.len; cut++)
        check_err("cut", icmp_quote_read(guarded_copy(span_first(in, cut)), &quote), ERR_SHORT);
}

/* Believed, such a quotation would name a connection over IPv4. */
static void quotes_of_ipv4_mapped_addresses_are_refused(void **state)
{
    (void)state;
    static const char mapped[] = "00000000000000000000 ffff 0a620001";
    struct icmp_quote quote;
    char text[160];
    for (int which = 0; which < 2; which++) {
        snprintf(text, sizeof text, "60000000 05c8 06 3f %s %s 8001 0ad7 01020304",
                 which == 0 ? mapped : SRC, which == 1 ? mapped : DST);
        check_err(which == 0 ? "source" : "destination", icmp_quote_read(guarded_hex(text), &quote),
                  ERR_MALFORMED);
    }
}

static void udp_header_reads_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        enum err err;
    } cases[] = {
        { "sound", "0035 1234 000a beef 6162", ERR_OK },
        { "empty", "0035 1234 0008 0000", ERR_OK },
        { "padded", "0035 1234 0008 0000 6162", ERR_OK },
        { "below its header", "0035 1234 0007 0000", ERR_LENGTH },
        { "jumbo", "0035 1234 0000 0000", ERR_LENGTH },
        { "beyond the packet", "0035 1234 000b 0000 6162", ERR_LENGTH },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct udp_header header;
        check_err(cases[i].name, udp_header_read(in, &header), cases[i].err);
        uint8_t buf[UDP_HEADER_LEN];
        struct writer w = writer_over(buf, sizeof buf);
        udp_header_write(&w, &header);
        check_bytes(cases[i].name, written(&w), span_first(in, UDP_HEADER_LEN));
        for (size_t cut = 0; cut < UDP_HEADER_LEN; cut++)
            check_err("cut", udp_header_read(guarded_copy(span_first(in, cut)), &header),
                      ERR_SHORT);
    }
}

static void tags_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        uint16_t vlan, type;
        bool canonical;
    } cases[] = {
        { "tagged", "0202030405ff 02a1a2a3a4a5 8100 0064 86dd", 100, ETH_TYPE_IP6, true },
        { "with a priority", "0202030405ff 02a1a2a3a4a5 8100 e064 86dd", 100, ETH_TYPE_IP6, false },
        { "priority only", "0202030405ff 02a1a2a3a4a5 8100 e000 0800", 0, ETH_TYPE_IP4, false },
        { "two tags", "0202030405ff 02a1a2a3a4a5 8100 0064 8100 0065 0800", 100, ETH_TYPE_TAG,
          false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct span in = guarded_hex(cases[i].hex);
        struct eth_header header;
        check_err(cases[i].name, eth_header_read(in, &header), ERR_OK);
        assert_int_equal(header.vlan, cases[i].vlan);
        assert_int_equal(header.type, cases[i].type);
        assert_int_equal(header.len, ETH_HEADER_LEN + ETH_TAG_LEN);
        for (size_t cut = 0; cut < header.len; cut++) {
            struct eth_header other;
            check_err("cut", eth_header_read(guarded_copy(span_first(in, cut)), &other), ERR_SHORT);
        }
        if (!cases[i].canonical)
            continue;
        uint8_t buf[ETH_HEADER_LEN + ETH_TAG_LEN];
        struct writer w = writer_over(buf, sizeof buf);
        eth_header_write(&w, &header);
        assert_int_equal(writer_len(&w), eth_header_len(header.vlan));
        check_bytes(cases[i].name, written(&w), in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip6_header_reads_and_refuses),
        cmocka_unit_test(addresses_are_made_as_rfc_4291_says),
        cmocka_unit_test(extension_headers_are_walked),
        cmocka_unit_test(the_walk_is_bounded),
        cmocka_unit_test(nd_messages_read_and_refuse),
        cmocka_unit_test(nd_options_are_bounded),
        cmocka_unit_test(quotes_of_ipv6_name_the_segment),
        cmocka_unit_test(quotes_of_ipv4_mapped_addresses_are_refused),
        cmocka_unit_test(udp_header_reads_and_refuses),
        cmocka_unit_test(tags_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
