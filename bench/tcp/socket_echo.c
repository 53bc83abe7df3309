/* The baseline: an echo server on the kernel's sockets, one thread, epoll, level-triggered.
 *
 *     socket-echo ADDR PORT
 *
 * Says "ready"; ends with SIGTERM. What a peer does not read back is not read from it either. */
#include "bench/tcp/sockets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define READ_LEN 65536u
#define CONNS 65536

/* What could not be written at once; the buffer is there only meanwhile. */
struct echo_left {
    char *octets;
    size_t at, len;
};

static struct echo_left left[CONNS];
static volatile sig_atomic_t stopping;

static void on_signal(int signal)
{
    (void)signal;
    stopping = 1;
}

static void watch(int poll, int op, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    if (epoll_ctl(poll, op, fd, &event) != 0)
        sockets_fail("epoll_ctl");
}

static void conn_close(int fd)
{
    free(left[fd].octets);
    left[fd] = (struct echo_left){ 0 };
    close(fd);
}

static void accept_all(int poll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if (fd >= CONNS) {
            close(fd);
            continue;
        }
        sockets_nodelay(fd);
        watch(poll, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

/* False when the peer takes no more for now. */
static bool write_left(int fd)
{
    struct echo_left *rest = &left[fd];
    while (rest->at < rest->len) {
        ssize_t sent = send(fd, rest->octets + rest->at, rest->len - rest->at, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        rest->at += (size_t)sent;
    }
    free(rest->octets);
    *rest = (struct echo_left){ 0 };
    return true;
}

static void keep(int fd, const char *octets, size_t len)
{
    char *copy = malloc(len);
    if (copy == NULL)
        sockets_fail("no memory");
    memcpy(copy, octets, len);
    left[fd] = (struct echo_left){ .octets = copy, .len = len };
}

static void on_readable(int poll, int fd)
{
    static char octets[READ_LEN];
    ssize_t got = recv(fd, octets, sizeof octets, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        conn_close(fd);
        return;
    }
    ssize_t sent = send(fd, octets, (size_t)got, MSG_NOSIGNAL);
    if (sent == got)
        return;
    if (sent < 0 && errno != EAGAIN) {
        conn_close(fd);
        return;
    }
    size_t done = sent < 0 ? 0 : (size_t)sent;
    keep(fd, octets + done, (size_t)got - done);
    watch(poll, EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void on_writable(int poll, int fd)
{
    if (write_left(fd))
        watch(poll, EPOLL_CTL_MOD, fd, EPOLLIN);
    else if (errno != EAGAIN)
        conn_close(fd);
}

static void serve(int poll, int listener)
{
    struct epoll_event events[EVENTS];
    while (!stopping) {
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(poll, listener);
            else if ((events[i].events & EPOLLOUT) != 0)
                on_writable(poll, fd);
            else
                on_readable(poll, fd);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: socket-echo ADDR PORT\n");
        return 2;
    }
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTERM, &action, NULL);
    sockets_many();
    struct sockaddr_storage where;
    socklen_t where_len = sockets_addr(argv[1], argv[2], &where);
    int listener = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&where, where_len) != 0 || listen(listener, 16384) != 0)
        sockets_fail("listen");
    int poll = epoll_create1(0);
    watch(poll, EPOLL_CTL_ADD, listener, EPOLLIN);
    puts("ready");
    fflush(stdout);
    serve(poll, listener);
    return 0;
}
