/* Timestamps (RFC 7323), SACK (RFC 2018, 2883, 6675), the tail's probe (RFC 8985) and spurious
 * time-outs (RFC 3522), segment by segment, by clause. */
#include "tests/support/tcp_bed.h"

#define MSS 1000u

static uint32_t peer_ts; /* the script's clock, ours to move */
static uint32_t our_ts;  /* the last of the stack's */

static struct tcp_header peer_header(uint8_t flags, uint32_t seq, uint32_t ack)
{
    return (struct tcp_header){ .seq = seq,
                                .ack = ack,
                                .flags = flags,
                                .window = 60000,
                                .has_ts = true,
                                .ts_value = peer_ts,
                                .ts_echo = our_ts };
}

/* SACK and timestamps agreed upon, an MSS of 1,000 octets after timestamps. */
static void open_with(bool sack, bool ts)
{
    peer_ts = 5000;
    struct tcp_header syn = { .seq = PEER_ISN,
                              .flags = TCP_SYN,
                              .window = 60000,
                              .has_mss = true,
                              .mss = MSS + (ts ? TCP_TS_OPTION_LEN : 0),
                              .sack_permitted = sack,
                              .has_ts = ts,
                              .ts_value = peer_ts };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    assert_int_equal(header.flags, TCP_SYN | TCP_ACK);
    assert_int_equal(header.has_ts, ts);
    assert_int_equal(header.sack_permitted, sack);
    if (ts)
        assert_int_equal(header.ts_echo, peer_ts);
    our_ts = header.ts_value;
    bed->seq = PEER_ISN + 1;
    bed->ack = header.seq + 1;
    struct tcp_header ack = peer_header(TCP_ACK, bed->seq, bed->ack);
    ack.has_ts = ts;
    segment_from(PEER_PORT, &ack, span_text(""));
    assert_int_equal(bed->opened, 1);
    nothing_out();
}

static void octets_in(uint32_t seq, const char *text)
{
    struct tcp_header header = peer_header(TCP_ACK, seq, bed->ack);
    segment_from(PEER_PORT, &header, span_text(text));
}

/* An ACK with blocks, as offsets from `ack`'s beginning of the stream. */
static void sack_in(uint32_t ack, const uint32_t (*blocks)[2], uint8_t count)
{
    struct tcp_header header = peer_header(TCP_ACK, bed->seq, bed->ack + ack);
    header.has_ts = false;
    header.sack_count = count;
    for (uint8_t i = 0; i < count; i++)
        header.sacks[i] = (struct tcp_sack){ bed->ack + blocks[i][0], bed->ack + blocks[i][1] };
    segment_from(PEER_PORT, &header, span_text(""));
}

static struct tcp_header ack_out(void)
{
    struct tcp_header header;
    struct span data;
    if (!segment_out(&header, &data))
        fail_msg("nothing came out");
    assert_int_equal(data.len, 0);
    return header;
}

static void block_is(const struct tcp_header *header, uint32_t at, uint32_t left, uint32_t right)
{
    assert_true(at < header->sack_count);
    assert_int_equal(header->sacks[at].left, bed->seq + left);
    assert_int_equal(header->sacks[at].right, bed->seq + right);
}

/* The next segment begins at this offset and has these octets. */
static void segment_is(uint32_t at, uint32_t len)
{
    struct tcp_header header;
    struct span data;
    if (!segment_out(&header, &data))
        fail_msg("nothing came out, wanted %u", at);
    if (header.seq != bed->ack + at || data.len != len)
        fail_msg("offset %u, %zu octets; wanted %u, %u", header.seq - bed->ack, data.len, at, len);
    our_ts = header.ts_value;
}

/* The offset of the next segment, whenever it comes. */
static uint32_t wait_out(void)
{
    struct tcp_header header;
    struct span data;
    while (!segment_out(&header, &data))
        pass(1);
    our_ts = header.ts_value;
    return header.seq - bed->ack;
}

/* A window of `count` full segments leaves. */
static void flight(uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 10)
        big_say((count - i < 10 ? count - i : 10) * MSS);
    turn();
    for (uint32_t i = 0; i < count; i++)
        segment_is(i * MSS, MSS);
    nothing_out();
}

static void timestamps_are_echoed_and_move_on(void **state)
{
    (void)state;
    open_with(true, true);
    peer_ts += 10;
    octets_in(bed->seq, "one");
    bed->seq += 3;
    pass(25);
    struct tcp_header ack = ack_out();
    assert_true(ack.has_ts);
    assert_int_equal(ack.ts_echo, peer_ts);
    assert_in_range(ack.ts_value - our_ts, 20, 25); /* §5.4: milliseconds */
    peer_ts += 10;
    octets_in(bed->seq + 5, "late"); /* §4.3: beyond Last.ACK.sent it is not recorded */
    assert_int_equal(ack_out().ts_echo, peer_ts - 10);
    assert_int_equal(say("data has them too"), ERR_OK);
    turn();
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data) && header.has_ts);
}

static void an_old_timestamp_is_an_old_duplicate(void **state)
{
    (void)state;
    open_with(true, true);
    peer_ts += 100;
    octets_in(bed->seq, "new");
    bed->seq += 3;
    pass(25);
    ack_out();
    peer_ts -= 50;
    octets_in(bed->seq, "old"); /* §5.3 R1: an ACK, and nothing else */
    assert_int_equal(ack_out().ack, bed->seq);
    got("new");
    assert_int_equal(value_of("tcp", "paws"), 1);
    struct tcp_header rst = peer_header(TCP_RST, bed->seq, 0);
    segment_from(PEER_PORT, &rst, span_text("")); /* §5.2: RST is exempt */
    assert_int_equal(bed->closed, 1);
    assert_int_equal(bed->why, ERR_RESET);
}

static void after_24_days_an_old_timestamp_counts_no_more(void **state)
{
    (void)state;
    open_with(true, true);
    peer_ts -= 1000;
    bed->now_ns += 23ull * 24 * 3600 * 1000 * MS;
    octets_in(bed->seq, "x");
    ack_out();
    assert_int_equal(bed->got_len, 0);
    bed->now_ns += 2ull * 24 * 3600 * 1000 * MS; /* §5.5 */
    octets_in(bed->seq, "x");
    got("x");
}

static void a_segment_without_its_timestamp_is_dropped(void **state)
{
    (void)state;
    open_with(true, true);
    segment_in(TCP_ACK, bed->seq, bed->ack, "bare"); /* §3.2 */
    nothing_out();
    assert_int_equal(bed->got_len, 0);
    assert_int_equal(value_of("tcp", "no_timestamp"), 1);
}

static void options_not_offered_are_not_answered(void **state)
{
    (void)state;
    open_with(false, false);
    octets_in(bed->seq + 10, "gap");
    struct tcp_header ack = ack_out();
    assert_false(ack.has_ts);
    assert_int_equal(ack.sack_count, 0);
}

static void without_both_neither_is_agreed_upon(void **state)
{
    bed_close(state);
    const struct net_config config = { .conn_cap = 4,
                                       .without = TCP_WITHOUT_SACK | TCP_WITHOUT_TIMESTAMPS };
    bed_open_with(state, &config);
    struct tcp_header syn = { .seq = 1, .flags = TCP_SYN, .has_ts = true, .sack_permitted = true };
    segment_from(PEER_PORT, &syn, span_text(""));
    struct tcp_header header;
    struct span data;
    assert_true(segment_out(&header, &data));
    assert_false(header.has_ts || header.sack_permitted);
}

static void gaps_are_told_the_latest_first(void **state)
{
    (void)state;
    open_with(true, false);
    octets_in(bed->seq + 10, "aaaaa");
    struct tcp_header ack = ack_out();
    assert_int_equal(ack.sack_count, 1);
    block_is(&ack, 0, 10, 15);
    octets_in(bed->seq + 30, "bbbbb");
    ack = ack_out(); /* RFC 2018 §4: the block of the segment that made the ACK comes first */
    block_is(&ack, 0, 30, 35);
    block_is(&ack, 1, 10, 15);
    octets_in(bed->seq + 15, "ccccc");
    ack = ack_out();
    block_is(&ack, 0, 10, 20);
    block_is(&ack, 1, 30, 35);
    octets_in(bed->seq + 50, "d");
    octets_in(bed->seq + 60, "e");
    octets_in(bed->seq + 70, "f");
    ack_out();
    ack_out();
    ack = ack_out();
    assert_int_equal(ack.sack_count, 4); /* §3: without timestamps four fit */
    block_is(&ack, 0, 70, 71);
    block_is(&ack, 1, 60, 61);
    block_is(&ack, 2, 50, 51);
    block_is(&ack, 3, 10, 20);
    octets_in(bed->seq, "0123456789");
    ack = ack_out();
    assert_int_equal(ack.ack, bed->seq + 20);
    block_is(&ack, 0, 70, 71);
}

static void beside_timestamps_three_blocks_fit(void **state)
{
    (void)state;
    open_with(true, true);
    for (uint32_t i = 1; i <= 4; i++) {
        octets_in(bed->seq + 10 * i, "x");
        struct tcp_header ack = ack_out();
        assert_int_equal(ack.sack_count, i < 3 ? i : 3);
        block_is(&ack, 0, 10 * i, 10 * i + 1);
    }
}

static void duplicates_are_told_first(void **state)
{
    (void)state;
    open_with(true, false);
    octets_in(bed->seq, "0123456789");
    bed->seq += 10;
    octets_in(bed->seq + 10, "gap");
    ack_out();
    octets_in(bed->seq - 4, "6789"); /* RFC 2883 §4.1: below the ACK */
    struct tcp_header ack = ack_out();
    assert_int_equal(ack.sack_count, 2);
    block_is(&ack, 0, (uint32_t)-4, 0);
    block_is(&ack, 1, 10, 13);
    octets_in(bed->seq + 11, "a"); /* §4.2: within a block, which follows */
    ack = ack_out();
    block_is(&ack, 0, 11, 12);
    block_is(&ack, 1, 10, 13);
    octets_in(bed->seq + 20, "more"); /* told once */
    ack = ack_out();
    block_is(&ack, 0, 20, 24);
}

static void what_is_sacked_is_not_sent_again(void **state)
{
    (void)state;
    open_with(true, false);
    flight(10);
    sack_in(0, (const uint32_t[][2]){ { 1 * MSS, 2 * MSS } }, 1);
    sack_in(0, (const uint32_t[][2]){ { 1 * MSS, 3 * MSS } }, 1);
    nothing_out(); /* two segments above: not yet lost (RFC 6675 §4 IsLost) */
    sack_in(0, (const uint32_t[][2]){ { 1 * MSS, 4 * MSS } }, 1);
    segment_is(0, MSS);
    nothing_out();
    sack_in(0, (const uint32_t[][2]){ { 5 * MSS, 8 * MSS }, { 1 * MSS, 4 * MSS } }, 2);
    segment_is(4 * MSS, MSS); /* the next hole, without an ACK of the first */
    segment_is(9 * MSS, MSS); /* NextSeg (4): the window has room, and this may be lost too */
    nothing_out();
    sack_in(8 * MSS, NULL, 0);
    sack_in(10 * MSS, NULL, 0);
    pass(3000);
    nothing_out();
    assert_int_equal(value_of("tcp", "recoveries"), 1);
    assert_int_equal(value_of("tcp", "fast_retransmits"), 3);
    assert_int_equal(value_of("tcp", "rto"), 0);
}

static void three_small_blocks_make_a_loss(void **state)
{
    (void)state;
    open_with(true, false);
    flight(8);
    sack_in(0, (const uint32_t[][2]){ { 1000, 1001 } }, 1);
    sack_in(0, (const uint32_t[][2]){ { 3000, 3001 }, { 1000, 1001 } }, 2);
    nothing_out();
    sack_in(0, (const uint32_t[][2]){ { 5000, 5001 }, { 3000, 3001 }, { 1000, 1001 } }, 3);
    segment_is(0, MSS); /* RFC 6675 §4: DupThresh discontiguous sequences */
}

/* RFC 6937: over the recovery as many segments leave as ssthresh allows, none in a burst. */
static void the_window_shrinks_in_proportion(void **state)
{
    (void)state;
    open_with(true, false);
    flight(10);
    big_say(9 * MSS); /* more to send */
    turn();
    nothing_out();
    struct tcp_header header;
    struct span data;
    unsigned sent = 0;
    for (uint32_t i = 2; i <= 10; i++) {
        const uint32_t blocks[1][2] = { { MSS, i * MSS } };
        sack_in(0, blocks, 1);
        unsigned now = 0;
        while (segment_out(&header, &data))
            now++;
        assert_true(now <= 1);
        sent += now;
    }
    assert_in_range(sent, 6, 8); /* β of ten: seven, the retransmission among them */
}

static void a_tail_is_probed_before_the_time_out(void **state)
{
    (void)state;
    open_with(true, false);
    flight(4);
    pass(5);
    sack_in(4 * MSS, NULL, 0);
    bed->ack += 4 * MSS;
    flight(4);
    uint64_t start = bed->now_ns;
    struct tcp_header header;
    struct span data;
    while (!segment_out(&header, &data))
        pass(1);
    assert_int_equal(header.seq, bed->ack + 3 * MSS);   /* RFC 8985 §7.3: the last segment again */
    assert_in_range((bed->now_ns - start) / MS, 9, 15); /* §7.2: two round trips, 10 ms at least */
    assert_int_equal(value_of("tcp", "tail_probes"), 1);
    sack_in(0, (const uint32_t[][2]){ { 3 * MSS, 4 * MSS } }, 1);
    segment_is(0, MSS); /* it came before what was sent long before: that is lost */
    nothing_out();      /* one: PRR */
    sack_in(1 * MSS, (const uint32_t[][2]){ { 3 * MSS, 4 * MSS } }, 1);
    segment_is(1 * MSS, MSS);
    segment_is(2 * MSS, MSS);
    sack_in(4 * MSS, NULL, 0);
    assert_int_equal(value_of("tcp", "rto"), 0);
}

static void a_probe_that_was_in_vain_costs_nothing(void **state)
{
    (void)state;
    open_with(true, false);
    flight(4);
    pass(5);
    sack_in(4 * MSS, NULL, 0);
    bed->ack += 4 * MSS;
    flight(2);
    struct tcp_header header;
    struct span data;
    while (!segment_out(&header, &data))
        pass(1);
    assert_int_equal(header.seq, bed->ack + 1 * MSS);
    sack_in(2 * MSS, NULL, 0);
    sack_in(2 * MSS, (const uint32_t[][2]){ { 1 * MSS, 2 * MSS } }, 1); /* §7.4: DSACK */
    assert_int_equal(value_of("tcp", "dsacks"), 1);
    bed->ack += 2 * MSS;
    flight(10); /* the initial window, and more, is still there */
}

static void after_a_time_out_the_peer_may_have_reneged(void **state)
{
    (void)state;
    open_with(true, false);
    flight(5);
    sack_in(0, (const uint32_t[][2]){ { 4 * MSS, 5 * MSS } }, 1);
    struct tcp_header header;
    struct span data;
    while (!segment_out(&header, &data))
        pass(1);
    assert_int_equal(header.seq, bed->ack);
    sack_in(4 * MSS, NULL, 0); /* RFC 2018 §8: it says nothing of the last one any more */
    segment_is(4 * MSS, MSS);
    sack_in(5 * MSS, NULL, 0);
    pass(5000);
    nothing_out();
}

static void after_a_time_out_what_is_told_anew_is_skipped(void **state)
{
    (void)state;
    open_with(true, false);
    flight(6);
    assert_int_equal(wait_out(), 5 * MSS); /* the tail's probe */
    assert_int_equal(wait_out(), 0);
    sack_in(1 * MSS, (const uint32_t[][2]){ { 2 * MSS, 5 * MSS } }, 1);
    segment_is(1 * MSS, MSS);
    segment_is(5 * MSS, MSS);
    nothing_out();
}

static void a_spurious_time_out_is_taken_back(void **state)
{
    (void)state;
    open_with(true, true);
    flight(8);
    uint32_t before = our_ts;
    assert_int_equal(wait_out(), 7 * MSS); /* the tail's probe */
    assert_int_equal(wait_out(), 0);
    assert_true(our_ts != before);
    struct tcp_header late = peer_header(TCP_ACK, bed->seq, bed->ack + MSS);
    late.ts_echo = before; /* RFC 3522: of the segment as it was sent first */
    segment_from(PEER_PORT, &late, span_text(""));
    nothing_out(); /* nothing is sent again */
    assert_int_equal(value_of("tcp", "rto_spurious"), 1);
    late.ack = bed->ack + 8 * MSS;
    segment_from(PEER_PORT, &late, span_text(""));
    bed->ack += 8 * MSS;
    flight(8); /* nor has the window suffered much */
}

static void blocks_of_what_was_never_sent_are_ignored(void **state)
{
    (void)state;
    open_with(true, false);
    flight(3);
    sack_in(0, (const uint32_t[][2]){ { 2 * MSS, 9 * MSS } }, 1);
    sack_in(0, (const uint32_t[][2]){ { 2 * MSS, 1 * MSS } }, 1);
    sack_in(0, (const uint32_t[][2]){ { 0x80000000, 0x80000100 } }, 1);
    nothing_out();
    assert_int_equal(value_of("tcp", "sack_blind"), 3);
    assert_int_equal(value_of("tcp", "recoveries"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT(timestamps_are_echoed_and_move_on),
        SCRIPT(an_old_timestamp_is_an_old_duplicate),
        SCRIPT(after_24_days_an_old_timestamp_counts_no_more),
        SCRIPT(a_segment_without_its_timestamp_is_dropped),
        SCRIPT(options_not_offered_are_not_answered),
        SCRIPT(without_both_neither_is_agreed_upon),
        SCRIPT(gaps_are_told_the_latest_first),
        SCRIPT(beside_timestamps_three_blocks_fit),
        SCRIPT(duplicates_are_told_first),
        SCRIPT(what_is_sacked_is_not_sent_again),
        SCRIPT(three_small_blocks_make_a_loss),
        SCRIPT(the_window_shrinks_in_proportion),
        SCRIPT(a_tail_is_probed_before_the_time_out),
        SCRIPT(a_probe_that_was_in_vain_costs_nothing),
        SCRIPT(after_a_time_out_the_peer_may_have_reneged),
        SCRIPT(after_a_time_out_what_is_told_anew_is_skipped),
        SCRIPT(a_spurious_time_out_is_taken_back),
        SCRIPT(blocks_of_what_was_never_sent_are_ignored),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
