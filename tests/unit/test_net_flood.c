/* Floods of every kind: a hundred connections go on, each request answered in its turn, and others come in, while
 * strangers cost what was set aside for them and no more. STARLING_FULL=1 for a million SYNs. */
#include "io/tcp/tcp_check.h"
#include "io/tcp/tcp_conn.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/crowd.h"
#include "tests/support/stranger.h"
#include "tests/support/support.h"

#include <stdlib.h>

#define GOOD 100u
#define LATE 100u /* who come in meanwhile */
#define PLACES 1024u
#define BURST 32u
#define TURN_NS 100000u
#define CHECK_TURNS 64u
/* Frames that may lie about: a good connection's own, and those that wait for neighbours. */
#define FRAMES_KEPT_MAX (2 * GOOD + NEIGHBOUR_QUEUE_ALL + 64u)

static struct crowd crowd;
static uint32_t frames_all;
static uint32_t frames_kept;
static uint32_t asked;
static uint32_t late;

static int open_good(void **state)
{
    (void)state;
    struct fault fault = { "" };
    if (!crowd_open(&crowd, GOOD + LATE, PLACES, &fault))
        fail_msg("%s", fault.text);
    frames_all = rte_mempool_avail_count(crowd.frames);
    for (uint32_t i = 0; i < GOOD; i++)
        crowd_dial(&crowd, i);
    crowd_turn(&crowd);
    crowd_listen(&crowd);
    crowd_turn(&crowd);
    assert_int_equal(crowd.open_count, GOOD);
    asked = 0;
    late = 0;
    frames_kept = 0;
    return 0;
}

static int close_good(void **state)
{
    (void)state;
    crowd_close(&crowd);
    return 0;
}

static uint64_t counted(enum net_counter which)
{
    return counter_read(&crowd.net->counters[which]);
}

static void bounds_check(uint32_t turn)
{
    const struct tcp_table *tcp = &crowd.net->tcp;
    uint32_t kept = frames_all - rte_mempool_avail_count(crowd.frames);
    frames_kept = kept > frames_kept ? kept : frames_kept;
    assert_in_range(kept, 0, FRAMES_KEPT_MAX);
    assert_in_range(tcp->half_open_count, 0, PLACES / 2);
    assert_in_range(tcp->conn_count, GOOD, GOOD + late + PLACES / 2);
    const char *wrong = turn % CHECK_TURNS == 0 ? tcp_check(crowd.net) : NULL;
    if (wrong != NULL)
        fail_msg("not so: %s", wrong);
}

/* One turn with a burst of strangers, and a request among them that is answered in it. */
static void turn_under(enum stranger kind, struct prng *prng, uint32_t turn)
{
    for (uint32_t i = 0; i < BURST; i++) {
        enum stranger now =
            kind == STRANGER_COUNT ? (enum stranger)prng_below(prng, STRANGER_COUNT) : kind;
        if (i == BURST / 2)
            crowd_ask(&crowd, turn % (GOOD + late));
        crowd_put(&crowd, stranger_frame(now, prng, crowd.frames, &crowd.ours, &crowd.ours6,
                                         &crowd.gateway, CROWD_PORT));
    }
    asked++;
    alloc_trap_arm();
    crowd_turn(&crowd);
    alloc_trap_disarm();
    crowd_listen(&crowd);
    assert_int_equal(crowd.answers, asked);
    crowd.now_ns += TURN_NS;
}

static void one_more_comes_in(struct prng *prng)
{
    crowd_dial(&crowd, GOOD + late);
    crowd_turn(&crowd);
    crowd_listen(&crowd);
    crowd_put(&crowd, stranger_frame(STRANGER_SYN, prng, crowd.frames, &crowd.ours, &crowd.ours6,
                                     &crowd.gateway, CROWD_PORT));
    crowd_turn(&crowd);
    late++;
    assert_int_equal(crowd.open_count, GOOD + late);
}

static void flood(enum stranger kind, uint32_t quick, uint32_t full)
{
    struct prng prng;
    prng_init(&prng, kind);
    uint32_t turns = (getenv("STARLING_FULL") != NULL ? full : quick) / BURST;
    for (uint32_t turn = 0; turn < turns; turn++) {
        turn_under(kind, &prng, turn);
        bounds_check(turn);
        if (turn % (turns / LATE + 1) == turns / LATE)
            one_more_comes_in(&prng);
    }
    assert_true(late >= LATE / 2);
    print_message("%s: %u frames, %u requests, %u came in, %u frames kept at most\n",
                  kind == STRANGER_COUNT ? "all" : stranger_names[kind], turns * BURST, asked, late,
                  frames_kept);
    for (int second = 0; second < 40; second++) { /* what is half-open ends */
        crowd.now_ns += 1000000000;
        crowd_turn(&crowd);
        crowd_listen(&crowd);
    }
    assert_int_equal(net_conn_count(crowd.net), GOOD + late);
}

static void syns(void **state)
{
    (void)state;
    flood(STRANGER_SYN, 50000, 1000000);
    uint64_t cookies = counted(NET_TCP_COOKIES_OUT);
    assert_true(cookies > 40000);
    assert_true(counted(NET_TCP_COOKIES_IN) >= late / 2);
}

static void acks(void **state)
{
    (void)state;
    flood(STRANGER_ACK, 20000, 200000);
    assert_true(counted(NET_TCP_THROTTLED) > 0); /* RSTs have a budget */
}

static void rsts(void **state)
{
    (void)state;
    flood(STRANGER_RST, 20000, 200000);
    assert_int_equal(counted(NET_TCP_RESETS_OUT), 0);
}

static void syns_to_a_closed_port(void **state)
{
    (void)state;
    flood(STRANGER_CLOSED, 20000, 200000);
    assert_true(counted(NET_TCP_THROTTLED) > 0);
}

static void fragments(void **state)
{
    (void)state;
    flood(STRANGER_FRAGMENT, 20000, 200000);
    assert_true(counted(NET_IP4_FRAGMENT) >= 19000);
}

static void datagrams(void **state)
{
    (void)state;
    flood(STRANGER_UDP, 20000, 200000);
    assert_true(counted(NET_ICMP_THROTTLED) > 0);
}

static void echoes(void **state)
{
    (void)state;
    flood(STRANGER_ECHO, 20000, 200000);
}

static void arp_requests(void **state)
{
    (void)state;
    flood(STRANGER_ARP, 20000, 200000);
}

static void arp_replies(void **state)
{
    (void)state;
    flood(STRANGER_ARP_REPLY, 20000, 200000);
    assert_true(counted(NET_ARP_UNASKED) + counted(NET_ARP_FOREIGN) > 0);
}

static void solicitations(void **state)
{
    (void)state;
    flood(STRANGER_ND, 20000, 200000);
}

static void garbage(void **state)
{
    (void)state;
    flood(STRANGER_GARBAGE, 20000, 200000);
}

static void all_at_once(void **state)
{
    (void)state;
    flood(STRANGER_COUNT, 50000, 1000000);
}

#define UNDER(test) cmocka_unit_test_setup_teardown(test, open_good, close_good)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNDER(syns),        UNDER(acks),          UNDER(rsts),        UNDER(fragments),
        UNDER(datagrams),   UNDER(echoes),        UNDER(garbage),     UNDER(arp_requests),
        UNDER(arp_replies), UNDER(solicitations), UNDER(all_at_once), UNDER(syns_to_a_closed_port),
    };
    eal_for_tests();
    alloc_trap_system_calls();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
