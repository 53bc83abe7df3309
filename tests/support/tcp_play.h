/* One stack, and a peer that plays a script, a step a line. Numbers are relative: `seq` and `ack` count from
 * the sender's and the other side's ISN, so that a SYN has seq=0 and the first octet seq=1.
 *
 *   open [OPTIONS]          the peer opens: > S, < SA, > A; the application is told
 *   > FLAGS [FIELD=VALUE…]  a segment from the peer; FLAGS of S A F R P U, or "-" for none. Defaults: seq=n,
 *                           ack=a when A is set, win=8000, len=0
 *   >> FLAGS [FIELD=VALUE…] the same, but it arrives together with the next one
 *   < FLAGS [FIELD=VALUE…]  the next segment out has these flags (PSH does not matter) and these fields; len
 *                           is 0 unless given, seq and ack are any unless given
 *   .                       nothing more came out
 *   drain                   whatever came out is of no interest
 *   at N A                  from here, n and a stand for these numbers (1 and 1 after `open`)
 *   say N, close, abort, connect, take N, resume, asks  the application's; take: at most N octets a call; asks: from
 *                           here on each call that leaves some asks for them at once (tcp_resume)
 *   pass MS                 time, a turn each millisecond; later S: seconds, one turn
 *   got N, opened N, peer_closed N, alive, gone, ended ERR      what the application knows by now
 *   count REASON N          tcp.REASON has counted N
 *
 * FIELDs: seq ack win len mss ws ts te (value and echo) ago (echoes that many ms before our last) sackok=1 sack=L-R[,L-R] opt=HEX (raw) to from (ports). An mss
 * expected is that of IPv4: 20 less are expected of IPv6.
 * A value may be n or a, and +N or -N after it. The octet at a place of a stream is a function of the place,
 * and is checked wherever one appears. */
#ifndef TESTS_SUPPORT_TCP_PLAY_H
#define TESTS_SUPPORT_TCP_PLAY_H

/* Plays the steps, once for either family and for ISNs that wrap early or late. All that the stack had is back
 * at the end, and its invariants hold after each step; else the test fails and says at which. */
void tcp_play(const char *clause, const char *script);

/* Two scripts, one after the other. */
void tcp_play_after(const char *clause, const char *first, const char *then);

#endif
