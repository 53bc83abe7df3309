/* What applications do in their callbacks, and what a connection does when there is no more of something: room,
 * frames, places in a table. */
#include "tests/support/tcp_bed.h"

#define LARGE 200000u /* a window of it is scaled by 4 */

static int large_open(void **state)
{
    const struct net_config config = { .conn_cap = 4, .recv_len_max = LARGE };
    return bed_open_with(state, &config);
}

/* Opens with a window scale; returns ours. */
static uint8_t scaled_establish(void)
{
    struct tcp_header syn = {
        .seq = PEER_ISN, .flags = TCP_SYN, .window = 8000, .has_wscale = true, .wscale = 2
    };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data) && header.has_wscale);
    bed->seq = PEER_ISN + 1;
    bed->ack = header.seq + 1;
    segment_in(TCP_ACK, bed->seq, bed->ack, "");
    return header.wscale;
}

/* The window has whole units only; rounding is not to hand out what is not there, again with each octet. */
static void a_scaled_window_is_no_larger_than_the_room(void **state)
{
    (void)state;
    bed->take_max = 0;
    uint8_t scale = scaled_establish();
    assert_int_equal(scale, 2);
    uint32_t first = bed->seq;
    for (int i = 0; i < 100; i++) {
        data_in("abc");
        pass(25);
        struct tcp_header header;
        struct span data;
        assert_true(segment_out(&header, &data));
        uint32_t edge = header.ack + ((uint32_t)header.window << scale);
        assert_true(edge - first <= LARGE);
        assert_true(edge - first > LARGE - (1u << scale));
    }
}

static int largest_open(void **state)
{
    const struct net_config config = { .conn_cap = 4, .recv_len_max = 65535u << 14 };
    return bed_open_with(state, &config);
}

static void the_largest_window_has_the_largest_scale(void **state)
{
    (void)state;
    assert_int_equal(scaled_establish(), TCP_WSCALE_MAX);
    struct fault fault = { "" };
    struct net_config config = { .addr4 = ip_addr_v4(OURS),
                                 .prefix4 = 24,
                                 .recv_len_max = 1u << 30 };
    assert_null(net_create(bed->ends[0], &config, bed->now_ns, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scaled_window_is_no_larger_than_the_room, large_open,
                                        bed_close),
        cmocka_unit_test_setup_teardown(the_largest_window_has_the_largest_scale, largest_open,
                                        bed_close),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
