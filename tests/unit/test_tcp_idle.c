/* Connections that do nothing cost nothing but their place: so many octets each, and a turn that has nothing to do
 * looks at none of them. */
#include "base/prng.h"
#include "io/tcp/tcp_conn.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/crowd.h"
#include "tests/support/support.h"

#include <sys/mman.h>
#include <unistd.h>

#define CONNS 20000u
#define OCTETS_EACH 512u
#define SHARED_OCTETS (2u << 20) /* neighbours, paths, references, ranges: whatever the count */
#define IDLE_MS 60000u
#define REQUESTS 2000u

static struct crowd crowd;

/* Whole pages within, so that nothing else is there. */
static void pages_protect(const void *start, size_t len, int protection)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)start + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)start + len) / page * page;
    assert_true(end > first);
    assert_int_equal(mprotect((void *)first, end - first, protection), 0);
}

static void table_protect(int protection)
{
    const struct tcp_table *tcp = &crowd.net->tcp;
    pages_protect(tcp->conns, CONNS * sizeof tcp->conns[0], protection);
    pages_protect(tcp->slots, (tcp->slot_mask + 1) * sizeof tcp->slots[0], protection);
}

static int open_all(void **state)
{
    (void)state;
    struct fault fault = { "" };
    if (!crowd_open(&crowd, CONNS, 0, &fault))
        fail_msg("%s", fault.text);
    crowd_connect(&crowd);
    assert_int_equal(crowd.open_count, CONNS);
    assert_int_equal(net_conn_count(crowd.net), CONNS);
    for (int i = 0; i < 1000; i++) { /* what is due soon is over */
        crowd.now_ns += WHEEL_TICK_NS;
        crowd_turn(&crowd);
        crowd_listen(&crowd);
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    crowd_close(&crowd);
    return 0;
}

static void each_has_its_place_and_no_more(void **state)
{
    (void)state;
    const struct tcp_table *tcp = &crowd.net->tcp;
    uint64_t table = (tcp->slot_mask + 1) * sizeof tcp->slots[0];
    uint64_t each = sizeof(struct tcp_conn) + (table + CONNS - 1) / CONNS;
    print_message("%lu octets a connection, %lu of the stack in all\n", (unsigned long)each,
                  (unsigned long)crowd.octets);
    assert_in_range(each, 1, OCTETS_EACH);
    assert_true(crowd.octets <= (uint64_t)CONNS * OCTETS_EACH + SHARED_OCTETS);
}

/* A page of the table that is touched is a fault. */
static void an_idle_turn_looks_at_none(void **state)
{
    (void)state;
    uint64_t armed = crowd.net->wheel.armed_count;
    assert_true(armed >= CONNS);
    table_protect(PROT_NONE);
    alloc_trap_arm();
    for (uint32_t i = 0; i < IDLE_MS; i++) {
        crowd.now_ns += WHEEL_TICK_NS;
        crowd_turn(&crowd);
    }
    alloc_trap_disarm();
    assert_true(net_next_ns(crowd.net) > crowd.now_ns);
    table_protect(PROT_READ | PROT_WRITE);
    assert_int_equal(net_conn_count(crowd.net), CONNS);
}

static void any_of_them_answers(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    crowd.answers = 0;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        crowd_ask(&crowd, (uint32_t)prng_below(&prng, CONNS));
        alloc_trap_arm();
        crowd_turn(&crowd);
        alloc_trap_disarm();
        crowd_listen(&crowd);
        assert_int_equal(crowd.answers, i + 1);
    }
}

/* All at once: two hours of silence end in the same few seconds for all. */
static void silence_is_asked_about(void **state)
{
    (void)state;
    uint64_t until = crowd.now_ns + 2ull * 3600 * 1000 * WHEEL_TICK_NS + 60000ull * WHEEL_TICK_NS;
    while (crowd.now_ns < until) {
        uint64_t next = net_next_ns(crowd.net);
        crowd.now_ns = next > crowd.now_ns ? next : crowd.now_ns + WHEEL_TICK_NS;
        crowd_turn(&crowd);
        crowd_listen(&crowd);
    }
    uint64_t asked = counter_read(&crowd.net->counters[NET_TCP_KEEP_ALIVES]);
    assert_true(asked >= CONNS);
}

/* When a core was away while everything fell due, each turn does its share, asks for the next, and frames get
 * through in between. */
static void a_turn_asks_only_so_many(void **state)
{
    (void)state;
    const struct counter *asked = &crowd.net->counters[NET_TCP_KEEP_ALIVES];
    uint64_t before = counter_read(asked);
    crowd.now_ns += 3ull * 3600 * 1000 * WHEEL_TICK_NS;
    crowd.answers = 0;
    uint32_t turns = 0;
    for (; net_next_ns(crowd.net) <= crowd.now_ns; turns++) {
        uint64_t sent = counter_read(asked);
        crowd_ask(&crowd, 0);
        crowd_turn(&crowd);
        crowd_listen(&crowd);
        assert_in_range(counter_read(asked) - sent, 0, NET_TIMERS_MAX);
        assert_int_equal(crowd.answers, turns + 1);
    }
    assert_true(counter_read(asked) - before >= CONNS - 1); /* 0 was no longer silent */
    assert_in_range(turns, CONNS / NET_TIMERS_MAX, 2 * CONNS / NET_TIMERS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_place_and_no_more),
        cmocka_unit_test(an_idle_turn_looks_at_none),
        cmocka_unit_test(any_of_them_answers),
        cmocka_unit_test(silence_is_asked_about),
        cmocka_unit_test(a_turn_asks_only_so_many),
    };
    eal_for_tests();
    alloc_trap_system_calls();
    return cmocka_run_group_tests(tests, open_all, close_all);
}
