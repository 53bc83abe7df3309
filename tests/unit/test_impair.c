/* What a bad network does to frames each way: as much of it as is asked for, when it is due, by seed, and
 * with every frame accounted for. */
#include "io/impair.h"
#include "io/port_mem.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/support.h"

#include <rte_mempool.h>

#include <stdio.h>

#define POOL 4095u
#define FRAMES 2000u
#define FRAME_LEN 60u
#define MS 1000000ull
#define ALL 1000000u

static struct rte_mempool *pool;
static struct port *port, *far;
static uint64_t now_ns;

static const char *const way_names[IMPAIR_WAYS] = { "rx", "tx" };

static int set_up(void **state)
{
    struct fault fault = { "" };
    (void)state;
    pool = frame_pool_create("impair", POOL, SOCKET_ID_ANY, &fault);
    assert_non_null(pool);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rte_mempool_free(pool);
    return 0;
}

static void open_ways(const struct impair_config ways[IMPAIR_WAYS])
{
    struct fault fault = { "" };
    struct port *ends[2];
    struct port_mem_config mem = { .frames = { pool, pool }, .depth = 4096 };
    assert_true(port_mem_open(&mem, ends, &fault));
    port = impair_open(ends[0], ways, &fault);
    assert_non_null(port);
    far = ends[1];
    now_ns = 1000 * MS;
    assert_false(port_step(port, now_ns));
    alloc_trap_arm();
}

/* Of one way; nothing of the other. */
static void open_way(enum impair_way way, const struct impair_config *config)
{
    struct impair_config ways[IMPAIR_WAYS] = { 0 };
    ways[way] = *config;
    open_ways(ways);
}

static void close_all(void)
{
    alloc_trap_disarm();
    port_close(port);
    port_close(far);
    assert_int_equal(rte_mempool_avail_count(pool), POOL);
}

/* A frame that has its number in every pair of octets. */
static void put(struct port *into, uint16_t number)
{
    struct rte_mbuf *frame = frame_take(pool);
    assert_non_null(frame);
    struct writer w = frame_append(frame, FRAME_LEN);
    while (writer_len(&w) < FRAME_LEN)
        writer_u16(&w, number);
    assert_int_equal(w.err, ERR_OK);
    port_tx(into, &frame, 1);
}

/* The numbers that come out now; how many octets are not their frame's in *spoilt, which may be NULL. */
static uint32_t get(struct port *from, uint16_t *numbers, uint32_t *spoilt)
{
    struct rte_mbuf *burst[FRAME_BURST];
    uint32_t total = 0, count;
    while ((count = port_rx(from, burst, FRAME_BURST)) > 0)
        for (uint32_t i = 0; i < count; i++) {
            struct span octets = frame_bytes(burst[i]);
            assert_int_equal(octets.len, FRAME_LEN);
            /* One octet at most is changed: of three pairs two agree. */
            uint16_t pairs[3];
            struct reader r = reader_over(octets);
            for (int p = 0; p < 3; p++)
                pairs[p] = reader_u16(&r);
            uint16_t number = pairs[0] == pairs[1] || pairs[0] == pairs[2] ? pairs[0] : pairs[1];
            for (size_t at = 0; spoilt != NULL && at < FRAME_LEN; at++)
                *spoilt += octets.bytes[at] != (at % 2 == 0 ? number >> 8 : number & 0xff);
            numbers[total++] = number;
            frame_give(burst[i]);
        }
    return total;
}

static struct port *source(enum impair_way way)
{
    return way == IMPAIR_RX ? far : port;
}

static struct port *sink(enum impair_way way)
{
    return way == IMPAIR_RX ? port : far;
}

struct wanted {
    char event[24];
    uint64_t value;
};

static void find(void *ctx, const char *layer, const char *event, uint64_t value)
{
    struct wanted *wanted = ctx;
    if (strcmp(layer, "impair") == 0 && strcmp(event, wanted->event) == 0)
        wanted->value = value;
}

static uint64_t counted(enum impair_way way, const char *event)
{
    struct wanted wanted = { .value = UINT64_MAX };
    snprintf(wanted.event, sizeof wanted.event, "%s_%s", way_names[way], event);
    port_figures(port, find, &wanted);
    assert_int_not_equal(wanted.value, UINT64_MAX);
    return wanted.value;
}

/* FRAMES through one way, unit_ns apart; what came out, in order. */
static uint32_t run(enum impair_way way, const struct impair_config *config, uint64_t unit_ns,
                    uint16_t *numbers, uint32_t *spoilt)
{
    uint32_t total = 0;
    open_way(way, config);
    for (uint32_t n = 0; n < FRAMES; n++) {
        put(source(way), (uint16_t)n);
        total += get(sink(way), numbers + total, spoilt);
        now_ns += unit_ns;
        port_step(port, now_ns);
    }
    while (impair_next_ns(port) != UINT64_MAX) {
        now_ns = impair_next_ns(port);
        port_step(port, now_ns);
        total += get(sink(way), numbers + total, spoilt);
    }
    return total;
}

static uint16_t first[2 * FRAMES], second[2 * FRAMES];

static void some_are_lost_and_the_rest_is_in_order(void **state)
{
    (void)state;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        const struct impair_config config = { .seed = 3, .loss_ppm = 100000 };
        uint32_t count = run((enum impair_way)way, &config, 0, first, NULL);
        assert_in_range(FRAMES - count, FRAMES / 20, FRAMES / 5);
        assert_int_equal(counted((enum impair_way)way, "lost"), FRAMES - count);
        assert_int_equal(counted((enum impair_way)(1 - way), "lost"), 0);
        for (uint32_t i = 1; i < count; i++)
            assert_true(first[i] > first[i - 1]);
        close_all();
    }
}

static void the_seed_says_which(void **state)
{
    (void)state;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        struct impair_config config = { .seed = 3,
                                        .loss_ppm = 100000,
                                        .duplicate_ppm = 100000,
                                        .reorder_ppm = 100000,
                                        .reorder_ns = 5 * MS };
        uint32_t count = run((enum impair_way)way, &config, MS, first, NULL);
        close_all();
        assert_int_equal(run((enum impair_way)way, &config, MS, second, NULL), count);
        close_all();
        assert_memory_equal(first, second, count * sizeof first[0]);
        config.seed = 4;
        uint32_t other = run((enum impair_way)way, &config, MS, second, NULL);
        close_all();
        assert_true(other != count || memcmp(first, second, count * sizeof first[0]) != 0);
    }
}

/* What is received changes nothing of what is sent. */
static void neither_way_stirs_the_other(void **state)
{
    (void)state;
    const struct impair_config lossy = { .seed = 3, .loss_ppm = 300000 };
    const struct impair_config ways[IMPAIR_WAYS] = { lossy, lossy };
    uint32_t alone = run(IMPAIR_TX, &lossy, 0, first, NULL);
    close_all();
    open_ways(ways);
    uint32_t count = 0;
    for (uint32_t n = 0; n < FRAMES; n++) {
        uint16_t ignored[2];
        put(far, (uint16_t)n);
        get(port, ignored, NULL);
        put(port, (uint16_t)n);
        count += get(far, second + count, NULL);
    }
    close_all();
    assert_int_equal(count, alone);
    assert_memory_equal(first, second, count * sizeof first[0]);
}

static void delayed_frames_come_when_they_are_due(void **state)
{
    (void)state;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        const struct impair_config config = { .delay_ns = 10 * MS };
        uint16_t number;
        open_way((enum impair_way)way, &config);
        assert_int_equal(impair_next_ns(port), UINT64_MAX);
        put(source((enum impair_way)way), 7);
        assert_int_equal(get(sink((enum impair_way)way), &number, NULL), 0);
        uint64_t due_ns = now_ns + 10 * MS;
        assert_int_equal(impair_next_ns(port), due_ns);
        assert_false(port_step(port, due_ns - 1));
        assert_int_equal(get(sink((enum impair_way)way), &number, NULL), 0);
        /* One that was held and leaves is work that port_rx does not show. */
        assert_int_equal(port_step(port, due_ns), way == IMPAIR_TX);
        assert_int_equal(get(sink((enum impair_way)way), &number, NULL), 1);
        assert_int_equal(number, 7);
        assert_int_equal(impair_next_ns(port), UINT64_MAX);
        close_all();
    }
}

static void jitter_keeps_the_order_and_reordering_does_not(void **state)
{
    (void)state;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        const struct impair_config jitter = { .seed = 3, .jitter_ns = 20 * MS };
        const struct impair_config reorder = { .seed = 3,
                                               .reorder_ppm = 100000,
                                               .reorder_ns = 5 * MS };
        assert_int_equal(run((enum impair_way)way, &jitter, MS, first, NULL), FRAMES);
        for (uint32_t i = 0; i < FRAMES; i++)
            assert_int_equal(first[i], i);
        close_all();
        assert_int_equal(run((enum impair_way)way, &reorder, MS, first, NULL), FRAMES);
        uint32_t late = 0;
        for (uint32_t i = 1; i < FRAMES; i++)
            late += first[i] < first[i - 1];
        assert_in_range(late, FRAMES / 20, FRAMES / 5);
        assert_in_range(counted((enum impair_way)way, "reordered"), late, FRAMES / 5);
        close_all();
    }
}

static void doubled_and_spoilt_ones_are_counted(void **state)
{
    (void)state;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        const struct impair_config config = { .seed = 3,
                                              .duplicate_ppm = 200000,
                                              .corrupt_ppm = 100000 };
        uint32_t spoilt = 0;
        uint32_t count = run((enum impair_way)way, &config, 0, first, &spoilt);
        assert_in_range(count - FRAMES, FRAMES / 10, FRAMES * 3 / 10);
        assert_int_equal(counted((enum impair_way)way, "duplicated"), count - FRAMES);
        assert_in_range(spoilt, FRAMES / 20, FRAMES / 5);
        assert_int_equal(counted((enum impair_way)way, "corrupted"), spoilt);
        close_all();
    }
}

static void more_than_it_holds_is_dropped(void **state)
{
    (void)state;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        const struct impair_config config = { .delay_ns = MS, .depth = 10 };
        open_way((enum impair_way)way, &config);
        for (uint16_t n = 0; n < 15; n++)
            put(source((enum impair_way)way), n);
        assert_int_equal(get(sink((enum impair_way)way), first, NULL), 0);
        assert_int_equal(counted((enum impair_way)way, "full"), 5);
        port_step(port, now_ns + MS);
        assert_int_equal(get(sink((enum impair_way)way), first, NULL), 10);
        assert_int_equal(first[9], 9);
        close_all();
    }
}

/* The treatment ends while frames are held: later ones stay behind them. What is held at the end goes back. */
static void a_change_keeps_the_order(void **state)
{
    (void)state;
    for (int way = 0; way < IMPAIR_WAYS; way++) {
        const struct impair_config delay = { .delay_ns = MS }, nothing = { .seed = 9 };
        open_way((enum impair_way)way, &delay);
        put(source((enum impair_way)way), 1);
        assert_int_equal(get(sink((enum impair_way)way), first, NULL), 0);
        impair_set(port, (enum impair_way)way, &nothing);
        put(source((enum impair_way)way), 2);
        assert_int_equal(get(sink((enum impair_way)way), first, NULL), 0);
        port_step(port, now_ns + MS);
        put(source((enum impair_way)way), 3);
        assert_int_equal(get(sink((enum impair_way)way), first, NULL), 3);
        for (uint16_t i = 0; i < 3; i++)
            assert_int_equal(first[i], i + 1);
        impair_set(port, (enum impair_way)way, &delay);
        put(source((enum impair_way)way), 4);
        assert_int_equal(get(sink((enum impair_way)way), first, NULL), 0);
        close_all();
    }
}

static void lost_frames_were_taken(void **state)
{
    (void)state;
    const struct impair_config config = { .loss_ppm = ALL };
    open_way(IMPAIR_TX, &config);
    put(port, 1);
    assert_int_equal(counter_read(&port->counters.tx_frames), 1);
    assert_int_equal(counter_read(&port->counters.tx_full), 0);
    assert_int_equal(get(far, first, NULL), 0);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_are_lost_and_the_rest_is_in_order),
        cmocka_unit_test(the_seed_says_which),
        cmocka_unit_test(neither_way_stirs_the_other),
        cmocka_unit_test(delayed_frames_come_when_they_are_due),
        cmocka_unit_test(jitter_keeps_the_order_and_reordering_does_not),
        cmocka_unit_test(doubled_and_spoilt_ones_are_counted),
        cmocka_unit_test(more_than_it_holds_is_dropped),
        cmocka_unit_test(a_change_keeps_the_order),
        cmocka_unit_test(lost_frames_were_taken),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
