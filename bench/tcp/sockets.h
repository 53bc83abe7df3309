/* What the programs on kernel sockets share. */
#ifndef BENCH_TCP_SOCKETS_H
#define BENCH_TCP_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Ends the program, with errno's text. */
_Noreturn void sockets_fail(const char *what);

/* An address of either family; its length. */
socklen_t sockets_addr(const char *addr, const char *port, struct sockaddr_storage *out);

/* As many descriptors as the machine allows. */
void sockets_many(void);

void sockets_nodelay(int fd);

#endif
