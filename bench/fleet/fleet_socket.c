/* The fleet on kernel sockets: one epoll loop, so that the engine meets the kernel's TCP. */
#include "bench/fleet/fleet_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 64u
#define READ_LEN 65536u
#define EVENTS 64
#define WAIT_MS_MAX 200u
#define LISTENER UINT64_MAX

struct peer {
    int fd; /* -1: free */
    bool writable_awaited;
    uint32_t conn;
    size_t kept_at; /* octets read that the fleet had no room for */
    size_t kept_len;
    uint8_t kept[READ_LEN];
};

struct server {
    struct fleet_run *run;
    int epoll;
    int listener;
    struct peer *peers;
};

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* ADDR:PORT, or [ADDR]:PORT of IPv6. */
static bool read_address(const char *text, union address *out)
{
    char addr[64];
    bool six = text[0] == '[';
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon - text < 2 || (six && colon[-1] != ']'))
        return false;
    snprintf(addr, sizeof addr, "%.*s", (int)(colon - text) - (six ? 2 : 0), text + six);
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    memset(out, 0, sizeof *out);
    out->any.sa_family = six ? AF_INET6 : AF_INET;
    *(six ? &out->six.sin6_port : &out->four.sin_port) = htons((uint16_t)port);
    void *at = six ? (void *)&out->six.sin6_addr : (void *)&out->four.sin_addr;
    return *end == '\0' && end != colon + 1 && port > 0 && port <= 65535 &&
           inet_pton(out->any.sa_family, addr, at) == 1;
}

static bool start(struct server *server, struct fault *fault)
{
    const char *where = server->run->options->socket;
    union address address;
    if (!read_address(where, &address)) {
        fault_set(fault, "--socket %s: not like 127.0.0.1:2775 or [::]:2775", where);
        return false;
    }
    server->listener = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = address.any.sa_family == AF_INET ? sizeof address.four : sizeof address.six;
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = LISTENER };
    if (server->listener < 0 || server->epoll < 0 ||
        setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) != 0 ||
        bind(server->listener, &address.any, len) != 0 || listen(server->listener, 64) != 0 ||
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event) != 0) {
        fault_set(fault, "--socket %s: %s", where, strerror(errno));
        return false;
    }
    fprintf(stderr, "starling-fleet: listening on %s\n", where);
    return true;
}

static void drop(struct server *server, struct peer *peer, bool reset, uint64_t now_ns)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    if (reset)
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(peer->fd);
    peer->fd = -1;
    server->run->connections--;
    fleet_conn_closed(server->run->fleet, peer->conn, now_ns);
}

static void accept_peers(struct server *server, uint64_t now_ns)
{
    for (;;) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        uint32_t at = 0;
        while (at < PEERS_MAX && server->peers[at].fd >= 0)
            at++;
        uint32_t conn =
            at < PEERS_MAX ? fleet_conn_open(server->run->fleet, now_ns) : FLEET_CONN_NONE;
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = at };
        if (conn == FLEET_CONN_NONE) {
            close(fd);
            continue;
        }
        if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            close(fd);
            fleet_conn_closed(server->run->fleet, conn, now_ns);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        struct peer *peer = &server->peers[at];
        peer->fd = fd;
        peer->conn = conn;
        peer->writable_awaited = false;
        peer->kept_at = peer->kept_len = 0;
        server->run->connections++;
    }
}

/* What was read goes in before anything else is read. */
static void receive(struct server *server, struct peer *peer, uint64_t now_ns)
{
    if (peer->kept_len == 0) {
        ssize_t len = recv(peer->fd, peer->kept, sizeof peer->kept, 0);
        if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR)) {
            drop(server, peer, false, now_ns);
            return;
        }
        peer->kept_at = 0;
        peer->kept_len = len > 0 ? (size_t)len : 0;
    }
    size_t taken = fleet_conn_input(server->run->fleet, peer->conn,
                                    span_of(peer->kept + peer->kept_at, peer->kept_len), now_ns);
    peer->kept_at += taken;
    peer->kept_len -= taken;
}

/* Sends what there is, and does as the SMSC wishes. */
static void transmit(struct server *server, struct peer *peer, uint64_t now_ns)
{
    struct fleet *fleet = server->run->fleet;
    enum fleet_conn_wish wish = fleet_conn_wish(fleet, peer->conn);
    if (wish == FLEET_CONN_DROP) {
        drop(server, peer, true, now_ns);
        return;
    }
    struct span out = fleet_conn_output(fleet, peer->conn);
    if (out.len > 0) {
        ssize_t len = send(peer->fd, out.bytes, out.len, MSG_NOSIGNAL);
        if (len < 0 && errno != EAGAIN && errno != EINTR) {
            drop(server, peer, false, now_ns);
            return;
        }
        if (len > 0)
            fleet_conn_sent(fleet, peer->conn, (size_t)len);
        out = fleet_conn_output(fleet, peer->conn);
    }
    if (out.len == 0 && wish == FLEET_CONN_CLOSE) {
        drop(server, peer, false, now_ns);
        return;
    }
    /* Reading stops while the fleet is full: the kernel's window closes. */
    bool awaited = out.len > 0;
    struct epoll_event event = { .events = (peer->kept_len == 0 ? EPOLLIN : 0u) |
                                           (awaited ? EPOLLOUT : 0u),
                                 .data.u64 = (uint64_t)(peer - server->peers) };
    if (awaited != peer->writable_awaited || peer->kept_len > 0)
        epoll_ctl(server->epoll, EPOLL_CTL_MOD, peer->fd, &event);
    peer->writable_awaited = awaited || peer->kept_len > 0;
}

static void turn(struct server *server)
{
    struct fleet_run *run = server->run;
    struct epoll_event events[EVENTS];
    uint64_t now_ns = fleet_run_now(run);
    uint64_t next_ns = fleet_next_ns(run->fleet);
    uint64_t wait_ms = next_ns <= now_ns ? 0 : (next_ns - now_ns) / 1000000u + 1;
    wait_ms = wait_ms < WAIT_MS_MAX ? wait_ms : WAIT_MS_MAX;
    int count = epoll_wait(server->epoll, events, EVENTS, (int)wait_ms);
    now_ns = fleet_run_now(run);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == LISTENER)
            accept_peers(server, now_ns);
        else if (server->peers[events[i].data.u64].fd >= 0)
            receive(server, &server->peers[events[i].data.u64], now_ns);
    }
    fleet_tick(run->fleet, now_ns);
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (server->peers[i].fd >= 0)
            transmit(server, &server->peers[i], now_ns);
}

bool fleet_socket_serve(struct fleet_run *run, struct fault *fault)
{
    struct server server = { .run = run, .epoll = -1, .listener = -1 };
    server.peers = malloc(PEERS_MAX * sizeof *server.peers);
    if (server.peers == NULL) {
        fault_set(fault, "no memory for connections");
        return false;
    }
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        server.peers[i].fd = -1;
    bool good = start(&server, fault);
    while (good && !fleet_run_over(run, fleet_run_now(run)))
        turn(&server);
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (server.peers[i].fd >= 0)
            drop(&server, &server.peers[i], false, fleet_run_now(run));
    if (server.listener >= 0)
        close(server.listener);
    if (server.epoll >= 0)
        close(server.epoll);
    free(server.peers);
    return good;
}
