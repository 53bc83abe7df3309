#!/bin/sh
# Our stack in a VLAN and a kernel's TCP in the same one: both directions, both families. Beside it the two kernels talk
# without a tag over the same link. with_vlan.sh TCP_ECHO SOCKET_ECHO af_packet|af_xdp|xsk
# Exits 77 where it cannot run.
set -eu
tcp_echo=$1
socket_echo=$2
driver=$3
here=$(dirname "$0")
. "$here/namespaces.sh"
needs python3
[ -e /dev/net/tun ] || skip "no TAP interfaces"
namespaces_make
device=$(device_of "$driver")
vlan=7
ip -n "$theirs" addr flush dev "$peer"
start tagger in_theirs python3 "$here/vlan_tap.py" "$peer" tagged $vlan
ip -n "$theirs" addr add "$their4/24" dev tagged
ip -n "$theirs" addr add "$their6/64" dev tagged nodad
ip -n "$theirs" link set tagged up
ip -n "$ours" addr add 10.98.0.1/24 dev "$iface"
ip -n "$theirs" addr add 10.98.0.2/24 dev "$peer"

our_tcp() { in_ours "$tcp_echo" "$device" "$our_nets" vlan=$vlan "$@"; }
kernel_tcp() { in_theirs python3 "$here/kernel_tcp.py" "$@"; }

start server our_tcp serve 7
for addr in "$our4" "$our6"; do
    echo "== $addr: kernel client, our server"
    (kernel_tcp client "$addr" 7 2000000 30 30)
done
(kernel_tcp ping "$our4")
if [ "$driver" = xsk ]; then # the kernel's own frames go on to it
    (kernel_tcp ping 10.98.0.1)
fi
echo "== $our4: without the tag nobody is there"
ip -n "$theirs" route add "$our4/32" dev "$peer"
if (kernel_tcp ping "$our4") 2>"$dir/untagged"; then fail "our stack answers without a tag"; fi
grep -qi -e "timed out" -e "no route" "$dir/untagged" || { cat "$dir/untagged"; fail "no ping at all"; }
ip -n "$theirs" route del "$our4/32" dev "$peer"
stop "$started" server
for addr in "$their4" "$their6"; do
    echo "== $addr: our client, kernel server"
    start kernel in_theirs "$socket_echo" "$addr" 7
    (our_tcp bulk "$addr" 7 2000000)
    (our_tcp bulk "$addr" 7 2000 30)
    stop "$started" kernel
done
echo "with_vlan $driver: all held"
