/* Waiting: when, until when, and what ends it. */
#include "io/idle.h"
#include "tests/support/support.h"

#include <sys/eventfd.h>
#include <unistd.h>

#define MS 1000000ull
#define US 1000ull
#define NEVER UINT64_MAX
#define FAR (UINT64_MAX / 2)

/* A port of a descriptor and nothing else. */
struct fd_port {
    struct port port;
    int fd;
};

static int fd_of(struct port *port)
{
    return CONTAINER_OF(port, struct fd_port, port)->fd;
}

static const struct port_ops with_fd = { .fd = fd_of };
static const struct port_ops without_fd = { .fd = NULL };

static void open_over(struct idle *idle, struct fd_port *port, bool is_rung)
{
    struct port *ports[] = { &port->port };
    struct fault fault = { "" };
    const struct idle_config config = { .ports = ports,
                                        .port_count = 1,
                                        .is_rung = is_rung,
                                        .empty_turns = 3,
                                        .nap_ns_min = 20 * US,
                                        .nap_ns_max = 50 * US };
    assert_true(idle_open(idle, &config, &fault));
}

static struct fd_port port_with_fd(void)
{
    struct fd_port port = { .port.ops = &with_fd, .fd = eventfd(0, EFD_NONBLOCK) };
    assert_true(port.fd >= 0);
    return port;
}

static void frame_comes(const struct fd_port *port)
{
    uint64_t one = 1;
    assert_int_equal(write(port->fd, &one, sizeof one), sizeof one);
}

static bool is_readable(int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    return poll(&one, 1, 0) == 1;
}

static void naps_grow_where_nothing_wakes_the_core(void **state)
{
    (void)state;
    struct fd_port port = { .port.ops = &without_fd };
    struct idle idle;
    open_over(&idle, &port, false);
    for (int empty = 0; empty < 3; empty++)
        assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 0);
    assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 1000 + 20 * US);
    assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 1000 + 40 * US);
    assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 1000 + 50 * US);
    assert_int_equal(idle_turned(&idle, false, 1000, 1000 + 7 * US), 1000 + 7 * US);
    assert_int_equal(idle_turned(&idle, true, 1000, NEVER), 0);
    for (int empty = 0; empty < 3; empty++)
        assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 0);
    assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 1000 + 20 * US);
    idle_close(&idle);
}

static void with_descriptors_only_it_waits_at_once_until_the_deadline(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct idle idle;
    open_over(&idle, &port, false);
    assert_int_equal(idle_turned(&idle, false, 1000, 1000 + 3 * MS), 1000 + 3 * MS);
    assert_int_equal(idle_turned(&idle, true, 1000, 1000 + 3 * MS), 0);
    assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 1000 + 10 * MS);
    idle_close(&idle);
    close(port.fd);
}

static void what_is_due_and_not_done_is_no_reason_to_spin(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct idle idle;
    open_over(&idle, &port, false);
    for (int turn = 0; turn < 16; turn++)
        assert_int_equal(idle_turned(&idle, false, 1000, 0), 0);
    assert_int_equal(idle_turned(&idle, false, 1000, 0), 1000 + 20 * US);
    idle_close(&idle);
    close(port.fd);
}

/* The test hangs where it does not. */
static void a_frame_ends_the_wait(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct idle idle;
    open_over(&idle, &port, false);
    frame_comes(&port);
    idle_wait(&idle, 1000, FAR);
    assert_int_equal(counter_read(&idle.waits), 1);
    assert_false(idle.is_blind);
    idle_close(&idle);
    close(port.fd);
}

static void the_deadline_ends_the_wait(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct idle idle;
    open_over(&idle, &port, false);
    idle_wait(&idle, 0, 1 * MS); /* long past on CLOCK_MONOTONIC */
    assert_int_equal(idle.timer_ns, 0);
    assert_false(is_readable(idle.fds[0].fd));
    idle_close(&idle);
    close(port.fd);
}

static void the_timer_stays_while_it_is_early_enough(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct idle idle;
    open_over(&idle, &port, false);
    frame_comes(&port);
    idle_wait(&idle, 1000, FAR);
    assert_int_equal(idle.timer_ns, FAR);
    idle_wait(&idle, 1000, FAR + MS);
    assert_int_equal(idle.timer_ns, FAR);
    idle_wait(&idle, 1000, FAR - MS);
    assert_int_equal(idle.timer_ns, FAR - MS);
    idle_close(&idle);
    close(port.fd);
}

static void others_ring_only_who_may_be_asleep(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct idle idle;
    open_over(&idle, &port, true);
    idle_ring(&idle);
    assert_false(is_readable(idle.fds[1].fd));
    assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 0); /* one more look, */
    idle_ring(&idle);                                            /* which may have missed this */
    assert_int_not_equal(idle_turned(&idle, false, 1000, NEVER), 0);
    idle_wait(&idle, 1000, FAR); /* hangs where the bell is not heard */
    assert_false(is_readable(idle.fds[1].fd));
    idle_ring(&idle);
    assert_false(is_readable(idle.fds[1].fd));
    idle_close(&idle);
    close(port.fd);
}

/* A wait that ended without work is no different from the first. */
static void every_wait_hears_the_bell(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct fd_port blind = { .port.ops = &without_fd };
    struct fd_port *ports[] = { &port, &blind };
    for (size_t i = 0; i < COUNT(ports); i++) {
        struct idle idle;
        open_over(&idle, ports[i], true);
        for (int wait = 0; wait < 4; wait++) {
            while (idle_turned(&idle, false, 1000, NEVER) == 0)
                ;
            assert_true(atomic_load(&idle.is_asleep));
            idle_ring(&idle);
            assert_true(is_readable(idle.fds[1].fd));
            idle_wait(&idle, 1000, FAR);
            assert_false(atomic_load(&idle.is_asleep));
        }
        idle_close(&idle);
    }
    close(port.fd);
}

static void work_found_by_the_last_look_means_awake(void **state)
{
    (void)state;
    struct fd_port port = port_with_fd();
    struct idle idle;
    open_over(&idle, &port, true);
    assert_int_equal(idle_turned(&idle, false, 1000, NEVER), 0);
    assert_int_equal(idle_turned(&idle, true, 1000, NEVER), 0);
    idle_ring(&idle);
    assert_false(is_readable(idle.fds[1].fd));
    idle_close(&idle);
    close(port.fd);
}

/* An interface that is gone says so at every look. */
static void a_broken_descriptor_is_left_out(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct fd_port port = { .port.ops = &with_fd, .fd = ends[0] };
    struct idle idle;
    open_over(&idle, &port, false);
    close(ends[1]);
    idle_wait(&idle, 1000, FAR);
    assert_true(idle.is_blind);
    assert_int_equal(idle.fds[2].fd, -1);
    idle_close(&idle);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(naps_grow_where_nothing_wakes_the_core),
        cmocka_unit_test(with_descriptors_only_it_waits_at_once_until_the_deadline),
        cmocka_unit_test(what_is_due_and_not_done_is_no_reason_to_spin),
        cmocka_unit_test(a_frame_ends_the_wait),
        cmocka_unit_test(the_deadline_ends_the_wait),
        cmocka_unit_test(the_timer_stays_while_it_is_early_enough),
        cmocka_unit_test(others_ring_only_who_may_be_asleep),
        cmocka_unit_test(every_wait_hears_the_bell),
        cmocka_unit_test(work_found_by_the_last_look_means_awake),
        cmocka_unit_test(a_broken_descriptor_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
