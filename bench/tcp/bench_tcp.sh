#!/bin/sh
# Our TCP beside the kernel's, as echo servers under the same load over the same veth pair, one after the other:
#     bench_tcp.sh BUILD_DIR [SECONDS [RATE]]
#
#   kernel   socket-echo: epoll, in a namespace of its own          (the baseline)
#   xsk      tcp_echo on our AF_XDP port                            af_xdp   the same on DPDK's
#
# The load is socket-load, on kernel sockets in another namespace. The CPU of a server is that of its process and of
# its end of the veth pair, which gets a thread of its own (threaded NAPI): what the kernel does for received frames is
# charged there, to neither the client nor whoever is interrupted. The client's end likewise. DPDK's driver runs its
# program in generic mode, in whoever sends: of its CPU only a part can be told. Root.
set -eu
build=$1
seconds=${2:-3}
rate=${3:-20000}
root=$(dirname "$0")/../..
. "$root/tests/conformance/namespaces.sh"
needs taskset

# BENCH_SERVERS="kernel xsk" for some only; BENCH_KEYS="nap=250" for settings of ours (tests/support/stack.h).
servers=${BENCH_SERVERS:-kernel xsk af_xdp}

# The thread of an interface's receive path: napi_pid INTERFACE
napi_pid() { ps -eo pid,comm | awk -v name="napi/$1-" 'index($2, substr(name, 1, 15)) == 1 { print $1; exit }'; }
threaded() { ip netns exec "$1" sh -c "echo 1 >/sys/class/net/$2/threaded"; }

servers_up() {
    namespaces_make
    ip netns exec "$theirs" sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.ipv4.tcp_max_tw_buckets=1000
    ip netns exec "$ours" sysctl -qw net.core.somaxconn=16384 net.ipv4.tcp_max_syn_backlog=16384
    ip netns exec "$theirs" ethtool -K "$peer" gro on >/dev/null
    threaded "$theirs" "$peer"
    [ "$1" != kernel ] || ip netns exec "$ours" ethtool -K "$iface" gro on >/dev/null
    case $1 in
    kernel)
        ip -n "$ours" addr add "$our4/24" dev "$iface"
        start server in_ours taskset -c 0 "$build/bench/tcp/socket-echo" "$our4" 7
        ;;
    *) start server in_ours "$build/tests/conformance/tcp_echo" "$(device_of "$1")" "$our4/24" ${BENCH_KEYS:-} serve 7 ;;
    esac
    server=$started # by exec, what ip and sh turned into
    napi=
    if threaded "$ours" "$iface" 2>/dev/null; then napi=$(napi_pid "$iface"); fi
}

servers_down() {
    kill "$server"
    wait "$server" || { cat "$dir/server.err"; fail "the server ended badly"; }
    ip netns del "$ours"
    ip netns del "$theirs"
}

load() { # NAME MODE CONNS RATE
    printf '%-8s %-24s ' "$driver" "$1"
    (in_theirs taskset -c 1 "$build/bench/tcp/socket-load" "$2" "$our4" 7 "$3" "$seconds" "$4" 0 "$server" $napi)
}

echo "CPU an operation: cpu[0] client, cpu[1] server, cpu[2] its receive path in the kernel"
for driver in $servers; do
    servers_up "$driver"
    for conns in 1 64 1024; do load "100 octets, $conns" rr "$conns" 0; done
    for conns in 64 1024; do load "$rate/s over $conns" rr "$conns" "$rate"; done
    load "connections, 64" cps 64 0
    load "2000 connections/s" cps 256 2000
    load "bulk, 1" bulk 1 0
    load "bulk, 8" bulk 8 0
    servers_down
done
