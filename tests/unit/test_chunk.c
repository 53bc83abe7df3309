/* Send buffers: what is taken comes back with the last reference. */
#include "io/chunk.h"
#include "tests/support/support.h"

static void the_last_reference_returns_the_chunk(void **state)
{
    (void)state;
    struct chunk_pool *pool = chunk_pool_create(2, 64, -1);
    assert_non_null(pool);
    struct chunk *a = chunk_take(pool);
    struct chunk *b = chunk_take(pool);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(chunk_take(pool));
    assert_int_equal(chunk_pool_refused(pool), 1);
    chunk_ref(a);
    chunk_give(a);
    assert_int_equal(chunk_pool_free_count(pool), 0);
    chunk_give(a);
    assert_int_equal(chunk_pool_free_count(pool), 1);
    assert_ptr_equal(chunk_take(pool), a);
    chunk_give(a);
    chunk_give(b);
    chunk_pool_destroy(pool);
}

static void writing_appends_and_stops_at_the_end(void **state)
{
    (void)state;
    struct chunk_pool *pool = chunk_pool_create(1, 8, -1);
    assert_non_null(pool);
    struct chunk *chunk = chunk_take(pool);
    struct writer w = chunk_writer(chunk);
    writer_u32(&w, 0x01020304);
    chunk_commit(chunk, &w);
    assert_int_equal(chunk_room(chunk), 4);
    w = chunk_writer(chunk);
    writer_u40(&w, 5);
    assert_int_equal(w.err, ERR_FULL);
    w = chunk_writer(chunk);
    writer_u32(&w, 0x05060708);
    chunk_commit(chunk, &w);
    check_bytes("both", span_of(chunk->bytes, chunk->len), guarded_hex("0102030405060708"));
    chunk_give(chunk);
    chunk = chunk_take(pool);
    assert_int_equal(chunk->len, 0);
    chunk_give(chunk);
    chunk_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_reference_returns_the_chunk),
        cmocka_unit_test(writing_appends_and_stops_at_the_end),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
