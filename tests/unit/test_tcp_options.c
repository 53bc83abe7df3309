/* The option parser (RFC 9293 §3.1, RFC 7323, RFC 2018), the scoreboard against a model of it, and
 * CUBIC's curve. */
#include "base/prng.h"
#include "io/tcp/tcp_board.h"
#include "io/tcp/tcp_cubic.h"
#include "io/tcp/tcp_seq.h"
#include "io/tcp/tcp_wire.h"
#include "tests/support/support.h"

static enum err read_options(uint8_t flags, const uint8_t *options, size_t len,
                             struct tcp_header *out)
{
    uint8_t octets[TCP_HEADER_LEN + TCP_OPTIONS_MAX];
    struct tcp_header header = { .src_port = 1, .dst_port = 2, .flags = flags };
    struct writer w = writer_over(octets, sizeof octets);
    tcp_header_write(&w, &header);
    writer_bytes(&w, span_of(options, len));
    while (writer_len(&w) % 4 != 0)
        writer_u8(&w, 0);
    writer_patch(&w, 12, writer_len(&w) / 4 << 4, 1);
    assert_int_equal(w.err, ERR_OK);
    return tcp_header_read(guarded_copy(written(&w)), out);
}

static void options_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t flags;
        uint8_t len;
        uint8_t octets[40];
        enum err err;
    } cases[] = {
        { "none", TCP_ACK, 0, { 0 }, ERR_OK },
        { "end hides what follows", TCP_ACK, 4, { 0, 2, 9, 9 }, ERR_OK },
        { "NOPs", TCP_ACK, 4, { 1, 1, 1, 1 }, ERR_OK },
        { "unknown, skipped", TCP_ACK, 8, { 253, 8, 1, 2, 3, 4, 5, 6 }, ERR_OK },
        { "unknown, twice", TCP_ACK, 8, { 253, 4, 1, 2, 253, 4, 5, 6 }, ERR_OK },
        { "unknown, length 0", TCP_ACK, 4, { 253, 0, 1, 1 }, ERR_MALFORMED },
        { "unknown, length 1", TCP_ACK, 4, { 253, 1, 1, 1 }, ERR_MALFORMED },
        { "unknown, over the end", TCP_ACK, 4, { 253, 5, 1, 1 }, ERR_MALFORMED },
        { "kind without length", TCP_ACK, 4, { 1, 1, 1, 8 }, ERR_MALFORMED },
        { "MSS", TCP_SYN, 4, { 2, 4, 5, 0xb4 }, ERR_OK },
        { "MSS too short", TCP_SYN, 4, { 2, 3, 5, 1 }, ERR_MALFORMED },
        { "MSS too long", TCP_SYN, 8, { 2, 5, 5, 0xb4, 0, 1, 1, 1 }, ERR_MALFORMED },
        { "MSS twice", TCP_SYN, 8, { 2, 4, 5, 0xb4, 2, 4, 5, 0xb4 }, ERR_MALFORMED },
        { "MSS too short, no SYN", TCP_ACK, 4, { 2, 3, 5, 1 }, ERR_MALFORMED },
        { "window scale too long", TCP_SYN, 4, { 3, 4, 7, 7 }, ERR_MALFORMED },
        { "SACK-permitted too long", TCP_SYN, 4, { 4, 3, 0, 1 }, ERR_MALFORMED },
        { "timestamps too short",
          TCP_ACK,
          12,
          { 8, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1 },
          ERR_MALFORMED },
        { "timestamps twice", TCP_ACK, 20, { 8, 10, [10] = 8, 10 }, ERR_MALFORMED },
        { "SACK without a block", TCP_ACK, 4, { 1, 1, 5, 2 }, ERR_MALFORMED },
        { "SACK with half a block", TCP_ACK, 8, { 1, 1, 5, 6, 1, 2, 3, 4 }, ERR_MALFORMED },
        { "SACK over the end", TCP_ACK, 12, { 1, 1, 5, 18 }, ERR_MALFORMED },
        { "SACK, four blocks", TCP_ACK, 36, { 1, 1, 5, 34 }, ERR_OK },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tcp_header header;
        check_err(cases[i].name,
                  read_options(cases[i].flags, cases[i].octets, cases[i].len, &header),
                  cases[i].err);
    }
}

static void options_of_a_syn_count_there_only(void **state)
{
    (void)state;
    static const uint8_t options[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9,
                                       1, 3, 3, 7,    1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
    struct tcp_header header;
    assert_int_equal(read_options(TCP_SYN, options, sizeof options, &header), ERR_OK);
    assert_true(header.has_mss && header.sack_permitted && header.has_ts && header.has_wscale);
    assert_int_equal(header.mss, 1460);
    assert_int_equal(header.wscale, 7);
    assert_int_equal(header.ts_value, 7);
    assert_int_equal(header.ts_echo, 9);
    assert_int_equal(header.sack_count, 0);
    assert_int_equal(read_options(TCP_ACK, options, sizeof options, &header), ERR_OK);
    assert_false(header.has_mss || header.sack_permitted || header.has_wscale);
    assert_true(header.has_ts);
    assert_int_equal(header.sack_count, 1);
    assert_int_equal(header.sacks[0].left, 1);
    assert_int_equal(header.sacks[0].right, 2);
}

/* Every set of options we write reads back as it was, aligned, within 40 octets. */
static void options_written_are_read(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 64; set++) {
        bool syn = (set & 1) != 0;
        struct tcp_header header = { .src_port = 1,
                                     .dst_port = 2,
                                     .flags = syn ? TCP_SYN : TCP_ACK,
                                     .has_ts = (set & 2) != 0,
                                     .ts_value = 0x01020304,
                                     .ts_echo = 0xfffefdfc };
        if (syn) {
            header.has_mss = (set & 4) != 0;
            header.mss = header.has_mss ? 1460 : 0;
            header.has_wscale = (set & 8) != 0;
            header.wscale = header.has_wscale ? 14 : 0;
            header.sack_permitted = (set & 16) != 0;
        } else {
            header.sack_count = (uint8_t)((set >> 2) % (header.has_ts ? 4 : 5));
            for (uint32_t i = 0; i < header.sack_count; i++)
                header.sacks[i] = (struct tcp_sack){ 1000 * i, 1000 * i + 500 };
        }
        uint8_t octets[TCP_HEADER_LEN + TCP_OPTIONS_MAX];
        struct writer w = writer_over(octets, sizeof octets);
        tcp_header_write(&w, &header);
        assert_int_equal(w.err, ERR_OK);
        assert_int_equal(writer_len(&w), tcp_header_len(&header));
        assert_int_equal(writer_len(&w) % 4, 0);
        struct tcp_header back;
        assert_int_equal(tcp_header_read(written(&w), &back), ERR_OK);
        assert_int_equal(back.has_ts, header.has_ts);
        assert_int_equal(back.ts_echo, header.has_ts ? header.ts_echo : 0);
        assert_int_equal(back.mss, header.mss);
        assert_int_equal(back.wscale, header.wscale);
        assert_int_equal(back.sack_permitted, header.sack_permitted);
        assert_int_equal(back.sack_count, header.sack_count);
        assert_memory_equal(back.sacks, header.sacks, sizeof back.sacks);
    }
    struct tcp_header much = { .flags = TCP_ACK, .has_ts = true, .sack_count = 4 };
    uint8_t octets[80];
    struct writer w = writer_over(octets, sizeof octets);
    tcp_header_write(&w, &much);
    assert_int_equal(w.err, ERR_RANGE);
}

enum { SPAN = 400, RANGES = 12, MSS = 20 };

/* RFC 6675 §4, octet by octet: lost when three runs, or over two segments' octets, lie above. */
static uint32_t model_lost(const bool *marked, uint32_t una)
{
    uint32_t runs = 0, octets = 0;
    for (uint32_t at = SPAN - 1; at > una; at--) {
        octets += marked[at];
        runs += marked[at] && !marked[at - 1];
        if (!marked[at - 1] && (runs >= 3 || octets > 2 * MSS))
            return at;
    }
    return una;
}

static void scoreboard_agree(const struct tcp_board *board, const bool *marked, uint32_t start,
                             uint32_t una, struct prng *prng)
{
    uint32_t total = 0;
    for (uint32_t i = una; i < SPAN; i++)
        total += marked[i];
    assert_int_equal(board->sacked_len, total);
    uint32_t edge = tcp_board_lost_edge(board, start + una, MSS) - start;
    uint32_t lost = 0;
    for (uint32_t i = una; i < edge; i++)
        lost += !marked[i];
    assert_int_equal(tcp_board_unmarked(board, start + una, start + edge), lost);
    uint32_t wanted = 0, wanted_edge = model_lost(marked, una);
    for (uint32_t i = una; i < wanted_edge; i++)
        wanted += !marked[i];
    assert_int_equal(lost, wanted);
    uint32_t from = una + (uint32_t)prng_below(prng, SPAN - una);
    uint32_t end;
    uint32_t hole = tcp_board_hole(board, start + from, start + SPAN, &end) - start;
    while (from < SPAN && marked[from])
        from++;
    assert_int_equal(hole, from);
    while (from < SPAN && !marked[from])
        from++;
    assert_int_equal(end - start, from);
}

static void scoreboard_is_what_the_peer_told(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct tcp_range ranges[RANGES];
        struct tcp_range_pool pool = { NULL };
        for (int i = 0; i < RANGES; i++) {
            ranges[i].next = pool.free;
            pool.free = &ranges[i];
        }
        struct tcp_board board = { 0 };
        bool marked[SPAN] = { false };
        uint32_t start = 0xffffff00u;
        uint32_t una = 0;
        for (int step = 0; step < 60; step++) {
            uint32_t from = una + (uint32_t)prng_below(&prng, SPAN - una - 1);
            uint32_t len = 1 + (uint32_t)prng_below(&prng, 30);
            len = from + len > SPAN ? SPAN - from : len;
            uint32_t fresh = 0;
            for (uint32_t i = from; i < from + len; i++)
                fresh += !marked[i];
            bool full = false;
            uint32_t told = tcp_board_put(&board, &pool, start + from, start + from + len, &full);
            assert_int_equal(told, full ? 0 : fresh);
            if (!full)
                memset(marked + from, true, len);
            else
                assert_null(pool.free);
            if (prng_below(&prng, 4) == 0 && una + 40 < SPAN) {
                uint32_t by = (uint32_t)prng_below(&prng, 30);
                uint32_t known = 0;
                for (uint32_t i = una; i < una + by; i++)
                    known += marked[i];
                una += by;
                memset(marked, false, una);
                assert_int_equal(tcp_board_advance(&board, &pool, start + una), known);
            }
            scoreboard_agree(&board, marked, start, una, &prng);
        }
        tcp_board_clear(&board, &pool);
        uint32_t free = 0;
        for (const struct tcp_range *range = pool.free; range != NULL; range = range->next)
            free++;
        assert_int_equal(free, RANGES);
        assert_int_equal(board.count + board.sacked_len, 0);
    }
}

static void one_connection_cannot_have_the_whole_pool(void **state)
{
    (void)state;
    static struct tcp_range ranges[2 * TCP_BOARD_RANGES_MAX];
    struct tcp_range_pool pool = { NULL };
    for (size_t i = 0; i < COUNT(ranges); i++) {
        ranges[i].next = pool.free;
        pool.free = &ranges[i];
    }
    struct tcp_board board = { 0 };
    bool full = false;
    for (uint32_t i = 0; i < COUNT(ranges); i++)
        tcp_board_put(&board, &pool, 2 * i, 2 * i + 1, &full);
    assert_true(full);
    assert_int_equal(board.count, TCP_BOARD_RANGES_MAX);
    assert_non_null(pool.free);
}

enum { SEGMENT = 1000 };

/* Acknowledges a window a round trip, until `until_ms`. */
static uint32_t cubic_run(struct tcp_cubic *cubic, uint32_t cwnd, uint32_t rtt_ms, uint32_t from_ms,
                          uint32_t until_ms)
{
    for (uint32_t ms = from_ms; ms < until_ms; ms += rtt_ms)
        for (uint32_t acked = 0; acked < cwnd; acked += 2 * SEGMENT)
            cwnd = tcp_cubic_grow(cubic, cwnd, 2 * SEGMENT, SEGMENT, rtt_ms, ms);
    return cwnd / SEGMENT;
}

/* RFC 9438 §4.2: a loss at 1,000 segments leaves 700, and K = cbrt(300 / 0.4) = 9.086 s later the
 * window is 1,000 again; it is flat there, and grows faster and faster after. */
static void cubic_goes_back_to_where_the_loss_was(void **state)
{
    (void)state;
    struct tcp_cubic cubic = { 0 };
    tcp_cubic_lost(&cubic, 1000 * SEGMENT, false);
    uint32_t at[6];
    static const uint32_t times[] = { 1000, 3000, 6000, 9086, 12000, 18000 };
    for (size_t i = 0; i < COUNT(times); i++) {
        struct tcp_cubic copy = cubic;
        at[i] = cubic_run(&copy, 700 * SEGMENT, 100, 5000, 5000 + times[i]);
        assert_int_equal(copy.k_ms, 9085);
    }
    static const uint32_t wanted[] = { 789, 910, 988, 1000, 1009, 1284 };
    for (size_t i = 0; i < COUNT(times); i++)
        assert_in_range(at[i], wanted[i] - wanted[i] / 50, wanted[i] + wanted[i] / 50);
}

/* §4.3: over a short round trip the curve is too slow, and Reno's pace is kept: 30 round trips give
 * 0.53 segments each. */
static void cubic_is_never_slower_than_reno(void **state)
{
    (void)state;
    struct tcp_cubic cubic = { 0 };
    tcp_cubic_lost(&cubic, 100 * SEGMENT, false);
    assert_in_range(cubic_run(&cubic, 70 * SEGMENT, 1, 5000, 5030), 82, 90);
    struct tcp_cubic after = { 0 };
    tcp_cubic_lost(&after, 100 * SEGMENT, false);
    uint32_t first = after.w_max;
    tcp_cubic_lost(&after, 70 * SEGMENT, false); /* §4.7 */
    assert_int_equal(first, 100 * SEGMENT);
    assert_int_equal(after.w_max, 70 * SEGMENT * 17 / 20);
}

/* §5.8: 20 s in which the application had nothing to send do not move the window along the curve; were they counted,
 * it would be 250 segments further. */
static void cubic_stands_still_while_the_window_is_not_used(void **state)
{
    (void)state;
    struct tcp_cubic cubic = { 0 };
    tcp_cubic_lost(&cubic, 1000 * SEGMENT, false);
    uint32_t cwnd = SEGMENT * cubic_run(&cubic, 700 * SEGMENT, 100, 5000, 8000);
    tcp_cubic_clock(&cubic, 8000, true);
    struct tcp_cubic steady = cubic, counted = cubic;
    for (uint32_t ms = 8100; ms <= 28000; ms += 100)
        tcp_cubic_clock(&cubic, ms, false);
    uint32_t wanted = cubic_run(&steady, cwnd, 100, 8000, 11000);
    assert_int_equal(cubic_run(&cubic, cwnd, 100, 28000, 31000), wanted);
    assert_true(cubic_run(&counted, cwnd, 100, 28000, 31000) > wanted + 250);
}

/* §4.9: a loss that was none leaves the curve where it was, not convergence's 0.85 of it. */
static void cubic_takes_a_loss_back(void **state)
{
    (void)state;
    struct tcp_cubic cubic = { 0 };
    tcp_cubic_lost(&cubic, 100 * SEGMENT, false);
    tcp_cubic_lost(&cubic, 90 * SEGMENT, false);
    assert_int_equal(cubic.w_max, 90 * SEGMENT * 17 / 20);
    tcp_cubic_undo(&cubic);
    assert_int_equal(cubic.w_max, 90 * SEGMENT);
    assert_false(cubic.in_epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_read_strictly),
        cmocka_unit_test(options_of_a_syn_count_there_only),
        cmocka_unit_test(options_written_are_read),
        cmocka_unit_test(scoreboard_is_what_the_peer_told),
        cmocka_unit_test(one_connection_cannot_have_the_whole_pool),
        cmocka_unit_test(cubic_goes_back_to_where_the_loss_was),
        cmocka_unit_test(cubic_is_never_slower_than_reno),
        cmocka_unit_test(cubic_stands_still_while_the_window_is_not_used),
        cmocka_unit_test(cubic_takes_a_loss_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
