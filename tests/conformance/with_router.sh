#!/bin/sh
# A kernel router between us and a kernel server, whose far link gets smaller in the middle of a stream: path MTU
# discovery (RFC 1191, RFC 8201). with_router.sh TCP_ECHO SOCKET_ECHO af_packet|af_xdp|xsk. Exits 77 where it cannot run.
#
#   ours 10.99.0.1 ── 10.99.0.2 router 10.98.0.1 ──(1,500, then 1,280)── 10.98.0.2 far
set -eu
tcp_echo=$1
socket_echo=$2
driver=$3
. "$(dirname "$0")/namespaces.sh"
needs
namespaces_make
device=$(device_of "$driver")
octets=$([ "${STARLING_FULL:-}" = 1 ] && echo 200000000 || echo 20000000)

far=starling-c$$
namespaces="$namespaces $far"
ip netns add "$far"
ip link add link0 netns "$theirs" type veth peer name link0 netns "$far"
ip -n "$theirs" addr add 10.98.0.1/24 dev link0
ip -n "$theirs" addr add 2001:db8:98::1/64 dev link0 nodad
ip -n "$far" addr add 10.98.0.2/24 dev link0
ip -n "$far" addr add 2001:db8:98::2/64 dev link0 nodad
interface_up "$theirs" link0
interface_up "$far" link0
ip -n "$far" route add default via 10.98.0.1
ip -n "$far" -6 route add default via 2001:db8:98::1
ip netns exec "$theirs" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

received() { ip netns exec "$far" cat /sys/class/net/link0/statistics/rx_bytes; }

# one TARGET GATEWAY ROUTE
one() {
    echo "== to $1 by $2"
    before=$(received)
    start kernel ip netns exec "$far" "$socket_echo" "$1" 7
    kernel=$started
    (in_ours "$tcp_echo" "$device" "$our_nets" "gateway=$2" bulk "$1" 7 "$octets") >"$dir/bulk" 2>&1 &
    bulk=$!
    background="$background $bulk"
    # Some of it passes first.
    for _ in $(seq 300); do
        [ "$(received)" -gt "$((before + octets / 20))" ] && break
        sleep 0.01
    done
    # A veth end takes nothing above its MTU: so the route's.
    ip -n "$theirs" route replace $3 mtu 1280
    wait "$bulk" || { cat "$dir/bulk"; fail "the stream did not survive the smaller link"; }
    cat "$dir/bulk"
    grep -q "icmp.too_big [1-9]" "$dir/bulk" || fail "the link was never too small"
    stop "$kernel" kernel
}
one 10.98.0.2 "$their4" "10.98.0.0/24 dev link0"
one 2001:db8:98::2 "$their6" "2001:db8:98::/64 dev link0 metric 256"
echo "with_router $driver: all held"
