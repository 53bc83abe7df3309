/* Flow to edge: the same both ways, in both families, and what a NIC with our key computes. */
#include "base/prng.h"
#include "io/flow.h"
#include "tests/support/support.h"

/* Toeplitz by its definition, over source, destination, source port, destination port. */
static uint32_t toeplitz(struct span key, struct span in)
{
    uint32_t hash = 0;
    for (size_t bit = 0; bit < 8 * in.len; bit++) {
        if (!(in.bytes[bit / 8] & 0x80 >> bit % 8))
            continue;
        uint32_t window = 0;
        for (size_t i = 0; i < 32; i++) {
            size_t at = (bit + i) % (8 * key.len);
            window = window << 1 | (key.bytes[at / 8] >> (7 - at % 8) & 1);
        }
        hash ^= window;
    }
    return hash;
}

/* What a NIC hashes of a packet with these addresses. */
static struct span input(const struct flow *flow, uint8_t buf[36])
{
    struct writer w = writer_over(buf, 36);
    for (int i = 0; i < 2; i++) {
        struct span addr = span_of(flow->addr[i].octets, IP_ADDR_LEN);
        writer_bytes(&w, ip_is_v4(flow->addr[i]) ? span_after(addr, 12) : addr);
    }
    writer_u16(&w, flow->port[0]);
    writer_u16(&w, flow->port[1]);
    return written(&w);
}

static struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr;
    assert_true(ip_read(text, &addr));
    return addr;
}

/* The oracle itself, by the vectors Microsoft published for receive side scaling. */
static void oracle_agrees_with_published_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *src, *dst;
        uint16_t src_port, dst_port;
        uint32_t hash;
    } cases[] = {
        { "66.9.149.187", "161.142.100.80", 2794, 1766, 0x51ccc178 },
        { "199.92.111.2", "65.69.140.83", 14230, 4739, 0xc626b0ea },
        { "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x40207d3d },
        { "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0xdde51bbf },
    };
    struct span key =
        guarded_hex("6d5a56da255b0ec2 4167253d43a38fb0 d0ca2bcbae7b30b4 77cb2da38030f20c "
                    "6a42b73bbeac01fa");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct flow flow = { { addr_of(cases[i].src), addr_of(cases[i].dst) },
                             { cases[i].src_port, cases[i].dst_port } };
        uint8_t buf[36];
        assert_int_equal(toeplitz(key, input(&flow, buf)), cases[i].hash);
    }
}

static void hash_is_toeplitz_and_symmetric(void **state)
{
    (void)state;
    static const uint8_t key[2] = { 0x6d, 0x5a };
    struct prng prng;
    prng_init(&prng, 1);
    for (int i = 0; i < 1000; i++) {
        struct flow flow;
        for (int side = 0; side < 2; side++) {
            uint64_t words[2] = { prng_next(&prng), prng_next(&prng) };
            memcpy(flow.addr[side].octets, words, IP_ADDR_LEN);
            if (i % 2 == 0)
                flow.addr[side] = ip_addr_v4((uint32_t)words[0]);
            flow.port[side] = (uint16_t)prng_next(&prng);
        }
        struct flow back = { { flow.addr[1], flow.addr[0] }, { flow.port[1], flow.port[0] } };
        uint8_t buf[36];
        struct span in = input(&flow, buf);
        assert_int_equal(in.len, i % 2 == 0 ? 12 : 36);
        assert_int_equal(flow_hash(&flow), toeplitz(span_of(key, sizeof key), in));
        assert_int_equal(flow_hash(&flow), flow_hash(&back));
    }
}

static void ports_spread_over_edges(void **state)
{
    (void)state;
    static const char *const pairs[][2] = { { "10.99.0.1", "10.99.0.2" },
                                            { "2001:db8::1", "2001:db8::2" } };
    for (size_t family = 0; family < COUNT(pairs); family++) {
        uint32_t seen[4] = { 0 };
        for (uint32_t port = 32768; port < 32768 + 4096; port++) {
            struct flow flow = { { addr_of(pairs[family][0]), addr_of(pairs[family][1]) },
                                 { (uint16_t)port, 2775 } };
            seen[flow_edge(&flow, 4)]++;
            assert_int_equal(flow_edge(&flow, 1), 0);
        }
        for (int i = 0; i < 4; i++)
            assert_true(seen[i] > 512);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle_agrees_with_published_vectors),
        cmocka_unit_test(hash_is_toeplitz_and_symmetric),
        cmocka_unit_test(ports_spread_over_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
