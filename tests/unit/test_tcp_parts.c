/* The parts of TCP that stand alone: sequence numbers, the send queue, reassembly. */
#include "base/prng.h"
#include "io/tcp/tcp_held.h"
#include "io/tcp/tcp_queue.h"
#include "io/tcp/tcp_seq.h"
#include "tests/support/support.h"

#include <stdlib.h>

static void sequence_numbers_compare_round_the_wrap(void **state)
{
    (void)state;
    assert_true(seq_lt(1, 2));
    assert_false(seq_lt(2, 2));
    assert_true(seq_le(2, 2));
    assert_true(seq_lt(0xfffffff0, 0x10));
    assert_false(seq_lt(0x10, 0xfffffff0));
    assert_true(seq_lt(0x7fffffff, 0x80000000));
    assert_int_equal(seq_max(0xffffffff, 0), 0);
    assert_int_equal(seq_max(7, 3), 7);
}

enum { REFS = 64, CHUNKS = 32, CHUNK_LEN = 512 };

static uint8_t stream_octet(uint32_t at)
{
    return (uint8_t)(at * 31 + (at >> 8));
}

/* Random pushes, copies and releases agree with the stream they stand for, and every chunk comes
 * back. */
static void send_queue_is_the_stream(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct chunk_pool *chunks = chunk_pool_create(CHUNKS, CHUNK_LEN, -1);
        struct tcp_ref refs[REFS];
        struct tcp_ref_pool pool = { NULL };
        for (int i = 0; i < REFS; i++) {
            refs[i].next = pool.free;
            pool.free = &refs[i];
        }
        uint32_t start = (uint32_t)prng_next(&prng);
        struct tcp_queue queue = { .seq = start, .cursor_seq = start };
        uint32_t pushed = start;
        struct chunk *chunk = NULL;
        for (int step = 0; step < 2000; step++) {
            uint32_t what = (uint32_t)prng_below(&prng, 3);
            if (what == 0) {
                uint32_t len = 1 + (uint32_t)prng_below(&prng, 200);
                if (chunk != NULL && chunk_room(chunk) < len) {
                    chunk_give(chunk);
                    chunk = NULL;
                }
                if (chunk == NULL && (chunk = chunk_take(chunks)) == NULL)
                    continue;
                struct writer w = chunk_writer(chunk);
                uint32_t offset = chunk->len;
                for (uint32_t i = 0; i < len; i++)
                    writer_u8(&w, stream_octet(pushed + i));
                chunk_commit(chunk, &w);
                if (prng_below(&prng, 3) == 0 && offset + len < CHUNK_LEN)
                    chunk->len++; /* a hole: the next one is not adjacent */
                if (tcp_queue_push(&queue, &pool, chunk, offset, len) == ERR_OK)
                    pushed += len;
                else
                    assert_null(pool.free);
            } else if (what == 1 && queue.len > 0) {
                uint32_t from = (uint32_t)prng_below(&prng, queue.len);
                uint32_t len = 1 + (uint32_t)prng_below(&prng, queue.len - from);
                uint8_t out[CHUNKS * CHUNK_LEN];
                struct writer w = writer_over(out, sizeof out);
                tcp_queue_copy(&queue, queue.seq + from, len, &w);
                assert_int_equal(writer_len(&w), len);
                for (uint32_t i = 0; i < len; i++)
                    assert_int_equal(out[i], stream_octet(queue.seq + from + i));
            } else {
                tcp_queue_release(&queue, &pool, (uint32_t)prng_below(&prng, queue.len + 1));
                assert_int_equal(queue.seq + queue.len, pushed);
            }
        }
        tcp_queue_release(&queue, &pool, queue.len);
        if (chunk != NULL)
            chunk_give(chunk);
        assert_int_equal(chunk_pool_free_count(chunks), CHUNKS);
        chunk_pool_destroy(chunks);
    }
}

enum { HELD = 40, SPAN = 6000 };

/* Marks what is held, in order and with the octets of the stream. */
static void held_see(const struct tcp_held_list *list, uint32_t start, bool seen[SPAN])
{
    uint32_t last = 0;
    for (const struct tcp_held *held = list->head; held != NULL; held = held->next) {
        uint32_t at = held->seq - start;
        assert_true(at >= last && held->frame->data_len > 0);
        struct span bytes = frame_bytes(held->frame);
        for (uint32_t i = 0; i < bytes.len; i++) {
            assert_int_equal(bytes.bytes[i], stream_octet(held->seq + i));
            seen[at + i] = true;
        }
        last = at + (uint32_t)bytes.len;
    }
}

/* Random pieces of a stream, overlapping at will: what is held never overlaps, is right, and covers
 * what was put as long as there was room. */
static void reassembly_keeps_each_octet_once(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct rte_mempool *frames = frame_pool_create("held", 256, SOCKET_ID_ANY, &fault);
    assert_non_null(frames);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct tcp_held places[HELD];
        struct tcp_held_pool pool = { .each_max = HELD };
        for (int i = 0; i < HELD; i++) {
            places[i].next = pool.free;
            pool.free = &places[i];
        }
        struct tcp_held_list list = { 0 };
        uint32_t start = 0xfffff000u + (uint32_t)prng_below(&prng, 8192);
        bool put[SPAN] = { false };
        bool full = false;
        for (int step = 0; step < 100; step++) {
            uint32_t from = (uint32_t)prng_below(&prng, SPAN);
            uint32_t most = prng_below(&prng, 2) == 0 ? 20 : 1400;
            uint32_t len = 1 + (uint32_t)prng_below(&prng, most);
            len = from + len > SPAN ? SPAN - from : len;
            struct rte_mbuf *frame = frame_take(frames);
            assert_non_null(frame);
            struct writer w = frame_append(frame, (uint16_t)len);
            for (uint32_t i = 0; i < len; i++)
                writer_u8(&w, stream_octet(start + from + i));
            enum err err = tcp_held_put(&list, &pool, frame, start + from);
            full = full || err == ERR_FULL;
            bool all_there = true;
            for (uint32_t i = from; i < from + len; i++)
                all_there = all_there && put[i];
            if (!full)
                assert_int_equal(err, all_there ? ERR_DUPLICATE : ERR_OK);
            if (err == ERR_OK)
                memset(put + from, true, len);
        }
        bool seen[SPAN] = { false };
        held_see(&list, start, seen);
        uint32_t reach = 0;
        while (reach < SPAN && seen[reach])
            reach++;
        assert_int_equal(tcp_held_reach(&list, start), start + reach);
        for (uint32_t i = 0; i < SPAN && !full; i++)
            assert_int_equal(seen[i], put[i]);
        tcp_held_clear(&list, &pool);
        assert_int_equal(rte_mempool_avail_count(frames), 256);
    }
    rte_mempool_free(frames);
}

/* A peer that sends one octet a segment does not use up a frame each. */
static void tiny_segments_share_frames(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct rte_mempool *frames = frame_pool_create("tiny", 16, SOCKET_ID_ANY, &fault);
    assert_non_null(frames);
    struct tcp_held places[2] = { { .next = NULL }, { .next = &places[0] } };
    struct tcp_held_pool pool = { .free = &places[1], .each_max = 2 };
    struct tcp_held_list list = { 0 };
    for (uint32_t i = 0; i < 3000; i++) {
        struct rte_mbuf *frame = frame_take(frames);
        assert_non_null(frame);
        struct writer w = frame_append(frame, 1);
        writer_u8(&w, stream_octet(i));
        check_err("put", tcp_held_put(&list, &pool, frame, i), ERR_OK);
    }
    assert_int_equal(tcp_held_reach(&list, 0), 3000);
    assert_int_equal(rte_mempool_avail_count(frames), 14);
    tcp_held_clear(&list, &pool);
    rte_mempool_free(frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_numbers_compare_round_the_wrap),
        cmocka_unit_test(send_queue_is_the_stream),
        cmocka_unit_test(reassembly_keeps_each_octet_once),
        cmocka_unit_test(tiny_segments_share_frames),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
