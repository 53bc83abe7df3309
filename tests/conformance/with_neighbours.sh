#!/bin/sh
# What we tell the link by ourselves, before a kernel that knew another station by our addresses: its neighbour table
# follows our announcements, and our word when another station claims them; tshark reads what we mean.
#     with_neighbours.sh TCP_ECHO af_packet|xsk
# Exits 77 where it cannot run.
set -eu
tcp_echo=$1
driver=$2
here=$(dirname "$0")
. "$here/namespaces.sh"
needs python3 tshark jq
namespaces_make
device=$(device_of "$driver")
HOME=$dir && export HOME

mac=$(ip -n "$ours" -j link show "$iface" | jq -r '.[0].address')
rival=02:00:00:00:00:99
forget_us() { # the kernel takes another station for us
    for addr in "$our4" "$our6"; do
        ip -n "$theirs" neigh replace "$addr" lladdr "$rival" nud stale dev "$peer"
    done
}
knows_us() {
    for addr in "$our4" "$our6"; do
        for _ in $(seq 100); do
            ip -n "$theirs" neigh show dev "$peer" to "$addr" | grep -q "lladdr $mac" && continue 2
            sleep 0.1
        done
        ip -n "$theirs" neigh show
        fail "$1: $addr is not known to be at $mac"
    done
    echo "$1: the kernel has us at $mac"
}

forget_us
in_theirs tshark -i "$peer" -w "$dir/wire.pcap" 2>"$dir/tshark" &
tshark=$!
background="$background $tshark"
for _ in $(seq 100); do
    grep -q "Capture started" "$dir/tshark" && break
    sleep 0.1
done

start server in_ours "$tcp_echo" "$device" "$our_nets" serve 7
knows_us "at start"
if [ "$driver" = xsk ]; then
    group=33:33:ff:00:00:01
    ip -n "$ours" maddr show dev "$iface" | grep -q "$group" || fail "the NIC was not asked for $group"
fi
forget_us
(in_theirs python3 "$here/claims.py" "$peer" "$rival" "$our4" "$our6")
knows_us "after another's claim"
for _ in $(seq 100); do # our second announcement
    tshark -r "$dir/wire.pcap" -Y "eth.src == $mac && arp.isannouncement" 2>/dev/null | grep -c . >"$dir/count" || true
    [ "$(cat "$dir/count")" -ge 3 ] && break
    sleep 0.1
done
stop "$started" server
grep -E "arp|nd\.|mld" "$dir/server.err"
for counter in "arp.conflict 1" "nd.conflict 1" "arp.announcements_out 3" "nd.announcements_out 5"; do
    grep -q "$counter\$" "$dir/server.err" || fail "not counted: $counter"
done
kill "$tshark" && wait "$tshark" || true

read_fields() {
    tshark -r "$dir/wire.pcap" -T fields -E separator='|' "$@" 2>>"$dir/log"
}
read_fields -Y "eth.src == $mac && (_ws.malformed || icmpv6.checksum_bad.expert)" -e frame.number >"$dir/malformed"
[ ! -s "$dir/malformed" ] || fail "malformed to tshark: $(cat "$dir/malformed")"

# wants NAME FILTER LINES FIELD …: just these lines, each at least once
wants() {
    name=$1 filter=$2 lines=$3
    shift 3
    read_fields -Y "eth.src == $mac && $filter" "$@" | sort -u >"$dir/is"
    printf "$lines" | sort >"$dir/wanted"
    diff "$dir/wanted" "$dir/is" || fail "$name is not as it should be"
}
wants "the ARP announcement" arp.isannouncement "ff:ff:ff:ff:ff:ff|1|$mac|$our4|$our4\n" \
    -e eth.dst -e arp.opcode -e arp.src.hw_mac -e arp.src.proto_ipv4 -e arp.dst.proto_ipv4
wants "the advertisement" "icmpv6.type == 136 && ipv6.dst == ff02::1 && !(icmpv6.nd.na.target_address == fe80::/10)" \
    "$our6|255|$our6|0|0|1|2|$mac|1\n" -e ipv6.src -e ipv6.hlim -e icmpv6.nd.na.target_address -e icmpv6.nd.na.flag.r \
    -e icmpv6.nd.na.flag.s -e icmpv6.nd.na.flag.o -e icmpv6.opt.type -e icmpv6.opt.target_linkaddr -e icmpv6.checksum.status
wants "the MLD report" "icmpv6.type == 143" \
    "ff02::16|1|0|2|4,4|ff02::1:ff00:1,$(read_fields -Y "eth.src == $mac && icmpv6.type == 143" \
    -e icmpv6.mldr.mar.multicast_address | head -n 1 | cut -d, -f2)|1\n" -e ipv6.dst -e ipv6.hlim -e ipv6.opt.router_alert \
    -e icmpv6.mldr.nb_mcast_records -e icmpv6.mldr.mar.record_type -e icmpv6.mldr.mar.multicast_address -e icmpv6.checksum.status
echo "with_neighbours $driver: all held"
