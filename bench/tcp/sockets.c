/* What the programs on kernel sockets share. */
#include "bench/tcp/sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void sockets_fail(const char *what)
{
    perror(what);
    exit(1);
}

socklen_t sockets_addr(const char *addr, const char *port, struct sockaddr_storage *out)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
    struct addrinfo *found;
    int err = getaddrinfo(addr, port, &hints, &found);
    if (err != 0) {
        fprintf(stderr, "%s port %s: %s\n", addr, port, gai_strerror(err));
        exit(2);
    }
    socklen_t len = found->ai_addrlen;
    memcpy(out, found->ai_addr, len);
    freeaddrinfo(found);
    return len;
}

void sockets_many(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void sockets_nodelay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
