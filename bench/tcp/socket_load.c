/* The load, the same for every server: a client on the kernel's sockets, one thread, epoll, against an echo server.
 *
 *     socket-load rr   ADDR PORT CONNS SECONDS [RATE] [PID …]   100 octets there and back, one at a time on each connection
 *     socket-load cps  ADDR PORT CONNS SECONDS [RATE] [PID …]   connect, 100 octets there and back, close
 *     socket-load bulk ADDR PORT CONNS SECONDS 0 [PID …]        as much as goes, there and back
 *
 * RATE is operations a second, offered evenly however long the answers take; 0: the next as soon as one is done. One
 * line comes out: operations, rate, latency, and the CPU time that each PID (0: this process) took an operation;
 * for bulk an operation is 1,448 octets echoed. */
#include "bench/tcp/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define MESSAGE_LEN 100u
#define BULK_LEN 65536u
#define BULK_OPERATION 1448u
#define PIDS_MAX 8
#define LATENCIES 1000000u
#define FDS 65536

enum mode { RR, CPS, BULK };

struct conn {
    uint64_t due_ns; /* when its operation was to begin */
    size_t got;
    bool busy;
};

struct load {
    enum mode mode;
    struct sockaddr_storage where;
    socklen_t where_len;
    int poll;
    uint32_t conn_count;
    uint64_t step_ns; /* between operations offered; 0: no pace */
    uint64_t due_ns;
    uint64_t operations, octets;
    int *idle;
    uint32_t idle_count;
    uint32_t *latency_us;
    uint32_t latency_count;
    clockid_t clocks[PIDS_MAX];
    uint64_t cpu_ns[PIDS_MAX];
    uint32_t pid_count;
};

static struct conn conns[FDS];
static char octets[BULK_LEN];

static uint64_t clock_ns(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0)
        sockets_fail("clock_gettime");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void conn_open(struct load *load)
{
    int fd = socket(load->where.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || fd >= FDS)
        sockets_fail("socket");
    sockets_nodelay(fd);
    if (connect(fd, (struct sockaddr *)&load->where, load->where_len) != 0 && errno != EINPROGRESS)
        sockets_fail("connect");
    struct epoll_event event = { .events = EPOLLOUT, .data.fd = fd };
    if (load->mode == BULK)
        event.events |= EPOLLIN;
    if (epoll_ctl(load->poll, EPOLL_CTL_ADD, fd, &event) != 0)
        sockets_fail("epoll_ctl");
    conns[fd] = (struct conn){ .busy = load->mode == CPS, .due_ns = load->due_ns };
}

static void watch(const struct load *load, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    if (epoll_ctl(load->poll, EPOLL_CTL_MOD, fd, &event) != 0)
        sockets_fail("epoll_ctl");
}

static void message_send(int fd)
{
    if (send(fd, octets, MESSAGE_LEN, MSG_NOSIGNAL) != (ssize_t)MESSAGE_LEN)
        sockets_fail("send");
    conns[fd].got = 0;
    conns[fd].busy = true;
}

static void operation_done(struct load *load, int fd, uint64_t now_ns)
{
    load->operations++;
    if (load->latency_count < LATENCIES)
        load->latency_us[load->latency_count++] = (uint32_t)((now_ns - conns[fd].due_ns) / 1000);
    conns[fd].busy = false;
    if (load->mode == CPS) {
        close(fd);
        load->idle_count++; /* a connection may be opened */
        return;
    }
    if (load->step_ns == 0) {
        conns[fd].due_ns = now_ns;
        message_send(fd);
    } else {
        load->idle[load->idle_count++] = fd;
    }
}

static void bulk_write(int fd)
{
    ssize_t sent = send(fd, octets, sizeof octets, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        sockets_fail("send");
}

static void on_readable(struct load *load, int fd, uint64_t now_ns)
{
    ssize_t got = recv(fd, octets, sizeof octets, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        sockets_fail("the server closed");
    if (got <= 0)
        return;
    load->octets += (uint64_t)got;
    if (load->mode == BULK)
        return;
    conns[fd].got += (size_t)got;
    if (conns[fd].got == MESSAGE_LEN)
        operation_done(load, fd, now_ns);
}

static void on_writable(struct load *load, int fd)
{
    int err = 0;
    socklen_t err_len = sizeof err;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len);
    if (err != 0) {
        errno = err;
        sockets_fail("connect");
    }
    if (load->mode == BULK) {
        bulk_write(fd);
        return;
    }
    watch(load, fd, EPOLLIN);
    if (load->mode == CPS)
        message_send(fd);
    else
        load->idle[load->idle_count++] = fd;
}

/* What is due by now, on connections that have nothing under way. */
static void offer(struct load *load, uint64_t now_ns)
{
    while (load->idle_count > 0 && (load->step_ns == 0 || load->due_ns <= now_ns)) {
        if (load->step_ns == 0)
            load->due_ns = now_ns;
        load->idle_count--;
        if (load->mode == CPS) {
            conn_open(load);
        } else {
            int fd = load->idle[load->idle_count];
            conns[fd].due_ns = load->due_ns;
            message_send(fd);
        }
        load->due_ns += load->step_ns;
    }
}

static void turn(struct load *load)
{
    struct epoll_event events[EVENTS];
    struct timespec wait = { .tv_nsec = 100000 };
    if (load->step_ns > 0 && load->step_ns < 100000)
        wait.tv_nsec = 50000;
    int count = epoll_pwait2(load->poll, events, EVENTS, &wait, NULL);
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if ((events[i].events & EPOLLIN) != 0)
            on_readable(load, fd, now_ns);
        if ((events[i].events & EPOLLOUT) != 0)
            on_writable(load, fd);
    }
    if (load->mode != BULK)
        offer(load, now_ns);
}

static void run(struct load *load, uint64_t ns)
{
    uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + ns;
    load->due_ns = clock_ns(CLOCK_MONOTONIC);
    while (clock_ns(CLOCK_MONOTONIC) < until_ns)
        turn(load);
}

/* Time so far, so that the difference of two calls is what a run took. */
static void cpu_take(struct load *load)
{
    for (uint32_t i = 0; i < load->pid_count; i++)
        load->cpu_ns[i] = clock_ns(load->clocks[i]) - load->cpu_ns[i];
}

static void open_all(struct load *load)
{
    if (load->mode == CPS) {
        load->idle_count = load->conn_count;
        return;
    }
    for (uint32_t i = 0; i < load->conn_count; i++) {
        conn_open(load);
        if (i % 64 == 63)
            usleep(2000);
    }
    while (load->mode == RR && load->idle_count < load->conn_count) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(load->poll, events, EVENTS, 5000);
        if (count <= 0)
            sockets_fail("not all connections open");
        for (int i = 0; i < count; i++)
            on_writable(load, events[i].data.fd);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void report(struct load *load, double seconds)
{
    uint64_t count = load->mode == BULK ? load->octets / BULK_OPERATION : load->operations;
    printf("%.0f/s", (double)count / seconds);
    if (load->mode == BULK)
        printf(" %.1f MB/s", (double)load->octets / seconds / 1e6);
    qsort(load->latency_us, load->latency_count, sizeof *load->latency_us, by_value);
    if (load->latency_count > 0)
        printf(" p50 %u p99 %u us", load->latency_us[load->latency_count / 2],
               load->latency_us[(uint64_t)load->latency_count * 99 / 100]);
    for (uint32_t i = 0; i < load->pid_count && count > 0; i++)
        printf(" cpu[%u] %.2f us", i, (double)load->cpu_ns[i] / (double)count / 1e3);
    printf("\n");
}

static void settings_read(struct load *load, int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: socket-load rr|cps|bulk ADDR PORT CONNS SECONDS [RATE] [PID …]\n");
        exit(2);
    }
    load->mode = strcmp(argv[1], "rr") == 0 ? RR : strcmp(argv[1], "cps") == 0 ? CPS : BULK;
    load->where_len = sockets_addr(argv[2], argv[3], &load->where);
    load->conn_count = (uint32_t)strtoul(argv[4], NULL, 10);
    double rate = argc > 6 ? strtod(argv[6], NULL) : 0;
    load->step_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    load->idle = calloc(load->conn_count + 1, sizeof *load->idle);
    load->latency_us = calloc(LATENCIES, sizeof *load->latency_us);
    if (load->idle == NULL || load->latency_us == NULL)
        sockets_fail("memory");
    for (int i = 7; i < argc && load->pid_count < PIDS_MAX; i++) {
        pid_t pid = (pid_t)strtol(argv[i], NULL, 10);
        errno = clock_getcpuclockid(pid, &load->clocks[load->pid_count++]);
        if (errno != 0)
            sockets_fail(argv[i]);
    }
}

int main(int argc, char **argv)
{
    static struct load load;
    settings_read(&load, argc, argv);
    sockets_many();
    load.poll = epoll_create1(0);
    open_all(&load);
    run(&load, 300000000); /* caches, windows, ports */
    load.operations = 0;
    load.octets = 0;
    load.latency_count = 0;
    cpu_take(&load);
    uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    run(&load, (uint64_t)(strtod(argv[5], NULL) * 1e9));
    cpu_take(&load);
    report(&load, (double)(clock_ns(CLOCK_MONOTONIC) - start_ns) / 1e9);
    return 0;
}
