/* Addresses of both families: text both ways, what is refused, the pseudo-header's sum. */
#include "io/net/checksum.h"
#include "io/net/ip.h"
#include "tests/support/support.h"

static void text_round_trips(void **state)
{
    (void)state;
    static const char *const texts[] = { "0.0.0.0",     "192.0.2.1", "255.255.255.255", "::",
                                         "2001:db8::1", "fe80::1:2", "::1.2.3.4" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct ip_addr addr;
        char text[IP_TEXT_CAP];
        assert_true(ip_read(texts[i], &addr));
        assert_string_equal(ip_write(addr, text), texts[i]);
        assert_int_equal(ip_is_v4(addr), strchr(texts[i], ':') == NULL);
    }
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "1.2.3", "1.2.3.256", "1.2.3.4 ", "::ffff:1.2.3.4", "2001:db8:::1", "fe80::1%eth0"
    };
    struct ip_addr addr;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_false(ip_read(texts[i], &addr));
    static const char *const nets[] = {
        "10.0.0.1",    "10.0.0.1/",   "10.0.0.1/0",         "10.0.0.1/33",
        "10.0.0.1/-1", "10.0.0.1/ 8", "10.0.0.1/8x",        "::1/129",
        "::1/0",       "/24",         "10.0.0.1/4294967320"
    };
    uint8_t prefix_len;
    for (size_t i = 0; i < COUNT(nets); i++)
        assert_false(ip_prefix_read(nets[i], &addr, &prefix_len));
}

static void prefixes_are_read(void **state)
{
    (void)state;
    struct ip_addr addr;
    uint8_t prefix_len;
    assert_true(ip_prefix_read("10.99.0.1/24", &addr, &prefix_len));
    assert_true(ip_equal(addr, ip_addr_v4(0x0a630001)) && ip_v4(addr) == 0x0a630001);
    assert_int_equal(prefix_len, 24);
    assert_true(ip_prefix_read("2001:db8::1/128", &addr, &prefix_len));
    assert_int_equal(prefix_len, 128);
    assert_false(ip_is_none(addr));
    assert_true(ip_is_none((struct ip_addr){ { 0 } }));
    assert_false(ip_is_none(ip_addr_v4(0)));
}

/* RFC 1071 over the pseudo-header as the RFCs lay it out. */
static void pseudo_header_is_that_of_the_family(void **state)
{
    (void)state;
    static const struct {
        const char *src, *dst, *pseudo;
    } cases[] = {
        { "10.99.0.1", "192.0.2.7", "0a630001 c0000207 0006 1234" },
        { "255.255.255.255", "0.0.0.1", "ffffffff 00000001 0006 1234" },
        { "2001:db8::1", "fe80::ff:fe00:7",
          "20010db8000000000000000000000001 fe80000000000000000000fffe000007 00001234 00000006" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip_addr src, dst;
        assert_true(ip_read(cases[i].src, &src));
        assert_true(ip_read(cases[i].dst, &dst));
        uint64_t sum = checksum_pseudo(src, dst, 6, 0x1234);
        assert_int_equal(checksum_fold(sum),
                         checksum_fold(checksum_add(0, guarded_hex(cases[i].pseudo))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(prefixes_are_read),
        cmocka_unit_test(pseudo_header_is_that_of_the_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
