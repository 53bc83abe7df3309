#!/bin/sh
# Our AF_XDP port against itself over a veth pair with two queues: xsk_over_veth.sh XSK_FRAMES
# Exits 77 where it cannot run.
set -eu
frames_program=$1
skip() { echo "skipped: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
command -v ip >/dev/null || skip "ip is not installed"
place=starling-x$$
trap 'ip netns del "$place" 2>/dev/null || true' EXIT
trap 'exit 1' INT TERM
ip netns add "$place" 2>/dev/null || skip "cannot make network namespaces"
ip -n "$place" link add stx0 numrxqueues 2 numtxqueues 2 type veth peer name stx1 numrxqueues 2 numtxqueues 2 ||
    skip "no veth"
for iface in stx0 stx1; do
    ip netns exec "$place" sysctl -qw "net.ipv6.conf.$iface.disable_ipv6=1" || true
    ip -n "$place" link set "$iface" up
done
ip netns exec "$place" "$frames_program" stx0 stx1
