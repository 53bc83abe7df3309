#!/bin/sh
# Our TCP beside the kernel's, as echo servers under the same load over the same veth pair, in turns:
#     bench_tcp.sh BUILD_DIR [SECONDS [ROUNDS]]
#
#   kernel   socket-echo: epoll, in a namespace of its own          (the baseline)
#   xsk      tcp_echo on our AF_XDP port                            af_xdp   the same on DPDK's
#
# The load is socket-load, on kernel sockets in another namespace. The CPU of a server is that of its process and of
# its end of the veth pair, which gets a thread of its own (threaded NAPI): what the kernel does for received frames is
# charged there, to neither the client nor whoever is interrupted. The client's end likewise. DPDK's driver runs its
# program in generic mode, without NAPI, in whoever sends: look for it in the client's CPU.
#
# NAME+US: the server's interface gathers frames for US microseconds before its receive path runs (interrupt moderation:
# napi_defer_hard_irqs, gro_flush_timeout). All that is measured runs at SCHED_FIFO, the servers and their receive path
# on CPU 0, the client and its own on CPU 1. Root.
set -eu
build=$1
seconds=${2:-1.5}
rounds=${3:-2}
root=$(dirname "$0")/../..
. "$root/tests/conformance/namespaces.sh"
needs taskset chrt

# BENCH_SERVERS="kernel xsk+100" for some only; BENCH_KEYS="nap=250" for settings of ours (tests/support/stack.h).
servers=${BENCH_SERVERS:-kernel xsk kernel+200 xsk+200 af_xdp}
rates=${BENCH_RATES:-10000 20000 40000}
priority="chrt -f 10"

# The thread of an interface's receive path: napi_pid INTERFACE
napi_pid() { ps -eo pid,comm | awk -v name="napi/$1-" 'index($2, substr(name, 1, 15)) == 1 { print $1; exit }'; }

# napi_own NAMESPACE INTERFACE CPU: its thread, at our priority; empty where there is none.
napi_own() {
    ip netns exec "$1" sh -c "echo 1 >/sys/class/net/$2/threaded" 2>/dev/null || return 0
    pid=$(napi_pid "$2")
    [ -n "$pid" ] || return 0
    chrt -f -p 10 "$pid"
    taskset -cp "$3" "$pid" >/dev/null
    echo "$pid"
}

moderate() { # US
    ip netns exec "$ours" sh -c "cd /sys/class/net/$iface && echo 2 >napi_defer_hard_irqs && echo ${1}000 >gro_flush_timeout"
}

servers_up() { # DRIVER
    namespaces_make
    ip netns exec "$theirs" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_max_tw_buckets=1000
    ip netns exec "$ours" sysctl -qw net.core.somaxconn=16384 net.ipv4.tcp_max_syn_backlog=16384
    ip netns exec "$theirs" ethtool -K "$peer" gro on >/dev/null
    case $1 in
    kernel)
        ip netns exec "$ours" ethtool -K "$iface" gro on >/dev/null
        ip -n "$ours" addr add "$our4/24" dev "$iface"
        start server in_ours taskset -c 0 "$build/bench/tcp/socket-echo" "$our4" 7
        ;;
    *) start server in_ours "$build/tests/conformance/tcp_echo" "$(device_of "$1")" "$our4/24" ${BENCH_KEYS:-} serve 7 ;;
    esac
    server=$started # by exec, what ip and sh turned into
    chrt -f -p 10 "$server"
    their_napi=$(napi_own "$theirs" "$peer" 1)
    our_napi=$(napi_own "$ours" "$iface" 0)
}

servers_down() {
    kill "$server"
    wait "$server" || { cat "$dir/server.err"; fail "the server ended badly"; }
    ip netns del "$ours"
    ip netns del "$theirs"
}

# Rate, latency and CPU, of what socket-load says: cpu[0] its own, then those of the pids it was given.
row() {
    awk -v server="$driver" -v what="$1" '{
        for (i = 1; i <= NF; i++) {
            if ($i ~ /^cpu/) cpu[substr($i, 5, 1)] = $(i + 1)
            if ($i == "p50") latency = $(i + 1) " / " $(i + 3)
        }
        printf "%-11s %-22s %9s %15s %8.1f %8.1f\n", server, what, $1, latency, cpu[2] + cpu[3], cpu[0] + cpu[1]
    }'
}

# What a client leaves behind, a thousand FINs at once, overflows veth's ring of 256; SYNs behind them, or from a port
# whose FIN was lost, cost a second each.
load() { # WHAT MODE CONNS RATE
    sleep 0.5
    (in_theirs taskset -c 1 $priority "$build/bench/tcp/socket-load" "$2" "$our4" 7 "$3" "$seconds" "$4" \
        0 "$their_napi" "$server" $our_napi) | row "$1"
}

printf '%-11s %-22s %9s %15s %8s %8s\n' server load rate 'p50 / p99 us' 'CPU us' client
for round in $(seq "$rounds"); do
    for driver in $servers; do
        servers_up "${driver%+*}"
        [ "$driver" = "${driver%+*}" ] || moderate "${driver#*+}"
        for conns in 1 64 1024; do load "100 octets, $conns" rr "$conns" 0; done
        for rate in $rates; do load "$rate/s over 1024" rr 1024 "$rate"; done
        load "connections, 64" cps 64 0
        load "2000 connections/s" cps 256 2000
        load "bulk, 1" bulk 1 0
        load "bulk, 8" bulk 8 0
        servers_down
    done
done
