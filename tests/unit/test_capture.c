/* What a port sees comes into the file, with its time and as far as the limit; libpcap reads it back. */
#include "io/capture.h"
#include "io/net/eth.h"
#include "io/port_mem.h"
#include "tests/support/alloc_trap.h"
#include "tests/support/frames.h"
#include "tests/support/temp_dir.h"

#include <rte_mempool.h>

#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define FRAMES 8191u
#define EPOCH_NS 1795000000000000000ull
#define PEER "192.0.2.9"
#define OTHER "192.0.2.8"
#define US "192.0.2.1"

static struct temp_dir dir;
static char path[300];
static struct rte_mempool *pool;
static struct port *port, *far;
static struct capture *capture;

static void open_with(const char *peer, uint64_t limit)
{
    struct fault fault = { "" };
    struct port *ends[2];
    struct port_mem_config mem = { .frames = { pool, pool }, .depth = 8192 };
    struct capture_config config = { .path = path, .limit = limit, .epoch_ns = EPOCH_NS };
    if (peer != NULL)
        config.peer = addr_read(peer);
    assert_true(port_mem_open(&mem, ends, &fault));
    capture = capture_open(&config, &fault);
    assert_non_null(capture);
    port = capture_over(capture, ends[0], &fault);
    assert_non_null(port);
    far = ends[1];
}

static void close_all(void)
{
    capture_close(capture);
    port_close(port);
    port_close(far);
    assert_int_equal(rte_mempool_avail_count(pool), FRAMES);
}

static int set_up(void **state)
{
    struct fault fault = { "" };
    (void)state;
    dir = temp_dir_make();
    snprintf(path, sizeof path, "%s/seen.pcap", dir.path);
    pool = frame_pool_create("capture", FRAMES, SOCKET_ID_ANY, &fault);
    assert_non_null(pool);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rte_mempool_free(pool);
    temp_dir_remove(&dir);
    return 0;
}

static struct rte_mbuf *frame_from(const char *src, const char *dst, size_t len)
{
    struct frame_text text;
    struct span octets = frame_segment(&text, src, dst, 40000, 2775, len);
    struct rte_mbuf *frame = frame_take(pool);
    assert_non_null(frame);
    struct writer w = frame_append(frame, (uint16_t)octets.len);
    writer_bytes(&w, octets);
    assert_int_equal(w.err, ERR_OK);
    return frame;
}

static void receive(const char *src, size_t len, uint64_t now_ns)
{
    struct rte_mbuf *frame = frame_from(src, US, len), *got[FRAME_BURST];
    port_tx(far, &frame, 1);
    alloc_trap_arm();
    port_step(port, now_ns);
    assert_int_equal(port_rx(port, got, FRAME_BURST), 1);
    alloc_trap_disarm();
    frame_give(got[0]);
}

static void say(const char *dst, size_t len, uint64_t now_ns)
{
    struct rte_mbuf *frame = frame_from(US, dst, len);
    alloc_trap_arm();
    port_step(port, now_ns);
    port_tx(port, &frame, 1);
    alloc_trap_disarm();
    assert_int_equal(port_rx(far, &frame, 1), 1);
    frame_give(frame);
}

/* The frames of the file: each one's length and time must be as told. */
static uint32_t check_file(const size_t *lens, const uint64_t *at_ns)
{
    char why[PCAP_ERRBUF_SIZE];
    struct stat status;
    struct pcap_pkthdr *header;
    const u_char *octets;
    uint32_t count = 0;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    pcap_t *file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
    assert_non_null(file);
    assert_int_equal(pcap_datalink(file), DLT_EN10MB);
    for (; pcap_next_ex(file, &header, &octets) == 1; count++) {
        if (lens == NULL)
            continue;
        assert_int_equal(header->caplen, 38 + lens[count]);
        assert_int_equal(header->len, header->caplen);
        assert_int_equal(octets[header->caplen - 1], 0x5a);
        assert_int_equal((uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec,
                         EPOCH_NS + at_ns[count]);
    }
    pcap_close(file);
    return count;
}

static void both_ways_with_their_times(void **state)
{
    (void)state;
    open_with(NULL, 1u << 20);
    receive(PEER, 10, 1000);
    say(PEER, 20, 2000000001);
    receive(OTHER, 30, 3000000002);
    close_all();
    assert_int_equal(check_file((const size_t[]){ 10, 20, 30 },
                                (const uint64_t[]){ 1000, 2000000001, 3000000002 }),
                     3);
}

static void of_one_peer_only(void **state)
{
    (void)state;
    open_with(PEER, 1u << 20);
    receive(OTHER, 10, 1);
    receive(PEER, 20, 2);
    say(OTHER, 30, 3);
    say(PEER, 40, 4);
    close_all();
    assert_int_equal(check_file((const size_t[]){ 20, 40 }, (const uint64_t[]){ 2, 4 }), 2);
}

static void no_more_than_the_limit(void **state)
{
    (void)state;
    open_with(NULL, 24 + 10 * (16 + 138) + 100);
    for (uint64_t i = 0; i < 100; i++) {
        receive(PEER, 100, i);
        capture_turn(capture);
    }
    close_all();
    struct stat status;
    assert_int_equal(check_file(NULL, NULL), 10);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 24 + 10 * (16 + 138));
}

static void find_missed(void *ctx, const char *layer, const char *event, uint64_t value)
{
    if (strcmp(layer, "capture") == 0 && strcmp(event, "missed") == 0)
        *(uint64_t *)ctx = value;
}

/* A writer that does not keep up costs frames of the file, none of the network. */
static void a_slow_disk_misses(void **state)
{
    (void)state;
    uint64_t missed = 0;
    open_with(NULL, 1u << 30);
    for (uint64_t i = 0; i < CAPTURE_FRAMES + 50; i++)
        receive(PEER, 10, i);
    port_figures(port, find_missed, &missed);
    assert_int_equal(missed, 50);
    close_all();
    assert_int_equal(check_file(NULL, NULL), CAPTURE_FRAMES);
}

/* A file that can grow no more: what is there can be read, and nothing comes after the cut. */
static void a_full_disk_is_told_and_ends_it(void **state)
{
    (void)state;
    const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
    const struct rlimit small = { 100000, RLIM_INFINITY };
    struct stat status;
    signal(SIGXFSZ, SIG_IGN);
    open_with(NULL, 1u << 30);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (uint64_t i = 0; i < 1000; i++) {
        receive(PEER, 100, i);
        capture_turn(capture);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    receive(PEER, 100, 1000);
    close_all();
    assert_int_equal(stat(path, &status), 0);
    assert_in_range(status.st_size, 90000, 100000);
    assert_in_range(check_file(NULL, NULL), 90000 / (16 + 138), 100000 / (16 + 138));
}

/* Segments that a NIC will cut: the file has the first of it, and says how long it was. */
static void a_frame_longer_than_a_copy_keeps_its_length(void **state)
{
    (void)state;
    char why[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *header;
    const u_char *octets;
    open_with(PEER, 1u << 20);
    struct rte_mbuf *frame = frame_from(US, PEER, 100), *tail = frame_take(pool);
    assert_non_null(tail);
    assert_non_null(rte_pktmbuf_append(tail, FRAME_CAP));
    memset(rte_pktmbuf_mtod(tail, void *), 0, FRAME_CAP);
    assert_int_equal(rte_pktmbuf_chain(frame, tail), 0);
    port_tx(port, &frame, 1);
    assert_int_equal(port_rx(far, &frame, 1), 1);
    frame_give(frame);
    close_all();
    pcap_t *file = pcap_open_offline(path, why);
    assert_non_null(file);
    assert_int_equal(pcap_next_ex(file, &header, &octets), 1);
    assert_int_equal(header->caplen, FRAME_CAP);
    assert_int_equal(header->len, 138 + FRAME_CAP);
    pcap_close(file);
}

static void a_file_that_exists_is_left_alone(void **state)
{
    (void)state;
    struct fault fault = { "" };
    struct capture_config config = { .path = path, .limit = 1000 };
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("mine", file);
    fclose(file);
    assert_null(capture_open(&config, &fault));
    assert_non_null(strstr(fault.text, "seen.pcap: cannot be made: File exists; remove it"));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 4);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(both_ways_with_their_times),
        WITH_FILE(of_one_peer_only),
        WITH_FILE(no_more_than_the_limit),
        WITH_FILE(a_slow_disk_misses),
        WITH_FILE(a_full_disk_is_told_and_ends_it),
        WITH_FILE(a_frame_longer_than_a_copy_keeps_its_length),
        WITH_FILE(a_file_that_exists_is_left_alone),
    };
    eal_for_tests();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
