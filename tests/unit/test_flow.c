/* Flow to edge: the same both ways, and what a NIC with our key computes. */
#include "base/prng.h"
#include "io/flow.h"
#include "tests/support/support.h"

/* Toeplitz by its definition, over src, dst, source port, destination port. */
static uint32_t toeplitz(const uint8_t *in, size_t len)
{
    static const uint8_t key[2] = { 0x6d, 0x5a };
    uint32_t hash = 0;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        if (!(in[bit / 8] & 0x80 >> bit % 8))
            continue;
        uint32_t window = 0;
        for (size_t i = 0; i < 32; i++) {
            size_t at = (bit + i) % 16;
            window = window << 1 | (key[at / 8] >> (7 - at % 8) & 1);
        }
        hash ^= window;
    }
    return hash;
}

static void hash_is_toeplitz_and_symmetric(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    for (int i = 0; i < 1000; i++) {
        uint64_t addrs = prng_next(&prng);
        uint64_t ports = prng_next(&prng);
        struct flow flow = { { (uint32_t)addrs, (uint32_t)(addrs >> 32) },
                             { (uint16_t)ports, (uint16_t)(ports >> 16) } };
        struct flow back = { { flow.addr[1], flow.addr[0] }, { flow.port[1], flow.port[0] } };
        uint8_t buf[12];
        struct writer w = writer_over(buf, sizeof buf);
        writer_u32(&w, flow.addr[0]);
        writer_u32(&w, flow.addr[1]);
        writer_u16(&w, flow.port[0]);
        writer_u16(&w, flow.port[1]);
        assert_int_equal(flow_hash(&flow), toeplitz(buf, sizeof buf));
        assert_int_equal(flow_hash(&flow), flow_hash(&back));
    }
}

static void ports_spread_over_edges(void **state)
{
    (void)state;
    uint32_t seen[4] = { 0 };
    for (uint32_t port = 32768; port < 32768 + 4096; port++) {
        struct flow flow = { { 0x0a630001, 0x0a630002 }, { (uint16_t)port, 2775 } };
        seen[flow_edge(&flow, 4)]++;
        assert_int_equal(flow_edge(&flow, 1), 0);
    }
    for (int i = 0; i < 4; i++)
        assert_true(seen[i] > 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_toeplitz_and_symmetric),
        cmocka_unit_test(ports_spread_over_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
