/* What is always true of connections between two calls of io/tcp: for tests, simulation and
 * fuzzing, which ask after every turn. */
#ifndef IO_TCP_TCP_CHECK_H
#define IO_TCP_TCP_CHECK_H

struct net;
struct tcp_conn;

/* NULL, or what is wrong: sequence numbers, queues, scoreboard, timers. */
const char *tcp_conn_check(const struct tcp_conn *conn);

/* The same of every connection of the net, and of what they share: counts, lists, pools. */
const char *tcp_check(const struct net *net);

#endif
